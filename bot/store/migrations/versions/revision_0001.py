"""Inbox, runs, outbox, sessions and the incarnation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Spelt out, not imported from tables.py: a revision must go on meaning what it meant.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    _create_runs()
    _create_messages()
    _create_outbox()
    _create_sessions()
    _create_incarnation()


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("project", sa.String()),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("agent", sa.String()),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("queued_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double()),
        sa.Column("ended_at", sa.Double()),
        sa.Column("model", sa.String()),
        sa.Column("native_session", sa.String()),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String()),
        sa.Column("reply", sa.String()),
        sa.Column("kill_report", JSON),
        sa.Column("containment", JSON),
        sa.Column("prompt", sa.String(), nullable=False),
    )
    op.create_index("ix_runs_session", "runs", ["session", "id"])
    op.create_index("ix_runs_state", "runs", ["state", "id"])


def _create_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("transport", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("sender_name", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("attachments", JSON, nullable=False),
        sa.Column("sent_at", sa.Double()),
        sa.Column("accepted_at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("project", sa.String()),
        sa.Column("agent", sa.String()),
        sa.Column("direct", sa.Boolean(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("run", ID, sa.ForeignKey("runs.id")),
        sa.Column("reason", sa.String(), nullable=False),
        sa.UniqueConstraint("transport", "account", "session", "event_id", name="uq_messages_event"),
    )
    _partial("ix_messages_waiting", "messages", ["session", "id"], "state = 'waiting'")
    _partial("ix_messages_commands", "messages", ["id"], "kind = 'command'")
    op.create_index("ix_messages_books", "messages", ["state", "kind"])
    op.create_index("ix_messages_run", "messages", ["run"])


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("run", ID),
        sa.Column("repeat", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("settled_at", sa.Double()),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    _partial("ix_outbox_undelivered", "outbox", ["target", "id"], "state IN ('pending', 'sending')")
    op.create_index("ix_outbox_settled", "outbox", ["settled_at", "state"])


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("session", sa.String(), primary_key=True),
        sa.Column("project", sa.String()),
        sa.Column("agent", sa.String()),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("last_seen", sa.Double(), nullable=False),
    )
    op.create_table(
        "native_sessions",
        sa.Column("session", sa.String(), primary_key=True),
        sa.Column("agent", sa.String(), primary_key=True),
        sa.Column("project", sa.String(), primary_key=True),
        sa.Column("native", sa.String(), nullable=False),
        sa.Column("incarnation", sa.BigInteger(), nullable=False),
    )


def _create_incarnation() -> None:
    op.create_table(
        "incarnation",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("boot_id", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
    )
