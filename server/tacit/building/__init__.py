"""Building new versions: the builder's protocol, the client that runs the builder, and the brief for authors."""

from tacit.building.brief import for_program, make_brief
from tacit.building.client import Builder
from tacit.building.inspection import inspect_builder
from tacit.building.orders import BuildRequest
from tacit.building.protocol import BuildResult, Progress

__all__ = ["BuildRequest", "BuildResult", "Builder", "Progress", "for_program", "inspect_builder", "make_brief"]
