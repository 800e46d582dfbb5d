//! The host's functions, typed. Nothing here panics, whatever the host answers.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::backend;

/// What kind of failure the host answered; its negative codes are those of the server's `FailureCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostErrorKind {
    /// It did not work, for a reason that only the message tells (-1, and codes unknown to this crate).
    Failed,
    /// There is no such file, folder, host or capability (-2).
    NotFound,
    /// The answer or the data is over a limit (-3).
    TooLarge,
    /// The other side did not answer in time (-4).
    TimedOut,
    /// The request or the answer is malformed (-5).
    Invalid,
}

impl HostErrorKind {
    /// The stable code that an [`Error`](crate::Error) made from it has.
    pub fn code(self) -> &'static str {
        match self {
            Self::Failed => "host_failed",
            Self::NotFound => "not_found",
            Self::TooLarge => "too_large",
            Self::TimedOut => "timed_out",
            Self::Invalid => "invalid_request",
        }
    }

    /// The kind that a negative answer of a host function stands for.
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
    pub(crate) fn of_answer(answer: i64) -> Self {
        match answer {
            -2 => Self::NotFound,
            -3 => Self::TooLarge,
            -4 => Self::TimedOut,
            -5 => Self::Invalid,
            _ => Self::Failed,
        }
    }
}

/// A failure that the host reported and that a capability may handle.
///
/// What the operator has not granted is not reported this way: it ends the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostError {
    /// What kind of failure it was.
    pub kind: HostErrorKind,
    /// What the host said about it.
    pub message: String,
}

impl HostError {
    /// Make a failure of a kind.
    pub fn new(kind: HostErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for HostError {}

/// Fetch a URL with GET and return the body of the answer.
pub fn http_get(url: &str) -> Result<Vec<u8>, HostError> {
    backend::http_get(url)
}

/// Fetch a URL with GET and return the body, which must be UTF-8.
pub fn http_get_text(url: &str) -> Result<String, HostError> {
    text(backend::http_get(url)?, url)
}

/// Fetch a URL with GET and read the JSON of its answer.
pub fn http_get_json<T: DeserializeOwned>(url: &str) -> Result<T, HostError> {
    json(&backend::http_get(url)?, url)
}

/// Read a file; `path` is relative to the files folder and uses `/`.
pub fn file_read(path: &str) -> Result<Vec<u8>, HostError> {
    backend::file_read(path)
}

/// Read a file that must be UTF-8.
pub fn file_read_text(path: &str) -> Result<String, HostError> {
    text(backend::file_read(path)?, path)
}

/// Write a whole file, made with its folders where missing. It lands only if the run succeeds.
pub fn file_write(path: &str, data: impl AsRef<[u8]>) -> Result<(), HostError> {
    backend::file_write(path, data.as_ref())
}

/// List the names in a folder, sorted; names of folders end in `/`. `""` is the files folder itself.
pub fn list_folder(path: &str) -> Result<Vec<String>, HostError> {
    let folder = match path.trim_end_matches('/') {
        "" | "." => ".".to_owned(),
        folder => format!("{folder}/"),
    };
    json(&backend::file_read(&folder)?, &folder)
}

/// Run another capability on `input` and read its output.
pub fn capability_call<T: Serialize + ?Sized, U: DeserializeOwned>(id: &str, input: &T) -> Result<U, HostError> {
    let input = serde_json::to_vec(input).map_err(|error| {
        HostError::new(
            HostErrorKind::Invalid,
            format!("The input of {id} is not JSON: {error}."),
        )
    })?;
    json(&backend::capability_call(id, &input)?, id)
}

/// The time in milliseconds since the Unix epoch, as the host tells it.
pub fn current_time_millis() -> i64 {
    backend::current_time_millis()
}

fn text(bytes: Vec<u8>, source: &str) -> Result<String, HostError> {
    String::from_utf8(bytes).map_err(|_| HostError::new(HostErrorKind::Invalid, format!("{source} is not UTF-8 text.")))
}

fn json<T: DeserializeOwned>(bytes: &[u8], source: &str) -> Result<T, HostError> {
    serde_json::from_slice(bytes).map_err(|error| {
        HostError::new(
            HostErrorKind::Invalid,
            format!("What {source} answered is not the JSON expected: {error}."),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_negative_answer_has_a_kind() {
        let kinds: Vec<_> = (-6..0)
            .rev()
            .map(HostErrorKind::of_answer)
            .map(HostErrorKind::code)
            .collect();
        let expected = [
            "host_failed",
            "not_found",
            "too_large",
            "timed_out",
            "invalid_request",
            "host_failed",
        ];
        assert_eq!(kinds, expected);
        assert_eq!(HostErrorKind::of_answer(i64::MIN), HostErrorKind::Failed);
    }

    #[test]
    fn text_that_is_not_utf8_is_an_invalid_answer() {
        crate::testing::with_world(|world| world.files.insert("raw".to_owned(), vec![0xff]));
        assert_eq!(file_read("raw"), Ok(vec![0xff]));
        assert_eq!(file_read_text("raw").unwrap_err().kind, HostErrorKind::Invalid);
    }
}
