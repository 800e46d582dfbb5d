//! The rows of a table as text: cells between delimiters, in quotes or not, whatever ends a line.

use std::borrow::Cow;

/// The rows of a text, one after another; no row is held as a whole.
pub struct Rows<'t> {
    text: &'t str,
    at: usize,
    delimiter: u8,
    /// Whether lines are passed over that are no rows, and which were.
    passing: bool,
    comments: usize,
    remarks: Vec<&'t str>,
    /// Whether a line without anything was passed over before the last row.
    apart: bool,
    /// From where on quotes mean themselves, since the first of them has no end.
    unclosed: Option<usize>,
}

impl<'t> Rows<'t> {
    /// The rows from a place in the text on.
    pub fn new(text: &'t str, at: usize, delimiter: u8) -> Self {
        Self {
            text,
            at,
            delimiter,
            passing: false,
            comments: 0,
            remarks: Vec::new(),
            apart: false,
            unclosed: None,
        }
    }

    /// Where the next row begins.
    pub fn at(&self) -> usize {
        self.at
    }

    /// From now on, pass over lines without a delimiter that begin with `#`, or that an empty line parts from the rest.
    pub fn pass_over_remarks(&mut self) {
        self.passing = true;
    }

    /// How many lines that begin with `#` were passed over.
    pub fn comments(&self) -> usize {
        self.comments
    }

    /// The lines that were passed over since they stand apart.
    pub fn remarks(&self) -> &[&'t str] {
        &self.remarks
    }

    /// Whether a line without anything stands before the last row.
    pub fn apart(&self) -> bool {
        self.apart
    }

    /// Where a quote begins that is never closed.
    pub fn unclosed(&self) -> Option<usize> {
        self.unclosed
    }

    /// The text of the line that the next row begins with.
    pub fn line(&self) -> &'t str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        rest.split(['\n', '\r']).next().unwrap_or_default()
    }

    /// Pass over the line that the next row begins with.
    pub fn skip_line(&mut self) {
        self.at += self.line().len();
        self.end_line();
    }

    /// Hand over the cells of the next row, trimmed, with their numbers; return how many it has, None at the end.
    ///
    /// Lines without anything are passed over.
    pub fn next(&mut self, mut take: impl FnMut(usize, &str)) -> Option<usize> {
        self.skip_blank_lines();
        while self.passing && (self.apart || self.byte()? == b'#') && self.is_remark() {
            if self.byte()? == b'#' {
                self.comments += 1;
            } else {
                self.remarks.push(self.line());
            }
            self.skip_line();
            let apart = self.apart;
            self.skip_blank_lines();
            self.apart |= apart;
        }
        self.byte()?;
        let mut width = 0;
        loop {
            match self.byte() {
                Some(byte) if byte == self.delimiter => (),
                Some(b'"' | b' ' | b'\t') => {
                    let cell = self.cell();
                    let cell = trimmed(&cell);
                    if !cell.is_empty() {
                        take(width, cell);
                    }
                }
                _ => {
                    let cell = trimmed(self.rest_of_cell());
                    if !cell.is_empty() {
                        take(width, cell);
                    }
                }
            }
            width += 1;
            match self.byte() {
                Some(byte) if byte == self.delimiter => self.at += 1,
                _ => break,
            }
        }
        self.end_line();
        Some(width)
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Whether the next line has no delimiter and no quotes.
    fn is_remark(&self) -> bool {
        !self.line().bytes().any(|byte| byte == self.delimiter || byte == b'"')
    }

    fn skip_blank_lines(&mut self) {
        let (begin, mut start) = (self.at, self.at);
        self.apart = false;
        for byte in self.text.as_bytes().get(self.at..).unwrap_or_default() {
            match byte {
                b'\n' | b'\r' => {
                    self.at += 1;
                    start = self.at;
                }
                b' ' => self.at += 1,
                b'\t' if self.delimiter != b'\t' => self.at += 1,
                _ => break,
            }
        }
        if self.byte().is_some() {
            self.at = start;
        }
        self.apart = start > begin;
    }

    fn end_line(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += match rest {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => 0,
        };
    }

    /// Read the cell that begins here, up to its delimiter or the end of its line.
    fn cell(&mut self) -> Cow<'t, str> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut quote = start;
        while let Some(b' ' | b'\t') = bytes.get(quote).filter(|byte| **byte != self.delimiter) {
            quote += 1;
        }
        if bytes.get(quote) == Some(&b'"') && self.unclosed.is_none() {
            if let Some(cell) = self.quoted(quote + 1) {
                return cell;
            }
            self.unclosed = Some(quote);
        }
        Cow::Borrowed(self.rest_of_cell())
    }

    fn rest_of_cell(&mut self) -> &'t str {
        let (start, bytes) = (self.at, self.text.as_bytes());
        let mut end = start;
        while let Some(byte) = bytes.get(end) {
            if *byte == self.delimiter || *byte == b'\n' || *byte == b'\r' {
                break;
            }
            end += 1;
        }
        self.at = end;
        self.text.get(start..end).unwrap_or_default()
    }

    /// Read a cell in quotes from behind the first one on; None if there is no last one.
    fn quoted(&mut self, from: usize) -> Option<Cow<'t, str>> {
        let (text, mut start) = (self.text, from);
        let mut cell = Cow::Borrowed("");
        loop {
            let end = start + text.as_bytes().get(start..)?.iter().position(|byte| *byte == b'"')?;
            let part = text.get(start..end)?;
            let doubled = text.as_bytes().get(end + 1) == Some(&b'"');
            join(&mut cell, part);
            if !doubled {
                self.at = end + 1;
                // What stands between the quote and the delimiter belongs to the cell as well.
                join(&mut cell, trimmed(self.rest_of_cell()));
                return Some(cell);
            }
            join(&mut cell, "\"");
            start = end + 2;
        }
    }
}

fn join<'t>(cell: &mut Cow<'t, str>, part: &'t str) {
    if cell.is_empty() {
        *cell = Cow::Borrowed(part);
    } else if !part.is_empty() {
        cell.to_mut().push_str(part);
    }
}

/// A cell without the spaces around it, no-break ones included.
pub fn trimmed(cell: &str) -> &str {
    let is_plain = |byte: Option<&u8>| byte.is_none_or(|byte| (0x21..0x7f).contains(byte));
    let bytes = cell.as_bytes();
    if is_plain(bytes.first()) && is_plain(bytes.last()) {
        cell
    } else {
        cell.trim()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, delimiter: char) -> Vec<Vec<String>> {
        let mut rows = Rows::new(text, 0, delimiter as u8);
        let mut all = Vec::new();
        loop {
            let mut row = Vec::new();
            let Some(width) = rows.next(|index, cell: &str| {
                row.resize(index, String::new());
                row.push(cell.to_owned());
            }) else {
                return all;
            };
            row.resize(width, String::new());
            all.push(row);
        }
    }

    #[test]
    fn lines_end_in_every_way() {
        for end in ["\n", "\r\n", "\r", "\n\n", "\r\n \t\r\n"] {
            let text = ["a,b", "1,2", "3,"].join(end);
            assert_eq!(rows(&text, ','), [["a", "b"], ["1", "2"], ["3", ""]], "{end:?}");
            assert_eq!(rows(&format!("{end}{text}{end}"), ',').len(), 3);
        }
        assert_eq!(rows("", ','), Vec::<Vec<String>>::new());
        assert_eq!(rows("\n\n", ','), Vec::<Vec<String>>::new());
    }

    #[test]
    fn quotes_hold_delimiters_line_ends_and_quotes() {
        assert_eq!(
            rows("\"a,b\",\"x\r\ny\",\"say \"\"hi\"\"\"\n", ','),
            [["a,b", "x\r\ny", "say \"hi\""]]
        );
        assert_eq!(rows("\"x\", \"y, z\" , \"\"", ','), [["x", "y, z", ""]]);
        assert_eq!(rows("a\t \"b\tc\"", '\t'), [["a", "b\tc"]]);
        assert_eq!(rows("\"\"\"\",5\" pipe,\"a\"b", ','), [["\"", "5\" pipe", "ab"]]);
    }

    #[test]
    fn a_quote_without_an_end_means_itself() {
        assert_eq!(rows("a,b\n\"x,1\ny,2\n", ','), [["a", "b"], ["\"x", "1"], ["y", "2"]]);
        let mut rows = Rows::new("\"x,1", 0, b',');
        rows.next(|_, _| ());
        assert_eq!(rows.unclosed(), Some(0));
    }

    #[test]
    fn tabs_at_the_begin_of_a_line_are_cells() {
        assert_eq!(rows("\t\tx\n", '\t'), [["", "", "x"]]);
        assert_eq!(rows("\u{a0}x\u{a0};y", ';'), [["x", "y"]]);
    }
}
