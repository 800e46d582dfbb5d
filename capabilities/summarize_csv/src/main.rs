//! Sums up a table as a spreadsheet exports it: its size and, for each column, its type, its gaps and its values.
//!
//! What is not plain to see (a delimiter, a line above the header, a decimal comma, an encoding) is found out from
//! the table itself, and said in `notes`. The text is read once, cell by cell, and no row of it is kept.

mod cell;
mod column;
mod decimal;
mod layout;
mod number;
mod table;
mod tally;
mod total;

use capability_common::texts::{self, Encoding};
use capability_common::{file_read, run, Error, HostErrorKind};
use serde::{Deserialize, Serialize};

use crate::column::{cut, Column, Context, Sign, Summary, MOST_DISTINCT_IN_ALL};
use crate::layout::Layout;
use crate::table::Rows;

/// How many columns are summed up at most; more would make an answer of megabytes.
const MOST_COLUMNS: usize = 2_000;

/// From how many columns on less of each text is shown.
const MANY_COLUMNS: usize = 200;

/// What a last row with totals begins with.
const TOTALS: [&str; 12] = [
    "total",
    "totals",
    "grand total",
    "sum",
    "summe",
    "gesamt",
    "gesamtsumme",
    "totale",
    "somme",
    "suma",
    "totaal",
    "total général",
];

/// Either a `path` in the files folder or the `text` of the table; its first row names the columns.
#[derive(Deserialize)]
struct Input {
    path: Option<String>,
    text: Option<String>,
    /// One of `,` `;` `|` and tab; found out when missing.
    delimiter: Option<char>,
}

#[derive(Serialize)]
struct Output {
    rows: usize,
    /// Rows that have fewer or more cells than there are columns.
    uneven_rows: usize,
    delimiter: char,
    columns: Vec<Summary>,
    /// How the table was read where that is not plain to see.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

fn main() {
    run(summarize)
}

fn summarize(input: Input) -> Result<Output, Error> {
    let given = input.delimiter.map(u8::try_from).transpose();
    let given = given.map_err(|_| Error::invalid_input("delimiter must be an ASCII character."))?;
    let mut notes = Vec::new();
    let text = table(input, &mut notes)?;
    let layout = Layout::of(&text, given);
    notes.extend(layout.notes);
    let mut rows = Rows::new(&text, layout.start, layout.delimiter);
    let mut columns = header(&mut rows, &mut notes)?;
    let gathered = gather(&mut rows, &mut columns, &mut notes);
    say_that_rows_are_longer(&gathered, &columns, layout.delimiter, &mut notes);
    if let Some(at) = rows.unclosed() {
        let line = line_of(text.get(..at).unwrap_or_default());
        notes.push(format!(
            "The quote in line {line} is never closed, so it was taken for a part of its cell."
        ));
    }
    let context = Context {
        rows: gathered.rows,
        sign: sign_of(&columns),
        semicolons: layout.delimiter == b';',
        shown: if columns.len() > MANY_COLUMNS { 40 } else { 200 },
    };
    Ok(Output {
        rows: gathered.rows,
        uneven_rows: gathered.uneven,
        delimiter: char::from(layout.delimiter),
        columns: columns
            .into_iter()
            .map(|column| column.summary(&context, &mut notes))
            .collect(),
        notes,
    })
}

fn table(input: Input, notes: &mut Vec<String>) -> Result<String, Error> {
    match (input.path, input.text) {
        (Some(path), None) => {
            let bytes = file_read(&path).map_err(|error| match error.kind {
                HostErrorKind::NotFound => Error::new("file_not_found", format!("There is no file {path}.")),
                _ => error.into(),
            })?;
            let (text, encoding) = texts::decode(bytes).map_err(|why| {
                Error::new(
                    "not_text",
                    format!("{path} cannot be read as a table. {why} Export it as CSV in UTF-8."),
                )
            })?;
            if encoding != Encoding::Utf8 {
                notes.push(format!("{path} was read as {}.", encoding.name()));
            }
            Ok(text)
        }
        (None, Some(text)) => Ok(text
            .strip_prefix('\u{feff}')
            .map_or_else(|| text.clone(), str::to_owned)),
        _ => Err(Error::invalid_input("Give either path or text.")),
    }
}

/// The columns that the next row names.
fn header(rows: &mut Rows, notes: &mut Vec<String>) -> Result<Vec<Column>, Error> {
    let (mut names, mut data) = (Vec::new(), 0);
    let width = rows.next(|index, name| {
        if index < MOST_COLUMNS {
            names.resize(index, String::new());
            data += usize::from(matches!(cell::classify(name), cell::Cell::Number(_) | cell::Cell::Date));
            names.push(cut(name, 200));
        }
    });
    let width = width.ok_or_else(|| Error::new("empty_table", "The table has no header row."))?;
    if width > MOST_COLUMNS {
        notes.push(format!(
            "Only the first {MOST_COLUMNS} of {width} columns are summed up."
        ));
    }
    if data > 0 && data == names.iter().filter(|name| !name.is_empty()).count() {
        notes.push("The first row was taken for the names of the columns, but it looks like data.".to_owned());
    }
    names.resize(width.min(MOST_COLUMNS), String::new());
    Ok(named_apart(names, notes).into_iter().map(Column::new).collect())
}

/// Names for columns without one, and different names for those that share one.
fn named_apart(names: Vec<String>, notes: &mut Vec<String>) -> Vec<String> {
    let mut taken: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    let mut apart = Vec::with_capacity(names.len());
    let mut shared = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let name = if name.is_empty() {
            format!("column {}", index + 1)
        } else {
            name
        };
        let times = taken.get(&name).copied().unwrap_or(0);
        taken.insert(name.clone(), times + 1);
        if times == 0 {
            apart.push(name);
            continue;
        }
        let mut number = times + 1;
        while taken.contains_key(&format!("{name} ({number})")) {
            number += 1;
        }
        let other = format!("{name} ({number})");
        taken.insert(other.clone(), 1);
        apart.push(other);
        if !shared.contains(&name) {
            shared.push(name);
        }
    }
    if !shared.is_empty() {
        let shown: Vec<_> = shared.iter().take(5).map(|name| format!("'{name}'")).collect();
        notes.push(format!(
            "Several columns are called {}; they are numbered.",
            shown.join(", ")
        ));
    }
    apart
}

/// What was counted of the rows.
#[derive(Default)]
struct Gathered {
    rows: usize,
    uneven: usize,
    /// Rows with values beyond the last column.
    longer: usize,
}

/// Take all rows into their columns.
fn gather(rows: &mut Rows, columns: &mut [Column], notes: &mut Vec<String>) -> Gathered {
    let mut gathered = Gathered::default();
    let (mut blank, mut room, mut total) = (0, MOST_DISTINCT_IN_ALL, false);
    if columns.len() > 1 {
        rows.pass_over_remarks();
    }
    loop {
        let (mut filled, mut totals, mut beyond) = (0, false, false);
        let width = rows.next(|index, cell| {
            if filled == 0 {
                totals = is_total(cell);
            }
            filled += 1;
            if let Some(column) = columns.get_mut(index) {
                column.add(cell, &mut room);
            } else {
                beyond = true;
            }
        });
        let Some(width) = width else { break };
        if filled == 0 && width > 1 {
            blank += 1;
            continue;
        }
        gathered.rows += 1;
        gathered.uneven += usize::from(width != columns.len());
        gathered.longer += usize::from(beyond);
        total = totals;
    }
    for (count, what) in [
        (rows.comments(), "lines that begin with '#'"),
        (blank, "rows without any value"),
    ] {
        if count > 0 {
            notes.push(format!("{count} {what} were left out."));
        }
    }
    if let [first, ..] = rows.remarks() {
        let count = rows.remarks().len();
        notes.push(format!(
            "{count} lines apart from the table were left out, such as '{}'.",
            cut(first.trim(), 60)
        ));
    }
    if total && gathered.rows > 1 {
        notes.push("The last row looks like totals; it is counted as any other row.".to_owned());
    }
    gathered
}

/// Values such as `1,234.50` are two cells without quotes: what is added up then is no sum of anything.
fn say_that_rows_are_longer(gathered: &Gathered, columns: &[Column], delimiter: u8, notes: &mut Vec<String>) {
    if gathered.longer == 0 || columns.len() == MOST_COLUMNS {
        return;
    }
    let names: Vec<_> = columns.iter().filter_map(Column::added_up).collect();
    let mut shown: Vec<_> = names.iter().take(5).map(|name| format!("'{name}'")).collect();
    if names.len() > shown.len() {
        shown.push("others".to_owned());
    }
    let sums = if shown.is_empty() {
        String::new()
    } else {
        format!(", and the sums of {} are not to be trusted", shown.join(", "))
    };
    let sign = if delimiter == b'\t' {
        "tabs".to_owned()
    } else {
        format!("'{}'", char::from(delimiter))
    };
    notes.push(format!(
        "{} of {} rows have more cells than the header: values may be cut at {sign} within them or stand in the wrong \
         column{sums}. Put such values in quotes, or give another delimiter.",
        gathered.longer, gathered.rows
    ));
}

/// The number of the line that begins or goes on behind a text.
fn line_of(before: &str) -> usize {
    let ends = |end| before.bytes().filter(|byte| *byte == end).count();
    1 + if before.contains('\n') {
        ends(b'\n')
    } else {
        ends(b'\r')
    }
}

fn is_total(cell: &str) -> bool {
    let maybe = matches!(cell.as_bytes(), [b't' | b'T' | b'g' | b'G' | b's' | b'S', ..]) && cell.len() <= 16;
    maybe && TOTALS.contains(&cell.trim_end_matches(':').to_lowercase().as_str())
}

/// The decimal sign of the columns that tell it, if all of them agree.
fn sign_of(columns: &[Column]) -> Option<Sign> {
    let mut signs = columns.iter().filter_map(Column::sign);
    let first = signs.next()?;
    signs.all(|sign| sign == first).then_some(first)
}

#[cfg(test)]
capability_common::test_cases!(summarize);

#[cfg(test)]
mod tests;
