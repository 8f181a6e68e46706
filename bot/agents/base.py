"""What backends and launchers agree on. Backends know nothing of chat, launchers nothing of agents. No logic here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from bot.errors import UserError

# One line of an agent's protocol may carry a whole file; asyncio's default of 64 KiB kills the reader.
LINE_LIMIT = 64 * 1024 * 1024

# As the option of an answer to a permission request: neither allowed nor rejected.
CANCELLED = ""

# ---------------------------------------------------------------- events of a turn


@dataclass(frozen=True, slots=True)
class Started:
    native_session: str | None  # the agent's own id of the conversation, to resume it by; None keeps none
    model: str | None = None
    resumed: bool = False
    fresh_because: str | None = None  # a resume was asked for and failed; why, in words for the chat
    version: str | None = None  # of the program, where it says


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """Upsert by id: an agent may report only the end of a call."""

    id: str
    title: str
    kind: str = "other"  # read | edit | delete | move | search | execute | think | fetch | other (ACP's words)
    status: Literal["pending", "in_progress", "completed", "failed"] = "pending"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PlanItem:
    text: str
    status: Literal["pending", "in_progress", "completed"] = "pending"


@dataclass(frozen=True, slots=True)
class Plan:
    items: tuple[PlanItem, ...]


@dataclass(frozen=True, slots=True)
class PermissionOption:
    id: str
    name: str
    kind: Literal["allow_once", "allow_always", "reject_once", "reject_always"]


@dataclass(frozen=True, slots=True)
class PermissionRequest:
    id: str
    tool: str
    input: str  # full input, as text
    options: tuple[PermissionOption, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    input: int = 0  # tokens
    output: int = 0
    cost_delta: float = 0.0  # US dollars of this turn alone; agents report sums, backends subtract
    cost_total: float | None = None  # the agent's own sum over the conversation: what the next turn subtracts from


@dataclass(frozen=True, slots=True)
class RateLimited:
    """The model's provider limits this account. Soft ones are warnings and never mark a run."""

    hard: bool  # refused, not merely warned
    until: float | None = None  # wall seconds: when it ends, where the agent says
    what: str = ""  # which limit, in the agent's words


@dataclass(frozen=True, slots=True)
class Waits:
    """The agent has announced that nothing will happen for a while (it tries its API again): that is no hang."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class AgentNotice:
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Always the last event. `is_error` decides, whatever `stop_reason` says."""

    stop_reason: str  # end_turn | cancelled | exit | error | …
    is_error: bool = False
    text: str = ""  # the error's words where is_error; the answer itself came as deltas
    exit_code: int | None = None


AgentEvent: TypeAlias = (
    Started
    | TextDelta
    | Thought
    | ToolCall
    | Plan
    | PermissionRequest
    | Usage
    | RateLimited
    | Waits
    | AgentNotice
    | Finished
)

# ---------------------------------------------------------------- processes


@dataclass(frozen=True, slots=True)
class Identity:
    """Names one process beyond its lifetime: pids are recycled, so all three must match."""

    boot_id: str  # /proc/sys/kernel/random/boot_id; "" where there is none
    pid: int  # of the containment's root (sandbox init, supervisor), as the bot sees it
    start_time: int  # field 22 of /proc/<pid>/stat, clock ticks since boot
    method: str = ""  # name of the launcher that made it, the one that knows how to end it
    container: str = ""  # name of the container, where it is one; such a run is found by it, its init by pid may not be


@dataclass(frozen=True, slots=True)
class KillReport:
    """What a kill did. `verified` False means: not proven, say so."""

    found: int  # live processes of the run when the kill began, containment's own not counted
    seconds: float  # from the first signal to the verdict
    verified: bool
    survivors: tuple[int, ...] = ()  # pids, where known
    method: str = ""  # bubblewrap | supervisor | process-group
    note: str = ""  # why it could not be proven


@dataclass(frozen=True, slots=True)
class PrivateFile:
    """A file of the bot's user (an agent's login) that a contained program gets as a copy of its own, mode 0600."""

    source: Path  # absolute; a missing one is skipped
    target: Path  # absolute, as the program sees it


@dataclass(frozen=True, slots=True)
class Spawn:
    """A program to start inside a containment."""

    argv: tuple[str, ...]
    env: Mapping[str, str]  # complete; nothing of the bot's own environment is added
    cwd: Path  # exists, writable
    writable: tuple[Path, ...] = ()  # further paths visible and writable (an agent's `paths`); missing ones are skipped
    readable: tuple[Path, ...] = ()  # further paths visible read-only (the program itself)
    private: tuple[PrivateFile, ...] = ()  # only where home is hidden; elsewhere the program sees the originals
    files: Mapping[Path, bytes] = field(default_factory=dict)  # put there for it alone; in containers only
    # Awaited when the containment exists and before the program runs: whoever records the run as alive does it
    # here, so that no crash leaves a process that nobody knows of. If it raises, nothing is started.
    contained: Callable[[Identity], Awaitable[None]] | None = None
    # Limit of the stdout reader in bytes. asyncio buffers twice this before it pauses the pipe, so a program whose
    # output is read in chunks asks for less: otherwise a reader that falls behind costs 128 MB a run.
    stdout_limit: int = LINE_LIMIT


class Process(Protocol):
    """A contained program."""

    @property
    def stdin(self) -> asyncio.StreamWriter: ...

    @property
    def stdout(self) -> asyncio.StreamReader: ...  # limit Spawn.stdout_limit

    @property
    def stderr_tail(self) -> str: ...  # the last 4 kB, decoded with replacement; read continuously so it never blocks

    @property
    def identity(self) -> Identity: ...

    @property
    def returncode(self) -> int | None: ...  # negative: killed by that signal

    async def wait(self) -> int:
        """Exit code of the program itself, even while a grandchild holds its pipes (cpython gh-119710)."""
        ...

    async def kill(self) -> KillReport:
        """End every process of the containment and prove it. Idempotent; also to be called after a normal end."""
        ...

    def activity(self) -> int:
        """A number that changes while the run's processes use CPU or come and go: evidence of life."""
        ...

    def members(self) -> frozenset[int] | None:
        """Pids of the containment's live processes, its own helpers not counted; None where that cannot be known.

        None also where they would outlive a bot that is killed: such a process must not be kept between turns.
        """
        ...


class Launcher(Protocol):
    @property
    def name(self) -> str: ...  # bubblewrap | supervisor | process-group

    @property
    def hides_home(self) -> bool: ...  # False is said in the first reply and by `doctor`

    async def spawn(self, spawn: Spawn) -> Process:
        """Raises ProgramMissing, LaunchFailed. Cancelling it leaves nothing running."""
        ...

    async def kill_leftover(self, identity: Identity) -> KillReport:
        """Kill what a previous bot process left of a run; found=0 when nothing of it lives."""
        ...


# ---------------------------------------------------------------- agents


@dataclass(frozen=True, slots=True)
class Turn:
    """One prompt for an agent."""

    run: int
    prompt: str
    cwd: Path
    native_session: str | None = None  # resume this conversation
    spent: float | None = None  # Usage.cost_total of its last turn; None: not known
    brief: str = ""  # told before the prompt where a conversation begins, and not again when it is resumed
    contained: Callable[[Identity], Awaitable[None]] | None = None  # handed to the launcher
    environ: Mapping[str, str] = field(default_factory=dict)  # further variables for the child (TUGBOT_RUN …)


class AgentRun(Protocol):
    """A turn under way. Nothing of the protocol has been spoken before `events` is iterated."""

    @property
    def process(self) -> Process: ...

    def events(self) -> AsyncIterator[AgentEvent]:
        """Every event in arrival order; ends after Finished. A crash of the program is a Finished with is_error."""
        ...

    async def interrupt(self) -> bool:
        """Ask in-band for the turn's end and deny open permission requests. Returns at once; proves nothing.

        False: this agent cannot be asked, so there is nothing to wait for.
        """
        ...

    async def steer(self, text: str) -> bool:
        """Hand further text to the turn while it runs; Finished comes only when that was dealt with as well.

        False: this agent cannot, or the turn is over; the text was not and will not be given to it.
        """
        ...

    async def answer(self, permission: str, option: str, why: str = "") -> bool:
        """`option` is the id of an offered one, or CANCELLED; `why` is told to the agent where its protocol can.

        False: that request is not open, or offers no such option.
        """
        ...

    async def again(self, turn: Turn) -> AgentRun | None:
        """A further turn in the same process and conversation, once this one has finished without an error.

        `turn.native_session` must be the one this run had. None: this program serves one turn, or is gone; nothing
        was said to it. Between the turns nothing of the program's output is lost or reported.
        """
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether an agent's program starts and speaks its protocol; no model was asked."""

    answers: bool
    version: str = ""  # as the program says it
    detail: str = ""  # why it does not answer, in words that say what to do
    seconds: float = 0.0  # until it answered


class Agent(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def keeps_conversation(self) -> bool: ...

    @property
    def can_steer(self) -> bool: ...

    async def start(self, turn: Turn, launcher: Launcher) -> AgentRun:
        """Spawn the program, no more. Raises ProgramMissing, LaunchFailed."""
        ...

    async def probe(self, launcher: Launcher, cwd: Path) -> Probe:
        """Start the program contained, see whether it answers, end it with proof. Never raises for the program.

        One whose protocol has no greeting (`command`) is only looked for: running it might do things.
        """
        ...


class ProgramMissing(UserError):
    """{agent}: the program `{program}` was not found on PATH. {hint}"""


class LaunchFailed(UserError):
    """{agent}: could not be started: {reason}"""
