//! Fetches JSON from the web and answers with it, or with the part of it that a JSON Pointer names.
//!
//! The part is handed on as it is written, digit by digit; a document is never held as a tree of values, which
//! takes many times the memory of its text.

mod pointer;

use capability_common::{http_get, run, Error};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Input {
    url: String,
    /// A JSON Pointer (RFC 6901) such as `/items/0/name`.
    #[serde(default)]
    pointer: String,
}

#[derive(Serialize)]
struct Output {
    value: Box<RawValue>,
}

fn main() {
    run(fetch)
}

fn fetch(input: Input) -> Result<Output, Error> {
    let not_json = |error: &dyn std::fmt::Display| {
        Error::new("not_json", format!("{} did not answer with JSON: {error}.", input.url))
    };
    let body = http_get(&input.url).map_err(|error| Error::new("http_failed", error))?;
    let text = String::from_utf8(body).map_err(|error| not_json(&error))?;
    let segments = pointer::segments(&input.pointer);
    let part = pointer::find(&text, &segments).map_err(|error| not_json(&error))?;
    let part = part.ok_or_else(|| nothing_there(&text, &input.pointer))?;
    pointer::check(part.get()).map_err(|error| not_json(&error))?;
    let text = pointer::compact(part.get());
    if let Some(number) = pointer::inexact(&text) {
        // What the world answered, so the code is the one that the host's functions give such answers.
        let shown: String = number.chars().take(40).collect();
        return Err(Error::new(
            "invalid_request",
            format!(
                "{} answers with a number that would lose digits here: {shown}.",
                input.url
            ),
        ));
    }
    Ok(Output {
        value: RawValue::from_string(text)?,
    })
}

fn nothing_there(text: &str, pointer: &str) -> Error {
    let outline = pointer::outline(text);
    Error::new(
        "pointer_not_found",
        format!("There is nothing at {pointer}; the document is {outline}."),
    )
}

#[cfg(test)]
capability_common::test_cases!(fetch);
