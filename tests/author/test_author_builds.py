"""An author with a language model, from a task to a verified module, through the real builder."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from author_samples import COMPLETED, GOOD, HELD_OUT, SEEN, SPECIFICATION, asked, plays
from authors import good, malformed_calls, overloaded_then_works, three_compile_errors, write
from samples import COMPILE_ERRORS, COUNT_VOWELS, SAMPLES, Sample
from scripted_llm import API_KEY, MODEL, calls

from tacit.models import STAGES, Permissions

Write = Callable[..., Any]


def test_a_good_author_makes_a_verified_module(author: Write) -> None:
    """Specification, both sets of tests and source come back with a module that passes all of them."""
    made = author(plays()).made
    assert made.wasm[:4] == b"\0asm"
    assert made.digest == sha256(made.wasm).hexdigest()
    assert made.authored.manifest.id == SPECIFICATION["id"]
    assert list(made.authored.manifest.examples) == SPECIFICATION["examples"]
    assert made.authored.source == {"main.rs": GOOD}
    assert [test.name for test in made.authored.tests] == [test["name"] for test in (*SEEN, *HELD_OUT)]
    assert made.authored.held_out == tuple(test["name"] for test in HELD_OUT)
    assert all(test.passed for test in made.tests)
    assert len(made.tests) == len(SEEN) + len(HELD_OUT)
    assert (made.authored.model, made.authored.revisions) == (MODEL, ())
    assert {"specification", "tests", "implementation", "verification"} <= set(made.seconds)


def test_steps_are_told_as_they_begin(author: Write) -> None:
    """Progress names stages in words that a person reads, and never goes back."""
    progress = author(plays()).progress
    stages = [each.stage for each in progress]
    assert list(dict.fromkeys(stages)) == ["specification", "tests", "implementation", "verification"]
    assert set(stages) <= set(STAGES)
    assert "Writing tests: 3 seen, 3 held out" in [each.message for each in progress]
    assert [each.fraction for each in progress] == sorted(each.fraction for each in progress)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
def test_every_sample_is_built_and_does_its_task(author: Write, sample: Sample) -> None:
    """Pure ones, ones with errors of their own, and one that reads a file with the permission for it alone."""
    made = author(good(sample), asked(task=sample.task, input=sample.input)).made
    assert made.authored.manifest.permissions == Permissions.model_validate(sample.specification["permissions"])
    assert made.effects == tuple(sample.specification["effects"])
    assert made.authored.source == {"main.rs": sample.source}


def test_three_compile_errors_are_mended(author: Write) -> None:
    """An author learns from rustc's words, and each source that was compiled is counted."""
    outcome = author(three_compile_errors(COUNT_VOWELS))
    assert outcome.made.authored.source == {"main.rs": GOOD}
    assert outcome.usage.attempts == 4
    said = " ".join(outcome.answers("build") + outcome.answers("test"))
    assert all(code in said for code in COMPILE_ERRORS)


def test_several_calls_in_a_message_are_carried_out_in_order(author: Write) -> None:
    """Writing, testing and completing in one message is one exchange."""
    outcome = author(plays(implementation=calls(write(GOOD), *COMPLETED)))
    assert outcome.made.authored.source == {"main.rs": GOOD}
    assert outcome.usage.llm_calls == 3


@pytest.mark.parametrize("code", [429, 503])
def test_an_endpoint_that_is_busy_is_asked_again(author: Write, code: int) -> None:
    """What passes is waited out within the retries of the settings."""
    outcome = author(overloaded_then_works(COUNT_VOWELS, code=code))
    assert outcome.made.authored.model == MODEL
    assert len(outcome.llm.requests) == outcome.usage.llm_calls + 2


def test_malformed_calls_are_answered_and_mended(author: Write) -> None:
    """Arguments that are no JSON, unknown tools and wrong types are told to the model, which goes on."""
    outcome = author(malformed_calls(COUNT_VOWELS))
    assert outcome.made.authored.source == {"main.rs": GOOD}


def test_turns_are_the_whole_transcript(author: Write) -> None:
    """What was sent and answered in each context can be read off the turns alone, without the key."""
    outcome = author(plays())
    for step, tool in (("specification", "submit_specification"), ("tests", "submit_tests")):
        turns = [turn for turn in outcome.turns if turn.step == step]
        assert turns[0].sent == outcome.requests(tool)[0]["messages"]
        assert turns[0].reply["tool_calls"][0]["function"]["name"] == tool
    messages: list[Any] = []
    for turn in (turn for turn in outcome.turns if turn.step == "implementation"):
        messages += [*turn.sent, turn.reply]
    last = outcome.requests("write_file")[-1]["messages"]
    assert messages[: len(last)] == last
    assert API_KEY not in json.dumps([turn.model_dump() for turn in outcome.turns])


def test_usage_is_the_endpoints_count(author: Write) -> None:
    """The turns add up to what the model was asked, and to the sources that were compiled."""
    outcome = author(plays())
    assert outcome.usage.llm_calls == len(outcome.llm.requests)
    spoken = [turn.usage for turn in outcome.turns if turn.reply]
    assert all(usage.prompt_tokens > 0 and usage.completion_tokens > 0 for usage in spoken)
    assert outcome.usage.attempts == 1
    assert not outcome.usage.estimated


def test_the_prompts_are_known_by_their_hash(author: Write) -> None:
    """The same prompts and tools give the same hash, other tools another one."""
    first, second = author(plays()).made, author(plays(), asked(task="Count the vowels.")).made
    third = author(plays(), web_search="searxng", web_search_url="http://127.0.0.1:9").made
    assert len(first.authored.prompts_hash) == 64
    assert first.authored.prompts_hash == second.authored.prompts_hash != third.authored.prompts_hash
