"""What every transport speaks. No logic here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable


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
    attachments: tuple[str, ...] = ()  # files that were fetched, by their path on this machine
    parent: str = ""  # session whose settings a new one begins with: a thread's room, an upgraded room's former self
    answers: str = ""  # key of the message of ours whose button or reaction said `text`; "": somebody typed it


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
class Choice:
    """An answer that takes no typing: a button, or a reaction where the network has no buttons."""

    text: str  # what it says, as if typed: "allow"
    label: str  # on a button: "Allow once"
    symbol: str  # one emoji, for a reaction


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
    # Pressing one hands in an Inbound whose `answers` is this message's key. An edit takes away those that were there.
    choices: tuple[Choice, ...] = ()


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
    upload: bool = False  # takes files (Uploading)
    typing: bool = False  # can show that something is being written (Typing)
    rooms: bool = False  # can make rooms (Hosting)
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


class Disconnected(Exception):
    """The network cannot be reached, or refuses us. `run` ends with it, and is called again after a while."""

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        super().__init__(reason)
        self.lasting = lasting  # trying again soon is no use: somebody has to do something first (a revoked token)


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

    def admits(self, transport: str, sender: str, *, direct: bool) -> bool:
        """Whether to go where this person invites us; `direct`: to a conversation of two."""
        ...

    async def session_of(self, transport: str, account: str, event_id: str) -> str | None:
        """The session that a message in the inbox belongs to; None: it is not there. Raises StoreUnavailable."""
        ...

    async def knows(self, session: str) -> bool:
        """Whether anything was ever taken in for this session."""
        ...


class Keepsakes(Protocol):
    """What a transport has to remember across restarts: short texts by key, its own alone."""

    async def read(self, prefix: str) -> Mapping[str, str]:
        """All whose key begins with `prefix`."""
        ...

    def write(self, changes: Mapping[str, str | None]) -> Awaitable[None]:
        """In one transaction, behind everything that was handed in before; None forgets the key."""
        ...


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


class Typing(Protocol):
    """What a transport with Capabilities.typing can do beside."""

    async def typing(self, target: str, on: bool) -> None:
        """Show that something is being written, for about half a minute. Best effort: never raises for the network."""
        ...


class Uploading(Protocol):
    """What a transport with Capabilities.upload can do beside."""

    async def upload(self, target: str, name: str, content: bytes) -> MessageRef:
        """Raises TemporaryFailure, PermanentFailure (too large for the network, or no such place)."""
        ...


class Hosting(Protocol):
    """What a transport with Capabilities.rooms can do beside."""

    async def make_room(self, name: str, invited: Sequence[str]) -> str:
        """A room of our own with these people in it; its session key, which is its target as well.

        Raises TemporaryFailure, PermanentFailure.
        """
        ...


@dataclass(frozen=True, slots=True)
class HookRequest:
    """What somebody sent to a path of ours. Nobody has verified yet who it was."""

    method: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes  # as it came, within the gateway's limit
    remote: str = ""  # address of who connected; a proxy's, where there is one


@dataclass(frozen=True, slots=True)
class HookResponse:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


# Verifies by itself who calls. What it raises is answered with 500 and logged.
Hook: TypeAlias = Callable[[HookRequest], Awaitable[HookResponse]]


@runtime_checkable
class Hooked(Protocol):
    """What a transport can have beside that its network calls over HTTP."""

    @property
    def hooks(self) -> Mapping[str, Hook]:
        """By path, such as "/slack/events". Empty: this one is not called. Known before `run`, called until `close`."""
        ...
