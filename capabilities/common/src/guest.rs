//! The frame around a capability's function: stdin in, one JSON value out, failures as error objects.
//!
//! No number changes on the way: one that its field or JSON cannot hold is an error that names its path.

use std::any::Any;
use std::io::{Read, Write};
use std::process::exit;

use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::error::{Error, BEYOND, OVERFLOW};
use crate::places::{path_before, path_of};

/// Run a capability: read its input from stdin, call it, print what it answers.
///
/// An input that is not a `T` fails with `invalid_input`, an output with NaN or an infinity in it with `not_finite`.
/// An error, a panic included (its code is `panic`, or `arithmetic_overflow` where a whole number overflowed), is
/// printed as `{"error": {"code", "message"}}` and ends the process with exit code 1.
pub fn run<T: DeserializeOwned, U: Serialize>(capability: impl FnOnce(T) -> Result<U, Error>) {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| {
        // An operation of the standard library's own says nothing to whoever looks for it in a source.
        let place = panic.location().filter(|at| !at.file().starts_with("/rustc/"));
        let place = place.map(|at| format!(" ({}:{})", at.file(), at.line()));
        fail(&panicked(panic.payload(), &place.unwrap_or_default()), Some("panic"))
    }));
    let mut input = Vec::new();
    if let Err(error) = std::io::stdin().read_to_end(&mut input) {
        fail(&Error::new("unreadable_input", error), None);
    }
    match respond(&input, capability) {
        Ok(output) => print(&output),
        Err(error) => fail(&error, None),
    }
}

/// Write a line to the run's log (stderr).
pub fn log(message: &str) {
    let mut line = String::with_capacity(message.len() + 1);
    line.push_str(message);
    line.push('\n');
    // A log that is full must not change what the run answers.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// What a capability prints for the bytes of an input: [`run`] without the process around it.
pub(crate) fn respond<T: DeserializeOwned, U: Serialize>(
    input: &[u8],
    capability: impl FnOnce(T) -> Result<U, Error>,
) -> Result<Vec<u8>, Error> {
    let input = serde_json::from_slice(input).map_err(|error| unfit(input, &error))?;
    let output = capability(input)?;
    let mut printed = Vec::with_capacity(128);
    match serde_json::to_writer(&mut printed, &output) {
        Ok(()) => Ok(printed),
        Err(error) => Err(unwritable(&printed, &error)),
    }
}

/// How a panic ends where `json!` was given a whole number of more than 64 bits; of a text, it would name a line.
const BEYOND_VALUE: &str = r#"Error("number out of range", line: 0, column: 0)"#;

/// The error of a panic with this payload, which ended the run at `place`.
pub(crate) fn panicked(payload: &(dyn Any + Send), place: &str) -> Error {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("the capability panicked");
    let text = if text.ends_with(BEYOND_VALUE) { BEYOND } else { text };
    let code = if is_overflow(text) { OVERFLOW } else { "panic" };
    Error::new(code, format!("{text}{place}"))
}

/// Whether a panic says that a number overflowed: rustc's own checks (`attempt to add with overflow`), rust_decimal
/// and chrono (`Multiplication overflowed`), the durations of std (`overflow when adding durations`), and `json!`.
fn is_overflow(text: &str) -> bool {
    (text.starts_with("attempt to ") && text.ends_with(" with overflow"))
        || text.ends_with(" overflowed")
        || text.starts_with("overflow when ")
        || text == BEYOND
}

/// The error of an input that is JSON, but no `T`; it names the path.
#[cold]
fn unfit(input: &[u8], error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    let path = path_of(input, error.line(), error.column());
    if text == "number out of range" {
        return Error::invalid_input(format!(
            "{path}: the number is beyond what its field holds exactly. Send a smaller one or fewer digits, or its \
             digits as text if the capability takes text."
        ));
    }
    if error.is_data() {
        return Error::invalid_input(format!("{path}: {text}"));
    }
    Error::invalid_input(error)
}

/// The error of an output that JSON cannot hold; what was printed before it tells the path.
#[cold]
fn unwritable(printed: &[u8], error: &serde_json::Error) -> Error {
    match Error::not_finite(error, &path_before(printed)) {
        Some(error) => error,
        None => Error::new("invalid_output", error),
    }
}

/// Print an error and end; its `kind` tells the host a panic from an error of the capability's own.
fn fail(error: &Error, kind: Option<&str>) -> ! {
    #[derive(Serialize)]
    struct Told<'a> {
        code: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<&'a str>,
    }
    #[derive(Serialize)]
    struct Failure<'a> {
        error: Told<'a>,
    }
    let (code, message) = (&error.code, &error.message);
    let error = Told { code, message, kind };
    print(&serde_json::to_vec(&Failure { error }).unwrap_or_default());
    exit(1)
}

fn print(output: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    if stdout.write_all(output).and_then(|()| stdout.flush()).is_err() {
        exit(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Input {
        number: u8,
    }

    fn halve(input: Input) -> Result<u8, Error> {
        if input.number % 2 == 1 {
            return Err(Error::new("odd_number", "Only even numbers have a half here."));
        }
        Ok(input.number / 2)
    }

    #[test]
    fn answers_with_one_json_value() {
        assert_eq!(respond(br#"{"number": 8}"#, halve), Ok(b"4".to_vec()));
    }

    #[test]
    fn passes_on_the_error_of_the_capability() {
        assert_eq!(respond(br#"{"number": 7}"#, halve).unwrap_err().code, "odd_number");
    }

    #[test]
    fn says_what_is_wrong_with_an_input_of_another_shape() {
        let error = respond(br#"{"numbr": 8}"#, halve).unwrap_err();
        assert_eq!(error.code, "invalid_input");
        assert!(error.message.contains("missing field `number`"), "{}", error.message);
    }

    #[test]
    fn refuses_what_is_not_json() {
        assert_eq!(respond(b"", halve).unwrap_err().code, "invalid_input");
        assert_eq!(respond(b"\xff", halve).unwrap_err().code, "invalid_input");
    }

    #[test]
    fn says_where_an_input_has_another_shape() {
        #[derive(Deserialize)]
        struct Row {
            #[serde(rename = "a b")]
            _number: u8,
        }
        #[derive(Deserialize)]
        struct Table {
            #[serde(rename = "rows")]
            _rows: Vec<Row>,
        }
        let said = |input: &str| respond(input.as_bytes(), |_: Table| Ok(())).unwrap_err().message;
        for (input, path) in [
            (
                r#"{"rows":[{"a b":1},{"x":"]}","a b":300}]}"#,
                r#"$.rows[1]["a b"]: invalid value"#,
            ),
            (
                "{\n \"rows\": [\n  {\"a b\": -1}]}",
                r#"$.rows[0]["a b"]: invalid value"#,
            ),
            (r#"{"rows":[{"a b":1},{}]}"#, "$.rows[1]: missing field"),
            (r#"{"rows":[{"a b":[1]}]}"#, r#"$.rows[0]["a b"]: invalid type"#),
            (r#"{"rows":7}"#, "$.rows: invalid type"),
            (r#"{}"#, "$: missing field"),
            (r#"[]"#, "$: invalid length"),
        ] {
            assert!(said(input).starts_with(path), "{input}: {}", said(input));
        }
    }

    #[test]
    fn numbers_of_128_bits_arrive_exactly_and_beyond_them_are_refused() {
        let echo = |number: i128| Ok(number);
        let large = "-170141183460469231731687303715884105728";
        assert_eq!(respond(large.as_bytes(), echo), Ok(large.as_bytes().to_vec()));
        let error = respond(b"170141183460469231731687303715884105728", echo).unwrap_err();
        assert_eq!(error.code, "invalid_input");
        assert!(
            error.message.starts_with("$: the number is beyond"),
            "{}",
            error.message
        );
    }

    #[test]
    fn a_panic_of_arithmetic_has_a_code_of_its_own() {
        let code = |text: &'static str| panicked(&text, "").code;
        for text in [
            "attempt to shift left with overflow",
            "Multiplication overflowed",
            "`DateTime + TimeDelta` overflowed",
            "overflow when subtracting durations",
        ] {
            assert_eq!(code(text), "arithmetic_overflow", "{text}");
        }
        for text in ["attempt to divide by zero", "capacity overflow", "no tea"] {
            assert_eq!(code(text), "panic", "{text}");
        }
    }

    #[test]
    fn a_whole_number_beyond_a_json_value_overflows() {
        let large = i128::from(u64::MAX) + 1;
        let panic = std::panic::catch_unwind(|| serde_json::json!({"x": large})).unwrap_err();
        let error = panicked(&*panic, " (src/main.rs:7)");
        assert_eq!(error.code, "arithmetic_overflow");
        assert!(
            error.message.contains("more than 64 bits") && error.message.ends_with(" (src/main.rs:7)"),
            "{}",
            error.message
        );
        assert_eq!(
            Error::from(serde_json::to_value(large).unwrap_err()).code,
            "arithmetic_overflow"
        );
        let read = serde_json::from_str::<serde_json::Value>("1e999");
        assert_eq!(Error::from(read.unwrap_err()).code, "invalid_json");
        let panic = std::panic::catch_unwind(|| serde_json::from_str::<serde_json::Value>("1e999").unwrap());
        assert_eq!(panicked(&*panic.unwrap_err(), "").code, "panic");
    }

    #[test]
    fn an_output_that_json_cannot_hold_is_an_error_of_its_own() {
        let keyed = |_: ()| Ok(std::collections::BTreeMap::from([((1, 2), 3)]));
        assert_eq!(respond(b"null", keyed).unwrap_err().code, "invalid_output");
    }
}
