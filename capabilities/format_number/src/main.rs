//! Writes a number for people: thousands separated, decimals rounded, with a currency or a percent sign.

use capability_common::{run, Error};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Input {
    /// A number, or its digits as a text, exact to 28 digits either way.
    number: Box<RawValue>,
    /// How many decimals to show; without it, those that the number has.
    decimals: Option<u32>,
    #[serde(default = "comma")]
    thousands_separator: String,
    #[serde(default = "point")]
    decimal_separator: String,
    /// A three-letter code such as `EUR`.
    currency: Option<String>,
    /// Add a percent sign.
    #[serde(default)]
    percent: bool,
}

#[derive(Serialize)]
struct Output {
    formatted: String,
}

fn comma() -> String {
    ",".to_owned()
}

fn point() -> String {
    ".".to_owned()
}

fn main() {
    run(format_number)
}

fn format_number(input: Input) -> Result<Output, Error> {
    if input.thousands_separator == input.decimal_separator {
        return Err(Error::invalid_input(
            "thousands_separator and decimal_separator must differ.",
        ));
    }
    if input.percent && input.currency.is_some() {
        return Err(Error::invalid_input(
            "A number cannot be both a percentage and an amount of money.",
        ));
    }
    let number = rounded(decimal(&input.number)?, input.decimals)?;
    let digits = written(&number.abs(), &input.thousands_separator, &input.decimal_separator);
    let sign = if number.is_sign_negative() && !number.is_zero() {
        "-"
    } else {
        ""
    };
    let prefix = input.currency.as_deref().map(currency_prefix).unwrap_or_default();
    let suffix = if input.percent { "%" } else { "" };
    Ok(Output {
        formatted: format!("{sign}{prefix}{digits}{suffix}"),
    })
}

fn decimal(number: &RawValue) -> Result<Decimal, Error> {
    let written = number.get();
    let text = match written.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(written)?.trim().to_owned(),
        Some(b'-' | b'0'..=b'9') => written.to_owned(),
        _ => return Err(Error::invalid_input(format!("number is {written}, not a number."))),
    };
    let parsed = match text.split_once(['e', 'E']) {
        // Whose own parser would round a long mantissa.
        Some((mantissa, _)) => Decimal::from_str_exact(mantissa).and_then(|_| Decimal::from_scientific(&text)),
        None => Decimal::from_str_exact(&text),
    };
    // The parser takes 1_000 for a number, as Rust does.
    let parsed = parsed.ok().filter(|_| !text.contains('_'));
    parsed.ok_or_else(|| {
        let code = if text.parse::<f64>().is_ok() {
            "out_of_range"
        } else {
            "not_a_number"
        };
        Error::new(code, format!("{text} is not a number of at most 28 digits."))
    })
}

/// Rounded half away from zero, and padded with zeros, to that many decimals.
fn rounded(number: Decimal, decimals: Option<u32>) -> Result<Decimal, Error> {
    let Some(decimals) = decimals else {
        return Ok(number);
    };
    let mut number = number.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
    number.rescale(decimals);
    if number.scale() != decimals {
        return Err(Error::new(
            "out_of_range",
            format!("{number} with {decimals} decimals has more than 28 digits."),
        ));
    }
    Ok(number)
}

fn written(number: &Decimal, thousands: &str, point: &str) -> String {
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::new();
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position) % 3 == 0 {
            out.push_str(thousands);
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push_str(point);
        out.push_str(fraction);
    }
    out
}

/// The sign of the best-known currencies; the code and a space for the others.
fn currency_prefix(code: &str) -> String {
    let sign = match code {
        "USD" => "$",
        "EUR" => "€",
        "GBP" => "£",
        "JPY" | "CNY" => "¥",
        "INR" => "₹",
        "KRW" => "₩",
        "BRL" => "R$",
        _ => return format!("{code} "),
    };
    sign.to_owned()
}

#[cfg(test)]
capability_common::test_cases!(format_number);
