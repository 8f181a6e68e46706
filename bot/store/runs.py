"""What happened: the record of every run."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, insert, select, update

from bot.store.database import Database
from bot.store.outbox import say
from bot.store.records import RunRecord
from bot.store.rows import run_of
from bot.store.rules import ALIVE, end_columns, keyed, revives, run_columns
from bot.store.tables import messages, runs
from dispatcher.model import Notice, Outcome, RunState, SessionKey

is_alive = runs.c.state.in_(sorted(ALIVE))


class Runs:
    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        kind: str,
        *,
        session: SessionKey,
        target: str,
        requested_by: str,
        project: str | None = None,
        agent: str | None = None,
        prompt: str = "",
        state: RunState = RunState.QUEUED,
    ) -> asyncio.Future[int]:
        """A run that is no agent's turn on a batch (those are made by Ledger.claim); its id, given at the call."""
        values = {
            "id": self._database.ids.next_run(),
            "kind": kind,
            "session": session,
            "project": project,
            "requested_by": requested_by,
            "agent": agent,
            "state": state.value,
            "target": target,
            "queued_at": self._database.clock(),
            "prompt": prompt,
        }
        return self._database.write("create_run", lambda connection: _create(connection, values))

    def update(self, run: int, **columns: object) -> asyncio.Future[bool]:
        """Change columns of a run (bot.store.rules.RUN_COLUMNS).

        False, and nothing changed: no such run, or it has ended and `state` would bring it back to life.
        Raises ValueError for a column that runs do not have.
        """
        plain = run_columns(columns)
        return self._database.write("update_run", lambda connection: _update(connection, run, plain))

    def end(self, run: int, outcome: Outcome) -> asyncio.Future[bool]:
        """End a run made by `create`, with its notices. False: it had ended already, and nothing was said."""
        columns, notices = end_columns(outcome, self._database.clock()), keyed(outcome.notices)
        return self._database.write("end_run", lambda connection: self._end(connection, run, columns, notices))

    async def get(self, run: int) -> RunRecord | None:
        found = await self._read(_query().where(runs.c.id == run))
        return found[0] if found else None

    async def last(self, session: SessionKey | None = None, limit: int = 10) -> Sequence[RunRecord]:
        """Newest first; of one session or of all."""
        of = _query() if session is None else _query().where(runs.c.session == session)
        return await self._read(of.order_by(runs.c.id.desc()).limit(limit))

    async def alive(self) -> Sequence[RunRecord]:
        """Those that have not ended, oldest first."""
        return await self._read(_query().where(is_alive).order_by(runs.c.id))

    async def under_way(self) -> Mapping[tuple[str, str], int]:
        """How many have not ended, by kind and state."""
        counted = select(runs.c.kind, runs.c.state, func.count()).where(is_alive).group_by(runs.c.kind, runs.c.state)
        found = await self._database.read("under_way", lambda connection: connection.execute(counted).all())
        return {(kind, state): count for kind, state, count in found}

    async def failed_to_kill(self) -> Sequence[RunRecord]:
        """Those whose workspace is quarantined, oldest first."""
        unkilled = runs.c.state == RunState.FAILED_TO_KILL.value
        return await self._read(_query().where(unkilled).order_by(runs.c.id))

    async def since_success(
        self, session: SessionKey, agent: str, project: str | None, limit: int = 5
    ) -> list[RunRecord]:
        """Turns of a conversation that ended otherwise after its last one that succeeded: the newest, oldest first."""
        turn = _is_turn(session, agent, project)
        succeeded = select(runs.c.id).where(turn, runs.c.state == RunState.SUCCEEDED.value)
        last = succeeded.order_by(runs.c.id.desc()).limit(1).scalar_subquery()
        after = _query().where(turn, runs.c.id > func.coalesce(last, 0), ~is_alive)
        return (await self._read(after.order_by(runs.c.id.desc()).limit(limit)))[::-1]

    async def spent(self, since: float, agent: str | None = None) -> float:
        """US dollars of the runs that ended at `since` (Unix seconds) or later; of one agent or of all."""
        cost = select(func.coalesce(func.sum(runs.c.cost), 0.0)).where(runs.c.ended_at >= since)
        of = cost if agent is None else cost.where(runs.c.agent == agent)
        return await self._database.read("spent", lambda connection: float(connection.execute(of).scalar_one()))

    async def _read(self, query: Select[Any]) -> list[RunRecord]:
        return await self._database.read("runs", lambda connection: found_runs(connection, query))

    def _end(self, connection: Connection, run: int, columns: Mapping[str, object], notices: Sequence[Notice]) -> bool:
        if not ended(connection, run, columns):
            return False
        say(connection, notices, self._database.clock(), self._database.ids, run)
        return True


def ended(connection: Connection, run: int, columns: Mapping[str, object]) -> bool:
    """Record the end of a run unless it has one already."""
    return connection.execute(update(runs).where(runs.c.id == run, is_alive).values(**columns)).rowcount > 0


def found_runs(connection: Connection, query: Select[Any]) -> list[RunRecord]:
    found = connection.execute(query).all()
    batches: dict[int, list[int]] = defaultdict(list)
    member = messages.c.run.in_([row.id for row in found])
    for run, message in connection.execute(select(messages.c.run, messages.c.id).where(member).order_by(messages.c.id)):
        batches[run].append(message)
    return [run_of(row, batches[row.id]) for row in found]


def living_runs(connection: Connection) -> list[RunRecord]:
    return found_runs(connection, _query().where(is_alive).order_by(runs.c.id))


def _is_turn(session: SessionKey, agent: str, project: str | None) -> ColumnElement[bool]:
    of = and_(runs.c.kind == "agent", runs.c.session == session, runs.c.agent == agent)
    return and_(of, runs.c.project.is_not_distinct_from(project))


def _query() -> Select[Any]:
    return select(runs)


def _create(connection: Connection, values: Mapping[str, Any]) -> int:
    connection.execute(insert(runs).values(**values))
    return int(values["id"])


def _update(connection: Connection, run: int, columns: Mapping[str, object]) -> bool:
    here: ColumnElement[bool] = runs.c.id == run
    if revives(columns):
        here = and_(here, is_alive)
    return connection.execute(update(runs).where(here).values(**columns)).rowcount > 0
