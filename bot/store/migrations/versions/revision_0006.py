"""An index for those who read what was said in a conversation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    past = sa.text("state <> 'waiting'")
    op.create_index("ix_messages_past", "messages", ["session", "id"], sqlite_where=past, postgresql_where=past)
