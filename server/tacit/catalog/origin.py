"""Where a version comes from: the task, the model that wrote it, what that cost, and why.

Who wrote it, its parent, its toolchain and its time are on the version itself, which every version has. A version
that was shipped or imported has an empty origin: nothing of how it came about is known here.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from sqlalchemy import Row

from tacit.models import Usage
from tacit.store import unpack_transcript
from tacit.store.unicode import storable


@dataclass(frozen=True, slots=True)
class Origin:
    """How a version came about.

    `transcript` is as `store.pack_transcript` makes it, secrets removed before; `prompts_hash` is a SHA-256 in hex.
    `job` is the build, `failure` the id of the run that a repair answers, whose `cause` is said. `revisions` say why
    the specification changed after its tests were written, `held_out` names the tests that the implementation never
    saw, `accepted` the differences from recorded runs of the version before that were accepted.
    """

    task: str = ""
    model: str = ""
    prompts_hash: str = ""
    transcript: bytes = b""
    sdk: str = ""
    usage: Usage = field(default_factory=Usage)
    build_seconds: float = 0.0
    job: str | None = None
    failure: str | None = None
    cause: str = ""
    revisions: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()

    def turns(self) -> list[dict[str, Any]]:
        """Return the transcript: `protocol.Turn`s as JSON. Raises `ValueError` when it is damaged."""
        return unpack_transcript(self.transcript)

    def as_json(self) -> dict[str, Any]:
        """Return all but the transcript, JSON-ready."""
        shown = asdict(self)
        del shown["transcript"]
        return {**shown, "usage": self.usage.model_dump()}

    def row(self) -> dict[str, object]:
        """Return the columns as the store keeps them."""
        return {
            "task": storable(self.task),
            "model": storable(self.model),
            "prompts_hash": self.prompts_hash,
            "transcript": self.transcript,
            "sdk": self.sdk,
            "usage": self.usage.model_dump_json(),
            "build_seconds": self.build_seconds,
            "job": self.job,
            "failure": self.failure,
            "cause": storable(self.cause),
            "revisions": json.dumps(self.revisions),
            "held_out": json.dumps(self.held_out),
            "accepted": json.dumps(self.accepted),
        }


def origin_of(row: Row[Any]) -> Origin:
    """Make an origin of a row of `origins`; raises ValueError when the row is damaged."""
    return Origin(
        task=row.task,
        model=row.model,
        prompts_hash=row.prompts_hash,
        transcript=row.transcript,
        sdk=row.sdk,
        usage=Usage.model_validate_json(row.usage),
        build_seconds=row.build_seconds,
        job=row.job,
        failure=row.failure,
        cause=row.cause,
        revisions=_texts(row.revisions),
        held_out=_texts(row.held_out),
        accepted=_texts(row.accepted),
    )


def _texts(kept: str) -> tuple[str, ...]:
    """Return the texts in a JSON list; surrogates among them, which pydantic would refuse, stay."""
    found: object = json.loads(kept)
    if not isinstance(found, list):
        raise ValueError("texts are kept as a list")
    return tuple(str(text) for text in cast("list[object]", found))
