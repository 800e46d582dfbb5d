//! What a callee answers in a native test, one input at a time, as the server's tests have it.

use serde::Deserialize;
use serde_json::{json, Number, Value};

use crate::host::{HostError, HostErrorKind};

/// What a callee answers to one input.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "ExchangeForm")]
pub struct Exchange {
    /// The input, which is compared by value: 1 is 1.0 and not true, names come in any order.
    pub input: Value,
    /// The output, or what the callee fails with.
    pub answer: Result<Value, ExchangeError>,
}

/// What a callee fails with, as if it had reported that itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeError {
    /// The code that it reports.
    pub code: String,
    /// The message that it reports.
    #[serde(default)]
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExchangeForm {
    input: Value,
    #[serde(default, deserialize_with = "given")]
    output: Option<Value>,
    error: Option<ExchangeError>,
}

impl TryFrom<ExchangeForm> for Exchange {
    type Error = &'static str;

    fn try_from(form: ExchangeForm) -> Result<Self, Self::Error> {
        let answer = match (form.output, form.error) {
            (Some(output), None) => Ok(output),
            (None | Some(Value::Null), Some(error)) => Err(error),
            _ => return Err("an exchange needs exactly one of 'output' and 'error'"),
        };
        let input = form.input;
        Ok(Self { input, answer })
    }
}

impl Exchange {
    /// Whether this exchange is the one that has an input.
    pub(crate) fn has(&self, input: &Value) -> bool {
        same(&self.input, input)
    }

    /// The answer as the host gives it.
    pub(crate) fn answered(&self) -> Result<Vec<u8>, HostError> {
        match &self.answer {
            Ok(output) => Ok(output.to_string().into_bytes()),
            Err(ExchangeError { code, message }) => {
                let said = if message.is_empty() { "no message" } else { message };
                let told = json!({
                    "code": "capability_error",
                    "message": format!("The capability reported {code}: {said}"),
                    "details": {"code": code, "message": said},
                });
                Err(HostError::new(HostErrorKind::Failed, told.to_string()))
            }
        }
    }
}

/// Tell a value of `null` from none.
pub(crate) fn given<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let found = |name: &String, value| other.get(name).is_some_and(|other| same(value, other));
            one.len() == other.len() && one.iter().all(|(name, value)| found(name, value))
        }
        _ => one == other,
    }
}

fn same_number(one: &Number, other: &Number) -> bool {
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one.as_f64() == other.as_f64(),
        _ => false,
    }
}

/// The number where it is a whole one that both forms can write exactly, written as an integer or not.
fn whole(number: &Number) -> Option<i128> {
    let integer = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
    integer.or_else(|| number.as_f64().and_then(|float| format!("{float}").parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn inputs_are_compared_by_value() {
        for (one, other) in [
            ("1", "1.0"),
            ("[1, {\"a\": 2.0, \"b\": null}]", "[1.0, {\"b\": null, \"a\": 2}]"),
            ("1e3", "1000"),
            ("-0.0", "0"),
            ("18446744073709551615", "18446744073709551615"),
            ("0.1", "0.1"),
            ("1e300", "1e300"),
        ] {
            assert!(same(&value(one), &value(other)), "{one} {other}");
        }
        for (one, other) in [
            ("1", "true"),
            ("0", "false"),
            ("1", "\"1\""),
            ("1", "1.5"),
            ("9007199254740993", "9007199254740992.0"),
            ("[1]", "[1, 2]"),
            ("{\"a\": 1}", "{\"a\": 1, \"b\": 2}"),
            ("{\"a\": null}", "{\"b\": null}"),
        ] {
            assert!(!same(&value(one), &value(other)), "{one} {other}");
        }
    }

    #[test]
    fn an_exchange_has_one_answer() {
        let read = |json| serde_json::from_str::<Exchange>(json).map(|each| each.answer);
        assert_eq!(read(r#"{"input": 1, "output": null}"#).unwrap(), Ok(Value::Null));
        let asleep = Err(ExchangeError {
            code: "asleep".to_owned(),
            message: String::new(),
        });
        assert_eq!(
            read(r#"{"input": 1, "output": null, "error": {"code": "asleep"}}"#).unwrap(),
            asleep
        );
        for wrong in [
            r#"{"input": 1}"#,
            r#"{"output": 1}"#,
            r#"{"input": 1, "output": 2, "error": {"code": "x"}}"#,
            r#"{"input": 1, "error": {"message": "x"}}"#,
            r#"{"input": 1, "output": 2, "more": 3}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
