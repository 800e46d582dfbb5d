"""Many capabilities on the command line: lists in pages, imports of several, what the doctor looked at."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from tacit_command import SHIPPED

Tacit = Callable[..., "CompletedProcess[str]"]


def test_a_list_is_continued_after_its_last_id(tacit: Tacit, tmp_path: Path) -> None:
    """Pages together are the whole list, and stderr says how many are left, also beside JSON."""
    whole = [row["id"] for row in json.loads(tacit("list", "--json", data=tmp_path / "d").stdout)]
    first = tacit("list", "--json", "-n", "20", data=tmp_path / "d")
    page = [row["id"] for row in json.loads(first.stdout)]
    assert (len(whole), page) == (22, whole[:20])
    assert first.stderr == f"2 more; `tacit list --after {page[-1]}` goes on.\n"
    last = tacit("list", "--json", "-n", "20", "--after", page[-1], data=tmp_path / "d")
    assert ([row["id"] for row in json.loads(last.stdout)], last.stderr) == (whole[20:], "")


def test_several_folders_are_imported_with_a_word_on_how_far(tacit: Tacit, tmp_path: Path) -> None:
    """One that cannot be is named, the others are kept, and the exit code says that something was refused."""
    names = ("reverse_string", "format_number", "calculate_percentage")
    for name in names:
        shutil.copytree(SHIPPED / name, tmp_path / "in" / name)
    (tmp_path / "in" / "format_number" / "meta.json").write_text("{")
    folders = [str(tmp_path / "in" / name) for name in names]
    done = tacit("import", *folders, data=tmp_path / "d", TACIT_SHIPPED="false")
    assert (done.returncode, done.stdout) == (1, "reverse_string@1\ncalculate_percentage@1\n")
    assert "invalid_manifest" in done.stderr
    assert "3 of 3 folders read, 1 refused" in done.stderr
    found = tacit("search", "percentage of a number", "--json", data=tmp_path / "d", TACIT_SHIPPED="false")
    answer = json.loads(found.stdout)
    assert (answer["hits"][0]["id"], "pending" in answer) == ("calculate_percentage", False)


def test_the_doctor_reads_all_that_there_are_when_asked(tacit: Tacit, tmp_path: Path) -> None:
    """Of few versions it reads all in any case."""
    for options in ((), ("--full",)):
        checks = json.loads(tacit("doctor", "--json", *options, data=tmp_path / "d").stdout)
        assert next(each["detail"] for each in checks if each["name"] == "versions") == "None is damaged."
