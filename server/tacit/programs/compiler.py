r"""Compiles the source of programs: one instruction a line, labels, comments; every mistake with its line.

    # the salary of each employee, added up
    push 0
    store total
    next:                      a label, for `jump_if next`
    load total                 names are letters, digits, `_`, `.` and `-`
    push "quoted\ttext"         escapes are JSON's; a bare word is a text as well; lists and maps are JSON
    return

A `#` outside of quotes begins a comment. The language is that of lau-agent-runtime, with labels beside addresses.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tacit.errors import InvalidArgument, InvalidProgram
from tacit.programs.energy import hundredths
from tacit.programs.instructions import (
    KINDS,
    Assert,
    Call,
    Delegate,
    EnergyCheck,
    Instruction,
    JumpIf,
    Load,
    Observe,
    Pop,
    Push,
    Return,
    Store,
)
from tacit.programs.numerals import read_number, read_whole
from tacit.programs.values import MAX_DEPTH, Value, from_json, to_json

MAX_SOURCE = 256 * 1024
"""Characters of one source."""
MAX_INSTRUCTIONS = 10_000
MAX_ARGUMENTS = 64
MAX_PROBLEMS = 20
"""Mistakes that are described; the rest is counted."""

_LINE_END = re.compile(r"\r\n|\r|\n")
"""What ends a line for people as well; a text may hold what Python takes for more line ends."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_LABEL = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]{0,63})\s*:")
_NOT_JSON = frozenset({"nan", "inf", "infinity"})
_BOM = "\ufeff"
"""What some editors begin a file with."""
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled program: its instructions, the source line of each (from 1), and the labels' addresses."""

    instructions: tuple[Instruction, ...]
    lines: tuple[int, ...]
    labels: Mapping[str, int]

    @property
    def calls(self) -> frozenset[str]:
        """The names that it calls, built-ins and capabilities alike."""
        return frozenset(each.callee for each in self.instructions if isinstance(each, Call))

    def line(self, address: int) -> int | None:
        """Return the source line of an address, None past the end."""
        return self.lines[address] if 0 <= address < len(self.lines) else None


def compile_source(source: str) -> Program:
    """Return the program; raises `InvalidProgram`, whose `details.problems` has every mistake with its line."""
    if not isinstance(source, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # of untyped callers
        raise InvalidProgram(f"A source is a text, and this is a {type(source).__name__}.", hint="Decode it as UTF-8.")
    if len(source) > MAX_SOURCE:
        raise InvalidProgram(
            f"The source has {len(source)} characters; the limit is {MAX_SOURCE}.", hint="Make it shorter."
        )
    reading = _Reading()
    for number, text in enumerate(_LINE_END.split(source.removeprefix(_BOM)), start=1):
        reading.read(number, text)
    return reading.program()


class _Wrong(Exception):  # never leaves this module
    """What is wrong with one line, and what was expected."""

    @property
    def message(self) -> str:
        return str(self)


class _Reading:
    """The state of one compilation."""

    def __init__(self) -> None:
        self._instructions: list[Instruction] = []
        self._lines: list[int] = []
        self._labels: dict[str, int] = {}
        self._jumps: list[tuple[int, int, str]] = []
        self._problems: list[tuple[int, str]] = []

    def read(self, number: int, text: str) -> None:
        """Read one line."""
        try:
            _encodable(text)
            code = _without_comment(text).strip()
            label = _LABEL.match(code)
            if label and not code.startswith(("push ", "push\t")):
                self._label(label[1])
                code = code[label.end() :].strip()
            if code:
                self._instruction(number, code)
        except _Wrong as wrong:
            self._problems.append((number, wrong.message))

    def program(self) -> Program:
        """Return what was read, jumps resolved."""
        for address, number, target in self._jumps:
            try:
                self._instructions[address] = JumpIf(self._target(target))
            except _Wrong as wrong:
                self._problems.append((number, wrong.message))
        if len(self._instructions) > MAX_INSTRUCTIONS:
            self._problems.append((self._lines[MAX_INSTRUCTIONS], f"expected at most {MAX_INSTRUCTIONS} instructions"))
        if self._problems:
            raise _invalid(sorted(self._problems))
        return Program(tuple(self._instructions), tuple(self._lines), self._labels)

    def _label(self, name: str) -> None:
        if name in self._labels:
            raise _Wrong(f"expected a new label; {name!r} is one already")
        self._labels[name] = len(self._instructions)

    def _instruction(self, number: int, code: str) -> None:
        name, rest = _split(code)
        if name == "jump_if":
            self._jumps.append((len(self._instructions), number, rest))
            made: Instruction = JumpIf(0)
        else:
            parse = _PARSERS.get(name)
            if parse is None:
                raise _Wrong(f"expected one of {', '.join(KINDS)}; got {name[:40]!r}")
            made = parse(rest)
        self._instructions.append(made)
        self._lines.append(number)

    def _target(self, target: str) -> int:
        if target in self._labels:
            return self._labels[target]
        if not target.isdecimal() or not target.isascii():
            raise _Wrong(f"expected an address or a label after jump_if; there is no label {target[:64]!r}")
        address = int(target) if len(target) < 9 else MAX_SOURCE
        if address > len(self._instructions):
            raise _Wrong(f"expected an address from 0 to {len(self._instructions)} after jump_if; got {target[:20]}")
        return address


def _split(text: str) -> tuple[str, str]:
    """Return the first word and what follows it."""
    first, *rest = text.split(maxsplit=1) or [""]
    return first, rest[0].strip() if rest else ""


def _without_comment(text: str) -> str:
    """Return the line up to a `#` that is in no quotes."""
    quoted, position = False, 0
    if "#" not in text:
        return text
    while position < len(text):
        character = text[position]
        if character == "#" and not quoted:
            return text[:position]
        if character == '"':
            quoted = not quoted
        position += 2 if character == "\\" and quoted else 1
    return text


def _push(rest: str) -> Instruction:
    if not rest:
        raise _Wrong('expected a value after push: a number, true, false, null, a word, "text", a list or a map')
    if rest[0] in '"[{':
        return Push(_json(rest))
    if rest in _WORDS:
        return Push(_WORDS[rest])
    number = read_number(rest)
    if number is not None:
        return Push(_finite(number, rest))
    if rest.lstrip("+-").lower() in _NOT_JSON:
        raise _Wrong(f'expected a finite number; for the text write "{rest}"')
    return Push(rest)


def _finite(number: int | float, text: str) -> int | float:
    if isinstance(number, float) and math.isinf(number):
        raise _Wrong(f"expected a finite number; {text[:40]} is too large")
    return number


def _json(text: str) -> Value:
    try:
        value, end = _DECODER.raw_decode(text)
        if text[end:].strip():
            raise _Wrong(f"expected nothing after the value; got {text[end:].strip()[:40]!r}")
        value = from_json(value)
        if "\\u" in text:
            _encodable(json.dumps(to_json(value), ensure_ascii=False))
        return value
    except RecursionError as error:
        raise _Wrong(f"expected at most {MAX_DEPTH} lists and maps within each other") from error
    except ValueError as error:
        raise _Wrong(f"expected JSON: {error}") from error


def _encodable(text: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            lone = ascii(text[error.start])[1:-1]
            raise _Wrong(f"expected text; {lone} is half of a character and stands alone") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_int=read_whole)


def _pop(rest: str) -> Instruction:
    _nothing(rest, "pop")
    return Pop()


def _return(rest: str) -> Instruction:
    _nothing(rest, "return")
    return Return()


def _call(rest: str) -> Instruction:
    name, count = _split(rest)
    if not _NAME.fullmatch(name) or not (count.isdecimal() and count.isascii()):
        raise _Wrong(f"expected call NAME COUNT, such as call add 2; got {rest[:60]!r}")
    if len(count) > 4 or int(count) > MAX_ARGUMENTS:
        raise _Wrong(f"expected at most {MAX_ARGUMENTS} arguments; got {count[:20]}")
    return Call(name, int(count))


def _delegate(rest: str) -> Instruction:
    agent, task = _split(rest)
    if not _NAME.fullmatch(agent) or not task:
        raise _Wrong(f"expected delegate AGENT TASK; got {rest[:60]!r}")
    return Delegate(agent, _text(task))


def _energy_check(rest: str) -> Instruction:
    number = read_number(rest)
    if number is None:
        raise _Wrong(f"expected a number of energy units after energy_check; got {rest[:40]!r}")
    threshold = float(number)
    try:
        hundredths(threshold, "threshold")
    except InvalidArgument as error:
        raise _Wrong(f"expected another threshold: {error.message}") from error
    return EnergyCheck(threshold)


def _assert(rest: str) -> Instruction:
    if not rest:
        raise _Wrong("expected a description after assert")
    return Assert(_text(rest))


def _named(kind: Callable[[str], Instruction], name: str) -> Callable[[str], Instruction]:
    def parse(rest: str) -> Instruction:
        if not _NAME.fullmatch(rest):
            raise _Wrong(f"expected a name after {name}; got {rest[:40]!r}")
        return kind(rest)

    return parse


def _text(text: str) -> str:
    """Return a text that may be in quotes."""
    if not text.startswith('"'):
        return text
    value = _json(text)
    return value if isinstance(value, str) else text


def _nothing(rest: str, name: str) -> None:
    if rest:
        raise _Wrong(f"expected nothing after {name}; got {rest[:40]!r}")


_PARSERS: dict[str, Callable[[str], Instruction]] = {
    "push": _push,
    "pop": _pop,
    "call": _call,
    "store": _named(Store, "store"),
    "load": _named(Load, "load"),
    "return": _return,
    "energy_check": _energy_check,
    "delegate": _delegate,
    "observe": _named(Observe, "observe"),
    "assert": _assert,
}


def _invalid(problems: list[tuple[int, str]]) -> InvalidProgram:
    shown = problems[:MAX_PROBLEMS]
    more = f"; and {len(problems) - len(shown)} more" if len(problems) > len(shown) else ""
    return InvalidProgram(
        "The program does not compile: " + "; ".join(f"line {line}: {message}" for line, message in shown) + more + ".",
        hint="Mend those lines and hand it in again.",
        details={
            "problems": [{"line": line, "message": message} for line, message in shown],
            "more": len(problems) - len(shown),
        },
    )
