//! Fetches JSON from the web and answers with it, or with the part of it that a JSON Pointer names.
//!
//! The part is handed on as it is written; a document is never held as a tree of values, which
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
    /// What was rounded.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
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
    let text = text.trim_start_matches('\u{feff}');
    let segments = pointer::segments(&input.pointer);
    let part = pointer::find(text, &segments).map_err(|error| not_json(&error))?;
    let part = part.ok_or_else(|| nothing_there(text, &input.pointer))?;
    pointer::check(part.get()).map_err(|error| not_json(&error))?;
    let handed = pointer::handed_on(part.get());
    Ok(Output {
        value: RawValue::from_string(handed.text)?,
        note: handed.first.map(|first| {
            format!(
                "{} numbers with more digits than are kept were rounded, such as {first}.",
                handed.rounded
            )
        }),
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
