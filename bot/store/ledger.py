"""Moves accepted texts through their states."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, insert, select, update

from bot.hidden import shown
from bot.store.database import Database
from bot.store.outbox import say
from bot.store.rows import row_of
from bot.store.rules import ROWS_END, end_columns, keyed, prompt_of
from bot.store.runs import ended, is_alive
from bot.store.tables import is_waiting, messages, runs, sessions
from dispatcher.model import Batch, Notice, Outcome, Queue, Row, RunState, SessionKey, State


class Ledger:
    """dispatcher.model.Ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def queue(self, session: SessionKey, *, above: int, limit: int) -> Queue:
        return await self._database.read("queue", lambda connection: _queue(connection, session, above, limit))

    async def waiting_sessions(self) -> Sequence[SessionKey]:
        waiting = select(messages.c.session).where(is_waiting).distinct()
        return await self._database.read(
            "waiting_sessions", lambda connection: connection.execute(waiting).scalars().all()
        )

    async def waiting_since(self, session: SessionKey) -> Sequence[float]:
        """When each waiting row was accepted, oldest first, wall seconds."""
        waiting = select(messages.c.accepted_at).where(messages.c.session == session, is_waiting)
        oldest_first = waiting.order_by(messages.c.id)
        return await self._database.read(
            "waiting_since", lambda connection: connection.execute(oldest_first).scalars().all()
        )

    def claim(self, session: SessionKey, ids: Sequence[int]) -> asyncio.Future[Batch | None]:
        run, now, wanted = self._database.ids.next_run(), self._database.clock(), tuple(ids)
        return self._database.write("claim", lambda connection: _claim(connection, run, session, wanted, now))

    def join(self, run: int, session: SessionKey, ids: Sequence[int]) -> asyncio.Future[tuple[Row, ...]]:
        wanted = tuple(ids)
        return self._database.write("join", lambda connection: _join(connection, run, session, wanted))

    def give_back(self, run: int, ids: Sequence[int]) -> asyncio.Future[int]:
        unheard = tuple(ids)
        return self._database.write("give_back", lambda connection: _give_back(connection, run, unheard))

    def finish(self, batch: Batch, outcome: Outcome) -> asyncio.Future[None]:
        """A second finish of a batch changes nothing. Raises ValueError for an outcome that is none."""
        columns, notices = end_columns(outcome, self._database.clock()), keyed(outcome.notices)
        return self._database.write(
            "finish", lambda connection: self._finish(connection, batch.run, outcome, columns, notices)
        )

    def discard(self, session: SessionKey, upto: int) -> asyncio.Future[int]:
        return self._database.write("discard", lambda connection: discard(connection, session, upto))

    def _finish(
        self,
        connection: Connection,
        run: int,
        outcome: Outcome,
        columns: Mapping[str, object],
        notices: Sequence[Notice],
    ) -> None:
        if ended(connection, run, columns):
            move = update(messages).where(messages.c.run == run)
            connection.execute(move.values(state=ROWS_END[outcome.state].value, reason=shown(outcome.reason)))
            say(connection, notices, self._database.clock(), self._database.ids, run)


def discard(connection: Connection, session: SessionKey | None, upto: int) -> int:
    """Stop what waits in a session (None: in all) with an id up to `upto`; how many."""
    below = update(messages).where(is_waiting, messages.c.id <= upto)
    if session is not None:
        below = below.where(messages.c.session == session)
    return connection.execute(below.values(state=State.STOPPED.value, reason="stop")).rowcount


def _queue(connection: Connection, session: SessionKey, above: int, limit: int) -> Queue:
    waiting = select(messages).where(messages.c.session == session, is_waiting, messages.c.id > above)
    rows = tuple(row_of(row) for row in connection.execute(waiting.order_by(messages.c.id).limit(limit)))
    mode = connection.execute(select(sessions.c.mode).where(sessions.c.session == session)).scalar_one_or_none()
    return Queue(rows, mode or "collect")


def _claim(connection: Connection, run: int, session: SessionKey, ids: Sequence[int], now: float) -> Batch | None:
    rows = _still_waiting(connection, session, ids)
    if not rows:
        return None
    connection.execute(insert(runs).values(**_starting(run, rows, now)))
    _take(connection, run, rows)
    return Batch(run, rows)


def _join(connection: Connection, run: int, session: SessionKey, ids: Sequence[int]) -> tuple[Row, ...]:
    rows = _still_waiting(connection, session, ids) if _is_on(connection, run) else ()
    if rows:
        _take(connection, run, rows)
        _retell(connection, run)
    return rows


def _give_back(connection: Connection, run: int, ids: Sequence[int]) -> int:
    if not _is_on(connection, run):
        return 0
    claimed = messages.c.state == State.CLAIMED.value
    joined = update(messages).where(messages.c.run == run, claimed, messages.c.id.in_(ids))
    count = connection.execute(joined.values(state=State.WAITING.value, run=None)).rowcount
    _retell(connection, run)
    return count


def _still_waiting(connection: Connection, session: SessionKey, ids: Sequence[int]) -> tuple[Row, ...]:
    wanted = select(messages).where(messages.c.session == session, is_waiting, messages.c.id.in_(ids))
    return tuple(row_of(row) for row in connection.execute(wanted.order_by(messages.c.id)))


def _take(connection: Connection, run: int, rows: Sequence[Row]) -> None:
    claimed = update(messages).where(messages.c.id.in_([row.id for row in rows]))
    connection.execute(claimed.values(state=State.CLAIMED.value, run=run))


def _is_on(connection: Connection, run: int) -> bool:
    return connection.execute(select(runs.c.id).where(runs.c.id == run, is_alive)).first() is not None


def _retell(connection: Connection, run: int) -> None:
    """The run's prompt is what its messages say."""
    texts = select(messages).where(messages.c.run == run).order_by(messages.c.id)
    prompt = prompt_of([row_of(row) for row in connection.execute(texts)])
    connection.execute(update(runs).where(runs.c.id == run).values(prompt=prompt))


def _starting(run: int, rows: Sequence[Row], now: float) -> dict[str, object]:
    first, last = rows[0], rows[-1]
    return {
        "id": run,
        "kind": "agent",
        "session": first.event.session,
        "project": first.binding.project,
        "requested_by": last.sender_name,
        "agent": first.binding.agent,
        "state": RunState.STARTING.value,
        "target": last.target,
        "queued_at": now,
        "started_at": now,
        "prompt": prompt_of(rows),
    }
