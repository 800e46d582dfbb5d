//! The employee database that the sample capabilities work on: one JSON file in the files folder.
//!
//! ```json
//! {"employees": {"E001": {"profile": {"name": "John Smith"}, "salary": {}, "car": null}}}
//! ```
//!
//! Only the employee asked for is parsed, and an update replaces the bytes of one section: everything else
//! in the file stays as it was, to the byte.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::host::{file_read_text, file_write, HostErrorKind};

/// Where the database is in the files folder.
pub const DATABASE_FILE: &str = "employee_database.json";

/// How many of those with an ambiguous name are named.
const MOST_CANDIDATES: usize = 20;

/// The employee that a request is about: by `employee_id` or by `name`, not both.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Who {
    /// An id such as `E001`.
    pub employee_id: Option<String>,
    /// A whole name or a part of it, such as `John Smith` or `john`.
    pub name: Option<String>,
}

impl Who {
    /// The employee with an id.
    pub fn id(id: impl Into<String>) -> Self {
        Self {
            employee_id: Some(id.into()),
            name: None,
        }
    }
}

/// The database as it was read; `replace` changes it in memory and `save` writes it.
#[derive(Clone, Debug)]
pub struct EmployeeDatabase {
    text: String,
}

/// One employee's record.
#[derive(Debug)]
pub struct Employee<'a> {
    /// The id, such as `E001`.
    pub id: String,
    /// The full name, from the profile.
    pub name: String,
    sections: BTreeMap<String, &'a RawValue>,
}

/// A text of JSON that is copied only where it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Peek<'a> {
    #[serde(borrow)]
    profile: Named<'a>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

impl EmployeeDatabase {
    /// Read the database from the files folder.
    pub fn load() -> Result<Self, Error> {
        let text = file_read_text(DATABASE_FILE).map_err(|error| match error.kind {
            HostErrorKind::NotFound => Error::new(
                "database_missing",
                format!("There is no {DATABASE_FILE} in the files folder."),
            ),
            _ => error.into(),
        })?;
        Ok(Self { text })
    }

    /// Find one employee.
    ///
    /// Fails with `employee_not_found`, or with `ambiguous_name`, which lists the ids to choose from.
    pub fn find(&self, who: &Who) -> Result<Employee<'_>, Error> {
        match (&who.employee_id, &who.name) {
            (Some(id), None) => self.by_id(id),
            (None, Some(name)) => self.by_name(name),
            _ => Err(Error::invalid_input("Give either employee_id or name.")),
        }
    }

    /// Replace one section of an employee's record, in memory.
    pub fn replace(&mut self, employee_id: &str, section: &str, value: &impl Serialize) -> Result<(), Error> {
        let place = self.place(employee_id, section)?;
        self.text.replace_range(place, &serde_json::to_string(value)?);
        Ok(())
    }

    /// Write the database back.
    pub fn save(&self) -> Result<(), Error> {
        Ok(file_write(DATABASE_FILE, &self.text)?)
    }

    fn by_id(&self, id: &str) -> Result<Employee<'_>, Error> {
        let mut found = None;
        let mut known: Option<(Cow<str>, Cow<str>)> = None;
        self.each_record(|each, record| {
            if each == id {
                found = Some(record);
            }
            match &mut known {
                None => known = Some((each.clone(), each)),
                Some((first, _)) if each < *first => *first = each,
                Some((_, last)) if each > *last => *last = each,
                Some(_) => (),
            }
            Ok(())
        })?;
        let Some(record) = found else {
            let known = known.map_or_else(String::new, |(first, last)| format!(" Ids run from {first} to {last}."));
            return Err(Error::new(
                "employee_not_found",
                format!("No employee has the id {id}.{known}"),
            ));
        };
        employee(id, record)
    }

    fn by_name(&self, name: &str) -> Result<Employee<'_>, Error> {
        let wanted = words(name);
        let (mut count, mut found) = (0, Vec::new());
        self.each_record(|id, record| {
            let has = words(
                &serde_json::from_str::<Peek>(record.get())
                    .map_err(damaged)?
                    .profile
                    .name,
            );
            if !wanted.is_empty() && wanted.iter().all(|word| has.contains(word)) {
                count += 1;
                if found.len() < MOST_CANDIDATES {
                    found.push((id, record));
                }
            }
            Ok(())
        })?;
        found.sort_by(|one, other| one.0.cmp(&other.0));
        match found.as_slice() {
            [] => Err(Error::new(
                "employee_not_found",
                format!("No employee is called {name}."),
            )),
            [(id, record)] => employee(id, record),
            candidates => Err(ambiguous(name, count, candidates)?),
        }
    }

    /// Hand over every employee's id and record, in the order of the file, without a table of them all.
    fn each_record<'a>(
        &'a self,
        mut visit: impl FnMut(Cow<'a, str>, &'a RawValue) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut stopped = Ok(());
        let mut document = serde_json::Deserializer::from_str(&self.text);
        let layout = Layout(Records(|id, record| {
            if stopped.is_ok() {
                stopped = visit(id, record);
            }
        }));
        let read = document.deserialize_map(layout).and_then(|()| document.end());
        read.map_err(damaged).and(stopped)
    }

    fn place(&self, employee_id: &str, section: &str) -> Result<Range<usize>, Error> {
        let employee = self.find(&Who::id(employee_id))?;
        let value = employee.raw(section)?.get();
        // A raw value is a slice of the text that it was parsed from.
        let start = value.as_ptr() as usize - self.text.as_ptr() as usize;
        Ok(start..start + value.len())
    }
}

impl Employee<'_> {
    /// Read one section of the record, such as `salary`.
    pub fn section<T: DeserializeOwned>(&self, section: &str) -> Result<T, Error> {
        serde_json::from_str(self.raw(section)?.get()).map_err(damaged)
    }

    fn raw(&self, section: &str) -> Result<&RawValue, Error> {
        self.sections.get(section).copied().ok_or_else(|| {
            Error::new(
                "section_missing",
                format!("The record of {} ({}) has no {section}.", self.id, self.name),
            )
        })
    }
}

fn ambiguous(name: &str, count: usize, candidates: &[(Cow<'_, str>, &RawValue)]) -> Result<Error, Error> {
    let mut shown = Vec::new();
    for (id, record) in candidates {
        shown.push(format!("{id} {}", employee(id, record)?.name));
    }
    let more = if count > shown.len() { " and others" } else { "" };
    let shown = shown.join(", ");
    Ok(Error::new(
        "ambiguous_name",
        format!("{count} employees are called {name}: {shown}{more}. Give an employee_id."),
    ))
}

fn employee<'a>(id: &str, record: &'a RawValue) -> Result<Employee<'a>, Error> {
    let sections: BTreeMap<String, &'a RawValue> = serde_json::from_str(record.get()).map_err(damaged)?;
    let profile = sections.get("profile").map_or("null", |profile| profile.get());
    let named: Named = serde_json::from_str(profile).map_err(damaged)?;
    Ok(Employee {
        id: id.to_owned(),
        name: named.name.into_owned(),
        sections,
    })
}

/// The document: its member `employees` has the records, all others are passed over.
struct Layout<F>(Records<F>);

/// The employees, whose ids and records are handed over one by one.
struct Records<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> Visitor<'de> for Layout<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with the member employees")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(Text(member)) = members.next_key()? {
            if member == "employees" {
                found = true;
                members.next_value_seed(&mut self.0)?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        found.then_some(()).ok_or_else(|| A::Error::missing_field("employees"))
    }
}

impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> DeserializeSeed<'de> for &mut Records<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> Visitor<'de> for &mut Records<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of employees by id")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        while let Some((Text(id), record)) = records.next_entry()? {
            (self.0)(id, record);
        }
        Ok(())
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_lowercase).collect()
}

fn damaged(error: serde_json::Error) -> Error {
    Error::new(
        "database_damaged",
        format!("{DATABASE_FILE} is not as expected: {error}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{set_world, with_world, World};
    use serde_json::{json, Value};

    const TEXT: &str = r#"{ "note" : 1.50, "employees": {
  "E002": {"profile": {"name": "Ana Lima"}, "salary": {"z": 1, "a": 2.0}, "car": null},
  "E001": {"salary": {"base": 1e3},   "profile": {"name": "Ana  Núñez"}}
}}
"#;

    fn database(text: &str) -> EmployeeDatabase {
        set_world(World {
            files: [(DATABASE_FILE.to_owned(), text.as_bytes().to_owned())].into(),
            ..World::default()
        });
        EmployeeDatabase::load().unwrap()
    }

    fn named(name: &str) -> Who {
        Who {
            name: Some(name.to_owned()),
            ..Who::default()
        }
    }

    #[test]
    fn finds_by_id() {
        let database = database(TEXT);
        assert_eq!(database.find(&Who::id("E002")).unwrap().name, "Ana Lima");
    }

    #[test]
    fn finds_by_words_of_the_name() {
        let database = database(TEXT);
        assert_eq!(database.find(&named("NÚÑEZ ana")).unwrap().id, "E001");
    }

    #[test]
    fn names_the_candidates_of_an_ambiguous_name() {
        let error = database(TEXT).find(&named("ana")).unwrap_err();
        assert_eq!(error.code, "ambiguous_name");
        assert!(
            error.message.contains("E001 Ana  Núñez, E002 Ana Lima"),
            "{}",
            error.message
        );
    }

    #[test]
    fn says_which_ids_there_are_when_there_is_no_such_employee() {
        let database = database(TEXT);
        let error = database.find(&Who::id("E9")).unwrap_err();
        assert_eq!(error.code, "employee_not_found");
        assert!(error.message.contains("E001 to E002"), "{}", error.message);
        assert_eq!(database.find(&named("")).unwrap_err().code, "employee_not_found");
    }

    #[test]
    fn wants_an_id_or_a_name_and_not_both() {
        let database = database(TEXT);
        assert_eq!(database.find(&Who::default()).unwrap_err().code, "invalid_input");
        let both = Who {
            name: Some("Ana".into()),
            ..Who::id("E001")
        };
        assert_eq!(database.find(&both).unwrap_err().code, "invalid_input");
    }

    #[test]
    fn a_replaced_section_leaves_every_other_byte_as_it_was() {
        let mut database = database(TEXT);
        database.replace("E002", "car", &json!({"make": "Škoda"})).unwrap();
        database.save().unwrap();
        let saved = with_world(|world| world.files[DATABASE_FILE].clone());
        let expected = TEXT.replace(r#""car": null"#, r#""car": {"make":"Škoda"}"#);
        assert_eq!(String::from_utf8(saved).unwrap(), expected);
    }

    #[test]
    fn a_section_keeps_the_order_of_its_keys() {
        let database = database(TEXT);
        let salary: Value = database.find(&Who::id("E002")).unwrap().section("salary").unwrap();
        assert_eq!(salary.to_string(), r#"{"z":1,"a":2.0}"#);
    }

    #[test]
    fn says_which_section_is_missing() {
        let database = database(TEXT);
        let error = database
            .find(&Who::id("E001"))
            .unwrap()
            .section::<Value>("car")
            .unwrap_err();
        assert_eq!(error.code, "section_missing");
    }

    #[test]
    fn says_that_the_file_is_missing_or_damaged() {
        set_world(World::default());
        assert_eq!(EmployeeDatabase::load().unwrap_err().code, "database_missing");
        for text in [
            "[]",
            "{\"employees\": {\"E001\": 1}}",
            "{\"employees\": {\"E001\": {}}}",
            "{",
        ] {
            assert_eq!(
                database(text).find(&Who::id("E001")).unwrap_err().code,
                "database_damaged",
                "{text}"
            );
        }
    }
}
