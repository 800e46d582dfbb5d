//! What is gathered about one column, and what is told about it in the end.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Number;

/// Beyond this many different values a column's values are no longer counted one by one.
const MOST_DISTINCT: usize = 10_000;

/// How many of the most frequent values are told.
const TOP: usize = 5;

/// What the values of a column are, missing ones apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Every cell is missing.
    Empty,
    Integer,
    Number,
    Boolean,
    /// Days such as `2026-04-01`.
    Date,
    Text,
}

/// What is told about a column; what does not apply to its type is left out.
#[derive(Serialize)]
pub struct Summary {
    name: String,
    r#type: Kind,
    count: usize,
    missing: usize,
    #[serde(flatten)]
    numbers: Option<Numbers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distinct: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top: Vec<Frequent>,
}

#[derive(Serialize)]
struct Numbers {
    min: Number,
    max: Number,
    mean: Option<Number>,
    sum: Option<Number>,
}

#[derive(Serialize)]
struct Frequent {
    value: String,
    count: usize,
}

/// A column while it is read.
pub struct Column {
    name: String,
    kind: Kind,
    count: usize,
    missing: usize,
    range: Option<(Decimal, Decimal)>,
    /// None once it went beyond what a decimal holds.
    sum: Option<Decimal>,
    values: BTreeMap<String, usize>,
}

impl Column {
    /// A column of which nothing has been read.
    pub fn new(name: String) -> Self {
        Self {
            name,
            kind: Kind::Empty,
            count: 0,
            missing: 0,
            range: None,
            sum: Some(Decimal::ZERO),
            values: BTreeMap::new(),
        }
    }

    /// Take in the cell of one more row.
    pub fn add(&mut self, cell: &str) {
        let cell = cell.trim();
        if is_missing(cell) {
            self.missing += 1;
            return;
        }
        self.count += 1;
        let number = decimal(cell);
        self.kind = joined(self.kind, kind_of(cell, number));
        if let Some(number) = number {
            self.add_number(number);
        }
        self.add_value(cell);
    }

    /// Tell what the column was like.
    pub fn summary(self) -> Summary {
        let exact = self.values.len() <= MOST_DISTINCT;
        let is_numeric = matches!(self.kind, Kind::Integer | Kind::Number);
        Summary {
            numbers: self.numbers().filter(|_| is_numeric),
            distinct: exact.then_some(self.values.len()),
            top: if exact && !is_numeric {
                top(self.values)
            } else {
                Vec::new()
            },
            name: self.name,
            r#type: self.kind,
            count: self.count,
            missing: self.missing,
        }
    }

    fn add_number(&mut self, number: Decimal) {
        let (min, max) = self.range.unwrap_or((number, number));
        self.range = Some((min.min(number), max.max(number)));
        self.sum = self.sum.and_then(|sum| sum.checked_add(number));
    }

    fn add_value(&mut self, cell: &str) {
        if let Some(count) = self.values.get_mut(cell) {
            *count += 1;
        } else if self.values.len() <= MOST_DISTINCT {
            self.values.insert(cell.to_owned(), 1);
        }
    }

    fn numbers(&self) -> Option<Numbers> {
        let (min, max) = self.range?;
        let mean = self.sum.and_then(|sum| sum.checked_div(Decimal::from(self.count)));
        Some(Numbers {
            min: json_number(min)?,
            max: json_number(max)?,
            mean: mean.map(|mean| mean.round_dp(6)).and_then(json_number),
            sum: self.sum.and_then(json_number),
        })
    }
}

fn is_missing(cell: &str) -> bool {
    ["", "na", "n/a", "null"]
        .iter()
        .any(|word| cell.eq_ignore_ascii_case(word))
}

fn decimal(cell: &str) -> Option<Decimal> {
    let parsed = if cell.contains(['e', 'E']) {
        Decimal::from_scientific(cell)
    } else {
        Decimal::from_str_exact(cell)
    };
    // The parser takes 1_000 for a number, as Rust does; tables don't.
    parsed.ok().filter(|_| !cell.contains('_'))
}

fn kind_of(cell: &str, number: Option<Decimal>) -> Kind {
    match number {
        Some(_) if cell.contains(['.', 'e', 'E']) => Kind::Number,
        Some(_) => Kind::Integer,
        None if cell.eq_ignore_ascii_case("true") || cell.eq_ignore_ascii_case("false") => Kind::Boolean,
        None if is_date(cell) => Kind::Date,
        None => Kind::Text,
    }
}

/// The type of a column that has values of both types.
fn joined(one: Kind, other: Kind) -> Kind {
    match (one, other) {
        (Kind::Empty, kind) => kind,
        (one, other) if one == other => one,
        (Kind::Integer | Kind::Number, Kind::Integer | Kind::Number) => Kind::Number,
        _ => Kind::Text,
    }
}

fn is_date(cell: &str) -> bool {
    let parts: Vec<_> = cell.split('-').collect();
    let within = |part: &str, digits: usize, most: u16| {
        part.len() == digits && part.parse().is_ok_and(|value: u16| (1..=most).contains(&value))
    };
    matches!(parts.as_slice(), [year, month, day] if within(year, 4, 9999) && within(month, 2, 12) && within(day, 2, 31))
}

fn json_number(value: Decimal) -> Option<Number> {
    serde_json::from_str(&value.normalize().to_string()).ok()
}

fn top(values: BTreeMap<String, usize>) -> Vec<Frequent> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by_key(|(_, count)| Reverse(*count));
    let frequent = values.into_iter().take(TOP);
    frequent.map(|(value, count)| Frequent { value, count }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Value};

    fn summary(cells: &[&str]) -> Value {
        let mut column = Column::new("c".to_owned());
        cells.iter().for_each(|cell| column.add(cell));
        serde_json::to_value(column.summary()).unwrap()
    }

    #[test]
    fn sums_are_exact() {
        let summary = summary(&["0.1", "0.2"]);
        assert_eq!(summary["sum"], json!(0.3));
        assert_eq!(summary["mean"], json!(0.15));
    }

    #[test]
    fn a_sum_beyond_what_decimals_hold_is_null() {
        let huge = "79228162514264337593543950335";
        let summary = summary(&[huge, huge]);
        assert_eq!(summary["sum"], Value::Null);
        assert_eq!(summary["type"], "integer");
    }

    #[test]
    fn types_join_to_the_narrowest_that_holds_all() {
        assert_eq!(summary(&["1", "2.5", "n/a"])["type"], "number");
        assert_eq!(summary(&["2026-01-31", "2026-02-28"])["type"], "date");
        assert_eq!(summary(&["2026-13-31"])["type"], "text");
        assert_eq!(summary(&["1", "x"])["type"], "text");
        assert_eq!(summary(&["True", "false"])["type"], "boolean");
        assert_eq!(summary(&["", "NULL"])["type"], "empty");
        assert_eq!(summary(&["1_000"])["type"], "text");
    }

    #[test]
    fn too_many_different_values_are_not_counted_one_by_one() {
        let cells: Vec<String> = (0..=MOST_DISTINCT).map(|number| format!("v{number}")).collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let summary = summary(&cells);
        assert_eq!(summary.get("distinct"), None);
        assert_eq!(summary["count"], json!(MOST_DISTINCT + 1));
    }
}
