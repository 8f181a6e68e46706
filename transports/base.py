"""What every transport speaks. No logic here."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message from a chat network, cleaned: no NUL, no lone surrogates, no controls but tab and newline."""

    session: str  # session key, e.g. "console/local"
    transport: str
    account: str  # which of our accounts on that network received it
    event_id: str  # the network's own id: what makes a redelivery a duplicate
    sender: str
    sender_name: str
    text: str
    target: str  # reply target; starts with the transport's name and "/"
    direct: bool = False  # console or DM
    addressed: bool = True  # mentioned, replied to, prefixed, or direct
    sent_at: float | None = None  # Unix seconds by the network's clock
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Amendment:
    """A user's edit (text) or deletion (text is None) of an earlier message."""

    session: str
    transport: str
    account: str
    event_id: str  # of the message that is amended
    sender: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Ack:
    """What became of an inbound event. Given only after the commit, so the network may now be acknowledged."""

    status: Literal["accepted", "duplicate", "refused", "changed", "late", "unknown", "ignored"]
    id: int | None = None  # inbox id, where there is a row
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outbound:
    """One message to a chat network."""

    target: str
    text: str  # Markdown
    kind: str = "notice"  # header | stream | tool | answer | failure | receipt | refusal | notice
    key: str = ""  # idempotency key (a Matrix transaction id is made of it)
    run: int | None = None
    repeat: bool = False  # may have been delivered before; the transport labels it
    # Slices (start, end) of the text, whole lines each, that tell of the work rather than its result: header and tool
    # lines among an answer. They may be shown more quietly.
    asides: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message of ours on the network."""

    target: str
    id: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    edit: bool = False
    threads: bool = False
    reactions: bool = False
    buttons: bool = False
    upload: bool = False
    idempotent: bool = False  # sending the same key twice shows one message
    preview: bool = False  # can show what is still being written, and take it back (Previewing)
    paragraphs: bool = True  # worth streaming paragraph by paragraph where it cannot edit; False: final text only
    max_length: int = 30_000  # characters of one message
    edit_interval: float = 1.0  # seconds between edits of one message


class TemporaryFailure(Exception):
    """The network did not take the message; trying again later is right."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after  # seconds, where the network said


class PermanentFailure(Exception):
    """The network will never take this message (kicked, archived, no such room)."""


@dataclass(frozen=True, slots=True)
class Status:
    """A glance for status lines: counts of runs and messages of one session."""

    running: tuple[str, ...] = ()  # "run 8 · demo · 12 s"
    waiting: int = 0
    queued: int = 0  # runs that wait for admission


class Receiver(Protocol):
    """The bot's side. Calls take their place in the order when made; the awaitable is done after the commit.

    A store that cannot be written raises out of the awaitable: acknowledge nothing, and hand the event in again later.
    """

    def receive(self, inbound: Inbound) -> Awaitable[Ack]: ...

    def amend(self, amendment: Amendment) -> Awaitable[Ack]: ...


class Transport(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    async def run(self, receiver: Receiver) -> None:
        """Hand in messages until cancelled or until the network has no more (piped console at end of input)."""
        ...

    async def send(self, message: Outbound) -> MessageRef:
        """Raises TemporaryFailure or PermanentFailure."""
        ...

    async def edit(self, ref: MessageRef, message: Outbound) -> None: ...

    async def close(self) -> None: ...


class Previewing(Protocol):
    """What a transport with Capabilities.preview can do beside."""

    def preview(self, target: str, text: str) -> None:
        """Show `text`, which is being written and may change or go, in place of the last one; "" shows none.

        Must not block. Cheap to call often: only the end of the text need be looked at, and only now and then.
        """
        ...
