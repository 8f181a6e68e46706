"""Stands around the parts that record what happens, and tells of it when they have recorded it, never before.

Each class is its part's twin in what it offers; without somebody to tell there is no need for any of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bot.agents.base import KillReport, ToolCall
from bot.happenings.model import (
    Happening,
    MessagesAnswered,
    MessagesDiscarded,
    MessagesJoined,
    MessagesReturned,
    ProjectChanged,
    RunEnded,
    RunNoted,
    RunRunning,
    RunStarted,
    RunText,
    RunTool,
    Tell,
)
from bot.projects.model import Project, Registry
from bot.store.records import RunRecord
from bot.store.rules import ROWS_END
from dispatcher.model import Batch, Ledger, Notice, Outcome, Queue, Row, RunState


class WitnessedLedger:
    """dispatcher.model.Ledger around another: turns, and the messages they are about."""

    def __init__(self, ledger: Ledger, tell: Tell) -> None:
        self._ledger = ledger
        self._tell = tell

    async def queue(self, session: str, *, above: int, limit: int) -> Queue:
        return await self._ledger.queue(session, above=above, limit=limit)

    async def waiting_sessions(self) -> Sequence[str]:
        return await self._ledger.waiting_sessions()

    async def claim(self, session: str, ids: Sequence[int]) -> Batch | None:
        batch = await self._ledger.claim(session, ids)
        if batch is not None:
            self._tell(
                RunStarted(
                    session=session,
                    run=batch.run,
                    project=batch.binding.project,
                    work="agent",
                    agent=batch.binding.agent,
                    messages=_ids(batch.rows),
                )
            )
        return batch

    async def join(self, run: int, session: str, ids: Sequence[int]) -> tuple[Row, ...]:
        rows = await self._ledger.join(run, session, ids)
        if rows:
            self._tell(MessagesJoined(session=session, run=run, ids=_ids(rows)))
        return rows

    async def give_back(self, run: int, ids: Sequence[int]) -> int:
        count = await self._ledger.give_back(run, ids)
        if count:
            self._tell(MessagesReturned(run=run, ids=tuple(ids)))
        return count

    async def finish(self, batch: Batch, outcome: Outcome) -> None:
        await self._ledger.finish(batch, outcome)
        state = ROWS_END[outcome.state].value
        of = {"session": batch.session, "run": batch.run, "project": batch.binding.project}
        self._tell(MessagesAnswered(ids=_ids(batch.rows), state=state, **of))  # type: ignore[arg-type]
        self._tell(_ended(batch.run, outcome))

    async def discard(self, session: str, upto: int) -> int:
        count = await self._ledger.discard(session, upto)
        if count:
            self._tell(MessagesDiscarded(session=session, count=count, upto=upto))
        return count


class Runs(Protocol):
    """bot.store.runs.Runs, as chores and turns use it."""

    def create(
        self, kind: str, *, session: str, target: str, requested_by: str, project: str | None, prompt: str
    ) -> asyncio.Future[int]: ...

    def update(self, run: int, **columns: object) -> asyncio.Future[bool]: ...

    def end(self, run: int, outcome: Outcome) -> asyncio.Future[bool]: ...

    async def since_success(self, session: str, agent: str, project: str | None) -> list[RunRecord]: ...


class WitnessedRuns:
    """The book of runs around another."""

    def __init__(self, runs: Runs, tell: Tell) -> None:
        self._runs = runs
        self._tell = tell

    def create(
        self, kind: str, *, session: str, target: str, requested_by: str, project: str | None, prompt: str
    ) -> asyncio.Future[int]:
        made = self._runs.create(
            kind, session=session, target=target, requested_by=requested_by, project=project, prompt=prompt
        )

        def told(run: int) -> Happening:
            return RunStarted(session=session, run=run, project=project, work=kind, title=prompt)

        return self._afterwards(made, told)

    def update(self, run: int, **columns: object) -> asyncio.Future[bool]:
        written = self._runs.update(run, **columns)
        if columns.get("state") is not RunState.RUNNING:
            return written
        return self._afterwards(written, lambda done: RunRunning(run=run) if done else None)

    def end(self, run: int, outcome: Outcome) -> asyncio.Future[bool]:
        return self._afterwards(self._runs.end(run, outcome), lambda done: _ended(run, outcome) if done else None)

    async def since_success(self, session: str, agent: str, project: str | None) -> list[RunRecord]:
        return await self._runs.since_success(session, agent, project)

    def _afterwards(self, write: asyncio.Future[Any], told: Callable[[Any], Happening | None]) -> asyncio.Future[Any]:
        """Tells before anybody goes on who waits for the write: callbacks are called in the order they were added."""

        def over(done: asyncio.Future[Any]) -> None:
            if not done.cancelled() and done.exception() is None and (happening := told(done.result())) is not None:
                self._tell(happening)

        write.add_done_callback(over)
        return write


class Reply(Protocol):
    """bot.replies.writer.ReplyWriter, or whoever stands around it."""

    answer: list[str]

    def text(self, delta: str) -> None: ...

    def tool(self, call: ToolCall) -> None: ...

    def line(self, text: str, key: str, ended: bool) -> None: ...

    def notice(self, text: str) -> None: ...

    def flush(self) -> asyncio.Future[None] | None: ...

    def mute(self) -> None: ...

    async def finish(self, footer: str = "", trouble: str = "") -> tuple[Notice, ...]: ...


class WitnessedReply:
    """A run's reply around another: what is shown there is told here, and nothing after its end was asked for."""

    def __init__(self, reply: Reply, run: int, tell: Tell) -> None:
        self._reply = reply
        self._run = run
        self._tell = tell
        self._muted = False
        self.answer = reply.answer

    def text(self, delta: str) -> None:
        self._reply.text(delta)
        self._told(RunText(run=self._run, text=delta))

    def tool(self, call: ToolCall) -> None:
        self._reply.tool(call)
        self._told(
            RunTool(
                run=self._run,
                call=call.id,
                title=call.title,
                tool=call.kind,
                status=call.status,
                detail=call.detail,
            )
        )

    def line(self, text: str, key: str, ended: bool) -> None:
        self._reply.line(text, key, ended)  # progress of a chore, which tells of its steps itself

    def notice(self, text: str) -> None:
        self._reply.notice(text)
        self._told(RunNoted(run=self._run, text=text))

    def flush(self) -> asyncio.Future[None] | None:
        return self._reply.flush()

    def mute(self) -> None:
        self._reply.mute()
        self._muted = True

    async def finish(self, footer: str = "", trouble: str = "") -> tuple[Notice, ...]:
        return await self._reply.finish(footer, trouble)

    def _told(self, happening: Happening) -> None:
        if not self._muted:
            self._tell(happening)


def witnessed(writer: Callable[[int, str, str], Reply], tell: Tell) -> Callable[[int, str, str], WitnessedReply]:
    """Of a maker of replies (run, target and header) one whose replies are told of."""
    return lambda run, target, header: WitnessedReply(writer(run, target, header), run, tell)


class WitnessedRegistry:
    """bot.projects.model.Registry around another."""

    def __init__(self, registry: Registry, tell: Tell) -> None:
        self._registry = registry
        self._tell = tell
        self._known: dict[int, Project] = {}  # by id, as it was told the last time

    async def reserve(self, project: Project, ports: Sequence[int]) -> Project:
        made = await self._registry.reserve(project, ports)
        self._changed(made)
        return made

    async def change(self, project: Project, fields: Sequence[str] = ()) -> None:
        await self._registry.change(project, fields)
        if not fields or {"state", "seen"} & set(fields):
            self._changed(project)

    async def remove(self, project: int) -> None:
        await self._registry.remove(project)
        if (known := self._known.pop(project, None)) is not None:
            self._tell(ProjectChanged(project=known.name, session=known.session or None, state="removed"))

    async def get(self, name: str) -> Project | None:
        found = await self._registry.get(name)
        if found is not None:
            self._known.setdefault(found.id, found)
        return found

    async def all(self) -> Sequence[Project]:
        found = await self._registry.all()
        for project in found:
            self._known.setdefault(project.id, project)
        return found

    def _changed(self, project: Project) -> None:
        known = self._known.get(project.id)
        self._known[project.id] = project
        if known is None or (known.state, known.seen) != (project.state, project.seen):
            told = ProjectChanged(
                project=project.name,
                session=project.session or None,
                state=project.state.value,
                container=project.seen,
            )
            self._tell(told)


def _ids(rows: Sequence[Row]) -> tuple[int, ...]:
    return tuple(row.id for row in rows)


def _ended(run: int, outcome: Outcome) -> RunEnded:
    record = outcome.record
    report = record.get("kill_report")
    return RunEnded(
        run=run,
        state=outcome.state.value,
        reason=outcome.reason,
        cost=record.get("cost"),  # type: ignore[arg-type]  # columns of the run record
        tokens_in=record.get("tokens_in"),  # type: ignore[arg-type]
        tokens_out=record.get("tokens_out"),  # type: ignore[arg-type]
        killed=KillReport(**report) if isinstance(report, dict) else None,
    )
