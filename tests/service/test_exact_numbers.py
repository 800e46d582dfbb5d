"""Numbers between a caller and a guest: exact both ways, or an error that says where."""

from __future__ import annotations

import random
import struct
from math import isfinite

import pytest

from tacit.app import App
from tacit.errors import ArithmeticOverflow, CapabilityFailed, InvalidJson, InvalidOutput, TooManyDigits
from tacit.sandbox.execution import read_output
from tacit.strict_json import InexactNumber, holds_digits, parse, parse_exact


@pytest.mark.parametrize(
    "written",
    [
        *("0.5", "0.1", "-0.30", "0.10000000000000001", "0.30000000000000004", "0.1000000000000000055511151231257827"),
        *("1e23", "6.02214076E+23", "100000000000000000000000.0", "-0.0", "0e-999", "0.000", "5e-324", "4.94e-324"),
        *("1.7976931348623157e308", "9007199254740994.0", "1234567890123.45"),
    ],
)
def test_a_float_holds_what_is_written_as_it_is(written: str) -> None:
    """With as many digits, however that is written."""
    assert holds_digits(written)
    assert parse_exact(f"[{written}]".encode()) == [float(written)]


@pytest.mark.parametrize(
    "written",
    [
        *("0.1234567890123456789", "3.14159265358979323846", "999999999999999.99", "9007199254740993.0", "1e-400"),
        *("12345678901234567890123.0", "123456789012345678e5", "1.2345678e-320", "-0.12345678901234567891"),
    ],
)
def test_what_a_float_makes_another_number_of_is_refused(written: str) -> None:
    """Where its digits end is said by the path; reading without that keeps what floats do."""
    assert not holds_digits(written)
    with pytest.raises(InexactNumber) as caught:
        parse_exact(f'{{"0.1234567890123456789": 1, "rows": [{{"a b": 0.5}}, {{"a b": {written}}}]}}'.encode())
    assert caught.value.path == ("rows", 1, "a b")
    assert caught.value.written == written
    assert parse(written.encode()) == float(written)


def test_every_float_holds_its_own_digits() -> None:
    """As Python, JavaScript and C write it."""
    chosen = random.Random(1)
    floats = [struct.unpack("d", chosen.randbytes(8))[0] for _ in range(2000)]
    for each in filter(isfinite, floats):
        assert all(
            map(holds_digits, (f"{each!r}e0" if "e" not in repr(each) else repr(each), f"{each:.16e}", f"{each:.40e}"))
        )


def test_an_input_that_would_lose_digits_reaches_no_guest(app: App) -> None:
    """The error says where and what to send, and nothing is recorded."""
    with pytest.raises(TooManyDigits) as caught:
        app.service.run("format_number", b'{"number": 0.1234567890123456789}')
    assert caught.value.details == {"path": "$.number", "written": "0.1234567890123456789"}
    assert "text" in caught.value.hint
    with pytest.raises(InvalidJson):
        app.service.run("format_number", b'{"number": 1e999}')


@pytest.mark.parametrize("number", [12345678901234567890123, -(10**26), (1 << 64) + 1, 9007199254740993])
def test_whole_numbers_beyond_a_double_arrive_exactly(app: App, number: int) -> None:
    """As bytes and as Python's own, from the caller through a guest and back."""
    expected = {"formatted": f"{number:,}"}
    assert app.service.run("format_number", {"number": number}).output == expected
    assert app.service.run("format_number", f'{{"number": {number}}}'.encode()).output == expected
    answer = app.service.run("calculate_percentage", {"percentage": 100, "number": number})
    assert answer.output["result"] == number
    assert f'"result":{number}' in answer.model_dump_json()


def test_a_program_hands_whole_numbers_on_exactly(app: App) -> None:
    """From its input to a callee, as far as it calculates."""
    number = (1 << 63) - 2
    answer = app.service.run("percentage_reversed_formatted", {"percentage": 100, "number": number})
    assert answer.output["percentage"] == number


def test_only_a_panic_of_the_sdk_is_an_overflow_of_the_host() -> None:
    """A capability's own error of that code stays its own, so that old records replay as they were."""
    told = '{"error": {"code": "arithmetic_overflow", "message": "attempt to add with overflow"%s}}'
    _, own = read_output((told % "").encode(), 1, "")
    _, panic = read_output((told % ', "kind": "panic"').encode(), 1, "")
    assert isinstance(own, CapabilityFailed)
    assert isinstance(panic, ArithmeticOverflow)


def test_an_output_that_would_lose_digits_is_an_invalid_one() -> None:
    """The path is told, and whole numbers are kept."""
    _, failure = read_output(b'{"r": [0, 0.1234567890123456789]}', 0, "")
    assert isinstance(failure, InvalidOutput)
    assert failure.details["path"] == "$.r[1]"
    assert read_output(b"[12345678901234567890123]", 0, "") == ([12345678901234567890123], None)
