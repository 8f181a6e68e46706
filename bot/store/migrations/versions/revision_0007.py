"""What chats were shown of us."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "transcript",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("run", ID),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("file", sa.JSON()),
    )
    op.create_index("ix_transcript_session", "transcript", ["session", "id"])
    op.create_index("ix_transcript_ref", "transcript", ["target", "ref", "id"])
