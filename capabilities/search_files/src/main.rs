//! Looks for a text or a regular expression in the files of a folder and all folders in it.
//!
//! What is not UTF-8 text is skipped. A search stops early, and says so, at `max_results` and before it
//! reaches the limit that the sandbox sets on host calls.

mod glob;

use capability_common::{file_read_text, list_folder, run, Error, HostErrorKind};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::glob::Glob;

/// How many files and folders are read at most; the sandbox ends a run at 1000 host calls by default.
const MOST_READS: usize = 900;

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
    /// Whether everything was looked at.
    complete: bool,
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
    let wanted = pattern(&input)?;
    let glob = input.glob.as_deref().map(Glob::new).transpose()?;
    let mut output = Output {
        matches: Vec::new(),
        files_searched: 0,
        files_skipped: 0,
        complete: true,
    };
    let mut pending = entries(&input.folder)?;
    let mut reads = 1;
    while let Some(path) = pending.pop() {
        let is_folder = path.ends_with('/');
        if !is_folder && glob.as_ref().is_some_and(|glob| !glob.matches(&path)) {
            continue;
        }
        if reads == MOST_READS {
            output.complete = false;
            break;
        }
        reads += 1;
        if is_folder {
            pending.append(&mut entries(&path)?);
        } else if !search_file(path, &wanted, input.max_results, &mut output) {
            break;
        }
    }
    Ok(output)
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

/// Add a file's matching lines to the output; answer whether there is room for more.
fn search_file(path: String, wanted: &Regex, max_results: usize, output: &mut Output) -> bool {
    let Ok(text) = file_read_text(&path) else {
        output.files_skipped += 1;
        return true;
    };
    output.files_searched += 1;
    for (index, line) in text.lines().enumerate() {
        let Some(found) = wanted.find(line) else {
            continue;
        };
        if output.matches.len() == max_results {
            output.complete = false;
            return false;
        }
        output.matches.push(Match {
            path: path.clone(),
            line: index + 1,
            text: excerpt(line, found.start()),
        });
    }
    true
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
    fn files_that_are_no_text_are_skipped() {
        with_world(|world| world.files = [("image".to_owned(), vec![0xff])].into());
        let output = search(serde_json::from_str(r#"{"query": "y", "folder": "./"}"#).unwrap()).unwrap();
        assert_eq!((output.files_searched, output.files_skipped), (0, 1));
        assert!(output.complete);
    }
}
