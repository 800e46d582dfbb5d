"""Versions and attempts made by hand, for what is judged without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tacit.catalog import Version
from tacit.errors import TacitError
from tacit.models import Manifest, Permissions, Status, TestCase
from tacit.sandbox import Allowance, Cancellation, Execution, HostCall
from tacit.schemas import compile_schema
from tacit.service.attempt import Attempt, Budget, Frame
from tacit.service.prepared import Prepared


def version(tests: tuple[TestCase, ...] = ()) -> Version:
    """Return a pure version that is offered, with these tests."""
    return Version(
        id="calculate_share",
        version=1,
        status=Status.ACTIVE,
        capability_status=Status.ACTIVE,
        successor=None,
        manifest=Manifest(id="calculate_share", summary="Calculate a part's share of a total in percent."),
        effects=frozenset(),
        source={"main.rs": ""},
        tests=tests,
        digest="0" * 64,
        content_hash="0" * 64,
        parent=None,
        author="test",
        toolchain="none",
        created=0,
    )


def attempt(
    failure: TacitError | None,
    *,
    depth: int = 0,
    lowered: bool = False,
    calls: Sequence[HostCall] = (),
    tests: tuple[TestCase, ...] = (),
) -> Attempt:
    """Return an attempt that ended with `failure`, or well."""
    anything: dict[str, Any] = {}
    prepared = Prepared(
        version(tests), compile_schema(anything), compile_schema(anything), Permissions(), Allowance(Permissions())
    )
    frame = Frame("0" * 16, None, depth, None, Budget(1, 0.0), None, Cancellation(), lowered)
    return Attempt(prepared, b"null", frame, Execution(b"", None, "", 1, 0.1, failure), list(calls), 1, 0)
