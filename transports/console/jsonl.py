"""The console of a program: JSON lines in, acknowledgements and messages as JSON lines out."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

from transports.base import (
    Amendment,
    Capabilities,
    MessageRef,
    Outbound,
    PermanentFailure,
    Receiver,
    TemporaryFailure,
)
from transports.console import protocol
from transports.console.handing import IN_FLIGHT, Answer, reason_of
from transports.console.local import NAME, user_name
from transports.console.reading import LINE_LIMIT, Line, TooLong, lines
from transports.console.texts import cannot_edit, check_target
from transports.console.writing import BlockWriter


class JsonLinesConsole:
    """`run` returns when the input has ended and every line of it was answered."""

    name = NAME
    capabilities = Capabilities(edit=False, paragraphs=False, max_length=1_000_000)

    def __init__(self, *, stdin: int | None, stdout: int | None, user: str | None = None) -> None:
        """`stdin` and `stdout` are descriptors that stay the caller's; None: an empty input, a missing output."""
        self._stdin = stdin
        self._writer = BlockWriter(stdout)
        self._user = user or user_name()
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._sent = itertools.count(1)

    async def run(self, receiver: Receiver) -> None:
        async with asyncio.TaskGroup() as group:
            number = 0
            async for line in lines(self._stdin):
                number += 1
                await self._take(line, number, receiver, group)

    async def send(self, message: Outbound) -> MessageRef:
        """Raises PermanentFailure (reader gone, closed, not our target), TemporaryFailure."""
        check_target(message.target)
        await self._writer.write(protocol.message(message))
        return MessageRef(message.target, message.key or str(next(self._sent)))

    async def edit(self, ref: MessageRef, message: Outbound) -> None:
        """Raises PermanentFailure, always."""
        raise cannot_edit()

    async def close(self) -> None:
        await self._writer.close()

    async def _take(self, line: Line, number: int, receiver: Receiver, group: asyncio.TaskGroup) -> None:
        """Hand a line in and leave its answer to a task: the next line must not wait for this one's commit."""
        request = _parsed(line, number, self._user)
        if request is None:
            return
        if isinstance(request, protocol.Bad):
            await self._tell(protocol.error(number, request))
            return
        await self._room.acquire()
        answer = _handed(request, receiver)
        group.create_task(self._answer(request, answer), name=f"console ack of line {number}")

    async def _answer(self, request: protocol.Request, answer: Answer) -> None:
        try:
            given = await answer.result()
            if isinstance(given, Exception):
                await self._tell(protocol.nack(request, reason_of(given)))
            else:
                await self._tell(protocol.ack(request, given))
        except asyncio.CancelledError:
            await answer.drop()
            raise
        finally:
            self._room.release()

    async def _tell(self, line: bytes) -> None:
        # A driver that closed our output knows that it gets no acknowledgements; its lines are still handed in.
        with contextlib.suppress(PermanentFailure, TemporaryFailure):
            await self._writer.write(line)


def _parsed(line: Line, number: int, user: str) -> protocol.Request | protocol.Bad | None:
    """None for a blank line."""
    if isinstance(line, TooLong):
        return protocol.Bad(f"This line is over {LINE_LIMIT >> 20} MB.")
    if number == 1:
        line = line.removeprefix(b"\xef\xbb\xbf")  # the byte order mark that some editors begin a file with
    return protocol.parse(line, user) if line.strip() else None


def _handed(request: protocol.Request, receiver: Receiver) -> Answer:
    event = request.event
    if isinstance(event, Amendment):
        return Answer(lambda: receiver.amend(event))
    return Answer(lambda: receiver.receive(event))
