//! How many days of leave an employee has left, by kind.

use std::collections::BTreeMap;

use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::{run, Error};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Leave {
    year: u16,
    unit: String,
    #[serde(flatten)]
    kinds: BTreeMap<String, Account>,
}

#[derive(Deserialize)]
struct Account {
    entitled: f64,
    carried_over: f64,
    used: f64,
}

#[derive(Serialize)]
struct Balance {
    entitled: f64,
    carried_over: f64,
    used: f64,
    remaining: f64,
}

#[derive(Serialize)]
struct Output {
    employee_id: String,
    name: String,
    year: u16,
    unit: String,
    leave_balance: BTreeMap<String, Balance>,
}

fn main() {
    run(leave_balance)
}

fn leave_balance(who: Who) -> Result<Output, Error> {
    let database = EmployeeDatabase::load()?;
    let employee = database.find(&who)?;
    let leave: Leave = employee.section("leave_balance")?;
    let balances = leave.kinds.into_iter().map(|(kind, account)| (kind, balance(&account)));
    Ok(Output {
        employee_id: employee.id,
        name: employee.name,
        year: leave.year,
        unit: leave.unit,
        leave_balance: balances.collect(),
    })
}

fn balance(account: &Account) -> Balance {
    Balance {
        entitled: account.entitled,
        carried_over: account.carried_over,
        used: account.used,
        remaining: account.entitled + account.carried_over - account.used,
    }
}

#[cfg(test)]
capability_common::test_cases!(leave_balance);
