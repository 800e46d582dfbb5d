"""`tacit run` of what fails by its own fault, with a language model that repairs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from authors import played, write
from scripted_llm import API_KEY, MODEL, ScriptedLlm, call, say

Tacit = Callable[..., "subprocess.CompletedProcess[str]"]

SOURCE = """
use capability_common::{run, Error};
use serde::Deserialize;

#[derive(Deserialize)]
struct Input { part: i64, total: i64 }

fn main() { run(|input: Input| -> Result<i64, Error> { Ok(input.part * 100 / input.total) }) }
"""
MENDED = SOURCE.replace("Ok(input", "if input.total == 0 { return Ok(0); } Ok(input")
TESTS = [
    {"name": "a half", "input": {"part": 1, "total": 2}, "expect": {"output": 50}},
    {"name": "a quarter", "input": {"part": 1, "total": 4}, "expect": {"output": 25}},
]
INPUT = {
    "type": "object",
    "properties": {"part": {"type": "integer"}, "total": {"type": "integer"}},
    "required": ["part", "total"],
}
DIAGNOSIS = {
    "cause": "The division by `total` panics where the total is zero, which the input schema allows.",
    "test": {"name": "nothing has no shares", "input": {"part": 1, "total": 0}, "expect": {"output": 0}},
}
ZERO, ANOTHER_ZERO = '{"part": 7, "total": 0}', '{"part": 8, "total": 0}'


def _make(tacit: Tacit, folder: Path) -> None:
    """Make `calculate_share`, which fails where the total is zero."""
    files = {"source": SOURCE, "tests": json.dumps(TESTS), "input-schema": json.dumps(INPUT)}
    arguments = ["--id", "calculate_share", "--summary", "Calculates a part's share of a total in whole percent."]
    for name, text in files.items():
        (folder / name).write_text(text)
        arguments += [f"--{name}", str(folder / name)]
    done = tacit("mutate", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def _configured(llm: ScriptedLlm) -> dict[str, str]:
    return {"TACIT_LLM_MODEL": MODEL, "TACIT_OPENAI_BASE_URL": llm.base_url, "TACIT_OPENAI_API_KEY": API_KEY}


def test_a_run_waits_for_the_repair_that_it_started(small: Tacit, tmp_path: Path) -> None:
    """The command fails as it did, but ends only when the repair has; the next run is one of the repaired version."""
    _make(small, tmp_path)
    author = played(
        diagnosis=[call("submit_diagnosis", **DIAGNOSIS)],
        implementation=[write(MENDED), call("test"), call("complete")],
    )
    with ScriptedLlm(author) as llm:
        assert "repair" not in small("run", "calculate_share", ANOTHER_ZERO, **_configured(llm)).stderr
        failed = small("run", "calculate_share", ZERO, "--json", **_configured(llm))
        assert (failed.returncode, json.loads(failed.stdout)["error"]["code"]) == (1, "capability_error")
        assert "registered calculate_share@2" in failed.stderr
        assert small("run", "calculate_share", ZERO, **_configured(llm)).stdout == "0\n"


def test_a_repair_that_comes_to_nothing_is_told(small: Tacit, tmp_path: Path) -> None:
    """What the model did wrong is said after the failure itself."""
    _make(small, tmp_path)
    with ScriptedLlm(played(diagnosis=[say("I give up.")])) as llm:
        small("run", "calculate_share", ANOTHER_ZERO, **_configured(llm))
        failed = small("run", "calculate_share", ZERO, **_configured(llm))
    assert failed.returncode == 1
    assert "TACIT_LLM_MODEL" in failed.stderr.split("Waiting for the repair.")[1]
