//! What an employee is enrolled in: health plan, dental, vision, retirement, life insurance.

use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::{run, Error};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct Output {
    employee_id: String,
    name: String,
    benefits: Value,
}

fn main() {
    run(benefits_info)
}

fn benefits_info(who: Who) -> Result<Output, Error> {
    let database = EmployeeDatabase::load()?;
    let employee = database.find(&who)?;
    let benefits = employee.section("benefits")?;
    Ok(Output {
        employee_id: employee.id,
        name: employee.name,
        benefits,
    })
}

#[cfg(test)]
capability_common::test_cases!(benefits_info);
