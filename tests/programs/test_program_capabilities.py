"""Programs as capabilities of a real app: made by the real builder, run, renewed, and kept in order."""

from __future__ import annotations

from pathlib import Path

import pytest
from callee_samples import add_guest, calls
from program_samples import GREET_LOUDLY, OpenApp, count_down, greet, greet_eve, greet_loudly, refused, registered

from tacit.building.brief import EXAMPLE_PROGRAM
from tacit.errors import InvalidOutput, TacitError
from tacit.models import Effect, MutateRequest


def test_a_program_is_made_and_run_without_any_toolchain(open_app: OpenApp, tmp_path: Path) -> None:
    """Where neither compiler nor SDK nor confinement is, it compiles, is tested, registered, found and run."""
    app = open_app(shipped=False, cache=tmp_path / "empty", toolchain=tmp_path / "none")
    answer = registered(app.service.mutate(greet(input={"name": "Eve"})))
    assert [test.passed for test in answer.tests] == [True, True, True]
    assert answer.run is not None
    assert answer.run.output == "Hello, Eve!"
    assert app.service.search("greet somebody").hits[0].id == "greet"


def test_a_program_that_calls_nothing_is_pure(open_app: OpenApp) -> None:
    """It has no effects, so the same input again is answered from the cache where computing it took a while."""
    service = open_app(shipped=False).service
    assert registered(service.mutate(count_down())).effects == ()
    first, again = service.run("count_down", {"from": 900}), service.run("count_down", {"from": 900})
    assert (first.cached, again.cached, again.output) == (False, True, {"steps": 900})


@pytest.mark.parametrize("name", ["add", "input"])
def test_a_name_that_a_built_in_has_is_noted(open_app: OpenApp, name: str) -> None:
    """It is made, found and run as any other, but what programs call by that name is the built-in."""
    service = open_app(shipped=False).service
    made = service.mutate(greet(id=name))
    assert made.status == "registered"
    assert f"No program can call it: `call {name}` means the built-in of that name." in made.message
    assert service.run(name, {"name": "Ada"}).output == "Hello, Ada!"
    assert "No program can call it" not in service.mutate(greet(id="welcome", force=True)).message


def test_the_effects_of_a_program_are_those_of_its_callees(open_app: OpenApp) -> None:
    """It calls, and does what they do; a program that calls it does the same."""
    service = open_app().service
    made = registered(service.mutate(MutateRequest.model_validate(EXAMPLE_PROGRAM)))
    assert set(made.effects) == {Effect.CALLS, Effect.READS}
    again = EXAMPLE_PROGRAM | {
        "id": "holidays_twice",
        "summary": "Doubles something entirely different from anything else here.",
        "source": "call input 0\ncall vacation_left_in_team 1\npush days\ncall get 2\npush 2\ncall multiply 2\n",
        "output_schema": {},
        "permissions": {"call": ["vacation_left_in_team"]},
        "tests": [
            {
                "name": str(days),
                "input": {"employee_ids": []},
                "calls": {"vacation_left_in_team": {"days": days}},
                "expect": {"output": 2 * days},
            }
            for days in (2, 3)
        ],
        "force": True,
    }
    assert set(registered(service.mutate(MutateRequest.model_validate(again))).effects) == {Effect.CALLS, Effect.READS}


def test_the_briefs_example_is_made_and_run_as_it_stands(open_app: OpenApp) -> None:
    """What authors copy works on the shipped data."""
    given = EXAMPLE_PROGRAM | {"input": {"employee_ids": ["E001", "E004"]}}
    answer = registered(open_app().service.mutate(MutateRequest.model_validate(given)))
    assert answer.run is not None
    assert answer.run.output == {"days": 30}


def test_a_callee_that_fails_ends_its_caller(open_app: OpenApp) -> None:
    """The error says which callee failed, and where in the program it was called."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    registered(service.mutate(greet_loudly()))
    with pytest.raises(TacitError) as caught:
        service.run("greet_loudly", {"nobody": 1})
    assert "greet" in str(caught.value)
    assert caught.value.details["line"] == 3


def test_a_program_runs_the_offered_version_of_what_it_calls(open_app: OpenApp) -> None:
    """A new version of a callee is what the next run calls; a rollback brings the earlier one back."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    registered(service.mutate(greet_loudly()))
    assert registered(service.mutate(greet_eve())).version == 2
    assert service.run("greet_loudly", {"name": "Eve"}).output == "GOOD EVENING, EVE!"
    service.rollback("greet", 1)
    assert service.run("greet_loudly", {"name": "Eve"}).output == "HELLO, EVE!"


def test_a_withdrawn_callee_is_named_at_run_time(open_app: OpenApp) -> None:
    """A run of a program whose callee was deprecated meanwhile says so, and what to run instead."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    registered(service.mutate(greet_loudly()))
    service.deprecate("greet")
    with pytest.raises(TacitError, match="greet is deprecated"):
        service.run("greet_loudly", {"name": "Eve"})


def test_a_withdrawn_callee_is_refused_when_a_program_is_made(open_app: OpenApp) -> None:
    """What is deprecated, or archived, is not built upon; the successor is named."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    registered(service.mutate(count_down()))
    service.deprecate("greet", successor="count_down")
    answer = refused(service.mutate(greet_loudly()), "imports")
    assert answer.diagnostics == "line 3: greet is deprecated; call count_down instead"


def test_a_program_whose_callees_callee_is_withdrawn_is_refused(open_app: OpenApp) -> None:
    """Its calls would fail: the way there is shown, and what to call instead; once that is offered again it is made."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    registered(service.mutate(count_down()))
    registered(service.mutate(greet_loudly()))
    tests = [
        {"name": name, "input": {"name": name}, "calls": {"greet_loudly": name}, "expect": {"output": f"{name}?"}}
        for name in ("a", "b")
    ]
    asked = greet(
        id="greet_again",
        summary="Passes on what another greeting shouts.",
        source="call input 0\ncall greet_loudly 1\npush ?\ncall concat 2\n",
        permissions={"call": ["greet_loudly"]},
        tests=tests,
        force=True,
    )
    service.deprecate("greet", successor="count_down")
    answer = refused(service.mutate(asked), "imports")
    assert answer.diagnostics == "line 2: greet_loudly → greet: greet is deprecated; call count_down instead"
    service.restore("greet")
    registered(service.mutate(asked))


def test_a_withdrawn_callee_of_a_module_is_noted(open_app: OpenApp) -> None:
    """A module may do without what fails, so what calls it is made; the answer says which calls fail, and why."""
    app = open_app(shipped=False)
    registered(app.service.mutate(greet()))
    add_guest(app, "ask_greet", calls("greet"), call=["greet"])
    app.service.deprecate("greet")
    tests = [
        {"name": name, "input": {"name": name}, "calls": {"ask_greet": name}, "expect": {"output": f"{name}?"}}
        for name in ("a", "b")
    ]
    source = "call input 0\ncall ask_greet 1\npush ?\ncall concat 2\n"
    permissions = {"call": ["ask_greet"]}
    answer = registered(
        app.service.mutate(greet(id="pass_on", source=source, permissions=permissions, tests=tests, force=True))
    )
    assert "Some of its calls fail: pass_on → ask_greet → greet: greet is deprecated." in answer.message


def test_an_unknown_callee_is_refused_with_the_closest_ids(open_app: OpenApp) -> None:
    """The refusal names the line, and what may have been meant."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    asked = greet_loudly(source="call input 0\ncall great 1\n", permissions={"call": ["great"]})
    answer = refused(service.mutate(asked), "imports")
    assert answer.diagnostics == "line 2: there is no built-in and no capability great"
    assert answer.closest == ("greet",)


def test_recursion_that_can_be_seen_is_refused(open_app: OpenApp) -> None:
    """Neither may a program call itself, nor what leads back to it; nothing is registered."""
    service = open_app(shipped=False).service
    itself = greet(source="call input 0\ncall greet 1\n", permissions={"call": ["greet"]})
    assert refused(service.mutate(itself), "imports").diagnostics == "line 2: greet calls itself"
    registered(service.mutate(greet()))
    registered(service.mutate(greet_loudly()))
    back = greet(
        parent_id="greet", source="call input 0\ncall greet_loudly 1\n", permissions={"call": ["greet_loudly"]}
    )
    found = refused(service.mutate(back), "imports").diagnostics
    assert found == "line 2: greet → greet_loudly → greet leads back to it"
    assert [each["version"] for each in service.history("greet")] == [1]


def test_a_new_version_keeps_the_language_and_the_permissions_of_the_one_before(open_app: OpenApp) -> None:
    """What a new version leaves out it inherits, the language as well."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    registered(service.mutate(greet_loudly()))
    given = greet_loudly(parent_id="greet_loudly", source="# again\n" + GREET_LOUDLY, language=None, permissions=None)
    registered(service.mutate(given))
    manifest = service.show("greet_loudly")["manifest"]
    assert (manifest["version"], manifest["language"], manifest["binary"]) == (2, "program", "")
    assert manifest["permissions"]["call"] == ["greet"]


def test_recorded_runs_bind_the_new_version_of_a_program(open_app: OpenApp) -> None:
    """What was answered before is answered again, on the recorded answers of the callees, or the version is refused."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    registered(service.mutate(greet_loudly()))
    service.run("greet_loudly", {"name": "Eve"})
    longer = (
        GREET_LOUDLY
        + "store said\nload said\npush EVE\ncall contains 2\njump_if eve\nload said\nreturn\neve:\npush no\n"
    )
    answer = refused(service.mutate(greet_loudly(parent_id="greet_loudly", source=longer)), "verification")
    assert "HELLO, EVE!" in answer.tests[0].difference


def test_a_program_without_source_is_briefed(open_app: OpenApp) -> None:
    """Without a language model the brief has the language, a program's example and the nearest capability."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    answer = service.mutate(MutateRequest(task="greet everybody in a list", language="program"))
    assert answer.status == "needs_source"
    assert answer.brief is not None
    assert "jump_if LABEL" in answer.brief.guest_api
    assert answer.brief.example_call["language"] == "program"
    assert (answer.brief.nearest or {})["language"] == "program"
    again = service.mutate(MutateRequest(parent_id="greet"))
    assert (again.brief or answer.brief).example_call["language"] == "program"


def test_a_replayed_program_gives_what_was_recorded(open_app: OpenApp) -> None:
    """A replay needs nothing of what it called then."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    registered(service.mutate(greet_loudly()))
    ran = service.run("greet_loudly", {"name": "Eve"})
    service.deprecate("greet")
    assert service.replay(ran.run_id).output == "HELLO, EVE!"


def test_a_program_that_fails_is_withdrawn_but_not_repaired(open_app: OpenApp) -> None:
    """Its own failures count as any version's; the language model, which mends Rust alone, is not asked."""
    model = {"llm": "openai", "llm_model": "none", "openai_api_key": "k", "openai_base_url": "http://[::1]:9"}
    service = open_app(shipped=False, **model).service
    registered(service.mutate(greet(output_schema={"type": "string", "maxLength": 12})))
    for number in range(3):
        with pytest.raises(InvalidOutput):
            service.run("greet", {"name": f"a name that is too long {number}"}, session=f"{number % 2}")
    assert service.show("greet")["status"] == "deprecated"
    assert len(service.builds()) == 1


def test_a_program_that_replaces_rust_has_to_do_the_same(open_app: OpenApp) -> None:
    """A new version may be in another language; it has to pass the tests of the one before like any other."""
    service = open_app().service
    asked = MutateRequest(id="reverse_string", parent_id="reverse_string", language="program", source="push nothing\n")
    assert len(refused(service.mutate(asked), "tests").tests) > 1
    assert service.show("reverse_string")["manifest"]["language"] == "rust"
