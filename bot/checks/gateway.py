"""Whether the gateway can be had, where a start needs one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.checks.base import Check
from bot.datadir import running_pid
from bot.errors import UserError
from bot.gateway.errors import AddressRefused, PortTaken
from bot.gateway.model import Address
from bot.gateway.port import claim, is_spare, wanted
from bot.settings import Settings

FIX = "correct [gateway] in bot.toml, then run: tugbot doctor"


def check(settings: Settings, needed_by: Sequence[str]) -> Iterator[Check]:
    """`needed_by`: transports that are called over HTTP. Nothing where there is no gateway.

    A start at a terminal is meant: there somebody may look at the page.
    """
    own = settings.gateway
    where = f"{own.listen}, port {own.port}"
    try:
        if wanted(own.enabled, needed_by, watched=True):
            claim(Address(own.listen, own.port, own.behind_proxy)).close()
            yield Check("gateway", True, f"it can listen on {where}")
    except PortTaken as exc:
        if running_pid(settings.data_dir) is not None:
            yield Check("gateway", True, f"the running bot has {where}")
        else:
            yield _not_had(exc, spare=is_spare(own.enabled, needed_by))
    except AddressRefused as exc:
        yield _not_had(exc, spare=is_spare(own.enabled, needed_by))
    except UserError as exc:
        yield Check("gateway", False, str(exc), FIX)


def _not_had(why: UserError, *, spare: bool) -> Check:
    """`spare`: a start does without."""
    return Check("gateway", spare, f"there would be no page: {why}" if spare else str(why), FIX)
