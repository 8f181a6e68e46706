"""What was received."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, select, text, update

from bot.store.accept import Known, Put, plan
from bot.store.database import Database
from bot.store.outbox import say
from bot.store.records import SessionSettings
from bot.store.rows import event_of, settings_of
from bot.store.rules import keyed, rebound
from bot.store.tables import is_command, is_waiting, messages, sessions
from dispatcher.model import Change, Event, Kind, Message, Notice, Receipt, SessionKey, State

_EVENT = (messages.c.transport, messages.c.account, messages.c.session, messages.c.event_id)
_NAME = (messages.c.transport, messages.c.account, messages.c.event_id)


class Inbox:
    """dispatcher.model.Inbox, and the ends of commands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def last_id(self) -> int:
        return self._database.ids.messages

    def put(self, message: Message, *, max_waiting: int, refusal: Notice | None) -> asyncio.Future[Receipt]:
        rebound(SessionSettings(), message.binds)  # a wrong setting is the caller's mistake: say so now, to the caller
        return self._put(message, max_waiting, "", refusal)

    def refuse(self, message: Message, reason: str, notice: Notice | None) -> asyncio.Future[Receipt]:
        return self._put(message, 0, reason, notice)

    def _put(self, message: Message, max_waiting: int, reason: str, notice: Notice | None) -> asyncio.Future[Receipt]:
        told = keyed([notice])[0] if notice else None
        put = Put(self._database.ids.next_message(), message, self._database.clock(), max_waiting, reason, told)
        return self._database.write_together("put", self._accept, put)

    def edit(self, event: Event, text: str, by: str = "") -> asyncio.Future[Change]:
        return self._database.write("edit", lambda connection: _change(connection, event, {"text": text}, by))

    def retract(self, event: Event) -> asyncio.Future[Change]:
        changes = {"state": State.RETRACTED.value}
        return self._database.write("retract", lambda connection: _change(connection, event, changes))

    def command_done(self, number: int, notices: Sequence[Notice] = (), *, ok: bool = True) -> asyncio.Future[bool]:
        """End an accepted command together with its reply. False: it had ended already, and nothing was said."""
        told, state = keyed(notices), State.DONE if ok else State.FAILED
        return self._database.write(
            "command_done", lambda connection: self._command_done(connection, number, state, told)
        )

    async def project_of(self, number: int) -> str | None:
        """The project that a message was bound to when it was accepted, before whatever it binds itself."""
        this = select(messages.c.project).where(messages.c.id == number)
        return await self._database.read("project_of", lambda connection: connection.execute(this).scalar_one_or_none())

    async def session_of(self, transport: str, account: str, event_id: str) -> SessionKey | None:
        """Where an event was taken in; the first place, where a network uses its ids again."""
        named = and_(*(column == value for column, value in zip(_NAME, (transport, account, event_id), strict=True)))
        first = select(messages.c.session).where(named).order_by(messages.c.id).limit(1)
        return await self._database.read("session_of", lambda connection: connection.execute(first).scalar())

    async def direct_targets(self) -> Mapping[tuple[str, str], str]:
        """Where people (transport and sender) wrote to the bot alone the last time. Reads the whole inbox."""
        person = messages.c.transport, messages.c.sender
        newest = select(func.max(messages.c.id)).where(messages.c.direct).group_by(*person)
        found = select(*person, messages.c.target).where(messages.c.id.in_(newest))
        rows = await self._database.read("direct_targets", lambda connection: connection.execute(found).all())
        return {(row.transport, row.sender): row.target for row in rows}

    async def recent_events(self, kind: Kind = "command", limit: int = 100) -> Sequence[Event]:
        """Of the newest messages of a kind, newest first."""
        return await self._database.read("recent_events", lambda connection: _recent(connection, kind, limit))

    def _accept(self, connection: Connection, puts: Sequence[Put]) -> Sequence[Receipt]:
        known = _known(connection, puts)
        before = set(known.settings)
        planned = plan(puts, known)
        if planned.rows:
            connection.execute(insert(messages), planned.rows)
            _remember(connection, known, before, planned.seen)
        say(connection, planned.notices, self._database.clock(), self._database.ids)
        return planned.receipts

    def _command_done(self, connection: Connection, number: int, state: State, notices: Sequence[Notice]) -> bool:
        accepted = and_(messages.c.id == number, messages.c.state == State.ACCEPTED.value)
        if not connection.execute(update(messages).where(accepted).values(state=state.value)).rowcount:
            return False
        say(connection, notices, self._database.clock(), self._database.ids)
        return True


def _known(connection: Connection, puts: Sequence[Put]) -> Known:
    names = {name for put in puts for name in (put.message.event.session, put.message.parent) if name}
    return Known(_events(connection, puts), _settings(connection, names), _waiting(connection, puts))


def _events(connection: Connection, puts: Sequence[Put]) -> dict[Event, int]:
    wanted = json.dumps([_key(put.message.event) for put in puts])
    found = connection.execute(_FIND_EVENTS[connection.dialect.name], {"events": wanted})
    return {event_of(row): row.id for row in found}


# A join, because SQLite answers `(a, b, c, d) IN (…)` by reading the whole index; from one parameter, because a
# statement with thousands of them is compiled anew for every size of group.
_FIND_EVENTS = {
    "sqlite": text(
        "SELECT m.id, m.transport, m.account, m.session, m.event_id"
        " FROM json_each(:events) AS e CROSS JOIN messages AS m"
        " ON m.transport = json_extract(e.value, '$[0]') AND m.account = json_extract(e.value, '$[1]')"
        " AND m.session = json_extract(e.value, '$[2]') AND m.event_id = json_extract(e.value, '$[3]')"
    ),
    "postgresql": text(
        "SELECT m.id, m.transport, m.account, m.session, m.event_id"
        " FROM json_array_elements(CAST(:events AS json)) AS e JOIN messages AS m"
        " ON m.transport = e ->> 0 AND m.account = e ->> 1 AND m.session = e ->> 2 AND m.event_id = e ->> 3"
    ),
}


def _settings(connection: Connection, names: set[SessionKey]) -> dict[SessionKey, SessionSettings]:
    found = connection.execute(select(sessions).where(sessions.c.session.in_(names)))
    return {row.session: settings_of(row) for row in found}


def _waiting(connection: Connection, puts: Sequence[Put]) -> dict[SessionKey, int]:
    names = {put.message.event.session for put in puts if put.message.kind == "text" and not put.reason}
    if not names:
        return {}
    counted = (
        select(messages.c.session, func.count())
        .where(messages.c.session.in_(names), is_waiting)
        .group_by(messages.c.session)
    )
    return {row[0]: row[1] for row in connection.execute(counted)}


def _remember(connection: Connection, known: Known, before: set[SessionKey], seen: dict[SessionKey, float]) -> None:
    new = [_session_row(name, known.settings[name], at) for name, at in seen.items() if name not in before]
    old = [_session_row(name, known.settings[name], at, "at_") for name, at in seen.items() if name in before]
    if new:
        connection.execute(insert(sessions), new)
    if old:
        connection.execute(_UPDATE_SESSION, old)


_UPDATE_SESSION = (
    update(sessions)
    .where(sessions.c.session == bindparam("at_session"))
    .values({name: bindparam(f"at_{name}") for name in ("project", "agent", "mode", "ambient", "last_seen")})
)


def _session_row(name: SessionKey, settings: SessionSettings, at: float, prefix: str = "") -> dict[str, object]:
    return {
        f"{prefix}session": name,
        f"{prefix}project": settings.project,
        f"{prefix}agent": settings.agent,
        f"{prefix}mode": settings.mode,
        f"{prefix}ambient": settings.ambient,
        f"{prefix}last_seen": at,
    }


def _change(connection: Connection, event: Event, changes: dict[str, str], by: str = "") -> Change:
    here = and_(_is(event), messages.c.sender == by) if by else _is(event)
    if connection.execute(update(messages).where(here, is_waiting).values(changes)).rowcount:
        return "changed"
    return "unknown" if connection.execute(select(messages.c.id).where(here)).first() is None else "late"


def _is(event: Event) -> ColumnElement[bool]:
    return and_(*(column == value for column, value in zip(_EVENT, _key(event), strict=True)))


def _key(event: Event) -> tuple[str, str, str, str]:
    return event.transport, event.account, event.session, event.event_id


def _recent(connection: Connection, kind: Kind, limit: int) -> Sequence[Event]:
    of_kind = is_command if kind == "command" else messages.c.kind == kind
    newest = select(*_EVENT).where(of_kind).order_by(messages.c.id.desc()).limit(limit)
    return [event_of(row) for row in connection.execute(newest)]
