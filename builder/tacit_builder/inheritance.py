"""What a new version is held to of the tests of the version before.

All of them hold, but for two kinds. One that a test of the new version repeats in a richer world: that one stands in
for it. And one that asks its world for what the version before could not ask for, so that it says nothing of that: it
cannot be compared, provided that a test of the new version has it, unless the exchanges of those tests say what it
lacks. Both are kept no more with the new version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tacit.differences import same_value
from tacit.models import MAX_EXCHANGES, Exchange, Permissions, TestCase, TestResult
from tacit.plain_text import made_plain
from tacit.sandbox.files.paths import names_folder, segments_of
from tacit.sandbox.grants import Allowance
from tacit.sandbox.http.addresses import parse_url
from tacit.sandbox.verification import Tried
from tacit.sandbox.world import HostFailure
from tacit.sandbox.worlds.fixture import Lack


@dataclass(frozen=True, slots=True)
class Inheritance:
    """The tests of the version before, and its permissions: what it could ask the world for."""

    tests: tuple[TestCase, ...] = ()
    permissions: Permissions = field(default_factory=Permissions)

    def held(self, own: Sequence[TestCase]) -> dict[int, TestCase]:
        """Return, by their place, the tests that none of the new version's own repeats or stands in for."""
        return {
            place: test
            for place, test in enumerate(self.tests)
            if not any(stands_in(mine, test, self.permissions) for mine in own)
        }

    def enriched(self, test: TestCase, tried: Tried, own: Sequence[TestCase]) -> TestCase | None:
        """Return a test that cannot be compared with what the exchanges of the new ones answer; None where it can."""
        if tried.result.passed or not tried.lacked or not self._excuses(tried, own):
            return None
        lacked = [each.subject for each in tried.lacked if each.what == "callee"]
        told = {name: _told_of(name, own) for name in lacked if name not in test.callees}
        return test.model_copy(update={"exchanges": {**test.exchanges, **told}}) if any(told.values()) else None

    def judge(self, tried: Tried, again: Tried | None, own: Sequence[TestCase]) -> tuple[TestResult, bool]:
        """Return how one of the tests counts, and whether the new version is held to it.

        `again` is how it went once it was `enriched`, if it was.
        """
        result, lacked = tried.result, tried.lacked
        if result.passed or not lacked:
            return result, True
        if again is not None and not again.lacked and not again.unanswered and not again.result.passed:
            return again.result, True
        if self._excuses(tried, own):
            note = f"Not comparable: it does not say what {_named(lacked)} answers, which only the new version asks."
            return TestResult(name=result.name, passed=True, difference=made_plain(note)), False
        return result.model_copy(update={"difference": f"{result.difference}\n{_advice(lacked)}"}), True

    def _excuses(self, tried: Tried, own: Sequence[TestCase]) -> bool:
        """Whether all that a run lacked is new, and known to the new version's own tests."""
        before = Allowance(self.permissions)
        return all(
            not _could_ask(before, each) and any(_has(mine, each, before) for mine in own) for each in tried.lacked
        )


NOTHING = Inheritance()
"""What the first version of an id is held to."""


def stands_in(test: TestCase, earlier: TestCase, before: Permissions) -> bool:
    """Return whether a test says all that an earlier one says: of the same input, in a world that has all of its.

    It may add answers of callees. Files, URLs and a time it may add where the version `before` had no permission to
    ask for them: what is not there is a part of what the others say.
    """
    if not same_value(test.input, earlier.input):
        return False
    told, known, allowance = test.model_dump(mode="json"), earlier.model_dump(mode="json"), Allowance(before)
    return (
        same_value(told["expect"], known["expect"])
        and (test.now == earlier.now or not before.time)
        and _adds(told["files"], known["files"], allowance.read)
        and _adds(told["http"], known["http"], lambda url: _may_fetch(allowance, url))
        and all(_answers_alike(told, known, callee) for callee in earlier.callees)
    )


def _adds(told: Mapping[str, Any], known: Mapping[str, Any], could_ask: Callable[[str], bool]) -> bool:
    """Whether what is told has all that is known, and else only what could not be asked for."""
    kept = all(name in told and same_value(told[name], answer) for name, answer in known.items())
    return kept and not any(could_ask(name) for name in told if name not in known)


def _answers_alike(told: Mapping[str, Any], known: Mapping[str, Any], callee: str) -> bool:
    """Whether a callee answers in one test what it answers in another; to inputs that the other lacks, anything."""
    each = told["exchanges"].get(callee)
    if callee in known["calls"]:
        if each is None:
            return callee in told["calls"] and same_value(told["calls"][callee], known["calls"][callee])
        return all("output" in one and same_value(one["output"], known["calls"][callee]) for one in each)
    return all(any(same_value(one, other) for other in each or ()) for one in known["exchanges"][callee])


def _told_of(callee: str, own: Iterable[TestCase]) -> tuple[Exchange, ...]:
    """Return all that tests say of a callee, but for inputs to which they have it answer in several ways."""
    every = [exchange for test in own for exchange in test.exchanges.get(callee, ())]
    texts = [exchange.model_dump(mode="json") for exchange in every]
    found: dict[int, Exchange] = {}
    for place, text in enumerate(texts):
        alike = [other for other in texts if same_value(other["input"], text["input"])]
        first = texts.index(alike[0])
        if all(same_value(other, text) for other in alike):
            found.setdefault(first, every[place])
    return tuple(found.values())[:MAX_EXCHANGES]


def _could_ask(before: Allowance, lack: Lack) -> bool:
    if lack.what == "callee":
        return before.call(lack.subject)
    if lack.what == "http":
        return _may_fetch(before, lack.subject)
    folder = names_folder(lack.subject)
    return before.list(segments_of(lack.subject, "file_read")) if folder else before.read(lack.subject)


def _may_fetch(before: Allowance, url: str) -> bool:
    """Whether it had permission for the URL's host; malformed ones are taken for such that it had."""
    host = _host_of(url)
    return host is None or before.http(*host)


def _has(test: TestCase, lack: Lack, before: Allowance) -> bool:
    """Whether the test has the callee, something of the URL's host, or a file that could not be read before."""
    if lack.what == "callee":
        return lack.subject in test.callees
    if lack.what == "http":
        return any(_host_of(url) == _host_of(lack.subject) for url in test.http)
    return any(not before.read(path) for path in test.files)


def _host_of(url: str) -> tuple[str, int] | None:
    with suppress(HostFailure):
        parsed = parse_url(url)
        return parsed.host, parsed.port
    return None


def _advice(lacked: Iterable[Lack]) -> str:
    return (
        "It is a test of the version before. One of yours stands in for it that has the same input, world and "
        f"expectation, and says what {_named(lacked)} answers."
    )


def _named(lacked: Iterable[Lack]) -> str:
    return ", ".join(repr(each.subject[:200]) for each in list(lacked)[:3])
