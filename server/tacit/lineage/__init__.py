"""Where versions come from: the tree of a capability's versions and kin, and what changed from each to the next.

Pure: it gets versions as values, and neither stores nor prints. Lineages come from imported folders too, so parents
may be missing and may even form circles.
"""

from tacit.lineage.changes import Changes, changes_between
from tacit.lineage.line_diff import source_diff
from tacit.lineage.member import Member
from tacit.lineage.schema_changes import SchemaChange, schema_changes
from tacit.lineage.tree import Lineage, Place

__all__ = [
    "Changes",
    "Lineage",
    "Member",
    "Place",
    "SchemaChange",
    "changes_between",
    "schema_changes",
    "source_diff",
]
