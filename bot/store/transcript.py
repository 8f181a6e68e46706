"""What chats were shown of us, as they show it now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from bot.store.database import Database
from bot.store.rows import AnyRow
from bot.store.tables import transcript
from bot.transcript.model import Attached, Part, Said
from transports.base import Choice


class Transcript:
    """bot.transcript.model.Transcript."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, said: Said) -> asyncio.Future[int]:
        """The id of the one that is there already, where a network knows it by the same id under the same key."""
        new = replace(said, id=self._database.ids.next_said())
        return self._database.write("say", lambda connection: _add(connection, new))

    def change(self, said: Said) -> asyncio.Future[bool]:
        values = {name: value for name, value in _values(said).items() if name in _CHANGING}
        this = update(transcript).where(transcript.c.id == said.id).values(**values)
        return self._database.write("say_anew", lambda connection: connection.execute(this).rowcount > 0)

    async def get(self, number: int) -> Said | None:
        return await self._first(select(transcript).where(transcript.c.id == number))

    async def named(self, target: str, ref: str) -> Said | None:
        """The newest one: networks that cannot edit give their ids anew after a restart."""
        these = select(transcript).where(transcript.c.target == target, transcript.c.ref == ref)
        return await self._first(these.order_by(transcript.c.id.desc()).limit(1))

    async def page(self, session: str, *, limit: int, before: int | None = None) -> Sequence[Said]:
        newest = select(transcript).where(transcript.c.session == session)
        newest = newest if before is None else newest.where(transcript.c.id < before)
        ordered = newest.order_by(transcript.c.id.desc()).limit(limit)
        return await self._database.read("page", lambda connection: [_said(row) for row in connection.execute(ordered)])

    async def _first(self, query: Select[Any]) -> Said | None:
        row = await self._database.read("said", lambda connection: connection.execute(query).first())
        return None if row is None else _said(row)


_CHANGING = ("parts", "kind", "key", "choices", "changed_at", "version")


def _add(connection: Connection, said: Said) -> int:
    if said.key:
        same = (transcript.c.target == said.target, transcript.c.ref == said.ref, transcript.c.key == said.key)
        known = connection.execute(select(transcript.c.id).where(*same)).scalar()
        if known is not None:
            return int(known)
    connection.execute(insert(transcript).values(**_values(said)))
    return said.id


def _values(said: Said) -> dict[str, object]:
    return {
        "id": said.id,
        "session": said.session,
        "target": said.target,
        "ref": said.ref,
        "key": said.key,
        "kind": said.kind,
        "parts": [[part.text, part.aside] for part in said.parts],
        "choices": [[choice.text, choice.label, choice.symbol] for choice in said.choices],
        "run": said.run,
        "at": said.at,
        "changed_at": said.changed_at,
        "version": said.version,
        "file": None if said.file is None else asdict(said.file),
    }


def _said(row: AnyRow) -> Said:
    return Said(
        id=row.id,
        session=row.session,
        target=row.target,
        ref=row.ref,
        key=row.key,
        kind=row.kind,
        parts=tuple(Part(text, aside) for text, aside in row.parts),
        choices=tuple(Choice(*choice) for choice in row.choices),
        run=row.run,
        at=row.at,
        changed_at=row.changed_at,
        version=row.version,
        file=None if row.file is None else Attached(**row.file),
    )
