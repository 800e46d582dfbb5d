"""Task patterns, levels of abstraction, and shells that hold several runtimes."""

from __future__ import annotations

import json

import pytest

from tacit.errors import EnergyExhausted, InvalidArgument, InvalidProgram, UnknownName
from tacit.programs import AbstractionLayer, AgentShell, RuntimeCompiler, RuntimeId, ShellStatus
from tacit.programs.layers import RAW
from tacit.programs.tasks import DEFAULT, PATTERNS

CALLS = {
    "monitor the sensors": ["read_sensors", "check_thresholds", "report"],
    "Control MOTOR speed": ["load_target", "compute_error", "adjust_pwm", "verify"],
    "manage the crew": ["assess_task", "pick_archetype", "assign", "monitor"],
    "analyse the figures": ["load_data", "compute_statistics", "find_patterns", "verify_conservation"],
    "communicate with the base": ["connect", "handshake", "send", "receive", "verify", "disconnect"],
}


@pytest.mark.parametrize("task", sorted(CALLS))
def test_tasks_get_the_program_of_their_pattern(task: str) -> None:
    """Whatever the case; its functions are called in order, once they are registered."""
    called: list[str] = []
    runtime = RuntimeCompiler().compile_task(task, "domain", 100)
    for name in CALLS[task]:
        runtime.register_builtin(name, lambda _, name=name: called.append(name) or name)
    assert runtime.execute().success
    assert called == CALLS[task]
    assert (runtime.domain, runtime.abstraction_level()) == ("domain", 1)


def test_functions_that_nobody_registered_are_unknown() -> None:
    """A pattern's program says which function it lacks."""
    with pytest.raises(UnknownName, match="read_sensors"):
        RuntimeCompiler().compile_task("monitor sensors").execute()


@pytest.mark.parametrize("task", ["", "write a poem", "x" * 100_000])
def test_other_tasks_get_the_default(task: str) -> None:
    """It pushes null and returns."""
    runtime = RuntimeCompiler().compile_task(task)
    assert runtime.execute().output is None
    assert [each.name for each in runtime.program.instructions] == ["push", "return"]


def test_the_first_pattern_wins() -> None:
    """Words are looked for in the order of the patterns."""
    compiler = RuntimeCompiler()
    assert compiler.source_for("control the sensor data") == PATTERNS[0].source
    assert compiler.source_for("bridge data") == PATTERNS[3].source
    assert compiler.source_for("nothing") == DEFAULT


def test_sources_compile_as_they_stand() -> None:
    """The compiler of sources is the same."""
    assert len(RuntimeCompiler().compile_source("push 1\npop").instructions) == 2


def test_an_agent_starts_raw() -> None:
    """Level 0, nothing saved, nothing built."""
    layer = AbstractionLayer()
    assert (layer.current_level(), layer.tokens_saved(), layer.runtimes_built) == (0, 0, 0)
    assert layer.layers[0].description == RAW


def test_levels_are_earned_up_to_three() -> None:
    """A promotion beyond the last level changes nothing."""
    layer = AbstractionLayer()
    assert [layer.promote(f"step {number}") for number in range(5)] == [1, 2, 3, 3, 3]
    assert [each.description for each in layer.layers] == [RAW, "step 0", "step 1", "step 2"]


def test_savings_count_at_the_current_level() -> None:
    """And add up over all levels."""
    layer = AbstractionLayer()
    layer.add_savings(5)
    layer.promote("compiled")
    layer.add_savings(7)
    layer.add_savings(1)
    assert [each.tokens_saved for each in layer.layers] == [5, 8]
    assert layer.tokens_saved() == 13
    with pytest.raises(InvalidArgument):
        layer.add_savings(-1)


def test_the_report_says_where_the_agent_is() -> None:
    """Level, name, runtimes, savings, and each level's line."""
    layer = AbstractionLayer()
    layer.record_runtime_built()
    layer.promote("Compiled: monitor")
    layer.add_savings(42)
    report = layer.progress_report()
    assert "level 1 of 3 (compiled), 1 runtimes built, 42 tokens saved" in report
    assert "1: Compiled: monitor (42 tokens saved)" in report


def test_levels_survive_json() -> None:
    """What is written is read back; what is none is refused."""
    layer = AbstractionLayer()
    layer.promote("a")
    layer.add_savings(3)
    layer.record_runtime_built()
    again = AbstractionLayer.from_json(json.loads(json.dumps(layer.to_json())))
    assert again.to_json() == layer.to_json()
    for broken in ({}, {"layers": []}, {"layers": [{"description": "x"}] * 9}, {"layers": 1}):
        with pytest.raises(InvalidArgument):
            AbstractionLayer.from_json(broken)


def test_ids_are_unique_and_plain() -> None:
    """Made up where none is given; equal and hashable by name."""
    assert RuntimeId() != RuntimeId()
    assert RuntimeId("a") == RuntimeId("a")
    assert len({RuntimeId("a"), RuntimeId("a")}) == 1
    assert str(RuntimeId("a")) == "a"


def test_a_new_shell_holds_nothing() -> None:
    """Its status says so, with the budget untouched."""
    status = AgentShell("journeyman", 1000).shell_status()
    assert status == ShellStatus(
        agent_id="journeyman", runtime_count=0, abstraction_level=0, tokens_saved=0, energy_remaining=1000
    )
    assert ShellStatus.model_validate_json(status.model_dump_json()) == status
    with pytest.raises(InvalidArgument):
        AgentShell("journeyman", -1)


def test_the_readmes_example_works() -> None:
    """Build for a task, register a function, compile another program, activate, execute."""
    shell = AgentShell("journeyman", 1000.0)
    made = shell.build_runtime("monitor sensors", "iot")
    shell.runtimes[made].register_builtin("read_sensors", lambda _: {"temp": 22.5})
    shell.runtimes[made].compile("call read_sensors 0\nstore sensor_data\nobserve temp\nreturn")
    shell.activate(made)
    result = shell.execute()
    assert (result.success, result.output, result.instructions_executed) == (True, 22.5, 4)
    assert result.energy_consumed == 1.45


def test_activation_switches_between_runtimes() -> None:
    """Only known ones, by id or name; without one there is nothing to execute."""
    shell = AgentShell("a", 10)
    with pytest.raises(InvalidArgument, match="active"):
        shell.execute()
    with pytest.raises(InvalidArgument, match="unknown"):
        shell.activate(RuntimeId("unknown"))
    one, two = shell.build_runtime("one", source="push 1"), shell.build_runtime("two", source="push 2")
    outputs: list[object] = []
    for each in (one, str(two), one):
        shell.activate(each)
        outputs.append(shell.execute().output)
    assert outputs == [1, 2, 1]
    assert shell.active_runtime() is shell.runtimes[one]
    shell.deactivate()
    assert shell.active_runtime() is None


def test_runtimes_are_listed_with_domain_and_level() -> None:
    """In the order in which they were built."""
    shell = AgentShell("a", 10)
    one, two = shell.build_runtime("monitor", "iot"), shell.build_runtime("motor", "robotics")
    shell.runtimes[two].compile("push 1")
    assert shell.list_runtimes() == [(one, "iot", 1), (two, "robotics", 2)]


def test_building_raises_the_level_and_using_saves_tokens() -> None:
    """Up to three; each run after the first saves the tokens of the program."""
    shell = AgentShell("a", 1000)
    made = [shell.build_runtime(f"task {number}", source="push 1234\nreturn # a program") for number in range(5)]
    shell.activate(made[0])
    for _ in range(3):
        shell.execute()
    status = shell.shell_status()
    assert (status.runtime_count, status.abstraction_level, status.active_runtime) == (5, 3, str(made[0]))
    assert status.tokens_saved == 2 * (len("push 1234\nreturn # a program") // 4)
    assert status.energy_remaining == shell.runtimes[made[0]].energy_remaining < 1000


def test_a_source_that_does_not_compile_builds_nothing() -> None:
    """Neither runtime nor level."""
    shell = AgentShell("a", 10)
    with pytest.raises(InvalidProgram):
        shell.build_runtime("x", source="explode")
    assert (shell.list_runtimes(), shell.layer.current_level()) == ([], 0)


def test_failed_runs_save_nothing() -> None:
    """Tokens are saved by answers."""
    shell = AgentShell("a", 0.05)
    shell.activate(shell.build_runtime("x", source="push 1"))
    for _ in range(2):
        with pytest.raises(EnergyExhausted):
            shell.execute()
    assert shell.layer.tokens_saved() == 0
