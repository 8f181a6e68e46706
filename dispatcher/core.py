"""The dispatcher: one drain loop per session that has work, one run per session and per workspace.

The inbox row is the truth. Everything here may be lost at any instant and is rebuilt by `wake`; so whatever changes a
session's rows wakes its lane, and a periodic sweep wakes every session that has waiting rows.

Book-keeping never awaits. Where an order matters, a comment says which and why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TypeVar

from dispatcher import refusals
from dispatcher.decide import Due, Idle, Interrupt, Steer, Verdict, Wait, decide
from dispatcher.execution import Execution, Insist
from dispatcher.lane import Lane, Running, size
from dispatcher.line import Line
from dispatcher.model import (
    Accepted,
    Change,
    Event,
    Glance,
    Handler,
    Inbox,
    Ledger,
    Limits,
    Message,
    Observer,
    Queue,
    Receipt,
    RunState,
    Stopped,
    StoreUnavailable,
)
from dispatcher.steering import Steering
from dispatcher.stops import Stops

T = TypeVar("T")


class Dispatcher:
    """Owns when what runs. Create it inside a running loop, enter `group` before the first call."""

    def __init__(
        self,
        inbox: Inbox,
        ledger: Ledger,
        handler: Handler,
        observer: Observer,
        *,
        limits: Limits,
        group: asyncio.TaskGroup,
        launched: Callable[[float], None] = lambda late: None,
    ) -> None:
        """`launched`: told how many seconds after the end of its window, or of the run before it, a batch was begun.

        Not told of batches that waited in line, which is no lateness, nor of those that were full before their time.
        """
        self._launched = launched
        self._inbox = inbox
        self._ledger = ledger
        self._insist = Insist(observer, limits.retry_delay)
        self._execution = Execution(ledger, handler, self._insist, limits, group)
        self._steering = Steering(ledger, handler, observer, self._insist, limits, group)
        self._limits = limits
        self._group = group
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self._line = Line(limits, observer)
        self._lanes: dict[str, Lane] = {}
        self._stops = Stops(ledger, self._insist, limits, self._spawn, self._discarded)
        self._tasks: set[asyncio.Task[object]] = set()  # everything started here and not ended
        self._closing = False
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    # ------------------------------------------------------------ what goes in

    def submit(self, message: Message) -> asyncio.Future[Receipt]:
        """Accept free text. Takes its place in the order now; durable when the future is done.

        Raises (from the future) StoreUnavailable, Fenced.
        """
        lane = self._lane(message.event.session)
        lane.arriving += 1
        put = self._put(lane, message)
        put.add_done_callback(partial(self._arrived, lane, self._loop.time()))
        # A caller that is cancelled must not take the store's own future with it.
        return asyncio.ensure_future(asyncio.shield(put))

    def edit(self, event: Event, text: str, by: str = "") -> asyncio.Future[Change]:
        """Replace the text of a waiting message; `by`: where it is this sender's."""
        return self._amended(event, self._inbox.edit(event, text, by))

    def retract(self, event: Event) -> asyncio.Future[Change]:
        """Take a waiting message back."""
        return self._amended(event, self._inbox.retract(event))

    def wake(self, session: str) -> None:
        """Something about this session changed. Idempotent; one look at its rows begins after this call."""
        if self._closed:
            return
        lane = self._lane(session)
        lane.wake.set()
        if not lane.draining:
            lane.draining = True
            self._spawn(self._drain(lane), f"drain {session}")

    def go(self, session: str) -> None:
        """Everything that waits in this session is due now."""
        self._lane(session).hurried_upto = self._inbox.last_id
        self.wake(session)

    def hold(self, session: str) -> None:
        """Let the text of this session wait (its project is being made) until `release`."""
        self._lane(session).holds += 1

    def release(self, session: str) -> None:
        self._lane(session).holds -= 1
        self.wake(session)

    async def start(self) -> None:
        """Wake every session with waiting rows, and go on doing so now and then."""
        await self._wake_waiting()
        self._spawn(self._sweep(), "sweep")

    # ------------------------------------------------------------ stop

    def stop(self, session: str, reason: str = "stop") -> Awaitable[Stopped]:
        """End the session's run and discard what waits, up to this instant of the inbox order.

        The watermark is set and the run is signalled before this returns, whatever disk or queue do; awaiting the
        result waits for the verdict.
        """
        mark = self._inbox.last_id
        self._stops.mark(session, mark)
        lane = self._lanes.get(session)
        run = lane.run if lane else None
        if run is not None:
            run.stopped_upto = mark
            run.signal.request(reason)
        return asyncio.shield(self._spawn(self._stops.perform(session, mark, run), f"stop {session}"))

    def end(self, session: str, number: int) -> Awaitable[Stopped]:
        """End one run and leave what waits alone. Signalled before this returns, as with `stop`."""
        lane = self._lanes.get(session)
        run = lane.run if lane and lane.run and lane.run.batch and lane.run.batch.run == number else None
        if run is not None:
            run.signal.request("stop")
        return asyncio.shield(self._spawn(self._ended_alone(session, run), f"end {number}"))

    async def _ended_alone(self, session: str, run: Running | None) -> Stopped:
        ended, unfinished = await self._stops.verdict(run)
        return Stopped(session, ended, 0, unfinished)

    def _discarded(self, session: str, mark: int) -> None:
        lane = self._lanes.get(session)
        if lane is not None:
            lane.forget(mark)
            lane.episode = self._inbox.last_id
            lane.repeats = ()  # what was stopped is not brought back by the next message
            self.wake(session)

    def live_sessions(self) -> tuple[str, ...]:
        """Sessions with rows on their way, waiting or running, as far as this process knows."""
        return tuple(self._lanes)

    def quarantine(self, workspace: str, why: str) -> None:
        self._line.admission.quarantine(workspace, why)

    def occupy(self, workspace: str, why: str) -> None:
        """Let runs for this workspace wait (its project is being made anew) until `vacate`."""
        self._line.admission.occupy(workspace, why)

    def vacate(self, workspace: str) -> None:
        self._line.admission.vacate(workspace)

    def reopen(self, workspace: str) -> None:
        """Processes of a run that could not be killed are gone after all."""
        self._line.admission.reopen(workspace)

    # ------------------------------------------------------------ arrival

    def _put(self, lane: Lane, message: Message) -> asyncio.Future[Receipt]:
        limits = self._limits
        if (length := size(message.text)) > limits.max_message_bytes:
            return self._inbox.refuse(message, "too long", refusals.too_long(message, length, limits))
        refusal = refusals.full(message, lane.episode, limits)
        return self._inbox.put(message, max_waiting=limits.max_waiting, refusal=refusal)

    def _arrived(self, lane: Lane, at: float, put: asyncio.Future[Receipt]) -> None:
        lane.arriving -= 1
        if not put.cancelled() and put.exception() is None and isinstance(receipt := put.result(), Accepted):
            lane.arrived[receipt.id] = at
        self.wake(lane.session)

    def _amended(self, event: Event, change: asyncio.Future[Change]) -> asyncio.Future[Change]:
        lane = self._lane(event.session)
        lane.arriving += 1

        def done(_: asyncio.Future[Change]) -> None:
            lane.arriving -= 1
            self.wake(event.session)

        change.add_done_callback(done)
        return asyncio.ensure_future(asyncio.shield(change))

    # ------------------------------------------------------------ the drain loop

    def _lane(self, session: str) -> Lane:
        lane = self._lanes.get(session)
        if lane is None:
            lane = self._lanes[session] = Lane(session, self._inbox.last_id)
            self._idle.clear()
        return lane

    async def _drain(self, lane: Lane) -> None:
        while True:
            lane.wake.clear()
            match await self._verdict(lane):
                case Idle():
                    self._line.withdraw(lane)
                    lane.due_at = None
                    if self._leave(lane):
                        return
                    await lane.wake.wait()
                case Wait(until):
                    self._line.withdraw(lane)
                    lane.due_at = until
                    await self._sleep(lane, lane.ask_at if until is None else until)
                case Due(ids):
                    # Nothing is awaited between the verdict and the launch, so the verdict still holds.
                    if self._line.admit(lane, ids):
                        self._launch(lane, ids)
                    else:
                        lane.due_at = None
                        await self._sleep(lane, self._line.tell_at(lane))
                case Interrupt():
                    self._interrupt(lane)
                    await lane.wake.wait()
                case Steer(ids):
                    self._steer(lane, ids)
                    await lane.wake.wait()

    async def _verdict(self, lane: Lane) -> Verdict:
        queue = await self._look(lane)
        now = self._loop.time()
        lane.ask_at = None
        if queue is None or lane.retry_at > now:
            return Wait(lane.retry_at)
        # A stop that came while the rows were being read counts already.
        mark = self._stops.above(lane.session)
        lane.rows = tuple(row for row in queue.rows if row.id > mark)
        if lane.rows and (lane.holds or self._closing):
            return Wait(None)
        return decide(
            lane.pending(self._start),
            running=lane.run is not None,
            mode=queue.mode,
            hurried_upto=lane.hurried_upto,
            now=now,
            limits=self._limits,
            steerable=self._steering.binding(lane) if lane.rows and queue.mode == "steer" else None,
        )

    async def _look(self, lane: Lane) -> Queue | None:
        """The session's waiting rows; None while the store cannot be read."""
        above = self._stops.above(lane.session)
        try:
            return await self._ledger.queue(lane.session, above=above, limit=self._limits.max_batch_messages + 1)
        except StoreUnavailable as exc:
            self._unreadable(lane, exc)
            return None

    def _unreadable(self, lane: Lane, exc: StoreUnavailable) -> None:
        self._insist.tell(lane.session, str(exc))
        lane.retry_at = self._loop.time() + self._limits.retry_delay

    async def _sleep(self, lane: Lane, until: float | None) -> None:
        if until is None:
            await lane.wake.wait()
            return
        alarm = self._loop.call_at(until, lane.wake.set)
        try:
            await lane.wake.wait()
        finally:
            alarm.cancel()

    def _leave(self, lane: Lane) -> bool:
        """Drop the lane unless something happened meanwhile; same tick as the end of its drain loop."""
        if lane.wake.is_set() or lane.arriving or lane.run or lane.holds:
            return False
        del self._lanes[lane.session]
        if not self._lanes:
            self._idle.set()
        return True

    # ------------------------------------------------------------ runs

    def _launch(self, lane: Lane, ids: tuple[int, ...]) -> None:
        run = lane.run = Running(self._loop.time(), self._line.leave(lane), due_at=lane.due_at)
        lane.due_at = None
        self._spawn(self._run(lane, run, ids), f"run {lane.session}")

    def _steer(self, lane: Lane, ids: tuple[int, ...]) -> None:
        # Made in the tick of the verdict, so that the run's end waits for it, and a second one is never begun.
        if (run := lane.run) is not None:
            run.steering = self._spawn(self._steered(lane, run, ids), f"steer {lane.session}")

    async def _steered(self, lane: Lane, run: Running, ids: tuple[int, ...]) -> None:
        try:
            await self._steering.perform(lane, run, ids)
        finally:
            run.steering = None
            lane.episode = self._inbox.last_id
            self.wake(lane.session)

    def _interrupt(self, lane: Lane) -> None:
        # Before the hand-over there is no turn to interrupt; the lane is woken when there is one.
        if lane.run is not None and lane.run.handler is not None:
            lane.run.signal.request("interrupt")

    async def _run(self, lane: Lane, run: Running, ids: tuple[int, ...]) -> None:
        # Never cancelled by a stop, only the handler's task is: whatever happens to that, the end is recorded here.
        try:
            if await self._claim(lane, run, ids):
                self._execution.hand_over(run)
                self._measure(run)
                lane.wake.set()  # there is a turn now that may be interrupted
                await self._execution.finish(run)
        finally:
            self._conclude(lane, run)

    def _measure(self, run: Running) -> None:
        late = self._loop.time() - run.due_at if run.due_at is not None else -1.0
        if late >= 0:
            self._launched(late)

    async def _claim(self, lane: Lane, run: Running, ids: tuple[int, ...]) -> bool:
        try:
            claimed = await self._execution.claim(run, lane.session, ids, lane.repeats)
        except StoreUnavailable as exc:
            self._unreadable(lane, exc)
            return False
        lane.forget(ids[-1])
        lane.episode = self._inbox.last_id
        return claimed

    def _conclude(self, lane: Lane, run: Running) -> None:
        if run.outcome is not None:
            lane.repeats = run.batch.repeats + run.batch.rows if run.batch and run.outcome.repeat else ()
            if run.outcome.state is RunState.FAILED_TO_KILL:
                self._line.admission.quarantine(run.ticket.workspace, run.outcome.reason)
        self._line.admission.release(run.ticket)
        lane.run = None
        lane.due_at = self._loop.time()
        # What arrived meanwhile is the follow-up batch: due now, no second window.
        lane.hurried_upto = max(lane.hurried_upto, self._inbox.last_id)
        run.judged.set()
        run.over.set()
        self.wake(lane.session)

    # ------------------------------------------------------------ whole

    def glance(self) -> tuple[Glance, ...]:
        """Live sessions: those that run, then those in line."""
        now = self._loop.time()
        running = [
            Glance(lane.session, run.batch.run if run.batch else None, now - run.since, None)
            for lane in self._lanes.values()
            if (run := lane.run) is not None
        ]
        queued = [
            Glance(lane.session, None, now - lane.waiting_since, place.number, place.ahead)
            for lane in self._lanes.values()
            if lane.ticket is not None and not lane.ticket.admitted
            for place in [self._line.admission.place(lane.ticket)]
        ]
        return (*running, *queued)

    def waiting(self) -> int:
        """Messages that wait in live sessions, as last read: for a status line, not for the books."""
        return sum(lane.arriving + len(lane.rows) for lane in self._lanes.values())

    async def idle(self) -> None:
        """Wait until nothing arrives, waits or runs."""
        await self._idle.wait()

    def stalled(self) -> bool:
        """Whether all that is left waits for workspaces in which processes could not be killed."""
        return bool(self._lanes) and all(
            lane.run is None and not lane.arriving and self._line.is_barred(lane) for lane in self._lanes.values()
        )

    async def close(self, grace: float, hurry: asyncio.Event | None = None) -> None:
        """Start nothing new, let runs end within `grace` seconds (or until `hurry`), stop the rest, end all loops."""
        self._closing = True
        runs = [lane.run for lane in self._lanes.values() if lane.run is not None]
        if runs:
            await self._grace(runs, grace, hurry or asyncio.Event())
        for run in runs:
            if not run.over.is_set():
                run.signal.request("shutdown")
        for run in runs:
            await self._stops.verdict(run)
            await self._recorded(run)
        self._closed = True
        # What is left only waits: for work that will not come, or for a disk that does not take it.
        for task in self._tasks:
            task.cancel("dispatcher closed")

    async def _recorded(self, run: Running) -> None:
        """Give the record of a run's end a moment; a disk that stays full must not keep the bot alive."""
        recorded = self._spawn(run.over.wait(), "recorded")
        await asyncio.wait({recorded}, timeout=self._limits.stop_deadline)

    async def _grace(self, runs: list[Running], grace: float, hurry: asyncio.Event) -> None:
        waits = {self._spawn(_all_over(runs), "runs over"), self._spawn(hurry.wait(), "hurry")}
        await asyncio.wait(waits, timeout=grace, return_when=asyncio.FIRST_COMPLETED)

    def _spawn(self, work: Coroutine[object, object, T], name: str) -> asyncio.Task[T]:
        task = self._group.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is not None:
            # None of our tasks ends like that while the group lives: it takes no new ones from here on.
            self._closed = True

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._limits.sweep)
            await self._wake_waiting()

    async def _wake_waiting(self) -> None:
        try:
            sessions = await self._ledger.waiting_sessions()
        except StoreUnavailable:
            return  # the next sweep looks again
        for session in sessions:
            self.wake(session)


async def _all_over(runs: list[Running]) -> None:
    for run in runs:
        await run.over.wait()
