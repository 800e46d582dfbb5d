"""On which inputs, and in which sessions, versions fail; until now every call counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and forget counts of calls: they may be one caller's, repeated."""
    op.create_table(
        "failed_inputs",
        sa.Column("capability", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("input", sa.String, primary_key=True),
        sa.Column("session", sa.String, primary_key=True),
        sa.Column("run", sa.String, nullable=False),
    )
    op.execute("DELETE FROM health")


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("failed_inputs")
