"""What `tacit doctor` says of the language model."""

from __future__ import annotations

import pytest
from scripted_llm import ScriptedLlm, call, say, status

from tacit.config import Settings
from tacit.llm import inspect_model


def test_none_is_fine() -> None:
    """Nothing needs a model: without one, callers write the source."""
    check = inspect_model(Settings.load())
    assert (check.name, check.ok) == ("language model", True)
    assert "mutate_capability" in check.detail


def test_a_model_that_calls_tools_is_fine() -> None:
    """A model that calls the tool it is offered is named, and asked once."""
    with ScriptedLlm(lambda request: call("report_ready")) as llm:
        check = inspect_model(Settings.load(**llm.settings()))
    assert (check.ok, "scripted answers" in check.detail) == (True, True)
    assert (len(llm.requests), llm.violations) == (1, [])


def test_a_model_that_answers_in_words_is_not() -> None:
    """A model that ignores tools cannot write capabilities, and the setting says which it is."""
    with ScriptedLlm(lambda request: say("I am ready.")) as llm:
        check = inspect_model(Settings.load(**llm.settings()))
    assert (check.ok, "TACIT_LLM_MODEL" in check.detail) == (False, True)


def test_an_overloaded_one_is_not_waited_for() -> None:
    """A check does not retry."""
    with ScriptedLlm(lambda request: status(503, retry_after=60)) as llm:
        check = inspect_model(Settings.load(**llm.settings()))
    assert (check.ok, len(llm.requests)) == (False, 1)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"llm": "openai"}, "TACIT_LLM_MODEL"),
        ({"llm": "openai", "llm_model": "m"}, "TACIT_OPENAI_API_KEY"),
        ({"llm": "azure"}, "TACIT_AZURE_ENDPOINT"),
        ({"llm_model": "m", "openai_base_url": "not an address"}, "TACIT_OPENAI_BASE_URL"),
    ],
    ids=["no model", "no key", "no endpoint", "no address"],
)
def test_what_is_missing_is_named(settings: dict[str, str], named: str) -> None:
    """A model that was asked for and cannot be used names the setting to make."""
    check = inspect_model(Settings.load(**settings))
    assert (check.ok, named in check.detail) == (False, True)
