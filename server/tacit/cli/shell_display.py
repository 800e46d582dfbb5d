"""How `tacit shell` shows programs and their values: shortened, and without what steers terminals."""

from __future__ import annotations

from tacit.cli.layout import cut
from tacit.cli.terminal import as_json, write
from tacit.plain_text import made_plain
from tacit.programs import MiniRuntime, RuntimeResult
from tacit.programs.values import to_json
from tacit.texts import compact

MAX_SHOWN = 100
"""Characters of a value, an instruction or a name."""
MAX_LINES = 20
"""Instructions, values, variables and observations that are shown, of each."""


def say(text: str) -> None:
    """Print text without what steers terminals."""
    write(made_plain(text))


def shown(text: str) -> str:
    """Return a text on one line, shortened."""
    return cut(text[: 4 * MAX_SHOWN], MAX_SHOWN)


def amount(units: float) -> str:
    """Return energy in units, to the hundredth that it is counted in."""
    return f"{units:.2f}".rstrip("0").rstrip(".")


def next_instruction(runtime: MiniRuntime) -> str:
    """Return the next instruction; there is none after the last one failed."""
    rest = runtime.program.instructions[runtime.counter :][:1]
    return shown(str(rest[0])) if rest else "nothing"


def steps_text(done: list[str], runtime: MiniRuntime) -> str:
    """Return the last instructions that were carried out, and where the runtime is then."""
    left_out = ["       …"] if len(done) > MAX_LINES else []
    return "\n".join([*left_out, *done[-MAX_LINES:], *_state(runtime)])


def result_text(result: RuntimeResult, most: int | None) -> str:
    """Return what was observed, the output (its first `most` characters, or all), and what it used."""
    observed = [f"observed {shown(each.name)} = {shown(compact(each.value))}" for each in result.observations]
    output = as_json(result.output)
    if most is not None and len(output) > most:
        output = f"{output[:most]}…\n({len(output) - most} characters more)"
    used = f"{amount(result.energy_consumed)} units, {result.instructions_executed} instructions"
    return "\n".join([*_first(observed), output, used])


def _state(runtime: MiniRuntime) -> list[str]:
    stack = [f"stack   {shown(compact(to_json(each)))}" for each in reversed(runtime.stack)]
    memory = [
        f"memory  {shown(name)} = {shown(compact(to_json(each)))}" for name, each in sorted(runtime.memory.items())
    ]
    energy = f"energy  {amount(runtime.energy_used)} used, {amount(runtime.energy_remaining)} left"
    lines = [*_first(stack), *_first(memory), energy]
    if runtime.done:
        return [*lines, "ended"]
    line = runtime.program.line(runtime.counter)
    return [*lines, f"next    {runtime.counter}  {next_instruction(runtime)}" + (f" (line {line})" if line else "")]


def _first(lines: list[str]) -> list[str]:
    more = len(lines) - MAX_LINES
    return [*lines[:MAX_LINES], f"        … {more} more"] if more > 0 else lines
