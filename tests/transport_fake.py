"""A transport and a receiver that do what a test tells them to. Both pass tests/contract/test_transports.py."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from transports.base import (
    Ack,
    Amendment,
    Capabilities,
    Inbound,
    MessageRef,
    Outbound,
    PermanentFailure,
    Receiver,
)


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Let the loop run until `condition` holds. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110, conditions are of any kind
            await asyncio.sleep(0.001)


@dataclass
class FakeTransport:
    """Hands in what `say` queued and remembers what it was told to show.

    `failures` are raised by the next sends and edits, one each, before anything is shown.
    """

    capabilities: Capabilities = field(default_factory=Capabilities)
    name: str = "fake"
    failures: list[Exception] = field(default_factory=list)
    sent: list[Outbound] = field(default_factory=list)  # every successful send, in order
    edits: list[tuple[MessageRef, Outbound]] = field(default_factory=list)
    acked: list[tuple[str, Ack]] = field(default_factory=list)  # (event id, answer), in the order of the answers
    shown: dict[str, Outbound] = field(default_factory=dict)  # what a reader sees now, by message id
    uploads: list[tuple[str, str, bytes]] = field(default_factory=list)  # target, name and content
    refused: list[Exception] = field(default_factory=list)  # as `failures`, for uploads
    patience: float = 0.0  # seconds that an upload takes
    redelivery: Callable[[], Awaitable[None]] = field(default=lambda: asyncio.sleep(0))  # before an event comes again
    closed: bool = False

    def __post_init__(self) -> None:
        self._inbox: asyncio.Queue[Inbound | Amendment | None] = asyncio.Queue()
        self._ids = itertools.count(1)
        self._keys: dict[tuple[str, str], MessageRef] = {}

    def say(
        self, text: str, *, room: str = "room", sender: str = "ann", event_id: str = "", direct: bool = False
    ) -> Inbound:
        """Queue a message from `sender`; its session and target are "<name>/<room>"."""
        session = f"{self.name}/{room}"
        event = event_id or f"e{next(self._ids)}"
        message = Inbound(session, self.name, "bot", event, sender, sender.title(), text, session, direct=direct)
        self._inbox.put_nowait(message)
        return message

    def amend(self, message: Inbound, text: str | None) -> None:
        """Queue the edit of an earlier message, or its deletion."""
        amendment = Amendment(message.session, self.name, "bot", message.event_id, message.sender, text)
        self._inbox.put_nowait(amendment)

    def end(self) -> None:
        """`run` returns once everything queued so far was answered."""
        self._inbox.put_nowait(None)

    def texts(self, target: str | None = None) -> list[str]:
        """What a reader sees now, oldest first."""
        return [m.text for m in self.shown.values() if target in (None, m.target)]

    async def run(self, receiver: Receiver) -> None:
        async with asyncio.TaskGroup() as group:
            while (event := await self._inbox.get()) is not None:
                first = _handed(receiver, event)
                group.create_task(self._acknowledge(receiver, event, first), name="fake ack")

    async def send(self, message: Outbound) -> MessageRef:
        self._check(message)
        known = self._keys.get((message.target, message.key)) if self.capabilities.idempotent else None
        if known is not None and message.key:
            return known
        ref = MessageRef(message.target, f"m{next(self._ids)}")
        self._keys[message.target, message.key] = ref
        self.sent.append(message)
        self.shown[ref.id] = message
        return ref

    async def edit(self, ref: MessageRef, message: Outbound) -> None:
        if not self.capabilities.edit:
            raise PermanentFailure("This network cannot edit.")
        self._check(message)
        self.edits.append((ref, message))
        self.shown[ref.id] = message

    async def upload(self, target: str, name: str, content: bytes) -> MessageRef:
        await asyncio.sleep(self.patience)
        if self.refused:
            raise self.refused.pop(0)
        self.uploads.append((target, name, content))
        return MessageRef(target, f"m{next(self._ids)}")

    async def close(self) -> None:
        self.closed = True

    def _check(self, message: Outbound) -> None:
        if self.closed:
            raise PermanentFailure("The fake is closed.")
        if self.failures:
            raise self.failures.pop(0)
        if not message.target.startswith(self.name + "/"):
            raise PermanentFailure(f"{message.target!r} is not a target of {self.name}.")
        if len(message.text) > self.capabilities.max_length:
            raise PermanentFailure(f"Longer than {self.capabilities.max_length} characters.")

    async def _acknowledge(self, receiver: Receiver, event: Inbound | Amendment, answer: Awaitable[Ack]) -> None:
        while True:
            try:
                ack = await answer
            except Exception:  # not acknowledged, so the network delivers it again
                await self.redelivery()
                answer = _handed(receiver, event)
            else:
                self.acked.append((event.event_id, ack))
                return


def _handed(receiver: Receiver, event: Inbound | Amendment) -> Awaitable[Ack]:
    return receiver.amend(event) if isinstance(event, Amendment) else receiver.receive(event)


class FakeReceiver:
    """The bot's side: notes each event when it is handed in, and commits at once unless `hold` is set."""

    def __init__(self, *, hold: bool = False) -> None:
        self.hold = hold
        self.failures: list[Exception] = []  # taken by the next events, one each
        self.received: list[Inbound | Amendment] = []  # in the order of the calls, repeats included
        self.committed: list[Inbound | Amendment] = []
        self.admitted: set[str] = set()  # whose invitations are accepted
        self._held: list[tuple[Inbound | Amendment, asyncio.Future[Ack]]] = []

    @property
    def texts(self) -> list[str]:
        """Texts committed, oldest first."""
        return [event.text or "" for event in self.committed]

    def receive(self, inbound: Inbound) -> Awaitable[Ack]:
        return self._taken(inbound)

    def amend(self, amendment: Amendment) -> Awaitable[Ack]:
        return self._taken(amendment)

    def admits(self, transport: str, sender: str, *, direct: bool) -> bool:
        return sender in self.admitted

    async def session_of(self, transport: str, account: str, event_id: str) -> str | None:
        return next((event.session for event in self.committed if event.event_id == event_id), None)

    async def knows(self, session: str) -> bool:
        return any(event.session == session for event in self.committed)

    def commit(self, count: int | None = None) -> None:
        """Commit the oldest held events (all, where no count is given)."""
        chosen, self._held = self._held[:count], self._held[len(self._held) if count is None else count :]
        for event, answer in chosen:
            self._commit(event, answer)

    def _taken(self, event: Inbound | Amendment) -> asyncio.Future[Ack]:
        self.received.append(event)
        answer: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        if self.failures:
            answer.set_exception(self.failures.pop(0))
        elif self.hold:
            self._held.append((event, answer))
        else:
            self._commit(event, answer)
        return answer

    def _commit(self, event: Inbound | Amendment, answer: asyncio.Future[Ack]) -> None:
        known = next((n for n, e in enumerate(self.committed, 1) if e.event_id == event.event_id), None)
        if isinstance(event, Amendment):
            answer.set_result(Ack("unknown") if known is None else Ack("changed", known))
            return
        if known is None:
            self.committed.append(event)
        answer.set_result(Ack("accepted", len(self.committed)) if known is None else Ack("duplicate", known))


class FakeKeepsakes:
    """What a transport remembers, in memory."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.failures: list[Exception] = []  # raised by the next writes, one each

    async def read(self, prefix: str) -> Mapping[str, str]:
        return {key: value for key, value in self.values.items() if key.startswith(prefix)}

    async def write(self, changes: Mapping[str, str | None]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        for key, value in changes.items():
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value
