//! What one cell is.

use capability_common::dates::Date;

use crate::number::{read, Digits, Read};

/// A cell by what it says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// A word for a value that is missing.
    Missing,
    /// A word for a missing value among numbers, which may be a value among texts.
    MaybeMissing,
    /// What a spreadsheet shows where a formula failed.
    Failed,
    Boolean,
    Date,
    Number(Read<'a>),
    Code,
    TooLong,
    Text,
}

const MISSING: [&str; 13] = [
    "na", "n/a", "n.a.", "nan", "null", "#n/a", "#na", "<na>", "<null>", "(null)", "\\n", "nat", "n/d",
];
const MAYBE_MISSING: [&str; 7] = ["--", "–", "—", "−", "none", "nil", "..."];
const FAILED: [&str; 8] = [
    "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!", "#spill!", "#calc!",
];

/// The longest of these words.
const LONGEST_WORD: usize = 8;

/// The longest date with its time.
const LONGEST_DATE: usize = 35;

/// Tell what a trimmed cell is that is not empty, and no number in the usual form.
pub fn classify(cell: &str) -> Cell<'_> {
    let bytes = cell.as_bytes();
    if bytes.len() > crate::number::LONGEST {
        return Cell::Text;
    }
    if bytes.first().is_some_and(u8::is_ascii_digit) && bytes.len() <= LONGEST_DATE && is_date(cell) {
        return Cell::Date;
    }
    if bytes.iter().any(u8::is_ascii_digit) {
        match read(cell) {
            Digits::Number(number) => return Cell::Number(number),
            Digits::Code => return Cell::Code,
            Digits::TooLong => return Cell::TooLong,
            Digits::Other => (),
        }
    }
    word(cell)
}

/// Tell what a cell is that is no number.
pub fn word(cell: &str) -> Cell<'_> {
    if cell.len() > LONGEST_WORD {
        return Cell::Text;
    }
    let is_one_of = |words: &[&str]| words.iter().any(|word| cell.eq_ignore_ascii_case(word));
    // Most texts need no comparison with all of them.
    match cell.as_bytes() {
        [b'-' | b'?' | b'.'] => return Cell::MaybeMissing,
        [b'n' | b'N' | b'#' | b'<' | b'(' | b'\\' | b'-' | b'?' | b'.' | b't' | b'T' | b'f' | b'F' | 0xe2, ..] => (),
        _ => return Cell::Text,
    }
    match cell.len() {
        4 if cell.eq_ignore_ascii_case("true") => Cell::Boolean,
        5 if cell.eq_ignore_ascii_case("false") => Cell::Boolean,
        _ if is_one_of(&MISSING) => Cell::Missing,
        _ if is_one_of(&MAYBE_MISSING) => Cell::MaybeMissing,
        _ if is_one_of(&FAILED) => Cell::Failed,
        _ => Cell::Text,
    }
}

/// Whether a cell is a day that exists, with or without a time: 2026-01-31, 2026/01/31, 31.01.2026, 1/31/2026.
fn is_date(cell: &str) -> bool {
    let bytes = cell.as_bytes();
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = bytes.get(digits).copied().unwrap_or_default();
    if !matches!((digits, sign), (4, b'-' | b'/') | (1 | 2, b'.' | b'/' | b'-')) {
        return false;
    }
    let end = cell.find([' ', 'T']).unwrap_or(cell.len());
    let (day, time) = cell.split_at(end);
    let mut parts = day.split(char::from(sign));
    let (Some(one), Some(two), Some(three), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let exists = match sign {
        _ if digits == 4 => is_day(one, two, three),
        b'/' => is_day(three, one, two) || is_day(three, two, one),
        _ => is_day(three, two, one),
    };
    exists && (time.is_empty() || is_time(time.get(1..).unwrap_or_default()))
}

fn is_day(year: &str, month: &str, day: &str) -> bool {
    let number = |text: &str, most: usize| {
        let plain = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_: &u16| plain)
    };
    let small = |text| number(text, 2).and_then(|number| u8::try_from(number).ok());
    match (number(year, 4), small(month), small(day)) {
        (Some(year), Some(month), Some(day)) if matches!(text_length(year), 4) => Date::new(year, month, day).is_some(),
        _ => false,
    }
}

fn text_length(year: u16) -> u32 {
    year.checked_ilog10().map_or(1, |log| log + 1)
}

/// Whether a text is a time of day, such as `10:30`, `10:30:00.5`, `09:00:00Z`, `9:00 PM` or `10:30:00 +02:00`.
fn is_time(text: &str) -> bool {
    let clock = text
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'))
        .count();
    let (clock, zone) = text.split_at(clock);
    let mut parts = clock.split(':');
    let hour = parts.next().is_some_and(|hour| (1..=2).contains(&hour.len()));
    let (minute, second) = (parts.next(), parts.next().unwrap_or("00"));
    let two = |part: &str| part.len() >= 2 && part.get(..2).is_some_and(|part| part <= "60");
    let zone = zone.trim();
    let zoned = matches!(zone, "" | "Z" | "UTC" | "GMT" | "AM" | "PM" | "am" | "pm") || zone.starts_with(['+', '-']);
    hour && minute.is_some_and(two) && two(second) && parts.next().is_none() && zoned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_exist_are_dates() {
        for cell in [
            "2026-01-31",
            "2026/01/31",
            "31.01.2026",
            "1.2.2026",
            "1/31/2026",
            "31/1/2026",
            "2026-01-31T10:30:00Z",
            "2026-01-31 10:30",
            "31.01.2026 09:05:01.25",
            "2028-02-29",
            "1/2/2026 9:00 PM",
            "31-01-2026",
            "2026-01-31T10:30:00+02:00",
        ] {
            assert_eq!(classify(cell), Cell::Date, "{cell}");
        }
        for cell in [
            "2026-02-30",
            "2026-13-01",
            "31.02.2026",
            "13/13/2026",
            "2026-01-31 soon",
            "2026-01",
            "1.2.26",
            "2027-02-29T10:00",
        ] {
            assert!(matches!(classify(cell), Cell::Text | Cell::Code), "{cell}");
        }
    }

    #[test]
    fn words_for_missing_values_are_known_in_any_case() {
        for cell in ["NA", "n/a", "NaN", "NULL", "#N/A", "\\N", "N.A."] {
            assert_eq!(classify(cell), Cell::Missing, "{cell}");
        }
        for cell in ["-", "None", "—", "?"] {
            assert_eq!(classify(cell), Cell::MaybeMissing, "{cell}");
        }
        assert_eq!(classify("#DIV/0!"), Cell::Failed);
        assert_eq!(classify("True"), Cell::Boolean);
        assert_eq!(classify("Nancy"), Cell::Text);
    }
}
