"""What outlives a process: the catalog's tables, records of runs and builds, and embeddings.

One SQLite file in the data folder, shared by every server and command that opens it. The store knows no rules of
the catalog; `tacit.catalog` has those.
"""

from tacit.store.builds import Build, Builds
from tacit.store.ids import new_job_id, new_run_id
from tacit.store.runs import RunRecord, Runs
from tacit.store.store import Store
from tacit.store.vectors import Vectors

__all__ = ["Build", "Builds", "RunRecord", "Runs", "Store", "Vectors", "new_job_id", "new_run_id"]
