"""What a transport remembers: where its network's stream was read to, which message of ours shows which key."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select

from bot.store.database import Database
from bot.store.tables import keepsakes


class Keepsakes:
    """transports.base.Keepsakes."""

    def __init__(self, database: Database, transport: str) -> None:
        self._database = database
        self._transport = transport

    async def read(self, prefix: str) -> Mapping[str, str]:
        # Not LIKE: SQLite's takes no notice of case, and a key may hold its wildcards.
        begins = func.substr(keepsakes.c.key, 1, len(prefix)) == prefix
        mine = select(keepsakes.c.key, keepsakes.c.value).where(keepsakes.c.transport == self._transport, begins)
        return await self._database.read(
            "keepsakes", lambda connection: {row.key: row.value for row in connection.execute(mine)}
        )

    def write(self, changes: Mapping[str, str | None]) -> asyncio.Future[None]:
        """Takes its place in the order when called, behind every message that was put before."""
        wanted = dict(changes)
        return self._database.write("keep", lambda connection: self._write(connection, wanted))

    def _write(self, connection: Connection, changes: Mapping[str, str | None]) -> None:
        if changes:
            connection.execute(_FORGET, [{"of": self._transport, "name": key} for key in changes])
        kept = [
            {"transport": self._transport, "key": key, "value": value}
            for key, value in changes.items()
            if value is not None
        ]
        if kept:
            connection.execute(insert(keepsakes), kept)


_FORGET = delete(keepsakes).where(and_(keepsakes.c.transport == bindparam("of"), keepsakes.c.key == bindparam("name")))
