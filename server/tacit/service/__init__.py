"""The use cases: search, run, mutate, replay, and keeping the catalog. The only orchestrator.

`Service` is synchronous and thread-safe; entry points call it through `anyio.to_thread`. It raises only
`tacit.errors.TacitError`: `InvalidArgument` for what is of a wrong type. It knows no protocol and prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tacit.lineage import Lineage
from tacit.models import Check, MutateAnswer, MutateRequest, Permissions, RunAnswer, SearchAnswer
from tacit.programs.session_use import SessionUse
from tacit.sandbox import Cancellation
from tacit.service.arguments import (
    MAX_NAME,
    folder_of,
    present,
    require,
    require_callables,
    require_names,
    require_seconds,
    require_texts,
    require_whole_numbers,
)
from tacit.service.authoring import Author
from tacit.service.build_records import BuildRecords
from tacit.service.finding import Finder
from tacit.service.governing import Governor
from tacit.service.keeping import Keeper
from tacit.service.pruning import Pruner
from tacit.service.run_records import RunRecords
from tacit.service.running import Runner
from tacit.service.sessions import Sessions

__all__ = ["Service"]


class Service:
    """What an agent or a person can do with Tacit; each method is one use case."""

    def __init__(
        self,
        finder: Finder,
        runner: Runner,
        author: Author,
        keeper: Keeper,
        governor: Governor,
        pruner: Pruner,
        records: BuildRecords,
        *,
        run_records: RunRecords,
        sessions: Sessions,
        doctor: Callable[[bool], list[Check]],
    ) -> None:
        self._finder = finder
        self._runner = runner
        self._author = author
        self._keeper = keeper
        self._governor = governor
        self._pruner = pruner
        self._records = records
        self._run_records = run_records
        self._sessions = sessions
        self._doctor = doctor

    def search(self, query: str, k: int = 3) -> SearchAnswer:
        """Find the at most `k` active capabilities that fit a task in words, best first.

        An exact id comes first. Where nothing is similar enough, there are no hits and `advice` says what to
        do. Raises `InvalidArgument` for an empty query or a `k` outside 1 to 50.
        """
        require_texts(query=query)
        require_whole_numbers(k=k)
        return self._finder.search(query, k)

    def run(
        self,
        capability: str,
        data: Any,
        *,
        version: int | None = None,
        energy: int | None = None,
        fresh: bool = False,
        session: str | None = None,
        cancellation: Cancellation | None = None,
    ) -> RunAnswer:
        """Run a capability on `data`, a JSON value or bytes that hold one, and return its output.

        `energy` lowers the limit of this run; `fresh` runs a pure capability again even where the answer is
        known. The run ends early when `cancellation` is cancelled. Raises `UnknownCapability`,
        `UnknownVersion`, `CapabilityDeprecated`, `InvalidInput`, `InvalidJson`, `InputTooLarge`,
        `PermissionDenied` or a `RunError`; then nothing that it wrote is kept.
        """
        _check_run(capability, version, session)
        require_whole_numbers(**present(energy=energy))
        require(bool, fresh=fresh)
        require(Cancellation, **present(cancellation=cancellation))
        return self._runner.run(
            capability,
            data,
            version=version,
            energy=energy,
            fresh=fresh,
            session=session,
            cancellation=cancellation,
        )

    def run_at_once(
        self,
        capability: str,
        data: Any,
        *,
        version: int | None = None,
        fresh: bool = False,
        session: str | None = None,
    ) -> RunAnswer | None:
        """Run a small pure capability without waiting for anything, or return None: then call `run` on a thread.

        For event loops, where a thread costs more than most runs. Raises as `run` does.
        """
        _check_run(capability, version, session)
        require(bool, fresh=fresh)
        return self._runner.run_at_once(capability, data, version=version, fresh=fresh, session=session)

    def is_short(self, capability: str, version: int | None = None) -> bool:
        """Return whether the runs of a capability's version were short so far; one that never ran is not known to be.

        Raises `UnknownCapability`, `UnknownVersion` or `CapabilityDeprecated`.
        """
        require_texts(capability=capability)
        require_whole_numbers(**present(version=version))
        return self._runner.is_short(capability, version)

    def replay(self, run_id: str) -> RunAnswer:
        """Run a recorded run again on what its host calls answered then; the world is not touched.

        Raises `UnknownRun`, `ReplayDiverged`, or the error that the run ended with.
        """
        require_texts(run_id=run_id)
        return self._runner.replay(run_id)

    def mutate(
        self,
        request: MutateRequest,
        *,
        on_progress: Callable[[str, float], None] | None = None,
        wait_seconds: float = 20.0,
        cancellation: Cancellation | None = None,
        client: str = "",
    ) -> MutateAnswer:
        """Make a capability or a version as `make` does, and run it on the request's input, where it has one.

        The answer has what it gave as `run`, or why it did not run well as `run_error`.
        """
        answer = self.make(
            request, on_progress=on_progress, wait_seconds=wait_seconds, cancellation=cancellation, client=client
        )

        def run(capability: str, version: int, data: Any) -> RunAnswer:
            return self.run(capability, data, version=version, cancellation=cancellation)

        return self.try_out(answer, request, run)

    def make(
        self,
        request: MutateRequest,
        *,
        on_progress: Callable[[str, float], None] | None = None,
        wait_seconds: float = 20.0,
        cancellation: Cancellation | None = None,
        client: str = "",
        session: str | None = None,
    ) -> MutateAnswer:
        """Make a capability or a version, and run nothing.

        Without source, a configured language model writes it; where there is none, or it cannot be used, the answer
        is a brief of how to write it. Waits for the build at most `wait_seconds`, then answers `building` with a job
        to ask for again; the same request joins the same build. `on_progress` gets a message and a fraction from 0
        to 1, on the calling thread; `client` is the name of the program that the request came through, `session` what
        `stats` counts it for, and in whose turn it is built. What the author can mend is an answer with status
        `refused`; what the operator can mend is raised (`ToolchainMissing` …).
        """
        require(MutateRequest, request=request)
        require_texts(task=request.task)
        require_seconds(wait_seconds=wait_seconds)
        require_names(client=client, **present(session=session))
        require_callables(**present(on_progress=on_progress))
        require(Cancellation, **present(cancellation=cancellation))
        answer = self._author.make(request, on_progress, wait_seconds, cancellation, client, session)
        if answer.status == "registered" and answer.id is not None and answer.version is not None:
            self._sessions.keep_made(session, answer.id, answer.version)
        return answer

    def try_out(
        self, answer: MutateAnswer, request: MutateRequest, run: Callable[[str, int, Any], RunAnswer]
    ) -> MutateAnswer:
        """Return what `make` answered to the request, with what `run` makes of the request's input, if it has one.

        `run` gets id, version and input; its error becomes the answer's `run_error`.
        """
        require(MutateAnswer, answer=answer)
        require(MutateRequest, request=request)
        require_callables(run=run)
        return self._author.try_out(answer, request, run)

    def builds(self, n: int = 20) -> list[dict[str, Any]]:
        """Return the newest builds, newest first: how each ended, what it used and what was learnt."""
        require_whole_numbers(n=n)
        return self._records.recent(n)

    def build(self, job: str) -> dict[str, Any]:
        """Return the record of one build, with its request, its answer and its author's transcript."""
        require_texts(job=job)
        return self._records.get(job)

    def runs(
        self,
        n: int = 20,
        *,
        capability: str | None = None,
        version: int | None = None,
        session: str | None = None,
        errors: bool = False,
    ) -> list[dict[str, Any]]:
        """Return the newest runs, newest first: when, of what, how each ended and what it used.

        Perhaps only those of a capability or a version, of a session as `stats` names it, or that failed.
        """
        require_whole_numbers(n=n, **present(version=version))
        require_texts(**present(capability=capability))
        require_names(**present(session=session))
        require(bool, errors=errors)
        return self._run_records.recent(n, capability, version, session, errors=errors)

    def run_record(self, run_id: str) -> dict[str, Any]:
        """Return everything that is kept of a run: input, output or error, host calls, observations, runs it called.

        Raises `UnknownRun`, also for one that is no longer kept, or `StoreDamaged`.
        """
        require_texts(run_id=run_id)
        return self._run_records.get(run_id)

    def list(
        self, *, include_deprecated: bool = False, limit: int | None = None, after: str = ""
    ) -> list[dict[str, Any]]:
        """Return `{id, version, status, summary, effects}` of each capability, or of `limit` of them `after` an id."""
        require(bool, include_deprecated=include_deprecated)
        require_whole_numbers(**present(limit=limit))
        require_texts(after=after)
        return self._keeper.list(include_deprecated=include_deprecated, limit=limit, after=after)

    def count(self, *, include_deprecated: bool = False, after: str = "") -> int:
        """Return how many capabilities there are to `list`, or how many come `after` an id."""
        require(bool, include_deprecated=include_deprecated)
        require_texts(after=after)
        return self._keeper.count(include_deprecated=include_deprecated, after=after)

    def embed_missing(self, seconds: float | None = None) -> int:
        """Wait, at most so long, until all capabilities are searched by meaning; return how many are not yet."""
        require_seconds(**present(seconds=seconds))
        return self._finder.embed_missing(seconds)

    def show(self, capability: str, version: int | None = None) -> dict[str, Any]:
        """Return everything kept of a version except its module."""
        require_texts(capability=capability)
        require_whole_numbers(**present(version=version))
        return self._keeper.show(capability, version)

    def history(self, capability: str) -> list[dict[str, Any]]:
        """Return the lineage of a capability's versions, oldest first."""
        require_texts(capability=capability)
        return self._keeper.history(capability)

    def export(self, capability: str, folder: Path, version: int | None = None) -> Path:
        """Write a version as a folder into `folder`; return the folder written."""
        require_texts(capability=capability)
        require_whole_numbers(**present(version=version))
        return self._keeper.export(capability, folder_of(folder), version)

    def import_folder(self, folder: Path) -> dict[str, Any]:
        """Register a capability from a folder as `export` writes it."""
        return self._keeper.import_folder(folder_of(folder))

    def lineage(self, capability: str) -> Lineage:
        """Return a capability's versions, what they come from and what comes from them, as a tree."""
        require_texts(capability=capability)
        return self._keeper.lineage(capability)

    def deprecate(
        self, capability: str, version: int | None = None, successor: str | None = None, *, actor: str = "python"
    ) -> None:
        """Stop offering a capability or one version, and name its successor.

        This and what follows is written to the audit log with its `actor`: `cli`, `python`, `client` or `policy`.
        """
        _check_decision(actor, capability, version)
        require_texts(**present(successor=successor))
        self._governor.deprecate(capability, version, successor, actor)

    def restore(self, capability: str, version: int | None = None, *, actor: str = "python") -> None:
        """Offer a deprecated or archived capability or version again."""
        _check_decision(actor, capability, version)
        self._governor.restore(capability, version, actor)

    def rollback(self, capability: str, version: int, *, actor: str = "python") -> dict[str, Any]:
        """Offer a version again and deprecate the newer ones; return `{id, version, changed}`.

        `changed` is false where it was offered already. `restore` of a newer version undoes it.
        """
        _check_decision(actor, capability, version)
        require_whole_numbers(version=version)
        return self._governor.rollback(capability, version, actor)

    def archive(self, capability: str, version: int | None = None, *, actor: str = "python") -> None:
        """Put a capability or one version away, neither offered nor run, until it is restored."""
        _check_decision(actor, capability, version)
        self._governor.archive(capability, version, actor)

    def grant(
        self, capability: str, permissions: Permissions | None = None, *, actor: str = "python"
    ) -> dict[str, Any]:
        """Grant to a capability, or to `*`, from the next call on; without permissions, what it asks for and lacks.

        Returns `{id, granted, grants}`: what is new, and all that holds for it now.
        """
        _check_decision(actor, capability)
        require(Permissions, **present(permissions=permissions))
        return self._governor.grant(capability, permissions, actor)

    def revoke(
        self, capability: str, permissions: Permissions | None = None, *, actor: str = "python"
    ) -> dict[str, Any]:
        """Take back what `grant` granted, or all of it, from the next call on; return `{id, revoked, grants}`.

        A run under way keeps what it began with. Raises `InvalidArgument` for what the settings grant.
        """
        _check_decision(actor, capability)
        require(Permissions, **present(permissions=permissions))
        return self._governor.revoke(capability, permissions, actor)

    def prune(self, *, dry_run: bool = False, actor: str = "python") -> list[dict[str, Any]]:
        """Archive what is superseded, unused or never succeeded, as the policy `pruning` says; return what.

        Each is `{id, version, reason, last_run, runs}`. With `dry_run` nothing is changed. Nothing is ever deleted.
        """
        require(bool, dry_run=dry_run)
        require_names(actor=actor)
        return self._pruner.prune(dry_run=dry_run, actor=actor)

    def audit_log(self, limit: int = 50, capability: str | None = None) -> list[dict[str, Any]]:
        """Return the newest decisions, newest first, perhaps about one capability (or `*`, or one that was)."""
        require_whole_numbers(limit=limit)
        require_texts(**present(capability=capability))
        return self._governor.audit_log(limit, capability)

    def policies(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return `{name, version, value, actor, reason, created}` of each policy, or of one's every version."""
        require_texts(**present(name=name))
        return self._governor.policies(name)

    def set_policy(
        self, name: str, changes: Mapping[str, Any], *, actor: str = "python", reason: str = ""
    ) -> dict[str, Any]:
        """Change some fields of a policy; return the version in force. Raises `UnknownPolicy` or `InvalidArgument`."""
        require_texts(name=name, reason=reason)
        require_names(actor=actor)
        require(Mapping, changes=changes)
        return self._governor.set_policy(name, changes, actor, reason)

    def rollback_policy(self, name: str, version: int, *, actor: str = "python", reason: str = "") -> dict[str, Any]:
        """Put an earlier value of a policy in force again, 0 for the defaults; return the version in force."""
        require_texts(name=name, reason=reason)
        require_names(actor=actor)
        require_whole_numbers(version=version)
        return self._governor.rollback_policy(name, version, actor, reason)

    def stats(self) -> dict[str, Any]:
        """Return `{made, sessions, earlier}`: versions made here that are programs, and what sessions did with them.

        A session is `{session, started, compiled, programs, runs, tokens_saved, level, level_name}`, the newest first;
        `earlier` is the runs and tokens_saved of those that are so many that their names are forgotten.
        """
        return self._sessions.summary()

    def keep_session(self, use: SessionUse) -> None:
        """Keep what a session of the shell used so far, for `stats`."""
        require(SessionUse, use=use)
        self._sessions.keep(use)

    def doctor(self, *, full: bool = False) -> list[Check]:
        """Return one check for each thing that Tacit needs; of many versions 100 are read, or `full` all of them."""
        require(bool, full=full)
        return self._doctor(full)


def _check_run(capability: object, version: object, session: object) -> None:
    # Most runs are of this form, and take so little time that the rest would be a tenth of it.
    if version is None and isinstance(capability, str) and isinstance(session, str) and len(session) <= MAX_NAME:
        return
    require_texts(capability=capability)
    require_whole_numbers(**present(version=version))
    require_names(**present(session=session))


def _check_decision(actor: object, capability: object, version: object = None) -> None:
    require_names(actor=actor)
    require_texts(capability=capability)
    require_whole_numbers(**present(version=version))
