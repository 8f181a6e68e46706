"""Where the owners can be told what no conversation asked for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from bot.access import CONSOLE
from dispatcher.model import StoreUnavailable

log = logging.getLogger(__name__)

CONSOLE_TARGET = f"{CONSOLE}/local"  # whoever sits there is owner


class Directs(Protocol):
    def direct_targets(self) -> Awaitable[Mapping[tuple[str, str], str]]: ...


class Owners:
    """Best effort: on a network where an owner never wrote to the bot alone, there is no place to tell anything."""

    def __init__(
        self,
        inbox: Directs,
        is_owner: Callable[[str, str], bool],
        say: Callable[[str, str], None],
        group: asyncio.TaskGroup,
    ) -> None:
        """`is_owner`: of a transport and somebody there; `say`: target and text, nothing where it is away."""
        self._inbox = inbox
        self._is_owner = is_owner
        self._say = say
        self._group = group

    def tell(self, failing: str, text: str) -> None:
        """Tell them everywhere but on the transport `failing`."""
        self._group.create_task(self._tell(failing, text), name=f"tell owners of {failing}")

    async def _tell(self, failing: str, text: str) -> None:
        for target in await self._targets():
            if target.partition("/")[0] != failing:
                self._say(target, text)

    async def _targets(self) -> list[str]:
        try:
            people = await self._inbox.direct_targets()
        except StoreUnavailable as exc:
            log.warning("owners could not be looked up: %s", exc)
            people = {}
        known = (target for person, target in people.items() if self._is_owner(*person))
        return list(dict.fromkeys((CONSOLE_TARGET, *known)))
