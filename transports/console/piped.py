"""The console in a pipe: each line is a message, the output is plain text."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

from transports.base import Capabilities, MessageRef, Outbound, PermanentFailure, Receiver, TemporaryFailure
from transports.console.handing import HandIn, Sleep
from transports.console.local import NAME, event_ids, inbound, user_name
from transports.console.reading import LINE_LIMIT, Line, TooLong, cleaned, joined, lines
from transports.console.texts import cannot_edit, check_target, labelled
from transports.console.writing import BlockWriter
from transports.format import to_plain


class PipedConsole:
    """`run` returns when the input has ended and all of it was accepted."""

    name = NAME
    capabilities = Capabilities(edit=False, paragraphs=True)

    def __init__(
        self, *, stdin: int | None, stdout: int | None, user: str | None = None, sleep: Sleep = asyncio.sleep
    ) -> None:
        """`stdin` and `stdout` are descriptors that stay the caller's; None: an empty input, a missing output."""
        self._stdin = stdin
        self._writer = BlockWriter(stdout)
        self._user = user or user_name()
        self._sleep = sleep
        self._events = event_ids()
        self._sent = itertools.count(1)
        self._begun = False  # something was written, so a blank line comes before the next message

    async def run(self, receiver: Receiver) -> None:
        hand_in = HandIn(receiver, self._say, self._sleep)
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(hand_in.work(), name="console hand-in")
            await self._read(hand_in)
            await hand_in.settled()
            watching.cancel()

    async def send(self, message: Outbound) -> MessageRef:
        """Raises PermanentFailure (reader gone, closed, not our target), TemporaryFailure."""
        check_target(message.target)
        await self._write(to_plain(labelled(message)))
        return MessageRef(message.target, str(next(self._sent)))

    async def edit(self, ref: MessageRef, message: Outbound) -> None:
        """Raises PermanentFailure, always."""
        raise cannot_edit()

    async def close(self) -> None:
        await self._writer.close()

    async def _read(self, hand_in: HandIn) -> None:
        unfinished: str | None = None
        async for line in lines(self._stdin):
            text = await self._decoded(line)
            unfinished, goes_on = joined(text, unfinished)
            if not goes_on or len(unfinished) > LINE_LIMIT:
                await self._hand(hand_in, unfinished)
                unfinished = None
        await self._hand(hand_in, unfinished or "")

    async def _decoded(self, line: Line) -> str:
        if isinstance(line, TooLong):
            await self._say(f"A line of more than {LINE_LIMIT >> 20} MB was left out.")
            return ""
        return await cleaned(line)

    async def _hand(self, hand_in: HandIn, text: str) -> None:
        if text.strip():
            await hand_in.put_in_turn(inbound(text, next(self._events), self._user))

    async def _say(self, text: str) -> None:
        # Whoever closed our output has chosen not to be told; what was typed is still handed in.
        with contextlib.suppress(PermanentFailure, TemporaryFailure):
            await self._write(text)

    async def _write(self, text: str) -> None:
        first, self._begun = not self._begun, True
        await self._writer.write(f"{'' if first else chr(10)}{text}\n".encode())
