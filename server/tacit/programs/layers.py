"""Levels of abstraction: what an agent has earned by compiling and using programs, and the tokens that it saved."""

from __future__ import annotations

from pydantic import Field

from tacit.errors import InvalidArgument
from tacit.models import Model
from tacit.programs.runtime import MAX_LEVEL
from tacit.programs.values import shown

RAW = "Raw — no abstraction"
NAMES = ("raw", "compiled", "optimised", "mastered")


class Layer(Model):
    """One level: how it was earned, and the tokens saved at it."""

    description: str
    tokens_saved: int = Field(default=0, ge=0)


class AbstractionLayer:
    """The levels of one agent, from 0 to `MAX_LEVEL`; goes to JSON and back."""

    def __init__(self, layers: tuple[Layer, ...] = (Layer(description=RAW),), runtimes_built: int = 0) -> None:
        if not 1 <= len(layers) <= MAX_LEVEL + 1 or runtimes_built < 0:
            raise InvalidArgument(
                f"An agent has 1 to {MAX_LEVEL + 1} layers and builds no negative number of runtimes."
            )
        self._layers = list(layers)
        self._runtimes_built = runtimes_built

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The levels, the first one raw."""
        return tuple(self._layers)

    @property
    def runtimes_built(self) -> int:
        """How many runtimes were built."""
        return self._runtimes_built

    def promote(self, description: str) -> int:
        """Add a level, unless it is the last already; return the level. Raises `InvalidArgument` for no text."""
        if not isinstance(description, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # of untyped callers
            raise InvalidArgument(f"A level is described by a text, not by a {type(description).__name__}.")
        if self.current_level() < MAX_LEVEL:
            self._layers.append(Layer(description=description))
        return self.current_level()

    def add_savings(self, tokens: int) -> None:
        """Count tokens that were saved at the current level; raises `InvalidArgument` for no whole number from 0."""
        whole = isinstance(tokens, int) and not isinstance(tokens, bool)  # pyright: ignore[reportUnnecessaryIsInstance]
        if not whole or tokens < 0:
            raise InvalidArgument(f"{shown(tokens)} tokens cannot be saved; it has to be a whole number from 0.")
        last = self._layers[-1]
        self._layers[-1] = last.model_copy(update={"tokens_saved": last.tokens_saved + tokens})

    def record_runtime_built(self) -> None:
        """Count a runtime."""
        self._runtimes_built += 1

    def current_level(self) -> int:
        """Return the level, 0 to `MAX_LEVEL`."""
        return len(self._layers) - 1

    def tokens_saved(self) -> int:
        """Return the tokens saved at all levels together."""
        return sum(layer.tokens_saved for layer in self._layers)

    def progress_report(self) -> str:
        """Return a line on where the agent is, and a line for each level."""
        lines = [
            f"level {self.current_level()} of {MAX_LEVEL} ({NAMES[self.current_level()]}), "
            f"{self._runtimes_built} runtimes built, {self.tokens_saved()} tokens saved"
        ]
        lines += [
            f"  {number}: {layer.description} ({layer.tokens_saved} tokens saved)"
            for number, layer in enumerate(self._layers)
        ]
        return "\n".join(lines)

    def to_json(self) -> dict[str, object]:
        """Return it as JSON."""
        return {"layers": [layer.model_dump() for layer in self._layers], "runtimes_built": self._runtimes_built}

    @classmethod
    def from_json(cls, data: dict[str, object]) -> AbstractionLayer:
        """Return what `to_json` wrote; raises `InvalidArgument`."""
        try:
            state = _State.model_validate(data)
        except ValueError as error:
            raise InvalidArgument(f"These are no levels of abstraction: {error}.") from error
        return cls(state.layers, state.runtimes_built)


class _State(Model):
    layers: tuple[Layer, ...]
    runtimes_built: int = 0
