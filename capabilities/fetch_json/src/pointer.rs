//! Finding the part of a JSON text that a JSON Pointer names, without a tree of the rest.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A number of so many signs has no more digits than a double keeps.
const SHORT: usize = 16;

/// How many keys of a document are named where nothing is at the pointer.
const SHOWN_KEYS: usize = 20;

/// The names and indexes of a JSON Pointer (RFC 6901), outermost first.
pub fn segments(pointer: &str) -> Vec<String> {
    let segments = pointer.split('/').skip(1);
    segments
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
        .collect()
}

/// Find the part of a document at these segments, as it is written; of two members of a name the last one counts.
pub fn find<'a>(text: &'a str, segments: &[String]) -> serde_json::Result<Option<&'a RawValue>> {
    let mut document = serde_json::Deserializer::from_str(text);
    let found = At(segments).deserialize(&mut document)?;
    document.end()?;
    Ok(found)
}

/// Check that a part, which was found, is JSON in every string and number, which finding it does not look at.
pub fn check(part: &str) -> serde_json::Result<()> {
    let checked = serde_json::from_str::<Checked>(part).map(|_| ());
    match checked {
        // Guests take no whole number of more than 64 bits for a value; it is handed on as text all the same.
        Err(error) if error.to_string().starts_with("number out of range") => {
            serde_json::from_str::<Checked>(&without_long_wholes(part)).map(|_| ())
        }
        checked => checked,
    }
}

/// A JSON text with a zero for each whole number of many digits.
fn without_long_wholes(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    let (mut rest, mut in_string) = (text, false);
    while !rest.is_empty() {
        let end = if in_string {
            string_end(rest)
        } else {
            rest.find('"').map_or(rest.len(), |quote| quote + 1)
        };
        let (piece, after) = rest.split_at(end);
        if in_string {
            short.push_str(piece);
        } else {
            let is_sign = |sign: char| sign.is_ascii_whitespace() || ",:[]{}".contains(sign);
            for part in piece.split_inclusive(is_sign) {
                let token = part.trim_end_matches(is_sign);
                let is_whole = token.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
                let long = token.len() > SHORT && is_whole;
                short.push_str(if long { "0" } else { token });
                short.push_str(part.get(token.len()..).unwrap_or_default());
            }
        }
        (rest, in_string) = (after, !in_string);
    }
    short
}

/// A JSON text as it is handed on.
pub struct Handed {
    pub text: String,
    /// How many numbers were rounded, and the first of them.
    pub rounded: usize,
    pub first: Option<String>,
}

/// A JSON text without the spaces between its values, and with fractions rounded that no reader keeps digit by digit.
///
/// Whole numbers keep all their digits.
pub fn handed_on(text: &str) -> Handed {
    let mut handed = Handed {
        text: String::with_capacity(text.len()),
        rounded: 0,
        first: None,
    };
    let (mut rest, mut in_string) = (text, false);
    while !rest.is_empty() {
        let end = if in_string {
            string_end(rest)
        } else {
            rest.find('"').map_or(rest.len(), |quote| quote + 1)
        };
        let (piece, after) = rest.split_at(end);
        if in_string {
            handed.text.push_str(piece);
        } else {
            handed.push_values(piece);
        }
        (rest, in_string) = (after, !in_string);
    }
    handed
}

impl Handed {
    /// Take in what stands between two strings.
    fn push_values(&mut self, piece: &str) {
        for chunk in piece.split_ascii_whitespace() {
            if chunk.len() <= SHORT {
                self.text.push_str(chunk);
                continue;
            }
            for part in chunk.split_inclusive([',', ':', '[', ']', '{', '}']) {
                let token = part.trim_end_matches([',', ':', '[', ']', '{', '}']);
                match rounded(token) {
                    Some(number) => {
                        self.rounded += 1;
                        self.first.get_or_insert_with(|| token.to_owned());
                        self.text.push_str(&number);
                        self.text.push_str(part.get(token.len()..).unwrap_or_default());
                    }
                    None => self.text.push_str(part),
                }
            }
        }
    }
}

/// A number as a double writes it, if it has more digits than that keeps.
fn rounded(token: &str) -> Option<String> {
    if token.len() <= SHORT || !token.contains(['.', 'e', 'E']) {
        return None;
    }
    let number: f64 = token.parse().ok()?;
    let digits = significant(token);
    let most = digits.len().saturating_sub(1);
    (significant(&format!("{number:.most$e}")) != digits).then(|| format!("{number:e}"))
}

/// The digits of a number without its sign, point, exponent and outer zeros.
fn significant(number: &str) -> String {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_owned()
}

/// What a document is, in words.
pub fn outline(text: &str) -> String {
    match serde_json::from_str(text) {
        Ok(Outline::Object(keys)) => format!("an object with the keys {}", keys.join(", ")),
        Ok(Outline::List(length)) => format!("a list of {length} values"),
        _ => "a single value".to_owned(),
    }
}

/// Where the string ends that a text begins within, its quote included.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |quote| quote + 1)
}

struct At<'p>(&'p [String]);

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() {
            return <&RawValue>::deserialize(deserializer).map(Some);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let Some((wanted, within)) = self.0.split_first() else {
            return Ok(None);
        };
        let mut found = None;
        while let Some(Key(key)) = members.next_key()? {
            if key == wanted.as_str() {
                found = members.next_value_seed(At(within))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let Some((wanted, within)) = self.0.split_first() else {
            return Ok(None);
        };
        let wanted = index(wanted);
        let (mut found, mut place) = (None, 0);
        loop {
            let there = if wanted == Some(place) {
                elements.next_element_seed(At(within))?.map(|part| found = part)
            } else {
                elements.next_element::<IgnoredAny>()?.map(|_| ())
            };
            if there.is_none() {
                return Ok(found);
            }
            place += 1;
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// The number of an element, which has no sign and no zeros before it.
fn index(segment: &str) -> Option<usize> {
    let plain = segment.bytes().all(|byte| byte.is_ascii_digit()) && (segment == "0" || !segment.starts_with('0'));
    segment.parse().ok().filter(|_| plain)
}

/// A value of which every string and number was read, and nothing kept.
struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Checked)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<Checked, Checked>()?.is_some() {}
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
        while elements.next_element::<Checked>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}

enum Outline<'a> {
    Object(Vec<Cow<'a, str>>),
    List(usize),
}

impl<'de: 'a, 'a> Deserialize<'de> for Outline<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Outlined;
        impl<'de> Visitor<'de> for Outlined {
            type Value = Outline<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object or a list")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Outline<'de>, A::Error> {
                let mut keys = Vec::new();
                while let Some((Key(key), IgnoredAny)) = members.next_entry()? {
                    if keys.len() < SHOWN_KEYS {
                        keys.push(key);
                    }
                }
                Ok(Outline::Object(keys))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Outline<'de>, A::Error> {
                let mut length = 0;
                while elements.next_element::<IgnoredAny>()?.is_some() {
                    length += 1;
                }
                Ok(Outline::List(length))
            }
        }
        deserializer.deserialize_any(Outlined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<'a>(text: &'a str, pointer: &str) -> Option<&'a str> {
        find(text, &segments(pointer)).unwrap().map(RawValue::get)
    }

    #[test]
    fn finds_what_a_pointer_names() {
        let text = r#" {"a": [1, {"b/c": "x", "~": null}], "": {"": 2}, "e\u0301": 3, "n": 1e400} "#;
        assert_eq!(at(text, "/a/1/b~1c"), Some(r#""x""#));
        assert_eq!(at(text, "/a/1/~0"), Some("null"));
        assert_eq!(at(text, "//"), Some("2"));
        assert_eq!(at(text, "/e\u{301}"), Some("3"));
        assert_eq!(at(text, "/a/0"), Some("1"));
        assert_eq!(at(text, ""), Some(text.trim()));
        for nowhere in ["/b", "/a/2", "/a/01", "/a/+1", "/a/-", "/a/0/x", "/a/1/b~1c/0"] {
            assert_eq!(at(text, nowhere), None, "{nowhere}");
        }
        assert_eq!(at(r#"{"a": 1, "a": {"b": 2}}"#, "/a/b"), Some("2"));
        assert_eq!(at("5", "/a"), None);
    }

    #[test]
    fn what_is_not_json_is_an_error_wherever_it_is() {
        for broken in [r#"{"a": 1"#, "[1, 2,]", "1 2", "", "{'a': 1}", "[1] x", "nul"] {
            assert!(find(broken, &segments("/0")).is_err(), "{broken}");
        }
        assert!(check(r#"["\ud800"]"#).is_err());
        assert!(check("[1e999]").is_err());
        assert!(check(r#"{"a": [1.5, -2, 12345678901234567890123, "\ud834\udd1e", null, true]}"#).is_ok());
    }

    #[test]
    fn long_whole_numbers_alone_are_left_out_of_the_check() {
        let long = "12345678901234567890123";
        assert_eq!(
            without_long_wholes(&format!(
                "{{\"{long}\": [-{long}, 1.5 ,{long}],\n\"a\":{long}.5, \"b\": 1e999}}"
            )),
            format!("{{\"{long}\": [0, 1.5 ,0],\n\"a\":{long}.5, \"b\": 1e999}}")
        );
        assert_eq!(without_long_wholes(long), "0");
        assert!(check(&format!("[{long}, 1e999]")).is_err());
        assert!(check(&format!(r#"[{long}, "\ud800"]"#)).is_err());
    }

    #[test]
    fn what_is_handed_on_keeps_strings_and_whole_numbers() {
        let text = "{ \"a b\" : [ 1.50 ,\n\t\"x \\\" y\\\\\" , \"\", 12345678901234567890123,true ] }\r\n";
        let handed = handed_on(text);
        assert_eq!(
            handed.text,
            r#"{"a b":[1.50,"x \" y\\","",12345678901234567890123,true]}"#
        );
        assert_eq!((handed.rounded, handed.first), (0, None));
    }

    #[test]
    fn fractions_that_nobody_keeps_are_rounded_and_told() {
        let handed =
            handed_on("[0.1234567890123456789,{\"a\":-1.5},[12345678901234567.5],0.1000000000000000055511,1e-400]");
        assert_eq!(
            handed.text,
            "[1.2345678901234568e-1,{\"a\":-1.5},[1.2345678901234568e16],0.1000000000000000055511,1e-400]"
        );
        assert_eq!(
            (handed.rounded, handed.first.as_deref()),
            (2, Some("0.1234567890123456789"))
        );
    }

    #[test]
    fn a_document_is_outlined() {
        assert_eq!(outline(r#"{"b": [1], "a": 2}"#), "an object with the keys b, a");
        assert_eq!(outline("[1, [2]]"), "a list of 2 values");
        assert_eq!(outline("5"), "a single value");
    }
}
