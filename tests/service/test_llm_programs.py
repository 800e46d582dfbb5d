"""Programs that a language model writes, through the service: what is registered, run, renewed and refused."""

from __future__ import annotations

import json
from dataclasses import replace

from authors import good, good_moves, mends_program, played, searches_first, specifies_first
from composed_samples import TIP_IN_DOLLARS, VACATION_OF_TEAM
from scripted_llm import ScriptedLlm, call
from service_samples import OpenApp

from tacit.models import MutateRequest

TIP = MutateRequest(task=TIP_IN_DOLLARS.task, input=TIP_IN_DOLLARS.input)
PROGRAM = MutateRequest(task=TIP_IN_DOLLARS.task, language="program")


def test_a_task_becomes_a_program(open_app: OpenApp) -> None:
    """It is registered with the effects of what it calls, and run on the request's input at once."""
    with ScriptedLlm(good(TIP_IN_DOLLARS)) as llm:
        service = open_app(**llm.settings()).service
        answer = service.mutate(TIP, wait_seconds=60)
        assert llm.violations == []
    assert (answer.status, answer.author) == ("registered", "scripted"), answer
    assert answer.run is not None
    assert answer.run.output == TIP_IN_DOLLARS.output
    shown = service.show(TIP_IN_DOLLARS.id)
    assert (shown["manifest"]["language"], shown["effects"]) == ("program", ["calls"])


def test_callees_that_are_unknown_or_withdrawn_go_back(open_app: OpenApp) -> None:
    """The author is told which of those that it wants to call cannot be called, before it writes anything."""
    wanted = ["calculate_percentages", "fetch_json", "format_number"]
    with ScriptedLlm(specifies_first(TIP_IN_DOLLARS, permissions={"call": wanted})) as llm:
        service = open_app(**llm.settings()).service
        service.deprecate("fetch_json")
        assert service.mutate(PROGRAM, wait_seconds=60).status == "registered"
        told = str(llm.requests[1]["messages"][-1]["content"])
    assert "no capability calculate_percentages; fetch_json is deprecated." in told


def test_a_program_that_is_renewed_stays_one(open_app: OpenApp) -> None:
    """The next version has the language of the one before, where the request names none."""
    name, again = TIP_IN_DOLLARS.id, replace(TIP_IN_DOLLARS, source=f"# again\n{TIP_IN_DOLLARS.source}")
    with ScriptedLlm(good(TIP_IN_DOLLARS)) as llm:
        assert open_app(**llm.settings()).service.mutate(TIP, wait_seconds=60).status == "registered"
    with ScriptedLlm(good(again)) as llm:
        service = open_app(**llm.settings()).service
        answer = service.mutate(MutateRequest(task="Say it again", id=name, parent_id=name), wait_seconds=60)
    assert (answer.status, answer.version) == ("registered", 2), answer
    assert service.show(name)["manifest"]["language"] == "program"


def test_a_model_that_cannot_be_used_leaves_the_program_to_the_caller(open_app: OpenApp) -> None:
    """The answer says why no model writes it, and explains the language of programs."""
    with ScriptedLlm(good(TIP_IN_DOLLARS)) as llm:
        answer = open_app(**{**llm.settings(), "llm_model": "no-such-model"}).service.mutate(PROGRAM, wait_seconds=60)
    assert (answer.status, (answer.author_error or {})["code"]) == ("needs_source", "llm_model_unknown")
    assert answer.brief is not None
    assert "jump_if LABEL" in answer.brief.guest_api


def test_an_author_finds_what_it_combines_by_searching(open_app: OpenApp) -> None:
    """It searches before it specifies, and its program of what it found is registered and run."""
    task = "Zzyzx quux flarn"  # so that what is near the task is of no help
    with ScriptedLlm(searches_first(VACATION_OF_TEAM, "weather tomorrow", "leave balance of an employee")) as llm:
        service = open_app(**llm.settings()).service
        answer = service.mutate(MutateRequest(task=task, input=VACATION_OF_TEAM.input), wait_seconds=60)
        assert llm.violations == []
    assert (answer.status, answer.author) == ("registered", "scripted"), answer
    assert answer.run is not None
    assert answer.run.output == VACATION_OF_TEAM.output
    assert service.show(VACATION_OF_TEAM.id)["effects"] == ["calls", "reads"]


def test_who_writes_tests_and_source_is_shown_what_the_callees_take_and_answer(open_app: OpenApp) -> None:
    """The schemas of all that the specification may call stand in the first message of both steps, and no others."""
    with ScriptedLlm(good(VACATION_OF_TEAM)) as llm:
        service = open_app(**llm.settings()).service
        answer = service.mutate(MutateRequest(task=VACATION_OF_TEAM.task), wait_seconds=60)
        assert answer.status == "registered", answer
        briefs = [request["messages"][1]["content"] for request in llm.requests]
    schema = service.show("get_leave_balance")["manifest"]["output_schema"]
    for brief in briefs[1:]:
        told = brief.partition("What it may call")[2]
        assert json.dumps(schema, ensure_ascii=False) in told
        assert "get_salary_details" not in told


def test_a_program_that_asks_for_the_same_employee_each_time_is_mended(open_app: OpenApp) -> None:
    """The tests have an answer for each input; the author is told what it asked, and where."""
    first = VACATION_OF_TEAM.source.replace("load ids\nload i\ncall get 2", "load ids\npush 0\ncall get 2")
    with ScriptedLlm(mends_program(VACATION_OF_TEAM, first)) as llm:
        service = open_app(**llm.settings()).service
        answer = service.mutate(MutateRequest(task=VACATION_OF_TEAM.task), wait_seconds=60)
        told = "".join(str(message["content"]) for message in llm.requests[-1]["messages"] if message["role"] == "tool")
    assert answer.status == "registered", answer
    assert "FAILED: two\n  at $.days: expected 7.5, got 6" in told


def test_an_input_that_a_callee_does_not_take_goes_back_with_its_line(open_app: OpenApp) -> None:
    """The callee's schema is held against what is handed over, also where a test answers any input."""
    first = TIP_IN_DOLLARS.source.replace("push USD", "push Usd")
    with ScriptedLlm(mends_program(TIP_IN_DOLLARS, first)) as llm:
        assert open_app(**llm.settings()).service.mutate(TIP, wait_seconds=60).status == "registered"
        told = "".join(str(message["content"]) for message in llm.requests[-1]["messages"] if message["role"] == "tool")
    for part in ("in line 24 (call format_number 1)", "does not fit format_number", "$.currency", "Usd"):
        assert part in told


def test_tests_of_a_world_that_cannot_be_go_back(open_app: OpenApp) -> None:
    """Who writes tests is told what the callee really answers, before a source is written for them."""
    wrong = {"get_leave_balance": [{"input": {"employee_id": "E001"}, "output": {"vacation": 3}}]}
    first, *others = VACATION_OF_TEAM.seen
    moves = good_moves(VACATION_OF_TEAM)
    bad = call("submit_tests", seen=[{**first, "exchanges": wrong}, *others], held_out=[*VACATION_OF_TEAM.held_out])
    with ScriptedLlm(played(**{**moves, "tests": [bad, *moves["tests"]]})) as llm:
        service = open_app(**llm.settings()).service
        answer = service.mutate(MutateRequest(task=VACATION_OF_TEAM.task), wait_seconds=60)
        assert answer.status == "registered", answer
        told = llm.requests[2]["messages"][-1]["content"]
    for part in (
        "describes a world that cannot be",
        "exchanges.get_leave_balance[0].output",
        "get_leave_balance takes",
    ):
        assert part in told
