"""What there was and is, a page at a time: for those who look, not for those who act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Select, and_, case, cast, false, func, or_, select, true

from bot.store.database import Database
from bot.store.records import MessageRecord, RunRecord, RunsOfDay, RunsWanted, SessionRecord
from bot.store.rows import AnyRow, settings_of
from bot.store.rules import PRIVATE
from bot.store.runs import found_runs, is_alive
from bot.store.tables import is_past, is_waiting, messages, outbox, runs, sessions
from dispatcher.model import RunState, SessionKey, State

DAY = 86_400  # seconds


class History:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def sessions(
        self, *, limit: int, after: SessionKey | None = None, bound: bool = False, own: SessionKey | None = None
    ) -> Sequence[SessionRecord]:
        """The latest heard first, from behind the session `after`.

        `bound`: those alone that are about a project, and `own` with those below it ("<own>/…"); with `own`, no
        others of the page's.
        """
        wanted = _bound(own) if bound else true()
        return await self._database.read(
            "list_sessions", lambda connection: _records(connection, _page(connection, limit, after, wanted))
        )

    async def session(self, key: SessionKey) -> SessionRecord | None:
        this = select(sessions).where(sessions.c.session == key)
        found = await self._database.read("session", lambda connection: _records(connection, this))
        return found[0] if found else None

    async def target(self, session: SessionKey) -> str | None:
        """Where the newest message of a session is answered; None: it has none."""
        newest = await self._database.read("target", lambda connection: _newest(connection, session, 1, None))
        return str(newest[0].target) if newest else None

    async def messages(self, session: SessionKey, *, limit: int, before: int | None = None) -> Sequence[MessageRecord]:
        """Newest first, with ids below `before`."""
        return await self._database.read(
            "list_messages", lambda connection: _messages(connection, _newest(connection, session, limit, before))
        )

    async def message(self, number: int) -> MessageRecord | None:
        this = select(messages).where(messages.c.id == number)
        found = await self._database.read(
            "message", lambda connection: _messages(connection, connection.execute(this).all())
        )
        return found[0] if found else None

    async def days(self, since: int, *, bound: bool = False) -> Sequence[RunsOfDay]:
        """Of the runs that have ended on the day `since` (days since 1970-01-01) or later, the oldest day first.

        Days without one are left out. `bound`: runs alone that are about a project.
        """
        return await self._database.read("days_of_runs", lambda connection: _days(connection, since, bound))

    async def runs(self, wanted: RunsWanted) -> Sequence[RunRecord]:
        """Newest first."""
        page = select(runs).where(*_conditions(wanted)).order_by(runs.c.id.desc()).limit(wanted.limit)
        return await self._database.read("list_runs", lambda connection: found_runs(connection, page))


# ---------------------------------------------------------------- sessions


def _bound(own: SessionKey | None) -> ColumnElement[bool]:
    """By characters, because LIKE takes no notice of case in SQLite, and ranges follow a language in PostgreSQL."""
    bound = sessions.c.project.is_not(None)
    if own is None:
        return bound
    below = f"{own}/"
    shared = and_(bound, func.substr(sessions.c.session, 1, len(PRIVATE)) != PRIVATE)
    return or_(shared, sessions.c.session == own, func.substr(sessions.c.session, 1, len(below)) == below)


def _page(connection: Connection, limit: int, after: SessionKey | None, wanted: ColumnElement[bool]) -> Select[Any]:
    latest = select(sessions).order_by(sessions.c.last_seen.desc(), sessions.c.session).limit(limit).where(wanted)
    if after is None:
        return latest
    seen = connection.execute(select(sessions.c.last_seen).where(sessions.c.session == after)).scalar()
    if seen is None:
        return latest.where(false())  # nothing is behind a session that is not there
    same = and_(sessions.c.last_seen == seen, sessions.c.session > after)
    # The first condition says nothing new, but it is the one that an index can begin at.
    return latest.where(sessions.c.last_seen <= seen, or_(sessions.c.last_seen < seen, same))


def _records(connection: Connection, page: Select[Any]) -> list[SessionRecord]:
    found = connection.execute(page).all()
    names = [row.session for row in found]
    waiting, alive = _waiting(connection, names), _alive(connection, names)
    return [
        SessionRecord(
            row.session, settings_of(row), row.last_seen, waiting.get(row.session, 0), tuple(alive[row.session])
        )
        for row in found
    ]


def _waiting(connection: Connection, names: Sequence[SessionKey]) -> Mapping[SessionKey, int]:
    counted = select(messages.c.session, func.count()).where(messages.c.session.in_(names), is_waiting)
    return {row[0]: row[1] for row in connection.execute(counted.group_by(messages.c.session))}


def _alive(connection: Connection, names: Sequence[SessionKey]) -> Mapping[SessionKey, Sequence[int]]:
    """All that are alive are few; asked for by session as well, SQLite would read every run that these ever had."""
    found: dict[SessionKey, list[int]] = {name: [] for name in names}
    for session, run in connection.execute(select(runs.c.session, runs.c.id).where(is_alive).order_by(runs.c.id)):
        if session in found:
            found[session].append(run)
    return found


# ---------------------------------------------------------------- messages and runs


def _newest(connection: Connection, session: SessionKey, limit: int, before: int | None) -> Sequence[AnyRow]:
    """Two questions, each with an index of its own: together they would have none that the inbox can afford."""
    mine = select(messages).where(messages.c.session == session).order_by(messages.c.id.desc()).limit(limit)
    page = mine if before is None else mine.where(messages.c.id < before)
    found = [row for state in (is_waiting, is_past) for row in connection.execute(page.where(state))]
    return sorted(found, key=lambda row: -row.id)[:limit]


def _messages(connection: Connection, found: Sequence[AnyRow]) -> list[MessageRecord]:
    keys = [f"command/{row.id}" for row in found if row.kind == "command"]
    said = select(outbox.c.key, outbox.c.text).where(outbox.c.key.in_(keys))
    replies = {row.key: row.text for row in connection.execute(said)} if keys else {}
    return [_message_of(row, replies.get(f"command/{row.id}", "")) for row in found]


def _message_of(row: AnyRow, reply: str) -> MessageRecord:
    return MessageRecord(
        id=row.id,
        session=row.session,
        transport=row.transport,
        account=row.account,
        event_id=row.event_id,
        sender=row.sender,
        sender_name=row.sender_name,
        text=row.text,
        kind=row.kind,
        state=State(row.state),
        reason=row.reason,
        accepted_at=row.accepted_at,
        project=row.project,
        agent=row.agent,
        run=row.run,
        attachments=len(row.attachments),
        reply=reply,
    )


def _conditions(wanted: RunsWanted) -> Sequence[ColumnElement[bool]]:
    exact = {runs.c.session: wanted.session, runs.c.project: wanted.project, runs.c.state: wanted.state}
    conditions = [column == value for column, value in exact.items() if value is not None]
    if wanted.before is not None:
        conditions.append(runs.c.id < wanted.before)
    if wanted.bound:
        conditions.append(runs.c.project.is_not(None))
    return conditions


# ---------------------------------------------------------------- days


def _days(connection: Connection, since: int, bound: bool) -> list[RunsOfDay]:
    whole = runs.c.ended_at / DAY
    # SQLite cuts what is behind the point off, PostgreSQL would round; only that one is sure to have floor.
    day = cast(whole if connection.dialect.name == "sqlite" else func.floor(whole), Integer).label("day")
    begun = func.coalesce(runs.c.started_at, runs.c.ended_at)
    columns = {
        "runs": func.count(),
        "succeeded": _count(RunState.SUCCEEDED),
        "stopped": _count(RunState.STOPPED),
        "waited": func.sum(begun - runs.c.queued_at),
        "ran": func.sum(runs.c.ended_at - begun),
        "cost": func.sum(runs.c.cost),
        "tokens_in": func.sum(runs.c.tokens_in),
        "tokens_out": func.sum(runs.c.tokens_out),
    }
    summed = select(day, *(column.label(name) for name, column in columns.items()))
    ended = summed.where(runs.c.ended_at >= since * DAY).group_by(day).order_by(day)
    found = connection.execute(ended.where(runs.c.project.is_not(None)) if bound else ended)
    return [_day_of(row) for row in found]


def _count(state: RunState) -> ColumnElement[int]:
    return func.sum(case((runs.c.state == state.value, 1), else_=0))


def _day_of(row: AnyRow) -> RunsOfDay:
    return RunsOfDay(
        day=row.day,
        runs=row.runs,
        succeeded=row.succeeded,
        stopped=row.stopped,
        waited=row.waited,
        ran=row.ran,
        cost=row.cost,
        tokens_in=int(row.tokens_in),  # PostgreSQL sums whole numbers to decimals
        tokens_out=int(row.tokens_out),
    )
