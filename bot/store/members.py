"""Who may do what, as far as it was granted in a chat."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, and_, delete, insert, select

from bot.store.database import Database
from bot.store.records import Member
from bot.store.tables import members


class Members:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[Member]:
        """Oldest grant first."""
        every = select(members).order_by(members.c.granted_at, members.c.transport, members.c.user)
        return await self._database.read(
            "members", lambda connection: [Member(**row._mapping) for row in connection.execute(every)]
        )

    def put(self, member: Member) -> asyncio.Future[None]:
        """Instead of whatever the account had before."""
        return self._database.write("put_member", lambda connection: _put(connection, member))

    def remove(self, transport: str, user: str) -> asyncio.Future[bool]:
        """False: the account had nothing."""
        return self._database.write("remove_member", lambda connection: _remove(connection, transport, user))


def _put(connection: Connection, member: Member) -> None:
    _remove(connection, member.transport, member.user)
    connection.execute(insert(members).values(asdict(member)))


def _remove(connection: Connection, transport: str, user: str) -> bool:
    account = and_(members.c.transport == transport, members.c.user == user)
    return connection.execute(delete(members).where(account)).rowcount > 0
