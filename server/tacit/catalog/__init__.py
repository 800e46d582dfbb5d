"""Capabilities and their versions: looked up, registered, granted, deprecated, and read from and written to folders."""

from tacit.catalog.catalog import Archival, Catalog
from tacit.catalog.closest import unknown_capability
from tacit.catalog.closures import Closure, own_effects
from tacit.catalog.composing import callees_in, dead_ends, effects_of_source, problem_calling, refuse_cycle
from tacit.catalog.folders import CapabilityFolder, import_folder, read_folder, write_folder
from tacit.catalog.granting import EVERY
from tacit.catalog.kin import Relative
from tacit.catalog.origin import Origin
from tacit.catalog.premise import Premise
from tacit.catalog.queries import Standing
from tacit.catalog.reading import Changes
from tacit.catalog.registration import Candidate
from tacit.catalog.shipped import import_shipped
from tacit.catalog.version import Version, tests_as_json

__all__ = [
    "EVERY",
    "Archival",
    "Candidate",
    "CapabilityFolder",
    "Catalog",
    "Changes",
    "Closure",
    "Origin",
    "Premise",
    "Relative",
    "Standing",
    "Version",
    "callees_in",
    "dead_ends",
    "effects_of_source",
    "import_folder",
    "import_shipped",
    "own_effects",
    "problem_calling",
    "read_folder",
    "refuse_cycle",
    "tests_as_json",
    "unknown_capability",
    "write_folder",
]
