//! Days of the calendar: the one check that every date a capability takes goes through.

use std::fmt;

use crate::error::Error;
use crate::host::current_time_millis;

const DAY_MILLIS: i64 = 86_400_000;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A day from 0001-01-01 to 9999-12-31 that the Gregorian calendar has; days compare in their order.
///
/// ```
/// use capability_common::dates::Date;
///
/// assert!(Date::read("from", "2028-02-29").is_ok());
/// assert!(Date::read("from", "2027-02-29").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The day, if there is one.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let exists =
            (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
        exists.then_some(Self { year, month, day })
    }

    /// Read a date such as `2026-04-01`; fails with `invalid_input`, which names the `field`.
    pub fn read(field: &str, text: &str) -> Result<Self, Error> {
        let Some((year, month, day)) = parts(text) else {
            let shown: String = text.chars().take(40).collect();
            return Err(Error::invalid_input(format!(
                "{field} must be a date such as 2026-04-01, not '{shown}'."
            )));
        };
        Self::new(year, month, day).ok_or_else(|| {
            Error::invalid_input(format!(
                "{field} must be a day that exists, not {text}: {}.",
                absence(year, month)
            ))
        })
    }

    /// Read a date such as `2026-04-01`; None for every other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month, day) = parts(text)?;
        Self::new(year, month, day)
    }

    /// Today, in UTC.
    pub fn today() -> Result<Self, Error> {
        let since_epoch = current_time_millis().div_euclid(DAY_MILLIS);
        Self::since_epoch(since_epoch)
            .ok_or_else(|| Error::new("clock_out_of_range", "The host's clock is beyond what a date can say."))
    }

    /// The day so many days after 1970-01-01.
    fn since_epoch(days: i64) -> Option<Self> {
        // The civil calendar in eras of 400 years that begin on the first of March, so that leap days come last.
        let days = days.checked_add(719_468)?;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = era.checked_mul(400)? + year_of_era + i64::from(month <= 2);
        Self::new(
            u16::try_from(year).ok()?,
            u8::try_from(month).ok()?,
            u8::try_from(day).ok()?,
        )
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Year, month and day of a text with the form of a date.
fn parts(text: &str) -> Option<(u16, u8, u8)> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else {
        return None;
    };
    let year = [y1, y2, y3, y4]
        .iter()
        .try_fold(0, |value, byte| digit(*byte).map(|digit| value * 10 + u16::from(digit)))?;
    Some((year, digit(m1)? * 10 + digit(m2)?, digit(d1)? * 10 + digit(d2)?))
}

fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

fn days_in(year: u16, month: u8) -> u8 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Why there is no such day.
fn absence(year: u16, month: u8) -> String {
    match month.checked_sub(1).and_then(|index| MONTHS.get(usize::from(index))) {
        None => "months run from 01 to 12".to_owned(),
        Some(_) if year == 0 => "years run from 0001 to 9999".to_owned(),
        Some(name) => format!("{name} {year} has the days 01 to {}", days_in(year, month)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::with_world;

    #[test]
    fn knows_the_lengths_of_months_and_leap_years() {
        for real in [
            "2026-01-31",
            "2026-04-30",
            "2028-02-29",
            "2000-02-29",
            "0001-01-01",
            "9999-12-31",
        ] {
            assert_eq!(Date::parse(real).unwrap().to_string(), real);
        }
        for none in [
            "2026-02-29",
            "1900-02-29",
            "2100-02-29",
            "2026-04-31",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "0000-01-01",
        ] {
            assert_eq!(Date::parse(none), None, "{none}");
        }
    }

    #[test]
    fn takes_no_other_form() {
        for other in [
            "",
            "2026-1-1",
            "2026-01-01 ",
            "2026-01-01\n",
            "+026-01-01",
            "2026/01/01",
            "２０２６-01-01",
            "20260101",
            "2026-01-01T00:00",
        ] {
            assert_eq!(Date::parse(other), None, "{other}");
        }
    }

    #[test]
    fn an_error_names_the_field_and_says_why() {
        let error = Date::read("from", "2026-02-30").unwrap_err();
        assert_eq!(error.code, "invalid_input");
        assert_eq!(
            error.message,
            "from must be a day that exists, not 2026-02-30: February 2026 has the days 01 to 28."
        );
        let said = |text| Date::read("to", text).unwrap_err().message;
        assert!(said("2026-13-01").ends_with("months run from 01 to 12."));
        assert!(said("0000-01-01").ends_with("years run from 0001 to 9999."));
        assert_eq!(said("soon"), "to must be a date such as 2026-04-01, not 'soon'.");
    }

    #[test]
    fn today_is_the_day_of_the_host_in_utc() {
        let today = |now| {
            with_world(|world| world.now = now);
            Date::today().map(|date| date.to_string())
        };
        assert_eq!(today(0).unwrap(), "1970-01-01");
        assert_eq!(today(-1).unwrap(), "1969-12-31");
        assert_eq!(today(951_782_399_999).unwrap(), "2000-02-28");
        assert_eq!(today(951_782_400_000).unwrap(), "2000-02-29");
        assert_eq!(today(1_796_083_199_999).unwrap(), "2026-11-30");
        assert_eq!(today(253_402_300_799_999).unwrap(), "9999-12-31");
        for beyond in [253_402_300_800_000, i64::MAX, i64::MIN] {
            assert_eq!(today(beyond).unwrap_err().code, "clock_out_of_range");
        }
    }
}
