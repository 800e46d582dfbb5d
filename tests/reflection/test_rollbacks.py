"""A version that does worse than the one it was made from is rolled back by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from reflection_samples import ECHO, LOOPS, STEADY, OpenApp, add_echo, fail

from tacit.app import App
from tacit.errors import CapabilityDeprecated
from tacit.learning.policies import FailureHandling
from tacit.service.failing import Fare, does_worse

POLICY = FailureHandling()


def fare(runs: int, failed: int) -> Fare:
    """Return how a version fared that failed that often in so many runs."""
    return Fare(runs, tuple("0" * 16 for _ in range(failed)))


@pytest.mark.parametrize(
    ("own", "parent", "worse"),
    [
        ((5, 1), (5, 0), True),
        ((20, 4), (20, 0), True),
        ((20, 3), (20, 0), False),
        ((10, 3), (10, 1), True),
        ((4, 4), (20, 0), False),
        ((20, 20), (4, 0), False),
        ((5, 5), (5, 5), False),
        ((5, 0), (5, 5), False),
        ((0, 0), (0, 0), False),
    ],
)
def test_success_rates_are_compared(own: tuple[int, int], parent: tuple[int, int], worse: bool) -> None:
    """By default 5 runs of each are the least that tell, and a fifth is the difference that counts."""
    assert does_worse(fare(*own), fare(*parent), POLICY) is worse


@pytest.fixture
def worsen(open_app: OpenApp) -> Callable[..., App]:
    """Return a function that makes a version 2 which fails every second run, and reopens the app after that."""

    def make(
        *, runs: int = 6, parent: str | None = None, source: str = STEADY, begins_with: int = 0, ahead_millis: int = 0
    ) -> App:
        app = open_app(limits={"energy": 10_000_000})
        add_echo(app, source=source)
        for number in range(1, 7):
            app.service.run("echo_back", number * 10)
        add_echo(app, note="otherwise", parent=parent)
        with app.catalog.store.database.write() as connection:
            connection.exec_driver_sql("UPDATE versions SET created = created + ?", (ahead_millis,))
        for number in range(1, runs, 2):
            fail(app, begins_with + number / 16)
            app.service.run("echo_back", number)
        app.close()
        return open_app()

    return make


def test_a_worse_version_is_rolled_back(worsen: Callable[..., App]) -> None:
    """The parent is offered again, the worse version is deprecated, and the audit log says why."""
    app = worsen()
    assert app.service.run("echo_back", 1).version == 1
    with pytest.raises(CapabilityDeprecated):
        app.service.run("echo_back", 1, version=2)
    entry = app.service.audit_log(1)[0]
    assert (entry["actor"], entry["action"], entry["version"]) == ("policy", "rollback", 1)
    assert entry["details"]["success_of_parent"] == 1.0
    assert len(entry["details"]["failed"]) == 3


def test_limits_that_the_parent_does_not_meet_tell(worsen: Callable[..., App]) -> None:
    """A version that uses up its energy on what its parent had enough for does worse."""
    assert worsen(begins_with=LOOPS).service.run("echo_back", 1).version == 1


@pytest.mark.parametrize("begins_with", [0, LOOPS])
def test_what_the_parent_fails_on_as_well_tells_nothing(worsen: Callable[..., App], begins_with: int) -> None:
    """A caller that makes up inputs which neither version can take does not have the newer one withdrawn."""
    assert worsen(source=ECHO, begins_with=begins_with).service.run("echo_back", 1).version == 2


def test_a_repeated_input_tells_once(open_app: OpenApp) -> None:
    """One caller that fails again and again on one input is one of eight runs, not nine of sixteen."""
    app = open_app()
    add_echo(app, source=STEADY)
    for number in range(1, 7):
        app.service.run("echo_back", number * 10)
    add_echo(app, note="otherwise")
    for number in range(1, 8):
        app.service.run("echo_back", number)
    for _ in range(9):
        fail(app)
    app.close()
    assert open_app().service.run("echo_back", 1).version == 2


def test_a_worse_version_is_rolled_back_where_it_was_made_on_a_clock_that_was_ahead(
    worsen: Callable[..., App],
) -> None:
    """Its runs are its own, though their ids are from before it was made."""
    assert worsen(ahead_millis=86_400_000).service.run("echo_back", 1).version == 1


def test_few_runs_tell_nothing(worsen: Callable[..., App]) -> None:
    """Below the policy's least number of runs nothing is rolled back."""
    assert worsen(runs=3).service.run("echo_back", 1).version == 2


def test_a_version_of_another_id_is_no_measure(worsen: Callable[..., App]) -> None:
    """A version that was made from another capability is not rolled back to it."""
    assert worsen(parent="other_one@1").service.run("echo_back", 1).version == 2


def test_a_parent_that_is_not_offered_does_not_come_back(open_app: OpenApp) -> None:
    """What was deprecated before stays so, however its successor does."""
    app = open_app()
    add_echo(app, source=STEADY)
    for number in range(1, 7):
        app.service.run("echo_back", number * 10)
    add_echo(app, note="otherwise")
    app.service.deprecate("echo_back", 1)
    for number in range(1, 6):
        fail(app, number / 16)
        app.service.run("echo_back", number)
    app.close()
    assert open_app().service.run("echo_back", 1).version == 2


def test_a_version_that_a_person_offers_again_begins_anew(worsen: Callable[..., App], open_app: OpenApp) -> None:
    """How a version did before a person restored it does not have it rolled back once more."""
    app = worsen()
    app.service.restore("echo_back", 2)
    fail(app, 0.75)
    app.close()
    assert open_app().service.run("echo_back", 1).version == 2
