//! An employee's base salary in another currency, at a rate that the caller gives.

use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::{run, Error};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    employee_id: String,
    currency: String,
    rate: Decimal,
}

#[derive(Deserialize)]
struct Salary {
    base_salary: Decimal,
    currency: String,
}

#[derive(Serialize)]
struct Output {
    employee_id: String,
    name: String,
    salary: String,
    was: String,
}

fn convert(input: Input) -> Result<Output, Error> {
    let database = EmployeeDatabase::load()?;
    let employee = database.find(&Who::id(input.employee_id))?;
    let salary: Salary = employee.section("salary")?;
    let converted = (salary.base_salary * input.rate).round_dp(2);
    Ok(Output {
        salary: format!("{converted:.2} {}", input.currency),
        was: format!("{:.2} {}", salary.base_salary, salary.currency),
        name: employee.name.clone(),
        employee_id: employee.id,
    })
}

fn main() {
    run(convert)
}
