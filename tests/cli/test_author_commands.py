"""`tacit mutate` and `tacit builds` with a language model that a script plays, over real HTTP."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest
from authors import good, overloaded_then_works
from samples import COUNT_VOWELS
from scripted_llm import API_KEY, MODEL, Author, ScriptedLlm, call, status

Tacit = Callable[..., "subprocess.CompletedProcess[str]"]

PRICES = {"TACIT_LLM_PRICE_INPUT": "2", "TACIT_LLM_PRICE_OUTPUT": "8"}


def _configured(llm: ScriptedLlm) -> dict[str, str]:
    return {"TACIT_LLM_MODEL": MODEL, "TACIT_OPENAI_BASE_URL": llm.base_url, "TACIT_OPENAI_API_KEY": API_KEY}


def test_a_task_alone_is_written_run_and_recorded(small: Tacit) -> None:
    """Progress on stderr; what came of it, its cost and its output on stdout; and all of it on record."""
    with ScriptedLlm(good(COUNT_VOWELS)) as llm:
        settings = {**_configured(llm), **PRICES}
        arguments = ["--task", COUNT_VOWELS.task, "--input", json.dumps(COUNT_VOWELS.input)]
        done = small("mutate", *arguments, **settings)
        assert done.returncode == 0, done.stdout + done.stderr
        lines = done.stdout.splitlines()
        assert lines[0] == "registered count_vowels@1 (pure)"
        assert f"output: {json.dumps(COUNT_VOWELS.output, separators=(',', ':'))}" in lines
        assert any(line.startswith(f"written by {MODEL}: ") for line in lines)
        assert lines[-1].startswith("cost 0.0")
        assert "implementation: " in done.stderr
        _check_record(small, settings)


def _check_record(small: Tacit, settings: dict[str, str]) -> None:
    """What `builds`, `show` and `history` say of it; no key is in any of them."""
    [build] = json.loads(small("builds", "--json", **settings).stdout)
    assert (build["status"], build["capability"], build["author"]) == ("registered", "count_vowels", MODEL)
    assert build["cost"] > 0
    whole = small("builds", build["job"], **settings).stdout
    assert "  registered count_vowels@1 (pure)\n" in whole
    assert ", cost 0.0" in whole
    said = small("builds", build["job"], "--transcript").stdout
    assert "=== implementation ===\n" in said
    assert "  calls write_file\n    path: src/main.rs\n    text:\n      use capability_common" in said
    assert small("show", "count_vowels@1", "--transcript").stdout == said
    shown = small("show", "count_vowels@1", **settings)
    assert f"\ntask           {COUNT_VOWELS.task}\n" in shown.stdout
    assert "counts capitals (held out)\n" in shown.stdout
    assert f"    for: {COUNT_VOWELS.task}\n" in small("history", "count_vowels").stdout
    assert API_KEY not in said + whole + shown.stdout


def test_without_prices_there_is_no_cost(small: Tacit) -> None:
    """Tokens are counted all the same, also after the endpoint was overloaded."""
    with ScriptedLlm(overloaded_then_works(COUNT_VOWELS, times=1)) as llm:
        done = small("mutate", "--task", COUNT_VOWELS.task, "--json", **_configured(llm))
    answer = json.loads(done.stdout)
    assert (done.returncode, "cost" in answer) == (0, False)
    assert answer["usage"]["llm_calls"] >= 5


def _refused_key(_: object) -> object:
    return status(401)


def test_a_refused_key_is_named_and_the_brief_offered(small: Tacit) -> None:
    """The caller can still be the author; but what was asked for did not happen."""
    with ScriptedLlm(_refused_key) as llm:
        done = small("mutate", "--task", "count the vowels in a text", **_configured(llm))
    assert done.returncode == 1
    assert "needs_source" in done.stdout
    assert "TACIT_OPENAI_API_KEY" in done.stdout
    assert API_KEY not in done.stdout + done.stderr


def _pings(request: object) -> object:
    return call(request.tools[0])


@pytest.mark.parametrize(
    ("author", "state", "said"),
    [(_pings, "ok", MODEL), (_refused_key, "MISSING", "TACIT_OPENAI_API_KEY")],
)
def test_the_doctor_shows_the_language_model(small: Tacit, author: Author, state: str, said: str) -> None:
    """Which it is, or which setting to mend."""
    with ScriptedLlm(author) as llm:
        lines = small("doctor", **_configured(llm)).stdout.splitlines()
    [line] = [line for line in lines if " language model " in line]
    assert line.split()[0] == state
    assert said in line


def test_the_doctor_says_that_there_is_no_language_model(small: Tacit) -> None:
    """Which is nothing that is missing."""
    [line] = [line for line in small("doctor").stdout.splitlines() if " language model " in line]
    assert line.split()[0] == "ok"
