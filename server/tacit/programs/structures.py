"""The built-ins for lists and maps, and those that take a text as the list of its characters."""

from __future__ import annotations

from typing import Any

from tacit.errors import OutOfRange, WrongType
from tacit.programs.arguments import Arguments
from tacit.programs.sizes import Sized, joined, list_of, map_of, sized
from tacit.programs.values import REFERENCE_KEY, Reference, as_number, equal, type_name

MAX_RANGE = 100_000


def type_of(given: Arguments) -> Sized:
    """Return the name of the value's type."""
    return sized(type_name(given.value(0)))


def same(given: Arguments) -> Sized:
    """Return whether two values are the same."""
    return sized(equal(given.value(0), given.value(1)))


def different(given: Arguments) -> Sized:
    """Return whether two values are not the same."""
    return sized(not equal(given.value(0), given.value(1)))


def made_list(given: Arguments) -> Sized:
    """Return the list of the arguments."""
    return list_of(given.sized)


def made_map(given: Arguments) -> Sized:
    """Return the map of names and values that follow each other."""
    if len(given) % 2:
        raise WrongType(f"map takes names and values in turn and got {len(given)} arguments.")
    return _mapped(map_of({given.text(position): given.sized[position + 1] for position in range(0, len(given), 2)}))


def length(given: Arguments) -> Sized:
    """Return how many items, names or characters there are."""
    value = given.value(0)
    if not isinstance(value, list | dict | str):
        raise given.wrong(0, "a list, a map or a text")
    return sized(len(value))


def get(given: Arguments) -> Sized:
    """Return an item by its index or name, or the default where it is missing."""
    container = given.value(0)
    if isinstance(container, dict):
        name = given.text(1)
        if name in container:
            return sized(container[name])
    elif isinstance(container, list | str):
        index = given.whole(1)
        if -len(container) <= index < len(container):
            return sized(container[index])
    else:
        raise given.wrong(0, "a list, a map or a text")
    if len(given) > 2:
        return given.sized[2]
    raise _missing(given)


def has(given: Arguments) -> Sized:
    """Return whether `get` would find an item."""
    container = given.value(0)
    if isinstance(container, dict):
        return sized(given.text(1) in container)
    return sized(-len(given.items(0)) <= given.whole(1) < len(given.items(0)))


def numbers(given: Arguments) -> Sized:
    """Return whole numbers from a start to before an end."""
    start, end = (0, given.whole(0)) if len(given) == 1 else (given.whole(0), given.whole(1))
    if end - start > MAX_RANGE:
        raise OutOfRange(f"range makes at most {MAX_RANGE} numbers.")
    return sized(list(range(start, end)))


def append(given: Arguments) -> Sized:
    """Return a list with an item at its end."""
    return joined([*given.items(0), given.value(1)], given.sized[0], list_of([given.sized[1]]))


def put(given: Arguments) -> Sized:
    """Return a list or map with one item replaced, or a name added."""
    container = given.value(0)
    if isinstance(container, dict):
        return _mapped(sized({**container, given.text(1): given.value(2)}))
    items = list(given.items(0))
    items[_index(given, len(items))] = given.value(2)
    return sized(items)


def remove(given: Arguments) -> Sized:
    """Return a list or map without one item."""
    container = given.value(0)
    if isinstance(container, dict):
        name = given.text(1)
        return _mapped(sized({each: value for each, value in container.items() if each != name}))
    items = list(given.items(0))
    del items[_index(given, len(items))]
    return sized(items)


def concat(given: Arguments) -> Sized:
    """Return two lists or two texts as one."""
    if isinstance(given.value(0), str):
        return sized(given.text(0) + given.text(1))
    return joined([*given.items(0), *given.items(1)], given.sized[0], given.sized[1])


def merge(given: Arguments) -> Sized:
    """Return two maps as one."""
    return _mapped(sized({**given.named(0), **given.named(1)}))


def sliced(given: Arguments) -> Sized:
    """Return the part from a start to before an end; both may count from the end (-1), and may be past it."""
    part = slice(given.whole(1), given.whole(2))
    value = given.value(0)
    return sized(value[part] if isinstance(value, str) else given.items(0)[part])


def reverse(given: Arguments) -> Sized:
    """Return a list or text from its end to its beginning."""
    value = given.value(0)
    return sized(value[::-1] if isinstance(value, str) else given.items(0)[::-1])


def ordered(given: Arguments) -> Sized:
    """Return a list of numbers or of texts, smallest first."""
    items = given.items(0)
    alike = all(isinstance(item, str) for item in items) or all(as_number(item) is not None for item in items)
    if not alike:
        raise given.wrong(0, "a list of numbers or of texts alone")
    return sized(sorted(items))


def contains(given: Arguments) -> Sized:
    """Return whether an item, name or part is in a list, map or text."""
    value = given.value(0)
    if isinstance(value, dict | str):
        return sized(given.text(1) in value)
    return sized(any(equal(item, given.value(1)) for item in given.items(0)))


def keys(given: Arguments) -> Sized:
    """Return the names of a map, sorted."""
    return sized(sorted(given.named(0)))


def values(given: Arguments) -> Sized:
    """Return the values of a map in the order of its names."""
    named = given.named(0)
    return sized([named[name] for name in sorted(named)])


def _mapped(made: Sized) -> Sized:
    """Return a map, or the reference that it is the form of: JSON cannot tell the two apart."""
    named: Any = made.value
    if len(named) == 1 and isinstance(name := named.get(REFERENCE_KEY), str):
        return sized(Reference(name))
    return made


def _index(given: Arguments, size: int) -> int:
    index = given.whole(1)
    if not -size <= index < size:
        raise _missing(given)
    return index


def _missing(given: Arguments) -> OutOfRange:
    container: Any = given.value(0)
    asked = repr(given.value(1))[:60]
    named = isinstance(container, dict)
    names = (name[:60] for name in sorted(given.named(0))[:10]) if named else ()
    there = f"names {', '.join(names)}" if named else f"{len(container)} items"
    return OutOfRange(
        f"{given.function}: there is no {asked}; there are {there}.", hint="Give get a default, or use has."
    )
