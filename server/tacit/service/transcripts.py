"""The transcript of one author: its turns as they come, kept at once, so that a kill loses none of them.

Secrets are taken out before anything is kept: the keys of the settings, and what looks like one.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, cast

from pydantic import SecretStr

from tacit.building.protocol import Attempt, Turn
from tacit.config import Settings
from tacit.errors import BuilderFailed, LlmBroken, RunCancelled, ServiceClosed, StoreBusy, StoreReadOnly
from tacit.llm import redacted
from tacit.models import Usage
from tacit.store import Builds, pack_transcript

MAX_CHARACTERS = 16 << 20
"""How much of a transcript is kept; the budget of tokens ends a build long before."""


class Transcript:
    """Keeps what one author says and uses; belongs to the thread of its build."""

    def __init__(self, job: str, builds: Builds, secrets: tuple[str, ...]) -> None:
        self.usage = Usage()
        self.learnt = ""
        """What the author had found out when its model could not be used any more."""
        self._job = job
        self._builds = builds
        self._secrets = secrets
        self._turns: list[dict[str, Any]] = []
        self._characters = 0

    @property
    def packed(self) -> bytes:
        """The turns so far, as the store keeps them."""
        return pack_transcript(self._turns)

    def add(self, turn: Turn | Attempt) -> None:
        """Keep one more turn and what it cost; what it compiled was counted, attempt by attempt, as that began."""
        if isinstance(turn, Attempt):
            self._count(Usage(attempts=1))
            return
        self._count(turn.usage.model_copy(update={"attempts": 0}))
        kept = redacted(turn.model_dump(mode="json", exclude={"kind"}), self._secrets)
        self._characters += len(str(kept))
        if self._characters <= MAX_CHARACTERS:
            self._turns.append(kept)
        self._builds.keep_record(self._job, self.packed, self.summary())

    def _count(self, usage: Usage) -> None:
        self.usage += usage
        self._builds.add_usage(self._job, usage)

    @contextmanager
    def written(self) -> Generator[None]:
        """Let an author write; where it is cut off, or its model answers what cannot be read, that call counts too.

        Its turn never comes, and without it whoever cancels again and again would use the model for nothing. Whether
        a call was under way is not known, so it may count one too many.
        """
        try:
            yield
        except (RunCancelled, ServiceClosed, BuilderFailed, LlmBroken):
            with suppress(StoreBusy, StoreReadOnly):
                build = self._builds.get(self._job)
                if build is not None and build.stage:  # else it ended before its first step
                    unanswered = Usage(llm_calls=1, estimated=True)
                    self.usage += unanswered
                    self._builds.add_usage(self._job, unanswered)
            raise

    def close(self, learnt: str) -> None:
        """Keep what the author had found out, or where it stood, once its build has ended."""
        if self._turns or learnt:
            self._builds.keep_record(self._job, self.packed, self.redact(learnt) or self.summary())

    def redact(self, text: str) -> str:
        """Return the text without secrets."""
        return str(redacted(text, self._secrets))

    def summary(self) -> str:
        """Return how far the author got, in a sentence."""
        if not self._turns:
            return ""
        step, used = self._turns[-1]["step"], self.usage
        return (
            f"Last at the step {step}, after {used.llm_calls} calls of the model, {used.tokens} tokens and "
            f"{used.attempts} sources compiled."
        )


def secrets_in(settings: Settings) -> tuple[str, ...]:
    """Return every key and token in the settings."""
    found: list[str] = []
    for _, value in settings:
        some = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
        found += [each.get_secret_value() for each in some if isinstance(each, SecretStr)]
    return tuple(found)
