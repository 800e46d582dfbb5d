//! Decimal numbers that are added up exactly.

use std::cmp::Ordering;
use std::fmt;

use capability_common::exact_number;
use serde_json::value::RawValue;

use crate::number::Plain;

/// How many digits a number has at most.
pub const MOST_DIGITS: usize = 37;

/// How many decimals a number has at most.
const MOST_DECIMALS: u32 = 37;

/// How many decimals a mean is rounded to.
const MEAN_DECIMALS: u32 = 6;

/// `mantissa` / 10^`scale`.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

impl Decimal {
    /// Nothing at all.
    pub const ZERO: Self = Self::new(0, 0);

    /// A number of so many decimals.
    pub const fn new(mantissa: i128, scale: u32) -> Self {
        Self { mantissa, scale }
    }

    /// `mantissa` × 10^`exponent`; None if that is more than can be held.
    pub fn of_exponent(mantissa: i128, exponent: i32) -> Option<Self> {
        match u32::try_from(exponent) {
            Ok(0) => Some(Self::new(mantissa, 0)),
            Ok(power) => Some(Self::new(mantissa.checked_mul(power_of_ten(power)?)?, 0)),
            Err(_) => {
                let scale = exponent.unsigned_abs();
                (scale <= MOST_DECIMALS).then_some(Self::new(mantissa, scale))
            }
        }
    }

    /// As a number of 64 bits that leave room for sums, if it is one.
    pub fn to_plain(self) -> Option<Plain> {
        let value = i64::try_from(self.mantissa).ok()?;
        Some(Plain {
            value,
            scale: self.scale,
        })
    }

    /// Whether it is written without decimals.
    pub fn is_whole(self) -> bool {
        self.scale == 0
    }

    /// The sum, if it can be held.
    pub fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let sum = self.scaled_to(scale)?.checked_add(other.scaled_to(scale)?)?;
        Some(Self::new(sum, scale))
    }

    /// The mean of `count` numbers that have this sum.
    pub fn divided_by(self, count: usize) -> Option<Self> {
        let count = i128::try_from(count).ok().filter(|count| *count > 0)?;
        let scaled = self.mantissa.checked_mul(power_of_ten(MEAN_DECIMALS)?);
        let divisor = count.checked_mul(power_of_ten(self.scale)?);
        match scaled.zip(divisor) {
            Some((scaled, divisor)) => Some(Self::new(half_even(scaled, divisor), MEAN_DECIMALS)),
            None => Some(Self::new(half_even(self.mantissa, count), self.scale)),
        }
    }

    /// As a JSON number; None where whoever reads it would lose digits, as of a fraction with more than a double has.
    pub fn to_json(self) -> Option<Box<RawValue>> {
        exact_number(&self.to_string())
    }

    /// As `to_json`, with fewer decimals where all of them would be too many.
    pub fn to_rounded_json(self) -> Option<Box<RawValue>> {
        (0..=self.scale).rev().find_map(|scale| {
            let power = power_of_ten(self.scale - scale)?;
            Self::new(half_even(self.mantissa, power), scale).to_json()
        })
    }

    fn scaled_to(self, scale: u32) -> Option<i128> {
        if scale == self.scale {
            return Some(self.mantissa);
        }
        self.mantissa.checked_mul(power_of_ten(scale - self.scale)?)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (self.scaled_to(scale), other.scaled_to(scale)) {
            (Some(one), Some(other)) => one.cmp(&other),
            // What cannot be scaled up is the larger one by far.
            (None, _) => self.mantissa.cmp(&0),
            (_, None) => 0.cmp(&other.mantissa),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.scale as usize + 1;
        let digits = format!("{:0width$}", self.mantissa.unsigned_abs());
        let (whole, decimals) = digits.split_at(digits.len() - self.scale as usize);
        let decimals = decimals.trim_end_matches('0');
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let point = if decimals.is_empty() { "" } else { "." };
        write!(formatter, "{sign}{whole}{point}{decimals}")
    }
}

fn power_of_ten(power: u32) -> Option<i128> {
    10_i128.checked_pow(power)
}

/// The quotient, rounded to the nearest whole number, halves to the even one.
fn half_even(number: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (number.div_euclid(divisor), number.rem_euclid(divisor));
    match rest.cmp(&(divisor - rest)) {
        Ordering::Less => quotient,
        Ordering::Equal if quotient % 2 == 0 => quotient,
        _ => quotient + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(mantissa: i128, scale: u32) -> Decimal {
        Decimal::new(mantissa, scale)
    }

    #[test]
    fn sums_and_means_are_exact() {
        let sum = decimal(1, 1).plus(decimal(2, 1)).unwrap();
        assert_eq!(sum.to_string(), "0.3");
        assert_eq!(sum.divided_by(2).unwrap().to_string(), "0.15");
        assert_eq!(decimal(10, 0).divided_by(3).unwrap().to_string(), "3.333333");
        assert_eq!(decimal(-5, 7).divided_by(1).unwrap().to_string(), "0");
        assert_eq!(decimal(-15, 7).divided_by(1).unwrap().to_string(), "-0.000002");
        assert_eq!(
            decimal(i128::MAX, 0).divided_by(2).unwrap().to_string(),
            (i128::MAX / 2 + 1).to_string()
        );
    }

    #[test]
    fn what_cannot_be_held_is_none() {
        assert!(decimal(i128::MAX, 0).plus(decimal(1, 0)).is_none());
        assert!(decimal(i128::MAX, 0).plus(decimal(1, 1)).is_none());
        assert!(Decimal::of_exponent(1, 39).is_none());
        assert_eq!(Decimal::of_exponent(15, 2).unwrap().to_string(), "1500");
    }

    #[test]
    fn numbers_compare_whatever_their_decimals() {
        assert!(decimal(15, 1) < decimal(151, 2));
        assert_eq!(decimal(150, 2), decimal(15, 1));
        assert!(decimal(i128::MAX, 0) > decimal(1, 30));
        assert!(decimal(i128::MIN, 0) < decimal(1, 30));
        assert!(decimal(1, 30) < decimal(i128::MAX, 0));
    }

    #[test]
    fn what_a_reader_would_not_keep_is_not_written() {
        let json = |number: Option<Box<RawValue>>| number.map(|number| number.get().to_owned());
        assert_eq!(json(decimal(1_234_567_890_123_456_789, 19).to_json()), None);
        assert_eq!(json(decimal(1, 1).to_json()).as_deref(), Some("0.1"));
        assert_eq!(
            json(decimal(123_456_789_012_345_678_951, 2).to_rounded_json()).as_deref(),
            Some("1234567890123456790")
        );
        assert_eq!(json(decimal(615_000_000, 6).to_rounded_json()).as_deref(), Some("615"));
    }

    #[test]
    fn every_digit_is_written() {
        assert_eq!(
            decimal(12_345_678_901_234_567_890_123, 0).to_json().unwrap().get(),
            "12345678901234567890123"
        );
        assert_eq!(decimal(-5, 3).to_string(), "-0.005");
        assert_eq!(decimal(100, 2).to_string(), "1");
        assert_eq!(decimal(0, 4).to_string(), "0");
    }
}
