"""Reading the binary form of a WebAssembly module, as far as its outline: what it imports, exports and defines.

It does not look into function bodies and does not validate: Wasmtime does, when it compiles. What the outline
has no word for (shared or 64-bit memories, imports that are not functions, sections that come twice) is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FUNCTION, TABLE, MEMORY, GLOBAL = range(4)
"""The kinds of imports and exports."""

TYPE_SECTION, IMPORT_SECTION, FUNCTION_SECTION = 1, 2, 3
MEMORY_SECTION, GLOBAL_SECTION, EXPORT_SECTION, START_SECTION, CODE_SECTION = 5, 6, 7, 8, 10

MAX_ENTRIES = 100_000
"""Most types, functions or exports of a module; CPython's has a fifth of that."""
MAX_IMPORTS = 1000
MAX_SECTIONS = 1000
MAX_VALUES = 1000
"""Most parameters or results of a function."""

_KIND_NAMES = ("function", "table", "memory", "global", "tag")
_VALUE_KINDS = b"\x7f\x7e\x7d\x7c\x7b\x70\x6f"
_VALUE_LETTERS = bytes.maketrans(_VALUE_KINDS, b"iIfFvre")
"""i32, i64, f32, f64, v128, funcref, externref as one letter each."""


class MalformedModule(ValueError):  # no error of Tacit; `effects` makes it one
    """The bytes are not a module, or one of a form that the sandbox refuses; the text says which."""


@dataclass(frozen=True, slots=True)
class Import:
    """One imported function; `signature` is its parameters, `>`, its results, such as `iI>i`."""

    module: str
    name: str
    signature: str


@dataclass(slots=True)
class Outline:
    """A module's outline. `functions` holds a type's index for each function, imported ones first."""

    sections: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    """Each section in order: its id, and where its content begins and ends."""
    types: list[str] = field(default_factory=list[str])
    imports: list[Import] = field(default_factory=list[Import])
    functions: list[int] = field(default_factory=list[int])
    exports: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    memory_pages: list[int] = field(default_factory=list[int])
    """The least size of each memory, in pages of 64 KiB."""
    global_count: int = 0
    starts: bool = False


class Reader:
    """A cursor over a module's bytes; raises `MalformedModule` at their end."""

    def __init__(self, data: bytes, position: int = 0, end: int | None = None) -> None:
        self.data = data
        self.position = position
        self.end = len(data) if end is None else end

    def byte(self) -> int:
        """Return the next byte."""
        if self.position >= self.end:
            raise MalformedModule("it ends in the middle of a section")
        value = self.data[self.position]
        self.position += 1
        return value

    def number(self) -> int:
        """Return the next unsigned number of at most 32 bits, in LEB128."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >= 1 << 32:
                    break
                return value
        raise MalformedModule("it has a number of more than 32 bits")

    def take(self, length: int) -> bytes:
        """Return the next `length` bytes."""
        if length > self.end - self.position:
            raise MalformedModule("it ends in the middle of a section")
        self.position += length
        return self.data[self.position - length : self.position]

    def name(self) -> str:
        """Return the next name."""
        try:
            return self.take(self.number()).decode()
        except UnicodeDecodeError as error:
            raise MalformedModule("it has a name that is not UTF-8") from error


def read_outline(wasm: bytes) -> Outline:
    """Return the outline of a module; raises `MalformedModule`."""
    if wasm[:8] != b"\0asm\x01\0\0\0":
        raise MalformedModule("it does not begin like a WebAssembly 1.0 module")
    outline = Outline()
    reader = Reader(wasm, 8)
    seen: set[int] = set()
    while reader.position < reader.end:
        section = reader.byte()
        size = reader.number()
        start = reader.position
        reader.take(size)
        if section in seen:
            raise MalformedModule(f"its section {section} comes twice")
        if section:
            seen.add(section)
        if len(outline.sections) >= MAX_SECTIONS:
            raise MalformedModule(f"it has more than {MAX_SECTIONS} sections")
        outline.sections.append((section, start, start + size))
        _read_section(outline, section, Reader(wasm, start, start + size))
    return outline


def _read_section(outline: Outline, section: int, reader: Reader) -> None:
    if section == START_SECTION:
        outline.starts = True
    elif section == GLOBAL_SECTION:
        outline.global_count = reader.number()
    elif section in _ENTRIES:
        read = _ENTRIES[section]
        count, limit = reader.number(), MAX_IMPORTS if section == IMPORT_SECTION else MAX_ENTRIES
        if count > limit:
            raise MalformedModule(f"its section {section} has {count} entries, and at most {limit} are taken")
        for _ in range(count):
            read(outline, reader)


def _read_type(outline: Outline, reader: Reader) -> None:
    if reader.byte() != 0x60:
        raise MalformedModule("it has a type that is not a plain function type")
    outline.types.append(f"{_value_types(reader)}>{_value_types(reader)}")


def _value_types(reader: Reader) -> str:
    count = reader.number()
    if count > MAX_VALUES:
        raise MalformedModule(f"it has a function type with {count} values at once")
    values = reader.take(count)
    if values.translate(None, _VALUE_KINDS):
        raise MalformedModule("it has a function type with an unknown kind of value")
    return values.translate(_VALUE_LETTERS).decode()


def _read_import(outline: Outline, reader: Reader) -> None:
    module, name, kind = reader.name(), reader.name(), reader.byte()
    if kind != FUNCTION:
        known = _KIND_NAMES[kind] if kind < len(_KIND_NAMES) else "thing"
        raise MalformedModule(f"it imports the {known} {module}.{name}, and only functions may be imported")
    index = reader.number()
    if index >= len(outline.types):
        raise MalformedModule(f"the import {module}.{name} has no type")
    outline.imports.append(Import(module, name, outline.types[index]))
    outline.functions.append(index)


def _read_function(outline: Outline, reader: Reader) -> None:
    outline.functions.append(reader.number())


def _read_memory(outline: Outline, reader: Reader) -> None:
    flags = reader.byte()
    if flags > 1:
        raise MalformedModule("its memory is shared, 64-bit or of an unusual page size")
    outline.memory_pages.append(reader.number())
    if flags:
        reader.number()


def _read_export(outline: Outline, reader: Reader) -> None:
    name, kind, index = reader.name(), reader.byte(), reader.number()
    outline.exports[name] = (kind, index)


_ENTRIES = {
    TYPE_SECTION: _read_type,
    IMPORT_SECTION: _read_import,
    FUNCTION_SECTION: _read_function,
    MEMORY_SECTION: _read_memory,
    EXPORT_SECTION: _read_export,
}
