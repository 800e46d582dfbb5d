"""What sessions earned with programs: those of the shell as they were kept, all others by their runs."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from tacit.catalog import Catalog, Version
from tacit.catalog.shipped import AUTHOR as SHIPPED
from tacit.clock import now_millis
from tacit.errors import StoreBusy, StoreReadOnly
from tacit.models import Effect, Model
from tacit.programs.session_use import SHELL, ProgramUse, SessionUse
from tacit.programs.shell import tokens_of
from tacit.store import SessionTally, Store

COMMAND_LINE = "without a session"
"""The session of runs that name none: from the command line and from Python."""
EARLIER = ("earlier sessions", True)
"""The key of the sessions whose names are forgotten; that of a session ends with False."""
MAX_KEPT = 1000
"""Sessions of the shell of which is known what they used."""
_KEY = "session:"
_MADE_KEY = "made:"


class _Made(Model):
    """In which session a program was made, and when (milliseconds since the Unix epoch)."""

    session: str
    at: int


class Sessions:
    """Keeps what the shell's sessions used, and counts what all sessions did; thread-safe."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog

    def keep(self, use: SessionUse) -> None:
        """Keep what a session of the shell used so far, unless the store is busy or cannot be written.

        Of more than `MAX_KEPT` the one that was kept first gives way.
        """
        meta, key = self._store.meta, f"{_KEY}{use.session}"
        with suppress(StoreBusy, StoreReadOnly), self._store.database.write() as connection:
            new = meta.get_in(connection, key) is None
            meta.put_in(connection, key, use.model_dump_json())
            before = list(self._kept()) if new else []  # by when they came, whatever the clock said
            for oldest in before[: max(len(before) + 1 - MAX_KEPT, 0)]:
                meta.drop_in(connection, f"{_KEY}{oldest.session}")

    def keep_made(self, session: str | None, capability: str, version: int) -> None:
        """Keep in which session a program was made; only the first one that is told of it made it.

        Where the store is busy or cannot be written, it is not kept: the program is made all the same.
        """
        made = _Made(session=session or COMMAND_LINE, at=now_millis())
        key = f"{_MADE_KEY}{capability}@{version}"
        if not _is_program(self._catalog.get(capability, version)):
            return
        with suppress(StoreBusy, StoreReadOnly), self._store.database.write() as connection:
            if self._store.meta.get_in(connection, key) is None:
                self._store.meta.put_in(connection, key, made.model_dump_json())

    def summary(self) -> dict[str, Any]:
        """Return `{made, sessions, earlier}`, the sessions as JSON, the last one that began first.

        A session is one that compiled or ran a program; `earlier` is what those ran together whose names are forgotten.
        """
        counted = self._counted()
        earlier = counted.pop(EARLIER, None)
        found = {use.session: use for use in counted.values()}
        for session, times in self._made().items():
            use = found.get(session) or SessionUse(session=session, started=times[0])
            update = {"compiled": len(times), "started": min(use.started, *times)}
            found[session] = use.model_copy(update=update)
        found |= {use.session: use for use in self._kept()}  # which ran the rest from within their programs
        # Several may begin in one millisecond; they are found in the order of their first runs.
        uses = sorted(found.values(), key=lambda use: use.started)[::-1]
        totals = {"runs": earlier.runs, "tokens_saved": earlier.tokens_saved} if earlier else {}
        return {
            "made": self._catalog.count_made(SHIPPED),
            "sessions": [use.summary() for use in uses],
            "earlier": {"runs": 0, "tokens_saved": 0, **totals},
        }

    def _made(self) -> dict[str, list[int]]:
        """Return when each session made programs, in milliseconds."""
        found: dict[str, list[int]] = {}
        for text in self._store.meta.starting_with(_MADE_KEY):
            with suppress(ValidationError):  # by a later Tacit
                made = _Made.model_validate_json(text)
                found.setdefault(made.session, []).append(made.at)
        return found

    def _kept(self) -> Iterable[SessionUse]:
        for text in self._store.meta.starting_with(_KEY):
            with suppress(ValidationError):  # by a later Tacit
                yield SessionUse.model_validate_json(text)

    def _counted(self) -> dict[tuple[str, bool], SessionUse]:
        """Return what runs say of each session that ran a program itself, and of the earlier ones together."""
        sessions: dict[tuple[str, bool], list[tuple[SessionTally, ProgramUse]]] = {}
        written: set[tuple[str, int]] = set()
        # Those of the shell are left out, which keeps itself what it ran.
        tallies = [each for each in self._store.session_runs.all() if not (each.session or "").startswith(SHELL)]
        versions = self._catalog.some({(each.capability, each.version) for each in tallies})
        for tally in sorted(tallies, key=lambda tally: tally.first_run):
            version = versions.get((tally.capability, tally.version))  # None for what is gone, or damaged, by now
            if version is not None and _is_program(version):
                first = version.author != SHIPPED and (version.id, version.version) not in written
                written.add((version.id, version.version))
                key = EARLIER if tally.earlier else (tally.session or COMMAND_LINE, False)
                sessions.setdefault(key, []).append((tally, _use(version, tally.runs, first)))
        return {key: _session_use(key[0], used) for key, used in sessions.items()}


def _session_use(session: str, used: list[tuple[SessionTally, ProgramUse]]) -> SessionUse:
    started = min(tally.first_millis for tally, _ in used)
    return SessionUse(session=session, started=started, programs=tuple(use for _, use in used))


def _use(version: Version, runs: int, first: bool) -> ProgramUse:
    tokens = sum(map(tokens_of, version.source.values()))
    return ProgramUse(
        program=f"{version.id}@{version.version}",
        composite=Effect.CALLS in version.effects,
        learned=version.author != SHIPPED,
        runs=runs,
        tokens_saved=tokens * (runs - first),
    )


def _is_program(version: Version) -> bool:
    return version.manifest.language == "program"
