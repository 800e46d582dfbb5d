//! The lines of a text.

/// Where lines are in a text whose lines end with a line feed or, where it has none, with a carriage return.
pub struct Lines<'t> {
    text: &'t str,
    end: u8,
    /// The line that begins at `at`, counted from 1.
    number: usize,
    at: usize,
}

impl<'t> Lines<'t> {
    /// The lines of a text.
    pub fn of(text: &'t str) -> Self {
        let end = if text.contains('\n') { b'\n' } else { b'\r' };
        Self {
            text,
            end,
            number: 1,
            at: 0,
        }
    }

    /// The number of the line that a place is in. Places have to come in their order.
    pub fn number_at(&mut self, place: usize) -> usize {
        let start = self.start_of(place).max(self.at);
        let between = self.text.as_bytes().get(self.at..start).unwrap_or_default();
        self.number += between.iter().filter(|byte| **byte == self.end).count();
        self.at = start;
        self.number
    }

    /// The text of a line and the `more` behind it. Lines have to be asked for in their order.
    pub fn line(&mut self, number: usize, more: usize) -> &'t str {
        while self.number < number && self.at < self.text.len() {
            self.at = self.next_after(self.at);
            self.number += 1;
        }
        let mut end = self.at;
        for _ in 0..=more {
            end = self.next_after(end);
        }
        self.without_end(self.at, end)
    }

    /// Where the line begins that a place is in.
    pub fn start_of(&self, place: usize) -> usize {
        let before = self.text.as_bytes().get(..place).unwrap_or_default();
        before
            .iter()
            .rposition(|byte| *byte == self.end)
            .map_or(0, |end| end + 1)
    }

    /// Where the line begins that comes after the one that a place is in; the length of the text if there is none.
    pub fn next_after(&self, place: usize) -> usize {
        let rest = self.text.as_bytes().get(place..).unwrap_or_default();
        rest.iter()
            .position(|byte| *byte == self.end)
            .map_or(self.text.len(), |end| place + end + 1)
    }

    /// How many lines end between two places.
    pub fn count(&self, from: usize, to: usize) -> usize {
        let between = self.text.as_bytes().get(from..to).unwrap_or_default();
        between.iter().filter(|byte| **byte == self.end).count()
    }

    /// The lines from one place to another, without the end of the last one.
    pub fn without_end(&self, from: usize, to: usize) -> &'t str {
        let lines = self.text.get(from..to).unwrap_or_default();
        let lines = lines.strip_suffix(char::from(self.end)).unwrap_or(lines);
        lines.strip_suffix('\r').unwrap_or(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_cut_out() {
        for (text, third) in [("a\nb\nc\rd\n", "c\rd"), ("a\r\nb\r\nc\r\nd", "c"), ("a\rb\rc\rd", "c")] {
            assert_eq!(Lines::of(text).line(3, 0), third, "{text:?}");
            let mut lines = Lines::of(text);
            assert_eq!(lines.number_at(0), 1);
            assert_eq!(lines.number_at(text.find('c').unwrap()), 3);
            assert_eq!(lines.number_at(text.find('d').unwrap()), lines.number);
        }
        assert_eq!(Lines::of("a\r\nb\r\nc").line(1, 1), "a\r\nb");
        assert_eq!(Lines::of("a").line(1, 5), "a");
        assert_eq!(Lines::of("").line(1, 0), "");
    }
}
