"""Runs in the order in which they were recorded, and the commits of files that wait for their renames."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TO_NUMBERED = """
WITH RECURSIVE
    below(id, caller, depth) AS (
        SELECT id, parent_run, 1 FROM old_runs WHERE parent_run IS NOT NULL
        UNION ALL
        SELECT below.id, old_runs.parent_run, depth + 1 FROM below JOIN old_runs ON old_runs.id = below.caller
            WHERE old_runs.parent_run < below.caller
    ),
    outermost(id, caller, depth) AS (SELECT id, min(caller), max(depth) FROM below GROUP BY id)
INSERT INTO runs (id, capability, version, input, output, error, calls, energy, energy_limit, seconds, now_millis,
    session, parent_run)
SELECT old_runs.id, capability, version, input, output, error, calls, energy, energy_limit, seconds, now_millis,
    session, parent_run
FROM old_runs LEFT JOIN outermost ON outermost.id = old_runs.id
ORDER BY coalesce(outermost.caller, old_runs.id), coalesce(outermost.depth, 0) DESC, old_runs.id
"""
"""In the order of their ids, but for those that were called: they were recorded before their callers."""
_TO_KEYED = """
INSERT INTO runs SELECT id, capability, version, input, output, error, calls, energy, energy_limit, seconds, now_millis,
    session, parent_run FROM new_runs ORDER BY id
"""
_AUDITED = """
UPDATE audit SET run = coalesce((SELECT seq FROM run_ids WHERE id < (max(audit.at * 1000 - 1577836800000000, 0) << 12)
    ORDER BY id DESC LIMIT 1), 0)
"""
"""By the ids of runs that start then (see `ids`)."""
_TOUCHED = """
UPDATE blobs SET touched = coalesce((SELECT seq FROM run_ids WHERE id <= blobs.touched + (2 * 60000000 << 12)
    ORDER BY id DESC LIMIT 1) + 1000, 0)
"""
"""By as much could a run's id exceed what its blobs say; so many runs further its caller may stand."""
_TOUCHED_BEFORE = """
UPDATE blobs SET touched = coalesce((SELECT id FROM runs WHERE seq <= blobs.touched + 1000 ORDER BY seq DESC LIMIT 1),
    0)
"""
_BLOCKS = """
CREATE TRIGGER runs_blocks AFTER INSERT ON runs BEGIN
    INSERT OR IGNORE INTO run_blocks VALUES (new.capability, new.version, new.seq >> 8);
END
"""
"""In the statement that records a run: a kill between two would leave runs that no search by version finds."""
_IDS = """
CREATE TRIGGER runs_ids AFTER INSERT ON runs WHEN new.seq & 255 = 0 BEGIN
    INSERT OR IGNORE INTO run_ids SELECT id, seq FROM runs WHERE seq > new.seq - 256;
END
"""


def upgrade() -> None:
    """Put the runs in the order of their ids, and say where in it everything stands that goes by it."""
    op.rename_table("runs", "old_runs")
    _create_runs(sa.Column("seq", _integer(), primary_key=True), sa.Column("id", sa.BigInteger, nullable=False))
    op.execute(_TO_NUMBERED)
    op.drop_table("old_runs")
    _create_ids()
    _create_blocks()
    op.add_column("audit", sa.Column("run", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(_AUDITED)
    op.execute(_TOUCHED)
    op.add_column("session_runs", sa.Column("first_seq", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE session_runs SET first_seq = first_run - 9223372036854775807")  # all before those still kept
    op.create_table(
        "commits",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("entry", sa.Text, nullable=False),
        sa.Column("run", sa.BigInteger),
    )


def downgrade() -> None:
    """Key the runs by their ids again."""
    op.execute(_TOUCHED_BEFORE)
    op.drop_table("commits")
    op.drop_column("session_runs", "first_seq")
    op.drop_column("audit", "run")
    op.execute("DROP TRIGGER runs_blocks")
    op.execute("DROP TRIGGER runs_ids")
    op.drop_table("run_blocks")
    op.drop_table("run_ids")
    op.rename_table("runs", "new_runs")
    _create_runs(sa.Column("id", _integer(), primary_key=True, autoincrement=False))
    op.execute(_TO_KEYED)
    op.drop_table("new_runs")


def _integer() -> sa.types.TypeEngine[int]:
    """Return the type that is SQLite's rowid, so that a record is appended to one B-tree."""
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _create_runs(*key: sa.Column[int]) -> None:
    op.create_table(
        "runs",
        *key,
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


def _create_ids() -> None:
    op.create_table(
        "run_ids",
        sa.Column("id", _integer(), primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO run_ids SELECT id, seq FROM runs")
    op.execute(_IDS)


def _create_blocks() -> None:
    op.create_table(
        "run_blocks",
        sa.Column("capability", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("block", sa.BigInteger, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO run_blocks SELECT DISTINCT capability, version, seq >> 8 FROM runs")
    op.execute(_BLOCKS)
