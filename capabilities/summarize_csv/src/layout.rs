//! Where a table begins in a text, and what parts its cells: found out from its first rows.

use crate::cell::{classify, Cell};
use crate::column::cut;
use crate::table::Rows;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How many rows, bytes, and cells of a row are looked at.
const SAMPLE_ROWS: usize = 50;
const SAMPLE_BYTES: usize = 64 << 10;
const SAMPLE_CELLS: usize = 200;

/// How many lines may stand above the header.
const MOST_ABOVE: usize = 20;

/// Where the header begins, and what parts cells.
pub struct Layout {
    pub start: usize,
    pub delimiter: u8,
    /// What was passed over, in words.
    pub notes: Vec<String>,
}

/// A row of the sample: its cells, and where it begins.
struct Row {
    cells: Vec<String>,
    width: usize,
    at: usize,
    /// Whether a line without anything stands before it.
    apart: bool,
}

impl Layout {
    /// Find the table in a text; a delimiter that was given is taken.
    pub fn of(text: &str, given: Option<u8>) -> Self {
        let (declared, start) = declared_delimiter(text);
        let sample = sample(text);
        let delimiter = given.or(declared).unwrap_or_else(|| guess_delimiter(sample, start));
        let rows = rows_of(sample, start, delimiter);
        let above = lines_above(&rows);
        let mut notes = Vec::new();
        if let (Some(first), Some(header)) = (rows.first(), rows.get(above)) {
            if above > 0 {
                let shown = cut(
                    first
                        .cells
                        .iter()
                        .map(String::as_str)
                        .find(|cell| !cell.is_empty())
                        .unwrap_or_default(),
                    60,
                );
                let lines = if above == 1 {
                    "One line".to_owned()
                } else {
                    format!("{above} lines")
                };
                notes.push(format!(
                    "{lines} above the header passed over, beginning with '{shown}'."
                ));
            }
            return Self {
                start: header.at,
                delimiter,
                notes,
            };
        }
        Self {
            start,
            delimiter,
            notes,
        }
    }
}

/// The delimiter of a first line `sep=;`, as spreadsheets write it, and where the line after it begins.
fn declared_delimiter(text: &str) -> (Option<u8>, usize) {
    let mut rows = Rows::new(text, 0, 0);
    let line = rows.line();
    let bare = line.trim_matches('"');
    let declared = match bare.as_bytes() {
        [name @ .., delimiter] if name.eq_ignore_ascii_case(b"sep=") => *delimiter,
        _ => return (None, 0),
    };
    if !declared.is_ascii() || declared.is_ascii_alphanumeric() || declared == b'"' {
        return (None, 0);
    }
    rows.skip_line();
    (Some(declared), rows.at())
}

fn sample(text: &str) -> &str {
    if text.len() <= SAMPLE_BYTES {
        return text;
    }
    let mut end = SAMPLE_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = text.get(..end).unwrap_or_default();
    // The last line is not whole.
    cut.rfind(['\n', '\r'])
        .map_or(cut, |line| cut.get(..=line).unwrap_or_default())
}

fn rows_of(sample: &str, start: usize, delimiter: u8) -> Vec<Row> {
    let mut rows = Rows::new(sample, start, delimiter);
    let mut found = Vec::new();
    while found.len() < SAMPLE_ROWS {
        let (mut cells, mut first) = (Vec::new(), None);
        let at = rows.at();
        let width = rows.next(|index, cell| {
            first.get_or_insert(index);
            if index < SAMPLE_CELLS {
                cells.resize(index, String::new());
                cells.push(cut(cell, 100));
            }
        });
        match width {
            None => break,
            Some(width) => found.push(Row {
                cells,
                width,
                at,
                apart: rows.apart(),
            }),
        }
    }
    found
}

/// The delimiter that parts most rows alike; of several the one that leaves most numbers and dates whole.
fn guess_delimiter(sample: &str, start: usize) -> u8 {
    let scored = DELIMITERS.iter().rev().filter_map(|delimiter| {
        let rows = rows_of(sample, start, *delimiter);
        let usual = usual_width(&rows)?;
        let alike = rows.iter().filter(|row| row.width == usual).count() * 1000 / rows.len();
        let table = rows.get(above_by_width(&rows)..).unwrap_or_default();
        let parted = table.iter().filter(|row| row.width > 1).count() * 2 > table.len();
        let parts = parted && !parts_numbers(sample, start, *delimiter);
        parts.then_some(((alike, typed(table), usual), *delimiter))
    });
    match scored.max_by_key(|(score, _)| *score) {
        Some((_, delimiter)) => delimiter,
        // One column: a delimiter that is in no cell, unless it stands in quotes.
        None => *DELIMITERS
            .iter()
            .find(|delimiter| is_unused(sample, start, **delimiter))
            .unwrap_or(&b','),
    }
}

fn is_unused(sample: &str, start: usize, delimiter: u8) -> bool {
    rows_of(sample, start, delimiter).iter().all(|row| row.width == 1)
}

/// The number of cells that most rows have, if it is more than one.
fn usual_width(rows: &[Row]) -> Option<usize> {
    let widths = || rows.iter().map(|row| row.width).filter(|width| *width > 1);
    widths().max_by_key(|width| (widths().filter(|other| other == width).count(), *width))
}

/// How many of a thousand cells below the first row are numbers, dates or booleans.
fn typed(rows: &[Row]) -> usize {
    let cells = || {
        rows.iter()
            .skip(1)
            .flat_map(|row| &row.cells)
            .filter(|cell| !cell.is_empty())
    };
    cells().filter(|cell| is_typed(cell)).count() * 1000 / cells().count().max(1)
}

fn is_typed(cell: &str) -> bool {
    matches!(classify(cell), Cell::Number(_) | Cell::Date | Cell::Boolean)
}

/// Whether the comma stands within numbers alone: a header without one, and lines of one number each below it.
fn parts_numbers(sample: &str, start: usize, delimiter: u8) -> bool {
    if delimiter != b',' {
        return false;
    }
    let whole = rows_of(sample, start, 0);
    let (Some(header), below) = (whole.first(), whole.get(1..).unwrap_or_default()) else {
        return false;
    };
    let is_number = |row: &Row| {
        row.cells
            .first()
            .is_some_and(|cell| matches!(classify(cell), Cell::Number(_)))
    };
    !header.cells.concat().contains(',') && !below.is_empty() && below.iter().all(is_number)
}

/// How many rows above the header have one cell where the table has several.
fn above_by_width(rows: &[Row]) -> usize {
    let Some(usual) = usual_width(rows) else {
        return 0;
    };
    let above = rows
        .iter()
        .take_while(|row| row.width == 1 && row.width < usual)
        .count();
    if above <= MOST_ABOVE && above < rows.len() {
        above
    } else {
        0
    }
}

/// How many rows stand above the header: titles, comments, and lines of a few cells such as `From;2026-01-01`.
fn lines_above(rows: &[Row]) -> usize {
    let usual = usual_width(rows).unwrap_or(1);
    let is_header = |row: &Row| filled(row) > 1 && !row.cells.iter().any(|cell| is_typed(cell));
    let mut above = 0;
    for (index, row) in rows.iter().enumerate().take(MOST_ABOVE) {
        let Some(next) = rows.get(index + 1) else {
            break;
        };
        let later = rows.get(index + 1..).unwrap_or_default();
        let later_header = later
            .iter()
            .take(MOST_ABOVE)
            .any(|row| row.width == usual && is_header(row));
        let comment = row.cells.first().is_some_and(|cell| cell.starts_with('#'));
        let few = filled(row) * 2 <= usual && later_header;
        // A title may have as many cells as the table: a line apart from a header with numbers below it.
        let below = later
            .get(1)
            .is_some_and(|below| below.cells.iter().any(|cell| is_typed(cell)));
        let title = next.apart && is_header(next) && below && !row.cells.iter().any(|cell| is_typed(cell));
        let passed = match filled(row) {
            0 => true,
            _ if usual == 1 => comment && row.cells.iter().any(|cell| cell.starts_with("# ")),
            _ if comment => row.width < usual || (later_header && is_header(next)),
            1 => row.width < usual || few || title,
            _ => few || title || (row.width < usual && later_is_table(later, usual)),
        };
        if !passed {
            break;
        }
        above = index + 1;
    }
    above
}

/// Whether rows are a table by themselves: shorter ones, a header with all its names, and below it rows of as many
/// cells, one column of which holds numbers, dates or booleans alone.
fn later_is_table(rows: &[Row], usual: usize) -> bool {
    let header = rows.iter().position(|row| row.width >= usual).unwrap_or_default();
    let Some((header, below)) = rows.get(header..).and_then(<[Row]>::split_first) else {
        return false;
    };
    let named = filled(header) == usual && !header.cells.iter().any(|cell| is_typed(cell));
    let alike = below.iter().all(|row| row.width == usual || row.width == 1);
    let is_typed_in = |row: &Row, column: usize| row.cells.get(column).is_some_and(|cell| is_typed(cell));
    let mut table = below.iter().filter(|row| row.width == usual).peekable();
    named
        && alike
        && table.peek().is_some()
        && (0..usual.min(SAMPLE_CELLS)).any(|column| table.clone().all(|row| is_typed_in(row, column)))
}

fn filled(row: &Row) -> usize {
    row.cells.iter().filter(|cell| !cell.is_empty()).count()
}
