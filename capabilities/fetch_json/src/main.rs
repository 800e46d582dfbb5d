//! Fetches JSON from the web and answers with it, or with the part of it that a JSON Pointer names.

use capability_common::{http_get, run, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize)]
struct Input {
    url: String,
    /// A JSON Pointer (RFC 6901) such as `/items/0/name`.
    #[serde(default)]
    pointer: String,
}

#[derive(Serialize)]
struct Output {
    value: Value,
}

fn main() {
    run(fetch)
}

fn fetch(input: Input) -> Result<Output, Error> {
    let body = http_get(&input.url).map_err(|error| Error::new("http_failed", error))?;
    let mut document: Value = serde_json::from_slice(&body)
        .map_err(|error| Error::new("not_json", format!("{} did not answer with JSON: {error}.", input.url)))?;
    let value = document.pointer_mut(&input.pointer).map(Value::take);
    let value = value.ok_or_else(|| nothing_there(&document, &input.pointer))?;
    Ok(Output { value })
}

fn nothing_there(document: &Value, pointer: &str) -> Error {
    let has = match document {
        Value::Object(object) => {
            let keys: Vec<_> = object.keys().take(20).map(String::as_str).collect();
            format!("an object with the keys {}", keys.join(", "))
        }
        Value::Array(array) => format!("a list of {} values", array.len()),
        _ => "a single value".to_owned(),
    };
    Error::new(
        "pointer_not_found",
        format!("There is nothing at {pointer}; the document is {has}."),
    )
}

#[cfg(test)]
capability_common::test_cases!(fetch);
