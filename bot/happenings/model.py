"""What can happen. The first line of a class says when, its fields become the event's JSON. No logic here.

Whoever tells of something does so after its commit (P7), from the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from bot.agents.base import KillReport
from bot.transcript.model import Attached, Part
from transports.base import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What all have: where it belongs. Of a run that has begun, the board knows session and project by itself."""

    kind: ClassVar[str]

    session: str | None = None
    run: int | None = None
    project: str | None = None  # None: members are not told of it


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAccepted(Happening):
    """A message is in the inbox."""

    kind: ClassVar[str] = "message.accepted"

    id: int
    event_id: str
    sender: str
    sender_name: str
    text: str
    command: bool
    attachments: tuple[str, ...] = ()  # names of files


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRefused(Happening):
    """A message was refused; nobody will answer it."""

    kind: ClassVar[str] = "message.refused"

    id: int
    event_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEdited(Happening):
    """Its sender changed a message that still waits. `id` is null where it was accepted long ago."""

    kind: ClassVar[str] = "message.edited"

    id: int | None
    event_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRetracted(Happening):
    """Its sender took back a message that waited. `id` is null where it was accepted long ago."""

    kind: ClassVar[str] = "message.retracted"

    id: int | None
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesJoined(Happening):
    """Further messages are given to a run that goes on."""

    kind: ClassVar[str] = "message.joined"

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesReturned(Happening):
    """Messages that had joined a run wait again: its agent never heard them."""

    kind: ClassVar[str] = "message.returned"

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesAnswered(Happening):
    """Messages have their final `state`. `text` is what a command was answered; a run's words came as `run.text`."""

    kind: ClassVar[str] = "message.answered"

    ids: tuple[int, ...]
    state: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesDiscarded(Happening):
    """A stop discarded the `count` messages of the session that waited, none with an id above `upto`."""

    kind: ClassVar[str] = "message.discarded"

    count: int
    upto: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidAdded(Happening):
    """A chat shows a message of ours. `kind` and the rest are as in the transcript."""

    kind: ClassVar[str] = "said.added"

    id: int
    kind_: str  # told without its "_"
    parts: tuple[Part, ...]
    choices: tuple[Choice, ...] = ()
    file: Attached | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidChanged(Happening):
    """It shows something else now: `keep` parts as before, `append` behind the last of them, then come `parts`."""

    kind: ClassVar[str] = "said.changed"

    id: int
    version: int  # that it makes; whoever has it already leaves the event be
    kind_: str  # told without its "_"
    keep: int
    append: str
    parts: tuple[Part, ...]
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQueued(Happening):
    """Messages wait for a run: `place` in line (1 is next), behind `ahead` (empty: only a slot is missing)."""

    kind: ClassVar[str] = "run.queued"

    place: int
    ahead: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Happening):
    """A run has its number. `work` is `agent`, or what else it does; `title` is the command it was asked for by."""

    kind: ClassVar[str] = "run.started"

    work: str
    agent: str | None = None
    title: str = ""
    messages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRunning(Happening):
    """The run's work is under way."""

    kind: ClassVar[str] = "run.running"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunText(Happening):
    """Further words of the agent's answer."""

    kind: ClassVar[str] = "run.text"

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTool(Happening):
    """A tool call began or changed; a later event of the same `call` replaces an earlier one."""

    kind: ClassVar[str] = "run.tool"

    call: str
    title: str
    tool: str
    status: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNoted(Happening):
    """A remark of the bot's about the run."""

    kind: ClassVar[str] = "run.noted"

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAsked(Happening):
    """An agent asks for permission; the question is in the outbox. `always`: it may be allowed for good."""

    kind: ClassVar[str] = "run.asked"

    question: str
    agent: str
    tool: str
    input: str
    always: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDecided(Happening):
    """A question has ended: `once`, `always`, `deny`, or `over` with its run. `by` is empty where nobody answered."""

    kind: ClassVar[str] = "run.decided"

    question: str
    decision: str
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Happening):
    """A run's end is recorded. `killed` is null where nothing had to be killed."""

    kind: ClassVar[str] = "run.ended"

    state: str
    reason: str = ""
    cost: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    killed: KillReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStep(Happening):
    """A step of work on a project has `begun`, is `done` (with what came of it in `text`), or `failed`."""

    kind: ClassVar[str] = "project.step"

    step: str
    state: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChanged(Happening):
    """A project has another state (`removed`: there is none any more), or its container another condition."""

    kind: ClassVar[str] = "project.changed"

    state: str
    container: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportFailed(Happening):
    """A transport has stopped working, and is tried again. `lasting`: somebody has to mend something first."""

    kind: ClassVar[str] = "transport.failed"

    transport: str
    reason: str
    lasting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportWorks(Happening):
    """A transport that had failed has worked for a while again, or has nothing more to do."""

    kind: ClassVar[str] = "transport.works"

    transport: str


KINDS: tuple[type[Happening], ...] = (
    MessageAccepted,
    MessageRefused,
    MessageEdited,
    MessageRetracted,
    MessagesJoined,
    MessagesReturned,
    MessagesAnswered,
    MessagesDiscarded,
    SaidAdded,
    SaidChanged,
    RunQueued,
    RunStarted,
    RunRunning,
    RunText,
    RunTool,
    RunNoted,
    RunAsked,
    RunDecided,
    RunEnded,
    ProjectStep,
    ProjectChanged,
    TransportFailed,
    TransportWorks,
)

Tell: TypeAlias = Callable[[Happening], None]  # never blocks, never raises


def nobody(_: Happening) -> None:
    """Where nothing can follow: there is no gateway."""
