"""What there was and is, a page at a time: for those who look, not for those who act."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select

from bot.store.database import Database
from bot.store.records import MessageRecord, RunRecord, RunsWanted, SessionRecord
from bot.store.rows import AnyRow, settings_of
from bot.store.runs import found_runs, is_alive
from bot.store.tables import is_past, is_waiting, messages, outbox, runs, sessions
from dispatcher.model import SessionKey, State


class History:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def sessions(
        self, *, limit: int, after: SessionKey | None = None, bound: bool = False
    ) -> Sequence[SessionRecord]:
        """The latest heard first, from behind the session `after`; `bound`: those alone that are about a project."""
        return await self._database.read(
            "list_sessions", lambda connection: _records(connection, _page(connection, limit, after, bound))
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

    async def runs(self, wanted: RunsWanted) -> Sequence[RunRecord]:
        """Newest first."""
        page = select(runs).where(*_conditions(wanted)).order_by(runs.c.id.desc()).limit(wanted.limit)
        return await self._database.read("list_runs", lambda connection: found_runs(connection, page))


# ---------------------------------------------------------------- sessions


def _page(connection: Connection, limit: int, after: SessionKey | None, bound: bool) -> Select[Any]:
    latest = select(sessions).order_by(sessions.c.last_seen.desc(), sessions.c.session).limit(limit)
    if bound:
        latest = latest.where(sessions.c.project.is_not(None))
    if after is None:
        return latest
    seen = connection.execute(select(sessions.c.last_seen).where(sessions.c.session == after)).scalar()
    if seen is None:
        return latest.where(false())  # nothing is behind a session that is not there
    same = and_(sessions.c.last_seen == seen, sessions.c.session > after)
    return latest.where(or_(sessions.c.last_seen < seen, same))


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
    found: dict[SessionKey, list[int]] = defaultdict(list)
    mine = select(runs.c.session, runs.c.id).where(is_alive, runs.c.session.in_(names)).order_by(runs.c.id)
    for session, run in connection.execute(mine):
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
    replies = {row.key: row.text for row in connection.execute(said)}
    return [_message_of(row, replies.get(f"command/{row.id}", "")) for row in found]


def _message_of(row: AnyRow, reply: str) -> MessageRecord:
    return MessageRecord(
        id=row.id,
        session=row.session,
        transport=row.transport,
        event_id=row.event_id,
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
