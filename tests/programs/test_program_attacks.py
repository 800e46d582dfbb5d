"""Attacks on programs as capabilities: names, permissions, energy and records that somebody tries to get around."""

from __future__ import annotations

import dataclasses
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from callee_samples import add_guest, add_program, calls, echoes, traps, writes
from delegations import ASKING
from program_samples import GREET, OpenApp, greet, greet_loudly, refused, registered
from scripted_llm import ChatRequest, Says, ScriptedLlm, call, say

from tacit.app import App
from tacit.errors import CapabilityFailed, PermissionDenied, TacitError
from tacit.models import MutateRequest, Permissions, RunAnswer

GRANTS = Permissions(write=("*.json",), call=("*",))
OTHER_NAMES = [
    "Greet",
    "GREET",
    "gr\u0435et",  # a Cyrillic e
    "\uff47reet",  # a full-width g
    "greet\u200b",
    "greet@1",
    '"greet"',
    "../greet",
    "greet.1",
    "$reference",
    "*",
    "capability_call",
    "agent",
]
ODD_TASK = "--help; $(id) `id` 'a' \"b\" \\ %s\n@file \u00e9\U0001f600"
TASK_OF_ITS_OWN = (
    "call input 0\npush name\ncall get 2\npop\ndelegate agent {task}\npush name\ncall input 0\ncall list 3"
)


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app with guests that write, fail and echo, and may."""
    made = open_app(shipped=False, grants=GRANTS)
    for name in "ab":
        add_guest(made, f"write_{name}", writes(f"{name}.json"), write=[f"{name}.json"])
    add_guest(made, "trap_now", traps())
    add_guest(made, "echo_it", echoes(100))
    return made


def outcome(app: App, capability: str, data: Any = 1, **options: Any) -> RunAnswer | TacitError:
    """Return what a run answers, or how it fails."""
    try:
        return app.service.run(capability, data, **options)
    except TacitError as error:
        return error


def tacit(*arguments: str, data: Path) -> dict[str, Any]:
    """Run the command in a process of its own and return what it prints as JSON."""
    command = [sys.executable, "-m", "tacit.cli", *arguments, "--json", "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return json.loads(done.stdout or done.stderr)


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_only_the_very_id_is_called(open_app: OpenApp, name: str) -> None:
    """What looks like the name of a capability that may be called, or like a way around it, is refused at the build."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    answer = service.mutate(greet_loudly(source=f"call input 0\ncall {name} 1\ncall upper 1\n"))
    assert (answer.status, answer.stage) in {("refused", "compile"), ("refused", "imports")}
    assert "line 2: " in answer.diagnostics


def test_a_callee_is_not_lent_its_callers_grants(open_app: OpenApp) -> None:
    """What is granted to the program alone is of no use to what it calls."""
    app = open_app(shipped=False, grants=Permissions(call=("*",)))
    add_guest(app, "write_a", writes("a.json"), write=["a.json"])
    add_program(app, "use_writer", "call input 0\ncall write_a 1")
    app.service.grant("use_writer", Permissions(write=("a.json",)))
    assert isinstance(outcome(app, "use_writer"), PermissionDenied)
    app.service.grant("write_a", Permissions(write=("a.json",)))
    assert isinstance(outcome(app, "use_writer"), RunAnswer)


def test_a_guest_reaches_through_a_program_only_what_that_may(app: App) -> None:
    """A guest that may call a program may not call what the program calls."""
    add_program(app, "use_writer", "call input 0\ncall write_a 1")
    add_guest(app, "go_through", calls("use_writer"), call=["use_writer"])
    add_guest(app, "go_around", calls("write_a"), call=["use_writer"])
    assert isinstance(outcome(app, "go_through"), RunAnswer)
    assert isinstance(outcome(app, "go_around"), PermissionDenied)


def test_a_denial_ends_the_whole_tree(app: App) -> None:
    """A guest in between that handles its callees' failures cannot swallow it; nothing lands."""
    add_guest(app, "write_too_far", writes("b.json"), write=["a.json"])
    add_program(app, "use_it", "call input 0\ncall write_too_far 1")
    add_guest(app, "try_it", calls("use_it"), call=["use_it"])
    add_program(app, "write_and_try", "call input 0\ncall write_a 1\ncall try_it 1")
    denied = outcome(app, "write_and_try")
    assert isinstance(denied, PermissionDenied)
    assert denied.details["requested"] == "b.json"
    assert list(app.settings.files_folder.glob("*.json")) == []


def test_the_last_write_to_a_file_counts(app: App) -> None:
    """Of two callees that write the same one, and of one that is called twice."""
    add_guest(app, "write_a_too", writes("a.json"), write=["a.json"])
    add_program(app, "write_thrice", "push 1\ncall write_a 1\npush 2\ncall write_a_too 1\npush 3\ncall write_a 1")
    assert isinstance(outcome(app, "write_thrice"), RunAnswer)
    assert (app.settings.files_folder / "a.json").read_text() == "3"


@pytest.mark.parametrize("last", ["push 0\ncall divide 2", 'push {"error": "no"}', "push []"])
def test_nothing_lands_where_the_program_fails_after_its_callees(app: App, last: str) -> None:
    """Be it by an instruction, by an output that reports an error, or by one that breaks its schema."""
    source = f"call input 0\ncall write_a 1\ncall write_b 1\n{last}"
    add_program(app, "write_and_fail", source, output_schema={"type": "object"})
    assert isinstance(outcome(app, "write_and_fail"), TacitError)
    assert list(app.settings.files_folder.glob("*.json")) == []


def test_a_run_takes_the_same_energy_everywhere(app: App, tmp_path: Path) -> None:
    """Again, after its pure callee is remembered, and in a process that has neither loaded nor run anything yet."""
    add_program(app, "twice_it", "call input 0\npush 2\ncall multiply 2")
    add_program(app, "use_both", "call input 0\ncall echo_it 1\ncall twice_it 1\ncall twice_it 1")
    first = app.service.run("use_both", 3)
    app.service.run("twice_it", 3)
    again = app.service.run("use_both", 3)
    elsewhere = tacit("run", "use_both", "3", data=tmp_path / "data")
    assert first.output == 12
    assert [(run.output, run.energy) for run in (first, again)] == [(12, first.energy)] * 2
    assert (elsewhere["output"], elsewhere["energy"]) == (12, first.energy)


def test_energy_that_just_suffices_suffices(app: App) -> None:
    """One unit of fuel less ends the run in the last callee, and no write of it lands."""
    add_program(app, "twice_it", "call input 0\npush 2\ncall multiply 2")
    add_program(app, "write_and_double", "call input 0\ncall write_a 1\ncall twice_it 1")
    needed = app.service.run("write_and_double", 3).energy
    (app.settings.files_folder / "a.json").unlink()
    failed = outcome(app, "write_and_double", 3, energy=needed - 1)
    assert isinstance(failed, TacitError)
    assert (failed.code, failed.details["where"]) == ("energy_exhausted", ["twice_it@1 line 3"])
    assert not (app.settings.files_folder / "a.json").exists()
    assert isinstance(outcome(app, "write_and_double", 3, energy=needed), RunAnswer)


def test_runs_of_callees_are_kept_below_their_callers(app: App) -> None:
    """Each with the run that called it, and each replays by itself."""
    add_program(app, "inner_one", "call input 0\nstore given\nobserve given\ncall echo_it 1")
    add_program(app, "outer_one", "call input 0\ncall inner_one 1")
    answer = app.service.run("outer_one", ["\u00e9"])
    runs = app.catalog.store.runs
    inner = runs.outcomes("inner_one", 1, 2)[0].run_id
    echo = runs.outcomes("echo_it", 1, 2)[0].run_id
    assert [runs.get(each).parent_run for each in (answer.run_id, inner, echo)] == [None, answer.run_id, inner]
    assert app.service.replay(inner).output == ["\u00e9"]


def test_replays_need_nothing_of_what_there_is_now(app: App, tmp_path: Path) -> None:
    """In another process, with every callee renewed or put away and nothing granted any more."""
    add_program(app, "write_it", "call input 0\ncall echo_it 1\ncall write_a 1")
    add_program(app, "fail_it", "call input 0\ncall write_b 1\ncall trap_now 1")
    done, failed = app.service.run("write_it", {"a": [1.5, "\u00e9"]}), outcome(app, "fail_it")
    assert isinstance(failed, CapabilityFailed)
    add_program(app, "echo_it", "push 6")
    app.service.deprecate("write_a")
    for name in ("trap_now", "write_it", "fail_it"):
        app.service.archive(name)
    app.close()
    replayed = tacit("replay", done.run_id, data=tmp_path / "data")
    again = tacit("replay", failed.details["run_id"], data=tmp_path / "data")
    assert (replayed["output"], replayed["energy"]) == ({"a": [1.5, "\u00e9"]}, done.energy)
    assert again == {"error": failed.to_dict()}


def test_a_damaged_record_never_replays_as_something_else(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever bytes of it are changed: it is refused, it diverges, or what was changed is of no consequence."""
    add_program(app, "fail_it", "call input 0\nstore given\nobserve given\ncall echo_it 1\ncall trap_now 1")
    failed = outcome(app, "fail_it")
    assert isinstance(failed, CapabilityFailed)
    record = app.catalog.store.runs.get(failed.details["run_id"])
    chosen, codes = random.Random(1), set[str]()
    for _ in range(300):
        damaged = bytearray(record.calls)
        damaged[chosen.randrange(len(damaged))] = chosen.randrange(256)
        changed = dataclasses.replace(record, calls=bytes(damaged[: chosen.choice((None, -1))]))
        monkeypatch.setattr(app.catalog.store.runs, "get", lambda _, changed=changed: changed)
        with pytest.raises(TacitError) as caught:
            app.service.replay(record.run_id)
        codes.add(caught.value.code)
    assert codes == {"store_damaged", "replay_diverged", "capability_error"}


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedLlm]:
    """A model for agents in processes of their own, that answers at once; it keeps what it was asked."""
    with ScriptedLlm(lambda _: say("\u00e9 --help")) as llm:
        for name, value in llm.settings().items():
            monkeypatch.setenv(f"TACIT_{name.upper()}", str(value))
        yield llm


def asking(task: str) -> MutateRequest:
    """Return a request for a program that hands a task to an agent."""
    tests = [
        {
            "name": name,
            "input": {"name": name},
            "calls": {"agent": 36},
            "expect": {"output": [36, "name", {"name": name}]},
        }
        for name in ("Ada", "Bob")
    ]
    return greet_loudly(
        id="ask_oddly",
        summary="Puts what an agent answers to an odd question before the input.",
        source=TASK_OF_ITS_OWN.format(task=json.dumps(task)),
        permissions={"call": ["agent"]},
        tests=[*tests, {"name": "nobody", "input": {}, "expect": {"error": "out_of_range"}}],
    )


def test_a_task_is_no_option_and_no_command(open_app: OpenApp, heard: ScriptedLlm) -> None:
    """The agent's model is asked it as it stands, and its answer comes back as it stands."""
    service = open_app(**ASKING).service
    registered(service.mutate(asking(ODD_TASK)))
    answer = service.run("ask_oddly", {"name": "Ada"})
    assert heard.requests[0]["messages"][-1]["content"] == ODD_TASK
    assert answer.output[0] == "\u00e9 --help"


def test_an_agent_is_granted_no_more_than_those_who_ask_it(open_app: OpenApp, heard: ScriptedLlm) -> None:
    """Also where the grants are Python's and not the environment's: what it runs for a program is denied as well."""

    def says(request: ChatRequest) -> Says:
        if not request.results:
            return call("run_capability", id="write_sample", input=1)
        return say(request.results[-1])

    heard.author = says
    app = open_app(**ASKING, grants=Permissions(call=("*",)))
    add_guest(app, "write_sample", writes("employee_database.json"), write=["employee_database.json"])
    registered(app.service.mutate(asking("Write it.")))
    assert "permission_denied" in app.service.run("ask_oddly", {"name": "Ada"}).output[0]
    assert not (app.settings.files_folder / "employee_database.json").exists()


@pytest.mark.parametrize(("task", "code"), [("a\0b", "invalid"), ("x" * 200_000, "invalid"), (" ", "failed")])
def test_a_task_that_no_agent_can_be_given_fails_the_program(
    open_app: OpenApp, heard: ScriptedLlm, task: str, code: str
) -> None:
    """With a code, and the line of the program; no model is asked."""
    service = open_app(**ASKING).service
    registered(service.mutate(asking(task)))
    with pytest.raises(CapabilityFailed) as caught:
        service.run("ask_oddly", {"name": "Ada"})
    assert (caught.value.details["code"], caught.value.details["line"]) == (code, 5)
    assert heard.requests == []


def test_hard_coded_answers_are_refused(open_app: OpenApp) -> None:
    """A program that answers every test with one text passes none that tell."""
    service = open_app(shipped=False).service
    refused(service.mutate(greet(source='push "Hello, Ada!"\n')), "tests")


def test_one_of_those_who_make_an_id_at_once_makes_it(open_app: OpenApp) -> None:
    """The others are refused as those who come later: theirs are no versions of it, and pass none of its tests."""
    service = open_app(shipped=False).service
    requests = [greet(source=f"{GREET}# number {number}\n", force=True) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(service.mutate, requests))
    assert sorted(answer.status for answer in answers) == ["refused"] * 3 + ["registered"]
    assert {answer.stage for answer in answers} == {None, "duplicate"}
    assert len(service.history("greet")) == 1
