"""Guests' paths and the globs that grant them."""

from __future__ import annotations

import pytest

from tacit.errors import PermissionDenied
from tacit.sandbox.files.paths import MAX_PATH_BYTES, MAX_SEGMENTS, PathGlob, names_folder, segments_of
from tacit.sandbox.world import FailureCode, HostFailure


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("a.csv", "a.csv", True),
        ("a.csv", "A.csv", False),
        ("a.csv", "b/a.csv", False),
        ("*.csv", "a.csv", True),
        ("*.csv", ".csv", True),
        ("*.csv", "b/a.csv", False),
        ("reports/*.csv", "reports/a.csv", True),
        ("reports/*.csv", "reports/x/a.csv", False),
        ("reports/*.csv", "reports", False),
        ("?.txt", "a.txt", True),
        ("?.txt", "é.txt", True),
        ("?.txt", "ab.txt", False),
        ("**", "a", True),
        ("**", "a/b/c", True),
        ("**/a.csv", "a.csv", True),
        ("**/a.csv", "x/y/a.csv", True),
        ("**/a.csv", "xa.csv", False),
        ("a/**", "a/b/c", True),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("a/**/m/**/z", "a/m/x/m/y/z", True),
        ("a/**/m/**/z", "a/x/z", False),
        ("a**", "abc", True),
        ("a**", "a/b", False),
        ("*a*b*", "xxaxxbxx", True),
        ("*a*b*", "xxbxxaxx", False),
        ("*ab", "aab", True),
        ("a*a", "a", False),
        ("[ab].txt", "a.txt", False),
        ("[ab].txt", "[ab].txt", True),
        ("a.b*", "axb", False),
        ("*", "a\nb", True),
    ],
)
def test_globs(pattern: str, path: str, expected: bool) -> None:
    """`*` and `?` stay within a segment, a `**` segment crosses, and everything else is literal."""
    assert PathGlob(pattern).matches(path) is expected


def test_a_glob_never_backtracks_for_long() -> None:
    """A glob of many stars answers on a long path that almost matches."""
    assert not PathGlob("*a" * 60 + "b").matches("a" * 1000)
    assert not PathGlob("**/a/" * 20 + "b").matches("a/" * 500 + "c")


@pytest.mark.parametrize(
    ("folder", "expected"),
    [((), True), (("reports",), True), (("reports", "x"), False), (("other",), False)],
)
def test_a_glob_reaches_into_the_folders_on_its_way(folder: tuple[str, ...], expected: bool) -> None:
    """A folder may be listed when something inside it could match."""
    assert PathGlob("reports/*.csv").reaches_into(folder) is expected


@pytest.mark.parametrize(
    ("grant", "asked", "expected"),
    [
        ("**", "reports/*.csv", True),
        ("reports/**", "reports/*.csv", True),
        ("reports/*", "reports/*.csv", True),
        ("*.csv", "report-*.csv", True),
        ("*.csv", "a.csv", True),
        ("*", "**", False),
        ("*.csv", "*", False),
        ("a?.csv", "a*.csv", False),
        ("a?.csv", "ab.csv", True),
        ("reports/*.csv", "**", False),
    ],
)
def test_a_grant_covers_a_pattern_only_as_a_whole(grant: str, asked: str, expected: bool) -> None:
    """A grant covers another glob when it means every path that the other does."""
    assert PathGlob(grant).covers(asked) is expected


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../../x",
        "a/..",
        "..",
        "/etc/passwd",
        "//etc/passwd",
        "a\\..\\..\\x",
        "C:\\x",
        "a\0.csv",
        "\0",
        ".tacit-journal/run-1/0",
        "a/.TACIT-x",
    ],
)
def test_a_path_that_tries_to_leave_is_denied(path: str) -> None:
    """Parents, absolute paths, backslashes, NUL and Tacit's own names end the run."""
    with pytest.raises(PermissionDenied) as caught:
        segments_of(path, "file_read")
    assert caught.value.details["reason"] == "outside_folder"
    assert caught.value.details["function"] == "file_read"


@pytest.mark.parametrize("path", ["a//b", "./a", "a/./b", "x" * 256, "a/" * 600 + "b", "\ud800", "é" * 200])
def test_a_malformed_path_is_the_guests_to_mend(path: str) -> None:
    """Empty and `.` segments, over-long paths and lone surrogates are invalid, not denied."""
    with pytest.raises(HostFailure) as caught:
        segments_of(path, "file_read")
    assert caught.value.code is FailureCode.INVALID


def test_lookalikes_of_dots_and_slashes_are_plain_names() -> None:
    """Full-width dots and slashes and fraction slashes name no parent: they stay the characters that they are."""
    assert segments_of("\uff0e\uff0e/a", "file_read") == ("\uff0e\uff0e", "a")
    assert segments_of("..\u2215..\u2215etc", "file_read") == ("..\u2215..\u2215etc",)


def test_composed_and_decomposed_names_are_different_paths() -> None:
    """A grant for one Unicode form does not allow the other: paths are compared byte for byte."""
    assert not PathGlob("caf\u00e9.txt").matches("cafe\u0301.txt")


@pytest.mark.parametrize("path", ["", ".", "a/", "a/b/"])
def test_folders_are_named_with_a_slash(path: str) -> None:
    """A trailing slash, nothing, or a dot ask for a listing."""
    assert names_folder(path)


def test_the_longest_path_is_taken() -> None:
    """A path of exactly the limit is read."""
    path = "/".join(["a" * 127] * 8)
    assert len(path) == MAX_PATH_BYTES - 1
    assert len(segments_of(path, "file_read")) == 8


def test_a_path_has_so_many_folders_and_no_more() -> None:
    """A commit of a thousand files makes thousands of folders at most, not half a million that outlast its run."""
    assert len(segments_of("/".join(["a"] * MAX_SEGMENTS), "file_write")) == MAX_SEGMENTS
    with pytest.raises(HostFailure) as caught:
        segments_of("/".join(["a"] * (MAX_SEGMENTS + 1)), "file_write")
    assert caught.value.code is FailureCode.INVALID
