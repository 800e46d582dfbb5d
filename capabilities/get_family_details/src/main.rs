//! An employee's family: marital status, spouse or partner, and children.

use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::{run, Error};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Family {
    marital_status: String,
    spouse: Option<String>,
    children: Vec<Child>,
}

#[derive(Deserialize, Serialize)]
struct Child {
    name: String,
    birth_date: String,
}

#[derive(Serialize)]
struct Output {
    employee_id: String,
    name: String,
    family: Family,
    number_of_children: usize,
}

fn main() {
    run(family_details)
}

fn family_details(who: Who) -> Result<Output, Error> {
    let database = EmployeeDatabase::load()?;
    let employee = database.find(&who)?;
    let family: Family = employee.section("family")?;
    Ok(Output {
        employee_id: employee.id,
        name: employee.name,
        number_of_children: family.children.len(),
        family,
    })
}

#[cfg(test)]
capability_common::test_cases!(family_details);
