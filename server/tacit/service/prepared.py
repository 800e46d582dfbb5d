"""Versions made ready to run: what a run of them needs and never changes, computed once.

A version's content is immutable, so its validators and its guest are kept. Its status, its failures, what
it is granted and what it calls may change in any process; the catalog gives another object then, and the rest is made
anew.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tacit.catalog import Catalog, Closure, Version, own_effects
from tacit.errors import (
    CapabilityArchived,
    CapabilityDeprecated,
    InvalidInput,
    InvalidOutput,
    RunTimedOut,
    TacitError,
    UncheckedInput,
)
from tacit.models import Effect, Permissions, Status
from tacit.recent import Recent
from tacit.sandbox import Allowance, Guest, Sandbox
from tacit.schemas.validator import CHECK_SECONDS, Unchecked, Validator, compile_schema

MAX_PREPARED = 512
"""Versions that are kept prepared at least."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A version with its compiled schemas, what it is granted, what it may do here, and what it reaches by calls."""

    version: Version
    inputs: Validator
    outputs: Validator
    granted: Permissions
    allowance: Allowance
    closure: Closure

    @property
    def effects(self) -> frozenset[Effect]:
        """Its effects, with those of what it calls now."""
        return self.closure.effects

    @property
    def plain(self) -> bool:
        """Whether values may be held against its schemas in this process."""
        return self.inputs.plain and self.outputs.plain

    def check_input(self, value: Any, text: bytes, seconds: float) -> None:
        """Raise `InvalidInput` with the violations of the input schema; `text` is the value as JSON.

        Raises `UncheckedInput` where that takes more seconds, or, with none, where it may have to be waited for.
        """
        try:
            violations = self.inputs.check(value, text, min(seconds, CHECK_SECONDS))
        except Unchecked as error:
            raise UncheckedInput(
                f"The input was not held against the input schema of {self.version.id}: {error}.",
                hint="Nothing was run. Send less at once; where little is too much, its schema has to be simplified "
                "with mutate_capability.",
            ) from error
        if not violations:
            return
        shown = "; ".join(f"{item['path']}: {item['message']}" for item in violations)
        raise InvalidInput(
            f"The input does not fit {self.version.id}: {shown}.",
            hint="Nothing was run. Correct the input and call again.",
            details={"violations": violations, "input_schema": self.version.manifest.input_schema},
        )

    def check_output(self, value: Any, text: bytes, seconds: float) -> None:
        """Raise `InvalidOutput` where the guest broke its own output schema; `text` is the value as JSON.

        Raises `RunTimedOut` where that takes more seconds, or, with none, where it may have to be waited for.
        """
        try:
            violations = self.outputs.check(value, text, min(seconds, CHECK_SECONDS))
        except Unchecked as error:
            raise RunTimedOut(
                f"The output of {self.version.id} was not held against its output schema: {error}.",
                hint="Ask for less at once; where little is too much, its schema has to be simplified with "
                "mutate_capability.",
            ) from error
        if not violations:
            return
        shown = "; ".join(f"{item['path']}: {item['message']}" for item in violations)
        raise InvalidOutput(
            f"{self.version.id} gave an output that breaks its own schema: {shown}.",
            hint="Repair it with mutate_capability (same id, parent_id the same).",
            details={"violations": violations},
        )


class Preparer:
    """Looks versions up and keeps them prepared; thread-safe, since the worst race prepares one twice."""

    def __init__(self, catalog: Catalog, sandbox: Sandbox) -> None:
        self._catalog = catalog
        self._sandbox = sandbox
        self._prepared: Recent[tuple[str, int], Prepared] = Recent(MAX_PREPARED)

    def generation(self) -> int:
        """Return a number that grows with every change of the catalog by any process."""
        return self._catalog.generation()

    def prepare(self, capability: str, version: int | None = None) -> Prepared:
        """Return the named version, or the current one, ready to run.

        Raises `UnknownCapability`, `UnknownVersion`, `CapabilityArchived`, and `CapabilityDeprecated` with the
        successor's name.
        """
        return self._offered(self._catalog.get(capability, version))

    def prepare_known(self, capability: str, version: int | None = None) -> Prepared | None:
        """Return what `prepare` does, but None for an unknown id: looking for the closest takes a thread."""
        found = self._catalog.find(capability, version)
        return self._offered(found) if found is not None else None

    def load_ahead(self, recent: Iterable[tuple[str, int]]) -> None:
        """Make versions ready that need no slow compilation: what ran last will most likely run next."""
        for capability, number in recent:
            # A version that is gone, or not compiled for this Wasmtime, is left to its next run.
            with suppress(TacitError, LookupError):
                prepared = self.keep(self._catalog.get(capability, number))
                self._catalog.get(capability)
                if prepared.version.manifest.language == "program":
                    self.guest(prepared.version)
                else:
                    self._sandbox.load(prepared.version.digest, _not_compiled)

    def keep(self, version: Version) -> Prepared:
        """Return the version ready to run, whatever its status."""
        key = (version.id, version.version)
        granted = self._catalog.grants_for(version.id)
        known = self._prepared.get(key)
        if known is not None and known.version is version and known.granted is granted:
            return known
        same = known is not None and known.version.content_hash == version.content_hash
        prepared = Prepared(
            version=version,
            inputs=known.inputs if known and same else compile_schema(version.manifest.input_schema),
            outputs=known.outputs if known and same else compile_schema(version.manifest.output_schema),
            granted=granted,
            allowance=Allowance(
                version.manifest.permissions, granted, capability=version.id, settings=self._catalog.grants.settings
            ),
            closure=self._catalog.closures.of(version),
        )
        self._prepared.put(key, prepared)
        return prepared

    def _offered(self, found: Version) -> Prepared:
        if not found.status is found.capability_status is Status.ACTIVE:
            raise _not_offered(found)
        return self.keep(found)

    def version(self, capability: str, version: int) -> Version:
        """Return a version, whatever its status."""
        return self._catalog.get(capability, version)

    def guest(self, version: Version) -> Guest:
        """Return what to run for the version, compiled."""
        digest = version.digest
        return self._sandbox.load(digest, lambda: self._catalog.module(digest), version.manifest.language)

    def compile_ahead(self, version: Version) -> None:
        """Compile a version's module on a thread of its own, so that its first run need not wait for that."""
        threading.Thread(target=self._compile, args=(version,), name="compile-ahead", daemon=True).start()

    def _compile(self, version: Version) -> None:
        with suppress(TacitError):
            self.guest(version)

    def written_globs(self, prepared: Prepared) -> tuple[str, ...]:
        """Return the globs that a run of it may write to, those of the capabilities that it reaches included."""
        if Effect.WRITES not in prepared.effects and not prepared.closure.boundless:
            return ()
        globs: set[str] = set(self._catalog.grants.everything().write if prepared.closure.boundless else ())
        for version in (prepared.version, *prepared.closure.callees):
            if Effect.WRITES in own_effects(version):
                globs.update(self.keep(version).allowance.write_patterns)
        return tuple(sorted(globs))


def _not_compiled() -> bytes:
    raise LookupError


def _not_offered(version: Version) -> CapabilityArchived | CapabilityDeprecated:
    successor = version.successor
    whole = version.capability_status is not Status.ACTIVE
    name = version.id if whole else f"{version.id}@{version.version}"
    details = {"id": version.id, "successor": successor}
    if Status.ARCHIVED in (version.status, version.capability_status):
        hint = f"`tacit restore {name}` offers it again."
        return CapabilityArchived(f"{name} is archived.", hint=hint, details=details)
    hint = f"Run {successor} instead." if successor else "Search for another, or make one with mutate_capability."
    return CapabilityDeprecated(f"{name} is deprecated.", hint=hint, details=details)
