"""What a session was told to be, and the conversations that agents keep for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import Connection, delete, insert, select, update

from bot.store.database import Database
from bot.store.records import Conversation, SessionSettings
from bot.store.rows import settings_of
from bot.store.tables import native_sessions, sessions
from dispatcher.model import SessionKey


class Sessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def settings(self, session: SessionKey) -> SessionSettings:
        """Settings change with a command's put (Message.binds); unknown sessions have the defaults."""
        return await self._database.read("settings", lambda connection: _settings(connection, session))

    async def all(self) -> Mapping[SessionKey, bool]:
        """Every session there is, and whether it is ambient."""
        every = select(sessions.c.session, sessions.c.ambient)
        return await self._database.read(
            "sessions", lambda connection: {row.session: bool(row.ambient) for row in connection.execute(every)}
        )

    def bind(self, session: SessionKey, project: str | None) -> asyncio.Future[bool]:
        """Bind a session that has settings; False: it was never heard of."""
        change = update(sessions).where(sessions.c.session == session).values(project=project)
        return self._database.write("bind", lambda connection: connection.execute(change).rowcount > 0)

    def begin(self, session: SessionKey, project: str, agent: str | None = None) -> asyncio.Future[None]:
        """Bind a session that nobody has spoken in yet, or one that has settings."""
        seen = self._database.clock()
        return self._database.write("begin", lambda connection: _begin(connection, session, project, agent, seen))

    def rebind(self, session: SessionKey, project: str, to: str | None) -> asyncio.Future[bool]:
        """Bind a session that is bound to `project` to another; False: it was bound otherwise meanwhile."""
        mine = update(sessions).where(sessions.c.session == session, sessions.c.project == project)
        return self._database.write(
            "rebind", lambda connection: connection.execute(mine.values(project=to)).rowcount > 0
        )

    async def native(self, session: SessionKey, agent: str, project: str | None) -> Conversation | None:
        """The conversation to resume."""
        key = _key(session, agent, project)
        return await self._database.read("native", lambda connection: _native(connection, key))

    def keep_native(
        self, session: SessionKey, agent: str, project: str | None, conversation: Conversation
    ) -> asyncio.Future[None]:
        key, values = _key(session, agent, project), asdict(conversation)
        values["incarnation"] = self._database.incarnation
        return self._database.write("keep_native", lambda connection: _keep(connection, key, values))

    def forget_native(self, session: SessionKey) -> asyncio.Future[int]:
        """The next turns of the session begin new conversations; how many were forgotten."""
        mine = delete(native_sessions).where(native_sessions.c.session == session)
        return self._database.write("forget_native", lambda connection: connection.execute(mine).rowcount)


def _settings(connection: Connection, session: SessionKey) -> SessionSettings:
    row = connection.execute(select(sessions).where(sessions.c.session == session)).one_or_none()
    return SessionSettings() if row is None else settings_of(row)


def _begin(connection: Connection, session: SessionKey, project: str, agent: str | None, seen: float) -> None:
    mine = update(sessions).where(sessions.c.session == session)
    if not connection.execute(mine.values(project=project, agent=agent)).rowcount:
        new = {**asdict(SessionSettings(project=project, agent=agent)), "session": session, "last_seen": seen}
        connection.execute(insert(sessions).values(**new))


def _key(session: SessionKey, agent: str, project: str | None) -> dict[str, str]:
    return {"session": session, "agent": agent, "project": project or ""}


def _native(connection: Connection, key: dict[str, str]) -> Conversation | None:
    row = connection.execute(select(native_sessions).filter_by(**key)).one_or_none()
    return None if row is None else Conversation(row.native, row.spent)


def _keep(connection: Connection, key: dict[str, str], values: dict[str, object]) -> None:
    if not connection.execute(update(native_sessions).filter_by(**key).values(**values)).rowcount:
        connection.execute(insert(native_sessions).values(**key, **values))
