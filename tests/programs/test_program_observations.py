"""What a program observed, in its answer or the error that ended it: a little of it there, all in the record."""

from __future__ import annotations

import json
from typing import Any

import pytest
from callee_samples import add_guest, add_program, echoes
from mcp import Client
from program_samples import OpenApp, greet

from tacit.app import App
from tacit.errors import TacitError
from tacit.models import MutateRequest, RunAnswer
from tacit.service.observations import MAX_NAME, MAX_OBSERVED, MAX_VALUE
from tacit.texts import error_observations, error_text, mutate_text
from tacit.tools.server import build_server

pytestmark = pytest.mark.usefixtures("unhurried")
ONCE = "call input 0\nstore given\nobserve given"
TWICE = f'{ONCE}\nassert "it is truthy"\nload given'
COUNTS = (
    "push 0\nstore i\nmore:\nload i\npush 1\ncall add 2\nstore i\nobserve i\npop\nload i\ncall input 0\ncall less 2"
)
COUNTS += "\njump_if more\n"
WORK = "push 1000\nstore w\nmore:\nload w\npush -1\ncall add 2\nstore w\nload w\njump_if more\n"
"""Costs enough for an answer to be remembered."""
FIELDS = ["run_id", "capability", "version", "output", "energy", "seconds", "cached"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app without the shipped capabilities."""
    return open_app(shipped=False)


def seen(answer: RunAnswer) -> list[tuple[str, Any]]:
    """Return names and values of the observations of an answer."""
    return [(each.name, each.value) for each in answer.observations]


def failure(app: App, capability: str, data: object) -> TacitError:
    """Return how a run fails."""
    with pytest.raises(TacitError) as caught:
        app.service.run(capability, data)
    return caught.value


def test_an_answer_has_what_was_observed(app: App) -> None:
    """In its order, assertions included, values as JSON."""
    add_program(app, "watch_it", TWICE)
    answer = app.service.run("watch_it", {"a": ["é", 1.5]})
    assert seen(answer) == [("given", {"a": ["é", 1.5]}), ("it is truthy", {"a": ["é", 1.5]})]
    assert answer.model_dump()["observations"][0] == {"name": "given", "value": {"a": ["é", 1.5]}}


def test_an_answer_without_observations_is_as_ever(app: App) -> None:
    """Not a field more, in either form, for programs and for modules."""
    add_program(app, "twice_it", "call input 0\npush 2\ncall multiply 2")
    add_guest(app, "echo_it", echoes())
    for capability in ("twice_it", "echo_it"):
        answer = app.service.run(capability, 4)
        assert list(answer.model_dump()) == list(json.loads(answer.model_dump_json())) == FIELDS
        assert RunAnswer.model_validate(answer.model_dump()) == answer


def test_only_the_last_observations_are_answered(app: App) -> None:
    """With how many more there are, all of which are in the record."""
    add_program(app, "count_up", COUNTS)
    exactly, more = app.service.run("count_up", MAX_OBSERVED), app.service.run("count_up", MAX_OBSERVED + 5)
    assert (len(exactly.observations), exactly.observations_left_out) == (MAX_OBSERVED, 0)
    assert "observations_left_out" not in exactly.model_dump()
    assert seen(more) == [("i", number) for number in range(6, MAX_OBSERVED + 6)]
    assert more.model_dump()["observations_left_out"] == 5
    record = app.service.run_record(more.run_id)
    assert record["observations"] == [{"name": "i", "value": number} for number in range(1, MAX_OBSERVED + 6)]


@pytest.mark.parametrize("value", ["x" * 1000, "日本" * 800, ["\n" * 1000], {"k" * 600: 1}, [[]] * 1000])
def test_large_values_are_shortened(app: App, value: object) -> None:
    """To the beginning of their JSON, and it says so; the record has them whole."""
    add_program(app, "watch_it", ONCE)
    answer = app.service.run("watch_it", value)
    (only,) = answer.observations
    assert only.shortened
    assert len(only.value) == MAX_VALUE
    assert json.dumps(value, ensure_ascii=False, separators=(",", ":")).startswith(only.value[:-1])
    assert app.service.run_record(answer.run_id)["observations"] == [{"name": "given", "value": value}]


def test_values_are_measured_as_they_are_answered(app: App) -> None:
    """Characters, however many escapes their record takes."""
    add_program(app, "watch_it", ONCE)
    for value in ("日" * (MAX_VALUE - 2), "😀" * (MAX_VALUE - 2)):
        assert seen(app.service.run("watch_it", value)) == [("given", value)]


def test_long_names_are_shortened(app: App) -> None:
    """Those of assertions can be of many words."""
    add_program(app, "watch_it", f'push 1\nassert "{"words " * 30}"\npush 2')
    (only,) = app.service.run("watch_it", None).observations
    assert (len(only.name), only.value) == (MAX_NAME, 1)


def test_a_remembered_answer_has_them_too(app: App) -> None:
    """The same ones as the first had."""
    add_program(app, "count_up", WORK + COUNTS.replace("more", "again"))
    first, again = app.service.run("count_up", 30), app.service.run("count_up", 30)
    assert again.cached
    assert (again.observations, again.observations_left_out) == (first.observations, first.observations_left_out)
    assert first.observations_left_out == 10


def test_a_replay_has_them_too(app: App) -> None:
    """As the record has them."""
    add_program(app, "count_up", COUNTS)
    first = app.service.run("count_up", 30)
    again = app.service.replay(first.run_id)
    assert (again.observations, again.observations_left_out) == (first.observations, 10)


def test_a_run_at_once_has_them_too(app: App) -> None:
    """Also where no thread is asked."""
    add_program(app, "watch_it", ONCE)
    app.service.run("watch_it", 1)
    answers = (app.service.run_at_once("watch_it", 2) for _ in range(100))  # it gives up where the machine is slow
    answer = next(each for each in answers if each is not None)
    assert seen(answer) == [("given", 2)]


def test_a_failure_says_what_was_observed_before(app: App) -> None:
    """As its details, the same in a replay, and not in its record, which has them already."""
    add_program(app, "fail_it", f"{TWICE}\npop\nload missing")
    failed = failure(app, "fail_it", "text")
    expected = [{"name": "given", "value": "text"}, {"name": "it is truthy", "value": "text"}]
    assert failed.details["observations"] == expected
    assert 'observed given = "text"\nobserved it is truthy' in error_text(failed)
    with pytest.raises(TacitError) as again:
        app.service.replay(failed.details["run_id"])
    assert again.value.details["observations"] == expected
    record = app.service.run_record(failed.details["run_id"])
    assert record["observations"] == expected
    assert "observations" not in record["error"]["details"]


def test_a_failures_text_has_its_place_whatever_its_message_says(app: App) -> None:
    """The line is 1 and the address 0, and the message counts the same."""
    add_program(app, "fail_it", "call add 2")
    assert {"address: 0", "line: 1"} <= set(error_text(failure(app, "fail_it", 1)).splitlines())


def test_a_failure_without_observations_is_as_ever(app: App) -> None:
    """With nothing more in its details."""
    add_program(app, "fail_it", "load missing")
    assert set(failure(app, "fail_it", 1).details) == {
        "address",
        "instruction",
        "line",
        "run_id",
        "failures_in_row",
    }


def test_a_failures_observations_are_bounded(app: App) -> None:
    """As those of an answer are."""
    add_program(app, "fail_it", f"{COUNTS}\nload missing")
    details = failure(app, "fail_it", MAX_OBSERVED + 3).details
    assert (len(details["observations"]), details["observations_left_out"]) == (MAX_OBSERVED, 3)
    assert error_observations(details)[0] == "(3 earlier observations are in the run's record)"


def test_what_callees_observe_is_theirs(app: App) -> None:
    """It is in their records, not in the caller's answer."""
    add_program(app, "watch_it", ONCE)
    add_program(app, "call_it", "call input 0\ncall watch_it 1\nstore back\nobserve back")
    answer = app.service.run("call_it", 3)
    assert seen(answer) == [("back", 3)]
    (called,) = app.service.run_record(answer.run_id)["called"]
    assert app.service.run_record(called["run_id"])["observations"] == [{"name": "given", "value": 3}]


def test_a_guests_own_details_are_no_observations(app: App) -> None:
    """Whatever it says that it observed."""
    for number, claimed in enumerate((5, "x", [1], [{"name": 1}], [{"name": "a", "value": 1, "more": 2}])):
        add_program(app, f"claim_{number}", "call input 0")
        failed = failure(app, f"claim_{number}", {"error": {"code": "mine", "observations": claimed}})
        assert failed.details["reported"] == {"observations": claimed}
        assert error_observations(failed.details) == []
        assert error_text(failed).startswith("capability_error: ")


def test_a_new_programs_run_shows_them(app: App) -> None:
    """In the text of the answer to who made it, whether it ended well or not."""
    source = f"{ONCE}\npop\npush name\nload given\npush name\ncall get 2\nassert named\npush done"
    source = source.replace("push name\nload given", "load given")
    tests = [{"name": who, "input": {"name": who}, "expect": {"output": "done"}} for who in ("Ada", "Bob")]
    tests.append({"name": "nobody", "input": {"name": ""}, "expect": {"error": "assertion_failed"}})
    asked = greet(source=source, tests=tests, force=True).model_dump(exclude_unset=True)
    well = mutate_text(app.service.mutate(MutateRequest.model_validate({**asked, "input": {"name": "Eve"}})))
    assert 'observed given = {"name":"Eve"}\nobserved named = "Eve"\noutput: "done"' in well
    badly = mutate_text(app.service.mutate(MutateRequest.model_validate({**asked, "input": {"name": ""}})))
    assert badly.endswith('observed given = {"name":""}')
    assert "\nline: 8\n" in badly
    assert "\nrun_id: " in badly


@pytest.mark.anyio
async def test_clients_get_them(app: App) -> None:
    """In the structured answer, which the SDK checks against the tool's schema, and as a text after the others."""
    add_program(app, "watch_it", TWICE)
    add_program(app, "twice_it", "call input 0\npush 2\ncall multiply 2")
    async with Client(build_server(lambda: app)) as client:
        watched = await client.call_tool("run_capability", {"id": "watch_it", "input": {"a": 1}})
        silent = await client.call_tool("run_capability", {"id": "twice_it", "input": 3})
        failed = await client.call_tool("run_capability", {"id": "watch_it", "input": []})
        (schema,) = (tool.output_schema for tool in (await client.list_tools()).tools if tool.name == "run_capability")
    assert watched.structured_content is not None
    assert watched.structured_content["observations"][1] == {"name": "it is truthy", "value": {"a": 1}}
    assert watched.content[2].text == 'observed given = {"a":1}\nobserved it is truthy = {"a":1}'  # type: ignore[union-attr]
    assert silent.structured_content is not None
    assert (list(silent.structured_content), len(silent.content)) == (FIELDS, 2)
    assert failed.is_error
    assert failed.content[0].text.endswith("\nobserved given = []")  # type: ignore[union-attr]
    assert schema is not None
    assert {"observations", "observations_left_out"}.isdisjoint(schema["required"])
