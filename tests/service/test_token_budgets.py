"""Authors that run at once under the tokens of a day."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from authors import any_of, loops
from samples import COUNT_VOWELS, REVERSE_WORDS
from scripted_llm import ScriptedLlm
from service_samples import OpenApp

from tacit.models import MutateRequest

SAMPLES = (COUNT_VOWELS, REVERSE_WORDS)
LOOPING = any_of(*((text, loops(each)) for each in SAMPLES for text in (each.task, each.id)))
"""An author of both that never comes to an end."""


@pytest.mark.parametrize("tokens", [30_000, 70_000])
def test_authors_at_once_stay_within_the_tokens_of_the_day(open_app: OpenApp, tokens: int) -> None:
    """Each stops before the exchange that would not fit, so that together they do not overshoot the day."""
    with ScriptedLlm(LOOPING) as llm, ThreadPoolExecutor(2) as threads:
        service = open_app(**llm.settings()).service
        service.set_policy("cost_limits", {"tokens_per_day": tokens, "tokens_per_build": tokens // 2})
        asked = [MutateRequest(task=each.task) for each in SAMPLES]
        answers = list(threads.map(lambda request: service.mutate(request, wait_seconds=120), asked))
        used = [build["usage"] for build in service.builds()]
    assert [answer.stage for answer in answers] == ["budget", "budget"]
    spent = [usage["prompt_tokens"] + usage["completion_tokens"] for usage in used]
    assert tokens // 2 < sum(spent) <= tokens
    assert max(spent) <= tokens // 2


def test_a_day_of_which_too_little_is_left_asks_nothing(open_app: OpenApp) -> None:
    """Where not even the first exchange fits, the model is not asked, and the answer says what is missing."""
    with ScriptedLlm(LOOPING) as llm:
        service = open_app(**llm.settings()).service
        service.set_policy("cost_limits", {"tokens_per_day": 500})
        answer = service.mutate(MutateRequest(task=COUNT_VOWELS.task), wait_seconds=120)
    assert (answer.stage, llm.requests) == ("budget", [])
    assert "0 tokens, the next exchange takes about" in answer.message
