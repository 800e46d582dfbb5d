"""What a module can do, read off its imports, and whether the sandbox takes it at all."""

from __future__ import annotations

from tacit.errors import BuildRefused
from tacit.models import Effect
from tacit.sandbox.binary import FUNCTION, MEMORY, MalformedModule, Outline, read_outline
from tacit.sandbox.growth import REFUSED_EXPORT
from tacit.sandbox.signatures import HOST_SIGNATURES, SIGNATURES

HOST_EFFECTS = {
    ("host", "http_get"): Effect.NETWORK,
    ("host", "file_read"): Effect.READS,
    ("host", "file_write"): Effect.WRITES,
    ("host", "capability_call"): Effect.CALLS,
    ("host", "current_time_millis"): Effect.TIME,
    ("wasi_snapshot_preview1", "clock_time_get"): Effect.TIME,
}
"""Which import gives which effect; the others (stdin, stdout, random numbers from a seed …) give none."""

_HINT = "Build it for wasm32-wasip1 as a command, with no imports but those of `host` and WASI preview 1."


def effects_of(wasm: bytes) -> frozenset[Effect]:
    """Return the effects of a module.

    Raises `BuildRefused` at stage `imports` for what is not a module, for imports that are not functions of
    `host` or `wasi_snapshot_preview1` with their signatures, for a start section (it would run before the
    limits apply), and unless it exports `_start: () -> ()` and its one plain 32-bit `memory`.
    """
    return effects_of_outline(checked_outline(wasm))


def effects_of_outline(outline: Outline) -> frozenset[Effect]:
    """Return the effects of a module whose outline was read already."""
    named = {(item.module, item.name) for item in outline.imports}
    return frozenset(effect for name, effect in HOST_EFFECTS.items() if name in named)


def checked_outline(wasm: bytes) -> Outline:
    """Return a module's outline; raises `BuildRefused` as `effects_of` does."""
    try:
        outline = read_outline(wasm)
    except MalformedModule as error:
        raise _refused(f"The module is refused: {error}.") from error
    for item in outline.imports:
        _check_import(item.module, item.name, item.signature)
    if REFUSED_EXPORT.decode() in outline.exports:
        raise _refused(f"The module exports {REFUSED_EXPORT.decode()}, a name that the sandbox keeps for itself.")
    if outline.starts:
        raise _refused("The module has a start section, which would run before its limits apply.")
    if len(outline.memory_pages) != 1 or outline.exports.get("memory") != (MEMORY, 0):
        raise _refused("The module does not export its one memory as `memory`.")
    kind, index = outline.exports.get("_start", (None, 0))
    if kind != FUNCTION or index >= len(outline.functions) or _signature(outline, index) != ">":
        raise _refused("The module does not export a function `_start` without parameters and results.")
    return outline


def _signature(outline: Outline, function: int) -> str | None:
    index = outline.functions[function]
    return outline.types[index] if index < len(outline.types) else None


def _check_import(module: str, name: str, signature: str) -> None:
    expected = SIGNATURES.get((module, name))
    if expected is None:
        offered = ", ".join(sorted(HOST_SIGNATURES))
        raise _refused(f"The module imports {module[:80]}.{name[:80]}, which the sandbox does not offer.", offered)
    if signature != expected:
        raise _refused(f"The module imports {module}.{name} as ({signature}); the sandbox has it as ({expected}).")


def _refused(message: str, offered: str = "") -> BuildRefused:
    hint = f"{_HINT} The host offers {offered}." if offered else _HINT
    return BuildRefused("imports", message, hint=hint)
