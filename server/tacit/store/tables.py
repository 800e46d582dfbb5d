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
    text,
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

_PROGRAM = 'manifest LIKE \'%"language":"program"%\''
IS_PROGRAM = text(f"versions.{_PROGRAM}")
"""The condition of a version whose source is a program, by its manifest as the catalog writes it.

One that only quotes this is taken for one in vain. In a query it has to stand as it stands in the index, for SQLite to
use that.
"""

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
    Index("versions_parent", "parent"),
    Index("versions_created", "created", "capability"),
    Index("versions_programs", "capability", "number", "author", sqlite_where=text(_PROGRAM)),
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

origins = Table(
    "origins",
    metadata,
    Column("capability", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("task", Text, nullable=False),
    Column("model", String, nullable=False),
    Column("prompts_hash", String, nullable=False),
    Column("transcript", LargeBinary, nullable=False),
    Column("sdk", String, nullable=False),
    Column("usage", Text, nullable=False),
    Column("build_seconds", Float, nullable=False),
    Column("job", String),
    Column("failure", String),
    Column("cause", Text, nullable=False),
    Column("revisions", Text, nullable=False),
    Column("held_out", Text, nullable=False),
    Column("accepted", Text, nullable=False),
    ForeignKeyConstraint(["capability", "number"], ["versions.capability", "versions.number"]),
)
"""How versions that were built here came about; those that were shipped or imported have none."""

grants = Table(
    "grants",
    metadata,
    Column("capability", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("value", String, primary_key=True),
    Column("created", BigInteger, nullable=False),
)
"""What is granted beyond the settings: to a capability, or to `*`, each; `kind` is a field of the permissions."""

health = Table(
    "health",
    metadata,
    Column("capability", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("failing", Integer, nullable=False),
    Column("last_run", String, nullable=False),
    Column("changed", BigInteger, nullable=False),
)
"""On how many inputs in a row a version has failed by its own fault, and in which run last on a new one."""

failed_inputs = Table(
    "failed_inputs",
    metadata,
    Column("capability", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("input", String, primary_key=True),
    Column("session", String, primary_key=True),
    Column("run", String, nullable=False),
)
"""The failures that `health` counts: the digest of each input, in each session ("" without one), and the first run."""

uses = Table(
    "uses",
    metadata,
    Column("capability", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("last", BigInteger, nullable=False),
)
"""When a version was last used without a run of its own, to the hour (see `uses`)."""

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("capability", String),
    Column("version", Integer),
    Column("details", Text, nullable=False),
    Column("run", BigInteger, nullable=False, server_default="0"),
    Index("audit_capability", "capability"),
)
"""Who decided what, and when; rows are only ever added. `run` is the `seq` of the last run recorded before."""

policies = Table(
    "policies",
    metadata,
    Column("name", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("value", Text, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""The versions of the policies; one without any is at its defaults."""

runs = Table(
    "runs",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", BigInteger, nullable=False),
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
"""`seq` is the order of recording, whatever the clock says; `id` holds the time of the start (see `ids`).

`input`, `output` and `calls` are as `payloads` packs them. No foreign key and no index: a record costs one page.
"""

run_ids = Table(
    "run_ids",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
)
"""The places of runs by their ids, but for the last ones; a trigger keeps it (see `run_ids`)."""

run_blocks = Table(
    "run_blocks",
    metadata,
    Column("capability", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("block", BigInteger, primary_key=True),
    sqlite_with_rowid=False,
)
"""In which blocks of runs (by `seq`) there are runs of a version; a trigger keeps it (see `run_blocks`)."""

commits = Table(
    "commits",
    metadata,
    Column("name", String, primary_key=True),
    Column("entry", Text, nullable=False),
    Column("run", BigInteger),
)
"""Commits of files that are true and may not have landed yet (see `commits`); `run` is the id of the run that wrote."""

session_runs = Table(
    "session_runs",
    metadata,
    Column("session", String, primary_key=True),
    Column("capability", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("runs", BigInteger, nullable=False),
    Column("first_run", BigInteger, nullable=False),
    Column("first_seq", BigInteger, nullable=False, server_default="0"),
)
"""How often sessions ran programs well in the runs that are no longer kept (see `session_runs`)."""

blobs = Table(
    "blobs",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("touched", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("blobs_touched", "touched"),
)
"""Large payloads of runs, each kept once and compressed; `touched` is a run's `seq` (see `payloads`)."""

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
    Column("key", String, nullable=False, server_default=""),
    Column("usage", Text, nullable=False, server_default=""),
    Column("transcript", LargeBinary),
    Column("learnt", Text, nullable=False, server_default=""),
    Column("waiters", Text, nullable=False, server_default=""),
    Column("reserved", Text, nullable=False, server_default=""),
    Index("builds_status", "status"),
)
"""`owner` names the process that builds (see `owners`); `key` is the same for the same request.

`usage` (JSON), `transcript` (see `transcripts`) and `learnt` are those of an author that is a language model;
`waiters` is a JSON list of the other processes (as `owner`) in which somebody waits for the build; `reserved` (JSON,
like `usage`) is what the author may use of the day's budget.
"""

vectors = Table(
    "vectors",
    metadata,
    Column("key", String, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
