"""What is allowed is what the manifest asks for and the operator grants; denials say how to grant."""

from __future__ import annotations

import json
import shlex

import pytest
from pydantic import ValidationError

from tacit.errors import PermissionDenied
from tacit.models import Effect, Permissions
from tacit.sandbox.files.paths import compile_glob
from tacit.sandbox.grants import Allowance, missing_for, not_granted


def test_both_sides_have_to_allow_a_file() -> None:
    """A path that only one side names is not readable."""
    allowance = Allowance(Permissions(read=("a/*", "b")), Permissions(read=("a/x", "c")))
    assert [path for path in ("a/x", "a/y", "b", "c") if allowance.read(path)] == ["a/x"]


def test_nothing_is_allowed_by_default() -> None:
    """Empty permissions and grants deny all five functions."""
    allowance = Allowance(Permissions(), Permissions())
    assert not allowance.read("a")
    assert not allowance.write("a")
    assert not allowance.http("a.com", 443)
    assert not allowance.time
    assert not allowance.call("other")


def test_reading_is_not_writing() -> None:
    """A read grant allows no write."""
    both = Permissions(read=("**",))
    assert not Allowance(both, both).write("a")


@pytest.mark.parametrize(
    ("pattern", "host", "port", "expected"),
    [
        ("api.test", "api.test", 443, True),
        ("api.test", "api.test", 80, True),
        ("api.test", "api.test", 8080, False),
        ("api.test:8080", "api.test", 8080, True),
        ("api.test:8080", "api.test", 443, False),
        ("API.test", "api.test", 443, True),
        ("api.test", "evil-api.test", 443, False),
        ("api.test", "api.test.evil.com", 443, False),
        ("*.test", "api.test", 443, True),
        ("*.test", "a.b.test", 443, True),
        ("*.test", "test", 443, False),
        ("*.test", "eviltest", 443, False),
        ("*", "any.thing", 443, True),
        ("*", "any.thing", 8080, False),
        ("*:*", "any.thing", 8080, True),
        ("api.test:*", "api.test", 8080, True),
        ("api.test:*", "other.test", 8080, False),
        ("[::1]:8080", "[::1]", 8080, True),
        ("[0:0:0:0:0:0:0:1]", "[::1]", 80, True),
    ],
)
def test_hosts(pattern: str, host: str, port: int, expected: bool) -> None:
    """Hosts match by exact name or by suffix with its dot; without a port 80 and 443 are meant."""
    both = Permissions(http=(pattern,))
    assert Allowance(both, both).http(host, port) is expected


def test_only_the_operators_exact_grant_reaches_private_addresses() -> None:
    """A wildcard grant, and a manifest's exact name under one, do not count as granted by name."""
    exact = Permissions(http=("localhost:8080",))
    assert Allowance(exact, exact).http_by_name("localhost", 8080)
    assert not Allowance(exact, Permissions(http=("*:8080",))).http_by_name("localhost", 8080)


def test_a_denial_names_the_manifest_when_it_does_not_ask() -> None:
    """What the manifest lacks is mended by a new version, not by a grant."""
    allowance = Allowance(Permissions(), Permissions(read=("**",)))
    with pytest.raises(PermissionDenied) as caught:
        allowance.require_read("a.csv")
    assert caught.value.details == {
        "function": "file_read",
        "requested": "a.csv",
        "reason": "not_in_manifest",
        "grant": {"read": ["a.csv"]},
    }
    assert "manifest" in caught.value.message
    assert '{"read": ["a.csv"]}' in caught.value.hint


def test_a_denial_gives_the_whole_setting_that_would_allow_it() -> None:
    """The hint's TACIT_GRANTS keeps what is granted already, and setting it allows what was denied."""
    asked, granted = Permissions(write=("**",), read=("**",)), Permissions(read=("data.json",), time=True)
    with pytest.raises(PermissionDenied) as caught:
        Allowance(asked, granted).require_write("out/a.csv")
    assert caught.value.details["reason"] == "not_granted"
    setting = caught.value.hint.split("TACIT_GRANTS='")[1].split("'")[0]
    mended = Permissions.model_validate(json.loads(setting))
    assert mended == Permissions(read=("data.json",), write=("out/a.csv",), time=True)
    Allowance(asked, mended).require_write("out/a.csv")


def test_a_path_cannot_ask_for_a_wider_grant_than_itself() -> None:
    """A file that is named like a glob is not suggested as one, and a quote does not end the shell's string."""
    with pytest.raises(PermissionDenied) as caught:
        Allowance(Permissions(read=("**",)), Permissions()).require_read("**/a'; echo *")
    assert caught.value.details["grant"] == {"read": ["??/a'; echo ?"]}
    assert shlex.split(caught.value.hint.split("with ")[1])[0] == "TACIT_GRANTS=" + json.dumps(
        caught.value.details["grant"]
    )


def test_calling_everything_is_never_suggested() -> None:
    """A guest that calls `*` does not get the operator to grant all calls."""
    with pytest.raises(PermissionDenied) as caught:
        Allowance(Permissions(), Permissions()).require_call("*")
    assert caught.value.details["grant"] == {}


@pytest.mark.parametrize(
    ("function", "fragment"),
    [
        (lambda allowance: allowance.require_http("a.test", 8080), {"http": ["a.test:8080"]}),
        (lambda allowance: allowance.require_http("a.test", 443), {"http": ["a.test"]}),
        (lambda allowance: allowance.require_time(), {"time": True}),
        (lambda allowance: allowance.require_call("other"), {"call": ["other"]}),
        (lambda allowance: allowance.require_list("a/", ("a",)), {"read": ["a/*"]}),
    ],
)
def test_every_denial_has_its_fragment(function: object, fragment: dict[str, object]) -> None:
    """Each host function's denial says which part of the grants it needs."""
    with pytest.raises(PermissionDenied) as caught:
        function(Allowance(Permissions(), Permissions()))  # type: ignore[operator]
    assert caught.value.details["grant"] == fragment


def test_not_granted_lists_what_goes_beyond() -> None:
    """What one grant covers as a whole is granted, the rest is listed."""
    asked = Permissions(http=("a.test", "*.b.test", "*"), read=("x/*.csv", "**"), time=True, call=("one", "two"))
    granted = Permissions(http=("*.test",), read=("x/*",), call=("one",))
    assert not_granted(asked, granted) == Permissions(http=("*",), read=("**",), time=True, call=("two",))


def test_not_granted_is_none_when_all_is_granted() -> None:
    """Nothing beyond the grants gives None."""
    assert not_granted(Permissions(read=("a",), call=("other",)), Permissions(read=("**",), call=("*",))) is None


def test_a_port_of_its_own_is_not_covered_by_a_grant_without() -> None:
    """`a.test` does not cover `a.test:8080`."""
    assert not_granted(Permissions(http=("a.test:8080",)), Permissions(http=("a.test",))) is not None


def test_every_port_covers_one() -> None:
    """`a.test:*` covers `a.test` and `a.test:8080`, not the other way round."""
    every = Permissions(http=("a.test:*",))
    assert not_granted(Permissions(http=("a.test", "a.test:8080")), every) is None
    assert not_granted(every, Permissions(http=("a.test", "a.test:8080"))) == every


def test_every_host_and_port_is_no_grant_by_name() -> None:
    """`*:*` reaches no private address."""
    every = Permissions(http=("*:*",))
    assert not Allowance(every, every).http_by_name("localhost", 8080)


def test_effects_without_permission_are_named() -> None:
    """An effect that the manifest asks nothing for is named by its field, in a fixed order."""
    assert missing_for([Effect.TIME, Effect.READS, Effect.NETWORK], Permissions(read=("a",))) == ["http", "time"]


@pytest.mark.parametrize(
    ("asked", "granted", "expected"),
    [
        (("a", "b"), ("**",), ("a", "b")),
        (("a", "b"), ("b",), ("b",)),
        (("**",), ("a", "x/b"), ("a", "x/b")),
        (("*.csv",), ("*.txt",), ("*.txt",)),
        (("*.csv",), (), ()),
    ],
)
def test_write_patterns_are_as_narrow_as_both_sides(
    asked: tuple[str, ...], granted: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """Locks are taken for the single files that both sides name, and for folders only between two wildcards."""
    assert Allowance(Permissions(write=asked), Permissions(write=granted)).write_patterns == expected


def test_a_listing_shows_only_what_may_be_read() -> None:
    """Names that are not granted do not appear in a listing."""
    both = Permissions(read=("a.txt", "sub/**"))
    assert json.loads(Allowance(both, both).listing((), ["a.txt", "b.txt", "sub/", "other/"])) == ["a.txt", "sub/"]


def test_a_glob_of_many_wildcards_costs_no_more_than_one() -> None:
    """Each `**` behind another would be one more place to look at, for each segment of a path."""
    many = compile_glob("**/" * 300 + "b")
    assert len(many._segments) == 2
    assert (many.matches("a/a/b"), many.matches("b"), many.matches("a/c")) == (True, True, False)


def test_a_glob_without_end_is_refused() -> None:
    """Its segments are compared with those of every path."""
    with pytest.raises(ValidationError, match="at most 1000"):
        Permissions(read=("a/**/" * 300 + "b",))
