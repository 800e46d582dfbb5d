"""Programs that a language model writes, through the service: what is registered, run, renewed and refused."""

from __future__ import annotations

from dataclasses import replace

from authors import good, specifies_first
from composed_samples import TIP_IN_DOLLARS
from scripted_llm import ScriptedLlm
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
