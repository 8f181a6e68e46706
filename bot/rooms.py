"""A room of its own for each new project, on networks where rooms can be made and people want that."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, cast

from bot.commands.model import Asker
from bot.replies.places import Places
from dispatcher.model import Notice, StoreUnavailable
from transports.base import Hosting, PermanentFailure, TemporaryFailure

log = logging.getLogger(__name__)

PATIENCE = 30.0  # seconds for the network to make a room


class Sessions(Protocol):
    def begin(self, session: str, project: str, agent: str | None) -> Awaitable[None]: ...


class Rooms:
    """The project is made and fine before its room is thought of, whatever becomes of that."""

    def __init__(
        self,
        places: Places,
        wanted: frozenset[str],
        sessions: Sessions,
        group: asyncio.TaskGroup,
        *,
        tell: Callable[[Sequence[Notice]], Awaitable[None]],
    ) -> None:
        """`wanted`: names of the transports where projects get rooms; `tell` puts notices into the outbox."""
        self._places = places
        self._wanted = wanted
        self._sessions = sessions
        self._group = group
        self._tell = tell
        self._making: set[asyncio.Task[None]] = set()

    def open(self, project: str, asker: Asker, agent: str = "") -> None:
        """Make the room of a new project, where one is wanted; told in both conversations. Does not wait."""
        transport = self._places.of(asker.target)
        if transport is None or transport.name not in self._wanted or not transport.capabilities.rooms:
            return
        making = self._make(cast("Hosting", transport), project, asker, agent)
        task = self._group.create_task(making, name=f"room of {project}")
        self._making.add(task)
        task.add_done_callback(self._making.discard)

    async def close(self) -> None:
        """Wait for rooms that are being made."""
        if self._making:
            await asyncio.wait(self._making)

    async def _make(self, host: Hosting, project: str, asker: Asker, agent: str) -> None:
        try:
            await self._tell(await self._made(host, project, asker, agent))
        except StoreUnavailable as exc:
            log.warning("the room of %s cannot be told of: %s", project, exc)

    async def _made(self, host: Hosting, project: str, asker: Asker, agent: str) -> Sequence[Notice]:
        fine = f"Project `{project}` is fine, but its room could not be made"
        try:
            async with asyncio.timeout(PATIENCE):
                room = await host.make_room(project, (asker.sender,))
        except TimeoutError:
            return (Notice(asker.target, f"{fine}: the network did not answer."),)
        except (TemporaryFailure, PermanentFailure) as exc:
            return (Notice(asker.target, f"{fine}: {' '.join(str(exc).split()).removesuffix('.')}."),)
        except Exception:
            reference = secrets.token_hex(4)
            about = {"reference": reference}
            log.exception("the room of %s could not be made, reference %s", project, reference, extra=about)
            return (Notice(asker.target, f"{fine}; the log has it under {reference}."),)
        return await self._bound(room, project, asker, agent)

    async def _bound(self, room: str, project: str, asker: Asker, agent: str) -> Sequence[Notice]:
        try:
            await self._sessions.begin(room, project, agent or None)
        except StoreUnavailable as exc:
            log.warning("the room %s could not be bound to %s: %s", room, project, exc)
            text = f"I made a room named {project}, but it is not about the project yet: say `use {project}` there."
            return (Notice(asker.target, text),)
        here = f"This room is about project `{project}`. What you write here goes to its agent"
        return (
            Notice(asker.target, f"I made a room named {project} for project `{project}` and invited you to it."),
            Notice(room, f"{here}; once more people are here, mention me."),
        )
