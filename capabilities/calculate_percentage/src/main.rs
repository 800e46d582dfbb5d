//! Percentages in exact decimal arithmetic: so many percent of a number, or what percentage one number is
//! of another.

use capability_common::{exact_number, run, Error};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Decimals of a percentage that has no end.
const MOST_DECIMALS: u32 = 10;

/// A number as it was written, so that 0.1 is a tenth.
type Written = Box<RawValue>;

/// Either `percentage` and `number`, or `part` and `whole`.
#[derive(Deserialize)]
struct Input {
    percentage: Option<Written>,
    number: Option<Written>,
    part: Option<Written>,
    whole: Option<Written>,
}

#[derive(Serialize)]
struct Output {
    result: Written,
    explanation: String,
}

fn main() {
    run(calculate)
}

fn calculate(input: Input) -> Result<Output, Error> {
    match (input.percentage, input.number, input.part, input.whole) {
        (Some(percentage), Some(number), None, None) => percent_of(&percentage, &number),
        (None, None, Some(part), Some(whole)) => percentage_of(&part, &whole),
        _ => Err(Error::invalid_input("Give percentage and number, or part and whole.")),
    }
}

/// "What is 15 percent of 240?"
fn percent_of(percentage: &Written, number: &Written) -> Result<Output, Error> {
    let (rate, of) = (decimal(percentage)?, decimal(number)?);
    let mut result = rate.checked_mul(of).ok_or_else(out_of_range)?;
    // A product with fewer decimals than its factors have together was rounded to fit.
    if !result.is_zero() && result.scale() != rate.scale() + of.scale() {
        return Err(out_of_range());
    }
    result.set_scale(result.scale() + 2).map_err(|_| out_of_range())?;
    let result = result.normalize();
    let number = exact_number(&result.to_string()).ok_or_else(|| {
        Error::new(
            "out_of_range",
            format!(
                "The result is exactly {result}, which has more digits than a JSON number keeps. Use fewer digits."
            ),
        )
    })?;
    Ok(Output {
        explanation: format!("{rate}% of {of} is {result}"),
        result: number,
    })
}

/// "What percentage of 240 is 36?"
fn percentage_of(part: &Written, whole: &Written) -> Result<Output, Error> {
    let (part, whole) = (decimal(part)?, decimal(whole)?);
    if whole.is_zero() {
        return Err(Error::new(
            "division_by_zero",
            "The whole is 0: nothing is a percentage of it.",
        ));
    }
    let scaled = part.checked_mul(Decimal::ONE_HUNDRED).ok_or_else(out_of_range)?;
    let result = scaled.checked_div(whole).ok_or_else(out_of_range)?;
    // As many decimals as a number has room for; all ten unless it is very large.
    let mut rounded = (0..=MOST_DECIMALS)
        .rev()
        .map(|decimals| result.round_dp(decimals).normalize());
    let (result, number) = rounded
        .find_map(|result| Some((result, exact_number(&result.to_string())?)))
        .ok_or_else(out_of_range)?;
    Ok(Output {
        explanation: format!("{part} is {result}% of {whole}"),
        result: number,
    })
}

fn decimal(number: &Written) -> Result<Decimal, Error> {
    let text = number.get();
    let parsed = match text.split_once(['e', 'E']) {
        // Whose own parser would round a long mantissa.
        Some((mantissa, _)) => Decimal::from_str_exact(mantissa).and_then(|_| Decimal::from_scientific(text)),
        None => Decimal::from_str_exact(text),
    };
    Ok(parsed.map_err(|_| out_of_range())?.normalize())
}

fn out_of_range() -> Error {
    Error::new(
        "out_of_range",
        "The numbers go beyond 28 digits, which is as far as exact arithmetic goes here.",
    )
}

#[cfg(test)]
capability_common::test_cases!(calculate);
