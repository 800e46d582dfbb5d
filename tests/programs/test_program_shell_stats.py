"""What `tacit stats` says of sessions of the shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

from shell_processes import ADD, COMMAND, Shell, session_of, stats


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
