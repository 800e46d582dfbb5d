"""What a program may do, seen from what it calls: its callees are there, none leads back to it, and their effects.

The effects that are kept of a program are that it calls and those of its callees, as they are when it is registered;
what they are now, its closure says (`closures`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from tacit.catalog.closures import callable_by, calls_in
from tacit.catalog.reading import CatalogReader
from tacit.catalog.registration import Candidate
from tacit.catalog.version import Version
from tacit.errors import BuildRefused, StoreDamaged
from tacit.models import Effect, Manifest, Status
from tacit.programs.callees import AGENT, at_lines, called, callees, compile_checked, source_in
from tacit.programs.compiler import Program

MAX_LOOKED_FOR = 5
"""For how many of the callees that are not there the closest ids are looked for."""


@dataclass(frozen=True, slots=True)
class Callee:
    """A capability as those see it that call it: its effects, what it may call, and why it is not offered, if so."""

    effects: frozenset[Effect]
    calls: frozenset[str] = frozenset()
    program: bool = False
    withdrawn: str = ""


Find = Callable[[str], Callee | None]
"""Returns the capability of an id, None where there is none."""


def effects_of_source(catalog: CatalogReader, capability: str, source: Mapping[str, str]) -> frozenset[Effect]:
    """Return the effects of a program that is to become the capability of that id.

    Raises `BuildRefused`: at `request` or `compile` for its source, at `imports` for callees that are not there or
    not offered any more, and where one of them leads back to it, or through programs to what is not offered any more.
    """
    program = compile_checked(source_in(source))
    return compose(capability, program, callees_in(catalog), catalog.closest)


def refuse_cycle(catalog: CatalogReader, manifest: Manifest) -> None:
    """Raise `BuildRefused("imports")` where what a manifest permits to call by name leads back to its capability.

    What `*` permits cannot be seen; the depth that calls may have bounds that.
    """
    if shown := _rings(manifest.id, manifest.permissions.call, callees_in(catalog)):
        hint = "Recursion through calls is refused: take that out of permissions.call, and do without it."
        raise _ring("It", shown, hint)


def refuse_ring(catalog: CatalogReader, offered: Version | Candidate) -> None:
    """Raise `BuildRefused("imports")` where offering that leads calls from its capability back to it."""
    if shown := rings_through(offered, callees_in(catalog)):
        hint = "Recursion through calls is refused: offer other versions of what is on that way first."
        raise _ring(offered.manifest.id, shown, hint)


def rings_through(offered: Version | Candidate, find: Find) -> str:
    """Return how calls lead from a capability that offers that back to it, as `a → b → a`; empty where they don't."""
    return _rings(offered.manifest.id, _calls_of(offered), find)


def callees_in(catalog: CatalogReader) -> Find:
    """Return what finds the capabilities that the catalog offers."""

    @cache
    def find(name: str) -> Callee | None:
        try:
            found = catalog.find(name)
        except StoreDamaged:
            return Callee(frozenset(), withdrawn="damaged")
        return callee_of(found) if found is not None else None

    return find


def callee_of(version: Version) -> Callee:
    """Return a version as callers see it."""
    program = version.manifest.language == "program"
    withdrawn = ""
    if not version.status is version.capability_status is Status.ACTIVE:
        archived = Status.ARCHIVED in (version.status, version.capability_status)
        withdrawn = "archived" if archived else "deprecated"
        withdrawn += f"; call {version.successor} instead" if version.successor else ""
    return Callee(version.effects, _calls_of(version), program, withdrawn)


def compose(capability: str, program: Program, find: Find, closest: Callable[[str], list[str]]) -> frozenset[Effect]:
    """Return the effects of the program of a capability; raises `BuildRefused("imports")` as `effects_of_source` does.

    `closest` gives the ids that look most like one that is not there.
    """
    named = callees(program)
    wrong = {name: problem for name in named if (problem := problem_calling(capability, name, find))}
    if wrong:
        unknown = [name for name in wrong if name not in (capability, AGENT) and find(name) is None]
        raise _refused(at_lines((named[name], problem) for name, problem in wrong.items()), unknown, closest)
    effects = {Effect.CALLS} if called(program) else set[Effect]()
    for name in named:
        if found := find(name):
            effects |= _effects(name, found, find)
    return frozenset(effects)


def problem_calling(capability: str, name: str, find: Find) -> str:
    """Return why the program of a capability cannot call what has that name, empty where it can."""
    found = find(name)
    if name == capability:
        return f"{name} calls itself"
    if found is None:
        known = f"{AGENT} is not called but delegated to"
        return known if name == AGENT else f"there is no built-in and no capability {name}"
    if found.withdrawn:
        return f"{name} is {found.withdrawn}"
    if way := _way_back(capability, name, find):
        return f"{' → '.join((capability, *way))} leads back to it"
    return next((told for told, certain in _dead_ends([name], find) if certain), "")


def dead_ends(version: Version, find: Find) -> list[str]:
    """Return how calls lead from a version to what is not offered any more, as `a → b: b is deprecated`.

    A program whose calls alone lead there is not registered; a module may do without what fails.
    """
    return [f"{version.id} → {told}" for told, _ in _dead_ends(sorted(_calls_of(version)), find)]


def _calls_of(content: Version | Candidate) -> frozenset[str]:
    """Return the ids that a version may call, as far as they can be seen."""
    if content.manifest.language == "program":
        return calls_in(content.source)
    return callable_by(content.manifest, content.effects)


def _rings(capability: str, calls: Iterable[str], find: Find) -> str:
    ways = ((capability, *way) for each in sorted(calls) if (way := _way_back(capability, each, find)))
    return "; ".join(" → ".join(way) for way in ways)


def _ring(caller: str, shown: str, hint: str) -> BuildRefused:
    message = f"{caller} may call what leads back to it: {shown}."
    return BuildRefused("imports", message, hint=hint, details={"diagnostics": shown})


def _way_back(capability: str, start: str, find: Find) -> list[str]:
    """Return how calls lead from `start` to a capability, both ends included; empty where none is seen to."""
    return next((way for way in _ways([start], find) if way[-1] == capability), list[str]())


def _dead_ends(starts: Iterable[str], find: Find) -> Iterator[tuple[str, bool]]:
    """Yield how calls lead to what is not offered any more, and whether all that calls on that way are programs."""
    for way in _ways(starts, find):
        *callers, last = map(find, way)
        if last and last.withdrawn and not any(caller and caller.withdrawn for caller in callers):
            programs = all(caller and caller.program for caller in callers)
            yield f"{' → '.join(way)}: {way[-1]} is {last.withdrawn}", programs


def _ways(starts: Iterable[str], find: Find) -> Iterator[list[str]]:
    """Yield a shortest way to each capability that calls lead to, from one of the `starts` on, the shortest first."""
    pending = [[start] for start in starts]
    seen = {way[0] for way in pending}
    while pending:
        way = pending.pop(0)
        yield way
        found = find(way[-1])
        for name in sorted(found.calls - seen) if found else ():
            seen.add(name)
            pending.append([*way, name])


def _effects(name: str, callee: Callee, find: Find) -> set[Effect]:
    """Return the effects of a callee, those of a program from what it calls now."""
    effects, pending, seen = set(callee.effects), [callee], {name}
    while pending:
        each = pending.pop()
        for called_name in each.calls - seen if each.program else ():
            seen.add(called_name)
            if found := find(called_name):
                effects |= found.effects
                pending.append(found)
    return effects


def _refused(diagnostics: str, unknown: list[str], closest_to: Callable[[str], list[str]]) -> BuildRefused:
    closest = list(dict.fromkeys(name for wanted in unknown[:MAX_LOOKED_FOR] for name in closest_to(wanted)))
    hint = f"Closest: {', '.join(closest)}. " if closest else ""
    hint += "Find capabilities by what they do with search_capabilities." if unknown else "Call something else."
    return BuildRefused(
        "imports",
        "The program calls what it cannot call.",
        hint=hint,
        details={"diagnostics": diagnostics, "closest": closest},
    )
