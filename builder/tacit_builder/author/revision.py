"""Whether a specification has to change, judged apart from whoever finds it in the way.

Tests change in no other way. The judge sees the specification, the tests that the author of the source sees, and the
reason; it never sees what is held out, since its words go back to that author.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import Field, ValidationError

from tacit.errors import InvalidArgument
from tacit.models import Model, problems_in
from tacit.plain_text import made_plain
from tacit.schemas.validator import shorten
from tacit_builder.author import prompts
from tacit_builder.author.conversation import Conversation
from tacit_builder.author.desk import Desk
from tacit_builder.author.materials import tests_text
from tacit_builder.author.specification import Specification
from tacit_builder.author.suite import Suite

MAX_REASON = 2000


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was asked for, whether it was accepted, and why."""

    asked: str
    accepted: bool
    reason: str


class _Decision(Model):
    accept: bool
    reason: str = Field(min_length=1)


def judge(desk: Desk, specification: Specification, suite: Suite, asked: str) -> Judgement:
    """Return whether the specification has to change for the reason that the author of the source gives."""
    asked = made_plain(shorten(asked, MAX_REASON))
    desk.report("specification", "Judging whether the specification has to change", 0.3)
    brief = "\n\n".join(
        (
            f"The specification:\n{specification.text()}",
            f"The tests that the author of the source sees:\n{tests_text(suite.seen)}",
            f"What the author of the source says:\n{prompts.framed('reason', asked)}",
        )
    )
    with Conversation(desk, "revision", prompts.REVISION, brief, [prompts.DECIDE_REVISION]) as talk:
        decision = talk.obtain(_decided, "specification")
    return Judgement(asked, decision.accept, made_plain(shorten(decision.reason, MAX_REASON)))


def _decided(arguments: dict[str, Any]) -> _Decision:
    try:
        return _Decision.model_validate(arguments)
    except ValidationError as error:
        raise InvalidArgument(f"{problems_in(error)}.") from error


def recorded(judgement: Judgement, before: Specification, after: Specification) -> str:
    """Return the revision as it is kept: why it was asked for, why it was accepted, and what changed."""
    changed = ", ".join(_changes(before, after)) or "nothing but the tests"
    return f"Asked: {judgement.asked}\nAccepted: {judgement.reason}\nChanged: {changed}; the tests were written anew."


def _changes(before: Specification, after: Specification) -> Iterator[str]:
    for name in ("summary", "input_schema", "output_schema", "permissions", "examples"):
        if getattr(before.manifest, name) != getattr(after.manifest, name):
            yield name
    if before.effects != after.effects:
        yield "effects"
    gone = [sentence for sentence in before.behaviour if sentence not in after.behaviour]
    new = [sentence for sentence in after.behaviour if sentence not in before.behaviour]
    yield from (f"no longer {sentence!r}" for sentence in gone)
    yield from (f"now {sentence!r}" for sentence in new)
