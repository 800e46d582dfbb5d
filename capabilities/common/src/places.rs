//! Where in a JSON text something is, as a path such as `$.rows[3].mean`.

/// A list or an object that is open, with the place in it.
enum Open {
    Item(usize),
    /// The name's JSON, with its quotes; None before the first.
    Name(Option<String>),
}

/// The path of the value that ends at a place of a text, or of that value which something is missing in.
///
/// The place is what serde_json says: a line, and how many bytes of it were read.
pub(crate) fn path_of(json: &[u8], line: usize, column: usize) -> String {
    let lines = json.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    let mut read = json.get(..before.saturating_add(column)).unwrap_or(json);
    // It may have looked at what begins or ends behind the value.
    while let [rest @ .., b',' | b'[' | b'{' | b' ' | b'\n' | b'\r' | b'\t'] = read {
        read = rest;
    }
    path_before(read)
}

/// The path of the value that comes next, or that is being written, where a text stops.
pub(crate) fn path_before(json: &[u8]) -> String {
    let mut open: Vec<Open> = Vec::new();
    let mut bytes = json.iter().enumerate();
    let mut name_follows = false;
    while let Some((start, byte)) = bytes.next() {
        match byte {
            b'"' => {
                let end = end_of_text(&mut bytes);
                if let (true, Some(Open::Name(name))) = (name_follows, open.last_mut()) {
                    let text = json.get(start..end.saturating_add(1)).unwrap_or_default();
                    *name = Some(String::from_utf8_lossy(text).into_owned());
                    name_follows = false;
                }
            }
            b'[' => open.push(Open::Item(0)),
            b'{' => {
                open.push(Open::Name(None));
                name_follows = true;
            }
            b']' | b'}' => {
                open.pop();
                name_follows = false;
            }
            b',' => match open.last_mut() {
                Some(Open::Item(index)) => *index = index.saturating_add(1),
                _ => name_follows = true,
            },
            _ => {}
        }
    }
    open.iter().fold("$".to_owned(), |path, part| path + &shown(part))
}

/// Skip the rest of a text and return where its last quote is.
fn end_of_text<'a>(bytes: &mut impl Iterator<Item = (usize, &'a u8)>) -> usize {
    while let Some((position, byte)) = bytes.next() {
        match byte {
            b'"' => return position,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
    usize::MAX
}

fn shown(part: &Open) -> String {
    match part {
        Open::Item(index) => format!("[{index}]"),
        Open::Name(None) => String::new(),
        Open::Name(Some(name)) => {
            let bare = name.trim_matches('"');
            let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
            if !bare.is_empty() && bare.chars().all(is_word) && !bare.starts_with(|first: char| first.is_ascii_digit())
            {
                format!(".{bare}")
            } else {
                format!("[{name}]")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_goes_through_lists_objects_and_names_of_any_kind() {
        for (text, path) in [
            ("", "$"),
            ("[", "$[0]"),
            ("[[],{\"a\":1},", "$[2]"),
            (r#"{"rows":[{"mean":1},{"a":"}\"],","mean":"#, "$.rows[1].mean"),
            (r#"{"a":{"b":[1,2]},"c\"d":"#, r#"$["c\"d"]"#),
            (r#"{"1a":[null,"#, r#"$["1a"][1]"#),
            (r#"{"":"#, r#"$[""]"#),
        ] {
            assert_eq!(path_before(text.as_bytes()), path, "{text}");
        }
    }
}
