"""What outlives a process: the catalog's tables, records of runs and builds, decisions, and embeddings.

One SQLite file in the data folder, shared by every server and command that opens it. The store knows no rules of
the catalog; `tacit.catalog` has those.
"""

from tacit.store.audit import POLICY, PYTHON, Audit, AuditEntry, Decision, Standpoint
from tacit.store.builds import Build, Builds
from tacit.store.health import Condition, Health
from tacit.store.ids import new_job_id, new_run_id, started_millis
from tacit.store.outlines import Outlines, RunOutline, Sought
from tacit.store.runs import Outcome, RunRecord, Runs, Tally
from tacit.store.session_runs import SessionRuns, SessionTally
from tacit.store.store import Store
from tacit.store.transcripts import pack_transcript, unpack_transcript
from tacit.store.uses import Uses
from tacit.store.vectors import Vectors

__all__ = [
    "POLICY",
    "PYTHON",
    "Audit",
    "AuditEntry",
    "Build",
    "Builds",
    "Condition",
    "Decision",
    "Health",
    "Outcome",
    "Outlines",
    "RunOutline",
    "RunRecord",
    "Runs",
    "SessionRuns",
    "SessionTally",
    "Sought",
    "Standpoint",
    "Store",
    "Tally",
    "Uses",
    "Vectors",
    "new_job_id",
    "new_run_id",
    "pack_transcript",
    "started_millis",
    "unpack_transcript",
]
