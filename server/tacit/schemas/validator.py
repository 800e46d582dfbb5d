"""JSON Schemas (draft 2020-12 unless `$schema` names another): checked, compiled and remembered.

A schema comes from whoever wrote a capability, so compiling it is an attack surface: a `$ref` is looked up in
the schema itself and in the published meta-schemas only, never over the network or on disk, patterns run
on a linear-time engine (no look-around, no back-references), and schemas whose references multiply without end, or
whose patterns are very large, are refused. `format` is asserted where it is known.

Validating can neither be interrupted nor lets another thread run. So this process compiles plain schemas alone, and
holds against them what is done in a few milliseconds (`load` has the rule); all else is asked of a checker, a process
that is killed when it takes too long.
"""

from __future__ import annotations

import json
import threading
import time
from functools import lru_cache
from typing import Any, NamedTuple

import jsonschema_rs

from tacit.errors import InvalidManifest
from tacit.schemas import checkers
from tacit.schemas.checkers import Unchecked
from tacit.schemas.checking import MAX_VIOLATIONS, Malformed, Violations, listed
from tacit.schemas.load import Load, has_few_violations, is_quick, load_of, quick_bytes
from tacit.schemas.wording import path_of, shorten

__all__ = ["MAX_VIOLATIONS", "Unchecked", "Validator", "check_schema", "compile_schema", "path_of", "shorten"]

MAX_SCHEMA_BYTES = 256 * 1024
MAX_PLAIN_BYTES = 16 * 1024
"""Bytes of a schema that is compiled in this process."""
CHECK_SECONDS = 5.0
"""How long a checker may take for one value, or one schema."""
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=1 << 13, dfa_size_limit=1 << 20)
"""For patterns in this process: with larger ones a schema is left to checkers."""


class _Plain(NamedTuple):
    """A plain schema, compiled, the work that it is, and up to how many bytes of JSON any value is quick."""

    compiled: jsonschema_rs.Validator
    load: Load
    quick_bytes: int

    def is_quick(self, text: bytes) -> bool:
        """Return whether a value, given as its JSON, is held against the schema in a few milliseconds."""
        return len(text) <= self.quick_bytes or is_quick(self.load, text)


class Validator:
    """A schema, compiled where it is plain; immutable, and safe to share between threads."""

    __slots__ = ("_plain", "_schema", "_turn")

    def __init__(self, schema: str, plain: _Plain | None) -> None:
        self._schema = schema
        self._plain = plain
        self._turn = threading.Lock()

    @property
    def plain(self) -> bool:
        """Whether it is compiled in this process, against which not too large values are held here."""
        return self._plain is not None

    def is_quick(self, text: bytes) -> bool:
        """Return whether a value, given as its JSON, is held against the schema here, in a few milliseconds."""
        return self._plain is not None and self._plain.is_quick(text)

    def check(self, value: Any, text: bytes, seconds: float) -> Violations:
        """Return `{path, message}` for each violation, at most `MAX_VIOLATIONS`; empty when the value fits.

        `text` is the value as JSON. `path` reads like `$.orders[2].id`; `message` says what was expected and quotes the
        value, shortened. With no seconds nothing is waited for: what cannot be done here and now raises `Unchecked`, as
        does what is not done in time. Raises `InvalidManifest` where the schema turns out to be none.
        """
        plain = self._plain
        if plain is not None and plain.is_quick(text):
            if plain.compiled.is_valid(value):
                return []
            if has_few_violations(plain.load, text):
                return listed(plain.compiled, value)
        return self._asked(text, seconds)

    def is_valid(self, value: Any) -> bool:
        """Return whether the JSON value fits, stopping at the first violation; not where that cannot be told."""
        return not self.violations(value)

    def violations(self, value: Any) -> Violations:
        """Return what `check` does, for a value whose JSON is not at hand.

        A value that cannot be JSON (nested too deep, a lone surrogate) is one violation at `$`, and so is one that
        could not be checked in time.
        """
        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
            return self.check(value, text, CHECK_SECONDS)
        except (ValueError, TypeError, RecursionError) as error:
            return [{"path": "$", "message": shorten(f"not a JSON value that can be checked: {error}")}]
        except Unchecked as error:
            return [{"path": "$", "message": f"{error}; less of it, or a simpler schema, can be"}]

    def require_schema(self) -> None:
        """Raise `InvalidManifest` unless the schema is one."""
        if self._plain is None:
            try:
                self._asked(None, CHECK_SECONDS)
            except Unchecked as error:
                raise _invalid(f"{error}; a schema with less, and simpler, rules can be") from error

    def _asked(self, text: bytes | None, seconds: float) -> Violations:
        """Ask a checker, one at a time about one schema, so that a costly one does not keep them all from others."""
        begun = time.monotonic()
        if seconds <= 0 or not self._turn.acquire(timeout=seconds):
            raise Unchecked(f"it could not be checked within {seconds:.1f} s")
        try:
            return checkers.ask(self._schema, text, seconds - (time.monotonic() - begun))
        except Malformed as error:
            raise _invalid(error.problem, error.path) from error
        finally:
            self._turn.release()


def compile_schema(schema: dict[str, Any]) -> Validator:
    """Compile a schema; equal schemas are compiled once as long as they are in use.

    The look-up itself writes the schema as JSON (about 10 µs), so hot paths keep the Validator.
    Raises `InvalidManifest` for what is no JSON, or too large; what is not plain is compiled when it is first used.
    """
    try:
        text = json.dumps(schema, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise _invalid(f"it is not JSON: {error}") from error
    if len(text) > MAX_SCHEMA_BYTES:
        raise _invalid(f"it has {len(text)} bytes as JSON; the limit is {MAX_SCHEMA_BYTES}")
    return _compile(text)


def check_schema(schema: dict[str, Any]) -> None:
    """Raise `InvalidManifest`, whose `details.violations` says where, unless the schema is one, and not too costly."""
    compile_schema(schema).require_schema()


@lru_cache(maxsize=512)
def _compile(text: str) -> Validator:
    if len(text) <= MAX_PLAIN_BYTES and (load := load_of(schema := json.loads(text))) is not None:
        try:
            compiled = jsonschema_rs.validator_for(
                schema, offline=True, pattern_options=_PATTERNS, validate_formats=True
            )
            return Validator(text, _Plain(compiled, load, quick_bytes(load)))
        except (jsonschema_rs.ValidationError, ValueError):
            pass  # a checker says what is wrong with it, or takes its patterns
    return Validator(text, None)


def _invalid(problem: str, path: str = "$") -> InvalidManifest:
    hint = "Write JSON Schema draft 2020-12 with no remote $ref."
    if "regex" in problem:
        hint += " Patterns have no look-around and no back-references."
    problem = shorten(problem)
    return InvalidManifest(
        f"The JSON Schema is not valid at {path}: {problem}.",
        hint=hint,
        details={"violations": [{"path": path, "message": problem}]},
    )
