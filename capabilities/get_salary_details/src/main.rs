//! What an employee earns today: base salary, bonus, pay grade, how the salary came to be, and raises to come.

use capability_common::dates::Date;
use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::salaries::Salary;
use capability_common::{run, Error};
use serde::Serialize;

#[derive(Serialize)]
struct Output {
    employee_id: String,
    name: String,
    salary: Salary,
    /// Why it is not earned yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn main() {
    run(salary_details)
}

fn salary_details(who: Who) -> Result<Output, Error> {
    let database = EmployeeDatabase::load()?;
    let employee = database.find(&who)?;
    let today = Date::today()?;
    let salary = employee.section::<Salary>("salary")?.on(today);
    Ok(Output {
        employee_id: employee.id,
        name: employee.name,
        note: salary.not_begun(today),
        salary,
    })
}

#[cfg(test)]
capability_common::test_cases!(salary_details);
