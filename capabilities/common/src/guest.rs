//! The frame around a capability's function: stdin in, one JSON value out, failures as error objects.

use std::io::{Read, Write};
use std::process::exit;

use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::error::Error;

/// Run a capability: read its input from stdin, call it, print what it answers.
///
/// An input that is not a `T` fails with `invalid_input`. An error, a panic included (its code is `panic`),
/// is printed as `{"error": {"code", "message"}}` and ends the process with exit code 1.
pub fn run<T: DeserializeOwned, U: Serialize>(capability: impl FnOnce(T) -> Result<U, Error>) {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| fail(&panicked(panic))));
    let mut input = Vec::new();
    if let Err(error) = std::io::stdin().read_to_end(&mut input) {
        fail(&Error::new("unreadable_input", error));
    }
    match respond(&input, capability) {
        Ok(output) => print(&output),
        Err(error) => fail(&error),
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
    let input = serde_json::from_slice(input).map_err(Error::invalid_input)?;
    let output = capability(input)?;
    serde_json::to_vec(&output).map_err(|error| Error::new("invalid_output", error))
}

#[cfg(target_arch = "wasm32")]
fn panicked(panic: &std::panic::PanicHookInfo<'_>) -> Error {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("the capability panicked");
    match panic.location() {
        Some(at) => Error::new("panic", format!("{text} ({}:{})", at.file(), at.line())),
        None => Error::new("panic", text),
    }
}

fn fail(error: &Error) -> ! {
    #[derive(Serialize)]
    struct Failure<'a> {
        error: &'a Error,
    }
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
    fn an_output_that_json_cannot_hold_is_an_error_of_its_own() {
        let keyed = |_: ()| Ok(std::collections::BTreeMap::from([((1, 2), 3)]));
        assert_eq!(respond(b"null", keyed).unwrap_err().code, "invalid_output");
    }
}
