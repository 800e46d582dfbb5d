//! An employee's HR record: status, kind of employment, contract and probation dates, trainings, events.

use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::{run, Error};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct Output {
    employee_id: String,
    name: String,
    hr_records: Value,
}

fn main() {
    run(hr_records)
}

fn hr_records(who: Who) -> Result<Output, Error> {
    let database = EmployeeDatabase::load()?;
    let employee = database.find(&who)?;
    let hr_records = employee.section("hr_records")?;
    Ok(Output {
        employee_id: employee.id,
        name: employee.name,
        hr_records,
    })
}

#[cfg(test)]
capability_common::test_cases!(hr_records);
