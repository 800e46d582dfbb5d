//! Gives an employee a new salary and keeps the history of what it was.
//!
//! From a day that is still to come it is scheduled, and what is earned now stays as it is until then.

use std::collections::BTreeMap;

use capability_common::dates::Date;
use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::salaries::{Raise, Salary};
use capability_common::{run, Error};
use serde::{Deserialize, Serialize};
use serde_json::{json, Number, Value};

#[derive(Deserialize)]
struct Input {
    employee_id: String,
    base_salary: Number,
    currency: Option<String>,
    bonus: Option<Number>,
    pay_grade: Option<String>,
    effective_date: Option<String>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct Output {
    employee_id: String,
    name: String,
    salary: Salary,
    changed: BTreeMap<&'static str, Value>,
}

fn main() {
    run(update_salary)
}

fn update_salary(input: Input) -> Result<Output, Error> {
    check_amounts(&input)?;
    let today = Date::today()?;
    let given = input.effective_date.as_deref();
    let date = given.map_or(Ok(today), |date| Date::read("effective_date", date))?;
    let mut database = EmployeeDatabase::load()?;
    let employee = database.find(&Who::id(&input.employee_id))?;
    let (id, name) = (employee.id.clone(), employee.name.clone());
    let before = employee.section::<Salary>("salary")?.on(today);
    let date = date.to_string();
    if date < before.effective_date {
        let since = before.effective_date;
        return Err(Error::new(
            "effective_date_too_early",
            format!("The present salary of {name} holds since {since}; {date} is before that."),
        ));
    }
    let mut salary = before.clone();
    salary.take(raise(input, date), today);
    database.replace(&id, "salary", &salary)?;
    database.save()?;
    Ok(Output {
        employee_id: id,
        name,
        changed: differences(&before, &salary),
        salary,
    })
}

fn check_amounts(input: &Input) -> Result<(), Error> {
    let in_range = |amount: &Number, least: f64| amount.as_f64().is_some_and(|amount| (least..=1e9).contains(&amount));
    if !in_range(&input.base_salary, 0.01) {
        return Err(Error::invalid_input(
            "base_salary must be above 0 and at most 1000000000.",
        ));
    }
    if !input.bonus.as_ref().is_none_or(|bonus| in_range(bonus, 0.0)) {
        return Err(Error::invalid_input("bonus must be at least 0 and at most 1000000000."));
    }
    Ok(())
}

/// The raise asked for; what is not given stays as it is on the day before.
fn raise(input: Input, effective_date: String) -> Raise {
    Raise {
        effective_date,
        base_salary: input.base_salary,
        currency: input.currency,
        bonus: input.bonus,
        pay_grade: input.pay_grade,
        reason: input.reason.unwrap_or_else(|| "update".to_owned()),
    }
}

fn differences(before: &Salary, after: &Salary) -> BTreeMap<&'static str, Value> {
    let compared = [
        ("base_salary", json!(before.base_salary), json!(after.base_salary)),
        ("currency", json!(before.currency), json!(after.currency)),
        ("bonus", json!(before.bonus), json!(after.bonus)),
        ("pay_grade", json!(before.pay_grade), json!(after.pay_grade)),
        (
            "effective_date",
            json!(before.effective_date),
            json!(after.effective_date),
        ),
        ("scheduled", json!(before.scheduled), json!(after.scheduled)),
    ];
    let changed = compared.into_iter().filter(|(_, before, after)| before != after);
    changed
        .map(|(field, before, after)| (field, json!({"before": before, "after": after})))
        .collect()
}

#[cfg(test)]
capability_common::test_cases!(update_salary);
