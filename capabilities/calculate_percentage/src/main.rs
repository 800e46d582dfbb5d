//! Percentages in exact decimal arithmetic: so many percent of a number, or what percentage one number is
//! of another.

use capability_common::{run, Error};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// Either `percentage` and `number`, or `part` and `whole`.
#[derive(Deserialize)]
struct Input {
    percentage: Option<Number>,
    number: Option<Number>,
    part: Option<Number>,
    whole: Option<Number>,
}

#[derive(Serialize)]
struct Output {
    result: Number,
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
fn percent_of(percentage: &Number, number: &Number) -> Result<Output, Error> {
    let (rate, of) = (decimal(percentage)?, decimal(number)?);
    let product = rate.checked_mul(of).ok_or_else(out_of_range)?;
    let result = product.checked_div(Decimal::ONE_HUNDRED).ok_or_else(out_of_range)?;
    let result = result.normalize();
    Ok(Output {
        explanation: format!("{}% of {} is {result}", rate.normalize(), of.normalize()),
        result: number_of(result)?,
    })
}

/// "What percentage of 240 is 36?"
fn percentage_of(part: &Number, whole: &Number) -> Result<Output, Error> {
    let (part, whole) = (decimal(part)?, decimal(whole)?);
    if whole.is_zero() {
        return Err(Error::new(
            "division_by_zero",
            "The whole is 0: nothing is a percentage of it.",
        ));
    }
    let scaled = part.checked_mul(Decimal::ONE_HUNDRED).ok_or_else(out_of_range)?;
    let result = scaled
        .checked_div(whole)
        .ok_or_else(out_of_range)?
        .round_dp(10)
        .normalize();
    Ok(Output {
        explanation: format!("{} is {result}% of {}", part.normalize(), whole.normalize()),
        result: number_of(result)?,
    })
}

/// The number as it was written, so that 0.1 is a tenth.
fn decimal(number: &Number) -> Result<Decimal, Error> {
    let text = number.to_string();
    let parsed = if text.contains(['e', 'E']) {
        Decimal::from_scientific(&text)
    } else {
        Decimal::from_str_exact(&text)
    };
    parsed.map_err(|_| out_of_range())
}

fn number_of(value: Decimal) -> Result<Number, Error> {
    Ok(serde_json::from_str(&value.to_string())?)
}

fn out_of_range() -> Error {
    Error::new(
        "out_of_range",
        "The numbers go beyond 28 digits, which is as far as exact arithmetic goes here.",
    )
}

#[cfg(test)]
capability_common::test_cases!(calculate);
