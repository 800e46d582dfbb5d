"""Where versions come from, who decided what about them, and what an author's builds used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and add to builds what their authors used; what there is stays as it is."""
    _create_origins()
    _create_governance()
    op.add_column("builds", sa.Column("key", sa.String, nullable=False, server_default=""))
    op.add_column("builds", sa.Column("usage", sa.Text, nullable=False, server_default=""))
    op.add_column("builds", sa.Column("transcript", sa.LargeBinary))
    op.add_column("builds", sa.Column("learnt", sa.Text, nullable=False, server_default=""))
    op.add_column("builds", sa.Column("waiters", sa.Text, nullable=False, server_default=""))
    op.add_column("builds", sa.Column("reserved", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the tables and columns."""
    for column in ("reserved", "waiters", "learnt", "transcript", "usage", "key"):
        op.drop_column("builds", column)
    for name in ("policies", "audit", "health", "grants", "origins"):
        op.drop_table(name)


def _create_origins() -> None:
    op.create_table(
        "origins",
        sa.Column("capability", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("prompts_hash", sa.String, nullable=False),
        sa.Column("transcript", sa.LargeBinary, nullable=False),
        sa.Column("sdk", sa.String, nullable=False),
        sa.Column("usage", sa.Text, nullable=False),
        sa.Column("build_seconds", sa.Float, nullable=False),
        sa.Column("job", sa.String),
        sa.Column("failure", sa.String),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("revisions", sa.Text, nullable=False),
        sa.Column("held_out", sa.Text, nullable=False),
        sa.Column("accepted", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["capability", "number"], ["versions.capability", "versions.number"]),
    )


def _create_governance() -> None:
    op.create_table(
        "grants",
        sa.Column("capability", sa.String, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("value", sa.String, primary_key=True),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "health",
        sa.Column("capability", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("failing", sa.Integer, nullable=False),
        sa.Column("last_run", sa.String, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("capability", sa.String),
        sa.Column("version", sa.Integer),
        sa.Column("details", sa.Text, nullable=False),
    )
    op.create_index("audit_capability", "audit", ["capability"])
    op.create_table(
        "policies",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
