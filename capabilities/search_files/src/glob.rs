//! Globs over paths: `*` and `?` stay within a folder, `**` does not; `[a-z]`, `[!a]`, `{txt,md}` and lists of globs.
//!
//! Names are compared whatever their case and their Unicode normal form. A form that is not known is an error that
//! names it: a glob that silently matches nothing would look like an answer.

use capability_common::Error;
use regex::Regex;

use crate::pattern::composed;

/// How many globs one may stand for, braces written out.
const MOST_ALTERNATIVES: usize = 200;

/// A compiled glob. Without a `/` it is about the file's name, in whatever folder.
pub struct Glob {
    names: Option<Regex>,
    paths: Option<Regex>,
}

impl Glob {
    /// Compile a glob such as `*.txt`, `reports/**/*.csv` or `*.{txt,md}`; fails with `invalid_glob`.
    pub fn new(glob: &str) -> Result<Self, Error> {
        let glob = composed(glob.trim()).into_owned();
        let listed = parts_of(&glob, &[',', ';', '|']);
        let whole = (listed.len() > 1).then_some(glob.as_str());
        let (mut names, mut paths) = (Vec::new(), Vec::new());
        // A name may have a comma in it: the list as a whole is one of its globs.
        for each in listed
            .into_iter()
            .map(str::trim)
            .filter(|each| !each.is_empty())
            .chain(whole)
        {
            for plain in without_braces(each)? {
                let (regex, is_path) = regex_of(&plain)?;
                if is_path { &mut paths } else { &mut names }.push(regex);
            }
        }
        Ok(Self {
            names: any_of(&names)?,
            paths: any_of(&paths)?,
        })
    }

    /// Whether the path of a file, within the folder searched or from the files folder on, is one that the glob means.
    pub fn matches(&self, within: &str, path: &str) -> bool {
        let (within, path) = (composed(within), composed(path));
        let name = path.rsplit('/').next().unwrap_or(&path);
        let has = |regex: &Option<Regex>, text: &str| regex.as_ref().is_some_and(|regex| regex.is_match(text));
        has(&self.names, name) || has(&self.paths, &within) || has(&self.paths, &path)
    }
}

fn any_of(regexes: &[String]) -> Result<Option<Regex>, Error> {
    if regexes.is_empty() {
        return Ok(None);
    }
    let joined = format!("(?si)^(?:{})$", regexes.join("|"));
    Regex::new(&joined)
        .map(Some)
        .map_err(|error| Error::new("invalid_glob", error))
}

fn unknown(what: &str) -> Error {
    Error::new(
        "invalid_glob",
        format!("{what} Known are *, ?, **, [a-z], [!a], {{txt,md}}, lists such as *.txt,*.md, and \\ before a sign."),
    )
}

/// The parts of a glob between separators that stand in no braces, no brackets and behind no backslash.
fn parts_of<'a>(glob: &'a str, separators: &[char]) -> Vec<&'a str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    let mut signs = glob.char_indices();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '\\' => {
                signs.next();
            }
            '[' => {
                let inside = class_end(glob.get(at + 1..).unwrap_or_default()).unwrap_or(0);
                while signs.as_str().len() > glob.len() - (at + 1 + inside) {
                    signs.next();
                }
            }
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 && separators.contains(&sign) => {
                parts.push(glob.get(start..at).unwrap_or_default());
                start = at + sign.len_utf8();
            }
            _ => (),
        }
    }
    parts.push(glob.get(start..).unwrap_or_default());
    parts
}

/// Where the class ends whose first sign a text begins with, behind its `]`; None if it does not.
fn class_end(text: &str) -> Option<usize> {
    let body = text.strip_prefix(['!', '^']).unwrap_or(text);
    let first = text.len() - body.len() + usize::from(body.starts_with(']'));
    let mut at = first;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(named) = rest.strip_prefix("[:").and_then(|rest| rest.find(":]")) {
            at += named + 4;
        } else if rest.starts_with(']') {
            return Some(at + 1);
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    None
}

/// The globs without braces that one with braces stands for.
fn without_braces(glob: &str) -> Result<Vec<String>, Error> {
    let (mut pending, mut done) = (vec![glob.to_owned()], Vec::new());
    while let Some(glob) = pending.pop() {
        let Some((before, inside, after)) = first_braces(&glob)? else {
            done.push(glob);
            continue;
        };
        let choices = parts_of(inside, &[',']);
        if let ([only], Some((from, to))) = (choices.as_slice(), inside.split_once("..")) {
            if !from.is_empty() && !to.is_empty() && !only.contains('/') {
                return Err(unknown(&format!(
                    "The glob has a range {{{inside}}}, which is not known."
                )));
            }
        }
        if choices.len() == 1 {
            pending.push(format!("{before}\\{{{inside}\\}}{after}"));
        }
        pending.extend(choices.iter().map(|choice| format!("{before}{choice}{after}")));
        if pending.len() + done.len() > MOST_ALTERNATIVES {
            return Err(Error::new(
                "invalid_glob",
                format!("The glob stands for more than {MOST_ALTERNATIVES} globs. Give fewer at once."),
            ));
        }
    }
    done.reverse();
    Ok(done)
}

/// What stands before, in and behind the first braces.
fn first_braces(glob: &str) -> Result<Option<(&str, &str, &str)>, Error> {
    let (mut opened, mut depth) = (None, 0);
    let mut signs = glob.char_indices();
    while let Some((at, sign)) = signs.next() {
        match (sign, opened) {
            ('\\', _) => {
                signs.next();
            }
            ('{', None) => (opened, depth) = (Some(at), 1),
            ('{', Some(_)) => depth += 1,
            ('}', Some(start)) => {
                depth -= 1;
                if depth == 0 {
                    let part = |from, to| glob.get(from..to).unwrap_or_default();
                    return Ok(Some((part(0, start), part(start + 1, at), part(at + 1, glob.len()))));
                }
            }
            ('[', None) => {
                let inside = class_end(glob.get(at + 1..).unwrap_or_default()).unwrap_or(0);
                while signs.as_str().len() > glob.len() - (at + 1 + inside) {
                    signs.next();
                }
            }
            _ => (),
        }
    }
    match opened {
        Some(_) => Err(unknown("The glob has a { that is not closed.")),
        None => Ok(None),
    }
}

/// A glob without braces as a regular expression, and whether it is about the path.
fn regex_of(glob: &str) -> Result<(String, bool), Error> {
    let mut rest = glob;
    while let Some(after) = rest.strip_prefix("./") {
        rest = after;
    }
    let rest = rest.trim_start_matches('/');
    if rest.starts_with('!') {
        return Err(unknown("The glob begins with !, and what to leave out cannot be said."));
    }
    if rest.split('/').any(|segment| segment == "..") {
        return Err(unknown("The glob has .. in it, which leads out of the folder."));
    }
    let is_path = rest.len() < glob.len() || rest.contains('/');
    let rest = match rest {
        "" | "." if !glob.is_empty() => "**".to_owned(),
        rest if rest.ends_with('/') => format!("{rest}**"),
        rest => rest.to_owned(),
    };
    Ok((translated(&rest)?, is_path))
}

fn translated(glob: &str) -> Result<String, Error> {
    let mut regex = String::new();
    let mut rest = glob;
    while let Some(next) = rest.chars().next() {
        let after = rest.get(next.len_utf8()..).unwrap_or_default();
        if matches!(next, '@' | '+' | '!' | '*' | '?') && after.starts_with('(') && has_choice(after) {
            return Err(unknown(&format!("The glob has {next}(…|…), which is not known.")));
        }
        let (taken, piece) = match next {
            '*' if rest.starts_with("**/") => (3, "(?:.*/)?".to_owned()),
            '*' if rest.starts_with("**") => (2, ".*".to_owned()),
            '*' => (1, "[^/]*".to_owned()),
            '?' => (1, "[^/]".to_owned()),
            '[' => class(after)?,
            '\\' => match after.chars().next() {
                Some(sign) => (1 + sign.len_utf8(), regex::escape(&sign.to_string())),
                None => return Err(unknown("The glob ends with a backslash.")),
            },
            _ => (next.len_utf8(), regex::escape(next.encode_utf8(&mut [0; 4]))),
        };
        regex.push_str(&piece);
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(regex)
}

/// Whether parentheses that a text begins with hold several choices.
fn has_choice(text: &str) -> bool {
    text.split_once(')').is_some_and(|(inside, _)| inside.contains('|'))
}

/// The class whose first sign a text begins with: its length with the bracket before it, and as a regular expression.
fn class(text: &str) -> Result<(usize, String), Error> {
    let Some(end) = class_end(text) else {
        return Err(unknown(
            "The glob has a [ that is not closed; a [ in a name is written \\[.",
        ));
    };
    let body = text.get(..end - 1).unwrap_or_default();
    let inside = body.strip_prefix(['!', '^']);
    let mut regex = String::from(if inside.is_some() { "[^/" } else { "[" });
    let mut rest = inside.unwrap_or(body);
    while let Some(sign) = rest.chars().next() {
        let named = rest.strip_prefix("[:").and_then(|named| named.find(":]"));
        let taken = named.map_or(sign.len_utf8(), |named| named + 4);
        let piece = rest.get(..taken).unwrap_or_default();
        if named.is_none() && matches!(sign, '\\' | '[' | ']' | '^' | '&' | '~') {
            regex.push('\\');
        }
        regex.push_str(piece);
        rest = rest.get(taken..).unwrap_or_default();
    }
    regex.push(']');
    Ok((end + 1, regex))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(glob: &str, path: &str) -> bool {
        Glob::new(glob).unwrap().matches(path, path)
    }

    fn refused(glob: &str) -> String {
        let error = Glob::new(glob).err().unwrap();
        assert_eq!(error.code, "invalid_glob");
        error.message
    }

    #[test]
    fn a_glob_without_a_slash_is_about_names() {
        assert!(matches("*.txt", "a/b/notes.txt"));
        assert!(!matches("*.txt", "a/b/notes.txt.bak"));
        assert!(matches("n?tes.*", "nötes.md"));
        assert!(matches("**", "a/b"));
    }

    #[test]
    fn stars_stay_within_a_folder_and_double_stars_do_not() {
        assert!(matches("a/*.txt", "a/x.txt"));
        assert!(!matches("a/*.txt", "a/b/x.txt"));
        for glob in [
            "a/**/*.txt",
            "a/**",
            "a/",
            "**/*.txt",
            "**/x.*",
            "/a/**/x.txt",
            "./a/**",
        ] {
            assert!(matches(glob, "a/x.txt"), "{glob}");
        }
        assert!(matches("a/**/*.txt", "a/b/c/x.txt"));
        assert!(matches("**/*.txt", "x.txt"));
    }

    #[test]
    fn a_glob_from_the_folder_on_stays_there() {
        for glob in ["/x.txt", "./x.txt", "/*.txt"] {
            assert!(matches(glob, "x.txt"), "{glob}");
            assert!(!matches(glob, "a/x.txt"), "{glob}");
        }
        assert!(matches("/", "a/x.txt"));
        assert!(matches(".", "a/x.txt"));
    }

    #[test]
    fn a_path_is_compared_within_the_folder_and_from_the_root() {
        let glob = Glob::new("sub/*").unwrap();
        assert!(glob.matches("sub/x", "notes/sub/x"));
        assert!(glob.matches("x", "sub/x"));
        assert!(!glob.matches("other/x", "notes/other/x"));
    }

    #[test]
    fn braces_and_lists_are_choices() {
        for glob in [
            "*.{txt,md}",
            "*.txt,*.md",
            "*.txt|*.md",
            "*.txt; *.md",
            "*.{t{xt,sv},m{d,kd}}",
            "{*.txt,b/*.md}",
            "*.{md,}{txt,}",
        ] {
            assert!(matches(glob, "a.txt"), "{glob}");
            assert!(!matches(glob, "a.csv"), "{glob}");
        }
        assert!(matches("*.{txt,md}", "b/a.md"));
        assert!(matches("{*.txt,b/*.md}", "b/a.md"));
        assert!(!matches("{*.txt,b/*.md}", "c/a.md"));
        assert!(matches("Smith, John*.txt", "Smith, John 1.txt"));
        assert!(matches("{id}.txt", "{id}.txt"));
        assert!(matches("{id}.txt", "id.txt"));
        assert!(matches("a[{,]b", "a,b"));
        assert!(!matches("{}", "a"));
        assert!(!matches("{,}", "a"));
    }

    #[test]
    fn classes_are_sets_of_signs() {
        assert!(matches("[a-c].txt", "b.txt"));
        assert!(!matches("[a-c].txt", "d.txt"));
        for (glob, yes, no) in [
            ("[!a].txt", "b.txt", "a.txt"),
            ("[^a].txt", "b.txt", "a.txt"),
            ("x[]]", "x]", "x"),
            ("x[[]", "x[", "x]"),
            ("x[[:digit:]]", "x7", "xa"),
            ("x[a&&b^~-]", "x^", "xc"),
        ] {
            assert!(matches(glob, yes), "{glob}");
            assert!(!matches(glob, no), "{glob}");
        }
        assert!(!matches("a[!x]b", "a/b"));
    }

    #[test]
    fn case_and_normal_form_make_no_difference() {
        assert!(matches("*.txt", "UP.TXT"));
        assert!(matches("Übersicht*", "U\u{308}bersicht.md"));
        assert!(matches("u\u{308}bersicht*", "Übersicht.md"));
    }

    #[test]
    fn other_signs_mean_themselves() {
        assert!(matches("a+(b).txt", "a+(b).txt"));
        assert!(!matches("a+(b).txt", "aab.txt"));
        assert!(matches("report*(1).txt", "report (1).txt"));
        assert!(matches("a\\*b\\{", "a*b{"));
        assert!(!matches("a\\*b", "axb"));
        assert!(matches("}a]", "}a]"));
    }

    #[test]
    fn a_form_that_is_not_known_is_named() {
        for (glob, said) in [
            ("!*.txt", "begins with !"),
            ("*.md,!a.md", "begins with !"),
            ("*.@(txt|md)", "@(…|…)"),
            ("?(a|b)", "?(…|…)"),
            ("{1..3}.txt", "range {1..3}"),
            ("*.{txt,md", "{ that is not closed"),
            ("[a-z.txt", "[ that is not closed"),
            ("../*.txt", ".. in it"),
            ("a\\", "ends with a backslash"),
            ("[z-a]", "invalid"),
            ("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "more than 200"),
        ] {
            assert!(refused(glob).contains(said), "{glob}: {}", refused(glob));
        }
    }
}
