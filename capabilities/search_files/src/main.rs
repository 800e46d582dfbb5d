//! Looks for a text or a regular expression in the files of a folder and all folders in it.
//!
//! What is no text, or larger than the sandbox lets a capability read, is skipped and named. A search stops early,
//! and says why, at `max_results` and before it reaches what the sandbox allows one run: host calls, bytes, energy.
//! A search that looked at no file at all says so, and is never complete.

mod glob;
mod lines;
mod looking;
mod pattern;

use capability_common::texts::{decode, Encoding};
use capability_common::{file_read, list_folder, run, Error, HostErrorKind};
use serde::{Deserialize, Serialize};

use crate::glob::Glob;
use crate::looking::{look, Ended, Energy, Found};
use crate::pattern::Pattern;

/// How many files and folders are read at most; the sandbox ends a run at 1000 host calls by default.
const MOST_READS: usize = 900;

/// How many bytes are read at most: the sandbox ends a run that read 64 MiB, and one more file may have 16 of them.
const MOST_BYTES: usize = 47 << 20;

/// How much energy reading and looking may take, of the fifteen billion that a run has by default.
const MOST_ENERGY: u64 = 10_000_000_000;

/// How many of the skipped files are named.
const MOST_NAMED: usize = 20;

/// How many characters of a line are shown, and how many of those stand before the match.
const SHOWN: usize = 300;
const SHOWN_BEFORE: usize = 100;

#[derive(Deserialize)]
struct Input {
    query: String,
    #[serde(default)]
    regex: bool,
    #[serde(default)]
    folder: String,
    glob: Option<String>,
    #[serde(default)]
    case_sensitive: bool,
    #[serde(default = "fifty")]
    max_results: usize,
}

#[derive(Serialize)]
struct Output {
    matches: Vec<Match>,
    files_searched: usize,
    files_skipped: usize,
    /// The first of the skipped files, with why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<Skipped>,
    /// Whether everything was looked at, which is at least one file.
    complete: bool,
    /// Why not, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
    /// How files were read where that is not plain to see.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Skipped {
    path: String,
    why: String,
}

#[derive(Serialize)]
struct Match {
    path: String,
    line: usize,
    text: String,
}

fn fifty() -> usize {
    50
}

fn main() {
    run(search)
}

fn search(input: Input) -> Result<Output, Error> {
    let mut search = Search::new(&input)?;
    let folder = plain_folder(&input.folder);
    let mut pending = entries(folder)?;
    while let Some(path) = pending.pop() {
        let is_folder = path.ends_with('/');
        if !is_folder && !search.means(folder, &path) {
            continue;
        }
        if !search.goes_on() {
            break;
        }
        search.reads += 1;
        if !is_folder {
            search.read(path);
            continue;
        }
        match entries(&path) {
            Ok(mut inside) => pending.append(&mut inside),
            Err(error) => search.skip(path, error.message),
        }
    }
    Ok(search.ended(&input))
}

/// What is looked for, and what came of it so far.
struct Search {
    pattern: Pattern,
    glob: Option<Glob>,
    max_results: usize,
    reads: usize,
    bytes: usize,
    energy: Energy,
    /// Files that there are, whether the glob means them or not.
    files: usize,
    output: Output,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            matches: Vec::new(),
            files_searched: 0,
            files_skipped: 0,
            skipped: Vec::new(),
            complete: true,
            stopped: None,
            notes: Vec::new(),
        }
    }
}

impl Search {
    fn new(input: &Input) -> Result<Self, Error> {
        let pattern = if input.regex { Pattern::regex } else { Pattern::text };
        Ok(Self {
            pattern: pattern(&input.query, input.case_sensitive)?,
            glob: input.glob.as_deref().map(Glob::new).transpose()?,
            max_results: input.max_results,
            reads: 1,
            bytes: 0,
            energy: Energy(MOST_ENERGY),
            files: 0,
            output: Output::default(),
        })
    }

    /// Whether a file is one of those that the glob means.
    fn means(&mut self, folder: &str, path: &str) -> bool {
        self.files += 1;
        let within = path
            .strip_prefix(folder)
            .map_or(path, |within| within.trim_start_matches('/'));
        self.glob.as_ref().is_none_or(|glob| glob.matches(within, path))
    }

    /// Whether more may be read; if not, the output says why.
    fn goes_on(&mut self) -> bool {
        if self.reads >= MOST_READS {
            self.stop(format!("{MOST_READS} files and folders were read"));
        } else if self.bytes > MOST_BYTES {
            self.stop(format!("{} MB were read", self.bytes / 1_000_000));
        }
        self.output.complete
    }

    fn stop(&mut self, why: String) {
        self.output.complete = false;
        self.output.stopped = Some(format!("{why}; narrow it down with folder or glob to see the rest"));
    }

    fn skip(&mut self, path: String, why: String) {
        self.output.files_skipped += 1;
        if self.output.skipped.len() < MOST_NAMED {
            self.output.skipped.push(Skipped { path, why });
        }
    }

    /// Add a file's matching lines to the output.
    fn read(&mut self, path: String) {
        let content = match file_read(&path) {
            Ok(content) => content,
            Err(error) => return self.skip(path, error.message),
        };
        self.bytes += content.len();
        let (text, encoding) = match decode(content) {
            Ok(decoded) => decoded,
            Err(why) => return self.skip(path, why.to_owned()),
        };
        self.output.files_searched += 1;
        if encoding != Encoding::Utf8 {
            self.energy.decode(text.len());
        }
        if encoding != Encoding::Utf8 && self.output.notes.len() < MOST_NAMED {
            self.output
                .notes
                .push(format!("{path} was read as {}.", encoding.name()));
        }
        let (matches, most) = (&mut self.output.matches, self.max_results);
        let ended = look(&text, &self.pattern, &mut self.energy, |found: Found| {
            let room = matches.len() < most;
            if room {
                matches.push(Match {
                    path: path.clone(),
                    line: found.line,
                    text: excerpt(found.text, found.before),
                });
            }
            room
        });
        match ended {
            Ended::Whole => (),
            Ended::Enough => self.stop(format!("there are more than {most} matches")),
            Ended::Weary(line) => self.stop(format!("{path} was looked at up to line {}", line - 1)),
        }
    }

    /// The output, which says that nothing was looked at where that is so.
    fn ended(mut self, input: &Input) -> Output {
        if self.output.files_searched > 0 || !self.output.complete {
            return self.output;
        }
        let place = match plain_folder(&input.folder) {
            "" => "the files folder".to_owned(),
            folder => format!("the folder '{folder}'"),
        };
        let why = match &input.glob {
            _ if self.output.files_skipped > 0 => format!(
                "{} of {} files in {place} were skipped",
                self.output.files_skipped, self.files
            ),
            _ if self.files == 0 => format!("there is no file in {place} that may be read"),
            Some(glob) => {
                let hint = if glob.contains('\\') {
                    "; folders are parted by /, and \\ takes the sign behind it literally"
                } else {
                    ""
                };
                format!(
                    "none of the {} files in {place} matches the glob '{glob}', whatever the case{hint}",
                    self.files
                )
            }
            None => format!("{place} was not looked at"),
        };
        self.output.complete = false;
        self.output.stopped = Some(format!("no file was searched: {why}"));
        self.output
    }
}

fn plain_folder(folder: &str) -> &str {
    match folder.trim_start_matches("./").trim_matches('/') {
        "." => "",
        folder => folder,
    }
}

/// The paths of what is in a folder, last one first, as a stack wants them.
fn entries(folder: &str) -> Result<Vec<String>, Error> {
    let folder = folder.trim_end_matches('/');
    let names = list_folder(folder).map_err(|error| match error.kind {
        HostErrorKind::NotFound => Error::new("folder_not_found", format!("There is no folder '{folder}'.")),
        _ => error.into(),
    })?;
    let prefix = if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    };
    Ok(names.iter().rev().map(|name| format!("{prefix}{name}")).collect())
}

/// The part of a text around a match that so many characters stand before.
fn excerpt(text: &str, before: usize) -> String {
    if text.chars().nth(SHOWN).is_none() {
        return text.to_owned();
    }
    text.chars()
        .skip(before.saturating_sub(SHOWN_BEFORE))
        .take(SHOWN)
        .collect()
}

#[cfg(test)]
capability_common::test_cases!(search);

#[cfg(test)]
mod tests {
    use super::*;
    use capability_common::testing::with_world;

    fn files(files: impl IntoIterator<Item = (String, Vec<u8>)>) {
        with_world(|world| world.files = files.into_iter().collect());
    }

    fn searched(input: &str) -> Output {
        search(serde_json::from_str(input).unwrap()).unwrap()
    }

    #[test]
    fn stops_before_the_limit_on_host_calls() {
        files((0..1200).map(|number| (format!("{number}.txt"), b"x".to_vec())));
        let output = searched(r#"{"query": "y"}"#);
        assert_eq!(output.files_searched, MOST_READS - 1);
        assert!(!output.complete);
    }

    #[test]
    fn stops_before_the_limit_on_bytes() {
        files((0..5).map(|number| (format!("{number}.txt"), vec![b'x'; 16 << 20])));
        let output = searched(r#"{"query": "y"}"#);
        assert_eq!(output.files_searched, 3);
        assert!(output.stopped.unwrap().starts_with("50 MB were read; narrow it down"));
    }

    #[test]
    fn files_that_are_no_text_are_skipped_and_named() {
        files([
            ("image".to_owned(), vec![0x89, b'P', 0, 1]),
            ("a.txt".to_owned(), b"x".to_vec()),
        ]);
        let output = searched(r#"{"query": "y", "folder": "./"}"#);
        assert_eq!((output.files_searched, output.files_skipped), (1, 1));
        assert_eq!(output.skipped[0].path, "image");
        assert!(output.complete);
    }

    #[test]
    fn a_search_that_looked_at_nothing_is_not_complete() {
        for (given, input, said) in [
            (
                vec![],
                r#"{"query": "y"}"#,
                "there is no file in the files folder that may be read",
            ),
            (
                vec![("a/b.bin", vec![0xff, 0, 1])],
                r#"{"query": "y", "folder": "a"}"#,
                "1 of 1 files in the folder 'a' were skipped",
            ),
            (
                vec![("a.md", b"y".to_vec())],
                r#"{"query": "y", "glob": "*.txt"}"#,
                "none of the 1 files in the files folder matches the glob '*.txt', whatever the case",
            ),
            (
                vec![("s/a.md", b"y".to_vec())],
                r#"{"query": "y", "glob": "s\\*.md"}"#,
                "folders are parted by /",
            ),
        ] {
            files(given.into_iter().map(|(path, content)| (path.to_owned(), content)));
            let output = searched(input);
            assert!(!output.complete && output.files_searched == 0);
            let stopped = output.stopped.unwrap();
            assert!(
                stopped.starts_with("no file was searched: ") && stopped.contains(said),
                "{stopped}"
            );
        }
    }

    #[test]
    fn texts_of_other_encodings_are_read_with_a_note() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        files([
            ("a.txt".to_owned(), utf16("\u{feff}Zoë")),
            ("b.txt".to_owned(), b"Zo\xeb".to_vec()),
            ("c.txt".to_owned(), "\u{feff}Zoë".into()),
        ]);
        let output = searched(r#"{"query": "^zoë$", "regex": true}"#);
        assert_eq!(output.matches.len(), 3);
        assert_eq!(
            output.notes,
            ["a.txt was read as UTF-16LE.", "b.txt was read as Windows-1252."]
        );
    }
}
