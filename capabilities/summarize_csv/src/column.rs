//! What is gathered about one column, and what is told about it in the end.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::cell::{classify, word, Cell};
use crate::decimal::Decimal;
use crate::number::{plain, Plain, Read, Value};
use crate::tally::Tally;
use crate::total::Total;

/// How many different values are counted of all columns together: each takes about 30 bytes of memory and its own.
pub const MOST_DISTINCT_IN_ALL: usize = 200_000;

/// How many of the most frequent values are told.
const TOP: usize = 5;

/// From how many texts on it is of no interest whether there are numbers among them.
const MANY_TEXTS: usize = 64;

/// What the values of a column are, missing ones apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Every cell is missing.
    Empty,
    Integer,
    Number,
    Boolean,
    /// Days such as `2026-04-01`, with or without a time.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// Of numbers, null where a JSON number does not hold its digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Option<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Option<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<Option<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<Option<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distinct: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top: Vec<Frequent>,
}

#[derive(Serialize)]
struct Frequent {
    value: String,
    count: usize,
}

/// Which sign parts decimals off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Point,
    Comma,
}

/// What the rest of the table says, for columns that do not tell themselves.
pub struct Context {
    pub rows: usize,
    /// The decimal sign of columns that have but one.
    pub sign: Option<Sign>,
    /// Whether cells are parted by semicolons, as they are where the comma is the decimal sign.
    pub semicolons: bool,
    /// How many characters of a text are shown.
    pub shown: usize,
}

/// A column while it is read.
pub struct Column {
    name: String,
    /// Numbers that are the same whichever sign is the decimal one.
    same: Total,
    /// The others, with a decimal point, and with a decimal comma.
    point: Total,
    comma: Total,
    only_point: usize,
    only_comma: usize,
    /// The first number that has two readings.
    either: Option<String>,
    units: Vec<(String, usize)>,
    booleans: usize,
    dates: usize,
    codes: usize,
    long: usize,
    texts: usize,
    /// The first value that is no number.
    other: Option<String>,
    maybe_missing: Vec<(String, usize)>,
    failed: usize,
    /// None once there were too many.
    values: Option<Tally>,
}

impl Column {
    /// A column of which nothing has been read.
    pub fn new(name: String) -> Self {
        Self {
            name,
            same: Total::NONE,
            point: Total::NONE,
            comma: Total::NONE,
            only_point: 0,
            only_comma: 0,
            either: None,
            units: Vec::new(),
            booleans: 0,
            dates: 0,
            codes: 0,
            long: 0,
            texts: 0,
            other: None,
            maybe_missing: Vec::new(),
            failed: 0,
            values: Some(Tally::default()),
        }
    }

    /// Take in a cell that is not empty; `room` is for how many more different values there is memory.
    pub fn add(&mut self, cell: &str, room: &mut usize) {
        let many_texts = self.texts > MANY_TEXTS;
        if !many_texts {
            if let Some(number) = plain(cell.as_bytes()) {
                self.add_plain(number);
                return self.add_value(cell, room);
            }
        }
        match if many_texts { word(cell) } else { classify(cell) } {
            Cell::Missing => return,
            Cell::MaybeMissing => return count(&mut self.maybe_missing, cell),
            Cell::Failed => {
                self.failed += 1;
                return;
            }
            Cell::Number(number) => self.add_number(cell, number),
            Cell::Boolean => self.booleans += 1,
            Cell::Date => self.dates += 1,
            kind => {
                match kind {
                    Cell::Code => self.codes += 1,
                    Cell::TooLong => self.long += 1,
                    _ => self.texts += 1,
                }
                self.other.get_or_insert_with(|| cell.to_owned());
            }
        }
        self.add_value(cell, room);
    }

    /// The column's name, if its values are added up.
    pub fn added_up(&self) -> Option<&str> {
        (self.kind() == Kind::Integer).then_some(&self.name)
    }

    /// The decimal sign that the numbers have, where they have but one.
    pub fn sign(&self) -> Option<Sign> {
        match (self.only_point, self.only_comma) {
            (1.., 0) => Some(Sign::Point),
            (0, 1..) => Some(Sign::Comma),
            _ => None,
        }
    }

    /// Tell what the column was like, and what about it has to be known beside that.
    pub fn summary(mut self, context: &Context, notes: &mut Vec<String>) -> Summary {
        let kind = self.kind();
        if kind == Kind::Text {
            self.take_words_for_values();
        }
        let numeric = matches!(kind, Kind::Integer | Kind::Number);
        let total = numeric.then(|| self.total(context, notes));
        if !numeric {
            self.say_why_not_added_up(notes);
        }
        if self.failed > 0 {
            notes.push(format!(
                "{}: {} cells hold an error of the spreadsheet; they count as missing.",
                self.name, self.failed
            ));
        }
        let count = self.count();
        let exact = self.values.as_ref().map(Tally::len);
        let kind = match &total {
            Some(total) if !total.whole => Kind::Number,
            _ => kind,
        };
        let range = total.as_ref().and_then(Total::range);
        let sum = total.as_ref().map(Total::sum);
        if sum.is_some_and(|sum| sum.and_then(Decimal::to_json).is_none()) {
            notes.push(format!(
                "{}: the sum has more digits than a number here holds.",
                self.name
            ));
        }
        Summary {
            r#type: kind,
            count,
            missing: context.rows.saturating_sub(count),
            unit: if numeric {
                self.units.first().map(|(unit, _)| unit.clone())
            } else {
                None
            },
            min: range.map(|(min, _)| min.to_json()),
            max: range.map(|(_, max)| max.to_json()),
            mean: sum.map(|sum| sum?.divided_by(count)?.to_rounded_json()),
            sum: sum.map(|sum| sum?.to_json()),
            distinct: exact,
            top: if numeric {
                Vec::new()
            } else {
                self.values
                    .as_ref()
                    .map_or_else(Vec::new, |values| top(values, context.shown))
            },
            name: cut(&self.name, context.shown),
        }
    }

    fn add_plain(&mut self, number: Plain) {
        if number.scale == 0 {
            self.same.add_plain(number);
        } else {
            self.only_point += 1;
            self.point.add_plain(number);
        }
    }

    fn add_number(&mut self, cell: &str, Read { value, unit }: Read) {
        match value {
            Value::Same(number) => self.same.add(number),
            Value::Point(number) => {
                self.only_point += 1;
                self.point.add(number);
            }
            Value::Comma(number) => {
                self.only_comma += 1;
                self.comma.add(number);
            }
            Value::Either { point, comma } => {
                self.point.add(point);
                self.comma.add(comma);
                if self.either.is_none() {
                    self.either = Some(cell.to_owned());
                }
            }
        }
        if let Some(unit) = unit {
            count(&mut self.units, unit);
        }
    }

    fn add_value(&mut self, cell: &str, room: &mut usize) {
        let Some(values) = &mut self.values else { return };
        match values.count(cell, 1, *room) {
            Some(first) => *room -= usize::from(first),
            None => {
                *room += values.len();
                self.values = None;
            }
        }
    }

    fn numbers(&self) -> usize {
        let either = self.point.count.saturating_sub(self.only_point);
        self.same.count + self.only_point + self.only_comma + either
    }

    fn others(&self) -> usize {
        self.booleans + self.dates + self.codes + self.long + self.texts
    }

    fn count(&self) -> usize {
        self.numbers() + self.others()
    }

    fn kind(&self) -> Kind {
        let mixed = self.only_point > 0 && self.only_comma > 0;
        match (self.numbers(), self.booleans, self.dates, self.others()) {
            (0, 0, 0, 0) => Kind::Empty,
            (_, 0, 0, 0) if mixed || self.has_other_units() => Kind::Text,
            (_, 0, 0, 0) => Kind::Integer,
            (0, booleans, 0, others) if booleans == others => Kind::Boolean,
            (0, 0, dates, others) if dates == others => Kind::Date,
            _ => Kind::Text,
        }
    }

    /// Whether numbers have units that cannot be added up: of two currencies, or some percent and some not.
    fn has_other_units(&self) -> bool {
        let percent = self
            .units
            .iter()
            .any(|(unit, count)| unit == "%" && *count < self.numbers());
        self.units.len() > 1 || percent
    }

    /// Among texts a dash or `none` is a value.
    fn take_words_for_values(&mut self) {
        for (text, count) in std::mem::take(&mut self.maybe_missing) {
            self.texts += count;
            if let Some(values) = &mut self.values {
                values.count(&text, count, 1);
            }
        }
    }

    /// The numbers added up by the decimal sign that the column, else the table, else custom has.
    fn total(&self, context: &Context, notes: &mut Vec<String>) -> Total {
        let name = &self.name;
        let sign = self.sign().or(context.sign).unwrap_or({
            let comma = self.either.as_ref().is_some_and(|either| either.contains(','));
            if comma && context.semicolons {
                Sign::Comma
            } else {
                Sign::Point
            }
        });
        let (decimal, other, chosen) = match sign {
            Sign::Point => ('.', ',', &self.point),
            Sign::Comma => (',', '.', &self.comma),
        };
        match &self.either {
            Some(either) if self.sign().is_none() => {
                let thousands = either.contains(other);
                let read = if thousands {
                    "stands between thousands"
                } else {
                    "is the decimal sign"
                };
                let sign = if thousands { other } else { decimal };
                let why = if context.sign.is_some() {
                    ", as elsewhere in the table"
                } else {
                    "; nothing in the table tells for sure"
                };
                notes.push(format!(
                    "{name}: in numbers such as '{either}' it was assumed that '{sign}' {read}{why}."
                ));
            }
            _ if sign == Sign::Comma && self.only_comma > 0 => {
                notes.push(format!("{name}: ',' is the decimal sign."));
            }
            _ => (),
        }
        if let Some((unit, count)) = self.units.first().filter(|(_, count)| *count < self.numbers()) {
            notes.push(format!(
                "{name}: {count} of {} numbers have the sign '{unit}'.",
                self.numbers()
            ));
        }
        self.same.with(chosen)
    }

    /// Numbers that are not added up are a surprise; say what was in the way.
    fn say_why_not_added_up(&self, notes: &mut Vec<String>) {
        let (name, numbers, count) = (&self.name, self.numbers(), self.count());
        let other = cut(self.other.as_deref().unwrap_or_default(), 40);
        if numbers > 0 && self.others() == 0 {
            notes.push(if self.has_other_units() {
                let units: Vec<_> = self.units.iter().map(|(unit, _)| unit.as_str()).collect();
                let without = numbers - self.units.iter().map(|(_, count)| count).sum::<usize>();
                let without = if without > 0 { " and none" } else { "" };
                format!(
                    "{name}: the numbers have different units ({}{without}) and are not added up.",
                    units.join(", ")
                )
            } else {
                format!("{name}: some numbers have a decimal point, others a decimal comma, and are not added up.")
            });
        } else if self.long > 0 && self.long + numbers == count {
            notes.push(format!(
                "{name}: '{other}' has more digits than are added up exactly, so the column is text."
            ));
        } else if self.codes > 0 && self.codes + numbers == count {
            notes.push(format!(
                "{name}: codes such as '{other}' are no quantities, so the column is text."
            ));
        } else if numbers > 0 && numbers * 2 >= count && self.texts <= MANY_TEXTS {
            let others = self.others();
            notes.push(format!("{name}: {others} of {count} values are no numbers, such as '{other}', so the column is text and not added up."));
        }
    }
}

/// Count a text in a list of the few that there are.
fn count(counted: &mut Vec<(String, usize)>, text: &str) {
    match counted.iter_mut().find(|(known, _)| known == text) {
        Some((_, count)) => *count += 1,
        None => counted.push((text.to_owned(), 1)),
    }
}

fn top(values: &Tally, shown: usize) -> Vec<Frequent> {
    let frequent = values.top(TOP).into_iter();
    frequent
        .map(|(value, count)| Frequent {
            value: cut(value, shown),
            count,
        })
        .collect()
}

/// The beginning of a text, with a mark where the rest was left out.
pub fn cut(text: &str, shown: usize) -> String {
    match text.char_indices().nth(shown) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
