"""`tacit shell` and `tacit stats` as processes, on a data folder with the shipped capabilities."""

from __future__ import annotations

import json
import os
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tacit.cli.saved_runtime import MAX_BYTES

COMMAND = [sys.executable, "-m", "tacit.cli"]
ADD = """\
push 1
push 2
call add 2
store sum
observe sum
return
"""
ENDLESS = "again:\npush true\njump_if again\n"
Done = subprocess.CompletedProcess[str]
Shell = Callable[..., Done]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that these tests share, because filling it takes a while."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def shell(home: Path, tmp_path: Path) -> Shell:
    """Run the shell on these lines, in a folder of its own."""

    def run(*lines: str, options: tuple[str, ...] = (), data: Path = home, stdin: bytes | None = None) -> Done:
        given = "\n".join(lines).encode("utf-8", "surrogateescape") if stdin is None else stdin
        done = subprocess.run(
            [*COMMAND, "shell", "--data", str(data), *options],
            check=False,
            input=given,
            cwd=tmp_path,
            capture_output=True,
            timeout=120,
        )
        return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def adding(tmp_path: Path) -> Path:
    """A file with a program that adds."""
    path = tmp_path / "add.program"
    path.write_text(ADD)
    return path


def stats(data: Path) -> dict[str, Any]:
    """Return what `tacit stats --json` prints."""
    done = subprocess.run(
        [*COMMAND, "stats", "--json", "--data", str(data)], check=True, capture_output=True, text=True, timeout=60
    )
    return json.loads(done.stdout)


def session_of(data: Path, done: Done) -> dict[str, Any]:
    """Return the stats of the session that a shell's `status` named."""
    name = done.stdout.partition("session")[2].split()[0]
    return next(each for each in stats(data)["sessions"] if each["session"] == name)


def test_a_file_is_compiled_and_run(shell: Shell, adding: Path) -> None:
    """The output, what was observed, and the energy."""
    done = shell(f"compile {adding}", "run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["observed sum = 3", "3", "1.65 units, 6 instructions"]


def test_steps_show_stack_and_memory(shell: Shell, adding: Path) -> None:
    """The top of the stack first, then the variables, the energy and what is next."""
    done = shell(f"compile {adding}", "step 2", "step 2")
    shown = done.stdout.splitlines()
    assert shown[3:5] == ["stack   2", "stack   1"]
    assert shown[-3:] == ["memory  sum = 3", "energy  1.3 used, 998.7 left", "next    4  observe sum (line 5)"]


def test_a_failing_step_shows_where_it_is(shell: Shell, tmp_path: Path) -> None:
    """The stack before it, and the place."""
    (tmp_path / "bad.program").write_text("push 1\npush 0\ncall divide 2\n")
    done = shell("compile bad.program", "step 3")
    assert done.returncode == 1
    assert "energy  1.2 used" in done.stdout
    assert "division_by_zero" in done.stderr
    assert "at 2, line 3: call divide 2" in done.stderr


def test_more_steps_than_there_are_end_at_the_end(shell: Shell, adding: Path) -> None:
    """And a step after the end is refused."""
    done = shell(f"compile {adding}", "step 1000", "step")
    assert done.stdout.endswith("ended\n")
    assert "The program has ended" in done.stderr


def test_a_snapshot_is_resumed_in_another_shell(shell: Shell, adding: Path, tmp_path: Path) -> None:
    """It goes on where it was, with its stack, memory, input and the energy used."""
    adding.write_text(f"call input 0\nstore given\n{ADD}")
    shell(f"compile {adding}", 'input {"é": "\\u0000"}', "step 4", "snapshot kept.json")
    adding.unlink()
    done = shell("resume kept.json", "energy", "step 1", "run")
    assert "0.45 units" not in done.stdout.splitlines()[0]
    assert "runtime-1: 2.75 of 1000 units used, 997.25 left (conserved)" in done.stdout
    assert json.loads((tmp_path / "kept.json").read_text())["given"] == {"é": "\0"}


def test_a_snapshot_takes_no_other_files_place(shell: Shell, adding: Path) -> None:
    """A slip of the hand does not cost the source."""
    done = shell(f"compile {adding}", f"snapshot {adding}")
    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert adding.read_text() == ADD


def test_a_snapshot_replaces_a_snapshot(shell: Shell, adding: Path, tmp_path: Path) -> None:
    """The newer one is kept, and no part of a file is left beside it."""
    done = shell(f"compile {adding}", "snapshot kept.json", "step", "snapshot kept.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "kept.json").read_text())["state"]["counter"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["add.program", "kept.json"]


def broken(change: dict[str, Any], state: dict[str, Any] | None = None) -> str:
    """Return a snapshot in which something is wrong."""
    sound = {
        "program": "0" * 64,
        "counter": 0,
        "memory": {},
        "energy_used": 0,
        "executed": 0,
        "compilation_level": 1,
        "timestamp": 0,
    }
    return json.dumps({"name": "x", "domain": "", "source": "pop", "state": {**sound, **(state or {})}, **change})


BROKEN = [
    "",
    "{",
    "null",
    "[]",
    "{}",
    "[" * 100_000,
    "\x00",
    "é" * 10,
    broken({}),
    broken({"source": "no such instruction"}),
    broken({"state": 5}),
    broken({"extra": 1}),
    broken({}, {"counter": -1}),
    broken({}, {"energy_used": "much"}),
    broken({}, {"stack": [{"$reference": 5}], "program": "1"}),
    broken({"given": 1}).replace('"given": 1', '"given": NaN'),
]


def test_broken_snapshots_are_refused(shell: Shell, tmp_path: Path) -> None:
    """Each in one line that names the trouble; nothing is taken up."""
    for number, text in enumerate(BROKEN):
        (tmp_path / f"broken{number}.json").write_text(text)
    done = shell(*[f"resume broken{number}.json" for number in range(len(BROKEN))], "list")
    answers = done.stderr.splitlines()
    assert [answer.startswith("tacit: inval") for answer in answers] == [True] * len(BROKEN)
    assert (done.returncode, done.stdout) == (1, "There are no programs yet.\n")


def test_a_snapshot_is_its_owners_alone(shell: Shell, adding: Path, tmp_path: Path) -> None:
    """It has what the program read."""
    shell(f"compile {adding}", "snapshot kept.json")
    assert stat.S_IMODE((tmp_path / "kept.json").stat().st_mode) == 0o600


def test_a_snapshot_of_a_stranger_shows_harmlessly(shell: Shell, home: Path, adding: Path, tmp_path: Path) -> None:
    """Its name and domain are shortened, and what steers terminals or cannot be written is left out of them."""
    shell(f"compile {adding}", "snapshot kept.json")
    kept = json.loads((tmp_path / "kept.json").read_text())
    named = {**kept, "name": "\u001b[2J\ud800" + "x" * 100_000, "domain": "\u202e" + "y" * 100_000}
    (tmp_path / "kept.json").write_text(json.dumps(named))
    done = shell("resume kept.json", "list", "status")
    assert done.returncode == 0, done.stderr
    assert not {"\x1b", "\u202e"} & set(done.stdout)
    assert len(done.stdout) < 2000
    assert len(session_of(home, done)["programs"][0]["program"]) < 200


def test_a_snapshot_that_used_more_than_the_budget_is_refused(shell: Shell, adding: Path) -> None:
    """Energy is conserved across shells."""
    shell(f"compile {adding}", "step 3", "snapshot kept.json")
    done = shell("resume kept.json", options=("--energy", "0.5"))
    assert "used 1.2 units" in done.stderr


BAD_LINES = [
    ("nonsense", "no command 'nonsense'"),
    ("compile", "compile needs FILE"),
    ("compile missing.program", "missing.program cannot be read"),
    ("compile /", "/ cannot be read"),
    ("compile ../\x00", "cannot be read"),
    ("compile get_salary_details", "get_salary_details is no program"),
    ("activate", "activate needs NAME"),
    ("activate runtime-9", "no runtime runtime-9"),
    ("deactivate now", "deactivate takes nothing more"),
    ("input", "input needs JSON"),
    ("input 1", "No program is active"),
    ("step", "No program is active"),
    ("run", "No program is active"),
    ("run fast", "run takes nothing more"),
    ("snapshot", "snapshot needs FILE"),
    ("snapshot x.json", "No program is active"),
    ("resume", "No program is active"),
    ("resume missing.json", "missing.json cannot be read"),
    ("resume .", "cannot be read"),
    ("energy", "No program is active"),
    ("energy 5", "energy takes nothing more"),
    ("level 5", "level takes nothing more"),
    ("status 5", "status takes nothing more"),
    ("list all", "list takes nothing more"),
    ("help me", "help takes nothing more"),
    ("exit now", "exit takes nothing more"),
    ("\udcff\udcfe", "no command"),
    ("步骤 ❄", "no command '步骤'"),
]
BAD_ARGUMENTS = [
    ("step 0", "no number of steps"),
    ("step -1", "no number of steps"),
    ("step ٣", "no number of steps"),
    ("step " + "9" * 5000, "no number of steps"),
    ("input {", "not JSON"),
    ("input NaN", "not JSON"),
    ("input " + "[" * 100_000, "not JSON"),
    ("snapshot no/such/folder/x.json", "cannot be written"),
    ("snapshot /proc/x.json", "cannot be written"),
    (f"snapshot {'x' * 300}", "cannot be written"),
    ("snapshot a\0b", "null character"),
    ("snapshot pipe", "is there already"),
    ("compile ./pipe", "no regular file"),
    ("resume pipe", "no regular file"),
    ("resume huge.json", "has more than"),
    ("snapshot .", "is there already"),
]


def test_bad_lines_are_answered_and_the_shell_goes_on(shell: Shell) -> None:
    """Each with one line on stderr that says what is wrong; the exit code says that one failed."""
    done = shell(*[line for line, _ in BAD_LINES], "list")
    answers = done.stderr.splitlines()
    assert [said in answer for (_, said), answer in zip(BAD_LINES, answers, strict=True)] == [True] * len(BAD_LINES)
    assert (done.returncode, done.stdout) == (1, "There are no programs yet.\n")


def test_bad_arguments_leave_the_active_program_as_it_is(shell: Shell, adding: Path) -> None:
    """Each is answered with one line."""
    os.mkfifo(adding.with_name("pipe"))
    with adding.with_name("huge.json").open("wb") as huge:
        huge.truncate(MAX_BYTES + 1)
    done = shell(f"compile {adding}", *[line for line, _ in BAD_ARGUMENTS], "energy")
    answers = done.stderr.splitlines()
    shown = [said in answer for (_, said), answer in zip(BAD_ARGUMENTS, answers, strict=True)]
    assert shown == [True] * len(BAD_ARGUMENTS)
    assert done.stdout.splitlines()[-1].startswith("runtime-1: 0 of 1000 units used")


def test_files_that_do_not_compile(shell: Shell, tmp_path: Path) -> None:
    """A line number, or what is wrong with the file; no program is there then."""
    contents = [b"push", b"\xff\xfe", b"jump_if 99\n" * 50, b"x" * 300_000]
    for number, content in enumerate(contents):
        (tmp_path / f"bad{number}.program").write_bytes(content)
    done = shell(*[f"compile bad{number}.program" for number in range(len(contents))], "list")
    answers = done.stderr.splitlines()
    assert [answer.startswith("tacit: inval") for answer in answers] == [True] * len(contents)
    assert [f"line {number}" in answers[2] for number in (1, 20, 21)] == [True, True, False]
    assert done.stdout == "There are no programs yet.\n"


@pytest.mark.parametrize("energy", ["-1", "nan"])
def test_budgets_that_are_none(shell: Shell, energy: str) -> None:
    """They are refused before the first command."""
    done = shell("list", options=(f"--energy={energy}",))
    assert (done.returncode, done.stdout) == (1, "")
    assert "budget" in done.stderr


def test_a_program_stops_where_its_energy_ends(shell: Shell, tmp_path: Path) -> None:
    """With the place, and the budget used and not passed."""
    (tmp_path / "endless.program").write_text(ENDLESS)
    done = shell("compile endless.program", "run", "energy", options=("--energy", "1"))
    assert "energy_exhausted" in done.stderr
    assert "runtime-1: 1 of 1 units used, 0 left (conserved)" in done.stdout


def test_capabilities_are_called_for_real(shell: Shell, home: Path) -> None:
    """A stored program runs on its input; its calls are paid for."""
    done = shell("compile team_payroll", 'input {"employee_ids": ["E001", "E013"]}', "run", "energy")
    assert done.returncode == 0, done.stderr
    printed = done.stdout.partition("\n{")[2].rpartition("\n}")[0]
    totals = json.loads(f"{{{printed}}}")["totals"]
    assert [each["formatted"] for each in totals] == ["€62,600", "$104,500"]
    used = float(done.stdout.splitlines()[-1].split()[1])
    assert used > 500


def test_what_a_capability_refuses_ends_the_program(shell: Shell) -> None:
    """With its error, and where the program called it."""
    done = shell("compile team_payroll", 'input {"employee_ids": ["nobody"]}', "run")
    assert "invalid_input" in done.stderr
    assert "call get_salary_details 1" in done.stderr


def test_tasks_get_the_program_of_their_pattern(shell: Shell) -> None:
    """The functions of the pattern are not there, which is said where they are called."""
    done = shell("compile monitor the sensors", "run")
    assert "8 instructions" in done.stdout
    assert "read_sensors" in done.stderr


def test_tasks_without_a_pattern_say_so(shell: Shell) -> None:
    """The default program does nothing, which a slip in a name should not hide."""
    done = shell("compile team_payrol", "run")
    assert "no pattern fits it" in done.stdout
    assert "null" in done.stdout.splitlines()


def test_programs_that_need_an_input_say_so(shell: Shell) -> None:
    """When they are compiled, and not only by failing."""
    assert "`input JSON` sets it" in shell("compile team_payroll").stdout


def test_several_programs_are_held(shell: Shell, adding: Path) -> None:
    """One is active at a time; the list has a star before it."""
    done = shell(f"compile {adding}", "compile team_payroll", "activate runtime-1", "run", "list", "deactivate", "run")
    starred = [line for line in done.stdout.splitlines() if line.startswith("*")]
    assert ["runtime-1" in line for line in starred] == [True]
    assert "No program is active" in done.stderr


def test_comments_and_blank_lines_are_passed_over(shell: Shell) -> None:
    """So files of commands can be piped in, with any line ends and without the last one."""
    done = shell(stdin=b"# a comment\r\n\r\n   \r\n\tlist\r\nexit\r\nnonsense")
    assert (done.returncode, done.stdout, done.stderr) == (0, "There are no programs yet.\n", "")


def test_help_lists_the_commands(shell: Shell) -> None:
    """Each with what it does."""
    done = shell("help")
    assert {"step [N]", "resume [FILE]"} <= {line[:23].strip() for line in done.stdout.splitlines()}


def test_what_steers_terminals_is_not_printed(shell: Shell, tmp_path: Path) -> None:
    """Programs, their values and their files may come from strangers."""
    steering = '"\\u001b[2J\\u202e"'
    (tmp_path / "bad.program").write_text(f"push {steering}\nstore x\nobserve x\nreturn\n")
    (tmp_path / "failing.program").write_text(f"push {steering}\npush {steering}\ncall fail 2\n")
    done = shell("compile bad.program", "step 2", "run", "compile failing.program", "run", "compile \x1b[2J.program")
    assert len(done.stderr.splitlines()) == 3
    assert not {"\x1b", "\u202e"} & set(done.stdout + done.stderr)


def test_long_values_are_shortened(shell: Shell, tmp_path: Path) -> None:
    """And many are counted; the output of a run is whole, since it may be piped on."""
    text = "x" * 100_000
    (tmp_path / "long.program").write_text(f'push "{text}"\nstore long\n' + "push 1\n" * 50 + "load long\n")
    stepped, ran = shell("compile long.program", "step 99"), shell("compile long.program", "run")
    assert len(stepped.stdout) < 5000
    assert "… 31 more" in stepped.stdout
    assert f'"{text}"' in ran.stdout


def test_a_reader_that_goes_away_ends_the_shell(home: Path, adding: Path) -> None:
    """As with any command; no traceback."""
    command = f"{shlex.join([*COMMAND, 'shell', '--data', str(home)])} | head -n 1"
    given = f"compile {adding}\n" + "run\n" * 5000
    done = subprocess.run(["sh", "-c", command], check=False, input=given, capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("runtime-1 is active")
    assert done.stderr == ""


def test_a_killed_shell_leaves_its_stats(home: Path, adding: Path) -> None:
    """What it did up to its last whole command is there."""
    adding.with_name("endless.program").write_text(ENDLESS)
    command = [*COMMAND, "shell", "--data", str(home), "--energy", "1e12"]
    with subprocess.Popen(command, cwd=adding.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"status\ncompile add.program\nrun\ncompile endless.program\nrun\n")
        process.stdin.flush()
        shown = b""
        while b"2 instructions" not in shown:
            shown += process.stdout.readline()
        process.kill()
    found = session_of(home, Done([], 0, shown.decode(), ""))
    assert (found["compiled"], found["runs"], found["level_name"]) == (2, 1, "compiled")


def test_levels_are_earned_by_use(shell: Shell, home: Path, adding: Path) -> None:
    """Compiling alone earns none; one run earns the first, three of a composite the second, ten the third."""
    compiled = shell(f"compile {adding}", "status")
    once = shell(f"compile {adding}", *["run"] * 5, "status")
    adding.write_text('push text\npush "ab"\ncall map 2\ncall reverse_string 1\n')
    often = shell(f"compile {adding}", "run", "run", "level", "run", "level", *["run"] * 7, "status")
    assert session_of(home, compiled)["level_name"] == "raw"
    assert session_of(home, once)["level_name"] == "compiled"
    assert [line for line in often.stdout.splitlines() if line.startswith("level ")][:2] == [
        f"level 1 of 3 (compiled), {13} tokens saved",
        f"level 2 of 3 (optimised), {2 * 13} tokens saved",
    ]
    assert (session_of(home, often)["level"], session_of(home, often)["runs"]) == (3, 10)


def test_programs_that_end_by_steps_or_by_resume_count(shell: Shell, home: Path, adding: Path) -> None:
    """Each end once, however it was come to; one that was only taken up at its end does not."""
    lines = ["step 99", "step", "run", "resume", "snapshot kept.json", f"compile {adding}", "step 2", "resume"]
    done = shell(f"compile {adding}", *lines, "resume kept.json", "status")
    assert [each["runs"] for each in session_of(home, done)["programs"]] == [2, 1, 0]


def test_stored_programs_save_from_their_first_run(shell: Shell, home: Path) -> None:
    """Nobody wrote them for this session; a shipped one earns no more than the first level."""
    done = shell(
        "compile percentage_reversed_formatted@1", 'input {"percentage": 25, "number": 100}', *["run"] * 4, "status"
    )
    found = session_of(home, done)
    source = Path(__file__).parents[2] / "capabilities" / "percentage_reversed_formatted" / "src" / "main.program"
    assert (found["runs"], found["level_name"]) == (4, "compiled")
    assert found["tokens_saved"] == 4 * (len(source.read_bytes()) // 4)


def test_programs_that_a_program_calls_do_not_count(shell: Shell, home: Path, adding: Path) -> None:
    """Only the program that called them ran in this session."""
    adding.write_text('push {"percentage": 25, "number": 100}\ncall percentage_reversed_formatted 1\n')
    found = session_of(home, shell(f"compile {adding}", "run", "status"))
    assert (found["runs"], len(found["programs"])) == (1, 1)


def test_a_runs_tokens_are_saved_but_the_firsts(shell: Shell, home: Path, adding: Path) -> None:
    """A quarter of the source's bytes for each, and none for runs that failed."""
    bad = adding.with_name("bad.program")
    bad.write_text("pop")
    done = shell(f"compile {adding}", "run", "run", "run", f"compile {bad}", "run", "run", "status")
    found = session_of(home, done)
    assert (found["tokens_saved"], found["runs"], found["compiled"]) == (2 * (len(ADD) // 4), 3, 2)


def test_runs_of_stored_programs_count_for_their_session(tmp_path: Path) -> None:
    """Those that ended well, of programs alone; a shipped one saves its source's tokens each time."""
    for capability, data in [
        ("percentage_reversed_formatted", '{"percentage": 25, "number": 100}'),
        ("percentage_reversed_formatted", '{"percentage": 26, "number": 100}'),
        ("percentage_reversed_formatted", '{"percentage": 0.0001, "number": 0.1}'),
        ("calculate_percentage", '{"percentage": 27, "number": 100}'),
    ]:
        subprocess.run(
            [*COMMAND, "run", capability, data, "--data", str(tmp_path)], check=False, capture_output=True, timeout=60
        )
    source = Path(__file__).parents[2] / "capabilities" / "percentage_reversed_formatted" / "src" / "main.program"
    (found,) = stats(tmp_path)["sessions"]
    assert (found["runs"], found["level"], found["compiled"]) == (2, 1, 0)
    assert found["tokens_saved"] == 2 * (len(source.read_bytes()) // 4)


def test_stats_of_nothing(tmp_path: Path) -> None:
    """A new data folder has no sessions."""
    assert stats(tmp_path) == {"made": 0, "sessions": [], "earlier": {"runs": 0, "tokens_saved": 0}}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_an_interrupt_ends_a_piped_shell(home: Path, tmp_path: Path) -> None:
    """A program under way is stopped, whatever its energy; the exit code is that of interrupted commands."""
    (tmp_path / "endless.program").write_text(ENDLESS)
    with subprocess.Popen(
        [*COMMAND, "shell", "--data", str(home), "--energy", "1e12"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"compile endless.program\nrun\n")
        process.stdin.flush()
        assert b"2 instructions" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
