//! The error that a capability ends with.

use std::fmt;
use std::num::{ParseFloatError, ParseIntError, TryFromIntError};

use serde::Serialize;

use crate::host::HostError;

/// The code of a whole number that overflowed, which the host knows.
pub(crate) const OVERFLOW: &str = "arithmetic_overflow";

/// What is said of a whole number that a `serde_json::Value` cannot hold.
pub(crate) const BEYOND: &str =
    "a whole number of more than 64 bits does not fit a JSON value; a field of its own type or a text holds it";

/// Why a capability failed: a stable `code` for programs and a `message` for whoever reads it.
///
/// Printed as `{"error": {"code": …, "message": …}}`. Codes are lower-case words joined by underscores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Error {
    /// A stable code, such as `employee_not_found`.
    pub code: String,
    /// One or two sentences that say what was wrong and, where possible, what to do.
    pub message: String,
}

impl Error {
    /// Make an error from a code and anything that can be shown: `.map_err(|e| Error::new("bad_date", e))`.
    pub fn new(code: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            code: code.into(),
            message: message.to_string(),
        }
    }

    /// Make the error of an input that breaks a rule which its schema cannot say.
    pub fn invalid_input(message: impl fmt::Display) -> Self {
        Self::new("invalid_input", message)
    }
}

impl Error {
    /// The error of a float that JSON has no number for, if that is why a value could not be written.
    pub(crate) fn not_finite(error: &serde_json::Error, path: &str) -> Option<Self> {
        let text = error.to_string();
        let number = match text.strip_prefix("not finite: ")? {
            "NaN" => "is NaN",
            _ => "is infinite",
        };
        Some(Self::new(
            "not_finite",
            format!(
                "{path} {number}, which is no number of JSON; a division by zero or a number too large gives that."
            ),
        ))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

impl From<HostError> for Error {
    fn from(error: HostError) -> Self {
        Self {
            code: error.kind.code().to_owned(),
            message: error.message,
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        // What is read from a text has a line.
        if error.line() == 0 && error.to_string() == "number out of range" {
            return Self::new(OVERFLOW, BEYOND);
        }
        Self::not_finite(&error, "A value").unwrap_or_else(|| Self::new("invalid_json", error))
    }
}

impl From<TryFromIntError> for Error {
    /// A whole number that does not fit its new type, as `u32::try_from(n)?` finds out.
    fn from(_: TryFromIntError) -> Self {
        Self::new(
            OVERFLOW,
            "A whole number does not fit the type that it is converted to.",
        )
    }
}

impl From<Box<dyn std::error::Error>> for Error {
    /// An `Error` or `HostError` inside keeps its code; anything else gets `failed`.
    fn from(error: Box<dyn std::error::Error>) -> Self {
        match error.downcast::<Error>() {
            Ok(error) => *error,
            Err(error) => match error.downcast::<HostError>() {
                Ok(error) => (*error).into(),
                Err(error) => Self::new("failed", error),
            },
        }
    }
}

macro_rules! failed_from {
    ($($source:ty),+) => {
        $(impl From<$source> for Error {
            fn from(error: $source) -> Self {
                Self::new("failed", error)
            }
        })+
    };
}

failed_from!(
    &str,
    String,
    fmt::Error,
    ParseFloatError,
    ParseIntError,
    std::str::Utf8Error,
    std::string::FromUtf8Error
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostErrorKind;

    #[test]
    fn question_mark_turns_plain_texts_and_parse_errors_into_errors() {
        fn parse(text: &str) -> Result<f64, Error> {
            if text.is_empty() {
                Err("nothing to parse")?;
            }
            Ok(text.parse::<f64>()?)
        }
        assert_eq!(parse("").unwrap_err().message, "nothing to parse");
        assert_eq!(parse("x").unwrap_err().code, "failed");
        assert_eq!(parse("1.5"), Ok(1.5));
    }

    #[test]
    fn boxed_errors_keep_the_code_they_had() {
        let own: Box<dyn std::error::Error> = Box::new(Error::new("odd", "An odd thing."));
        assert_eq!(Error::from(own), Error::new("odd", "An odd thing."));
        let host: Box<dyn std::error::Error> = Box::new(HostError::new(HostErrorKind::NotFound, "gone"));
        assert_eq!(Error::from(host), Error::new("not_found", "gone"));
        let other: Box<dyn std::error::Error> = "other".into();
        assert_eq!(Error::from(other), Error::new("failed", "other"));
    }
}
