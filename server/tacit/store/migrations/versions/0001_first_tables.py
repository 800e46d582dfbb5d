"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of the catalog, then those of what happens with it."""
    _create_catalog()
    _create_records()
    op.bulk_insert(sa.table("meta", sa.column("key"), sa.column("value")), [{"key": "generation", "value": "1"}])


def downgrade() -> None:
    """Drop every table."""
    for name in ("vectors", "builds", "blobs", "runs", "examples", "versions", "modules", "capabilities", "meta"):
        op.drop_table(name)


def _create_catalog() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "capabilities",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("successor", sa.String),
        sa.Column("current", sa.Integer, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_index("capabilities_changed", "capabilities", ["changed"])
    op.create_table(
        "modules",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("wasm", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "versions",
        sa.Column("capability", sa.String, sa.ForeignKey("capabilities.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("successor", sa.String),
        sa.Column("digest", sa.String, sa.ForeignKey("modules.digest"), nullable=False),
        sa.Column("content_hash", sa.String, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("tests", sa.Text, nullable=False),
        sa.Column("effects", sa.Text, nullable=False),
        sa.Column("parent", sa.String),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("toolchain", sa.String, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "examples",
        sa.Column("capability", sa.String, primary_key=True),
        sa.Column("text", sa.Text, primary_key=True),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["capability"], ["capabilities.id"]),
    )


def _create_records() -> None:
    op.create_table(
        "runs",
        # INTEGER makes it SQLite's rowid, so that a record is appended to one B-tree and no more.
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("capability", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("input", sa.LargeBinary, nullable=False),
        sa.Column("output", sa.LargeBinary, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("calls", sa.LargeBinary, nullable=False),
        sa.Column("energy", sa.BigInteger, nullable=False),
        sa.Column("energy_limit", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("now_millis", sa.BigInteger, nullable=False),
        sa.Column("session", sa.String),
        sa.Column("parent_run", sa.BigInteger),
    )
    op.create_table(
        "blobs",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("touched", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_index("blobs_touched", "blobs", ["touched"])
    op.create_table(
        "builds",
        sa.Column("job", sa.String, primary_key=True),
        sa.Column("capability", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("owner", sa.String, nullable=False),
    )
    op.create_index("builds_status", "builds", ["status"])
    op.create_table(
        "vectors",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
