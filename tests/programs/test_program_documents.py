"""The page on programs says what the language is."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
from program_samples import OpenApp

from tacit.cli.shell_commands import COMMANDS, Commands
from tacit.errors import CapabilityFailed, InvalidProgram, ProgramError
from tacit.models import MutateRequest
from tacit.programs import MiniRuntime
from tacit.programs.builtins import BUILTINS, Builtin
from tacit.programs.compiler import MAX_ARGUMENTS, MAX_INSTRUCTIONS, MAX_PROBLEMS, MAX_SOURCE, compile_source
from tacit.programs.energy import BYTES_PER_HUNDREDTH, FUEL_PER_UNIT, units
from tacit.programs.instructions import KINDS
from tacit.programs.language import language
from tacit.programs.layers import NAMES
from tacit.programs.machine import MAX_OBSERVATIONS, MAX_OBSERVED, MAX_STACK
from tacit.programs.session_use import MASTERED_RUNS, OPTIMISED_RUNS
from tacit.programs.sizes import MAX_WEIGHT
from tacit.programs.values import MAX_DEPTH

PAGE = (Path(__file__).parents[2] / "docs" / "programs.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """Return the page from a heading of the second level to the next one."""
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of a section's table rows that begin with code, or with words."""
    lines = re.findall(r"^\| (.*) \|$", section(heading), re.MULTILINE)
    return [[cell.strip() for cell in line.split(" | ")] for line in lines]


def blocks(heading: str) -> list[tuple[str, str]]:
    """Return the language and the text of each block of a section."""
    return re.findall(r"^```(\w*)\n(.*?)^```", section(heading), re.MULTILINE | re.DOTALL)


def described(builtin: Builtin) -> list[str]:
    """Return a built-in's row."""
    count = str(builtin.least) if builtin.least == builtin.most else f"{builtin.least} to {builtin.most}"
    cost = "1 + size" if builtin.walks else "1 + item" if builtin.measures else "1"
    return [f"`{builtin.name}`", count, cost, builtin.description]


def test_every_instruction_is_there_with_its_cost() -> None:
    """Each in its form, and no other."""
    shown = {row[0].strip("`").split()[0]: float(row[1]) for row in rows("Instructions") if row[0].startswith("`")}
    assert shown == {name: units(kind.cost) for name, kind in KINDS.items()}


def test_every_builtin_is_there_as_it_is() -> None:
    """Each with the number of its arguments, its cost and its description, and no other."""
    shown = sorted(row for row in rows("Built-ins") if row[0].startswith("`"))
    assert shown == sorted(described(builtin) for builtin in BUILTINS.values())


def test_what_size_costs_is_said() -> None:
    """A hundredth of a unit for so many bytes."""
    assert f"{units(1):g} units for each {BYTES_PER_HUNDREDTH} bytes" in " ".join(section("Built-ins").split())


def test_the_rate_of_fuel_is_said() -> None:
    """A unit is so much fuel."""
    assert f"A unit is {FUEL_PER_UNIT} of the fuel" in section("Energy")


def test_the_limits_are_true() -> None:
    """In the order of the table."""
    shown = [int(row[1]) for row in rows("Limits") if row[1].isdecimal()]
    assert shown == [
        MAX_SOURCE,
        MAX_INSTRUCTIONS,
        MAX_ARGUMENTS,
        MAX_STACK,
        MAX_WEIGHT,
        MAX_DEPTH,
        MAX_OBSERVATIONS,
        MAX_OBSERVED,
    ]
    assert f"up to {MAX_PROBLEMS} mistakes" in PAGE


def test_every_code_of_a_program_is_there() -> None:
    """Those that only programs end with, and that of a source that does not compile."""
    shown = {row[0].strip("`") for row in rows("Errors") if row[0].startswith("`")}
    assert shown == {kind.code for kind in (*ProgramError.__subclasses__(), InvalidProgram)}


def test_the_first_example_does_what_it_says() -> None:
    """It asks for a salary, and for the percentage of it."""

    class Office:
        def call(self, capability: str, data: object, energy: int) -> tuple[object, int]:
            asked.append((capability, data))
            return ({"salary": {"base_salary": 500}} if capability == "get_salary_details" else data), 0

        def delegate(self, agent: str, task: str) -> None:
            """Know no agent."""

        def check(self) -> None:
            """Let it go on."""

    asked: list[tuple[str, object]] = []
    runtime = MiniRuntime("example", given={"employee_id": "E001"}, outside=Office())
    runtime.compile(PAGE.partition("```\n")[2].partition("```")[0])
    assert runtime.execute().output == {"percentage": 10, "number": 500}
    assert asked[0] == ("get_salary_details", {"employee_id": "E001"})


def test_the_worked_example_becomes_a_capability(open_app: OpenApp) -> None:
    """By its own tests, and it does what its text says."""
    source, tests, schema = (text for _, text in blocks("A program from start to end")[:3])
    service = open_app(shipped=True).service
    request = {
        "id": "write_prices",
        "summary": "Writes out a list of prices for reading, none below a limit.",
        "language": "program",
        "source": source,
        "tests": json.loads(tests),
        "input_schema": json.loads(schema),
        "permissions": {"call": ["format_number"]},
    }
    answer = service.mutate(MutateRequest.model_validate(request))
    assert answer.status == "registered", answer.message
    assert service.run("write_prices", {"prices": {"tea": 1234.5}}).output == {"tea": "1,234.5"}
    with pytest.raises(CapabilityFailed, match=r"too_low: tea costs 1234\.5, less than 2000"):
        service.run("write_prices", {"prices": {"tea": 1234.5}, "least": 2000})


def test_the_session_of_the_shell_is_true(
    open_app: OpenApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is entered after each prompt is answered so."""
    (tmp_path / "prices.program").write_text(blocks("A program from start to end")[0][1])
    monkeypatch.chdir(tmp_path)
    commands = Commands(open_app(shipped=False).service, 1000.0)
    monkeypatch.setattr("tacit.programs.shell._numbers", itertools.count(1))
    ((_, session),) = blocks("Programs by hand")
    exchanges = [each.partition("\n") for each in session.split("tacit> ")[1:]]
    for entered, _, answered in exchanges[:-1]:
        commands.carry_out(entered)
        assert capsys.readouterr().out == answered


def test_every_command_of_the_shell_is_there() -> None:
    """In the words of its help, and in their order."""
    shown = [row for row in rows("Programs by hand") if row[0].startswith("`")]
    assert shown == [[f"`{command.form}`", command.words] for command in COMMANDS.values()]


def test_the_levels_are_true() -> None:
    """Their names, and the runs that earn them."""
    shown = [row for row in rows("Levels and tokens saved") if row[0].isdecimal()]
    assert [row[1] for row in shown] == list(NAMES)
    assert [row[2].split()[0] for row in shown[2:]] == [str(OPTIMISED_RUNS), str(MASTERED_RUNS)]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_brief_has_every_instruction(name: str) -> None:
    """The short form of the language, for authors, names each."""
    assert re.search(rf"^  {name}\b", language(), re.MULTILINE)


def test_the_briefs_example_compiles() -> None:
    """Authors copy it."""
    example = language().partition("Example:\n")[2]
    assert compile_source(example).calls >= {"get_salary_details", "input"}


def test_the_brief_is_short() -> None:
    """Under 1,500 tokens of four bytes each."""
    assert len(language().encode()) / 4 < 1500
