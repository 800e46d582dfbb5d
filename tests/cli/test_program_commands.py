"""Programs on the command line: made of a file, run, and shown where they fail."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

Tacit = Callable[..., "subprocess.CompletedProcess[str]"]
SHOUT = """\
call input 0
push text
call get 2
store text
load text
call length 1
jump_if some
push nothing_to_shout
push "The text is empty: \\u001b[2J."
call fail 2
some:
load text
call upper 1
"""
TESTS = [
    {"name": word, "input": {"text": word}, "expect": {"output": word.upper()}} for word in ("hello", "good morning")
]


def made(tacit: Tacit, folder: Path, name: str = "shout.program") -> tuple[int, str]:
    """Hand the source in under a file's name, and say nothing of its language."""
    (folder / name).write_text(SHOUT)
    (folder / "tests.json").write_text(json.dumps(TESTS))
    summary = "Shouts a text, that is writes it in capitals."
    files = ["--source", str(folder / name), "--tests", str(folder / "tests.json")]
    schema = {"type": "object", "properties": {"text": {"type": "string", "description": "\x9b2Jeasy\u202e"}}}
    (folder / "input.json").write_text(json.dumps(schema))
    files += ["--input-schema", str(folder / "input.json")]
    done = tacit("mutate", "--id", "shout_text", "--summary", summary, *files, "--force")
    return done.returncode, done.stdout


def test_the_files_name_says_that_it_is_a_program(small: Tacit, tmp_path: Path) -> None:
    """So nobody reads what a Rust compiler thinks of it."""
    code, said = made(small, tmp_path)
    assert code == 0, said
    assert "registered shout_text@1" in said


def test_an_error_within_a_program_has_its_place(small: Tacit, tmp_path: Path) -> None:
    """Address, line and instruction on a line of their own, and nothing that steers the terminal."""
    made(small, tmp_path)
    done = small("run", "shout_text", '{"text": ""}')
    first, second, _ = done.stderr.splitlines()
    assert first.startswith("tacit: capability_error: nothing_to_shout: The text is empty: ")
    assert second.startswith("  at 9, line 10: call")
    assert "\x1b" not in done.stderr


def test_a_schema_that_is_found_steers_no_terminal(small: Tacit, tmp_path: Path) -> None:
    """What an author hid in a description is shown by its number."""
    made(small, tmp_path)
    found = small("search", "shout_text").stdout
    assert '"description":"\\u009b2Jeasy\\u202e"' in found
