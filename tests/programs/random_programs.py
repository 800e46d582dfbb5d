"""Random programs that run deep: most of each is well typed, with loops, branches and calls; some lines are wild.

Expressions push one value of a type, and statements leave the stack as it was, so that only what is wild, or meets an
index, a divisor or a limit that it should not, ends a program early.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tacit.errors import CapabilityFailed
from tacit.programs.builtins import BUILTINS
from tacit.programs.machine import CallFailed
from tacit.programs.values import Value, to_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from(["a", "b", "ключ", "a", "b", "", "$reference"])
ODD_WORDS = ["", "a", "ab", "{a} and {b}", "x,y,,z", "Straße", "\U0001f600\0", "3.50", "[1, {}]"]
WORDS = st.sampled_from(ODD_WORDS) | st.text(max_size=8)
VARIABLES = {"number": "count", "text": "name", "list": "items", "numbers": "sizes", "map": "record", "bool": "flag"}
LITERALS: dict[str, st.SearchStrategy[Any]] = {
    "number": st.integers(-9, 30) | st.floats(-100, 100) | st.integers(-(2**63), 2**63),
    "index": st.integers(-2, 3),
    "text": WORDS,
    "key": KEYS,
    "digits": st.integers(-(10**9), 10**9).map(str) | st.sampled_from([" 4.5 ", "1e3", "7x"]),
    "document": JSON.map(json.dumps) | st.sampled_from(['{"$reference": "x"}', "[1,", "[[[]]]"]),
    "place": st.sampled_from(["{a}", "{a}, {b}!", "no place", "{"]),
    "filled": st.fixed_dictionaries({"a": JSON, "b": JSON}),
    "bool": st.booleans(),
    "list": st.lists(JSON, max_size=4),
    "numbers": st.lists(st.integers(-99, 99) | st.floats(-9, 9), max_size=5),
    "texts": st.lists(WORDS, max_size=4),
    "map": st.dictionaries(KEYS, JSON, max_size=3),
}
CALLS: dict[str, tuple[tuple[str, str], ...]] = {
    "number": (
        *((name, "number number") for name in ("add", "subtract", "multiply", "divide", "modulo", "minimum")),
        ("power", "number index"),
        *((name, "number") for name in ("negate", "absolute", "round", "floor", "ceiling")),
        ("round", "number index"),
        *((name, "numbers") for name in ("minimum", "maximum", "sum")),
        ("number", "digits"),
        *(("length", kind) for kind in ("list", "map", "text")),
        ("get", "numbers index number"),
    ),
    "text": (
        *((name, "any") for name in ("text", "json_text", "type")),
        *((name, "text") for name in ("upper", "lower", "trim", "reverse")),
        ("join", "list text"),
        ("replace", "text text text"),
        ("format", "place filled"),
        ("concat", "text text"),
        ("slice", "text index index"),
        ("get", "text index text"),
    ),
    "bool": (
        *((name, "number number") for name in ("less", "less_equal", "greater", "greater_equal")),
        *((name, "text text") for name in ("less", "greater_equal", "starts_with", "ends_with", "contains")),
        *((name, "any any") for name in ("equal", "not_equal", "and", "or")),
        ("not", "any"),
        ("has", "map key"),
        ("has", "list index"),
        ("contains", "list any"),
        ("contains", "map key"),
    ),
    "list": (
        ("list", "any any"),
        ("list", ""),
        ("append", "list any"),
        ("put", "list index any"),
        ("remove", "list index"),
        ("concat", "list list"),
        ("slice", "list index index"),
        ("reverse", "list"),
        ("values", "map"),
        ("keys", "map"),
        ("split", "text text"),
        ("sort", "texts"),
    ),
    "numbers": (("range", "index"), ("range", "index index"), ("sort", "numbers"), ("append", "numbers number")),
    "map": (
        ("map", "key any key any"),
        ("map", ""),
        ("put", "map key any"),
        ("remove", "map key"),
        ("merge", "map map"),
    ),
    "any": (
        ("get", "map key any"),
        ("get", "list index any"),
        ("json_parse", "document"),
        ("input", ""),
        ("echo", "any"),
        ("fail", "key text"),
    ),
}
WILD = st.one_of(
    JSON.map(lambda value: f"push {json.dumps(value)}"),
    st.sampled_from(["pop", "return", "energy_check 40.5", "assert it holds", "load nothing", "observe nothing"]),
    st.tuples(st.sampled_from([*BUILTINS, "input", "missing", "echo"]), st.integers(0, 3)).map(
        lambda each: f"call {each[0]} {each[1]}"
    ),
    st.integers(0, 60).map(lambda address: f"jump_if {address}"),
)


class Echo:
    """An outside with one capability, which gives back its input and fails for false, and one agent."""

    def __init__(self, cost: int = 0) -> None:
        self.cost = cost

    def call(self, capability: str, data: Value, energy: int) -> tuple[Any, int] | None:
        """Cost what is asked, or what is left; nothing about a call depends on those before it."""
        if capability != "echo":
            return None
        if data is False:
            raise CallFailed(CapabilityFailed("no: echo takes no false", details={"code": "no"}), min(3, energy))
        return to_json(data), min(self.cost, energy)

    def delegate(self, agent: str, task: str) -> Any:
        """Answer for one agent alone."""
        return {"did": task} if agent == "clerk" else None

    def check(self) -> None:
        """Let it go on."""


class Writer:
    """Writes one program from what hypothesis draws."""

    def __init__(self, draw: DrawFn) -> None:
        self._draw = draw
        self._names = 0
        self.lines: list[str] = []

    def program(self) -> str:
        """Return its source: variables of each type, statements, and a last value."""
        for kind, name in VARIABLES.items():
            self._push(kind)
            self.lines.append(f"store {name}")
        self.block(self._draw(st.integers(3, 8)), 2)
        self.expression("any", 2)
        if self._draw(st.integers(0, 3)) == 0:
            self.lines.insert(self._draw(st.integers(12, len(self.lines))), self._draw(WILD))
        return "\n".join(self.lines)

    def block(self, statements: int, depth: int) -> None:
        """Write statements; `depth` of them may lie within each other."""
        plain = (self._assignment, self._assignment, self._record, self._check, self._delegation)
        writes = st.sampled_from((*plain, self._branch, self._loop) if depth else plain)
        for _ in range(statements):
            write: Callable[[int], None] = self._draw(writes)
            write(depth)

    def expression(self, kind: str, depth: int) -> None:
        """Write what pushes one value of a type."""
        if kind == "any" and self._draw(st.booleans()):
            kind = self._draw(st.sampled_from(tuple(VARIABLES)))
        choice = self._draw(st.integers(0, 7))
        if kind in VARIABLES and choice == 7:
            self.lines.append(f"load {VARIABLES[kind]}")
        elif kind in CALLS and depth > 0 and choice:
            name, takes = self._draw(st.sampled_from(CALLS[kind]))
            for each in takes.split():
                self.expression(each, depth - 1)
            self.lines.append(f"call {name} {len(takes.split())}")
        else:
            self._push(self._draw(st.sampled_from(tuple(VARIABLES))) if kind == "any" else kind)

    def _push(self, kind: str) -> None:
        self.lines.append(f"push {json.dumps(self._draw(LITERALS[kind]))}")

    def _assignment(self, depth: int) -> None:  # as all statements
        kind = self._draw(st.sampled_from(tuple(VARIABLES)))
        self.expression(kind, 3)
        self.lines.append(f"store {VARIABLES[kind]}")

    def _record(self, depth: int) -> None:
        name = self._draw(st.sampled_from((*VARIABLES.values(), "a", "did")))
        self.lines += [f"observe {name}", "pop"]

    def _check(self, depth: int) -> None:
        self.expression("bool", 1)
        self.lines += ["push true", "call or 2", "assert it holds, of course"]
        self.lines.append(f"energy_check {self._draw(st.integers(0, 40))}")

    def _delegation(self, depth: int) -> None:
        agent = self._draw(st.sampled_from(("clerk", "nobody")))
        self.lines += [f"delegate {agent} look at it", "call type 1", f"store {VARIABLES['text']}"]

    def _branch(self, depth: int) -> None:
        label = self._label("skip")
        self.expression("bool", 2)
        self.lines.append(f"jump_if {label}")
        self.block(self._draw(st.integers(1, 2)), depth - 1)
        if self._draw(st.integers(0, 4)) == 4:
            self.lines.append("return")
        self.lines.append(f"{label}:")

    def _loop(self, depth: int) -> None:
        label, counter = self._label("again"), self._label("round")
        self.lines += ["push 0", f"store {counter}", f"{label}:"]
        self.block(self._draw(st.integers(1, 3)), depth - 1)
        rounds = self._draw(st.integers(1, 6))
        self.lines += [f"load {counter}", "push 1", "call add 2", f"store {counter}"]
        self.lines += [f"load {counter}", f"push {rounds}", "call less 2", f"jump_if {label}"]

    def _label(self, kind: str) -> str:
        self._names += 1
        return f"{kind}_{self._names}"


@st.composite
def programs(draw: DrawFn) -> str:
    """Return the source of a program."""
    return Writer(draw).program()
