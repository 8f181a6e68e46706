"""Whether the gateway can be had, where a start needs one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.checks.base import Check
from bot.datadir import running_pid
from bot.errors import UserError
from bot.gateway.errors import PortTaken
from bot.gateway.model import Address
from bot.gateway.port import claim, wanted
from bot.settings import Settings

FIX = "correct [gateway] in bot.toml, then run: tugbot doctor"


def check(settings: Settings, needed_by: Sequence[str]) -> Iterator[Check]:
    """`needed_by`: transports that are called over HTTP. Nothing where there is no gateway."""
    own = settings.gateway
    where = f"{own.listen}, port {own.port}"
    try:
        if wanted(own.enabled, needed_by):
            claim(Address(own.listen, own.port, own.behind_proxy)).close()
            yield Check("gateway", True, f"it can listen on {where}")
    except PortTaken as exc:
        ours = running_pid(settings.data_dir) is not None
        yield Check("gateway", ours, f"the running bot has {where}" if ours else str(exc), "" if ours else FIX)
    except UserError as exc:
        yield Check("gateway", False, str(exc), FIX)
