//! What an employee earns: base salary, bonus, pay grade, and how the salary came to be.

use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::{run, Error};
use serde::{Deserialize, Serialize};
use serde_json::Number;

#[derive(Deserialize, Serialize)]
struct Salary {
    base_salary: Number,
    currency: String,
    bonus: Number,
    pay_grade: String,
    effective_date: String,
    history: Vec<Change>,
}

#[derive(Deserialize, Serialize)]
struct Change {
    effective_date: String,
    base_salary: Number,
    reason: String,
}

#[derive(Serialize)]
struct Output {
    employee_id: String,
    name: String,
    salary: Salary,
}

fn main() {
    run(salary_details)
}

fn salary_details(who: Who) -> Result<Output, Error> {
    let database = EmployeeDatabase::load()?;
    let employee = database.find(&who)?;
    let salary = employee.section("salary")?;
    Ok(Output {
        employee_id: employee.id,
        name: employee.name,
        salary,
    })
}

#[cfg(test)]
capability_common::test_cases!(salary_details);
