//! The company car that an employee drives; `car` is null for those without one.

use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::{run, Error};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct Output {
    employee_id: String,
    name: String,
    car: Value,
}

fn main() {
    run(car_details)
}

fn car_details(who: Who) -> Result<Output, Error> {
    let database = EmployeeDatabase::load()?;
    let employee = database.find(&who)?;
    let car = employee.section("car")?;
    Ok(Output {
        employee_id: employee.id,
        name: employee.name,
        car,
    })
}

#[cfg(test)]
capability_common::test_cases!(car_details);
