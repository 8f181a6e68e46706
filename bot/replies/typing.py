"""Shows that the bot is at work, where a network can. Best effort, and never in the way of the work itself."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import cast

from bot.replies.places import Places
from transports import base
from transports.base import PermanentFailure, TemporaryFailure

log = logging.getLogger(__name__)

EVERY = 20.0  # seconds; networks take the sign back by themselves after about thirty
PATIENCE = 10.0  # seconds for one call: a network that hangs must not hold up the bot's end


@dataclass(eq=False, slots=True)
class _Sign:
    runs: set[int] = field(default_factory=set)  # at work for this target
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Typing:
    """One task per target that is worked for, so that "on" never overtakes "off"."""

    def __init__(self, places: Places, group: asyncio.TaskGroup) -> None:
        self._places = places
        self._group = group
        self._signs: dict[str, _Sign] = {}

    def show(self, run: int, target: str, on: bool) -> None:
        """`run` works for `target` from now on, or no longer."""
        sign = self._signs.get(target)
        if sign is not None:
            (sign.runs.add if on else sign.runs.discard)(run)
            sign.changed.set()
        elif on and (typist := self._typist(target)) is not None:
            sign = self._signs[target] = _Sign({run})
            self._group.create_task(self._keep(target, sign, typist), name=f"typing to {target}")

    def _typist(self, target: str) -> base.Typing | None:
        transport = self._places.of(target)
        return cast("base.Typing", transport) if transport and transport.capabilities.typing else None

    async def _keep(self, target: str, sign: _Sign, typist: base.Typing) -> None:
        while True:
            while sign.runs:
                await _quietly(typist, target, True)
                await _changed(sign, EVERY)
            await _quietly(typist, target, False)
            if not sign.runs:
                del self._signs[target]
                return


async def _changed(sign: _Sign, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await sign.changed.wait()
    except TimeoutError:
        return
    sign.changed.clear()


async def _quietly(typist: base.Typing, target: str, on: bool) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await typist.typing(target, on)
    except (TimeoutError, TemporaryFailure, PermanentFailure) as exc:
        log.debug("typing was not shown in %s: %s", target, exc)
    except Exception:
        log.exception("typing was not shown in %s", target)
