//! Texts of files as they come: UTF-8, UTF-16 and, byte by byte, Windows-1252 (which has Latin-1's letters).

/// How many bytes a decoded text may have: beside the bytes it was made from it has to fit into a guest's memory.
const MOST_BYTES: usize = 36 << 20;

/// How much of a file is looked at to tell UTF-16 without a byte order mark from UTF-8.
const SAMPLE: usize = 4096;

/// The signs of Windows-1252 from 0x80 to 0x9F; the rest of its bytes are the code points of their numbers.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// What a text was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16, low bytes first.
    Utf16Le,
    /// UTF-16, high bytes first.
    Utf16Be,
    /// Not UTF-8, so that bytes which are none of it are taken for Windows-1252.
    Windows1252,
}

impl Encoding {
    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "Windows-1252",
        }
    }
}

/// Read the bytes of a file as text, without a byte order mark; fails with why it is no text.
pub fn decode(bytes: Vec<u8>) -> Result<(String, Encoding), &'static str> {
    match encoding_of(&bytes)? {
        encoding @ (Encoding::Utf16Le | Encoding::Utf16Be) => Ok((utf16(&bytes, encoding)?, encoding)),
        Encoding::Windows1252 => Ok((utf8_or_windows(&bytes)?, Encoding::Windows1252)),
        Encoding::Utf8 => {
            let mut text = String::from_utf8(bytes).map_err(|_| "It is not UTF-8 text.")?;
            if text.starts_with('\u{feff}') {
                text.drain(..'\u{feff}'.len_utf8());
            }
            Ok((text, Encoding::Utf8))
        }
    }
}

/// What the bytes of a file are written in; fails with why they are no text.
///
/// A file that is no UTF-8 and has bytes that no text has, such as 0, is none; one in UTF-8 may have them.
pub fn encoding_of(bytes: &[u8]) -> Result<Encoding, &'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Err("It is UTF-32 text, which is not read."),
        [0xff, 0xfe, ..] => return Ok(Encoding::Utf16Le),
        [0xfe, 0xff, ..] => return Ok(Encoding::Utf16Be),
        [b'P', b'K', 3, 4, ..] => return Err("It is a zip archive or an office document, not text."),
        _ => (),
    }
    if let Some(encoding) = unmarked_utf16(bytes) {
        return Ok(encoding);
    }
    if std::str::from_utf8(bytes).is_ok() {
        return Ok(Encoding::Utf8);
    }
    if bytes.iter().any(|byte| is_binary(*byte)) {
        return Err("It is not text.");
    }
    Ok(Encoding::Windows1252)
}

fn is_binary(byte: u8) -> bool {
    byte < b'\t' || (0x0e..0x20).contains(&byte) && byte != 0x1b || byte == 0x7f
}

/// UTF-16 of mostly Western letters: every other byte is 0, and the others are of text.
fn unmarked_utf16(bytes: &[u8]) -> Option<Encoding> {
    let sample = bytes.get(..SAMPLE).unwrap_or(bytes);
    if bytes.len() % 2 == 1 || bytes.len() < 8 || !sample.contains(&0) {
        return None;
    }
    let every_other = |from: usize| sample.iter().skip(from).step_by(2);
    let is_text = |from| {
        let low = every_other(from).all(|byte| !is_binary(*byte));
        low && every_other(1 - from).filter(|byte| **byte == 0).count() * 10 >= sample.len() * 4
    };
    match (is_text(0), is_text(1)) {
        (true, false) => Some(Encoding::Utf16Le),
        (false, true) => Some(Encoding::Utf16Be),
        _ => None,
    }
}

fn utf16(bytes: &[u8], encoding: Encoding) -> Result<String, &'static str> {
    let unit = |pair: &[u8]| match (pair, encoding) {
        (&[high, low], Encoding::Utf16Be) => u16::from_be_bytes([high, low]),
        (&[low, high], _) => u16::from_le_bytes([low, high]),
        _ => 0,
    };
    let units = || bytes.chunks_exact(2).map(unit);
    let marked = units().next() == Some(0xfeff);
    let mut text = sized(units().fold(0, |size, unit| {
        size + if unit < 0x80 {
            1
        } else if unit < 0x800 {
            2
        } else {
            3
        }
    }))?;
    let mut units = units().skip(usize::from(marked)).peekable();
    while let Some(unit) = units.next() {
        let letter = match unit {
            0xd800..=0xdbff => units
                .next_if(|next| (0xdc00..=0xdfff).contains(next))
                .map(|next| 0x10000 + ((u32::from(unit) & 0x3ff) << 10 | u32::from(next) & 0x3ff)),
            _ => Some(u32::from(unit)),
        };
        text.push(letter.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    Ok(text)
}

fn utf8_or_windows(bytes: &[u8]) -> Result<String, &'static str> {
    let mut rest = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    // No byte becomes more than three; most files have few that are not ASCII.
    let mut text = sized(rest.iter().map(|byte| if byte.is_ascii() { 1 } else { 3 }).sum())?;
    while let Some(first) = rest.first() {
        let length = match first {
            0..=0x7f => rest.iter().position(|byte| !byte.is_ascii()).unwrap_or(rest.len()),
            0xf0.. => 4,
            0xe0.. => 3,
            _ => 2,
        };
        let (piece, after) = rest.split_at(length.min(rest.len()));
        match std::str::from_utf8(piece) {
            Ok(piece) => {
                text.push_str(piece);
                rest = after;
            }
            Err(_) => {
                text.push(windows(*first));
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
    Ok(text)
}

fn windows(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS.get(usize::from(byte - 0x80)).copied().unwrap_or_default(),
        _ => char::from(byte),
    }
}

/// A text with room for so many bytes: growing would take twice as much memory.
fn sized(size: usize) -> Result<String, &'static str> {
    if size > MOST_BYTES {
        return Err("It is too large to be read in its encoding.");
    }
    Ok(String::with_capacity(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> (String, Encoding) {
        decode(bytes.to_owned()).unwrap()
    }

    fn utf16_of(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn byte_order_marks_are_no_part_of_the_text() {
        assert_eq!(decoded("\u{feff}ä".as_bytes()), ("ä".into(), Encoding::Utf8));
        assert_eq!(
            decoded(&utf16_of("\u{feff}ä𝄞\r\n")),
            ("ä𝄞\r\n".into(), Encoding::Utf16Le)
        );
        let mut swapped = utf16_of("\u{feff}Zoë");
        swapped.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
        assert_eq!(decoded(&swapped), ("Zoë".into(), Encoding::Utf16Be));
        assert_eq!(decoded(b""), (String::new(), Encoding::Utf8));
    }

    #[test]
    fn utf16_is_told_without_a_mark() {
        assert_eq!(
            decoded(&utf16_of("name\tcity")),
            ("name\tcity".into(), Encoding::Utf16Le)
        );
        assert_eq!(decoded(b"a\0b").1, Encoding::Utf8);
        assert_eq!(decoded(b"\0\0\0\0").1, Encoding::Utf8);
    }

    #[test]
    fn half_of_a_pair_is_marked_as_missing() {
        assert_eq!(decoded(&[0xff, 0xfe, 0x00, 0xd8, b'a', 0]).0, "\u{fffd}a");
    }

    #[test]
    fn what_is_no_utf8_is_windows_1252_byte_by_byte() {
        assert_eq!(
            decoded(b"M\xfcller \x80 5\x96"),
            ("Müller € 5–".into(), Encoding::Windows1252)
        );
        assert_eq!(decoded(b"\xc3\xbc and \xfc").0, "ü and ü");
        assert_eq!(decoded(b"K\xf6ln \xe2\x82\xac \xe2\x82").0, "Köln € â‚");
        assert_eq!(decoded(b"\xef\xbb\xbf\xff").0, "ÿ");
    }

    #[test]
    fn what_is_no_text_is_told() {
        assert_eq!(decode(vec![0x89, b'P', b'N', b'G', 0, 0xff]), Err("It is not text."));
        assert_eq!(
            decode(vec![0xff, 0xfe, 0, 0, 1, 0, 0, 0]),
            Err("It is UTF-32 text, which is not read.")
        );
        assert!(decode(b"PK\x03\x04rest".to_vec())
            .unwrap_err()
            .contains("office document"));
    }
}
