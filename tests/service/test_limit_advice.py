"""What is said to a caller whose run met a limit: what the caller can do, and which setting is the operator's."""

from __future__ import annotations

from typing import Any

import pytest
from service_samples import OpenApp

from tacit.config import MIB, Limits, raise_hint
from tacit.errors import TacitError

LONG = {"text": "long " * 1000}
TABLE = {"text": "a,b\n" + "x,1\n" * 100_000}


def failed(open_app: OpenApp, capability: str, data: Any, limits: dict[str, Any], **options: Any) -> TacitError:
    """Run a capability with some limits and return what it failed with."""
    app = open_app(limits=Limits(**limits), grants={"read": ["**"], "call": ["*"], "time": True})
    with pytest.raises(TacitError) as caught:
        app.service.run(capability, data, **options)
    return caught.value


@pytest.mark.parametrize(
    ("capability", "data", "limits", "code"),
    [
        ("reverse_string", LONG, {"energy": 100_000}, "energy_exhausted"),
        ("summarize_csv", TABLE, {"memory_bytes": 2 * MIB}, "memory_exhausted"),
        ("reverse_string", LONG, {"stdout_bytes": 1024}, "output_too_large"),
        ("reverse_string", LONG, {"input_bytes": 1024}, "input_too_large"),
        ("search_files", {"query": "x"}, {"host_calls": 1}, "too_many_host_calls"),
        ("summarize_csv", TABLE, {"wall_seconds": 0.01}, "timeout"),
        ("team_payroll", {"employee_ids": ["E001"]}, {"energy": 300_000}, "energy_exhausted"),
        ("team_payroll", {"employee_ids": ["E001", "E002"]}, {"host_calls": 3}, "too_many_host_calls"),
    ],
)
def test_a_limit_that_the_caller_cannot_raise_names_the_operators_setting(
    open_app: OpenApp, capability: str, data: Any, limits: dict[str, Any], code: str
) -> None:
    """The first sentence is what the caller can do; more of what is limited is none of that."""
    error = failed(open_app, capability, data, limits)
    assert error.code == code
    (limit,) = limits
    own, operators = error.hint.split(" The operator of this server can raise ")
    assert own.startswith(("Give it less to do", "Ask it for less", "Send a part of it"))
    assert "more" not in own
    assert operators == f"TACIT_LIMITS__{limit.upper()}, which is {limits[limit]:g}."


@pytest.mark.parametrize("capability", ["reverse_string", "percentage_reversed_formatted"])
def test_energy_that_the_caller_lowered_may_be_raised_up_to_the_limit(open_app: OpenApp, capability: str) -> None:
    """The hint says what it was and what it may be; no setting is in the way."""
    data = LONG if capability == "reverse_string" else {"percentage": 15, "number": 200}
    error = failed(open_app, capability, data, {}, energy=100_000)
    assert error.code == "energy_exhausted"
    assert error.hint.endswith(f" Or allow it more energy than 100000: up to {Limits().energy} is possible.")
    assert "TACIT" not in error.hint


def test_a_limit_at_its_largest_is_not_said_to_be_raised() -> None:
    """Settings have bounds of their own, most of them."""
    assert raise_hint("wall_seconds", 3600) == ""
    assert raise_hint("memory_bytes", 4096 * MIB) == ""
    assert "TACIT_LIMITS__STDOUT_BYTES" in raise_hint("stdout_bytes", 1 << 40)


def test_a_file_that_is_too_large_names_the_setting(open_app: OpenApp) -> None:
    """What a guest is told of it says how large it is and what may be read."""
    app = open_app(limits=Limits(file_bytes=1024))
    with pytest.raises(TacitError, match=r"at most 1024 are read \(TACIT_LIMITS__FILE_BYTES\)"):
        app.service.run("get_salary_details", {"employee_id": "E001"})
