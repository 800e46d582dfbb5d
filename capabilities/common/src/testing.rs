//! The world of a native test, and the check that runs a capability's `tests.json` in it.
//!
//! `capability_common::test_cases!(function)` makes the test of a capability. Permissions are not enforced
//! here and schemas are not looked at: the server's tests run the same cases in the real sandbox.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{catch_unwind, AssertUnwindSafe};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::Value;

use crate::error::Error;
use crate::exchanges::given;
pub use crate::exchanges::{Exchange, ExchangeError};
use crate::guest::{panicked, respond};
use crate::host::{HostError, HostErrorKind};

/// What the host's functions answer on this thread.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// Files by their path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What each URL answers.
    pub http: BTreeMap<String, HttpAnswer>,
    /// The time in milliseconds since the Unix epoch.
    pub now: i64,
    /// What calling each capability gives, by its id, whatever the input.
    pub calls: BTreeMap<String, Value>,
    /// What each other capability answers to each input, and to no other.
    pub exchanges: BTreeMap<String, Vec<Exchange>>,
    /// What capabilities were asked that their exchanges have no answer to, in words.
    pub unanswered: Vec<String>,
}

impl World {
    /// Answer a call of a capability, and note an input that its exchanges do not have.
    pub(crate) fn call(&mut self, id: &str, input: &[u8]) -> Result<Vec<u8>, HostError> {
        if let Some(output) = self.calls.get(id) {
            return Ok(output.to_string().into_bytes());
        }
        let not_found = |message| Err(HostError::new(HostErrorKind::NotFound, message));
        let Some(exchanges) = self.exchanges.get(id) else {
            return not_found(format!("There is no capability {id}."));
        };
        let input: Value = serde_json::from_slice(input).map_err(|error| {
            HostError::new(
                HostErrorKind::Invalid,
                format!("The input of {id} is not JSON: {error}."),
            )
        })?;
        if let Some(exchange) = exchanges.iter().find(|exchange| exchange.has(&input)) {
            return exchange.answered();
        }
        let problem = format!("the exchanges with {id} have none for the input {input}");
        self.unanswered.push(problem.clone());
        not_found(problem)
    }
}

/// What one URL answers; a plain text in JSON stands for a body with status 200.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "HttpAnswerForm")]
pub struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum HttpAnswerForm {
    Body(String),
    Full {
        #[serde(default = "ok_status")]
        status: u16,
        #[serde(default)]
        body: String,
    },
}

fn ok_status() -> u16 {
    200
}

impl From<HttpAnswerForm> for HttpAnswer {
    fn from(form: HttpAnswerForm) -> Self {
        match form {
            HttpAnswerForm::Body(body) => Self { status: 200, body },
            HttpAnswerForm::Full { status, body } => Self { status, body },
        }
    }
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// Give this thread a world and return the one it had.
pub fn set_world(world: World) -> World {
    WORLD.replace(world)
}

/// Look at this thread's world, or change it.
pub fn with_world<R>(look: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(look)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// As it is written, so that no number in it loses digits here.
    #[serde(default = "null")]
    input: Box<RawValue>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    http: BTreeMap<String, HttpAnswer>,
    #[serde(default)]
    now: i64,
    #[serde(default)]
    calls: BTreeMap<String, Value>,
    #[serde(default)]
    exchanges: BTreeMap<String, Vec<Exchange>>,
    expect: Expectation,
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

impl Case {
    fn world(&self) -> World {
        let files = self.files.iter();
        World {
            files: files
                .map(|(path, text)| (path.clone(), text.as_bytes().to_owned()))
                .collect(),
            http: self.http.clone(),
            now: self.now,
            calls: self.calls.clone(),
            exchanges: self.exchanges.clone(),
            unanswered: Vec::new(),
        }
    }
}

/// `output_matches` is not known here: the shipped cases say what they expect in full.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    #[serde(default, deserialize_with = "given")]
    output: Option<Value>,
    error: Option<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
}

/// Run every case of a `tests.json` and return one line for each that failed.
pub fn failures<T: DeserializeOwned, U: Serialize>(
    cases: &str,
    capability: impl Fn(T) -> Result<U, Error>,
) -> Result<Vec<String>, serde_json::Error> {
    let cases: Vec<Case> = serde_json::from_str(cases)?;
    if cases.is_empty() {
        return Ok(vec!["there is no case".to_owned()]);
    }
    let failed = cases.into_iter().filter_map(|case| {
        let name = case.name.clone();
        difference(case, &capability).map(|difference| format!("{name}: {difference}"))
    });
    Ok(failed.collect())
}

fn difference<T: DeserializeOwned, U: Serialize>(
    case: Case,
    capability: impl Fn(T) -> Result<U, Error>,
) -> Option<String> {
    if let Some(twice) = case.calls.keys().find(|id| case.exchanges.contains_key(*id)) {
        return Some(format!("{twice} is in 'calls' and in 'exchanges'"));
    }
    set_world(case.world());
    // A panic ends a case with the code that it has in the sandbox.
    let answer = catch_unwind(AssertUnwindSafe(|| respond(case.input.get().as_bytes(), capability)));
    let answer = answer.unwrap_or_else(|payload| Err(panicked(&*payload, "")));
    let world = set_world(World::default());
    if !world.unanswered.is_empty() {
        return Some(world.unanswered.join("; ")); // whatever the capability made of it
    }
    match answer {
        Ok(output) => output_difference(&output, &case.expect).or_else(|| file_difference(&world.files, &case.expect)),
        Err(error) if case.expect.error.as_ref() == Some(&error.code) => None,
        Err(error) => Some(format!("it failed with {error}")),
    }
}

fn output_difference(output: &[u8], expect: &Expectation) -> Option<String> {
    let output: Value = serde_json::from_slice(output).ok()?;
    match &expect.output {
        Some(expected) if *expected == output => None,
        Some(expected) => Some(format!("expected {expected}, got {output}")),
        None => Some(format!("expected the error {:?}, got {output}", expect.error)),
    }
}

fn file_difference(files: &BTreeMap<String, Vec<u8>>, expect: &Expectation) -> Option<String> {
    expect.files.iter().find_map(|(path, expected)| {
        let found = files.get(path).map(|bytes| String::from_utf8_lossy(bytes));
        match found {
            Some(text) if text == expected.as_str() => None,
            Some(text) => Some(format!("{path} should hold {expected:?}, it holds {text:?}")),
            None => Some(format!("{path} was not written")),
        }
    })
}

/// Make a test that runs the `tests.json` beside `src/` against the capability's function.
#[macro_export]
macro_rules! test_cases {
    ($capability:path) => {
        #[test]
        fn answers_as_tests_json_says() {
            let cases = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests.json"));
            let failed = $crate::testing::failures(cases, $capability);
            assert_eq!(failed.map_err(|error| error.to_string()), Ok(Vec::new()));
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        capability_call, current_time_millis, file_read_text, file_write, http_get_json, http_get_text, list_folder,
    };

    fn world(json: &str) {
        let case: Case = serde_json::from_str(json).unwrap();
        set_world(case.world());
    }

    #[test]
    fn files_are_read_written_and_listed_in_memory() {
        world(r#"{"name": "", "files": {"a.txt": "A", "b/c.txt": "C", "b/d/e.txt": "E"}, "expect": {}}"#);
        file_write("b/new.txt", "N").unwrap();
        assert_eq!(file_read_text("b/new.txt").unwrap(), "N");
        assert_eq!(list_folder("").unwrap(), ["a.txt", "b/"]);
        assert_eq!(list_folder("b/").unwrap(), ["c.txt", "d/", "new.txt"]);
        assert_eq!(list_folder("x").unwrap_err().kind, HostErrorKind::NotFound);
        assert_eq!(file_read_text("x").unwrap_err().kind, HostErrorKind::NotFound);
    }

    #[test]
    fn http_answers_bodies_and_fails_for_other_statuses() {
        world(
            r#"{"name": "", "expect": {}, "http": {
                "https://a.example/": "[1, 2]", "https://b.example/": {"status": 503, "body": "later"}}}"#,
        );
        assert_eq!(http_get_json::<Vec<u8>>("https://a.example/").unwrap(), [1, 2]);
        assert_eq!(
            http_get_json::<String>("https://a.example/").unwrap_err().kind,
            HostErrorKind::Invalid
        );
        assert_eq!(
            http_get_text("https://b.example/").unwrap_err().kind,
            HostErrorKind::Failed
        );
        assert_eq!(
            http_get_text("https://c.example/").unwrap_err().kind,
            HostErrorKind::NotFound
        );
    }

    #[test]
    fn time_and_calls_answer_from_the_case() {
        world(r#"{"name": "", "expect": {}, "now": 7, "calls": {"double": {"result": 4}}}"#);
        assert_eq!(current_time_millis(), 7);
        let answer: Value = capability_call("double", &2).unwrap();
        assert_eq!(answer, serde_json::json!({"result": 4}));
        assert_eq!(
            capability_call::<_, Value>("triple", &2).unwrap_err().kind,
            HostErrorKind::NotFound
        );
    }

    fn sum_of_doubles(numbers: Vec<f64>) -> Result<f64, Error> {
        let doubled = |number: &f64| capability_call::<_, f64>("double", number);
        Ok(numbers.iter().filter_map(|number| doubled(number).ok()).sum())
    }

    fn double_all(numbers: Vec<f64>) -> Result<Vec<f64>, Error> {
        let doubled = |number: &f64| capability_call("double", number);
        Ok(numbers.iter().map(doubled).collect::<Result<_, _>>()?)
    }

    #[test]
    fn exchanges_answer_each_input() {
        let cases = r#"[{"name": "a", "input": [2, 1.5], "expect": {"output": [4.0, 3.0]}, "exchanges": {"double": [
                {"input": 1.5, "output": 3}, {"input": 2, "output": 4}]}},
            {"name": "b", "input": [2], "expect": {"error": "host_failed"}, "exchanges": {"double": [
                {"input": 2, "error": {"code": "asleep", "message": "Later."}}]}}]"#;
        assert_eq!(failures(cases, double_all).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn callers_are_told_what_a_callee_reported() {
        world(
            r#"{"name": "", "expect": {}, "exchanges": {"double": [
                {"input": 2, "error": {"code": "asleep", "message": "Later."}}]}}"#,
        );
        let error = capability_call::<_, Value>("double", &2).unwrap_err();
        let told: Value = serde_json::from_str(&error.message).unwrap();
        assert_eq!(error.kind, HostErrorKind::Failed);
        assert_eq!(
            told["details"],
            serde_json::json!({"code": "asleep", "message": "Later."})
        );
    }

    #[test]
    fn an_input_without_an_exchange_fails_the_case_whatever_is_made_of_it() {
        let cases = r#"[{"name": "a", "input": [2, 3], "expect": {"output": 4.0},
            "exchanges": {"double": [{"input": 2, "output": 4}]}}]"#;
        let failed = failures(cases, sum_of_doubles).unwrap();
        assert_eq!(failed, ["a: the exchanges with double have none for the input 3.0"]);
    }

    #[test]
    fn a_callee_that_answers_in_two_ways_fails_the_case() {
        let cases = r#"[{"name": "a", "input": [], "expect": {"output": []}, "calls": {"double": 1},
            "exchanges": {"double": []}}]"#;
        let failed = failures(cases, double_all).unwrap();
        assert_eq!(failed, ["a: double is in 'calls' and in 'exchanges'"]);
    }

    fn shout(text: String) -> Result<String, Error> {
        if text.is_empty() {
            return Err(Error::new("empty_text", "Nothing to shout."));
        }
        file_write("said.txt", &text)?;
        Ok(text.to_uppercase())
    }

    fn failed(cases: &str) -> Vec<String> {
        failures(cases, shout).unwrap()
    }

    #[test]
    fn a_case_that_holds_leaves_no_failure() {
        assert!(failed(
            r#"[{"name": "a", "input": "hé", "expect": {"output": "HÉ", "files": {"said.txt": "hé"}}},
                {"name": "b", "input": "", "expect": {"error": "empty_text"}}]"#
        )
        .is_empty());
    }

    #[test]
    fn a_case_that_does_not_hold_is_named_with_its_difference() {
        let failed = failed(
            r#"[{"name": "output", "input": "a", "expect": {"output": "B"}},
                {"name": "error", "input": "a", "expect": {"error": "empty_text"}},
                {"name": "code", "input": "", "expect": {"error": "other"}},
                {"name": "file", "input": "a", "expect": {"output": "A", "files": {"said.txt": "b"}}},
                {"name": "missing", "input": "a", "expect": {"output": "A", "files": {"x": "b"}}}]"#,
        );
        let names: Vec<_> = failed.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(names, ["output", "error", "code", "file", "missing"]);
    }

    #[test]
    fn a_panic_has_the_code_that_it_has_in_the_sandbox() {
        let subtract = |(one, other): (u32, u32)| Ok(one - other);
        let cases = r#"[{"name": "less", "input": [1, 2], "expect": {"error": "arithmetic_overflow"}},
            {"name": "more", "input": [2, 1], "expect": {"error": "arithmetic_overflow"}}]"#;
        assert_eq!(
            failures(cases, subtract).unwrap(),
            ["more: expected the error Some(\"arithmetic_overflow\"), got 1"]
        );
    }

    #[test]
    fn no_cases_at_all_is_a_failure() {
        assert_eq!(failed("[]"), ["there is no case"]);
    }

    #[test]
    fn a_case_with_an_expectation_unknown_here_is_refused() {
        assert!(failures(r#"[{"name": "a", "expect": {"output_matches": {}}}]"#, shout).is_err());
    }
}
