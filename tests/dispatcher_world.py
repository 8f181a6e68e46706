"""A dispatcher on virtual time over the in-memory twin, with a scripted handler that watches the promises.

The world can be crashed at any store step and opened again on the same disk. Everything that a promise speaks of is
checked where it happens: at the handler's door (P2 to P6, P9), at the receipt (P1), at rest (P7, P8).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bot.store.memory import Disk, MemoryStore
from bot.store.records import CutOff
from bot.store.rules import ALIVE, RecoveryWords, prompt_of
from dispatcher.core import Dispatcher
from dispatcher.line import workspace_of
from dispatcher.model import (
    Accepted,
    Batch,
    Binding,
    Event,
    Fenced,
    Limits,
    Message,
    Notice,
    Outcome,
    Receipt,
    RunState,
    State,
    StopSignal,
    StoreUnavailable,
)
from tests.virtual_time import VirtualLoop

LIMITS = Limits(
    window=1.5,
    max_wait=10,
    max_batch_messages=5,
    max_batch_bytes=400,
    max_waiting=12,
    max_message_bytes=300,
    max_runs=2,
)
WORDS = RecoveryWords(
    run_cut_off=lambda run: f"run {run.id} was cut off",
    command_cut_off=lambda text: f"{text} was cut off",
    stop_done=lambda text, discarded: f"{text} discarded {discarded}",
    stop_scope=lambda text: "session" if text == "stop" else None,
    question_over=lambda text: f"{text} is over",
)
Behaviour = Literal["answer", "fail", "raise", "stubborn", "unkillable-once"]
# What a turn does with further text: the first six hear it, the others do not.
Hearing = Literal["hear", "slow", "hang", "raise", "crash", "stop", "refuse", "slow-refuse", "stop-refuse", "lose"]
FINAL = {State.ANSWERED, State.FAILED, State.STOPPED, State.INTERRUPTED, State.RETRACTED, State.REFUSED}


@dataclass
class Ledgers:
    """What the world saw, across crashes: compared with what the disk says."""

    accepted: set[Event] = field(default_factory=set)
    given: Counter[Event] = field(default_factory=Counter)
    given_to: dict[Event, int] = field(default_factory=dict)  # the run whose agent heard it
    targets: dict[Event, str] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)  # session → last stop's watermark
    told: list[str] = field(default_factory=list)


@dataclass
class Ambush:
    """A stop that falls between two store steps: at every await of claim and start, sooner or later."""

    session: str
    steps: int
    late: bool  # right before the step takes effect, or well before

    def due(self) -> bool:
        self.steps -= 1
        return self.steps <= 0


class World:
    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.loop = VirtualLoop()
        self.disk = Disk()
        self.seen = Ledgers()
        self.script: list[tuple[Behaviour, float]] = []
        self.hearing: list[Hearing] = []  # one for each steer to come
        self.takes: bool | None = True  # whether turns take further text
        self.active: dict[int, Batch] = {}
        self.broken: list[str] = []
        self.forgetful = False  # the agent keeps no conversation
        self.faults = 0  # so many of the next writes fail
        self.crash_in: int | None = None  # store steps until the crash
        self.crashed = False
        self._events = 0
        self.open()

    # ------------------------------------------------------------ life and death

    def open(self) -> None:
        self.crashed, self.crash_in, self.faults = False, None, 0
        self.ambushes: list[Ambush] = []
        self.active = {}
        self.steered: set[int] = set()  # runs that are being told further text
        self.seen.marks = self._stops_on_disk()
        self.store = MemoryStore(self.disk, step=self._step, clock=self.loop.time)
        self.do(self._open())

    def _stops_on_disk(self) -> dict[str, int]:
        """A stop outlives a crash from the moment its word is committed."""
        commands = [m.row for m in self.disk.messages.values() if m.kind == "command" and m.row.text == "stop"]
        return {row.event.session: row.id for row in sorted(commands, key=lambda row: row.id)}

    def crash(self) -> None:
        """SIGKILL: the disk stays, everything else is gone; then a new process on the same disk."""
        self.store.crash()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(self.loop), return_exceptions=True))
        self.open()

    def close(self) -> None:
        self.do(self._close())
        self.loop.close()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def advance(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))
        if self.crashed:
            self.crash()

    async def _open(self) -> None:
        self._ready, self._leave = asyncio.Event(), asyncio.Event()
        self._host = asyncio.create_task(self._live(), name="host")
        await self._ready.wait()

    async def _live(self) -> None:
        recovered: CutOff = await self.store.recover(unkilled={}, words=WORDS)
        assert all(run.state is RunState.INTERRUPTED for run in recovered.runs)
        async with asyncio.TaskGroup() as group:
            self.dispatcher = Dispatcher(
                self.store.inbox, self.store.ledger, self, self, limits=self.limits, group=group
            )
            await self.dispatcher.start()
            self._ready.set()
            await self._leave.wait()

    async def _close(self) -> None:
        await self.dispatcher.close(grace=1.0)
        self._leave.set()
        await self._host
        await self.store.close()

    async def _step(self, point: str) -> None:
        await self._spring(late=False)
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in <= 0:
                self.crashed = True
                await asyncio.get_running_loop().create_future()
        if self.faults and point.startswith("before"):
            self.faults -= 1
            raise StoreUnavailable("disk full")
        await asyncio.sleep(0.001)
        await self._spring(late=True)

    async def _spring(self, late: bool) -> None:
        for ambush in [ambush for ambush in self.ambushes if ambush.late == late and ambush.due()]:
            self.ambushes.remove(ambush)
            await self._stop(ambush.session)

    # ------------------------------------------------------------ what a person does

    def event(self, session: str) -> Event:
        self._events += 1
        return Event(session, "test", "bot", f"e{self._events}")

    def say(self, session: str, text: str = "hello", event: Event | None = None) -> Event:
        event = event or self.event(session)
        target = self.seen.targets.setdefault(event, f"test/{session}/{event.event_id}")
        message = Message(event, "@ann", "Ann", text, target, default=Binding(agent="demo"))
        self.do(self._submit(message))
        return event

    async def _submit(self, message: Message) -> None:
        self.dispatcher.submit(message).add_done_callback(lambda put: self._received(message.event, put))

    def _received(self, event: Event, put: asyncio.Future[Receipt]) -> None:
        if put.cancelled() or isinstance(put.exception(), StoreUnavailable | Fenced):
            return
        if isinstance(put.result(), Accepted):
            self.seen.accepted.add(event)

    def use(self, session: str, agent: str) -> None:
        """A command that binds: in force for the next message, however fast it follows."""
        self.do(self._command(session, f"agent {agent}", {"agent": agent}))

    def mode(self, session: str, mode: str) -> None:
        self.do(self._command(session, f"mode {mode}", {"mode": mode}))

    async def _command(self, session: str, text: str, binds: dict[str, str | None]) -> None:
        event = self.event(session)
        message = Message(event, "@ann", "Ann", text, f"test/{session}", kind="command", binds=binds)
        put = self.store.inbox.put(message, max_waiting=0, refusal=None)
        put.add_done_callback(lambda put: self._act(put, session))

    def _act(self, put: asyncio.Future[Receipt], session: str) -> None:
        if not put.cancelled() and put.exception() is None:
            told = Notice(f"test/{session}", "done", "receipt")
            self.store.inbox.command_done(put.result().id, [told]).add_done_callback(_retrieve)
            self.dispatcher.wake(session)

    def stop(self, session: str) -> None:
        """The word is acted upon before it is on disk; its receipt follows the verdict."""
        self.do(self._stop(session))

    async def _stop(self, session: str) -> None:
        self.seen.marks[session] = self.store.inbox.last_id
        running = [batch.run for batch in self.active.values() if batch.session == session]
        stopped = self.dispatcher.stop(session)
        message = Message(self.event(session), "@ann", "Ann", "stop", f"test/{session}", kind="command")
        put = self.store.inbox.put(message, max_waiting=0, refusal=None)
        self._stopping = asyncio.create_task(self._receipt(stopped, put, session, running), name="stop receipt")

    async def _receipt(self, stopped: Any, put: asyncio.Future[Receipt], session: str, running: list[int]) -> None:
        result = await stopped
        told = {ended.run for ended in result.ended} | set(result.unfinished)
        with self._noting():
            assert told >= set(running), "P6: a stop spoke before its run had ended"
            assert not any(ended.run in self.active for ended in result.ended), "P6: reported as stopped while it runs"
        try:
            accepted = await put
            await self.store.inbox.command_done(accepted.id, [Notice(f"test/{session}", "stopped", "receipt")])
        except StoreUnavailable:
            return

    # ------------------------------------------------------------ the handler's door

    async def __call__(self, batch: Batch, stop: StopSignal) -> Outcome:
        with self._noting():
            self._check_entry(batch)
        self.active[batch.run] = batch
        behaviour, seconds = self.script.pop(0) if self.script else ("answer", 0.5)
        try:
            return await self._behave(behaviour, seconds, batch, stop)
        finally:
            self.active.pop(batch.run, None)

    async def _behave(self, behaviour: Behaviour, seconds: float, batch: Batch, stop: StopSignal) -> Outcome:
        if behaviour == "stubborn":
            await _ignore_cancellation(seconds)
            return self._outcome(RunState.SUCCEEDED, batch)
        try:
            async with asyncio.timeout(seconds):
                reason = await stop.wait()
        except TimeoutError:
            if behaviour == "raise":
                raise RuntimeError("handler broke.") from None
            return self._outcome(RunState.FAILED if behaviour == "fail" else RunState.SUCCEEDED, batch)
        await asyncio.sleep(0.05)
        if behaviour == "unkillable-once":
            return self._outcome(RunState.FAILED_TO_KILL, batch)
        outcome = self._outcome(RunState.STOPPED if reason == "stop" else RunState.INTERRUPTED, batch)
        return replace(outcome, repeat=self.forgetful and reason == "interrupt")

    def _outcome(self, state: RunState, batch: Batch) -> Outcome:
        # The record changes only once the handler is out of the door (P7).
        with self._noting():
            assert self.disk.runs[batch.run].state in ALIVE, "P7: ended on disk while it runs"
        return Outcome(state, notices=(Notice(batch.target, f"run {batch.run}: {state}", "answer"),))

    def _check_entry(self, batch: Batch) -> None:
        rows, limits = batch.rows, self.limits
        self._check_rows(batch)
        self._heard(batch)
        assert batch.target == self.seen.targets[rows[-1].event], "P9: target"
        assert len(self.active) < limits.max_runs, "P3: cap"
        others = list(self.active.values())
        assert batch.session not in {other.session for other in others}, "P3: session"
        assert workspace_of(rows[0]) not in {workspace_of(other.rows[0]) for other in others}, "P3: workspace"

    def _check_rows(self, batch: Batch) -> None:
        """What holds for every text on its way to an agent, whether it begins a turn or reaches one that runs."""
        rows, limits = batch.rows, self.limits
        for row in rows:
            stored = self.disk.messages[row.id]
            assert row.id > self.seen.marks.get(batch.session, 0), "P6: given to an agent after its stop"
            assert (stored.state, stored.run) == (State.CLAIMED, batch.run), "P2: given before it was recorded"
        assert [row.id for row in rows] == sorted(row.id for row in rows)
        # What a stop covers may still wait on disk: for a discard that a full disk has put off.
        mark = self.seen.marks.get(batch.session, 0)
        older = [m.row.id for m in self.disk.waiting(batch.session) if mark < m.row.id < rows[-1].id]
        assert not older, "an older message was passed by"
        assert len(rows) <= limits.max_batch_messages, "P4: count"
        assert len(rows) == 1 or sum(len(row.text.encode()) for row in rows) <= limits.max_batch_bytes, "P4: bytes"
        assert len({row.binding for row in rows}) == 1, "a batch mixes agents"

    def _heard(self, batch: Batch) -> None:
        for row in batch.rows:
            self.seen.given[row.event] += 1
            self.seen.given_to[row.event] = batch.run
            assert self.seen.given[row.event] == 1, "P2: given to an agent twice"

    # ------------------------------------------------------------ further text for a turn

    def can_steer(self, run: int) -> bool | None:
        return self.takes if run in self.active else False

    async def steer(self, batch: Batch) -> bool:
        with self._noting():
            self._check_rows(batch)
            assert batch.run in self.active, "steered after its end"
            assert self.active[batch.run].binding == batch.binding, "a turn was given what was meant for another agent"
            assert batch.run not in self.steered, "two steers at a time"
        self.steered.add(batch.run)
        try:
            return await self._hear(self.hearing.pop(0) if self.hearing else "hear", batch)
        finally:
            self.steered.discard(batch.run)

    async def _hear(self, hearing: Hearing, batch: Batch) -> bool:
        if hearing in ("slow", "slow-refuse"):
            await asyncio.sleep(1.0)
        if hearing in ("hear", "slow", "hang", "raise", "crash", "stop"):
            with self._noting():
                self._heard(batch)
        if hearing in ("stop", "stop-refuse"):
            await self._stop(batch.session)
        if hearing == "raise":
            raise RuntimeError("the pipe broke")
        if hearing == "crash":
            self.crash_in = 1
        if hearing in ("hang", "crash", "lose"):
            await asyncio.get_running_loop().create_future()
        return "refuse" not in hearing

    # ------------------------------------------------------------ at rest

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Keep a broken promise for `check`: raised in a handler it would only become a failed run."""
        try:
            yield
        except AssertionError as exc:
            self.broken.append(str(exc))
            raise

    def check(self) -> None:
        """What must hold at every moment."""
        assert not self.broken, self.broken[:3]
        for event in self.seen.accepted:
            assert event in self.disk.events, "P1: an accepted message is gone"
        for run in self.active:
            assert self.disk.runs[run].state in ALIVE, "P7: status before the fact"
        if not (self.crashed or self.crash_in is not None):
            waiting = [m.row for m in self.disk.waiting()]
            above = self.dispatcher._stops.above  # the discard of the rest is on its way
            awake = self.dispatcher.live_sessions()
            asleep = [row for row in waiting if row.id > above(row.event.session)]
            assert {row.event.session for row in asleep} <= set(awake), "messages wait and nobody looks after them"
        states = Counter(message.state for message in self.disk.messages.values())
        books = self.do(self._books())
        assert books.accepted == sum(states.values()) == sum(books.texts.values()) + sum(books.commands.values()), "P8"

    async def _books(self) -> Any:
        step, self.store._writer._step = self.store._writer._step, None
        books = await self.store.books()
        self.store._writer._step = step
        return books

    def settle(self) -> None:
        """Let everything come to its end; then every message is final and its chat was told (P8, P10)."""
        self.faults, self.crash_in, self.ambushes = 0, None, []
        for _ in range(40):
            self.advance(60)
            if not self.dispatcher.live_sessions():
                break
            for workspace in list(self.dispatcher._line.admission._quarantined):
                self.loop.call_soon(self.dispatcher.reopen, workspace)
        self.check()
        assert not self.dispatcher.live_sessions(), "work is left although nothing hinders it"
        keys = [stored.item for stored in self.disk.outbox.values()]
        runs_told = {item.run for item in keys if item.run is not None}
        for message in self.disk.messages.values():
            if message.kind == "command":
                continue
            assert message.state in FINAL, f"left {message.state}"
            if message.state in (State.ANSWERED, State.FAILED, State.INTERRUPTED):
                assert message.run in runs_told, "P10: a message ended in silence"
            if message.state is State.ANSWERED and message.row.event not in self.seen.given_to:
                assert f"run/{message.run}/doubt" in self.disk.keys, "P8: answered, and no agent was given it"
            if message.state is State.REFUSED:
                assert any(item.kind == "refusal" for item in keys), "P10: refused in silence"
        for event, times in self.seen.given.items():
            assert times == 1
            assert self.disk.messages[self.disk.events[event]].run == self.seen.given_to[event], "P8: another run's"
        for number, run in self.disk.runs.items():
            mine = sorted((message.row for message in self.disk.of_run(number)), key=lambda row: row.id)
            assert run.messages == tuple(row.id for row in mine), "P8: a run's messages"
            assert run.prompt == prompt_of(mine), "P8: a run's prompt"

    # ------------------------------------------------------------ Observer

    def queued(self, session: str, target: str, place: int, ahead: str) -> None:
        assert place >= 1
        self.seen.told.append(f"{session} {place} {ahead}")

    def admitted(self, session: str) -> None:
        self.seen.told.append(f"{session} admitted")

    def unsteerable(self, session: str, target: str) -> None:
        self.seen.told.append(f"{session} unsteerable")

    def trouble(self, session: str, text: str) -> None:
        self.seen.told.append(f"{session} trouble")


async def _ignore_cancellation(seconds: float) -> None:
    """A handler that will not be cancelled before its time: the dispatcher must neither wedge nor lie."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (left := end - loop.time()) > 0:
        try:
            await asyncio.sleep(left)
        except asyncio.CancelledError:
            continue


def _retrieve(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


__all__ = ["LIMITS", "World", "replace"]
