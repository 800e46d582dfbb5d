//! Globs over paths: `*` and `?` stay within a folder, `**` does not.

use capability_common::Error;
use regex::Regex;

/// A compiled glob. Without a `/` it is about the file's name, in whatever folder.
pub struct Glob {
    compiled: Regex,
    name_only: bool,
}

impl Glob {
    /// Compile a glob such as `*.txt` or `reports/**/*.csv`; fails with `invalid_glob`.
    pub fn new(glob: &str) -> Result<Self, Error> {
        let compiled = Regex::new(&regex_of(glob)).map_err(|error| Error::new("invalid_glob", error))?;
        Ok(Self {
            compiled,
            name_only: !glob.contains('/'),
        })
    }

    /// Whether the path of a file is one that the glob means.
    pub fn matches(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.compiled.is_match(if self.name_only { name } else { path })
    }
}

fn regex_of(glob: &str) -> String {
    let mut regex = String::from("(?s)^");
    let mut rest = glob;
    while let Some(next) = rest.chars().next() {
        let (taken, piece) = if rest.starts_with("**/") {
            (3, "(?:.*/)?".to_owned())
        } else if rest.starts_with("**") {
            (2, ".*".to_owned())
        } else if next == '*' {
            (1, "[^/]*".to_owned())
        } else if next == '?' {
            (1, "[^/]".to_owned())
        } else {
            (next.len_utf8(), regex::escape(next.encode_utf8(&mut [0; 4])))
        };
        regex.push_str(&piece);
        rest = rest.get(taken..).unwrap_or_default();
    }
    regex.push('$');
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(glob: &str, path: &str) -> bool {
        Glob::new(glob).unwrap().matches(path)
    }

    #[test]
    fn a_glob_without_a_slash_is_about_names() {
        assert!(matches("*.txt", "a/b/notes.txt"));
        assert!(!matches("*.txt", "a/b/notes.txt.bak"));
        assert!(matches("n?tes.*", "nötes.md"));
    }

    #[test]
    fn stars_stay_within_a_folder_and_double_stars_do_not() {
        assert!(matches("a/*.txt", "a/x.txt"));
        assert!(!matches("a/*.txt", "a/b/x.txt"));
        assert!(matches("a/**/*.txt", "a/x.txt"));
        assert!(matches("a/**/*.txt", "a/b/c/x.txt"));
        assert!(matches("a/**", "a/b/c/x.txt"));
    }

    #[test]
    fn other_signs_mean_themselves() {
        assert!(matches("a+(b).txt", "a+(b).txt"));
        assert!(!matches("a+(b).txt", "aab.txt"));
    }
}
