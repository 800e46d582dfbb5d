//! Turns a text around, character by character as a reader sees them: accents, emoji and flags stay whole.

use capability_common::{run, Error};
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

#[derive(Deserialize)]
struct Input {
    text: String,
}

#[derive(Serialize)]
struct Output {
    reversed: String,
}

fn main() {
    run(reverse)
}

fn reverse(input: Input) -> Result<Output, Error> {
    Ok(Output {
        reversed: input.text.graphemes(true).rev().collect(),
    })
}

#[cfg(test)]
capability_common::test_cases!(reverse);
