"""`tacit shell` as a process, on a data folder with the shipped capabilities."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from shell_processes import COMMAND, Done, Shell, session_of

from tacit.cli.saved_runtime import MAX_BYTES

ENDLESS = "again:\npush true\njump_if again\n"


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
