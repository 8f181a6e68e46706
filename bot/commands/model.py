"""The words of chat commands: what one is, what a call of one is, what it may ask of the bot. No logic here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from bot.agents.base import KillReport
from bot.errors import UserError
from bot.runs.asking import Decision, Question, Reaction
from bot.store.records import Books, RunRecord, SessionSettings
from dispatcher.model import RunState, Stopped, StoreUnavailable

Role: TypeAlias = Literal["guest", "member", "operator", "owner"]

# run: a run's id, digits. count: digits. choice: one of `choices`. word: any one word. command: the name of a
# command, of one or more words. agent: the name of a configured agent. project: the name of a project. work: a run's
# id, or the name of a project. number: a decimal number. size: bytes, written "512m" or "4g". flag: an option without a
# value. moment: "at", "reset" or a time of day. path: a file's, with a dot or a slash. code: one that was handed
# over. person: such a code, or somebody by the network's id. rest: all that is left of the line, as it was written.
Kind: TypeAlias = Literal[
    "run",
    "count",
    "choice",
    "word",
    "command",
    "agent",
    "project",
    "work",
    "number",
    "size",
    "flag",
    "moment",
    "path",
    "code",
    "person",
    "rest",
]

Args: TypeAlias = Mapping[str, object]  # by Arg.name and Option.name; absent: not given

# ---------------------------------------------------------------- declarations


@dataclass(frozen=True, slots=True)
class Arg:
    """A positional argument. `run` and `count` are read to int, a flag to True, everything else to str."""

    name: str
    kind: Kind
    optional: bool = False
    choices: tuple[str, ...] = ()  # words understood beside what the kind reads ("all"); for `choice` the only ones


@dataclass(frozen=True, slots=True)
class Option:
    """`--name value` or `--name=value`, anywhere after the command's name."""

    name: str  # without the dashes
    kind: Kind
    help: str
    metavar: str = ""  # how the value is called in the usage line; "" for flags
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    text: str  # parses to its command; a test holds it to that
    does: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command, declared once: grammar, help, completion, documentation and rights follow from it."""

    name: str  # one or more lower-case words: "stop", "new project"
    summary: str  # one line, no full stop
    handler: Handler
    group: str  # heading in the overview
    role: Role = "member"  # the least role that may give it
    args: tuple[Arg, ...] = ()
    options: tuple[Option, ...] = ()
    details: str = ""  # Markdown
    examples: tuple[Example, ...] = ()
    needs: Callable[[Args], Role] | None = None  # where some arguments ask for more than `role` (`stop all`)
    # Settings of the session (project, agent, mode, ambient) changed in the same commit as the command's own row.
    binds: Callable[[Args, Names], Mapping[str, str | None]] | None = None
    # Arguments that follow from the others and from what is known: a project's name from its repository's.
    settles: Callable[[Args, Names], Args] | None = None
    # The conversation's text waits from the instant the command is accepted until its handler, and what that began, is
    # through.
    holds: bool = False
    emphatic: bool = False  # closing punctuation is ignored: "STOP!" must work
    # A message that begins with the name is always meant for the command, so misuse is answered, not passed on.
    claims: bool = False
    # With these arguments it is a command only while an agent's question is open here; else it is text, unless it has
    # a prefix: "deny all requests without a token" must reach the agent.
    asked: Callable[[Args], bool] | None = None
    usage: str = ""  # where the line that is made of the arguments would tell too little


@dataclass(frozen=True, slots=True)
class Names:
    """What is known by name at this moment; the grammar tells commands from sentences by it."""

    agents: tuple[str, ...] = ()
    projects: Mapping[str, str] = field(default_factory=dict)  # name → its agent, "" for the default
    asking: bool = False  # a question of an agent waits for an answer in this conversation


# ---------------------------------------------------------------- what a message turned out to be


@dataclass(frozen=True, slots=True)
class CommandCall:
    command: Command
    args: Args


@dataclass(frozen=True, slots=True)
class Usage:
    """Meant as a command, but wrong: answered with `text`, never passed on to an agent."""

    text: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Perhaps a mistyped command: answered with the question `text`, never guessed."""

    text: str


@dataclass(frozen=True, slots=True)
class PlainText:
    """Not a command: a message for the agent."""


Parsed: TypeAlias = CommandCall | Usage | Ask | PlainText

# ---------------------------------------------------------------- calls


@dataclass(frozen=True, slots=True)
class Asker:
    """Who gave a command, and where."""

    session: str
    sender: str  # the network's id of the person
    sender_name: str
    role: Role
    target: str
    transport: str
    event_id: str
    account: str = ""  # which of our accounts on that network was spoken to
    direct: bool = False  # nobody else reads the answer
    answers: str = ""  # key of the message of ours whose button or reaction it was; "": typed


@dataclass(frozen=True, slots=True)
class Invocation:
    command: Command
    args: Args
    asker: Asker
    message_id: int  # inbox id: a stop ends what is at or below it, a retry is named after it


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that does the work from here on."""

    run: int


@dataclass(frozen=True, slots=True)
class Broken:
    """It failed inside Tugbot."""

    reference: str  # under which the log has it


@dataclass(frozen=True, slots=True)
class Reply:
    text: str  # Markdown; "": what came of it is shown already
    ok: bool = True  # False: the command ends as failed in the books
    came: Came = None  # what `text` tells, for programs; None: there is no more to it


class Handler(Protocol):
    def __call__(self, invocation: Invocation, desk: Desk) -> Awaitable[Reply]: ...


# ---------------------------------------------------------------- reports

# Why a run that was named cannot be acted on: no such run, another session's, or ended already.
Obstacle: TypeAlias = Literal["unknown", "foreign", "over"]


@dataclass(frozen=True, slots=True)
class StopReport:
    """What a stop did. `Ended.outcome.record["kill_report"]` holds a KillReport or its fields, where one was made."""

    stopped: tuple[Stopped, ...] = ()  # one for each session that was touched
    rested: tuple[KillReport, ...] = ()  # agents that were resting between two turns
    unscheduled: int | None = 0  # retries that were to come; None: they could not be cancelled
    siblings: tuple[int, ...] = ()  # runs still at work in sibling threads: listed, not stopped
    asked: int | None = None  # the run that was named
    obstacle: Obstacle | None = None  # why that run was left alone


@dataclass(frozen=True, slots=True)
class Work:
    """A run that is under way. Times in seconds."""

    run: int
    kind: str  # agent | provision …
    agent: str | None
    project: str | None
    age: float
    silence: float | None = None  # since the last output or sign of activity; None: not known
    state: RunState = RunState.RUNNING


@dataclass(frozen=True, slots=True)
class InLine:
    """A batch that is due and waits for its workspace or a slot."""

    place: int  # 1 is next
    ahead: str  # whose run is ahead; "": only a slot is missing
    age: float  # seconds in line


@dataclass(frozen=True, slots=True)
class StatusReport:
    running: tuple[Work, ...] = ()  # of this session
    in_line: tuple[InLine, ...] = ()
    waiting: tuple[float, ...] = ()  # ages of the messages not yet given to a run, oldest first, seconds
    elsewhere: int = 0  # runs of other sessions
    books: Books = field(default_factory=Books)
    now: float = 0.0  # Unix seconds
    questions: tuple[Question, ...] = ()  # of agents, that wait for an answer
    scheduled: tuple[tuple[int, float], ...] = ()  # runs that are to be repeated, and when (Unix seconds)
    limited: tuple[tuple[str, float | None], ...] = ()  # agents that their provider refuses, and until when
    trouble: tuple[str, ...] = ()  # transports that fail, a quarantined workspace: one line each
    strangers: int = 0  # messages of people nobody knows, turned away since the start; they have no rows


@dataclass(frozen=True, slots=True)
class RetryResult:
    """`again`: `messages` texts of `run` are accepted as a new message; `later`: they will be; else it says why not."""

    outcome: Literal["again", "later", "nothing", "unknown", "foreign", "active", "refused", "no reset"]
    run: int | None = None
    messages: int = 0
    reason: str = ""  # for `refused`
    due: float | None = None  # for `later`: Unix seconds
    message: int | None = None  # for `again`: inbox id of the new message


@dataclass(frozen=True, slots=True)
class ResetReport:
    had_conversation: bool
    rested: tuple[KillReport, ...] = ()  # agents that were resting between two turns


@dataclass(frozen=True, slots=True)
class AgentInfo:
    name: str
    backend: str  # claude | acp | command | demo
    program: str
    default: bool = False
    note: str = ""  # why it is the default, what it lacks
    version: str = ""  # as the program says it; "": it did not say
    place: str = ""  # where it works
    policy: str = ""  # what becomes of its permission requests there
    steers: bool = False  # takes further text while its turn runs
    obstacle: str = ""  # installed, but cannot be chosen: why


@dataclass(frozen=True, slots=True)
class SentFile:
    name: str
    size: int  # bytes
    lies_at: str = ""  # its path on this machine, where the conversation takes no files and that helps instead


# What came of a command, for programs. Usage and Ask: it was misused; an error: it could not be done.
Came: TypeAlias = (
    StopReport | RetryResult | Reaction | Begun | Usage | Ask | Broken | UserError | StoreUnavailable | None
)


class ProjectDesk(Protocol):
    """What commands may ask about projects; each gives its answer. They raise UserError."""

    async def create(self, invocation: Invocation) -> Reply: ...

    async def overview(self, invocation: Invocation) -> Reply: ...

    async def use(self, invocation: Invocation) -> Reply: ...

    async def show(self, invocation: Invocation) -> Reply: ...

    async def diff(self, invocation: Invocation) -> Reply: ...

    async def ssh(self, invocation: Invocation) -> Reply: ...

    async def start(self, invocation: Invocation) -> Reply: ...

    async def stop(self, invocation: Invocation) -> Reply: ...

    async def restart(self, invocation: Invocation) -> Reply: ...

    async def rebuild(self, invocation: Invocation) -> Reply: ...

    async def change(self, invocation: Invocation) -> Reply: ...

    async def logs(self, invocation: Invocation) -> Reply: ...

    async def delete(self, invocation: Invocation) -> Reply: ...

    async def secrets(self, invocation: Invocation) -> Reply: ...

    async def unset(self, invocation: Invocation) -> Reply: ...

    async def stacks(self, invocation: Invocation) -> Reply: ...

    async def repeat(self, invocation: Invocation, record: RunRecord, desk: Desk) -> Reply:
        """Do again what a run did that was no agent's turn, or go on with it."""
        ...


class MemberDesk(Protocol):
    """What commands may ask about people; each gives its answer. They raise UserError and StoreUnavailable."""

    async def overview(self, invocation: Invocation) -> Reply: ...

    async def grant(self, invocation: Invocation) -> Reply: ...

    async def revoke(self, invocation: Invocation) -> Reply: ...

    async def pair(self, invocation: Invocation) -> Reply: ...

    async def page(self, invocation: Invocation) -> Reply: ...


class Desk(Protocol):
    """What a command may ask of the bot."""

    @property
    def projects(self) -> ProjectDesk: ...

    @property
    def members(self) -> MemberDesk: ...

    def now(self) -> float: ...  # Unix seconds

    async def stop_session(self, asker: Asker) -> StopReport: ...

    async def stop_run(self, asker: Asker, run: int) -> StopReport: ...

    async def stop_all(self, asker: Asker) -> StopReport: ...

    async def go(self, session: str) -> int: ...  # how many messages were hurried

    async def status(self, session: str) -> StatusReport: ...

    async def runs(self, session: str, n: int) -> Sequence[RunRecord]: ...  # newest first, at most n

    async def run(self, id: int) -> RunRecord | None: ...  # noqa: A002 - the word of the command

    async def retry(self, asker: Asker, run: int | None, message_id: int, moment: str = "") -> RetryResult:
        """`moment`: "" is now, "reset" when the provider's limit of that run ends, or a time of day ("14:05")."""
        ...

    async def to_retry(self, asker: Asker, run: int | None) -> RunRecord | None:
        """The run that `retry` means: the named one, else the latest here."""
        ...

    async def reset(self, session: str) -> ResetReport: ...

    def answer(self, asker: Asker, decision: Decision, why: str = "") -> Reaction: ...  # an agent's question

    async def send(self, asker: Asker, path: str) -> SentFile: ...  # raises UserError

    def question(self, session: str) -> Question | None: ...  # the oldest open one, else the last

    async def settings(self, session: str) -> SessionSettings: ...

    async def agents(self) -> Sequence[AgentInfo]: ...  # may take some seconds the first time

    def version(self) -> str: ...
