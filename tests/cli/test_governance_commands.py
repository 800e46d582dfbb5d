"""The commands that decide: what is offered, what is granted, which policies hold, and the log of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from tacit.cli import program

Tacit = Callable[..., "subprocess.CompletedProcess[str]"]
Here = Callable[..., tuple[object, str, str]]


def test_grants_are_given_taken_back_and_logged(small: Tacit) -> None:
    """Without options, what the capability asks for and lacks; then all that was stored."""
    assert '\nnot granted    {"read":["**"]}\n' in small("show", "search_files").stdout
    assert small("grant", "search_files").stdout.startswith('granted to search_files: {"read":["**"]}\n')
    assert "not granted" not in small("show", "search_files").stdout
    assert small("revoke", "search_files").stdout.startswith('revoked of search_files: {"read":["**"]}\n')
    entries = json.loads(small("audit", "search_files", "--json").stdout)
    assert [(entry["actor"], entry["action"]) for entry in entries] == [("cli", "revoke"), ("cli", "grant")]


def test_grants_take_each_kind_several_times(small: Tacit) -> None:
    """And `*` stands for every capability."""
    options = ["--http", "a.example.com", "--http", "*.example.org", "--read", "in/**", "--write", "out/*", "--time"]
    done = small("grant", "*", *options, "--call", "reverse_string", "--json")
    assert json.loads(done.stdout)["granted"] == {
        "http": ["a.example.com", "*.example.org"],
        "read": ["in/**"],
        "write": ["out/*"],
        "time": True,
        "call": ["reverse_string"],
    }


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["grant", "search_files", "--http", "no host"], "invalid_argument"),
        (["grant", "search_files", "--read", "/etc/passwd"], "invalid_argument"),
        (["grant", "search_files@1"], "invalid_argument"),
        (["grant", "*"], "invalid_argument"),
        (["grant", "nobody", "--time"], "unknown_capability"),
        (["revoke", "search_files", "--http", "a.example.com"], "invalid_argument"),
        (["rollback", "reverse_string"], "invalid_argument"),
        (["rollback", "reverse_string", "7"], "unknown_version"),
        (["deprecate", "reverse_string@x"], "invalid_argument"),
        (["deprecate", "reverse_string", "--successor", "reverse_string"], "invalid_argument"),
        (["restore", "nobody@1"], "unknown_capability"),
        (["show", "reverse_string@"], "invalid_argument"),
        (["export", "reverse_string@0"], "invalid_argument"),
        (["run", "reverse_string@1", "{}", "--version", "2"], "invalid_argument"),
        (["policy", "show", "nothing"], "unknown_policy"),
        (["policy", "set", "pruning", "unused_days"], "invalid_argument"),
        (["policy", "set", "pruning", "unused_days=soon"], "invalid_argument"),
        (["policy", "set", "pruning", "unused_days=NaN"], "invalid_argument"),
        (["policy", "set", "pruning", "never=1"], "invalid_argument"),
        (["policy", "set", "pruning", "unused_days=1", "unused_days=2"], "invalid_argument"),
        (["policy", "rollback", "pruning", "5"], "unknown_version"),
        (["builds", "0123"], "unknown_job"),
        (["mutate", "--task", "x", "--input", "{"], "invalid_json"),
    ],
)
def test_what_cannot_be_done_is_one_line(here: Here, arguments: list[str], code: str) -> None:
    """Exit code 1, nothing on stdout, and the code first."""
    exit_code, stdout, stderr = here(*arguments)
    assert (exit_code, stdout, len(stderr.splitlines())) == (1, "", 1)
    assert stderr.startswith(f"tacit: {code}: ")


def test_a_rollback_offers_the_older_version_and_a_restore_the_newer(small: Tacit) -> None:
    """The same command again changes nothing, and says so."""
    small("deprecate", "reverse_string@1")
    assert small("run", "reverse_string", '{"text": "ab"}').returncode == 1
    assert small("rollback", "reverse_string", "1").stdout == "reverse_string@1 is offered again\n"
    assert small("rollback", "reverse_string@1").stdout == "reverse_string@1 was offered already; nothing changed\n"
    assert small("run", "reverse_string@1", '{"text": "ab"}').returncode == 0


def test_deprecating_a_version_says_what_is_offered_now(small: Tacit) -> None:
    """Nothing, where it was the only one."""
    said = small("deprecate", "reverse_string@1").stdout
    assert said == "reverse_string@1 is deprecated; reverse_string is not offered\n"
    assert small("restore", "reverse_string@1").stdout.endswith("; reverse_string is offered as version 1\n")


def test_policies_are_set_shown_and_put_back(small: Tacit) -> None:
    """Each change is a version with who and why."""
    done = small("policy", "set", "failure_handling", "deprecate_after=5", "worse_by=0.5", "--reason", "Zu früh.")
    assert done.stdout.startswith("failure_handling is at version 1: deprecate_after=5 ")
    shown = small("policy", "show", "failure_handling").stdout
    assert "deprecate_after=5 worse_by=0.5  Zu früh." in shown
    back = json.loads(small("policy", "rollback", "failure_handling", "0", "--json").stdout)
    assert (back["version"], back["value"]["deprecate_after"], back["actor"]) == (2, 3, "cli")
    assert "failure_handling  2        cli " in small("policy", "list").stdout
    assert [row.split()[3] for row in small("audit").stdout.splitlines()[1:]] == ["policy", "policy"]


def test_the_log_is_bounded_and_newest_first(small: Tacit) -> None:
    """-n takes as many as one wants to see."""
    for command in ("deprecate", "restore", "deprecate"):
        small(command, "reverse_string")
    lines = small("audit", "-n", "2").stdout.splitlines()
    assert [line.split()[3] for line in lines[1:]] == ["deprecate", "restore"]


def test_an_empty_log_says_so(small: Tacit) -> None:
    """Instead of a table of nothing."""
    assert small("audit").stdout == "Nothing was decided yet.\n"


def test_a_sweep_is_told_before_it_is_done(own_kin: Tacit) -> None:
    """A dry run changes nothing; what it names is archived by the real one, and can be restored."""
    assert own_kin("prune", "--dry-run").stdout == "There is nothing to archive.\n"
    own_kin("policy", "set", "pruning", "superseded_days=0.0000001", "unused_days=36500")
    told = own_kin("prune", "--dry-run").stdout.splitlines()
    assert told[0].split() == ["WOULD", "BE", "ARCHIVED", "BECAUSE"]
    assert [line.split()[0] for line in told[1:]] == ["reverse_string@1", "reverse_string@2"]
    assert [row["version"] for row in json.loads(own_kin("prune", "--json").stdout)] == [1, 2]
    assert "○ reverse_string@2  archived · " in own_kin("history", "reverse_string").stdout
    assert own_kin("restore", "reverse_string@2").returncode == 0


@pytest.mark.parametrize("arguments", [["audit", "-n", "0"], ["policy", "set", "pruning"], ["builds", "--transcript"]])
def test_wrong_usage_of_what_decides_exits_with_two(here: Here, arguments: list[str]) -> None:
    """As commands do."""
    assert here(*arguments)[0] == 2


def test_the_policy_commands_take_data_and_json(here: Here) -> None:
    """Each of the four."""
    for command in ("list", "show", "set", "rollback"):
        _, printed, _ = here("policy", command, "--help")
        assert "--data" in printed
        assert "--json" in printed


def test_the_help_lists_every_command_under_a_heading(kin: Tacit) -> None:
    """With a sentence that is not cut."""
    lines = kin("--help", COLUMNS="80").stdout.splitlines()
    commands = [line for line in lines if line.startswith("  ") and line.strip()[0].isalpha() and lines.index(line) > 8]
    assert [line.split()[0] for line in sorted(commands)] == sorted(program.commands)
    assert all(line.endswith(".") and not line.endswith("...") for line in commands)
