"""What commands may ask of the bot, answered from the store, the dispatcher and what is alive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version

from bot.access import Account, Roll, barred
from bot.agents.base import KillReport, Launcher
from bot.commands.model import (
    AgentInfo,
    Asker,
    InLine,
    MemberDesk,
    ProjectDesk,
    ResetReport,
    RetryResult,
    Role,
    SentFile,
    StatusReport,
    StopReport,
    Work,
)
from bot.halts import Halts, may_stop
from bot.restart import workspace_of_run
from bot.runs.asking import Asking, Decision, Question, Reaction
from bot.runs.chores import Chores
from bot.runs.leases import Leases
from bot.runs.live import LiveRuns
from bot.runs.words import named
from bot.scheduling import Retries, next_time
from bot.sending import Sending
from bot.store.records import RunRecord, Scheduled, SessionSettings
from bot.store.rules import ALIVE
from bot.store.store import Store
from dispatcher.core import Dispatcher
from dispatcher.model import (
    Binding,
    Ended,
    Event,
    Message,
    Notice,
    Outcome,
    Receipt,
    Refused,
    RunState,
    Stopped,
    StoreUnavailable,
)


class FrontDesk:
    """Implements bot.commands.model.Desk."""

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        halts: Halts,
        live: LiveRuns,
        launcher: Launcher,
        agents: Callable[[], Awaitable[Sequence[AgentInfo]]],
        leases: Leases,
        asking: Asking,
        retries: Retries,
        projects: ProjectDesk,
        chores: Chores,
        sending: Sending,
        members: MemberDesk,
        roll: Roll,
        *,
        default: Binding,
        max_waiting: int,
        announced: Callable[[], None],  # something was put into the outbox
        trouble: Callable[[], tuple[str, ...]],  # what is wrong at this moment, a line each
        strangers: Callable[[], int],  # messages turned away since the start
        edits: Callable[[str], bool],  # whether messages of ours to a target can be changed
        repeated: Callable[[Message, Receipt], None] = lambda message, receipt: None,  # a message is said once more
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._halts = halts
        self._live = live
        self._launcher = launcher
        self._agents = agents
        self._leases = leases
        self._asking = asking
        self._retries = retries
        self._projects = projects
        self._chores = chores
        self._sending = sending
        self._members = members
        self._roll = roll
        self._trouble = trouble
        self._strangers = strangers
        self._edits = edits
        self._repeated = repeated
        self._default = default
        self._max_waiting = max_waiting
        self._announced = announced

    @property
    def projects(self) -> ProjectDesk:
        return self._projects

    @property
    def members(self) -> MemberDesk:
        return self._members

    def now(self) -> float:
        return time.time()

    def version(self) -> str:
        return version("tugbot")

    async def agents(self) -> Sequence[AgentInfo]:
        return await self._agents()

    # ------------------------------------------------------------ stop

    async def stop_session(self, asker: Asker) -> StopReport:
        # The runs first: a disk that is full must not keep anyone from hearing what became of them.
        stopped, rested = await self._result(asker), await self._rested(asker)
        return StopReport(stopped, rested=rested, unscheduled=await self._unscheduled(asker.session))

    async def _unscheduled(self, session: str) -> int | None:
        try:
            return await self._store.schedule.cancel(session)
        except StoreUnavailable:
            return None  # which the receipt tells

    async def stop_all(self, asker: Asker) -> StopReport:
        return StopReport(await self._result(asker), rested=await self._rested(asker))

    async def _rested(self, asker: Asker) -> tuple[KillReport, ...]:
        return await self._halts.rested(_event(asker))

    async def stop_run(self, asker: Asker, run: int) -> StopReport:
        stopped = await self._result(asker)
        if stopped:
            return StopReport(stopped, asked=run)
        record = await self._store.runs.get(run)
        if record is None:
            return StopReport(asked=run, obstacle="unknown")
        if not may_stop(asker.session, record.session, asker.role):
            return StopReport(asked=run, obstacle="foreign")
        if record.state is RunState.FAILED_TO_KILL:
            return StopReport((await self._kill_again(record),), asked=run)
        return StopReport(asked=run, obstacle="over")

    async def _result(self, asker: Asker) -> tuple[Stopped, ...]:
        stopped = await self._halts.result(_event(asker))
        await self._tell_others(asker, stopped)
        return stopped

    async def _tell_others(self, asker: Asker, stopped: Sequence[Stopped]) -> None:
        """A run that was stopped from elsewhere is told where it was asked for."""
        for each in stopped:
            for ended in each.ended if each.session != asker.session else ():
                record = await self._store.runs.get(ended.run)
                if record is not None:
                    text = f"Run {ended.run} was stopped by {named(asker.sender_name)}."
                    notice = Notice(record.target, text, "receipt", f"run/{ended.run}/stopped-elsewhere")
                    await self._store.outbox.add([notice], run=ended.run)
        self._announced()

    async def _kill_again(self, record: RunRecord) -> Stopped:
        process = self._live.stuck.get(record.id)
        report = await (process.kill() if process else self._kill_leftover(record))
        state = RunState.FAILED_TO_KILL if report.survivors else RunState.STOPPED
        await self._store.runs.update(record.id, state=state, kill_report=asdict(report))
        if state is RunState.STOPPED:
            self._live.stuck.pop(record.id, None)
            self._dispatcher.reopen(workspace_of_run(record))
        seconds = (record.ended_at or self.now()) - (record.started_at or record.queued_at)
        outcome = Outcome(state, record={"kill_report": report})
        return Stopped(record.session, (Ended(record.id, seconds, outcome),))

    async def _kill_leftover(self, record: RunRecord) -> KillReport:
        if record.containment is None:
            return KillReport(0, 0.0, True)
        return await self._launcher.kill_leftover(record.containment)

    # ------------------------------------------------------------ work

    async def go(self, session: str) -> int:
        waiting = await self._store.ledger.queue(session, above=0, limit=self._max_waiting)
        self._dispatcher.go(session)
        return len(waiting.rows)

    async def status(self, session: str) -> StatusReport:
        now = asyncio.get_running_loop().time()
        work = {run: live for run, live in self._live.running.items() if live.batch.session == session}
        chores = {run: chore for run, chore in self._chores.live.items() if chore.job.session == session}
        since = await self._store.ledger.waiting_since(session)
        turns = (
            Work(run, "agent", live.agent, live.batch.binding.project, now - live.began, now - live.heard)
            for run, live in work.items()
        )
        others = (Work(run, chore.job.title, None, None, now - chore.began) for run, chore in chores.items())
        return StatusReport(
            running=(*turns, *others),
            in_line=tuple(
                InLine(glance.place, glance.ahead, glance.seconds)
                for glance in self._dispatcher.glance()
                if glance.place is not None and glance.session == session
            ),
            waiting=tuple(self.now() - at for at in since),
            elsewhere=len(self._live.running) - len(work) + len(self._chores.live) - len(chores),
            trouble=self._trouble(),
            strangers=self._strangers(),
            questions=self._asking.open(session),
            scheduled=tuple((item.run, item.due_at) for item in await self._store.schedule.of(session)),
            limited=self._limited(),
            now=self.now(),
            books=await self._store.books(),
        )

    async def runs(self, session: str, n: int) -> Sequence[RunRecord]:
        return await self._store.runs.last(session, n)

    async def run(self, id: int) -> RunRecord | None:  # noqa: A002 - the word of the command
        return await self._store.runs.get(id)

    def _limited(self) -> tuple[tuple[str, float | None], ...]:
        """Agents that were refused by their provider, as long as that is known to last."""
        return tuple((name, until) for name, until in self._live.limited.items() if not until or until > self.now())

    def answer(self, asker: Asker, decision: Decision, why: str = "") -> Reaction:
        reaction = self._asking.answer(
            asker.session, decision, why, asker.sender_name, lambda each: _may_answer(each, asker), asker.answers
        )
        # Whoever pressed sees the question change; whoever typed may be far below it.
        pressed = reaction.result == "taken" and bool(asker.answers)
        return replace(reaction, shown=pressed and self._edits(asker.target))

    def question(self, session: str) -> Question | None:
        return self._asking.latest(session)

    async def send(self, asker: Asker, path: str) -> SentFile:
        return await self._sending.send(asker, path)

    async def retry(self, asker: Asker, run: int | None, message_id: int, moment: str = "") -> RetryResult:
        record = await self.to_retry(asker, run)
        if record is None:
            return RetryResult("nothing" if run is None else "unknown", run)
        if not may_stop(asker.session, record.session, asker.role):
            return RetryResult("foreign", record.id)
        if record.state in ALIVE:
            return RetryResult("active", record.id)
        if moment:
            return await self._retry_later(asker, record, message_id, moment)
        # An event id of its own, made of the command's: a redelivered `retry` is no second one.
        event = Event(asker.session, asker.transport, asker.account, f"retry/{message_id}")
        message = Message(
            event,
            asker.sender,
            asker.sender_name,
            record.prompt,
            asker.target,
            direct=True,
            default=self._default,
            needs_project=barred(self._role(asker), event, asker.target),
        )
        receipt = await self._store.inbox.put(message, max_waiting=self._max_waiting, refusal=None)
        self._repeated(message, receipt)
        self._dispatcher.go(asker.session)
        if isinstance(receipt, Refused):
            return RetryResult("refused", record.id, reason=receipt.reason)
        return RetryResult("again", record.id, len(record.messages), message=receipt.id)

    def _role(self, asker: Asker) -> Role | None:
        """As it is now: it may have been taken away since the command was accepted."""
        return self._roll.role(Account(asker.transport, asker.sender))

    async def _retry_later(self, asker: Asker, record: RunRecord, message_id: int, moment: str) -> RetryResult:
        due = record.resets_at if moment == "reset" else next_time(moment, self.now())
        if due is None:
            return RetryResult("no reset", record.id)
        item = Scheduled(
            id=0,  # given by the store
            run=record.id,
            session=asker.session,
            transport=asker.transport,
            account=asker.account,
            event_id=f"retry/{message_id}",
            sender=asker.sender,
            sender_name=asker.sender_name,
            text=record.prompt,
            target=asker.target,
            due_at=due,
            direct=True,
        )
        await self._retries.add(item)
        return RetryResult("later", record.id, len(record.messages), due=due)

    async def to_retry(self, asker: Asker, run: int | None) -> RunRecord | None:
        if run is not None:
            return await self._store.runs.get(run)
        return next(iter(await self._store.runs.last(asker.session, 1)), None)

    async def reset(self, session: str) -> ResetReport:
        ending = self._leases.end(session)
        forgotten = await self._store.sessions.forget_native(session)
        return ResetReport(forgotten > 0, await ending)

    async def settings(self, session: str) -> SessionSettings:
        return await self._store.sessions.settings(session)


def _event(asker: Asker) -> Event:
    return Event(asker.session, asker.transport, asker.account, asker.event_id)


def _may_answer(question: Question, asker: Asker) -> bool:
    """On the bot's own machine operators alone; in a container also whoever the run works for."""
    if asker.role in ("operator", "owner"):
        return True
    asked_by = {(row.event.transport, row.sender) for row in question.batch.rows}
    return question.place == "container" and (asker.transport, asker.sender) in asked_by
