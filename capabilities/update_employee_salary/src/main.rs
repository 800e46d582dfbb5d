//! Gives an employee a new salary and keeps the history of what it was.

use std::collections::BTreeMap;

use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::{current_time_millis, run, Error};
use chrono::{DateTime, NaiveDate};
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

#[derive(Clone, Deserialize, Serialize)]
struct Salary {
    base_salary: Number,
    currency: String,
    bonus: Number,
    pay_grade: String,
    effective_date: String,
    history: Vec<Entry>,
}

#[derive(Clone, Deserialize, Serialize)]
struct Entry {
    effective_date: String,
    base_salary: Number,
    reason: String,
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
    let date = effective_date(input.effective_date.as_deref())?;
    let mut database = EmployeeDatabase::load()?;
    let employee = database.find(&Who::id(&input.employee_id))?;
    let (id, name) = (employee.id.clone(), employee.name.clone());
    let before: Salary = employee.section("salary")?;
    if date < before.effective_date {
        let since = before.effective_date;
        return Err(Error::new(
            "effective_date_too_early",
            format!("The present salary of {name} holds since {since}; {date} is before that."),
        ));
    }
    let salary = raised(before.clone(), input, date);
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

/// The date given, which must exist, or today (UTC).
fn effective_date(given: Option<&str>) -> Result<String, Error> {
    let date = match given {
        Some(text) => text.parse::<NaiveDate>().ok(),
        None => DateTime::from_timestamp_millis(current_time_millis()).map(|now| now.date_naive()),
    };
    let date = date.ok_or_else(|| Error::invalid_input("effective_date must be a date such as 2026-04-01."))?;
    Ok(date.format("%Y-%m-%d").to_string())
}

fn raised(mut salary: Salary, input: Input, date: String) -> Salary {
    salary.history.push(Entry {
        effective_date: date.clone(),
        base_salary: input.base_salary.clone(),
        reason: input.reason.unwrap_or_else(|| "update".to_owned()),
    });
    salary.base_salary = input.base_salary;
    salary.effective_date = date;
    salary.currency = input.currency.unwrap_or(salary.currency);
    salary.bonus = input.bonus.unwrap_or(salary.bonus);
    salary.pay_grade = input.pay_grade.unwrap_or(salary.pay_grade);
    salary
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
    ];
    let changed = compared.into_iter().filter(|(_, before, after)| before != after);
    changed
        .map(|(field, before, after)| (field, json!({"before": before, "after": after})))
        .collect()
}

#[cfg(test)]
capability_common::test_cases!(update_salary);
