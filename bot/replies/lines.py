"""Lines that people see while nothing final has happened: places in line, trouble. Best effort, beside the outbox."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict

from bot.hidden import shown
from bot.replies.places import Places
from transports.base import MessageRef, Outbound, PermanentFailure, TemporaryFailure, Transport

log = logging.getLogger(__name__)

TOLD = 10_000  # sessions remembered as told that their agent cannot be steered


class Lines:
    """Implements dispatcher.model.Observer. One line per session is edited where the network can."""

    def __init__(self, places: Places, group: asyncio.TaskGroup) -> None:
        self._places = places
        self._group = group
        self._refs: dict[str, MessageRef] = {}  # session → its line about waiting
        self._unsteerable: OrderedDict[str, None] = OrderedDict()  # sessions that were told once

    def queued(self, session: str, target: str, place: int, ahead: str) -> None:
        text = f"Waiting, place {place} in line" + (f", behind {ahead}." if ahead else ".")
        self._start(self._waiting(session, target, shown(text)), f"line of {session}")

    def admitted(self, session: str) -> None:
        self._refs.pop(session, None)

    def unsteerable(self, session: str, target: str) -> None:
        if session in self._unsteerable:
            return
        self._unsteerable[session] = None
        while len(self._unsteerable) > TOLD:
            self._unsteerable.popitem(last=False)
        self.say(target, "This agent takes no further text during a run; your message waits for its end.")

    def trouble(self, session: str, text: str) -> None:
        # A session's key begins with its transport's name, and every transport takes it as a target.
        self.say(session, text)

    def say(self, target: str, text: str) -> None:
        """Show `text` now, without the outbox: for what must be said although nothing can be written."""
        self.confide(target, shown(text))

    def confide(self, target: str, text: str) -> None:
        """As it is: a link that logs in, made for whoever reads it there."""
        self._start(self._send(target, text), f"say to {target}")

    def _start(self, work: object, name: str) -> None:
        self._group.create_task(work, name=name)  # type: ignore[arg-type]  # one of the coroutines below

    async def _waiting(self, session: str, target: str, text: str) -> None:
        transport, ref = self._places.of(target), self._refs.get(session)
        if transport is not None and ref is not None and transport.capabilities.edit:
            await _quietly(transport.edit(ref, Outbound(target, text)), target)
        elif (sent := await self._send(target, text)) is not None:
            self._refs[session] = sent

    async def _send(self, target: str, text: str) -> MessageRef | None:
        transport: Transport | None = self._places.of(target)
        return await _quietly(transport.send(Outbound(target, text)), target) if transport else None


async def _quietly(sending: object, target: str) -> MessageRef | None:
    try:
        return await sending  # type: ignore[misc, no-any-return]  # a transport's coroutine
    except (TemporaryFailure, PermanentFailure) as exc:
        log.info("a passing line to %s was not shown: %s", target, exc)
        return None
    except Exception:  # of a transport's own making; out of this task it would end every session's work
        log.exception("a passing line to %s failed", target)
        return None
