"""The registry of projects."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("id", ID, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_mark", sa.String(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("cpus", sa.Double(), nullable=False),
        sa.Column("memory", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("gid", sa.BigInteger(), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("used_at", sa.Double(), nullable=False),
        sa.Column("stacks", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("asked_for", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("forwards", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("environ", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("git_url", sa.String(), nullable=False),
        sa.Column("branch", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("image", sa.String(), nullable=False),
        sa.Column("push", sa.String(), nullable=False),
        sa.Column("run", ID),
        sa.Column("expires_at", sa.Double()),
        sa.Column("seen", sa.String(), nullable=False),
        sa.UniqueConstraint("name", name="uq_projects_name"),
        sa.UniqueConstraint("port", name="uq_projects_port"),
    )
