//! The basics about an employee: how to reach them, what they do, where, since when, and for whom.

use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::{run, Error};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Profile {
    email: String,
    phone: String,
    department: String,
    job_title: String,
    manager_id: Option<String>,
    location: String,
    hire_date: String,
}

#[derive(Serialize)]
struct Output {
    employee_id: String,
    name: String,
    email: String,
    phone: String,
    department: String,
    job_title: String,
    location: String,
    hire_date: String,
    manager: Option<Manager>,
}

#[derive(Serialize)]
struct Manager {
    employee_id: String,
    name: String,
}

fn main() {
    run(employee_profile)
}

fn employee_profile(who: Who) -> Result<Output, Error> {
    let database = EmployeeDatabase::load()?;
    let employee = database.find(&who)?;
    let profile: Profile = employee.section("profile")?;
    let manager = match profile.manager_id {
        Some(id) => Some(manager(&database, id)?),
        None => None,
    };
    Ok(Output {
        employee_id: employee.id,
        name: employee.name,
        email: profile.email,
        phone: profile.phone,
        department: profile.department,
        job_title: profile.job_title,
        location: profile.location,
        hire_date: profile.hire_date,
        manager,
    })
}

fn manager(database: &EmployeeDatabase, id: String) -> Result<Manager, Error> {
    let manager = database.find(&Who::id(id))?;
    Ok(Manager {
        employee_id: manager.id,
        name: manager.name,
    })
}

#[cfg(test)]
capability_common::test_cases!(employee_profile);
