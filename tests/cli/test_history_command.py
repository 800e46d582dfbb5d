"""`tacit history`: the drawing and its data, on versions that were imported."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tacit_command import COMMAND

Tacit = Callable[..., "subprocess.CompletedProcess[str]"]


def test_history_draws_versions_children_and_what_changed(kin: Tacit) -> None:
    """The trunk of the id's versions, a branch for what has another id, and the changes below each."""
    drawn = kin("history", "reverse_string").stdout.splitlines()
    assert drawn[0].startswith("○ reverse_string@1  active · import · ")
    assert drawn[1].startswith("├─● mirror_text@1  offered · ")
    assert drawn[2] == "│     nothing changed but its record"
    assert drawn[3].startswith("○ reverse_string@2  active · ")
    assert (
        drawn[4] == "│   input ~itself: object, additionalProperties false → object · ~text: string, required → string "
        "· +times: integer"
    )
    assert drawn[5].startswith("● reverse_string@3  offered · ")
    assert drawn[6].startswith("    source +1/-0 · summary")


def test_history_of_a_child_shows_its_ancestors(kin: Tacit) -> None:
    """Where it comes from stands above."""
    rows = json.loads(kin("history", "mirror_text", "--json").stdout)
    assert [(row["id"], row["version"], row["parent"]) for row in rows] == [
        ("reverse_string", 1, None),
        ("mirror_text", 1, "reverse_string@1"),
    ]
    assert rows[0]["changes"] is None


def test_history_prints_the_diff_of_the_source(kin: Tacit) -> None:
    """After the drawing, with the versions' names in its headings."""
    printed = kin("history", "reverse_string", "--diff").stdout
    assert "--- reverse_string@2/main.rs\n+++ reverse_string@3/main.rs\n@@ -1,3 +1,4 @@\n+// façade 日本\n" in printed


def test_history_is_ascii_where_it_has_to_be(kin: Tacit) -> None:
    """On demand, and where the output's encoding has no lines to draw with; what else it lacks is escaped."""
    asked = kin("history", "reverse_string", "--ascii").stdout
    assert asked.isascii()
    assert "|-* mirror_text@1" in asked
    forced = kin("history", "reverse_string", "--diff", PYTHONIOENCODING="ascii")
    assert (forced.returncode, forced.stdout.isascii()) == (0, True)
    assert forced.stdout.startswith(asked)
    assert "+// fa\\xe7ade \\u65e5\\u672c\n" in forced.stdout


def test_json_stays_json_where_characters_cannot_be_written(kin: Tacit) -> None:
    """Its own escapes, not Python's."""
    done = kin("history", "reverse_string", "--json", "--diff", PYTHONIOENCODING="ascii")
    assert "+// façade 日本\n" in json.loads(done.stdout)[-1]["diff"]


def test_narrow_terminals_get_narrow_lines(kin: Tacit) -> None:
    """Words wrap beside the branches."""
    lines = kin("history", "reverse_string", COLUMNS="48").stdout.splitlines()
    assert max(map(len, lines)) <= 48
    assert all(line[0] in "○●├│└ " for line in lines)


def test_an_unknown_id_is_one_line(small: Tacit) -> None:
    """With what there is instead."""
    done = small("history", "reverse_strin")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert done.stderr.startswith("tacit: unknown_capability: ")


@pytest.mark.parametrize("command", ["history", "audit"])
def test_nobody_reading_is_silent(small: Tacit, tmp_path: Path, command: str) -> None:
    """A pipe that is closed is no success, and no message."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, command, "reverse_string", "--data", str(tmp_path / "data")],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        env={**os.environ, "TACIT_EMBEDDER": "none"},
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")
