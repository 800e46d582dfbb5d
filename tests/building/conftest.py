"""Builders for tests: the real one, and programs that stand in for it to break its protocol on purpose."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tacit.building.client import Builder
from tacit.building.orders import BuildRequest
from tacit.config import Settings
from tacit.models import TestCase

DEADLINE_SECONDS = 20.0

SOURCE = "fn main() {}"


@pytest.fixture
def make_request() -> Callable[..., BuildRequest]:
    """Return a factory of requests that differ from a small good one by what is given."""

    def make(**changes: Any) -> BuildRequest:
        given: dict[str, Any] = {
            "job": "job",
            "id": "sample",
            "source": {"main.rs": SOURCE},
            "tests": [TestCase.model_validate({"name": "one", "input": 1, "expect": {"output": 2}})],
        }
        return BuildRequest(**(given | changes))

    return make


@pytest.fixture
def make_builder(tmp_path: Path) -> Iterator[Callable[..., Builder]]:
    """Return a factory of builders whose subprocess is the Python program given, or the real one."""
    builders: list[Builder] = []

    def make(program: str | None = None, **settings: Any) -> Builder:
        prepared = Settings.load(data=tmp_path / "data", **settings)
        if program is None:
            builder = Builder(prepared)
        else:
            builder = Builder(prepared, command=(sys.executable, "-S", "-c", program))
        builders.append(builder)
        return builder

    yield make
    for builder in builders:
        builder.close()


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool], str], None]:
    """Return a function that polls until a condition holds, and fails the test when it does not in time."""

    def wait(condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"waited {DEADLINE_SECONDS:g} s in vain for: {what}")
            time.sleep(0.02)

    return wait
