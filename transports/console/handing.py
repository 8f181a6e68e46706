"""Messages on their way into the bot, kept until it has them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from transports.base import Ack, Inbound, Receiver
from transports.clean import clean_output

IN_FLIGHT = 1024  # messages handed in and not yet committed; reading waits beyond
FIRST_DELAY = 0.5  # seconds before a message that was not accepted is handed in again, doubled up to
LAST_DELAY = 10.0

Say = Callable[[str], Awaitable[None]]  # must not raise
Sleep = Callable[[float], Awaitable[None]]


class Answer:
    """The bot's answer to a call that has been made, awaited by whoever owns it."""

    def __init__(self, call: Callable[[], Awaitable[Ack]]) -> None:
        self._owned = False
        try:
            self._future = self._from(call())
        except Exception as exc:
            self._future = asyncio.get_running_loop().create_future()
            self._future.set_exception(exc)
        self._future.add_done_callback(_retrieve)

    def _from(self, answer: Awaitable[Ack]) -> asyncio.Future[Ack]:
        self._owned = not asyncio.isfuture(answer)
        future = asyncio.ensure_future(answer)
        if isinstance(future, asyncio.Task) and self._owned:
            future.set_name("console answer")
        return future

    async def result(self) -> Ack | Exception:
        """Never raises what the bot raised, and an answer that the bot cancelled does not cancel the caller."""
        await asyncio.wait([self._future])
        if self._future.cancelled():
            return ConnectionAbortedError("the bot gave it up")
        failure = self._future.exception()
        return self._future.result() if not isinstance(failure, Exception) else failure

    async def drop(self) -> None:
        """End the waiting. A future of the bot's own is left alone, it is the bot's to finish."""
        if self._owned:
            self._future.cancel()
            await asyncio.wait([self._future])


def reason_of(failure: BaseException) -> str:
    """A failure in one line for people."""
    said = " ".join(clean_output(str(failure)).split()) or type(failure).__name__
    return said.rstrip(".")


class HandIn:
    """Hands in messages in order. What fails is handed in again, oldest first, until it is accepted."""

    def __init__(self, receiver: Receiver, say: Say, sleep: Sleep = asyncio.sleep) -> None:
        self._receiver = receiver
        self._say = say
        self._sleep = sleep
        self._open: deque[tuple[Inbound, Answer]] = deque()
        self._failing = False
        self._changed = asyncio.Condition()

    @property
    def pending(self) -> tuple[Inbound, ...]:
        """What has not been accepted yet, oldest first."""
        return tuple(message for message, _ in self._open)

    async def put(self, message: Inbound) -> None:
        """Hand in at once, whatever waits: the word stop must not queue up behind a full disk."""
        self._open.append((message, self._called(message)))
        async with self._changed:
            self._changed.notify_all()

    async def put_in_turn(self, message: Inbound) -> None:
        """Hand in when there is room and nothing older is being tried again."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._open) < IN_FLIGHT and not self._failing)
        await self.put(message)

    async def settled(self) -> None:
        """Wait until everything handed in was accepted."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._open)

    async def work(self) -> None:
        """Watch the answers until cancelled."""
        try:
            while True:
                async with self._changed:
                    await self._changed.wait_for(lambda: bool(self._open))
                await self._accepted()
        finally:
            for _, answer in self._open:
                await answer.drop()

    def _called(self, message: Inbound) -> Answer:
        return Answer(lambda: self._receiver.receive(message))

    async def _accepted(self) -> None:
        """The oldest message is in, however long that takes."""
        message, answer = self._open[0]
        delay = FIRST_DELAY
        while isinstance(failure := await answer.result(), Exception):
            await self._trouble(failure)
            await self._sleep(delay)
            delay = min(delay * 2, LAST_DELAY)
            answer = self._called(message)
            self._open[0] = (message, answer)
        async with self._changed:
            self._open.popleft()
            relieved, self._failing = self._failing and not self._open, self._failing and bool(self._open)
            self._changed.notify_all()
        if relieved:
            await self._say("Accepted now; nothing was lost.")

    async def _trouble(self, failure: Exception) -> None:
        if not self._failing:
            self._failing = True
            await self._say(f"Not accepted: {reason_of(failure)}; I keep trying.")


def _retrieve(answer: asyncio.Future[Ack]) -> None:
    """Marks a failure as seen: nobody awaits the answers of a console that was cancelled."""
    if not answer.cancelled():
        answer.exception()
