"""Programs run as modules do: in one transaction with their callees, recorded, replayed, cached, cancelled, bounded."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from callee_samples import add_guest, add_program, calls, echoes, traps, writes
from program_samples import OpenApp

from tacit.app import App
from tacit.config import Limits
from tacit.errors import (
    CapabilityFailed,
    FileConflict,
    InvalidInput,
    InvalidJson,
    InvalidOutput,
    OutputTooLarge,
    PermissionDenied,
    RunCancelled,
    RunTimedOut,
    TacitError,
    TooManyHostCalls,
    WrongType,
)
from tacit.models import Permissions
from tacit.sandbox import Cancellation, FilesFolder, decode_calls

FOREVER = "again:\npush true\njump_if again"
WORK = "push 1000\nstore i\nmore:\nload i\npush -1\ncall add 2\nstore i\nload i\njump_if more\n"
TWICE = "call input 0\npush 2\ncall multiply 2"
BOTH = "call input 0\ncall write_a 1\npop\ncall input 0\ncall {0} 1"


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app with guests that write, fail and echo, granted to write."""
    made = open_app(shipped=False, grants=Permissions(write=("*.json",), call=("*",)))
    add_guest(made, "echo_it", echoes())
    add_guest(made, "trap_now", traps())
    add_guest(made, "write_a", writes("a.json"), write=["a.json"])
    add_guest(made, "write_b", writes("b.json"), write=["b.json"])
    return made


def files(app: App) -> dict[str, str]:
    """Return what is in the files folder."""
    folder = app.settings.files_folder
    return {each.name: each.read_text() for each in folder.glob("*.json")} if folder.is_dir() else {}


def failure(app: App, capability: str, data: object = 1, **options: object) -> TacitError:
    """Return how a run fails."""
    with pytest.raises(TacitError) as caught:
        app.service.run(capability, data, **options)  # type: ignore[arg-type]
    return caught.value


def test_the_writes_of_all_steps_land_together(app: App) -> None:
    """Both files are there when the run ended well."""
    add_program(app, "write_both", BOTH.format("write_b"))
    assert app.service.run("write_both", 7).output == 7
    assert files(app) == {"a.json": "7", "b.json": "7"}


def test_no_write_lands_where_a_later_step_fails(app: App) -> None:
    """Neither that of a callee that ended well before."""
    add_program(app, "write_then_trap", BOTH.format("trap_now"))
    assert failure(app, "write_then_trap").details["capability"] == "trap_now"
    assert files(app) == {}


def test_the_writes_of_a_callee_that_failed_are_undone(app: App) -> None:
    """A guest that handles its callee's failure keeps its own."""
    add_program(app, "write_then_trap", BOTH.format("trap_now"))
    add_guest(app, "try_it", calls("write_then_trap"), call=["write_then_trap"])
    add_program(app, "try_and_write", "call input 0\ncall try_it 1\ncall write_b 1")
    assert app.service.run("try_and_write", 7).output == -1
    assert files(app) == {"b.json": "-1"}


def test_what_callees_may_write_is_locked(app: App, open_app: OpenApp) -> None:
    """While another process's run holds the file of a step, the program waits for it, as long as it may run."""
    add_program(app, "write_both", BOTH.format("write_b"))
    hurried = open_app(shipped=False, grants=app.settings.grants, limits=Limits(wall_seconds=0.3))
    settings = app.settings
    commits = app.catalog.store.commits
    folder = FilesFolder(settings.files_folder, settings.data / "journal", commits, settings.limits.file_bytes)
    with ThreadPoolExecutor(1) as pool, folder.transaction(("b.json",)):
        failed = pool.submit(failure, hurried, "write_both").result()
    assert isinstance(failed, FileConflict | RunTimedOut)
    assert hurried.service.run("write_both", 7).output == 7


def test_a_run_replays_from_its_record(app: App) -> None:
    """No callee runs again; a run that failed fails so again."""
    add_program(app, "write_both", BOTH.format("write_b"))
    add_program(app, "write_then_trap", BOTH.format("trap_now"))
    answer = app.service.run("write_both", [1, {"a": "é"}])
    assert app.service.replay(answer.run_id).output == [1, {"a": "é"}]
    failed = failure(app, "write_then_trap")
    with pytest.raises(CapabilityFailed) as again:
        app.service.replay(failed.details["run_id"])
    assert again.value.details == failed.details
    assert len(app.catalog.store.runs.outcomes("write_a", 1, 10)) == 2


def test_a_replay_survives_new_versions_of_callees(app: App) -> None:
    """The record has what they answered then."""
    add_program(app, "use_echo", "call input 0\ncall echo_it 1")
    answer = app.service.run("use_echo", 5)
    add_program(app, "echo_it", "push 6")
    assert app.service.run("use_echo", 5).output == 6
    assert app.service.replay(answer.run_id).output == 5


def test_observations_are_recorded(app: App) -> None:
    """In their order, as JSON; also those of a run that failed."""
    add_program(app, "observe_it", 'call input 0\nstore given\nobserve given\nassert "it is truthy"\npop')
    failed = failure(app, "observe_it", ["é", 1])
    record = app.catalog.store.runs.get(failed.details["run_id"])
    noted = [(call.function, call.subject, json.loads(call.data)) for call in decode_calls(record.calls)]
    assert noted == [("observe", "given", ["é", 1]), ("observe", "it is truthy", ["é", 1])]
    with pytest.raises(TacitError, match="stack is empty"):
        app.service.replay(failed.details["run_id"])


def test_a_pure_program_is_cached(app: App) -> None:
    """If it is worth it."""
    add_program(app, "twice_it", WORK + TWICE)
    first = app.service.run("twice_it", 21)
    assert (first.output, first.cached) == (42, False)
    again = app.service.run("twice_it", 21)
    assert (again.output, again.cached, again.run_id, again.energy) == (42, True, first.run_id, first.energy)


@pytest.mark.usefixtures("unhurried")
def test_a_small_pure_program_runs_at_once(app: App) -> None:
    """From its second run on, when it is compiled; a long one is left to a thread."""
    add_program(app, "twice_it", TWICE)
    add_program(app, "work_long", WORK + TWICE)
    runner = app.service._runner  # pyright: ignore[reportPrivateUsage]
    assert runner.run_at_once("twice_it", 1) is None
    app.service.run("twice_it", 1)
    answer = runner.run_at_once("twice_it", 4)
    assert answer is not None
    assert answer.output == 8
    app.service.run("work_long", 1)
    assert runner.run_at_once("work_long", 2) is None


class Soon(Cancellation):
    """Is cancelled when it is looked at for the fifth time."""

    looks = 0

    @property
    def cancelled(self) -> bool:
        """Count the looks."""
        self.looks += 1
        return self.looks >= 5


@pytest.mark.parametrize("source", [FOREVER, "call input 0\ncall endless_one 1"])
def test_a_running_program_is_cancelled(app: App, source: str) -> None:
    """It looks every few instructions, and so do its callees."""
    add_program(app, "endless_one", FOREVER)
    add_program(app, "cancel_it", source)
    cancellation = Soon()
    assert isinstance(failure(app, "cancel_it", cancellation=cancellation), RunCancelled)
    ended = app.catalog.store.runs.outcomes("cancel_it", 1, 1)[0]
    assert ended.error_code == "cancelled"
    assert app.catalog.store.runs.get(ended.run_id).energy < 1_000_000


def test_a_program_that_calls_itself_ends(app: App) -> None:
    """Through others as well, at the depth that calls may have: the innermost call fails, and so on outwards."""
    add_guest(app, "go_round", calls("go_on"), call=["*"])  # what may call everything closes no ring that can be seen
    add_program(app, "go_on", "call input 0\ncall go_round 1")
    assert app.service.run("go_on", 1).output == -1
    depth = app.settings.limits.call_depth
    runs = app.catalog.store.runs
    assert len([*runs.outcomes("go_on", 1, 100), *runs.outcomes("go_round", 1, 100)]) == depth + 1


def test_calls_as_deep_as_allowed_run(open_app: OpenApp) -> None:
    """Thirty-two levels, programs and guests in turn, and what the deepest answers comes back."""
    app = open_app(shipped=False, limits=Limits(call_depth=32))
    add_guest(app, "level_0", echoes())
    for level in range(1, 33):
        below = f"level_{level - 1}"
        if level % 2:
            add_program(app, f"level_{level}", f"call input 0\ncall {below} 1")
        else:
            add_guest(app, f"level_{level}", calls(below), call=[below])
    assert app.service.run("level_32", [1]).output == [1]


def test_calls_are_counted(open_app: OpenApp) -> None:
    """As many as the limit are made."""
    app = open_app(shipped=False, limits=Limits(host_calls=3))
    add_guest(app, "echo_it", echoes())
    add_program(app, "call_much", "again:\npush 1\ncall echo_it 1\njump_if again")
    assert isinstance(failure(app, "call_much"), TooManyHostCalls)
    assert len(app.catalog.store.runs.outcomes("echo_it", 1, 10)) == 3


def test_the_callees_time_is_the_programs(open_app: OpenApp) -> None:
    """A tree ends at one deadline."""
    app = open_app(shipped=False, limits=Limits(wall_seconds=0.3, energy=1 << 60))
    add_program(app, "endless_one", FOREVER)
    add_program(app, "wait_for_it", "call input 0\ncall endless_one 1")
    failed = failure(app, "wait_for_it")
    assert isinstance(failed, RunTimedOut)
    assert failed.details["limit_seconds"] == 0.3


def test_a_callee_that_is_deprecated_meanwhile_fails_the_call(app: App) -> None:
    """With its successor's name; the program can be run again when it is offered again."""
    add_program(app, "use_echo", "call input 0\ncall echo_it 1")
    assert app.service.run("use_echo", 1).output == 1
    app.service.deprecate("echo_it", successor="write_a")
    failed = failure(app, "use_echo")
    assert failed.details["capability"] == "echo_it"
    assert "write_a" in failed.message
    app.service.restore("echo_it")
    assert app.service.run("use_echo", 1).output == 1


def test_a_callees_input_is_checked(app: App) -> None:
    """What does not fit its schema fails the call, with what was wrong."""
    add_program(app, "twice_it", TWICE, input_schema={"type": "integer"})
    add_program(app, "twice_text", 'push "x"\ncall twice_it 1')
    failed = failure(app, "twice_text")
    assert (failed.code, failed.details["code"]) == ("capability_error", "invalid")
    assert '"x" is not of type "integer"' in failed.message
    assert failed.details["line"] == 2


def test_a_callees_own_error_is_the_programs(app: App) -> None:
    """By its code and message, and with the line that called it."""
    add_program(app, "fail_it", 'push no_such\npush "There is none."\ncall fail 2')
    add_program(app, "use_it", "call input 0\ncall fail_it 1")
    details = failure(app, "use_it").details
    assert (details["code"], details["message"], details["capability"]) == ("no_such", "There is none.", "fail_it")
    assert details["line"] == 2


def test_a_call_that_is_not_permitted_is_denied(app: App) -> None:
    """The run ends with what the operator has to grant, though the program names it."""
    add_program(app, "use_echo", "call input 0\ncall echo_it 1")
    other = "call input 0\ncall write_a 1"
    version = app.catalog.get("use_echo")
    app.catalog.register(
        version.manifest, {"main.program": other}, other.encode(), version.tests, effects=version.effects,
        author="caller", toolchain="none",
    )  # fmt: skip
    assert isinstance(failure(app, "use_echo"), PermissionDenied)


def test_inputs_and_outputs_are_checked(app: App) -> None:
    """By the program's schemas."""
    add_program(app, "twice_it", TWICE, input_schema={"type": ["integer", "string"]}, output_schema={"maximum": 100})
    assert isinstance(failure(app, "twice_it", [1]), InvalidInput)
    assert isinstance(failure(app, "twice_it", 51), InvalidOutput)
    assert isinstance(failure(app, "twice_it", "a"), WrongType)


@pytest.mark.parametrize(
    ("source", "data", "code"),
    [
        (
            "push a\nstore a\nagain:\nload a\nload a\ncall concat 2\nstore a\npush 1\njump_if again",
            1,
            "value_too_large",
        ),
        (
            "push [1]\nstore a\nagain:\nload a\nload a\ncall list 2\nstore a\npush 1\njump_if again",
            1,
            "value_too_large",
        ),
        ("again:\npush 1\npush 1\njump_if again", 1, "value_too_large"),
        ("again:\ncall input 0\nobserve x\npush 1\njump_if again", "x" * 100_000, "value_too_large"),
        ("call input 0\ncall input 0\ncall list 2", "x" * 3_000_000, "output_too_large"),
        ('push {"error": {"code": "mine", "message": "m"}}', 1, "capability_error"),
        ("call input 0\npush 0\ncall divide 2", 1, "division_by_zero"),
        ("pop", 1, "stack_underflow"),
        ("load nothing", 1, "unknown_name"),
        ("push 1\ncall echo_it 2", 1, "stack_underflow"),
        ("push 1\npush 1\ncall echo_it 2", 1, "unknown_name"),
        ("energy_check 999999999", 1, "energy_low"),
        ('push false\nassert "it is so"', 1, "assertion_failed"),
        ("call input 0\ncall json_parse 1", "[" * 1_000_000, "value_too_large"),
        ("call input 0", [[1]] * 3, None),
    ],
)
def test_attacks_end_with_a_stable_code(app: App, source: str, data: object, code: str | None) -> None:
    """Whatever a program does, the run ends with an error of its own, that is recorded, or well."""
    add_program(app, "attack_it", source)
    if code is None:
        assert app.service.run("attack_it", data).output == data
        return
    failed = failure(app, "attack_it", data)
    assert failed.code == code
    assert app.catalog.store.runs.get(failed.details["run_id"]).error_code == code


@pytest.mark.parametrize("text", [b"[" * 1_000_000 + b"]" * 1_000_000, b"[" * 150 + b"]" * 150, b"NaN", b"\xff", b""])
def test_odd_inputs_end_with_a_stable_code(app: App, text: bytes) -> None:
    """Inputs that nest too deep for a program, or are no JSON, never reach it."""
    add_program(app, "take_it", "push 1")
    failed = failure(app, "take_it", text)
    assert isinstance(failed, InvalidJson) or failed.code == "value_too_large"


def test_an_output_over_its_limit_is_refused(open_app: OpenApp) -> None:
    """As that of a guest."""
    app = open_app(shipped=False, limits=Limits(stdout_bytes=1024))
    add_program(app, "say_much", "push [1,1]\n" + "store a\nload a\nload a\ncall concat 2\n" * 10)
    assert isinstance(failure(app, "say_much"), OutputTooLarge)
