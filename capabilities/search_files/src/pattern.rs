//! What is looked for, as regular expressions that take alike what readers take alike.

use std::borrow::Cow;

use capability_common::Error;
use icu_normalizer::ComposingNormalizerBorrowed;
use regex::{Regex, RegexBuilder};

/// How much memory a compiled expression may take.
const SIZE: usize = 1 << 20;

/// What stands for a line end in a text that is looked for.
const LINE_END: &str = r"(?:\r\n|\n|\r)";

/// An expression to look for, and what looking for it costs.
pub struct Pattern {
    /// For texts with other letters than those of ASCII.
    wide: Regex,
    /// For the others, which are looked at faster.
    narrow: Option<Regex>,
    /// Where it asks for the edges of words, which costs fifty times as much beyond ASCII: the same without that, which
    /// finds all that it does and more.
    pub loose: Option<Regex>,
    /// Whether it asks where the text ends, so that no part of a text can be looked at alone.
    pub has_text_end: bool,
    /// Whether a line end is one line feed to it, however the text writes line ends.
    pub has_one_line_end: bool,
}

impl Pattern {
    /// A text: its spaces are any spaces, its hyphens any hyphens, and unless case counts ß is ss and all i are alike.
    pub fn text(query: &str, case_sensitive: bool) -> Result<Self, Error> {
        let query = composed(query);
        let simple = query.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        let narrow = simple.then(|| {
            let mut builder = RegexBuilder::new(&regex::escape(&query));
            builder.unicode(false).case_insensitive(!case_sensitive).build()
        });
        Ok(Self {
            wide: built(&widened(&query, !case_sensitive), case_sensitive)?,
            narrow: narrow.transpose().map_err(invalid)?,
            loose: None,
            has_text_end: false,
            has_one_line_end: false,
        })
    }

    /// A regular expression, whose `^` and `$` are about lines, and whose `\n` is any line end unless it asks for `\r`.
    pub fn regex(query: &str, case_sensitive: bool) -> Result<Self, Error> {
        let query = with_one_line_end(&composed(query));
        let has = |escapes: &[&str]| escapes.iter().any(|escape| query.contains(escape));
        Ok(Self {
            wide: built(&query, case_sensitive)?,
            narrow: None,
            loose: without_edges(&query)
                .map(|query| built(&query, case_sensitive))
                .transpose()?,
            has_text_end: has(&["\\z", "-m"]),
            has_one_line_end: !asks_for_return(&query),
        })
    }

    /// The expression for a text.
    pub fn of(&self, is_ascii: bool) -> &Regex {
        self.narrow.as_ref().filter(|_| is_ascii).unwrap_or(&self.wide)
    }
}

/// A text in normal form C, in which letters with marks are one sign each.
pub fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

fn built(pattern: &str, case_sensitive: bool) -> Result<Regex, Error> {
    let mut builder = RegexBuilder::new(pattern);
    builder
        .case_insensitive(!case_sensitive)
        .multi_line(true)
        .crlf(true)
        .size_limit(SIZE);
    builder.build().map_err(invalid)
}

/// An expression with `\n` for each `\r?\n`, which means the same: any line end.
fn with_one_line_end(pattern: &str) -> String {
    let mut plain = pattern.replace("\r\n", "\n");
    let found: Vec<_> = escapes(&plain).collect();
    for at in found.into_iter().rev() {
        if plain.get(at..).is_some_and(|rest| rest.starts_with(r"\r?\n")) {
            plain.replace_range(at..at + 3, "");
        }
    }
    plain
}

/// Whether an expression names the carriage return, so that how a text writes its line ends matters to it.
fn asks_for_return(pattern: &str) -> bool {
    let named = [
        r"\r", r"\x0d", r"\x0D", r"\x{d}", r"\x{D}", r"\x{0d}", r"\x{0D}", r"\u000d", r"\u000D",
    ];
    pattern.contains('\r')
        || escapes(pattern).any(|at| {
            let rest = pattern.get(at..).unwrap_or_default();
            named.iter().any(|name| rest.starts_with(name))
        })
}

/// Where the escapes of an expression begin.
fn escapes(pattern: &str) -> impl Iterator<Item = usize> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = from + pattern.get(from..)?.find('\\')?;
        let escaped = pattern.get(at + 1..)?.chars().next();
        from = at + 1 + escaped.map_or(0, char::len_utf8);
        Some(at)
    })
}

/// An expression that does not ask for the edges of words; None if it did not anyway.
fn without_edges(pattern: &str) -> Option<String> {
    let (mut loose, mut found) = (String::new(), false);
    let mut rest = pattern;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        loose.push_str(before);
        let next = escape.chars().nth(1).map_or(0, char::len_utf8);
        let (escape, mut after) = escape.split_at(1 + next);
        if matches!(escape, r"\b" | r"\B" | r"\<" | r"\>") {
            found = true;
            loose.push_str("(?:)");
            let kind = after.strip_prefix('{').filter(|kind| kind.starts_with(['s', 'e']));
            after = kind
                .and_then(|kind| kind.split_once('}'))
                .map_or(after, |(_, behind)| behind);
        } else {
            loose.push_str(escape);
        }
        rest = after;
    }
    loose.push_str(rest);
    found.then_some(loose)
}

fn invalid(error: regex::Error) -> Error {
    Error::new("invalid_regex", error)
}

/// A text as an expression that takes alike what looks alike.
fn widened(query: &str, fold: bool) -> String {
    let mut regex = String::new();
    let mut signs = query.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\r' => {
                signs.next_if_eq(&'\n');
                regex.push_str(LINE_END);
            }
            '\n' => regex.push_str(LINE_END),
            '\t' => regex.push('\t'),
            sign if sign.is_whitespace() => regex.push_str(r"\p{Zs}"),
            '-' | '\u{2010}' | '\u{2011}' => regex.push_str(r"[\-\x{2010}\x{2011}]"),
            's' | 'S' if fold && signs.next_if(|next| matches!(next, 's' | 'S')).is_some() => {
                regex.push_str("(?:ss|ß)")
            }
            'ß' | 'ẞ' if fold => regex.push_str("(?:ss|ß)"),
            'i' | 'İ' if fold => {
                signs.next_if_eq(&'\u{307}');
                regex.push_str(r"(?:i\x{307}?|İ)");
            }
            'I' if fold => regex.push_str(r"(?:i\x{307}?|İ|ı)"),
            'ı' if fold => regex.push_str("(?-i:[ıI])"),
            sign => regex.push_str(&regex::escape(sign.encode_utf8(&mut [0; 4]))),
        }
    }
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(query: &str, text: &str) -> bool {
        let text = composed(text);
        Pattern::text(query, false).unwrap().of(text.is_ascii()).is_match(&text)
    }

    #[test]
    fn normal_forms_are_alike() {
        assert!(finds("Modellüberprüfung", "Modellu\u{308}berpru\u{308}fung"));
        assert!(finds("Modellu\u{308}berpru\u{308}fung", "MODELLÜBERPRÜFUNG"));
        assert!(finds("한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"));
        assert!(!finds("u", "ü"));
    }

    #[test]
    fn case_is_alike_beyond_ascii() {
        for (query, text) in [
            ("STRASSE", "Straße"),
            ("straße", "STRASSE"),
            ("straße", "STRAẞE"),
            ("Flussstraße", "Flußstrasse"),
            ("istanbul", "İSTANBUL"),
            ("İstanbul", "istanbul"),
            ("i\u{307}stanbul", "İstanbul"),
            ("ISPARTA", "Isparta"),
            ("ISPARTA", "ısparta"),
            ("ısparta", "ISPARTA"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("ПРИВЕТ", "привет"),
            ("É", "é"),
        ] {
            assert!(finds(query, text), "{query} in {text}");
        }
        assert!(!finds("ısparta", "isparta"));
        let exact = Pattern::text("straße", true).unwrap();
        assert!(!exact.of(true).is_match("strasse"));
        assert!(!exact.of(false).is_match("STRAßE"));
    }

    #[test]
    fn edges_of_words_are_left_out() {
        for (pattern, loose) in [
            (r"\bneedle\b", Some("(?:)needle(?:)")),
            (r"\b{start}x\b{end-half}y{2}\B", Some("(?:)x(?:)y{2}(?:)")),
            (r"\<x\>", Some("(?:)x(?:)")),
            (r"\\b[\w\\]\d", None),
            ("b", None),
        ] {
            assert_eq!(without_edges(pattern).as_deref(), loose, "{pattern}");
        }
    }

    #[test]
    fn a_line_end_is_one_unless_a_return_is_asked_for() {
        for (pattern, plain, asks) in [
            (r"a\nb", r"a\nb", false),
            (r"a\r?\nb", r"a\nb", false),
            ("a\r\nb", "a\nb", false),
            (r"a\\r?\nb", r"a\\r?\nb", false),
            (r"a\r\n", r"a\r\n", true),
            (r"[\r\n]", r"[\r\n]", true),
            (r"\x0D", r"\x0D", true),
        ] {
            assert_eq!(with_one_line_end(pattern), plain);
            assert_eq!(asks_for_return(plain), asks, "{pattern}");
        }
    }

    #[test]
    fn spaces_hyphens_and_line_ends_are_alike() {
        for (query, text) in [
            ("total amount", "total\u{a0}amount"),
            ("total\u{a0}amount", "total amount"),
            ("5 %", "5\u{202f}%"),
            ("e-mail", "e\u{2011}mail"),
            ("one\ntwo", "one\r\ntwo"),
            ("one\r\ntwo", "one\ntwo"),
            ("one\ntwo", "one\rtwo"),
        ] {
            assert!(finds(query, text), "{query:?} in {text:?}");
        }
        assert!(!finds("a b", "ab"));
        assert!(!finds("a.b", "axb"));
    }
}
