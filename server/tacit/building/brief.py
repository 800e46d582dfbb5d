"""The brief for authors: all that an LLM needs to write a new capability at once, in under 6 KB of its own.

It is read by a model, so it is short; tests build the examples for real. That for programs explains their language.
"""

from __future__ import annotations

from typing import Any

from tacit.building.protocol import MAX_SOURCE_BYTES, MAX_SOURCE_FILES, MAX_TESTS
from tacit.config import Limits
from tacit.models import Brief
from tacit.programs.callees import ROOT
from tacit.programs.compiler import MAX_SOURCE
from tacit.programs.language import language

CRATES = (
    "serde",
    "serde_json",
    "regex",
    "chrono",
    "csv",
    "base64",
    "sha2",
    "url",
    "itertools",
    "rust_decimal",
    "unicode_segmentation",
    "icu_normalizer",
)
"""The crates of the guest SDK beside capability_common, as `use` names them."""

GUEST_API = """\
`source` is the text of main.rs (Rust 2021), or a map {"main.rs": …, "parsing.rs": …} whose modules main.rs \
declares with `mod`. No Cargo.toml, no build.rs: the crates at hand are linked already. \
std::fs, std::net, std::env and threads do not work; the world is reached through capability_common:
  run(f)   call it in main; f: impl FnOnce(T) -> Result<U, Error>, the input T: Deserialize, the output U: Serialize
  Error::new(code, message), Error::invalid_input(message)   `?` works on strings, serde_json, parse and host errors
  http_get(url) -> Vec<u8>, http_get_text(url) -> String, http_get_json::<T>(url) -> T
  file_read(path) -> Vec<u8>, file_read_text(path) -> String, file_write(path, data)   paths in the files folder
  list_folder(path) -> Vec<String>   sorted names, those of folders end in "/"
  capability_call::<T, U>(id, &input) -> U   runs another capability
  current_time_millis() -> i64, log(&str)   log goes to stderr
From http_get to capability_call they return Result<_, HostError>, with `message` and `kind` (HostErrorKind::NotFound, \
TooLarge, TimedOut, Invalid, Failed). File writes land together when the run succeeds, or not at all. \
What the source uses needs a permission: http_get* "http": ["api.example.com", "*.example.org"]; \
file_read*, list_folder "read": ["reports/*.csv"]; file_write "write": ["out/**"]; current_time_millis and \
std::time "time": true; capability_call "call": ["other_id"]. \
Ask for nothing more; the operator's grants decide what may be used. Without permissions a capability is pure. \
Whole numbers that overflow end the run (usize has 32 bits): take u64, i128 or checked_*, and try_from for `as`, which \
cuts. NaN and infinities are no output. \
What only combines other capabilities can be a program instead: ask with language "program" for the brief of that."""

TESTS_FIRST = "Step 1: write the tests, from the task alone. Step 2: write the source."

_ANSWERS = (
    '"exchanges"?: {id: [{"input", "output"} or {"input", "error": {"code", "message"}}]}, "calls"?: {id: output}'
)
_ANSWERED = """\
Exchanges are what a capability that is called answers to those inputs, and it answers no others; calls are for any \
input. They fit its input and output schemas, whole."""
_EXPECT = (
    '"expect" has exactly one of "output" (any JSON, compared whole), "output_matches" (a JSON Schema) and "error"'
)
_REFUSED = '"invalid_input" for an input that breaks input_schema'
_GATES = """\
A suite that a trivial program passes is refused (one that answers its input, a field of it, or always the same): \
expect different outputs, and cover an edge case and an error too. Inputs fit input_schema \
(unless an error is expected) and outputs fit output_schema."""
_AGAIN = """\
A new version of an existing id must also pass that id's earlier tests, and answer what its recorded runs answered."""

TESTS_FORM = f"""\
The tests are a list of {{"name", "input", "expect", and what the world answers: "files"?: {{path: text}}, \
"http"?: {{url: body or {{"status", "body"}}}}, "now"?: milliseconds, {_ANSWERS}}}. {_ANSWERED} \
{_EXPECT} (the code given to Error::new; {_REFUSED}), and "files"?: {{path: text}} that must have been written. \
{_GATES} Unnamed files and URLs are not found. {_AGAIN}"""

PROGRAM_TESTS_FORM = f"""\
The tests are a list of {{"name", "input", "expect", {_ANSWERS}}}. {_ANSWERED} \
{_EXPECT} (the code given to fail; {_REFUSED}). \
Give exchanges for every input that the program hands over, so that they check it. What a callee fails with ends the \
program, with its code; other errors have codes of their own, such as out_of_range, wrong_type and division_by_zero. \
{_GATES} {_AGAIN}"""

_EXAMPLE_SOURCE = """\
use capability_common::{file_read_text, run, Error};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    path: String,
    text: String,
}

#[derive(Serialize)]
struct Output {
    lines: usize,
}

fn count_lines_with(input: Input) -> Result<Output, Error> {
    if input.text.is_empty() {
        return Err(Error::new("empty_text", "Give a text to look for."));
    }
    let file = file_read_text(&input.path)?;
    Ok(Output { lines: file.lines().filter(|line| line.contains(&input.text)).count() })
}

fn main() {
    run(count_lines_with)
}
"""

EXAMPLE_CALL: dict[str, Any] = {
    "task": "count the lines of a log file that contain a text",
    "id": "count_lines_with",
    "summary": "Count the lines of a file in logs/ that contain a text.",
    "source": _EXAMPLE_SOURCE,
    "input_schema": {
        "type": "object",
        "properties": {"path": {"type": "string"}, "text": {"type": "string"}},
        "required": ["path", "text"],
        "additionalProperties": False,
    },
    "output_schema": {
        "type": "object",
        "properties": {"lines": {"type": "integer", "minimum": 0}},
        "required": ["lines"],
    },
    "permissions": {"read": ["logs/**"]},
    "examples": ["how many errors are in logs/today.txt?", "count the lines with status=500 in the access log"],
    "tests": [
        {
            "name": "counts only lines that contain it",
            "input": {"path": "logs/a.txt", "text": "ERROR"},
            "files": {"logs/a.txt": "ERROR one\nok\nERROR two\n"},
            "expect": {"output": {"lines": 2}},
        },
        {
            "name": "refuses an empty text",
            "input": {"path": "logs/a.txt", "text": ""},
            "expect": {"error": "empty_text"},
        },
    ],
}
"""The arguments of a call of `mutate_capability` that succeeds as it stands."""


_EXAMPLE_PROGRAM = """\
call input 0
push employee_ids
call get 2
store ids
push 0
store days
next:
load ids
call length 1
call not 1
jump_if done
push employee_id
load ids
push 0
call get 2
call map 2
call get_leave_balance 1
push leave_balance
call get 2
push vacation
call get 2
push remaining
call get 2
load days
call add 2
store days
load ids
push 1
load ids
call length 1
call slice 3
store ids
push true
jump_if next
done:
push days
load days
call map 2
"""


def _vacation(employee: str, days: float) -> dict[str, Any]:
    """Return an exchange with `get_leave_balance`."""
    kinds = {"vacation": {"entitled": 25, "carried_over": 0, "used": 25 - days, "remaining": days}}
    answer = {"employee_id": employee, "name": "A B", "year": 2026, "unit": "days", "leave_balance": kinds}
    return {"input": {"employee_id": employee}, "output": answer}


EXAMPLE_PROGRAM: dict[str, Any] = {
    "task": "how many vacation days does a team have left together",
    "id": "vacation_left_in_team",
    "summary": "Adds up the vacation days that all employees of a team have left.",
    "language": "program",
    "source": _EXAMPLE_PROGRAM,
    "input_schema": {
        "type": "object",
        "properties": {"employee_ids": {"type": "array", "items": {"type": "string"}, "maxItems": 100}},
        "required": ["employee_ids"],
        "additionalProperties": False,
    },
    "output_schema": {"type": "object", "properties": {"days": {"type": "number"}}, "required": ["days"]},
    "permissions": {"call": ["get_leave_balance"]},
    "examples": ["vacation days that E001 and E004 have left together", "how much holiday is open in this team?"],
    "tests": [
        {
            "name": "adds them up",
            "input": {"employee_ids": ["E001", "E002"]},
            "exchanges": {"get_leave_balance": [_vacation("E001", 4.5), _vacation("E002", 7)]},
            "expect": {"output": {"days": 11.5}},
        },
        {"name": "nobody has none left", "input": {"employee_ids": []}, "expect": {"output": {"days": 0}}},
        {
            "name": "somebody unknown is an error",
            "input": {"employee_ids": ["E099"]},
            "exchanges": {
                "get_leave_balance": [{"input": {"employee_id": "E099"}, "error": {"code": "employee_not_found"}}]
            },
            "expect": {"error": "employee_not_found"},
        },
    ],
}
"""The arguments of a call that makes a program of a shipped capability."""


def make_brief(task: str, nearest: dict[str, Any] | None, limits: Limits) -> Brief:
    """Return the brief for a task; `nearest` is the closest capability with its source, schemas and tests."""
    return Brief(
        task=task,
        nearest=nearest,
        guest_api=GUEST_API,
        crates=CRATES,
        tests_form=f"{TESTS_FIRST} {TESTS_FORM}",
        limits={
            "source_bytes": MAX_SOURCE_BYTES,
            "source_files": MAX_SOURCE_FILES,
            "tests": MAX_TESTS,
            "energy": limits.energy,
            "wall_seconds": limits.wall_seconds,
            "memory_bytes": limits.memory_bytes,
            "input_bytes": limits.input_bytes,
            "stdout_bytes": limits.stdout_bytes,
            "host_calls": limits.host_calls,
        },
        example_call=EXAMPLE_CALL,
    )


def for_program(brief: Brief) -> Brief:
    """Return a brief changed so that a program is written."""
    limits = {**brief.limits, "source_characters": MAX_SOURCE}
    del limits["source_bytes"], limits["source_files"], limits["memory_bytes"]
    return brief.model_copy(
        update={
            "guest_api": f'`source` is the text of {ROOT}, and `language` is "program". {language()}',
            "crates": (),
            "tests_form": f"{TESTS_FIRST} {PROGRAM_TESTS_FORM}",
            "limits": limits,
            "example_call": EXAMPLE_PROGRAM,
        }
    )
