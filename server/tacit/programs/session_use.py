"""What a session earned by using programs: how often each ran, its level, and the tokens that it saved.

`AbstractionLayer` is the seed's count of what was compiled; here a level is earned by use, with the same cap.
"""

from __future__ import annotations

from tacit.models import Model
from tacit.programs.layers import NAMES

OPTIMISED_RUNS = 3
"""Runs of a learned composite, from which a session is at level 2."""
MASTERED_RUNS = 10
"""The same for level 3."""
SHELL = "shell-"
"""How the names of the shell's sessions begin; no client's does."""


class ProgramUse(Model):
    """One program in one session: whether it calls capabilities, whether it was learned, and what its runs saved.

    What was made or imported here is learned, what was shipped is not. Runs that ended well count. Each saves the
    tokens of the source, which would have been written again, unless it is the first of a program written here.
    """

    program: str
    composite: bool
    learned: bool = False
    runs: int = 0
    tokens_saved: int = 0


class SessionUse(Model):
    """One session: when it began (milliseconds since the Unix epoch), programs compiled in it, and programs used.

    Compiled are what a person had the shell compile, and what a client made by `mutate_capability`.
    """

    session: str
    started: int
    compiled: int = 0
    programs: tuple[ProgramUse, ...] = ()

    @property
    def runs(self) -> int:
        """How many runs of programs ended well."""
        return sum(each.runs for each in self.programs)

    @property
    def tokens_saved(self) -> int:
        """The tokens that they saved together."""
        return sum(each.tokens_saved for each in self.programs)

    @property
    def level(self) -> int:
        """Return 0 raw, 1 compiled (a program ran), 2 optimised or 3 mastered (a learned composite ran often)."""
        if not self.runs:
            return 0
        most = max((each.runs for each in self.programs if each.composite and each.learned), default=0)
        return 1 + (most >= OPTIMISED_RUNS) + (most >= MASTERED_RUNS)

    @property
    def level_name(self) -> str:
        """Return the level in a word."""
        return NAMES[self.level]

    def summary(self) -> dict[str, object]:
        """Return it as JSON, with what follows from it."""
        earned = {
            "level": self.level,
            "level_name": self.level_name,
            "runs": self.runs,
            "tokens_saved": self.tokens_saved,
        }
        return {**self.model_dump(), **earned}
