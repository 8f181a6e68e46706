"""An agent's turn on a batch: started contained, shown as it grows, ended with proof or left to rest."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from bot import logs
from bot.agents.base import Agent, AgentRun, Identity, Launcher, Turn
from bot.agents.config import Place
from bot.agents.prompt import build_prompt
from bot.errors import UserError
from bot.runs import attachments, briefing, verdict, words
from bot.runs.asking import Asking
from bot.runs.attachments import Brought
from bot.runs.budget import Budget
from bot.runs.killing import kill
from bot.runs.leases import Holder, Leases, Rest
from bot.runs.listening import Conversations, Listener, Reply, Staff
from bot.runs.live import LiveRun, LiveRuns
from bot.runs.permitting import Permitting
from bot.runs.sitting import Sitting
from bot.runs.values import as_value
from bot.runs.watch import Pulse
from bot.runs.workplaces import Workplace, Workplaces
from bot.store.records import RunRecord
from dispatcher.line import workspace_of
from dispatcher.model import Batch, Notice, Outcome, RunState, StopSignal, StoreUnavailable

log = logging.getLogger(__name__)

RECORD_PAUSE = 1.0  # seconds between attempts to record a containment while the disk is full
TOLD = 10_000  # sessions remembered as told that nothing hides the user's files


class RunBook(Protocol):
    def update(self, run: int, **columns: object) -> asyncio.Future[bool]: ...

    async def since_success(self, session: str, agent: str, project: str | None) -> list[RunRecord]: ...


@dataclass(frozen=True, slots=True)
class House:
    """What all turns share."""

    workplaces: Workplaces
    book: RunBook
    conversations: Conversations
    live: LiveRuns
    leases: Leases
    asking: Asking
    budget: Budget
    reply: Callable[[int, str, str], Reply]  # run, target and header
    interrupt_grace: float  # seconds
    brief: str  # a template, see bot.agents.prompt.build_brief; "": none
    group: asyncio.TaskGroup


class Turns:
    """The dispatcher's handler."""

    def __init__(self, staff: Mapping[str, Staff], house: House) -> None:
        self._staff = staff
        self._house = house
        self._live = house.live
        self._warned: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, batch: Batch, stop: StopSignal) -> Outcome:
        logs.about(run=batch.run, session=batch.session, transport=batch.rows[0].event.transport)
        name = batch.binding.agent or ""
        staff = self._staff.get(name)
        if staff is None:
            text = words.no_such_agent(name, tuple(self._staff))
            return Outcome(RunState.FAILED, text, (Notice(batch.target, text, "failure", f"run/{batch.run}/1"),))
        live = self._live.begin(batch, name)
        try:
            return await self._turn(batch, stop, staff, live)
        finally:
            self._live.end(batch.run)

    def can_steer(self, run: int) -> bool | None:
        """Whether the run's turn may take further text now. None: its agent never does."""
        live = self._live.running.get(run)
        if live is not None and not self._staff[live.agent].agent.can_steer:
            return None
        return live is not None and live.turn is not None and live.can_steer

    async def steer(self, batch: Batch) -> bool:
        """Hand further messages to the turn of `batch.run`. False: they were not given to the agent."""
        live = self._live.running.get(batch.run)
        if live is None or live.turn is None or not live.can_steer:
            return False
        brought = await attachments.bring(batch, live.workplace) if live.workplace else Brought({})
        taken = await live.turn.steer(build_prompt(batch, keeps_conversation=True, tell=brought.tell))
        if taken:
            for trouble in brought.troubles:
                live.say(trouble)
            live.say(words.steered(len(batch.rows)))
        return taken

    async def _turn(self, batch: Batch, stop: StopSignal, staff: Staff, live: LiveRun) -> Outcome:
        reply = self._house.reply(
            batch.run,
            batch.target,
            words.header(batch.run, len(batch.rows), staff.agent.name, batch.binding.project),
        )
        listener = self._listener(batch, staff, reply, live)
        if self._house.budget.is_spent():
            return await verdict.refused(listener, words.over_budget(self._house.budget.per_day))
        try:
            workplace = await self._house.workplaces.of(batch)
            live.workplace = workplace
            self._warn(batch, reply, workplace)
            turn = await self._prepare(batch, staff, workplace, reply)
            listener.account.spent = turn.spent
            run = await self._begin(turn, batch, listener, stop, workplace)
        except (UserError, OSError) as exc:
            return await verdict.broken(listener, str(exc))
        if run is None:
            return await verdict.never_began(listener, stop.reason or "stop")
        live.turn, live.say = run, reply.notice
        sitting = Sitting(
            run,
            listener,
            stop,
            self._house.interrupt_grace,
            self._house.group,
            lambda run, listener: self._rest(run, listener, stop),
        )
        end = await sitting.until_dead()
        if end.report is not None and end.report.survivors:
            self._live.stuck[batch.run] = run.process
        self._note_limit(listener)
        return await verdict.outcome(listener, end)

    def _note_limit(self, listener: Listener) -> None:
        """Which agents are refused by their provider, for `status`."""
        name, account = listener.staff.agent.name, listener.account
        if account.finished is not None and not account.finished.is_error:
            self._live.limited.pop(name, None)
        elif account.limited is not None:
            self._live.limited[name] = account.limited.until

    def _listener(self, batch: Batch, staff: Staff, reply: Reply, live: LiveRun) -> Listener:
        house, pulse = self._house, Pulse()
        place: Place = "container" if batch.binding.project else "host"
        policy = staff.permissions.container if batch.binding.project else staff.permissions.host
        permitting = Permitting(batch, staff.agent.name, place, policy, house.asking, reply, pulse)
        return Listener(batch, staff, reply, live, house.conversations, house.budget, permitting, pulse, house.group)

    def _warn(self, batch: Batch, reply: Reply, workplace: Workplace) -> None:
        if workplace.launcher.hides_home or batch.session in self._warned:
            return
        self._warned[batch.session] = None
        while len(self._warned) > TOLD:
            self._warned.popitem(last=False)
        reply.notice(words.sees_files())

    async def _prepare(self, batch: Batch, staff: Staff, workplace: Workplace, reply: Reply) -> Turn:
        name, project = staff.agent.name, batch.binding.project
        kept = await self._house.conversations.native(batch.session, name, project)
        missed = await self._house.book.since_success(batch.session, name, project) if kept else []
        brought = await attachments.bring(batch, workplace)
        for trouble in brought.troubles:
            reply.notice(trouble)
        return Turn(
            run=batch.run,
            # Rows of an interrupted turn are handed over by the dispatcher only where they must be repeated.
            prompt=briefing.reminder(missed) + build_prompt(batch, keeps_conversation=False, tell=brought.tell),
            cwd=workplace.cwd,
            native_session=kept.native if kept else None,
            spent=kept.spent if kept else None,
            brief=briefing.brief(self._house.brief, batch) if staff.briefed else "",
            contained=lambda identity: self._contained(batch.run, identity, workplace.launcher.name),
            environ={"TUGBOT_RUN": str(batch.run), "TUGBOT_SESSION": batch.session},
        )

    async def _contained(self, run: int, identity: Identity, method: str) -> None:
        """The program waits behind its gate until the run is on disk as alive, disk full or not."""
        known = replace(identity, method=method)
        while True:
            try:
                await self._house.book.update(run, state=RunState.RUNNING, containment=known)
            except StoreUnavailable as exc:
                log.warning("run %s waits: it cannot be recorded as alive (%s)", run, exc)
                await asyncio.sleep(RECORD_PAUSE)
            else:
                return

    async def _begin(
        self, turn: Turn, batch: Batch, listener: Listener, stop: StopSignal, workplace: Workplace
    ) -> AgentRun | None:
        """The agent that rests for this conversation, else one started anew."""
        agent = listener.staff.at(workplace.place)
        workspace = workspace_of(batch.rows[0])
        holder = Holder(workspace, batch.session, agent.name, batch.binding.project, turn.native_session or "")
        rest = await self._house.leases.take(workspace, holder)
        if rest is not None and (run := await rest.run.again(turn)) is not None:
            listener.idle = rest.idle
            # Its processes live already; what has not happened yet is that anything was said to them.
            listener.recorded = self._contained(batch.run, run.process.identity, workplace.launcher.name)
            return run
        if rest is not None:
            await kill(rest.run.process)
        return await self._start(turn, agent, stop, workplace.launcher)

    async def _rest(self, run: AgentRun, listener: Listener, stop: StopSignal) -> bool:
        """Let the agent rest after a turn that ended well. False: its processes are to be ended."""
        batch, account, idle = listener.batch, listener.account, listener.idle
        good = account.finished is not None and not account.finished.is_error
        if not good or idle is None or account.native is None:
            return False
        workspace = workspace_of(batch.rows[0])
        agent = listener.staff.agent.name
        holder = Holder(workspace, batch.session, agent, batch.binding.project, account.native)
        kept = await self._house.leases.keep(holder, Rest(run, idle))
        if kept and stop.reason is not None:  # it came while we looked, and found nothing resting
            await self._house.leases.end(batch.session)
        return kept

    async def _start(self, turn: Turn, agent: Agent, stop: StopSignal, launcher: Launcher) -> AgentRun | None:
        """None: stopped before it had begun; nothing is running then. Raises what the launcher raises."""
        starting = self._house.group.create_task(as_value(agent.start(turn, launcher)), name=f"start {turn.run}")
        stopping = self._house.group.create_task(stop.wait(), name=f"stop of start {turn.run}")
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if not starting.done():
                starting.cancel()
                await asyncio.wait({starting})
        if starting.cancelled():
            return None
        if isinstance(result := starting.result(), Exception):
            raise result
        return result
