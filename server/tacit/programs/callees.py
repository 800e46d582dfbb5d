"""What a build asks of a program's source alone: one file that compiles, and calls only what it has permission for.

Whether what it calls is there, and what that can do, the catalog says (`tacit.catalog.composing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tacit.errors import BuildRefused, InvalidProgram
from tacit.models import Permissions
from tacit.programs.builtins import BUILTINS
from tacit.programs.compiler import MAX_PROBLEMS, MAX_SOURCE, Program, compile_source
from tacit.programs.instructions import Call, Delegate
from tacit.programs.machine import INPUT

ROOT = "main.program"
"""The one file of a program's source."""
AGENT = "agent"
"""What the permission `call` lists where a program delegates."""
_LINES_SHOWN = 10
_MEND = "Mend those lines and hand it in again."


def source_in(files: Mapping[str, str]) -> str:
    """Return the source that the files are, `src/` before the name or not; raises `BuildRefused("request")`."""
    if [path.removeprefix("src/") for path in files] != [ROOT]:
        given = ", ".join(ascii(path)[:60] for path in list(files)[:3]) or "none"
        raise _no_source(f"A program is one file, {ROOT!r}; got {given}.")
    source = next(iter(files.values()))
    if not source.strip():
        raise _no_source("The program is empty.")
    if "\0" in source:
        raise _no_source("The program holds a NUL, which is no text.")
    if len(source) > MAX_SOURCE:
        raise _no_source(f"The program has {len(source)} characters; the limit is {MAX_SOURCE}.")
    return source


def compile_checked(source: str) -> Program:
    """Return the program of a source; raises `BuildRefused("compile")` with a line of diagnostics for each mistake.

    Mistakes are also calls that can never go well: a built-in with so many arguments as it does not take, and
    anything else with more or fewer than the one that is a capability's input.
    """
    try:
        program = compile_source(source)
    except InvalidProgram as error:
        found = [f"line {each['line']}: {each['message']}" for each in error.details.get("problems", ())]
        raise _does_not_compile(found or [error.message], int(error.details.get("more", 0))) from error
    wrong = [f"line {line}: {problem}" for line, problem in _wrong_counts(program)]
    if not program.instructions:
        wrong.append("line 1: expected at least one instruction")
    if wrong:
        raise _does_not_compile(wrong[:MAX_PROBLEMS], max(len(wrong) - MAX_PROBLEMS, 0))
    return program


def callees(program: Program) -> dict[str, tuple[int, ...]]:
    """Return the lines of the calls of each capability, in the order of their first calls."""
    found: dict[str, tuple[int, ...]] = {}
    for line, instruction in zip(program.lines, program.instructions, strict=True):
        if isinstance(instruction, Call) and not _is_builtin(instruction.callee):
            found[instruction.callee] = (*found.get(instruction.callee, ()), line)
    return found


def check_calls(program: Program, permissions: Permissions) -> None:
    """Raise `BuildRefused("permissions")` unless `call` lists, by name, all that the program calls, and nothing else.

    What a program reaches of the world it reaches through what it calls, so no other permission is of use to it.
    """
    others = sorted(permissions.model_dump(exclude={"call"}, exclude_defaults=True))
    if others:
        raise BuildRefused(
            "permissions",
            f"A program may only be permitted to call, and this one asks for {', '.join(others)}.",
            hint="Leave that out: each capability that it calls has permissions of its own.",
        )
    if "*" in permissions.call:
        raise BuildRefused(
            "permissions", "A program names what it calls, and this one asks for '*'.", hint=_add(called(program))
        )
    missing = {name: lines for name, lines in called(program).items() if name not in permissions.call}
    if missing:
        raise BuildRefused(
            "permissions",
            f"The program calls what its permissions do not list: {', '.join(missing)}.",
            hint=_add([*permissions.call, *missing]),
            details={"diagnostics": at_lines((lines, _asks(name)) for name, lines in missing.items())},
        )


def called(program: Program) -> dict[str, tuple[int, ...]]:
    """Return the lines of all that the permission `call` has to list: the callees, and `agent` where it delegates."""
    pairs = zip(program.lines, program.instructions, strict=True)
    delegated = tuple(line for line, instruction in pairs if isinstance(instruction, Delegate))
    return {**callees(program), **({AGENT: delegated} if delegated else {})}


def at_lines(problems: Iterable[tuple[tuple[int, ...], str]]) -> str:
    """Return diagnostics: what is wrong, each with its lines."""
    return "\n".join(f"line{'s' if len(lines) > 1 else ''} {_numbers(lines)}: {problem}" for lines, problem in problems)


def _wrong_counts(program: Program) -> Iterable[tuple[int, str]]:
    for line, instruction in zip(program.lines, program.instructions, strict=True):
        if not isinstance(instruction, Call):
            continue
        builtin, count = BUILTINS.get(instruction.callee), instruction.count
        least, most = (builtin.least, builtin.most) if builtin else (0, 0) if instruction.callee == INPUT else (1, 1)
        if not least <= count <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            what = (
                "the built-in" if _is_builtin(instruction.callee) else "there is no such built-in, and the capability"
            )
            yield line, f"{what} {instruction.callee} takes {wanted} argument{'s' * (most != 1)}; it is given {count}"


def _is_builtin(name: str) -> bool:
    return name in BUILTINS or name == INPUT


def _asks(name: str) -> str:
    return "delegates to an agent" if name == AGENT else f"calls {name}"


def _numbers(lines: tuple[int, ...]) -> str:
    return ", ".join(map(str, lines[:_LINES_SHOWN])) + (" …" if len(lines) > _LINES_SHOWN else "")


def _add(names: Iterable[str]) -> str:
    listed = ", ".join(f'"{name}"' for name in names)
    return f'Set permissions to {{"call": [{listed}]}}.'


def _no_source(message: str) -> BuildRefused:
    return BuildRefused("request", message, hint=f'Give its text as `source`, or {{"{ROOT}": text}}.')


def _does_not_compile(found: list[str], more: int) -> BuildRefused:
    shown = [*found, *([f"and {more} more"] if more else [])]
    return BuildRefused(
        "compile", "The program does not compile.", hint=_MEND, details={"diagnostics": "\n".join(shown)}
    )
