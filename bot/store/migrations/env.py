"""Alembic's entry: runs the revisions on the connection, and inside the transaction, that migrate() made."""

from __future__ import annotations

from alembic import context

from bot.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a column by copying its table
    transactional_ddl=True,  # holds for SQLite too, as our driver begins the transaction (engines.py)
)
with context.begin_transaction():
    context.run_migrations()
