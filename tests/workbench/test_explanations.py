"""The compiler's explanations of its errors: confined, and for codes alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

MakeBench = Callable[..., Any]


@pytest.mark.parametrize("confinement", ["bubblewrap", "landlock", "none"])
def test_a_code_is_explained(confinement: str, make_bench: MakeBench) -> None:
    """However the compiler is confined, its text comes back, bounded."""
    answer = make_bench(confinement=confinement)("rustc_explain", code="E0382")
    assert "A variable was used after its contents have been moved elsewhere." in answer
    assert len(answer) <= 8000


def test_an_unknown_code_is_told(make_bench: MakeBench) -> None:
    """Not every number is an error."""
    assert make_bench()("rustc_explain", code="E9999") == "The compiler has no explanation of E9999."


@pytest.mark.parametrize(
    "code",
    [
        "--version",
        "E0382 --version",
        "E0382\n--version",
        "E0382\n",
        "-E0382",
        "@/etc/passwd",
        "E038\uff12",
        "e0382",
        "E038",
        "E03820",
        "",
        "\ud800",
        "x" * 100_000,
    ],
)
def test_nothing_but_a_code_reaches_the_compiler(code: str, make_bench: MakeBench) -> None:
    """An option, a second argument or a response file is no code."""
    answer = make_bench()("rustc_explain", code=code)
    assert answer.endswith("is not an error code such as E0308.")
    assert "rustc 1." not in answer
    assert len(answer) < 400
