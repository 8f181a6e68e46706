"""The dispatcher's words. No logic here.

Two clocks appear and are never mixed: *monotonic* seconds (the event loop's clock) decide when work is due;
*wall* seconds (Unix epoch) are kept for people.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol, TypeAlias

Mode: TypeAlias = Literal["collect", "interrupt", "steer"]
Kind: TypeAlias = Literal["text", "command"]
SessionKey: TypeAlias = str  # "console/local", "matrix/<room>[/<thread>]": the lane's key, never the channel's


class State(StrEnum):
    """Where a message is. Text: waiting → claimed → final, or retracted, or refused. Command: accepted → final."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    ANSWERED = "answered"
    FAILED = "failed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    RETRACTED = "retracted"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    DONE = "done"


class RunState(StrEnum):
    """Where a run is. Everything after STOPPING is final, and set only after the effect was verified (P7)."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"
    FAILED_TO_KILL = "failed_to_kill"


@dataclass(frozen=True, slots=True)
class Binding:
    """What a message works on. Stamped when it is accepted; a batch never mixes two."""

    project: str | None = None  # None: no project, the agent works in the session's scratch directory
    agent: str | None = None  # name of an [agents.<name>] table


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a chat must be shown. Travels through the outbox, committed with the fact it speaks of."""

    target: str  # opaque to everyone but the transport named at its front ("console/local")
    text: str  # Markdown
    kind: str = "notice"  # answer | failure | receipt | refusal | notice
    key: str = ""  # idempotency key, unique for ever; "" lets the outbox make one
    edits: str = ""  # id of a message of ours on the network that this is the new text of; "": a message of its own
    asides: tuple[tuple[int, int], ...] = ()  # slices (start, end) of the text that are about the work
    # Key of an earlier notice whose message this is the new text of, looked up when it is delivered. Where there is no
    # such message, or the network cannot edit, it is not shown at all.
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """The network's own name of a message: what makes two deliveries one message."""

    session: SessionKey
    transport: str
    account: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Message:
    """One inbound message on its way into the inbox."""

    event: Event
    sender: str  # the network's id of the person, never shown as a name
    sender_name: str
    text: str
    target: str  # where the reply goes; stamped now and never looked up again (P9)
    kind: Kind = "text"
    direct: bool = False  # console or DM: a lone sender need not be named in the prompt
    sent_at: float | None = None  # wall, by the network's clock; for people only
    attachments: tuple[str, ...] = ()
    default: Binding = Binding()  # used where the session has no setting of its own
    # Session settings changed in the same commit (keys: project, agent, mode, ambient; None unsets): the next message
    # of this session is bound by them however fast it follows, and a crash cannot part the two.
    binds: Mapping[str, str | None] = field(default_factory=dict)
    parent: SessionKey = ""  # whose settings a session begins with that nothing was taken in for yet
    # Set: refused with this where no project is bound, as only the commit can tell. Its sender may not use agents on
    # the bot's own machine.
    needs_project: Notice | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A message as the inbox holds it."""

    id: int  # the inbox order: grows with acceptance over all sessions
    event: Event
    sender: str
    sender_name: str
    text: str
    target: str
    binding: Binding
    direct: bool = False
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Queue:
    """What one session has waiting, oldest first."""

    rows: tuple[Row, ...]
    mode: Mode = "collect"


@dataclass(frozen=True, slots=True)
class Accepted:
    id: int
    project: str | None = None  # that the message is bound to


@dataclass(frozen=True, slots=True)
class Duplicate:
    id: int  # of the row that the same event made earlier


@dataclass(frozen=True, slots=True)
class Refused:
    id: int  # refused messages have rows too, so a redelivery of one is a duplicate and the books balance
    reason: str


Receipt: TypeAlias = Accepted | Duplicate | Refused

# What became of an edit or a retraction: changed, too late (already claimed or final), or no such message.
Change: TypeAlias = Literal["changed", "late", "unknown"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows claimed together for one run. Never empty, one session, one binding, inbox order."""

    run: int
    rows: tuple[Row, ...]
    repeats: tuple[Row, ...] = ()  # rows of an interrupted turn that the agent would not remember

    @property
    def session(self) -> SessionKey:
        return self.rows[0].event.session

    @property
    def binding(self) -> Binding:
        return self.rows[0].binding

    @property
    def target(self) -> str:
        return self.rows[-1].target


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, said by its handler, recorded by the dispatcher in one transaction."""

    state: RunState  # a final one
    reason: str = ""
    notices: tuple[Notice, ...] = ()
    # Columns of the run record that the dispatcher does not interpret (exit_code, cost, tokens, kill_report …).
    record: Mapping[str, object] = field(default_factory=dict)
    repeat: bool = False  # the batch that follows an interrupt must carry these rows again: the agent keeps nothing


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that a stop ended, as its receipt tells it."""

    run: int
    seconds: float  # from its start to its recorded end
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Stopped:
    """What one `stop` did in one session."""

    session: SessionKey
    ended: tuple[Ended, ...] = ()
    discarded: int = 0  # messages that were waiting or claimed without having been given to an agent
    unfinished: tuple[int, ...] = ()  # runs that did not end within the stop deadline


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the dispatcher. Times in seconds, sizes in bytes of UTF-8."""

    window: float = 1.5
    max_wait: float = 10.0
    max_batch_messages: int = 50
    max_batch_bytes: int = 100_000
    max_waiting: int = 200
    max_message_bytes: int = 32_000
    max_runs: int = 4
    told_after: float = 1.0  # waiting for admission longer than this is told, with the place in line
    stop_deadline: float = 15.0  # after this a stop cancels the handler, and soon reports what did not end
    retry_delay: float = 1.0  # between attempts while the store cannot be written
    sweep: float = 30.0  # how often sessions with waiting rows are woken, in case a wake was lost


class Fenced(Exception):
    """A newer bot process has taken over this data; this one must write nothing more and exit."""


class StoreUnavailable(Exception):
    """The store cannot be written now (disk full, database gone). Nothing was changed; trying again is safe."""


@dataclass(frozen=True, slots=True)
class Glance:
    """One live session, for status lines."""

    session: str
    run: int | None  # id, once claimed
    seconds: float  # since the run was admitted, or since the session joined the line
    place: int | None  # in line for admission
    ahead: str = ""


class StopSignal(Protocol):
    """How a handler learns that its run shall end. Set at most once; `hurry` may follow."""

    @property
    def reason(self) -> str | None: ...  # None: not requested. "stop", "interrupt", "shutdown", "deadline" …

    @property
    def hurried(self) -> bool: ...  # a second stop: skip the in-band interrupt

    async def wait(self) -> str: ...

    async def wait_hurried(self) -> None: ...


class Handler(Protocol):
    """Runs one batch. Whatever it does, the dispatcher records an outcome."""

    async def __call__(self, batch: Batch, stop: StopSignal) -> Outcome: ...

    def can_steer(self, run: int) -> bool | None:
        """Whether the turn of `run` takes further text now. None: it never will."""
        ...

    async def steer(self, batch: Batch) -> bool:
        """Give further messages to the running turn of `batch.run`. False: the agent was not given them.

        Called after they were recorded as that run's. Cancelled when the run is told to end.
        """
        ...


class Inbox(Protocol):
    """Decides what was received. Write methods take their place in the order when *called*, not when awaited."""

    @property
    def last_id(self) -> int: ...  # highest id given to any message so far, committed or not

    def put(self, message: Message, *, max_waiting: int, refusal: Notice | None) -> asyncio.Future[Receipt]:
        """Accept one message, durably once the future is done.

        Refuses when the session has `max_waiting` rows waiting already (text only). `refusal` is put in the outbox
        with a refused row; None keeps quiet (this episode was told already).
        Raises StoreUnavailable, Fenced.
        """
        ...

    def refuse(self, message: Message, reason: str, notice: Notice | None) -> asyncio.Future[Receipt]:
        """Record a message that is refused for its own sake (too long), keeping the first 1,000 characters."""
        ...

    def edit(self, event: Event, text: str, by: str = "") -> asyncio.Future[Change]:
        """`by`: the sender whose message it must be, else it is unknown; "": anybody's."""
        ...

    def retract(self, event: Event) -> asyncio.Future[Change]: ...


class Ledger(Protocol):
    """Moves accepted messages through their states. Every method is one transaction, conditional on the incarnation."""

    async def queue(self, session: SessionKey, *, above: int, limit: int) -> Queue:
        """Waiting rows of a session with id > above, oldest first, at most `limit`."""
        ...

    async def waiting_sessions(self) -> Sequence[SessionKey]: ...

    def claim(self, session: SessionKey, ids: Sequence[int]) -> Awaitable[Batch | None]:
        """Mark those of `ids` that still wait as claimed by a new run (STARTING); None if none waits any more."""
        ...

    def finish(self, batch: Batch, outcome: Outcome) -> Awaitable[None]:
        """Record run and rows as ended, with the outcome's notices, together."""
        ...

    def join(self, run: int, session: SessionKey, ids: Sequence[int]) -> Awaitable[tuple[Row, ...]]:
        """Mark those of `ids` that still wait as claimed by `run`, which goes on; none where it has ended."""
        ...

    def give_back(self, run: int, ids: Sequence[int]) -> Awaitable[int]:
        """Let those of `ids` that joined `run` wait again: nobody heard them. How many; none where it has ended."""
        ...

    def discard(self, session: SessionKey, upto: int) -> Awaitable[int]:
        """Mark waiting rows with id <= upto as stopped; how many there were."""
        ...


class Observer(Protocol):
    """Is told what people should see while nothing final has happened yet. Must not block or raise."""

    def queued(self, session: SessionKey, target: str, place: int, ahead: str) -> None:
        """`session` waits for admission at `place` (1 is next), behind `ahead` ("": only a slot is missing)."""
        ...

    def admitted(self, session: SessionKey) -> None: ...

    def unsteerable(self, session: SessionKey, target: str) -> None:
        """Text waits for the end of a turn that takes none, although the mode is steer. Told once per run at most."""
        ...

    def trouble(self, session: SessionKey, text: str) -> None:
        """The store cannot be written, or similar; said at most once per episode, outside the outbox."""
        ...
