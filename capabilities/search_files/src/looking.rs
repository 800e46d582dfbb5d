//! Looking for a pattern in one text, part by part, so that what it costs can be told beforehand.

use std::borrow::Cow;

use crate::lines::Lines;
use crate::pattern::{composed, Pattern};

/// How much of a text is looked at in one go, and how far a match may go on behind it.
const PIECE: usize = 256 << 10;
const BEHIND: usize = 64 << 10;

/// About how much energy a byte takes: to be read, to be decoded, to have its normal form checked or made, and to be
/// looked at; the edges of words are asked for at each byte, beyond ASCII.
const READING: u64 = 15;
const DECODING: u64 = 100;
const NORMALIZING: u64 = 60;
const COMPOSING: u64 = 150;
const LOOKING: u64 = 60;
const LOOKING_FOR_EDGES: u64 = 1800;

/// The energy that is left for a search, by what reading and looking take.
pub struct Energy(pub u64);

impl Energy {
    /// Take away what decoding so many bytes takes.
    pub fn decode(&mut self, bytes: usize) {
        self.spend(bytes, DECODING);
    }

    fn spend(&mut self, bytes: usize, each: u64) {
        self.0 = self.0.saturating_sub((bytes as u64).saturating_mul(each));
    }
}

/// What a pattern was found in: the number of its first line, the text of its lines, and where in it the match is.
pub struct Found<'t> {
    pub line: usize,
    pub text: &'t str,
    /// How many characters stand before the match.
    pub before: usize,
}

/// How looking at a text ended.
#[derive(Debug, PartialEq)]
pub enum Ended {
    Whole,
    /// `take` wanted no more.
    Enough,
    /// There was energy up to this line alone.
    Weary(usize),
}

/// Hand over the lines that have the pattern, each one once, until `take` answers that it wants no more.
///
/// A match may go on over line ends; the next one is looked for behind its last line.
pub fn look<'t>(
    text: &'t str,
    pattern: &Pattern,
    energy: &mut Energy,
    mut take: impl FnMut(Found<'t>) -> bool,
) -> Ended {
    energy.spend(text.len(), READING);
    let is_ascii = text.is_ascii();
    if !is_ascii {
        energy.spend(text.len(), NORMALIZING);
    }
    let with_line_feeds = with_line_feeds(text, pattern);
    if let Cow::Owned(_) = with_line_feeds {
        energy.spend(text.len(), NORMALIZING);
    }
    let composed = composed(&with_line_feeds);
    if let Cow::Owned(_) = composed {
        energy.spend(text.len(), COMPOSING);
    }
    let lines = Lines::of(&composed);
    let (mut counted, mut original) = (Lines::of(&composed), Lines::of(text));
    let loose = pattern.loose.as_ref().filter(|_| !is_ascii);
    let regex = pattern.of(is_ascii);
    let mut from = 0;
    while from < composed.len() {
        if energy.0 == 0 {
            return Ended::Weary(counted.number_at(from));
        }
        let (limit, end) = piece(&lines, from, composed.len(), pattern.has_text_end);
        let part = composed.get(..end).unwrap_or_default();
        let mut found = loose.unwrap_or(regex).find_at(part, from);
        energy.spend(found.map_or(end, |found| found.end()) - from, LOOKING);
        if let (Some(maybe), Some(_)) = (found, loose) {
            // Whatever asks for edges is looked for up to the end of the line that the other match ends in.
            let near = lines.next_after(maybe.end()).min(end);
            energy.spend(near - maybe.start(), LOOKING_FOR_EDGES);
            found = regex.find_at(part.get(..near).unwrap_or_default(), maybe.start());
            if found.is_none() {
                from = lines.next_after(maybe.start());
                continue;
            }
        }
        let Some(found) = found.filter(|found| found.start() < limit || limit == composed.len()) else {
            from = limit;
            continue;
        };
        let start = lines.start_of(found.start());
        if start == composed.len() {
            break; // behind the last line end there is no line
        }
        let after = lines.next_after(found.end().max(found.start() + 1) - 1);
        let line = counted.number_at(start);
        let shown = match (&with_line_feeds, &composed) {
            (Cow::Borrowed(_), Cow::Borrowed(_)) => original.without_end(start, after),
            _ => original.line(line, lines.count(start, after.saturating_sub(1))),
        };
        let before = composed.get(start..found.start()).unwrap_or_default().chars().count();
        if !take(Found {
            line,
            text: shown,
            before,
        }) {
            return Ended::Enough;
        }
        from = after;
    }
    Ended::Whole
}

/// A text whose lines end with a line feed each, where that is what a pattern takes for a line end.
fn with_line_feeds<'t>(text: &'t str, pattern: &Pattern) -> Cow<'t, str> {
    if !pattern.has_one_line_end || !text.contains('\r') {
        return Cow::Borrowed(text);
    }
    // As `Lines` counts them: where there is a line feed, a carriage return alone ends no line.
    let end = if text.contains('\n') { "\r\n" } else { "\r" };
    Cow::Owned(text.replace(end, "\n"))
}

/// Where the part of a text ends in which matches may begin, and the part in which they have to end: at line ends.
fn piece(lines: &Lines, from: usize, length: usize, whole: bool) -> (usize, usize) {
    if whole || length - from <= PIECE + BEHIND {
        return (length, length);
    }
    let limit = lines.next_after(from + PIECE);
    (limit, lines.next_after((limit + BEHIND).min(length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, pattern: &Pattern) -> Vec<(usize, String, usize)> {
        let mut found = Vec::new();
        let ended = look(text, pattern, &mut Energy(u64::MAX), |each| {
            found.push((each.line, each.text.to_owned(), each.before));
            true
        });
        assert_eq!(ended, Ended::Whole);
        found
    }

    fn regex(pattern: &str, text: &str) -> Vec<(usize, String)> {
        let found = all(text, &Pattern::regex(pattern, false).unwrap());
        found.into_iter().map(|(line, text, _)| (line, text)).collect()
    }

    fn is(expected: &[(usize, &str)]) -> Vec<(usize, String)> {
        expected
            .iter()
            .map(|(line, text)| (*line, (*text).to_owned()))
            .collect()
    }

    #[test]
    fn each_line_with_a_match_is_told_once() {
        assert_eq!(regex("x", "x x\nno\nax"), is(&[(1, "x x"), (3, "ax")]));
        assert_eq!(regex("o$", "no\r\ngo\nox"), is(&[(1, "no"), (2, "go")]));
        assert_eq!(regex("^o", "no\rox\ro"), is(&[(2, "ox"), (3, "o")]));
        assert_eq!(regex("^$", "a\n\nb\n"), is(&[(2, "")]));
        assert_eq!(regex("z*", "a\nb"), is(&[(1, "a"), (2, "b")]));
        assert_eq!(regex("a", ""), is(&[]));
        assert_eq!(regex("^", "\n"), is(&[(1, "")]));
    }

    #[test]
    fn a_match_may_go_on_over_line_ends() {
        let text = "first line\r\nsecond line\r\nthird";
        assert_eq!(
            regex(r"first line\s+second", text),
            is(&[(1, "first line\r\nsecond line")])
        );
        assert_eq!(regex("line\\r\\n", text), is(&[(1, "first line"), (2, "second line")]));
        assert_eq!(regex("(?s)first.*third", text), is(&[(1, text)]));
        assert_eq!(regex(r"third\z", text), is(&[(3, "third")]));
        let query = Pattern::text("line\nsecond", false).unwrap();
        assert_eq!(all(text, &query), [(1, "first line\r\nsecond line".to_owned(), 6)]);
    }

    #[test]
    fn a_line_end_of_an_expression_is_any_line_end() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["one", "two", "three", "", "zwölf", "two", "three"].join(end);
            let both = format!("two{end}three");
            for pattern in [
                r"two\nthree",
                r"two\r?\nthree",
                "two\nthree",
                r"(?s)two.three",
                r"two[^x]three",
            ] {
                assert_eq!(
                    regex(pattern, &text),
                    is(&[(2, &both), (6, &both)]),
                    "{pattern} {end:?}"
                );
            }
            assert_eq!(regex(r"two\n", &text), is(&[(2, "two"), (6, "two")]), "{end:?}");
            assert_eq!(
                regex(r"e\n\nzw.lf$", &text),
                is(&[(3, &format!("three{end}{end}zwölf"))])
            );
            assert_eq!(regex(r"two\r", &text).len(), if end == "\n" { 0 } else { 2 });
        }
        assert_eq!(regex(r"b\r\nc", "a\r\nb\r\nc"), is(&[(2, "b\r\nc")]));
        assert_eq!(regex(r"c\n", "a\nb\rx\r\nc\r\nd"), is(&[(3, "c")]));
    }

    #[test]
    fn lines_are_told_as_they_are_written() {
        let text = "nichts\nu\u{308}ber a\u{308}pfel\nende\n";
        let query = Pattern::text("äpfel", false).unwrap();
        assert_eq!(all(text, &query), [(2, "u\u{308}ber a\u{308}pfel".to_owned(), 5)]);
        let over = Pattern::text("äpfel\nende", false).unwrap();
        assert_eq!(all(text, &over)[0].1, "u\u{308}ber a\u{308}pfel\nende");
    }

    #[test]
    fn parts_of_a_text_are_looked_at_as_one() {
        let mut text = "filling text\n".repeat(100_000);
        for at in [0, 26_000, 390_000, 700_050, 1_299_987] {
            text.replace_range(at - at % 13..at - at % 13 + 12, "here it ends");
        }
        for pattern in [
            "here it",
            "^here",
            "ends$",
            r"\bhere\b",
            r"here[^x]*?ends\s*(filling|\z)",
        ] {
            let lines: Vec<_> = regex(pattern, &text).into_iter().map(|(line, _)| line).collect();
            assert_eq!(lines, [1, 2001, 30001, 53851, 100_000], "{pattern}");
        }
    }

    #[test]
    fn edges_of_words_are_found_beyond_ascii() {
        let text = "größer\nÜbergröße größe\nübergrößegröße\nx größe\n".to_owned()
            + &"größere Größen\n".repeat(30_000)
            + "Größe";
        let lines: Vec<_> = regex(r"\bgröße\b", &text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [2, 4, 30_005]);
        assert_eq!(regex(r"\Bgröße\b", &text).len(), 2);
        assert_eq!(regex(r"größe\b\s+x\b", &text), is(&[(3, "übergrößegröße\nx größe")]));
    }

    #[test]
    fn it_stops_where_the_energy_ends() {
        let text = "abc\n".repeat(500_000);
        let pattern = Pattern::regex("y$", false).unwrap();
        let ended = look(
            &text,
            &pattern,
            &mut Energy(2_000_000 * READING + 1_000_000 * LOOKING),
            |_| true,
        );
        let Ended::Weary(line) = ended else { panic!("{ended:?}") };
        assert!((200_000..400_000).contains(&line), "{line}");
    }
}
