"""P8: the sums that must agree, taken from one snapshot."""

from __future__ import annotations

from sqlalchemy import Connection, Table, func, select

from bot.store.records import Books
from bot.store.tables import messages, outbox, runs


def read_books(connection: Connection) -> Books:
    by_kind: dict[str, dict[str, int]] = {"text": {}, "command": {}}
    counted = select(messages.c.kind, messages.c.state, func.count()).group_by(messages.c.state, messages.c.kind)
    for kind, state, count in connection.execute(counted):
        by_kind[kind][state] = count
    return Books(
        texts=by_kind["text"],
        commands=by_kind["command"],
        runs=_states(connection, runs),
        outbox=_states(connection, outbox),
        accepted=connection.execute(select(func.count()).select_from(messages)).scalar_one(),
    )


def _states(connection: Connection, table: Table) -> dict[str, int]:
    counted = connection.execute(select(table.c.state, func.count()).group_by(table.c.state))
    return {row[0]: row[1] for row in counted}
