"""The tables, as SQLAlchemy Core knows them; `migrations` makes them, and a test compares the two.

Types are those that SQLite and PostgreSQL share. JSON is kept as text, written by whoever owns the row. Times
are milliseconds since the Unix epoch.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

meta = Table("meta", metadata, Column("key", String, primary_key=True), Column("value", Text, nullable=False))

capabilities = Table(
    "capabilities",
    metadata,
    Column("id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("successor", String),
    Column("current", Integer, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Index("capabilities_changed", "changed"),
)
"""`current` is the number of the version that is offered; `changed` the generation of the last change."""

modules = Table(
    "modules",
    metadata,
    Column("digest", String, primary_key=True),
    Column("wasm", LargeBinary, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("capability", String, ForeignKey("capabilities.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("status", String, nullable=False),
    Column("successor", String),
    Column("digest", String, ForeignKey("modules.digest"), nullable=False),
    Column("content_hash", String, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("tests", Text, nullable=False),
    Column("effects", Text, nullable=False),
    Column("parent", String),
    Column("author", String, nullable=False),
    Column("toolchain", String, nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""Immutable but for `status` and `successor`."""

examples = Table(
    "examples",
    metadata,
    Column("capability", String, primary_key=True),
    Column("text", Text, primary_key=True),
    Column("created", BigInteger, nullable=False),
    ForeignKeyConstraint(["capability"], ["capabilities.id"]),
)
"""Example tasks learned after a version was registered; its own are in its manifest."""

runs = Table(
    "runs",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("capability", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("input", LargeBinary, nullable=False),
    Column("output", LargeBinary, nullable=False),
    Column("error", Text),
    Column("calls", LargeBinary, nullable=False),
    Column("energy", BigInteger, nullable=False),
    Column("energy_limit", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("now_millis", BigInteger, nullable=False),
    Column("session", String),
    Column("parent_run", BigInteger),
)
"""`id` holds the time of the start (see `ids`); `input`, `output` and `calls` are as `payloads` packs them.

No foreign key and no second index: a record costs one page.
"""

blobs = Table(
    "blobs",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("touched", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("blobs_touched", "touched"),
)
"""Large payloads of runs, each kept once and compressed; `touched` is a run's id (see `payloads`)."""

builds = Table(
    "builds",
    metadata,
    Column("job", String, primary_key=True),
    Column("capability", String, nullable=False),
    Column("status", String, nullable=False),
    Column("request", Text, nullable=False),
    Column("stage", String, nullable=False),
    Column("result", Text, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("owner", String, nullable=False),
    Index("builds_status", "status"),
)
"""`owner` names the process that builds (see `owners`)."""

vectors = Table(
    "vectors",
    metadata,
    Column("key", String, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
