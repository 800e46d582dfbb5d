"""`tacit runs`, and what `tacit run` says of observations."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tacit_command import COMMAND

from tacit.cli import main

Done = subprocess.CompletedProcess[str]
Tacit = Callable[..., Done]

WATCH = """\
call input 0
store given
observe given
call reverse_string 1
store back
observe back
push reversed
call get 2
store text
load text
call length 1
assert "there \\u001b[31mis a text"
push true
load text
push stop
call equal 2
call not 1
assert "it is not stop"
pop
load text
"""
TESTS = [
    {
        "name": text,
        "input": {"text": text},
        "calls": {"reverse_string": {"reversed": back}},
        "expect": {"output": back},
    }
    for text, back in (("abc", "cba"), ("xy", "yx"))
]
BAD = '{"text": "pots"}'
STEERING = "a\x1b[2J\u202eb"


@pytest.fixture(scope="module")
def data(small_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a program that calls `reverse_string`, and runs: well, failed, and well again."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(small_home, folder / "data")
    files = {"watch.program": WATCH, "tests.json": json.dumps(TESTS), "may.json": '{"call": ["reverse_string"]}'}
    for name, text in files.items():
        (folder / name).write_text(text)
    tacit = command_on(folder / "data")
    summary = "Reverses a text, and watches itself while it does so."
    sources = ["--source", str(folder / "watch.program"), "--tests", str(folder / "tests.json")]
    permissions = ["--permissions", str(folder / "may.json")]
    made = tacit("mutate", "--id", "watch_it", "--summary", summary, *sources, *permissions, "--force")
    assert made.returncode == 0, made.stdout + made.stderr
    assert tacit("run", "watch_it", json.dumps({"text": STEERING})).returncode == 0
    assert tacit("run", "watch_it", BAD).returncode == 1
    assert tacit("run", "reverse_string", '{"text": "abc"}').returncode == 0
    return folder / "data"


def settings_of(data: Path) -> dict[str, str]:
    """Return the environment of commands on a data folder."""
    return {"TACIT_DATA": str(data), "TACIT_SHIPPED": "false", "TACIT_EMBEDDER": "none"}


def command_on(data: Path) -> Tacit:
    """Return what runs `tacit` on a data folder in a process of its own."""

    def run(*arguments: str) -> Done:
        return subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, **settings_of(data)},
        )

    return run


@pytest.fixture
def tacit(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tacit:
    """Run `tacit` on a copy of that folder, `tmp_path / "data"`, in this process, which takes less long."""
    shutil.copytree(data, tmp_path / "data")
    for name, value in settings_of(tmp_path / "data").items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["tacit", *arguments])
        with pytest.raises(SystemExit) as raised:
            main()
        printed = capsys.readouterr()
        return Done(arguments, int(raised.value.code or 0), printed.out, printed.err)

    return run


def listed(tacit: Tacit, *options: str) -> list[dict[str, object]]:
    """Return the runs of a list."""
    done = tacit("runs", "--json", *options)
    assert done.returncode == 0, done.stdout
    return json.loads(done.stdout)


def test_runs_are_listed_newest_first(tacit: Tacit) -> None:
    """Under headings, those that others called below their callers, which end after them, and with the callers' ids."""
    done = tacit("runs")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["RUN", "STARTED", "CAPABILITY", "ENDED", "ENERGY", "MS", "SESSION", "CALLED", "BY"]
    names = [line.split()[3:5] for line in lines[1:]]
    assert names[:3] == [["reverse_string@1", "ok"], ["watch_it@1", "assertion_failed"], ["reverse_string@1", "ok"]]
    assert lines[3].split()[-1] == lines[2].split()[0]
    assert len(lines) == 6


def test_lists_are_narrowed(tacit: Tacit) -> None:
    """By options that may stand together."""
    assert [run["capability"] for run in listed(tacit, "--capability", "watch_it")] == ["watch_it"] * 2
    assert [run["error_code"] for run in listed(tacit, "--errors")] == ["assertion_failed"]
    assert len(listed(tacit, "--limit", "2")) == len(listed(tacit, "-n", "2")) == 2
    assert len(listed(tacit, "--session", "without a session", "--capability", "reverse_string@1")) == 3
    assert listed(tacit, "--session", "none such") == []
    assert tacit("runs", "--session", "none such").stdout == "There is no such run.\n"


def test_where_nothing_was_run_the_list_says_so(tmp_path: Path, small_home: Path) -> None:
    """Whoever asks for some runs alone hears that there are none of these."""
    shutil.copytree(small_home, tmp_path / "data")
    tacit = command_on(tmp_path / "data")
    assert tacit("runs").stdout == "Nothing was run yet.\n"
    assert tacit("runs", "--errors").stdout == "There is no such run.\n"
    assert json.loads(tacit("runs", "--json").stdout) == []


def test_a_run_is_shown_whole(tacit: Tacit) -> None:
    """What it used, what went in and out, whom it called, what it observed; nothing that steers the terminal."""
    run_id = str(listed(tacit, "--capability", "watch_it")[1]["run_id"])
    shown = tacit("runs", run_id).stdout
    for part in (
        f"run         {run_id}\ncapability  watch_it@1\n",
        "\nended       ok\n",
        " of 15,000,000,000\n",
        '\ninput\n  {"text":"a\\u001b[2Jb"}\noutput\n',
        "\nruns that it called\n  RUN ",
        '\nhost calls\n  capability_call reverse_string {"text":"a\\u001b[2Jb"} → {"reversed":"b',
        "\nobservations\n  given = {",
        "\n  there [31mis a text = 7\n",
    ):
        assert part in shown
    assert not {"\x1b", "\u202e"} & set(shown)


def test_a_failed_run_says_why_and_where(tacit: Tacit) -> None:
    """And has no output."""
    run_id = str(listed(tacit, "--errors")[0]["run_id"])
    lines = tacit("runs", run_id).stdout.splitlines()
    error = lines.index("error")
    assert lines[error + 1].startswith("  assertion_failed: It does not hold that it is not stop")
    assert lines[error + 2] == '  at 17, line 18: assert "it is not stop"'
    assert "output" not in lines


def test_a_long_value_is_whole_in_json_alone(tacit: Tacit) -> None:
    """People get its beginning, and its length."""
    long = {"text": "x" * 10_000}
    run_id = json.loads(tacit("run", "watch_it", json.dumps(long), "--json").stdout)["run_id"]
    shown = tacit("runs", run_id).stdout
    assert "… (10011 characters)" in shown
    assert len(shown) < 12_000
    record = json.loads(tacit("runs", run_id, "--json").stdout)
    assert (record["input"], record["output"]) == (long, "x" * 10_000)
    assert record["observations"][0] == {"name": "given", "value": long}


@pytest.mark.parametrize("run_id", ["0000000000000000", "nonsense", "--", "../../etc/passwd"])
def test_an_unknown_run_is_an_error(tacit: Tacit, run_id: str) -> None:
    """With the code that a replay of it has."""
    done = tacit("runs", "--", run_id)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tacit: unknown_run: There is no recorded run")


def test_a_damaged_run_is_an_error_and_stays_in_the_list(tacit: Tacit, tmp_path: Path) -> None:
    """So it can be found out which it is."""
    with closing(sqlite3.connect(tmp_path / "data" / "tacit.db")) as connection, connection:
        connection.execute("UPDATE runs SET calls = x'0099'")
    run_id = str(listed(tacit)[0]["run_id"])
    done = tacit("runs", run_id, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "store_damaged"


@pytest.mark.parametrize("option", [["--errors"], ["--session", "a"], ["--capability", "watch_it"]])
def test_a_run_and_a_filter_contradict_each_other(tacit: Tacit, option: list[str]) -> None:
    """Rather than that one of them is passed over."""
    done = tacit("runs", "0" * 16, *option)
    assert done.returncode == 1
    assert "RUN names one run" in done.stderr


def test_a_capability_that_is_none_is_an_error(tacit: Tacit) -> None:
    """With the ids that are closest."""
    done = tacit("runs", "--capability", "watch_itt")
    assert done.returncode == 1
    assert "unknown_capability" in done.stderr
    assert "watch_it" in done.stderr


def test_observations_are_said_beside_the_output(tacit: Tacit) -> None:
    """On stderr, so that stdout is the output alone; with `--json` they are in it."""
    done = tacit("run", "watch_it", '{"text": "ab"}')
    assert json.loads(done.stdout) == "ba"
    assert done.stderr.splitlines()[1:] == [
        'observed given = {"text":"ab"}',
        'observed back = {"reversed":"ba"}',
        "observed there [31mis a text = 2",
        "observed it is not stop = true",
    ]
    again = json.loads(tacit("run", "watch_it", '{"text": "ab"}', "--json").stdout)
    assert [each["name"] for each in again["observations"]][:2] == ["given", "back"]
    assert tacit("replay", again["run_id"]).stderr.splitlines()[1:] == done.stderr.splitlines()[1:]


def test_observations_are_said_below_an_error(tacit: Tacit) -> None:
    """After its place; with `--json` they are among its details."""
    done = tacit("run", "watch_it", BAD)
    assert done.stdout == ""
    assert done.stderr.splitlines()[1:-1] == [
        '  at 17, line 18: assert "it is not stop"',
        '  observed given = {"text":"pots"}',
        '  observed back = {"reversed":"stop"}',
        "  observed there [31mis a text = 4",
    ]
    error = json.loads(tacit("run", "watch_it", BAD, "--json").stdout)["error"]
    assert error["details"]["observations"][1] == {"name": "back", "value": {"reversed": "stop"}}


def test_an_error_says_how_to_see_the_run_that_it_ended(tacit: Tacit) -> None:
    """On its last line, as a command that can be entered."""
    said = tacit("run", "watch_it", BAD).stderr.splitlines()[-1]
    matched = re.fullmatch(r"  `tacit (runs \w+)` shows the run\.", said)
    assert matched, said
    assert "assertion_failed" in tacit(*matched[1].split()).stdout
