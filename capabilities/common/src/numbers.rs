//! Numbers that keep their digits on the way out.

use serde_json::value::RawValue;

/// The JSON number with these digits, or None where whoever reads it would lose some of them.
///
/// A whole number is read exactly, however long it is; any other becomes a double, which has to show the same digits.
/// An input keeps its own in a field of type `Box<RawValue>`.
///
/// ```
/// use capability_common::exact_number;
/// assert!(exact_number("12345678901234567890123").is_some());
/// assert!(exact_number("0.30").is_some());
/// assert!(exact_number("0.1234567890123456789").is_none());
/// ```
pub fn exact_number(digits: &str) -> Option<Box<RawValue>> {
    let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if !is_whole && !holds(digits.parse().ok()?, digits) {
        return None;
    }
    RawValue::from_string(digits.to_owned()).ok()
}

/// Whether a double, written with as many digits, shows these.
fn holds(number: f64, digits: &str) -> bool {
    let wanted = significant(digits);
    let most = wanted.len().saturating_sub(1);
    number.is_finite() && significant(&format!("{number:.most$e}")) == wanted
}

/// The digits of a number without its sign, point, exponent and outer zeros.
fn significant(digits: &str) -> String {
    let mantissa = digits.split(['e', 'E']).next().unwrap_or_default();
    let plain: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    plain.trim_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_reader_keeps_is_a_number() {
        for digits in [
            "0",
            "-7",
            "0.1",
            "-0.30",
            "1e23",
            "123456789012345678901234567890",
            "0.1000000000000000055511",
        ] {
            assert_eq!(exact_number(digits).unwrap().get(), digits);
        }
        for digits in [
            "0.1234567890123456789",
            "12345678901234567890.5",
            "1e400",
            "1e-400",
            "",
            "x",
            "01",
            "1-2",
        ] {
            assert!(exact_number(digits).is_none(), "{digits}");
        }
    }
}
