"""How often sessions ran programs in the runs that are no longer kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; of runs dropped before, nothing is known."""
    op.create_table(
        "session_runs",
        sa.Column("session", sa.String, primary_key=True),
        sa.Column("capability", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("runs", sa.BigInteger, nullable=False),
        sa.Column("first_run", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("session_runs")
