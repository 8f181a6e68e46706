"""Database rows to the values of records.py and dispatcher/model.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import Row as SqlRow

from bot.store.records import OutboxItem, RunRecord, SessionSettings
from bot.store.rules import record_fields
from dispatcher.model import Binding, Event, Row

AnyRow: TypeAlias = SqlRow[*tuple[Any, ...]]


def event_of(row: AnyRow) -> Event:
    return Event(session=row.session, transport=row.transport, account=row.account, event_id=row.event_id)


def row_of(row: AnyRow) -> Row:
    return Row(
        id=row.id,
        event=event_of(row),
        sender=row.sender,
        sender_name=row.sender_name,
        text=row.text,
        target=row.target,
        binding=Binding(row.project, row.agent),
        direct=row.direct,
        attachments=tuple(row.attachments),
    )


def settings_of(row: AnyRow) -> SessionSettings:
    return SessionSettings(project=row.project, agent=row.agent, mode=row.mode, ambient=bool(row.ambient))


def run_of(row: AnyRow, batch: Sequence[int]) -> RunRecord:
    fields: dict[str, Any] = record_fields({**row._mapping})
    return RunRecord(**fields, messages=tuple(batch))


def item_of(row: AnyRow) -> OutboxItem:
    return OutboxItem(
        id=row.id,
        target=row.target,
        text=row.text,
        kind=row.kind,
        key=row.key,
        state=row.state,
        attempts=row.attempts,
        run=row.run,
        repeat=row.repeat,
        edits=row.edits or "",
        asides=tuple((start, end) for start, end in row.asides or ()),
        replaces=row.replaces or "",
    )
