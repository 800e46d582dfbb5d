"""Own failures in a row: counted on the version, across restarts and processes, and what follows from them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from reflection_samples import LOOPS, SLOW, OpenApp, add_caller, add_echo, fail, fail_widely, in_a_row

from tacit.app import App
from tacit.catalog import Premise
from tacit.errors import CapabilityDeprecated, CapabilityFailed, InvalidJson, TacitError
from tacit.models import Permissions
from tacit.store import Decision
from tacit.texts import error_text

pytestmark = pytest.mark.usefixtures("unhurried")
FAILS = """
import sys
from pathlib import Path
import tacit
from tacit.config import Settings
from tacit.errors import GuestTrapped
with tacit.open(Settings.load(data=Path(sys.argv[1]), embedder="none", shipped=False)) as app:
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            app.service.run("echo_back", float(line))
        except GuestTrapped as error:
            print(error.details["failures_in_row"], flush=True)
"""


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app with `echo_back` and no language model."""
    opened = open_app()
    add_echo(opened)
    return opened


def allow(app: App, failures: int) -> None:
    """Let versions fail on so many inputs in a row before they are deprecated."""
    app.service.set_policy("failure_handling", {"deprecate_after": failures})


def start(data: Path) -> subprocess.Popen[str]:
    """Start another process that runs `echo_back` to failure on each number it gets."""
    process = subprocess.Popen(
        [sys.executable, "-c", FAILS, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def tell(process: subprocess.Popen[str], number: float = 0) -> None:
    """Have the other process fail on a number that begins with 0."""
    assert process.stdin is not None
    process.stdin.write(f"{number}\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> int:
    """Return how many failures in a row the other process counted."""
    assert process.stdout is not None
    return int(process.stdout.readline())


def end(process: subprocess.Popen[str]) -> None:
    """Kill the other process outright."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_own_failures_are_counted(app: App) -> None:
    """Each input in a row counts, and the error says how many there are."""
    assert [fail(app, number).details["failures_in_row"] for number in (0, 0.5)] == [1, 2]


def test_a_failures_text_has_the_count_whatever_its_message_says(app: App) -> None:
    """A message with the same number in it does not stand for the count."""
    error = fail(app)
    error.message = "It trapped at main.rs:1."
    assert "failures_in_row: 1" in error_text(error).splitlines()


def test_an_input_counts_once_however_often_it_is_sent(app: App) -> None:
    """Whoever repeats it, and however it is written."""
    errors = [fail(app, data, session=who) for who in (None, "a", "b") for data in (0, b"0 ", 0.0, b"0e5")]
    assert [error.details["failures_in_row"] for error in errors] == [1] * 12
    assert fail(app, 0.5).details["failures_in_row"] == 2


def test_the_order_of_keys_makes_no_other_input(open_app: OpenApp) -> None:
    """Objects with the same members are the same input."""
    app = open_app(grants=Permissions(call=("*",)))
    add_echo(app)
    add_caller(app)
    for data in ({"a": 1, "b": 2}, {"b": 2, "a": 1}):
        with pytest.raises(CapabilityFailed):
            app.service.run("call_echo", data)
    assert app.catalog.store.health.get("echo_back", 1).failing == 1


def test_a_repeated_input_changes_nothing_for_others(app: App) -> None:
    """Other processes need not look at the catalog again for what one caller repeats."""
    fail(app)
    before = app.catalog.generation()
    fail(app)
    assert app.catalog.generation() == before


def test_a_success_begins_anew(app: App) -> None:
    """After a run that went well there are no failures in a row."""
    fail(app)
    app.service.run("echo_back", 1)
    assert in_a_row(app) == 0


def test_a_callers_failure_does_not_count(app: App) -> None:
    """Neither input that is no JSON nor energy that the caller lowered counts."""
    with pytest.raises(InvalidJson):
        app.service.run("echo_back", b"0x")
    fail(app, LOOPS, energy=1000)
    assert in_a_row(app) == 0


def test_energy_used_up_does_not_count(open_app: OpenApp) -> None:
    """However many inputs ask for too much in however many sessions, the version is offered still."""
    app = open_app(limits={"energy": 100_000})
    add_echo(app)
    errors = [fail(app, LOOPS + number / 16, session=str(number)) for number in range(8)]
    assert {error.code for error in errors} == {"energy_exhausted"}
    assert not any("failures_in_row" in error.details for error in errors)
    assert app.service.run("echo_back", 1).output == 1


def test_replays_and_cached_answers_count_neither_way(app: App) -> None:
    """A replay of a failure is no further one, and a cached answer is no success."""
    app.service.run("echo_back", SLOW)
    run_id = fail(app).details["run_id"]
    with pytest.raises(TacitError):
        app.service.replay(run_id)
    assert app.service.run("echo_back", SLOW).cached
    assert in_a_row(app) == 1


def test_runs_at_once_leave_counting_to_those_that_may_wait(app: App) -> None:
    """An own failure is not raised at once, nor is a success after one answered: a thread counts both."""
    app.service.run("echo_back", 1)
    assert app.service.run_at_once("echo_back", 2) is not None
    assert app.service.run_at_once("echo_back", 0) is None
    assert in_a_row(app) == 0
    fail(app)
    assert app.service.run_at_once("echo_back", 2) is None


def test_a_called_capability_answers_for_itself(open_app: OpenApp) -> None:
    """A trap of a called capability counts on it; its caller, which reports that, did nothing wrong."""
    app = open_app(grants=Permissions(call=("*",)))
    add_echo(app)
    add_caller(app)
    with pytest.raises(CapabilityFailed, match="It failed"):
        app.service.run("call_echo", None)
    assert in_a_row(app) == 1
    assert app.catalog.get("call_echo").failing == 0


def test_success_without_failures_asks_nothing(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that did not fail costs no query and no write of its health."""
    monkeypatch.delattr(app.catalog.store.health, "_database")
    assert app.service.run("echo_back", 1).output == 1
    with pytest.raises(AttributeError):
        fail(app)


def test_failures_outlive_a_restart(open_app: OpenApp) -> None:
    """The count goes on where the last process left it."""
    first = open_app()
    add_echo(first)
    fail(first)
    first.close()
    assert fail(open_app(), 0.5).details["failures_in_row"] == 2


def test_killed_processes_leave_the_count_whole(app: App) -> None:
    """What a killed process counted counts for the others."""
    other = start(app.settings.data)
    tell(other)
    assert heard(other) == 1
    end(other)
    assert fail(app, 0.5).details["failures_in_row"] == 2


def test_a_success_elsewhere_begins_anew_here(app: App) -> None:
    """A process that knows of no failure of its own forgets those of another one all the same."""
    app.service.run("echo_back", 1)
    other = start(app.settings.data)
    tell(other)
    assert heard(other) == 1
    app.service.run("echo_back", 2)
    tell(other)
    assert heard(other) == 1
    end(other)


def test_two_processes_count_together(app: App) -> None:
    """Failures of two processes at once are all counted, each once."""
    allow(app, 1000)
    others = [start(app.settings.data) for _ in range(2)]
    for number in range(10):
        for place, other in enumerate(others):
            tell(other, (number * 2 + place) / 32)
    counted = sorted(heard(other) for _ in range(10) for other in others)
    assert counted == list(range(1, 21))
    for other in others:
        end(other)


def test_the_third_failure_deprecates(app: App) -> None:
    """After the policy's number in a row the only version is offered no more, and the error says so."""
    errors = fail_widely(app)
    assert "deprecated now" not in errors[1].hint
    assert "echo_back@1 failed on 3 inputs in a row by its own fault and is deprecated now." in errors[2].hint
    assert app.service.list() == []
    with pytest.raises(CapabilityDeprecated):
        app.service.run("echo_back", 1)


def test_one_session_withdraws_nothing(app: App) -> None:
    """Whatever one caller sends, others decide as well."""
    errors = fail_widely(app, ["one"])
    assert [error.details["failures_in_row"] for error in errors] == [1, 2, 3]
    assert app.service.run("echo_back", 1).output == 1


def test_a_second_session_sees_what_the_first_saw(app: App) -> None:
    """The same inputs in another session are no further ones, and bear the first one out."""
    fail_widely(app, ["one"])
    assert "failed on 3 inputs in a row by its own fault and is deprecated now" in fail(app, session="two").hint


def test_what_works_for_others_stays(app: App) -> None:
    """A caller with many sessions and many inputs does not take a capability away that others use."""
    app.service.run("echo_back", 1, session="somebody else")
    errors = [fail(app, number / 32, session=str(number)) for number in range(16)]
    assert errors[-1].details["failures_in_row"] == 16
    assert app.service.run("echo_back", 1).output == 1


def test_what_worked_once_for_those_it_fails_is_withdrawn(app: App) -> None:
    """That it went well in a session which sees it fail by now does not keep it."""
    app.service.run("echo_back", 1, session="one")
    assert "is deprecated now" in fail_widely(app)[-1].hint


def test_the_version_before_is_offered_again(app: App) -> None:
    """Where an older version is active, it takes the place of the deprecated one, which names it."""
    add_echo(app, note="unchanged")
    error = fail_widely(app)[-1]
    assert "echo_back@1 is offered instead." in error.hint
    assert app.service.run("echo_back", 1).version == 1
    with pytest.raises(CapabilityDeprecated, match="Run echo_back instead"):
        app.service.run("echo_back", 1, version=2)


def test_deprecation_is_audited_with_its_runs(app: App) -> None:
    """The audit log has the policy as actor, and the runs that failed, newest first."""
    runs = [error.details["run_id"] for error in fail_widely(app)]
    entry = app.service.audit_log(10)[0]
    assert (entry["actor"], entry["action"], entry["version"]) == ("policy", "deprecate", 1)
    assert entry["details"]["runs"] == runs[::-1]


def test_a_restored_version_counts_anew(app: App) -> None:
    """What a person offers again may fail as often as at first."""
    fail_widely(app)
    app.catalog.restore("echo_back", 1, by=Decision("python"))
    assert fail(app).details["failures_in_row"] == 1


def test_what_began_before_a_persons_decision_does_not_undo_it(app: App) -> None:
    """A policy that goes by a run which was under way while a person restored the version deprecates nothing."""
    allow(app, 1)
    fail(app)
    app.service.restore("echo_back", 1)
    decided = app.catalog.store.audit.last_decision("echo_back").entry
    assert app.catalog.deprecate("echo_back", 1, premise=Premise(decided - 1)) is False
    assert app.service.run("echo_back", 1).version == 1
    assert app.service.audit_log(1)[0]["action"] == "restore"
    assert app.catalog.deprecate("echo_back", 1, premise=Premise(decided)) is True
