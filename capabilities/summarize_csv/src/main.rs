//! Sums up a CSV table: its size and, for each column, its type, its gaps and what its values are like.

mod column;

use capability_common::{file_read_text, run, Error, HostErrorKind};
use serde::{Deserialize, Serialize};

use crate::column::{Column, Summary};

const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

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
}

fn main() {
    run(summarize)
}

fn summarize(input: Input) -> Result<Output, Error> {
    let text = table(&input)?;
    let text = text.trim_start_matches('\u{feff}');
    let delimiter = input.delimiter.unwrap_or_else(|| guess_delimiter(text));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(u8::try_from(delimiter).map_err(|_| Error::invalid_input("delimiter must be an ASCII character."))?)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut columns = columns(reader.headers().map_err(malformed)?);
    if columns.is_empty() {
        return Err(Error::new("empty_table", "The table has no header row."));
    }
    let (mut rows, mut uneven_rows) = (0, 0);
    for record in reader.records() {
        let record = record.map_err(malformed)?;
        rows += 1;
        uneven_rows += usize::from(record.len() != columns.len());
        for (index, column) in columns.iter_mut().enumerate() {
            column.add(record.get(index).unwrap_or_default());
        }
    }
    Ok(Output {
        rows,
        uneven_rows,
        delimiter,
        columns: columns.into_iter().map(Column::summary).collect(),
    })
}

fn table(input: &Input) -> Result<String, Error> {
    match (&input.path, &input.text) {
        (Some(path), None) => file_read_text(path).map_err(|error| match error.kind {
            HostErrorKind::NotFound => Error::new("file_not_found", format!("There is no file {path}.")),
            _ => error.into(),
        }),
        (None, Some(text)) => Ok(text.clone()),
        _ => Err(Error::invalid_input("Give either path or text.")),
    }
}

/// The delimiter that is most often in the header, quoted parts apart; a comma if none is.
fn guess_delimiter(text: &str) -> char {
    let first = text.lines().find(|line| !line.is_empty()).unwrap_or_default();
    let bare: String = first.split('"').step_by(2).collect();
    let count = |delimiter: &char| bare.matches(*delimiter).count();
    // The first of several maxima is the comma, which is why the search goes backwards.
    DELIMITERS.into_iter().rev().max_by_key(count).unwrap_or(',')
}

fn columns(header: &csv::StringRecord) -> Vec<Column> {
    let named = header.iter().enumerate().map(|(index, name)| match name.trim() {
        "" => format!("column {}", index + 1),
        name => name.to_owned(),
    });
    named.map(Column::new).collect()
}

fn malformed(error: csv::Error) -> Error {
    Error::new("malformed_csv", error)
}

#[cfg(test)]
capability_common::test_cases!(summarize);
