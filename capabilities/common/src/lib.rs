//! What a Tacit capability is written with.
//!
//! A capability reads one JSON value from stdin, prints one JSON value and exits with code 0; [`run`] does
//! all of that around a plain function:
//!
//! ```no_run
//! use capability_common::{run, Error};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Input {
//!     text: String,
//! }
//!
//! #[derive(Serialize)]
//! struct Output {
//!     words: usize,
//! }
//!
//! fn count_words(input: Input) -> Result<Output, Error> {
//!     if input.text.is_empty() {
//!         return Err(Error::new("empty_text", "There is no text to count the words of."));
//!     }
//!     Ok(Output { words: input.text.split_whitespace().count() })
//! }
//!
//! fn main() {
//!     run(count_words)
//! }
//! ```
//!
//! The world is reached through the host's functions alone: [`http_get`], [`file_read`], [`file_write`],
//! [`list_folder`], [`capability_call`], [`current_time_millis`] and their typed forms. Sockets, the
//! environment and `std::fs` do not exist in the sandbox.
//!
//! Built for the machine itself, as `cargo test` does, the same functions answer from a world in memory
//! that a test sets up: see [`testing`].

mod error;
mod guest;
mod host;
mod numbers;
mod places;

#[cfg(target_arch = "wasm32")]
#[path = "wasm.rs"]
mod backend;

#[cfg(not(target_arch = "wasm32"))]
#[path = "native.rs"]
mod backend;

pub mod dates;
pub mod employees;
#[cfg(not(target_arch = "wasm32"))]
mod exchanges;
pub mod salaries;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod texts;

pub use error::Error;
pub use guest::{log, run};
pub use host::{
    capability_call, current_time_millis, file_read, file_read_text, file_write, http_get, http_get_json,
    http_get_text, list_folder, HostError, HostErrorKind,
};
pub use numbers::exact_number;
