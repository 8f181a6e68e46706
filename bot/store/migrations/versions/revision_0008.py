"""An index for lists of conversations, the latest heard first."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_sessions_seen", "sessions", ["last_seen"])
