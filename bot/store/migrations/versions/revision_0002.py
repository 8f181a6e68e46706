"""Limits of agents: until when a run was refused, what a conversation has cost, messages to come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("runs", sa.Column("resets_at", sa.Double()))
    op.create_index("ix_runs_ended", "runs", ["ended_at"])
    op.add_column("native_sessions", sa.Column("spent", sa.Double()))
    op.create_table(
        "scheduled",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("run", ID, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("transport", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("sender_name", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("direct", sa.Boolean(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.UniqueConstraint("transport", "account", "session", "event_id", name="uq_scheduled_event"),
    )
    op.create_index("ix_scheduled_due", "scheduled", ["due_at", "id"])
    op.create_index("ix_scheduled_session", "scheduled", ["session", "due_at"])
