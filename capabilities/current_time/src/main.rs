//! The date and time now, in UTC or at a given distance from it. Knows no time zones by name.

use capability_common::{current_time_millis, run, Error};
use chrono::{DateTime, Datelike, FixedOffset, SecondsFormat};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    /// Such as `+02:00` or `Z`.
    #[serde(default = "utc")]
    utc_offset: String,
}

#[derive(Serialize)]
struct Output {
    iso8601: String,
    date: String,
    time: String,
    weekday: String,
    iso_week: u32,
    day_of_year: u32,
    utc_offset: String,
    epoch_millis: i64,
}

fn utc() -> String {
    "Z".to_owned()
}

fn main() {
    run(current_time)
}

fn current_time(input: Input) -> Result<Output, Error> {
    let epoch_millis = current_time_millis();
    let offset = parse_offset(&input.utc_offset)?;
    let now = DateTime::from_timestamp_millis(epoch_millis)
        .ok_or_else(|| Error::new("clock_out_of_range", "The host's clock is beyond what a date can say."))?
        .with_timezone(&offset);
    Ok(Output {
        iso8601: now.to_rfc3339_opts(SecondsFormat::Millis, true),
        date: now.format("%Y-%m-%d").to_string(),
        time: now.format("%H:%M:%S").to_string(),
        weekday: now.format("%A").to_string(),
        iso_week: now.iso_week().week(),
        day_of_year: now.ordinal(),
        utc_offset: offset.to_string(),
        epoch_millis,
    })
}

fn parse_offset(text: &str) -> Result<FixedOffset, Error> {
    let text = if text == "Z" || text == "UTC" { "+00:00" } else { text };
    text.parse()
        .map_err(|_| Error::invalid_input("utc_offset must be Z, UTC or such as +02:00 or -05:30."))
}

#[cfg(test)]
capability_common::test_cases!(current_time);
