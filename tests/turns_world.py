"""Turns without programs: agents that play a script on virtual time, and a house that remembers what was done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.agents.base import (
    AgentEvent,
    AgentRun,
    Finished,
    Identity,
    KillReport,
    Launcher,
    PermissionOption,
    PermissionRequest,
    Process,
    Started,
    TextDelta,
    ToolCall,
    Turn,
)
from bot.agents.config import Permissions
from bot.runs.asking import Asking
from bot.runs.budget import Budget
from bot.runs.leases import Leases
from bot.runs.listening import Staff
from bot.runs.live import LiveRuns
from bot.runs.turn import House, Turns
from bot.runs.watch import TurnLimits
from bot.runs.workplaces import Workplace
from bot.store.records import Conversation, RunRecord
from dispatcher.model import Batch, Binding, Event, Notice, Outcome, Row
from dispatcher.signal import Signal
from tests.virtual_time import run as run_virtually

OPTIONS = (
    PermissionOption("y", "Yes", "allow_once"),
    PermissionOption("Y", "Always", "allow_always"),
    PermissionOption("n", "No", "reject_once"),
)
SESSION = "console/local"


def question(key: str = "p1", text: str = "cargo test", options: tuple[PermissionOption, ...] = OPTIONS) -> AgentEvent:
    return PermissionRequest(key, "Bash", text, options)


class FakeProcess:
    """Lives until it is killed or told to leave."""

    stderr_tail = ""

    def __init__(self) -> None:
        self.pids: frozenset[int] | None = frozenset({100})
        self.returncode: int | None = None
        self.kills = 0
        self.report = KillReport(found=1, seconds=0.01, verified=True, method="fake")
        self.beats = 0
        self.on_kill: Callable[[], None] = lambda: None
        self._left = asyncio.Event()
        self.identity = Identity("boot", 100, 1, "fake")

    @property
    def stdin(self) -> asyncio.StreamWriter:
        raise NotImplementedError

    @property
    def stdout(self) -> asyncio.StreamReader:
        raise NotImplementedError

    async def wait(self) -> int:
        await self._left.wait()
        return self.returncode or 0

    def leave(self, code: int = 0) -> None:
        self.returncode = code
        self._left.set()

    async def kill(self) -> KillReport:
        self.kills += 1
        self.on_kill()
        if self.returncode is None:
            self.leave(-9)
        return self.report

    def activity(self) -> int:
        return self.beats

    def members(self) -> frozenset[int] | None:
        return self.pids


@dataclass(eq=False)
class FakeRun:
    """`script`: events; a number sleeps so many seconds; "forever" waits; "answer" waits for a permission's answer."""

    agent: FakeAgent
    turn: Turn
    process: Process
    script: Sequence[Any]
    answers: list[tuple[str, str, str]] = field(default_factory=list)
    interrupted: bool = False
    over: bool = False
    _answered: asyncio.Event = field(default_factory=asyncio.Event)
    _cut: asyncio.Event = field(default_factory=asyncio.Event)

    async def events(self) -> AsyncIterator[AgentEvent]:
        self.agent.prompts.append(self.turn.prompt)
        for step in self.script:
            if isinstance(step, int | float):
                await asyncio.sleep(step)
            elif step == "forever":
                await self._cut.wait()
                yield Finished("cancelled")
                return
            elif step == "answer":
                await self._answered.wait()
            else:
                yield step
        self.over = True

    async def interrupt(self) -> bool:
        self.interrupted = True
        self._cut.set()
        return True

    async def steer(self, text: str) -> bool:
        if not self.over and self.agent.can_steer:
            self.agent.steered.append(text)
        return not self.over and self.agent.can_steer

    async def answer(self, permission: str, option: str, why: str = "") -> bool:
        self.answers.append((permission, option, why))
        self._answered.set()
        return True

    async def again(self, turn: Turn) -> AgentRun | None:
        if not self.agent.rests:
            return None
        self.agent.warm += 1
        return self.agent.make(turn, self.process)


@dataclass(eq=False)
class FakeAgent:
    scripts: list[Sequence[Any]]  # one for each turn
    name: str = "fake"
    keeps_conversation: bool = True
    can_steer: bool = False
    rests: bool = True
    prompts: list[str] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    runs: list[FakeRun] = field(default_factory=list)
    steered: list[str] = field(default_factory=list)
    started: int = 0
    warm: int = 0

    async def start(self, turn: Turn, launcher: Launcher) -> AgentRun:
        self.started += 1
        if turn.contained is not None:
            await turn.contained(Identity("boot", 100, 1))
        return self.make(turn, FakeProcess())

    def make(self, turn: Turn, process: Process) -> FakeRun:
        self.turns.append(turn)
        run = FakeRun(self, turn, process, self.scripts[min(len(self.turns), len(self.scripts)) - 1])
        self.runs.append(run)
        return run

    async def probe(self, launcher: Launcher, cwd: Path) -> Any:
        raise NotImplementedError


class FakeReply:
    def __init__(self) -> None:
        self.answer: list[str] = []
        self.notices: list[str] = []
        self.tools: list[ToolCall] = []
        self.muted = False
        self.flushed: list[str] = []  # the answer so far, each time
        self.first: asyncio.Future[None] | None = None  # its first showing

    def text(self, delta: str) -> None:
        self.answer.append(delta)

    def tool(self, call: ToolCall) -> None:
        self.tools.append(call)

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def flush(self) -> asyncio.Future[None] | None:
        self.flushed.append("".join(self.answer))
        return self.first

    def mute(self) -> None:
        self.muted = True

    async def finish(self, footer: str = "", trouble: str = "") -> tuple[Notice, ...]:
        return (Notice(SESSION, "\n".join((*self.notices, "".join(self.answer), trouble, footer))),)


class FakeLauncher:
    name = "fake"
    hides_home = True


class FakeWorkplaces:
    """Everything happens nowhere on this machine, unless another launcher is wanted."""

    def __init__(self, launcher: Any = None, cwd: Path = Path("/nowhere")) -> None:
        self._workplace = Workplace(launcher or FakeLauncher(), cwd, "host")

    async def of(self, batch: Batch) -> Workplace:
        return self._workplace


class World:
    """A house with one agent, and a way to run batches through it."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        agent: FakeAgent,
        *,
        limits: TurnLimits | None = None,
        **settings: Any,
    ) -> None:
        self.agent = agent
        self.group = group
        self.live = LiveRuns()
        self.leases = Leases(group, warm_for=settings.get("warm_for", 600.0), at_most=settings.get("max_warm", 3))
        self.shown: list[Notice] = []
        self.asking = Asking(self._show, settings.get("permission_timeout", 120.0))
        self.budget = Budget(settings.get("per_day", 0.0), settings.get("now", lambda: 1_800_000_000.0))
        self.conversations: dict[tuple[str, str, str | None], Conversation] = {}
        self.updates: list[dict[str, object]] = []
        self.missed: list[RunRecord] = []
        self.replies: list[FakeReply] = []
        staff = Staff(
            agent, limits or TurnLimits(), settings.get("permissions", Permissions()), settings.get("briefed", False)
        )
        self.turns = Turns({agent.name: staff}, self._house(settings))
        self._number = 0

    def batch(self, text: str = "hello", *, session: str = SESSION, agent: str = "fake") -> Batch:
        self._number += 1
        event = Event(session, "console", "", f"e{self._number}")
        row = Row(self._number, event, "ann", "Ann", text, SESSION, Binding(agent=agent), direct=True)
        return Batch(self._number, (row,))

    def start(self, batch: Batch | None = None) -> tuple[asyncio.Task[Outcome], Signal]:
        signal = Signal()
        return self.group.create_task(self.turns(batch or self.batch(), signal)), signal

    async def play(self, text: str = "hello") -> Outcome:
        return await self.start(self.batch(text))[0]

    def house(self, **parts: Any) -> House:
        """The same house with other parts: a real launcher, a real reply."""
        return replace(self._house({}), **parts)

    def _house(self, settings: dict[str, Any]) -> House:
        return House(
            workplaces=FakeWorkplaces(),
            book=self,  # type: ignore[arg-type]  # update and since_success, below
            conversations=self,
            live=self.live,
            leases=self.leases,
            asking=self.asking,
            budget=self.budget,
            reply=self._reply,
            interrupt_grace=0.5,
            brief=settings.get("brief", ""),
            group=self.group,
        )

    def _reply(self, run: int, target: str, header: str) -> FakeReply:
        self.replies.append(FakeReply())
        return self.replies[-1]

    async def _show(self, notice: Notice, run: int) -> None:
        self.shown.append(notice)

    async def update(self, run: int, **columns: object) -> bool:
        self.updates.append({"run": run, **columns})
        return True

    async def since_success(self, session: str, agent: str, project: str | None) -> list[RunRecord]:
        return self.missed

    async def native(self, session: str, agent: str, project: str | None) -> Conversation | None:
        return self.conversations.get((session, agent, project))

    async def keep_native(self, session: str, agent: str, project: str | None, conversation: Conversation) -> None:
        self.conversations[session, agent, project] = conversation


def live(agent: FakeAgent, test: Callable[[World], Coroutine[Any, Any, None]], **settings: Any) -> World:
    """Run `test` in a world on virtual time."""

    async def main() -> World:
        async with asyncio.TaskGroup() as group:
            world = World(group, agent, **settings)
            await test(world)
            await world.leases.close()
        return world

    return run_virtually(main())


def answer(*events: AgentEvent, native: str | None = "n1") -> list[Any]:
    """The usual turn."""
    return [Started(native), TextDelta("done"), *events, Finished("end_turn")]
