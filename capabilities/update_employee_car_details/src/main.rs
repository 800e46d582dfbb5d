//! Changes what is on file about an employee's company car, or puts a first car on file.

use std::collections::BTreeMap;

use capability_common::dates::Date;
use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::{run, Error};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What has to be known of a car that is put on file for the first time.
const NEEDED: [&str; 3] = ["make", "model", "license_plate"];

#[derive(Deserialize)]
struct Input {
    employee_id: String,
    /// The fields to change: make, model, year, license_plate, color, fuel, assigned_on.
    #[serde(flatten)]
    fields: Map<String, Value>,
}

#[derive(Serialize)]
struct Output {
    employee_id: String,
    name: String,
    car: Map<String, Value>,
    changed: BTreeMap<String, Change>,
}

#[derive(Serialize)]
struct Change {
    before: Value,
    after: Value,
}

fn main() {
    run(update_car)
}

fn update_car(input: Input) -> Result<Output, Error> {
    if input.fields.is_empty() {
        return Err(Error::invalid_input("Give at least one field of the car to change."));
    }
    if let Some(Value::String(date)) = input.fields.get("assigned_on") {
        Date::read("assigned_on", date)?;
    }
    let mut database = EmployeeDatabase::load()?;
    let employee = database.find(&Who::id(&input.employee_id))?;
    let (id, name) = (employee.id.clone(), employee.name.clone());
    let on_file: Option<Map<String, Value>> = employee.section("car")?;
    if on_file.is_none() {
        check_first_car(&name, &input.fields)?;
    }
    let mut car = on_file.unwrap_or_default();
    let changed = apply(&mut car, input.fields);
    if !changed.is_empty() {
        database.replace(&id, "car", &car)?;
        database.save()?;
    }
    Ok(Output {
        employee_id: id,
        name,
        car,
        changed,
    })
}

fn check_first_car(name: &str, fields: &Map<String, Value>) -> Result<(), Error> {
    let missing: Vec<_> = NEEDED
        .into_iter()
        .filter(|field| !fields.contains_key(*field))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(Error::new(
        "no_car",
        format!("{name} has no car on file. To put one on file, give also: {missing}."),
    ))
}

fn apply(car: &mut Map<String, Value>, fields: Map<String, Value>) -> BTreeMap<String, Change> {
    let mut changed = BTreeMap::new();
    for (field, after) in fields {
        let before = car.insert(field.clone(), after.clone()).unwrap_or(Value::Null);
        if before != after {
            changed.insert(field, Change { before, after });
        }
    }
    changed
}

#[cfg(test)]
capability_common::test_cases!(update_car);
