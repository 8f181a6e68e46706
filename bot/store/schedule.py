"""Messages to come. One becomes a message only when it is due: put into the inbox under its event, then removed here.

A crash in between repeats the put, which is a duplicate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select

from bot.store.database import Database
from bot.store.records import Scheduled
from bot.store.tables import scheduled
from dispatcher.model import SessionKey


class Schedule:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, item: Scheduled) -> asyncio.Future[bool]:
        """Keep it under an id of its own. False, and nothing changed: its event is known already."""
        kept = replace(item, id=self._database.ids.next_scheduled())
        return self._database.write("schedule", lambda connection: _add(connection, kept))

    async def due(self, now: float) -> Sequence[Scheduled]:
        """Those due at `now` (Unix seconds), in the order in which they fell due."""
        return await self._read(select(scheduled).where(scheduled.c.due_at <= now))

    async def next_due(self) -> float | None:
        """Unix seconds; None while there is nothing to come."""
        earliest = select(func.min(scheduled.c.due_at))
        return await self._database.read("next_scheduled", lambda connection: connection.execute(earliest).scalar_one())

    async def of(self, session: SessionKey) -> Sequence[Scheduled]:
        """In the order in which they fall due."""
        return await self._read(select(scheduled).where(scheduled.c.session == session))

    def remove(self, item: int) -> asyncio.Future[bool]:
        """Once it is in the inbox. False: it was gone already."""
        this = delete(scheduled).where(scheduled.c.id == item)
        return self._database.write("unschedule", lambda connection: connection.execute(this).rowcount > 0)

    def cancel(self, session: SessionKey, run: int | None = None) -> asyncio.Future[int]:
        """Forget what is to come in a session, or of one run in it; how many there were."""
        these = delete(scheduled).where(scheduled.c.session == session)
        if run is not None:
            these = these.where(scheduled.c.run == run)
        return self._database.write("cancel_scheduled", lambda connection: connection.execute(these).rowcount)

    async def _read(self, query: Select[Any]) -> Sequence[Scheduled]:
        ordered = query.order_by(scheduled.c.due_at, scheduled.c.id)
        return await self._database.read(
            "scheduled", lambda connection: [Scheduled(**row._mapping) for row in connection.execute(ordered)]
        )


def _add(connection: Connection, item: Scheduled) -> bool:
    event = {name: getattr(item, name) for name in ("transport", "account", "session", "event_id")}
    if connection.execute(select(scheduled.c.id).filter_by(**event)).first() is not None:
        return False
    connection.execute(insert(scheduled).values(**asdict(item)))
    return True
