"""The built-in functions of programs: their names, how many arguments they take, and what they cost.

Each costs its `call` (1 unit). Those that look at every part of a value (`walks`) cost another hundredth of a unit
for each 100 bytes that their arguments weigh, or their result where it weighs more; `get` pays so for its result
alone. None changes a value: `append` and `put` give new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tacit.errors import WrongType
from tacit.programs import arithmetic, structures, wording
from tacit.programs.arguments import Arguments
from tacit.programs.energy import BYTES_PER_HUNDREDTH
from tacit.programs.sizes import Sized

ANY = 64

Apply = Callable[[Arguments], Sized]


@dataclass(frozen=True, slots=True)
class Builtin:
    """One function: `least` to `most` arguments; `description` is for people and authors."""

    name: str
    least: int
    most: int
    apply: Apply
    description: str
    walks: bool = False
    measures: bool = False
    """Whether its result has to be measured, and is paid for."""
    further: Callable[[Arguments], int] | None = None
    """What it costs besides, in hundredths of a unit."""

    def __call__(self, arguments: Sequence[Sized], spend: Callable[[int], None]) -> Sized:
        """Return its result, paid for beside the call by `spend` (hundredths); raises a `ProgramError`."""
        if not self.least <= len(arguments) <= self.most:
            wanted = str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
            raise WrongType(f"{self.name} takes {wanted} arguments and got {len(arguments)}.", hint=self.description)
        given, paid = Arguments(self.name, arguments), 0
        if self.walks:
            paid = sum([each.weight for each in arguments]) // BYTES_PER_HUNDREDTH
            spend(paid)
        if self.further:
            spend(self.further(given))
        made = self.apply(given)
        if self.walks or self.measures:
            spend(max(made.weight // BYTES_PER_HUNDREDTH - paid, 0))
        return made


def _table(*rows: tuple[str, int, int, Apply, str]) -> dict[str, Builtin]:
    return {row[0]: Builtin(*row) for row in rows}


def _comparing(*rows: tuple[str, Apply, str]) -> dict[str, Builtin]:
    return {row[0]: Builtin(row[0], 2, 2, row[1], row[2], further=arithmetic.compared) for row in rows}


def _walking(*rows: tuple[str, int, int, Apply, str]) -> dict[str, Builtin]:
    return {row[0]: Builtin(*row, walks=True) for row in rows}


BUILTINS: dict[str, Builtin] = {
    **_table(
        ("add", 2, 2, arithmetic.add, "a b: a + b"),
        ("subtract", 2, 2, arithmetic.subtract, "a b: a - b"),
        ("multiply", 2, 2, arithmetic.multiply, "a b: a × b"),
        ("divide", 2, 2, arithmetic.divide, "a b: a / b, whole where it divides evenly"),
        ("modulo", 2, 2, arithmetic.modulo, "a b: the remainder, with the sign of b"),
        ("power", 2, 2, arithmetic.power, "a b: a to the power of b"),
        ("negate", 1, 1, arithmetic.negate, "a: -a"),
        ("absolute", 1, 1, arithmetic.absolute, "a: a without its sign"),
        ("round", 1, 2, arithmetic.rounded, "a [digits]: rounded, halves to the even digit; 0 digits at first"),
        ("floor", 1, 1, arithmetic.floor, "a: the largest whole number not above it"),
        ("ceiling", 1, 1, arithmetic.ceiling, "a: the smallest whole number not below it"),
        ("and", 2, 2, arithmetic.both, "a b: whether both are truthy"),
        ("or", 2, 2, arithmetic.either, "a b: whether one is truthy"),
        ("not", 1, 1, arithmetic.negated, "a: whether it is not truthy"),
        ("type", 1, 1, structures.type_of, "a: null, bool, number, text, list, map or reference"),
        ("list", 0, ANY, structures.made_list, "values: a list of them"),
        ("map", 0, ANY, structures.made_map, "name value …: a map of them"),
        ("length", 1, 1, structures.length, "a list, map or text: how many items, names or characters"),
        ("has", 2, 2, structures.has, "a map and a name, or a list and an index: whether get would find it"),
        ("fail", 2, 2, wording.fail, "code message: end the run with an error of the program's own"),
    ),
    **_comparing(
        ("less", arithmetic.less, "a b: whether a < b; numbers or texts"),
        ("less_equal", arithmetic.less_equal, "a b: whether a ≤ b"),
        ("greater", arithmetic.greater, "a b: whether a > b"),
        ("greater_equal", arithmetic.greater_equal, "a b: whether a ≥ b"),
    ),
    "get": Builtin(
        "get", 2, 3, structures.get, "container key [default]: an item by index (-1 the last) or by name", measures=True
    ),
    "format": Builtin(
        "format",
        2,
        2,
        wording.formatted,
        "text map: with each {name} replaced by the map's value as text",
        walks=True,
        further=wording.places,
    ),
    **_walking(
        ("minimum", 1, ANY, arithmetic.minimum, "numbers, or one list of them: the smallest"),
        ("maximum", 1, ANY, arithmetic.maximum, "numbers, or one list of them: the largest"),
        ("sum", 1, 1, arithmetic.total, "list: its numbers added up"),
        ("equal", 2, 2, structures.same, "a b: whether they are the same value"),
        ("not_equal", 2, 2, structures.different, "a b: whether they are not"),
        ("range", 1, 2, structures.numbers, "[start] end: the list of whole numbers from start (0) to before end"),
        ("append", 2, 2, structures.append, "list item: the list with the item at its end"),
        ("put", 3, 3, structures.put, "container key value: with that item replaced, or that name added"),
        ("remove", 2, 2, structures.remove, "container key: without that item or name"),
        ("concat", 2, 2, structures.concat, "a b: two lists or two texts, one after the other"),
        ("merge", 2, 2, structures.merge, "a b: two maps; names of b win"),
        ("slice", 3, 3, structures.sliced, "list or text, start, end: the part from start to before end"),
        ("reverse", 1, 1, structures.reverse, "list or text: from its end to its beginning"),
        ("sort", 1, 1, structures.ordered, "list of numbers or of texts: smallest first"),
        ("contains", 2, 2, structures.contains, "list and item, map and name, or text and part: whether it is in it"),
        ("keys", 1, 1, structures.keys, "map: its names, sorted"),
        ("values", 1, 1, structures.values, "map: its values, in the order of keys"),
        ("text", 1, 1, wording.as_text, "a: as text; texts stay as they are, everything else is JSON"),
        ("number", 1, 1, wording.as_number, "text: the number in it"),
        ("upper", 1, 1, wording.upper, "text: in capitals"),
        ("lower", 1, 1, wording.lower, "text: in small letters"),
        ("trim", 1, 1, wording.trim, "text: without white space around it"),
        ("split", 2, 2, wording.split, "text separator: the list of the parts between"),
        ("join", 2, 2, wording.join, "list separator: its texts, with that between"),
        ("replace", 3, 3, wording.replace, "text part other: with every such part replaced"),
        ("starts_with", 2, 2, wording.starts_with, "text part: whether it begins with that"),
        ("ends_with", 2, 2, wording.ends_with, "text part: whether it ends with that"),
        ("json_parse", 1, 1, wording.json_parse, "text: the JSON value in it"),
        ("json_text", 1, 1, wording.json_text, "a: as JSON"),
    ),
}
"""Every built-in but `input`, which gives the run's input and is the machine's."""
