"""A router over the in-memory store, with a dispatcher whose agents write down what they were given."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from bot.access import AccessDesk, Ambient, Door, Hearing, Keyring, Roll
from bot.commands.model import Asker, Invocation, Names, Reply, StatusReport, StopReport
from bot.halts import Halts
from bot.router import Router
from bot.runs.asking import Decision, Reaction
from bot.runs.live import LiveRuns
from bot.store.memory import Disk, MemoryStore
from bot.store.records import SessionSettings
from dispatcher.core import Dispatcher
from dispatcher.model import Batch, Binding, Event, Limits, Notice, Outcome, RunState, StopSignal, StoreUnavailable
from tests.dispatcher_world import Ledgers
from transports.base import Ack, Inbound

IDS = itertools.count(1)  # of events: a house that is opened again must not repeat those of the first
OWNER, CHATS = "@me:example.org", ("console", "matrix", "slack")
NOWHERE = Path("/nonexistent/tugbot")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Agents:
    """Answers every batch at once, or when it is told to stop where `slow`."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.slow = False

    async def __call__(self, batch: Batch, stop: StopSignal) -> Outcome:
        self.given += [row.text for row in batch.rows]
        if self.slow:
            await stop.wait()
            return Outcome(RunState.STOPPED)
        return Outcome(RunState.SUCCEEDED)

    def can_steer(self, run: int) -> bool | None:
        return None

    async def steer(self, batch: Batch) -> bool:
        return False


class Unheard:
    """An observer that shows nothing."""

    def __init__(self) -> None:
        self.seen = Ledgers()

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


@dataclass
class PlainDesk:
    """Answers from the store, and writes down what agents' questions were answered with."""

    store: MemoryStore
    halts: Halts
    members: AccessDesk
    answers: list[tuple[str, Decision, str]] = field(default_factory=list)
    reaction: Reaction = Reaction("nothing")  # noqa: RUF009 - frozen

    @property
    def projects(self) -> PlainDesk:
        return self

    async def use(self, invocation: Invocation) -> Reply:
        return Reply("used")

    def now(self) -> float:
        return 0.0

    def version(self) -> str:
        return "1.2.3"

    async def settings(self, session: str) -> SessionSettings:
        return await self.store.sessions.settings(session)

    async def status(self, session: str) -> StatusReport:
        return StatusReport()

    async def stop_session(self, asker: Asker) -> StopReport:
        event = Event(asker.session, asker.transport, asker.account, asker.event_id)
        return StopReport(await self.halts.result(event))

    def answer(self, asker: Asker, decision: Decision, why: str = "") -> Reaction:
        self.answers.append((asker.sender, decision, asker.answers))
        return self.reaction

    def question(self, session: str) -> None:
        return None


class House:
    def __init__(self, disk: Disk, allow: Sequence[str], transports: Sequence[str], clock: Clock, data: Path) -> None:
        self.disk = disk
        self.clock = clock
        self.store = MemoryStore(disk, step=self._step)
        self.full = False  # the store cannot be written
        self.said: list[tuple[str, str]] = []  # without the outbox
        self.told: list[str] = []  # whoever runs the bot
        # Nothing is written down before somebody is logged in; tests that do that bring a folder.
        self.keyring = Keyring(data, clock, clock)
        self.page: Callable[[str], str] | None = "http://127.0.0.1:8808/login#{}".format
        self.roll = Roll(self.store.members, allow, token=self.keyring.tokens.role)
        self.door = Door(self.roll, lambda: transports, self.told.append, clock)
        self.agents = Agents()
        self.asking = False  # an agent's question waits, everywhere

    async def _step(self, point: str) -> None:
        await asyncio.sleep(0)
        if self.full and point.startswith("before"):
            raise StoreUnavailable("the disk is full")

    async def open(self, group: asyncio.TaskGroup) -> None:
        await self.roll.load()
        self.door.open()
        inbox, ledger = self.store.inbox, self.store.ledger
        self.dispatcher = Dispatcher(
            inbox, ledger, self.agents, cast("Any", Unheard()), limits=Limits(window=0), group=group
        )
        nothing = SimpleNamespace(live={}, stop=lambda session: [], stop_all=list)
        self.halts = Halts(self.dispatcher, LiveRuns(), cast("Any", _Resting()), cast("Any", nothing), ())
        self.people = AccessDesk(
            self.roll, self.door, lambda *said: self.said.append(said), self.keyring, self.page, self.clock
        )
        self.desk = PlainDesk(self.store, self.halts, self.people)
        hearing = Hearing(Ambient(await self.store.sessions.all()), lambda session: self.asking, self.dispatcher_busy)
        self.router = Router(
            self.dispatcher,
            inbox,
            cast("Any", self.desk),
            self.halts,
            self.roll,
            self.door,
            hearing,
            names=lambda: Names(("demo",), {"harbour": ""}),
            expects=lambda name: None,
            default=Binding(agent="demo"),
            answered=self._answered,
            announced=lambda: None,
            say=lambda *said: self.said.append(said),
            max_message_bytes=32_000,
            group=group,
        )

    def dispatcher_busy(self, session: str) -> bool:
        return session in self.dispatcher.live_sessions()

    async def _answered(self, number: int, notices: tuple[Notice, ...], ok: bool) -> object:
        return await self.store.inbox.command_done(number, notices, ok=ok)

    # ------------------------------------------------------------ talking

    def inbound(self, text: str, sender: str = OWNER, transport: str = "matrix", **fields: Any) -> Inbound:
        session = f"{transport}/{fields.pop('room', 'room')}"
        event = str(fields.pop("event", next(IDS)))
        return Inbound(session, transport, "bot", event, sender, sender.title(), text, session, **fields)

    def send(self, text: str, sender: str = OWNER, transport: str = "matrix", **fields: Any) -> Awaitable[Ack]:
        return self.router.receive(self.inbound(text, sender, transport, **fields))

    async def say(self, text: str, sender: str = OWNER, transport: str = "matrix", **fields: Any) -> str:
        """What the chat is shown for it: notices, or what was said without the outbox. "": silence."""
        before, told = len(self.said), set(self.disk.outbox)
        await self.send(text, sender, transport, **fields)
        await self.quiet()
        new = [stored.item.text for number, stored in self.disk.outbox.items() if number not in told]
        return "\n".join([*new, *(text for _, text in self.said[before:])])

    async def quiet(self) -> None:
        await self.router.settled()
        if not self.agents.slow:
            await self.dispatcher.idle()

    def rows(self) -> list[str]:
        return [stored.row.text for stored in self.disk.messages.values()]


class _Resting:
    """No agent rests."""

    def end(self, session: str) -> Awaitable[tuple[()]]:
        done: asyncio.Future[tuple[()]] = asyncio.get_running_loop().create_future()
        done.set_result(())
        return done


@asynccontextmanager
async def house(
    *,
    disk: Disk | None = None,
    allow: Sequence[str] = (OWNER,),
    transports: Sequence[str] = CHATS,
    clock: Clock | None = None,
    data: Path = NOWHERE,
) -> AsyncIterator[House]:
    home = House(disk or Disk(), allow, transports, clock or Clock(), data)
    async with asyncio.TaskGroup() as group:
        await home.open(group)
        yield home
        home.full = False
        home.agents.slow = False
        await home.dispatcher.close(0)
        await home.router.settled()
