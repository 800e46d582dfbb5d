//! Whom to call when something happens to an employee, most important first.

use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::{run, Error};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct Output {
    employee_id: String,
    name: String,
    emergency_contacts: Value,
}

fn main() {
    run(emergency_contacts)
}

fn emergency_contacts(who: Who) -> Result<Output, Error> {
    let database = EmployeeDatabase::load()?;
    let employee = database.find(&who)?;
    let emergency_contacts = employee.section("emergency_contacts")?;
    Ok(Output {
        employee_id: employee.id,
        name: employee.name,
        emergency_contacts,
    })
}

#[cfg(test)]
capability_common::test_cases!(emergency_contacts);
