"""Each command against the real service: what it prints, and the code that it exits with."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tacit_command import COMMAND

Tacit = Callable[..., "subprocess.CompletedProcess[str]"]


def test_run_prints_the_output_and_says_where_it_came_from(tacit: Tacit) -> None:
    """The output on stdout, the run on stderr, so that a pipe gets the output alone."""
    done = tacit("run", "reverse_string", '{"text": "abc"}')
    assert (done.returncode, json.loads(done.stdout)) == (0, {"reversed": "cba"})
    assert done.stderr.startswith("reverse_string@1 · run ")


def test_run_reads_stdin(tacit: Tacit) -> None:
    """A dash takes the input from stdin."""
    done = tacit("run", "reverse_string", "-", "--json", stdin='{"text": "äö"}')
    assert json.loads(done.stdout)["output"] == {"reversed": "öä"}


def test_run_takes_a_version(tacit: Tacit) -> None:
    """A version that is not there is named."""
    done = tacit("run", "reverse_string", '{"text": "a"}', "--version", "99", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "unknown_version"


def test_run_takes_less_energy(tacit: Tacit) -> None:
    """Hardly any energy is soon used up."""
    done = tacit("run", "reverse_string", '{"text": "a"}', "--energy", "10", "--fresh")
    assert done.returncode == 1
    assert done.stderr.startswith("tacit: energy_exhausted: ")


def test_unknown_id_is_one_line_on_stderr(tacit: Tacit) -> None:
    """Code, message and the closest id; nothing on stdout."""
    done = tacit("run", "reverse_strin")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert re.match(r"tacit: unknown_capability: .*reverse_string", done.stderr)


def test_error_is_json_where_json_was_asked_for(tacit: Tacit) -> None:
    """`{"error": …}` on stdout, with the same exit code."""
    done = tacit("run", "reverse_string", '{"text": 1}', "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (1, "invalid_input")
    assert error["details"]["violations"][0]["path"] == "$.text"


def test_input_that_is_not_json_is_said(tacit: Tacit) -> None:
    """Nothing is run."""
    done = tacit("run", "reverse_string", "{text")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tacit: invalid_json: ")


def test_replay_gives_the_same_output(tacit: Tacit) -> None:
    """By the run's id."""
    first = json.loads(tacit("run", "calculate_percentage", "-", "--json", stdin=_percentage(tacit)).stdout)
    again = json.loads(tacit("replay", first["run_id"], "--json").stdout)
    assert again["output"] == first["output"]


def _percentage(tacit: Tacit) -> str:
    """Return the input of the capability's own first test."""
    return json.dumps(json.loads(tacit("show", "calculate_percentage", "--json").stdout)["tests"][0]["input"])


def test_search_finds_by_meaning(tacit: Tacit) -> None:
    """Best first, at most k."""
    hits = json.loads(tacit("search", "write a word backwards", "-k", "2", "--json").stdout)["hits"]
    assert hits[0]["id"] == "reverse_string"
    assert len(hits) <= 2


def test_list_is_a_table(tacit: Tacit) -> None:
    """Columns start at the same place on each line."""
    lines = tacit("list").stdout.splitlines()
    column = lines[0].index("VERSION")
    assert all(line[column - 1] == " " and line[column] != " " for line in lines)


def test_list_as_json_names_the_shipped_capabilities(tacit: Tacit) -> None:
    """All twenty-two."""
    rows = json.loads(tacit("list", "--json").stdout)
    assert {"get_salary_details", "reverse_string", "search_files"} <= {row["id"] for row in rows}
    assert len([row for row in rows if row["id"] != "spin_forever"]) == 22


def test_show_prints_source_and_tests(tacit: Tacit) -> None:
    """What one needs to extend it."""
    shown = tacit("show", "reverse_string").stdout
    assert "--- main.rs" in shown
    assert "capability_common" in shown
    assert "--- tests" in shown


def test_history_lists_versions(tacit: Tacit) -> None:
    """Oldest first."""
    versions = json.loads(tacit("history", "reverse_string", "--json").stdout)
    assert [row["version"] for row in versions] == [1]


def test_deprecate_and_restore_say_what_is_offered(tacit: Tacit) -> None:
    """A deprecated capability does not run, and names its successor; a restored one runs again."""
    assert tacit("deprecate", "reverse_string", "--successor", "format_number").returncode == 0
    refused = tacit("run", "reverse_string", '{"text": "ab"}')
    assert (refused.returncode, "format_number" in refused.stderr) == (1, True)
    assert tacit("restore", "reverse_string").stdout == "reverse_string is active\n"
    assert tacit("run", "reverse_string", '{"text": "ab"}').returncode == 0


def test_export_and_import_bring_a_capability_over(tacit: Tacit, tmp_path: Path) -> None:
    """A folder written on one data folder runs on another."""
    folder = tacit("export", "reverse_string", str(tmp_path / "out")).stdout.strip()
    imported = tacit("import", folder, data=tmp_path / "other", TACIT_SHIPPED="false")
    assert (imported.returncode, imported.stdout) == (0, "reverse_string@1\n")
    done = tacit("run", "reverse_string", '{"text": "ab"}', data=tmp_path / "other", TACIT_SHIPPED="false")
    assert json.loads(done.stdout) == {"reversed": "ba"}


def test_mutate_without_source_answers_a_brief(tacit: Tacit) -> None:
    """With success: it is what was asked for."""
    done = tacit("mutate", "--task", "count the vowels in a text", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["status"]) == (0, "needs_source")
    assert answer["brief"]["crates"]


def test_mutate_makes_a_capability_that_runs(tacit: Tacit, spinner: str) -> None:
    """From files, compiled and tested."""
    assert json.loads(tacit("run", spinner, '{"spin": false, "number": 20}').stdout) == 41


def test_refused_source_fails(tacit: Tacit, spin_files: Path, tmp_path: Path) -> None:
    """Exit code 1, the stage and the compiler's words."""
    source = tmp_path / "main.rs"
    source.write_text("fn main() { missing() }")
    tests = str(spin_files / "tests.json")
    done = tacit(
        "mutate",
        "--id",
        "bad_one",
        "--summary",
        "Adds two numbers, but never compiles.",
        "--source",
        str(source),
        "--tests",
        tests,
    )
    assert done.returncode == 1
    assert "refused at compile" in done.stdout
    assert "E0425" in done.stdout


def test_broken_tests_file_is_named(tacit: Tacit, spin_files: Path) -> None:
    """Which file is not JSON."""
    done = tacit("mutate", "--id", "bad_one", "--tests", str(spin_files / "main.rs"))
    assert done.returncode == 1
    assert re.match(r"tacit: invalid_json: .*main\.rs is not JSON", done.stderr)


def test_malformed_test_is_named_by_its_path(tacit: Tacit, tmp_path: Path) -> None:
    """What the model refuses is said in one line."""
    tests = tmp_path / "tests.json"
    tests.write_text('[{"name": "a"}]')
    done = tacit("mutate", "--id", "bad_one", "--tests", str(tests))
    assert done.returncode == 1
    assert "tests.0.expect: Field required" in done.stderr


def test_interrupt_stops_the_guest(tacit: Tacit, spinner: str, home: Path) -> None:
    """Ctrl-C reaches a guest that never returns; the exit code is 130."""
    arguments = ["run", spinner, '{"spin": true}', "--energy", str(1 << 61), "--data", str(home)]
    environment = {**os.environ, "TACIT_LIMITS__WALL_SECONDS": "600", "TACIT_LIMITS__ENERGY": str(1 << 61)}
    process = subprocess.Popen([*COMMAND, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _await_spinning(process.pid)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def _await_spinning(pid: int) -> None:
    """Return once the process has used three seconds of processor time, which only a spinning guest does."""
    wanted = 3 * os.sysconf("SC_CLK_TCK")
    while int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11]) < wanted:
        time.sleep(0.05)


def test_nobody_reading_is_not_an_error_message(home: Path) -> None:
    """`tacit list | true` is silent, and no success."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "list", "--data", str(home)], stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("arguments", [["nothing"], ["run"], ["run", "x", "{}", "--version", "0"], ["list", "--no"]])
def test_wrong_usage_exits_with_two(tacit: Tacit, arguments: list[str]) -> None:
    """As commands do."""
    assert tacit(*arguments, data=None).returncode == 2


def test_invalid_setting_is_named(tacit: Tacit) -> None:
    """Before anything is opened."""
    done = tacit("list", TACIT_WORKERS="0")
    assert done.returncode == 1
    assert re.match(r"tacit: invalid_settings: .*workers", done.stderr)


def test_show_names_only_what_is_not_granted(tacit: Tacit) -> None:
    """The parts of the permissions that ask for nothing are left out."""
    shown = tacit("show", "search_files").stdout
    assert re.search(r'^not granted +\{"read":\["\*\*"\]\}$', shown, re.MULTILINE)


def test_arguments_are_refused_in_the_words_of_json(tacit: Tacit, spin_files: Path) -> None:
    """JSON knows lists, not tuples."""
    done = tacit("mutate", "--id", "bad_one", "--tests", str(spin_files / "input.json"))
    assert (done.returncode, "tests: Input should be a list" in done.stderr) == (1, True)


def test_output_that_cannot_be_written_is_one_line(home: Path) -> None:
    """A full disk is no defect of the program."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "list", "--data", str(home)], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "Error: The output cannot be written: No space left on device.\n")


@pytest.mark.parametrize(("closed", "named"), [("<&-", "stdin is closed"), (">&-", "stdout is closed")])
def test_closed_stream_is_one_line(home: Path, closed: str, named: str) -> None:
    """A parent may have closed what a command reads or writes; then it has not succeeded."""
    command = shlex.join([*COMMAND, "run", "reverse_string", "-", "--data", str(home)])
    done = subprocess.run(
        ["sh", "-c", f"{command} {closed}"], input='{"text": "a"}', capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert (named in done.stderr, "Traceback" in done.stderr) == (True, False)


def test_doctor_names_the_missing_model(tacit: Tacit) -> None:
    """An embedder that was asked for and cannot be had is no fault of the data folder."""
    done = tacit("doctor", "--json", TACIT_EMBEDDER="openai", OPENAI_API_KEY="", TACIT_OPENAI_API_KEY="")
    assert done.returncode == 1
    assert [check["name"] for check in json.loads(done.stdout) if not check["ok"]] == ["search"]


def test_doctor_checks_this_machine(tacit: Tacit) -> None:
    """Every check has a name, a state and a detail."""
    checks = json.loads(tacit("doctor", "--json").stdout)
    assert {"name", "ok", "detail"} == set(checks[0])
    assert "rust toolchain" in {check["name"] for check in checks}


def test_doctor_says_that_the_store_is_damaged(tacit: Tacit, tmp_path: Path) -> None:
    """A store that cannot be opened is a finding, not a crash."""
    (tmp_path / "tacit.db").write_bytes(b"not a database" * 1000)
    done = tacit("doctor", data=tmp_path)
    assert done.returncode == 1
    assert "MISSING" in done.stdout
    assert "Traceback" not in done.stderr


def test_serve_off_loopback_is_refused(tacit: Tacit) -> None:
    """In one line that says what to set."""
    done = tacit("serve", "--transport", "http", "--host", "0.0.0.0", "--port", "0")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "TACIT_TOKENS" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        *("search", "run", "replay", "mutate", "builds", "list", "show", "history", "export", "import"),
        *("rollback", "deprecate", "restore", "grant", "revoke", "audit", "prune"),
    ],
)
def test_commands_take_data_and_json(command: str) -> None:
    """Each command that prints data."""
    done = subprocess.run([*COMMAND, command, "--help"], capture_output=True, text=True, check=True)
    assert "--data" in done.stdout
    assert "--json" in done.stdout


def test_help_and_listing_do_not_load_the_protocol() -> None:
    """The SDK takes most of a second to import, which only `serve` needs."""
    script = "import sys, tacit.cli; sys.exit('mcp' in sys.modules or 'sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
