"""People of chat networks, what transports remember, sessions in which everything is meant for the bot."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("ambient", sa.Boolean()))
    op.add_column("outbox", sa.Column("edits", sa.String()))
    op.add_column("outbox", sa.Column("asides", sa.JSON(none_as_null=True)))
    op.create_index("ix_messages_event_id", "messages", ["event_id"])
    op.create_table(
        "members",
        sa.Column("transport", sa.String(), primary_key=True),
        sa.Column("user", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("granted_by", sa.String(), nullable=False),
        sa.Column("granted_at", sa.Double(), nullable=False),
    )
    op.create_table(
        "keepsakes",
        sa.Column("transport", sa.String(), primary_key=True),
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("value", sa.String(), nullable=False),
    )
