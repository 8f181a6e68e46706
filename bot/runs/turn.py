"""An agent's turn on a batch: started contained, shown as it grows, ended with proof."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from bot.agents.base import Agent, AgentRun, Identity, Launcher, Turn
from bot.agents.prompt import build_prompt
from bot.errors import UserError
from bot.runs import verdict, words
from bot.runs.listening import Conversations, Listener, Reply, Staff
from bot.runs.live import LiveRun, LiveRuns
from bot.runs.sitting import Sitting
from bot.runs.values import as_value
from dispatcher.model import Batch, Notice, Outcome, RunState, StopSignal, StoreUnavailable

log = logging.getLogger(__name__)

RECORD_PAUSE = 1.0  # seconds between attempts to record a containment while the disk is full


class RunBook(Protocol):
    def update(self, run: int, **columns: object) -> asyncio.Future[bool]: ...


class Turns:
    """The dispatcher's handler."""

    def __init__(
        self,
        staff: Mapping[str, Staff],
        launcher: Launcher,
        book: RunBook,
        conversations: Conversations,
        live: LiveRuns,
        *,
        reply: Callable[[Batch, str], Reply],  # batch and header
        scratch: Callable[[str], Path],  # a session's own directory, made if it is not there
        interrupt_grace: float,
        group: asyncio.TaskGroup,
    ) -> None:
        self._staff = staff
        self._launcher = launcher
        self._book = book
        self._conversations = conversations
        self._live = live
        self._reply = reply
        self._scratch = scratch
        self._grace = interrupt_grace
        self._group = group
        self._warned: set[str] = set()  # sessions that were told that nothing hides the user's files

    async def __call__(self, batch: Batch, stop: StopSignal) -> Outcome:
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

    async def _turn(self, batch: Batch, stop: StopSignal, staff: Staff, live: LiveRun) -> Outcome:
        agent = staff.agent
        reply = self._reply(batch, words.header(batch.run, len(batch.rows), agent.name, batch.binding.project))
        self._warn(batch, reply)
        turn = await self._prepare(batch, agent)
        listener = Listener(batch, staff, reply, live, self._conversations)
        try:
            run = await self._start(turn, agent, stop)
        except (UserError, OSError) as exc:
            return await verdict.broken(listener, str(exc))
        if run is None:
            return await verdict.never_began(listener, stop.reason or "stop")
        live.process = run.process
        end = await Sitting(run, listener, stop, self._grace, self._group).until_dead()
        if end.report.survivors:
            self._live.stuck[batch.run] = run.process
        return await verdict.outcome(listener, end)

    def _warn(self, batch: Batch, reply: Reply) -> None:
        if not self._launcher.hides_home and batch.session not in self._warned:
            self._warned.add(batch.session)
            reply.notice(words.sees_files())

    async def _prepare(self, batch: Batch, agent: Agent) -> Turn:
        native = await self._conversations.native(batch.session, agent.name, batch.binding.project)
        return Turn(
            run=batch.run,
            # Rows of an interrupted turn are handed over by the dispatcher only where they must be repeated.
            prompt=build_prompt(batch, keeps_conversation=False),
            cwd=self._scratch(batch.session),
            native_session=native,
            contained=lambda identity: self._contained(batch.run, identity),
            environ={"TUGBOT_RUN": str(batch.run), "TUGBOT_SESSION": batch.session},
        )

    async def _contained(self, run: int, identity: Identity) -> None:
        """The program waits behind its gate until the run is on disk as alive, disk full or not."""
        known = replace(identity, method=self._launcher.name)
        while True:
            try:
                await self._book.update(run, state=RunState.RUNNING, containment=known)
            except StoreUnavailable as exc:
                log.warning("run %s waits: it cannot be recorded as alive (%s)", run, exc)
                await asyncio.sleep(RECORD_PAUSE)
            else:
                return

    async def _start(self, turn: Turn, agent: Agent, stop: StopSignal) -> AgentRun | None:
        """None: stopped before it had begun; nothing is running then. Raises what the launcher raises."""
        starting = self._group.create_task(as_value(agent.start(turn, self._launcher)), name=f"start {turn.run}")
        stopping = self._group.create_task(stop.wait(), name=f"stop of start {turn.run}")
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
