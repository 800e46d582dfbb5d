//! Looks for a text or a regular expression in the files of a folder and all folders in it.
//!
//! What is not UTF-8 text, or larger than the sandbox lets a capability read, is skipped and named. A search stops
//! early, and says why, at `max_results` and before it reaches what the sandbox allows one run: host calls, bytes,
//! energy.

mod glob;

use capability_common::{file_read, list_folder, run, Error, HostErrorKind};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::glob::Glob;

/// How many files and folders are read at most; the sandbox ends a run at 1000 host calls by default.
const MOST_READS: usize = 900;

/// How many bytes are read at most: the sandbox ends a run that read 64 MiB, and one more file may have 16 of them.
const MOST_BYTES: usize = 47 << 20;

/// How many bytes are looked at line by line at most, each line counted as `LINE_COST` more: a byte takes about
/// 30 units of energy then, of which a run has five billion by default.
const MOST_LINE_WORK: usize = 100 << 20;
const LINE_COST: usize = 32;

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
    /// Whether everything was looked at.
    complete: bool,
    /// Why not, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
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
    let mut pending = entries(&input.folder)?;
    while let Some(path) = pending.pop() {
        let is_folder = path.ends_with('/');
        if !is_folder && search.glob.as_ref().is_some_and(|glob| !glob.matches(&path)) {
            continue;
        }
        if !search.goes_on() {
            break;
        }
        search.reads += 1;
        if is_folder {
            pending.append(&mut entries(&path)?);
        } else {
            search.read(path);
        }
    }
    Ok(search.output)
}

/// What is looked for, and what came of it so far.
struct Search {
    wanted: Regex,
    /// Whether lines are matched one by one, as a regular expression's anchors want it.
    by_line: bool,
    glob: Option<Glob>,
    max_results: usize,
    reads: usize,
    bytes: usize,
    line_work: usize,
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
        }
    }
}

impl Search {
    fn new(input: &Input) -> Result<Self, Error> {
        Ok(Self {
            wanted: pattern(input)?,
            by_line: input.regex,
            glob: input.glob.as_deref().map(Glob::new).transpose()?,
            max_results: input.max_results,
            reads: 1,
            bytes: 0,
            line_work: 0,
            output: Output::default(),
        })
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
        let Ok(text) = String::from_utf8(content) else {
            return self.skip(path, "It is not UTF-8 text.".to_owned());
        };
        self.output.files_searched += 1;
        if self.by_line {
            for (index, line) in text.lines().enumerate() {
                self.line_work += line.len() + LINE_COST;
                if self.line_work > MOST_LINE_WORK {
                    return self.stop(format!("{path} was looked at up to line {index}"));
                }
                if !self.take(&path, index + 1, line) {
                    return;
                }
            }
        } else {
            self.read_text(&path, &text);
        }
    }

    /// Add the matching lines of a text, whose other lines are not looked at one by one.
    fn read_text(&mut self, path: &str, text: &str) {
        let (mut from, mut number) = (0, 1);
        while let Some(found) = self.wanted.find_at(text, from).map(|found| found.start()) {
            let start = text[..found].rfind('\n').map_or(0, |before| before + 1);
            let end = text[found..].find('\n').map_or(text.len(), |after| found + after);
            number += text[from..start].bytes().filter(|byte| *byte == b'\n').count();
            let line = &text[start..end];
            if !self.take(path, number, line.strip_suffix('\r').unwrap_or(line)) || end == text.len() {
                return;
            }
            (from, number) = (end + 1, number + 1);
        }
    }

    /// Add a line if it matches; answer whether there was room for it.
    fn take(&mut self, path: &str, line: usize, text: &str) -> bool {
        let Some(found) = self.wanted.find(text) else {
            return true;
        };
        if self.output.matches.len() == self.max_results {
            self.stop(format!("there are more than {} matches", self.max_results));
            return false;
        }
        self.output.matches.push(Match {
            path: path.to_owned(),
            line,
            text: excerpt(text, found.start()),
        });
        true
    }
}

fn pattern(input: &Input) -> Result<Regex, Error> {
    let pattern = if input.regex {
        input.query.clone()
    } else {
        regex::escape(&input.query)
    };
    RegexBuilder::new(&pattern)
        .case_insensitive(!input.case_sensitive)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| Error::new("invalid_regex", error))
}

/// The paths of what is in a folder, last one first, as a stack wants them.
fn entries(folder: &str) -> Result<Vec<String>, Error> {
    let folder = folder.trim_start_matches("./").trim_matches('/');
    let folder = if folder == "." { "" } else { folder };
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

/// The part of a line around the byte where a match starts.
fn excerpt(line: &str, start: usize) -> String {
    if line.chars().count() <= SHOWN {
        return line.to_owned();
    }
    let before = line.get(..start).map_or(0, |before| before.chars().count());
    line.chars()
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

    #[test]
    fn stops_before_the_limit_on_host_calls() {
        with_world(|world| {
            world.files = (0..1200)
                .map(|number| (format!("{number}.txt"), b"x".to_vec()))
                .collect();
        });
        let output = search(serde_json::from_str(r#"{"query": "y"}"#).unwrap()).unwrap();
        assert_eq!(output.files_searched, MOST_READS - 1);
        assert!(!output.complete);
    }

    #[test]
    fn stops_before_the_limit_on_bytes() {
        with_world(|world| {
            world.files = (0..5)
                .map(|number| (format!("{number}.txt"), vec![b'x'; 16 << 20]))
                .collect();
        });
        let output = search(serde_json::from_str(r#"{"query": "y"}"#).unwrap()).unwrap();
        assert_eq!(output.files_searched, 3);
        assert!(output.stopped.unwrap().starts_with("50 MB were read; narrow it down"));
    }

    #[test]
    fn stops_before_a_regular_expression_takes_all_energy() {
        with_world(|world| world.files = [("a.txt".to_owned(), b"\n".repeat(4 << 20))].into());
        let output = search(serde_json::from_str(r#"{"query": "y", "regex": true}"#).unwrap()).unwrap();
        assert!(output.stopped.unwrap().starts_with("a.txt was looked at up to line 3"));
    }

    #[test]
    fn files_that_are_no_text_are_skipped_and_named() {
        with_world(|world| world.files = [("image".to_owned(), vec![0xff])].into());
        let output = search(serde_json::from_str(r#"{"query": "y", "folder": "./"}"#).unwrap()).unwrap();
        assert_eq!((output.files_searched, output.files_skipped), (0, 1));
        assert_eq!(output.skipped[0].path, "image");
        assert!(output.complete);
    }
}
