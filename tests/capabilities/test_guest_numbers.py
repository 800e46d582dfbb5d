"""Numbers in guests: what overflows, what is no number and what would lose digits ends a run with its own code."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from tacit.config import Settings
from tacit.errors import ArithmeticOverflow, CapabilityFailed, GuestTrapped, InvalidOutput, TacitError
from tacit.models import Expectation, Permissions, TestCase
from tacit.sandbox.engine import Sandbox
from tacit.sandbox.execution import Execution
from tacit.sandbox.worlds.fixture import FixtureWorld
from tacit_builder.toolchain import compile_source, find_confinement, find_sdk, find_toolchain

SOURCE = r"""
use capability_common::{capability_call, run, Error};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{json, Value};

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    act: String,
    #[serde(default)]
    n: u64,
    #[serde(default)]
    small: u8,
    #[serde(default)]
    rows: Vec<Row>,
    #[serde(default)]
    float: f64,
    #[serde(default)]
    large: Option<i128>,
    raw: Option<Box<RawValue>>,
    #[serde(default)]
    any: Value,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "the count", default)]
    count: i32,
}

fn main() {
    run(act)
}

fn act(input: Input) -> Result<Box<RawValue>, Error> {
    if let Some(raw) = input.raw {
        return Ok(raw);
    }
    if let Some(large) = input.large {
        return Ok(RawValue::from_string(large.to_string())?);
    }
    let n = input.n;
    let zero = (n - n) as f64;
    let value = match input.act.as_str() {
        "add" => json!(n as u32 + u32::MAX),
        "add assign" => {
            let mut sum = u64::MAX;
            sum += n;
            json!(sum)
        }
        "subtract" => json!(0 - n),
        "multiply" => json!(n * n),
        "negate" => json!(-((i64::MIN + n as i64) - n as i64)),
        "absolute" => json!(((i32::MIN as i64 + n as i64 - n as i64) as i32).abs()),
        "power" => json!(n.pow(10)),
        "shift" => json!(1u32 << (n as u32)),
        "divide" => json!((i32::MIN + n as i32 - n as i32) / (0 - (n / n) as i32)),
        "remainder" => json!((i32::MIN + n as i32 - n as i32) % (0 - (n / n) as i32)),
        "sum" => json!([n as usize, usize::MAX].iter().sum::<usize>()),
        "product" => json!((1..=25i64 + n as i64 - n as i64).product::<i64>()),
        "decimal" => json!((Decimal::MAX * Decimal::from(n)).to_string()),
        "checked" => json!(u32::try_from(n)?),
        "beyond" => json!({"x": i128::from(u64::MAX) * i128::from(n)}),
        "beyond to_value" => serde_json::to_value(i128::from(u64::MAX) * i128::from(n))?,
        "own" => return Err(Error::new("arithmetic_overflow", "Mine.")),
        "by zero" => json!(1 / (n - n)),
        "wrapping" => json!(0u64.wrapping_sub(n)),
        "called" => capability_call("other", &json!({"r": zero / zero}))?,
        "shown" => json!(format!("{}", json!(1.0 / zero).as_number().map(ToString::to_string).unwrap_or_default())),
        "float" => json!(input.float),
        _ => json!([input.small, input.rows.len(), input.rows.iter().map(|row| row.count).max(), input.any]),
    };
    Ok(serde_json::value::to_raw_value(&value)?)
}
"""
OUTPUTS = r"""
use std::collections::BTreeMap;

use capability_common::{run, Error};
use serde::Serialize;
use serde_json::{json, Map, Value};

#[derive(Serialize)]
#[serde(untagged)]
enum Output {
    Any(Value),
    Typed(Table),
    Floats(Vec<f32>),
    Keyed(BTreeMap<String, Option<f64>>),
}

#[derive(Serialize)]
struct Table {
    rows: Vec<Mean>,
}

#[derive(Serialize)]
struct Mean {
    mean: f64,
    #[serde(flatten)]
    more: BTreeMap<String, f32>,
}

fn table(mean: f64, more: f32) -> Table {
    let row = |mean, more| Mean { mean, more: BTreeMap::from([("std".to_owned(), more)]) };
    Table { rows: vec![row(1.0, 1.0), row(2.0, 2.0), row(3.0, 3.0), row(mean, more)] }
}

fn main() {
    run(act)
}

fn act((act, zero): (String, f64)) -> Result<Output, Error> {
    let (nan, infinite) = (zero / zero, 1.0 / zero);
    Ok(match act.as_str() {
        "macro" => Output::Any(json!({"a": [1, {"r": infinite}]})),
        "macro alone" => Output::Any(json!(nan)),
        "macro of f32" => Output::Any(json!({"r": infinite as f32})),
        "macro of option" => Output::Any(json!({"r": Some(-infinite)})),
        "from" => Output::Any(Value::Object(Map::from_iter([("r s".to_owned(), Value::from(nan))]))),
        "into" => Output::Any(vec![0.5, infinite].into()),
        "to_value" => Output::Any(serde_json::to_value(table(nan, 1.0))?),
        "to_value of f32" => Output::Any(serde_json::to_value(table(1.0, infinite as f32))?),
        "from_value" => Output::Any(serde_json::from_value::<Value>(json!({"r": nan}))?),
        "typed" => Output::Typed(table(nan, 1.0)),
        "flattened" => Output::Typed(table(1.0, nan as f32)),
        "floats" => Output::Floats(vec![1.0, 2.0, nan as f32]),
        "keyed" => Output::Keyed(BTreeMap::from([("a".to_owned(), None), ("b".to_owned(), Some(infinite))])),
        "text" => Output::Any(json!(serde_json::to_string(&json!({"r": nan}))?)),
        _ => Output::Any(json!({"r": 1.0 + zero, "null": null, "none": None::<f64>})),
    })
}
"""
PLAIN = 'fn main() { let n = std::hint::black_box(0u32); println!("{}", n - 1); }'
Guest = Callable[[str], Execution]


@pytest.fixture(scope="module")
def built(sandbox: Sandbox) -> Callable[[str], Guest]:
    """Compile a source once, and run it on a JSON text in a world that answers nothing but a callee."""
    settings = Settings.load()
    toolchain = find_toolchain(settings)
    confinement, sdk = find_confinement(settings), find_sdk(settings, toolchain)
    made: dict[str, Guest] = {}

    def building(source: str) -> Guest:
        if source not in made:
            wasm = compile_source(toolchain, sdk, {"main.rs": source}, confinement=confinement, seconds=60).wasm
            program = sandbox.load(hashlib.sha256(wasm).hexdigest(), lambda: wasm)
            test = TestCase(name="numbers", calls={"other": 1}, expect=Expectation(output=None))
            allowed = Permissions(call=("other",))
            made[source] = lambda text: sandbox.run(program, text.encode(), FixtureWorld(test, allowed))
        return made[source]

    return building


def failure(execution: Execution) -> TacitError:
    """Return how a run failed, which it has to have."""
    assert execution.failure is not None, execution.output
    return execution.failure


def reported(execution: Execution) -> tuple[str, str]:
    """Return the code and message that the guest reported itself."""
    failed = failure(execution)
    assert isinstance(failed, CapabilityFailed), failed
    return failed.details["code"], failed.details["message"]


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("add", "attempt to add with overflow (src/main.rs:"),
        ("add assign", "attempt to add with overflow"),
        ("subtract", "attempt to subtract with overflow"),
        ("multiply", "attempt to multiply with overflow"),
        ("negate", "attempt to negate with overflow"),
        ("absolute", "attempt to negate with overflow"),
        ("power", "attempt to multiply with overflow"),
        ("shift", "attempt to shift left with overflow"),
        ("divide", "attempt to divide with overflow"),
        ("remainder", "attempt to calculate the remainder with overflow"),
        ("sum", "attempt to add with overflow"),
        ("product", "attempt to multiply with overflow"),
        ("decimal", "Multiplication overflowed"),
        ("beyond", "more than 64 bits does not fit a JSON value"),
    ],
)
def test_a_whole_number_that_overflows_ends_the_run(built: Callable[[str], Guest], act: str, said: str) -> None:
    """In the source, in the standard library and in a crate: with the host's own error, which says what to do."""
    failed = failure(built(SOURCE)(f'{{"act": "{act}", "n": 5000000000}}'))
    assert isinstance(failed, ArithmeticOverflow)
    assert said in failed.message
    assert "smaller numbers" in failed.hint
    assert "i128" in failed.hint


@pytest.mark.parametrize("act", ["checked", "own", "beyond to_value"])
def test_an_overflow_that_a_capability_finds_itself_has_the_code_too(built: Callable[[str], Guest], act: str) -> None:
    """It is the capability's own error, as any that it reports."""
    assert reported(built(SOURCE)(f'{{"act": "{act}", "n": 5000000000}}'))[0] == ArithmeticOverflow.code


def test_a_division_by_zero_is_a_panic_as_before(built: Callable[[str], Guest]) -> None:
    """Only overflow is explained by how large a number is."""
    assert reported(built(SOURCE)('{"act": "by zero", "n": 1}'))[0] == "panic"


def test_arithmetic_that_is_meant_to_wrap_does(built: Callable[[str], Guest]) -> None:
    """Hashes and the like ask for it by name."""
    assert built(SOURCE)('{"act": "wrapping", "n": 1}').value == (1 << 64) - 1


def test_an_overflow_without_the_sdk_traps(built: Callable[[str], Guest]) -> None:
    """Who does not use `run` has no error object, and no wrong number either."""
    failed = failure(built(PLAIN)("null"))
    assert isinstance(failed, GuestTrapped)
    assert "attempt to subtract with overflow" in failed.details["log"]


@pytest.mark.parametrize(
    ("act", "place"),
    [
        ("macro", "$.a[1].r is infinite"),
        ("macro alone", "$ is NaN"),
        ("macro of f32", "$.r is infinite"),
        ("macro of option", "$.r is infinite"),
        ("from", '$["r s"] is NaN'),
        ("into", "$[1] is infinite"),
        ("to_value", "$.rows[3].mean is NaN"),
        ("to_value of f32", "$.rows[3].std is infinite"),
        ("from_value", "$.r is NaN"),
        ("typed", "$.rows[3].mean is NaN"),
        ("flattened", "$.rows[3].std is NaN"),
        ("floats", "$[2] is NaN"),
        ("keyed", "$.b is infinite"),
        ("text", "A value is NaN"),
    ],
)
def test_what_is_no_number_is_an_error_with_its_path(built: Callable[[str], Guest], act: str, place: str) -> None:
    """However the author makes the output, NaN and infinities never become null."""
    code, message = reported(built(OUTPUTS)(f'["{act}", 0]'))
    assert code == "not_finite"
    assert message.startswith(place)
    assert message.endswith("a division by zero or a number too large gives that.")


def test_nulls_and_finite_numbers_are_printed_as_before(built: Callable[[str], Guest]) -> None:
    """Only what is no number is refused."""
    assert built(OUTPUTS)('["", 0]').value == {"r": 1.0, "null": None, "none": None}


def test_what_is_no_number_is_not_handed_to_another_capability(built: Callable[[str], Guest]) -> None:
    """The callee would take it for null."""
    code, message = reported(built(SOURCE)('{"act": "called", "n": 1}'))
    assert code == "invalid_request"
    assert "not finite: NaN" in message


def test_what_is_no_number_shows_as_what_it_is(built: Callable[[str], Guest]) -> None:
    """In a text of the capability's own."""
    assert built(SOURCE)('{"act": "shown", "n": 1}').value == "inf"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"n": 18446744073709551616}', "$.n: "),
        ('{"small": 256}', "$.small: invalid value"),
        ('{"small": -1}', "$.small: invalid value"),
        ('{"rows": [{}, {"the count": 2147483648}]}', '$.rows[1]["the count"]: invalid value'),
        ('{"rows": [{}, {"the count": 99999999999999999999}]}', '$.rows[1]["the count"]: '),
        ('{"large": 170141183460469231731687303715884105728}', "$.large: "),
        ('{"any": {"a": [1, 12345678901234567890123]}}', "$.any.a[1]: "),
        ('{"any": -9223372036854775809}', "$.any: "),
        ('{"float": 9007199254740993}', "$.float: "),
        ('{"float": -9007199254740993}', "$.float: "),
        ('{"float": 12345678901234567890123}', "$.float: "),
        ('{"n": "5"}', "$.n: invalid type"),
    ],
)
def test_a_number_beyond_its_field_is_an_invalid_input_with_its_path(
    built: Callable[[str], Guest], text: str, place: str
) -> None:
    """None is rounded into a float, neither into a field of that type nor into a value of any type."""
    code, message = reported(built(SOURCE)(text))
    assert code == "invalid_input"
    assert message.startswith(place)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"n": 18446744073709551615, "act": "wrapping"}', 1),
        ('{"large": -170141183460469231731687303715884105728}', -(1 << 127)),
        ('{"raw": 123456789012345678901234567890123456789012345}', 123456789012345678901234567890123456789012345),
        ('{"act": "float", "float": 9007199254740992}', 1 << 53),
        ('{"act": "float", "float": -18446744073709551616}', -(1 << 64)),
        ('{"act": "float", "float": 602214076000000000000000}', 6.02214076e23),
        ('{"act": "float", "float": 123456789012345680000}', 1.2345678901234568e20),
        ('{"act": "float", "float": 0.1}', 0.1),
        ('{"any": 1180591620717411303424}', [0, 0, None, 1 << 70]),
        ('{"any": [-0, -0.0, 1e23, 18446744073709551615]}', [0, 0, None, [0, 0, 1e23, (1 << 64) - 1]]),
    ],
)
def test_a_number_that_its_field_holds_arrives_exactly(built: Callable[[str], Guest], text: str, value: Any) -> None:
    """Whole ones of 128 bits and longer ones in a raw field, and large ones that a double holds."""
    done = built(SOURCE)(text)
    assert (done.failure, done.value) == (None, value)


def test_a_printed_number_that_would_lose_digits_is_refused(built: Callable[[str], Guest]) -> None:
    """A raw output can hold any number, of which a reader keeps what a double does."""
    failed = failure(built(SOURCE)('{"raw": {"r": [0.5, 0.1234567890123456789]}}'))
    assert isinstance(failed, InvalidOutput)
    assert failed.details["path"] == "$.r[1]"


def test_a_fetched_whole_number_keeps_its_digits(sandbox: Sandbox, load: Callable[[str], Any]) -> None:
    """Neither is it rounded, nor is the answer said to be no JSON."""
    url = "https://a.example/"
    test = TestCase(name="large", http={url: '{"id": 12345678901234567890123}'}, expect=Expectation(output=None))
    world = FixtureWorld(test, Permissions(http=("*",)))
    fetched = sandbox.run(load("fetch_json"), f'{{"url": "{url}"}}'.encode(), world)
    assert fetched.value == {"value": {"id": 12345678901234567890123}}
