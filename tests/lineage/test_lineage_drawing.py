"""Lineages as they are drawn."""

from __future__ import annotations

import pytest
from lineage_samples import case, member

from tacit.cli.layout import width
from tacit.cli.lineage_drawing import ASCII, UNICODE, draw
from tacit.lineage import Lineage

KIN = [
    member("pay@1", at=1),
    member("pay@2", "pay@1", at=2, offered=True, tests=(case("new"),), task="What does John earn?\x1b[31m\n\u202eevil"),
    member("in_pounds@1", "pay@1", at=3, offered=True),
    member("in_euros@1", "in_pounds@1", at=4, offered=True, cause="It forgot the rate."),
    member("pay@3", "gone@1", at=5),
]


def test_a_family_is_drawn_with_its_branches() -> None:
    """What goes on beside what branches off, and trees apart."""
    assert list(draw(Lineage.of("pay", KIN), ASCII, None, whole=False)) == [
        "o pay@1  active; caller; 1970-01-01 00:01; pure; 0 tests",
        "|-* in_pounds@1  offered; caller; 1970-01-01 00:03; pure; 0 tests",
        "| |   nothing changed but its record",
        "| `-* in_euros@1  offered; caller; 1970-01-01 00:04; pure; 0 tests",
        "|       repairs: It forgot the rate.",
        "|       nothing changed but its record",
        "* pay@2  offered; caller; 1970-01-01 00:02; pure; 1 test",
        "    for: What does John earn?[31m evil",
        "    tests +new",
        "",
        "o pay@3  active; caller; 1970-01-01 00:05; pure; 0 tests",
        "    from gone@1, which is not here",
    ]


def test_a_circle_is_said() -> None:
    """The cut parent is not missing, it comes after."""
    kin = [member("one@1", "two@1", at=1), member("two@1", "one@1", at=2)]
    assert "│   from two@1, which comes from it as well" in list(
        draw(Lineage.of("one", kin), UNICODE, None, whole=False)
    )


def test_a_long_lineage_is_drawn_from_its_newest_on() -> None:
    """With what is offered, and a line in place of the rest; all of it on demand."""
    kin = [member(f"pay@{n}", f"pay@{n - 1}", at=n, offered=n == 7) for n in range(1, 3001)]
    lineage = Lineage.of("pay", kin)
    lines = list(draw(lineage, UNICODE, 80, whole=False))
    assert lines[0] == "┆ 6 versions more; --all draws them"
    assert lines[1].startswith("● pay@7  ")
    assert "┆ 2943 versions more; --all draws them" in lines
    assert sum(line.startswith(("○", "●")) for line in lines) == 51
    assert sum(line.startswith(("○", "●")) for line in draw(lineage, UNICODE, 80, whole=True)) == 3000


@pytest.mark.parametrize("limit", [1, 20, 33, 80])
def test_lines_keep_to_the_terminal(limit: int) -> None:
    """As far as twenty columns of text beside the branches allow."""
    lines = list(draw(Lineage.of("pay", KIN), UNICODE, limit, whole=False))
    assert max(map(width, lines)) <= max(limit, 20) + 24
    assert all(word in " ".join(lines) for word in ("in_euros@1", "forgot", "rate."))
