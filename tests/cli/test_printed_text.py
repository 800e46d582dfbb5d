"""What is printed, made of values: tables, transcripts, usage and answers."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from tacit.cli.layout import cut, table, width, wrapped
from tacit.cli.terminal import as_json
from tacit.cli.transcripts import transcript_text
from tacit.cli.usage import used_text, with_cost
from tacit.models import MutateAnswer, RunAnswer, Usage
from tacit.plain_text import made_plain
from tacit.prices import Prices
from tacit.texts import mutate_text


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("👍", 2), ("", 0)])
def test_width_is_that_of_terminals(text: str, columns: int) -> None:
    """Wide letters, marks that combine."""
    assert width(text) == columns


def test_wrapping_keeps_long_words_whole() -> None:
    """An id or URL can be copied."""
    url = "https://example.com/" + "a" * 100
    assert wrapped(f"see {url} there", 30, "- ", "  ") == ["- see", f"  {url}", "  there"]


def test_a_table_wraps_its_last_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below itself; in a pipe it stays on one line."""
    rows = [["日本", "a long detail that goes on"]]
    monkeypatch.setenv("COLUMNS", "30")
    assert table(["ID", "DETAIL"], rows).splitlines()[1:] == ["日本  a long detail that goes", "      on"]
    monkeypatch.delenv("COLUMNS")
    assert table(["ID", "DETAIL"], rows).splitlines()[1:] == ["日本  a long detail that goes on"]


def test_cutting_makes_one_line() -> None:
    """With an ellipsis where it went on."""
    assert cut("a\nb  c", 10) == "a b c"
    assert cut("abcdef", 4) == "abc…"


def test_json_steers_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Controls beyond ASCII and what turns a text round are escaped, so that it is still the same value."""
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    value = {"\x9b2J": "\x7f\u202eé日👍\U000e0041\u2028"}
    printed = as_json(value)
    assert made_plain(printed) == printed
    assert "é日👍" in printed
    assert json.loads(printed) == value


@pytest.mark.parametrize(
    "turn",
    [
        {},
        {"step": None, "sent": "x", "reply": []},
        {"step": "tests", "sent": [1, {"role": "tool"}, {"content": [{"type": "image"}]}], "reply": {"tool_calls": 3}},
        {"step": "tests", "reply": {"tool_calls": [{"function": {"name": "f", "arguments": "[" * 9999}}, {}]}},
        {"step": "tests", "reply": {"content": "x"}, "usage": {"tokens": "many"}, "seconds": 1},
    ],
)
def test_any_transcript_is_printed(turn: dict[str, Any]) -> None:
    """Models and damaged records give what they like."""
    assert isinstance(transcript_text([turn]), str)


def test_a_transcript_steers_no_terminal() -> None:
    """Escapes and turned text of strangers are taken out."""
    turn = {"step": "tests", "sent": [{"role": "user", "content": "a\x1b[2Jb\u202ec"}], "reply": {"content": "d"}}
    assert transcript_text([turn]).split("\n")[2:] == ["[asked]", "  a[2Jbc", "", "[model]  0.0 s, 0 tokens", "  d", ""]


def test_tool_calls_and_their_results_are_named() -> None:
    """The result by the tool that was called; texts of several lines as blocks."""
    arguments = '{"path": "src/main.rs", "text": "fn main() {\\n}\\n"}'
    made = [{"id": "c1", "type": "function", "function": {"name": "write_file", "arguments": arguments}}]
    turns = [
        {"step": "implementation", "reply": {"content": None, "tool_calls": made}, "seconds": 1.25},
        {"step": "implementation", "sent": [{"role": "tool", "tool_call_id": "c1", "content": "written"}], "reply": {}},
    ]
    text = transcript_text(turns)
    assert "  calls write_file\n    path: src/main.rs\n    text:\n      fn main() {\n      }\n" in text
    assert "[tool write_file]\n  written\n" in text
    assert text.count("[model]") == 1


USAGE = Usage(llm_calls=1, prompt_tokens=1_000_000, completion_tokens=500_000, attempts=2)


def test_usage_is_said_with_its_cost() -> None:
    """Prices are per million tokens; an estimate says so; without a model there is nothing to say."""
    used = used_text(USAGE.model_copy(update={"estimated": True}), Prices(2, 8))
    assert (
        used
        == "1 call of the model, about 1,500,000 tokens (1,000,000 in, 500,000 out), 2 sources compiled, cost 6.0000"
    )
    assert used_text(Usage(attempts=3), Prices(2, 8)) == ""
    assert with_cost({"usage": USAGE.model_dump()}, Prices(2, 8))["cost"] == 6
    assert with_cost({"usage": None}, Prices(2, 8)) == {"usage": None}


def test_an_answer_says_what_its_run_gave() -> None:
    """Where it came from, and the output."""
    run = RunAnswer(run_id="r1", capability="pay", version=1, output={"pay": 1}, energy=7, seconds=0.001)
    answer = MutateAnswer(status="registered", id="pay", version=1, author="gpt", usage=USAGE, run=run)
    lines = mutate_text(answer).splitlines()
    assert lines[1].startswith("written by gpt: 1 call of the model, ")
    assert lines[-2:] == ["its run on the input: pay@1 · run r1 · energy 7 · 1.0 ms", 'output: {"pay":1}']


def test_an_answer_says_why_its_run_failed() -> None:
    """The version is kept all the same; a caller who wrote it is not told so."""
    error = {"code": "permission_denied", "message": "It may not.", "hint": "Grant it."}
    answer = MutateAnswer(status="registered", id="pay", version=1, author="caller", run_error=error)
    assert mutate_text(answer).splitlines() == [
        "registered pay@1 (pure)",
        "its run on the input failed: permission_denied: It may not.",
        "Grant it.",
    ]
