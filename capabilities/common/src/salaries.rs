//! What an employee earns: now, before, and from some later day on.
//!
//! The section `salary` of a record says what was earned when it was last written. A raise from a later day on
//! stands apart, in `scheduled`, and begins to count on its day whether or not anybody writes the record again:
//! [`Salary::on`] is what every reader goes through.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::dates::Date;

/// An employee's salary; [`Salary::on`] makes it what holds on a day.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Salary {
    /// A year, in the currency.
    pub base_salary: Number,
    /// Three letters, such as `EUR`.
    pub currency: String,
    /// A year, at target.
    pub bonus: Number,
    /// Such as `L5`.
    pub pay_grade: String,
    /// Since when that is earned.
    pub effective_date: String,
    /// What was earned from which day on, up to what is earned now; oldest first.
    pub history: Vec<Change>,
    /// What will be earned from which day on; soonest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scheduled: Vec<Raise>,
}

/// A base salary that began to be earned on a day.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Change {
    /// Its first day.
    pub effective_date: String,
    /// A year, in the currency of its time.
    pub base_salary: Number,
    /// Such as `annual review`.
    pub reason: String,
}

/// A new salary from a day on; what is None stays as it was on the day before.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Raise {
    /// Its first day.
    pub effective_date: String,
    /// A year, in the currency.
    pub base_salary: Number,
    /// Three letters, such as `EUR`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// A year, at target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bonus: Option<Number>,
    /// Such as `L5`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay_grade: Option<String>,
    /// Such as `annual review`.
    pub reason: String,
}

impl Salary {
    /// The salary as it is on a day: raises that have begun by then count, and later ones are scheduled.
    pub fn on(mut self, today: Date) -> Self {
        let today = today.to_string();
        self.set_later_changes_apart(&today);
        let (due, scheduled) = self
            .scheduled
            .drain(..)
            .partition(|raise| raise.effective_date <= today);
        self.scheduled = scheduled;
        let mut due: Vec<Raise> = due;
        due.sort_by(|one, other| one.effective_date.cmp(&other.effective_date));
        due.into_iter().for_each(|raise| self.begin(raise));
        self
    }

    /// Take in a raise: at once if it has begun by a day, else as scheduled, in the place of another of its day, which
    /// says what the raise leaves out.
    pub fn take(&mut self, mut raise: Raise, today: Date) {
        if raise.effective_date <= today.to_string() {
            return self.begin(raise);
        }
        let same_day = |other: &Raise| other.effective_date == raise.effective_date;
        if let Some(place) = self.scheduled.iter().position(same_day) {
            let replaced = self.scheduled.remove(place);
            raise.currency = raise.currency.or(replaced.currency);
            raise.bonus = raise.bonus.or(replaced.bonus);
            raise.pay_grade = raise.pay_grade.or(replaced.pay_grade);
        }
        self.scheduled.push(raise);
        self.sort_scheduled();
    }

    /// Why nothing is earned yet on a day; None for everybody whose salary has begun.
    pub fn not_begun(&self, today: Date) -> Option<String> {
        let begins = &self.effective_date;
        (*begins > today.to_string()).then(|| format!("Nothing is earned yet: this salary begins on {begins}."))
    }

    fn begin(&mut self, raise: Raise) {
        let place = self
            .history
            .partition_point(|change| change.effective_date <= raise.effective_date);
        self.history.insert(
            place,
            Change {
                effective_date: raise.effective_date.clone(),
                base_salary: raise.base_salary.clone(),
                reason: raise.reason,
            },
        );
        if raise.effective_date < self.effective_date {
            return;
        }
        self.effective_date = raise.effective_date;
        self.base_salary = raise.base_salary;
        self.currency = raise.currency.unwrap_or_else(|| self.currency.clone());
        self.bonus = raise.bonus.unwrap_or_else(|| self.bonus.clone());
        self.pay_grade = raise.pay_grade.unwrap_or_else(|| self.pay_grade.clone());
    }

    /// Records written before raises were scheduled have later ones as what is earned, and in the history.
    ///
    /// The first entry stays: somebody who is still to come has no salary before it.
    fn set_later_changes_apart(&mut self, today: &str) {
        if self.effective_date.as_str() <= today {
            return;
        }
        self.history
            .sort_by(|one, other| one.effective_date.cmp(&other.effective_date));
        let begun = self
            .history
            .partition_point(|change| change.effective_date.as_str() <= today)
            .max(1);
        let later = self.history.split_off(begun.min(self.history.len()));
        let (Some(present), false) = (self.history.last(), later.is_empty()) else {
            return;
        };
        let (written, last) = (self.effective_date.clone(), later.len() - 1);
        self.effective_date = present.effective_date.clone();
        self.base_salary = present.base_salary.clone();
        self.scheduled
            .extend(later.into_iter().enumerate().map(|(index, change)| Raise {
                // Bonus and pay grade were written with the last one; what they were before is not known.
                bonus: (index == last && change.effective_date == written).then(|| self.bonus.clone()),
                pay_grade: (index == last && change.effective_date == written).then(|| self.pay_grade.clone()),
                currency: Some(self.currency.clone()),
                effective_date: change.effective_date,
                base_salary: change.base_salary,
                reason: change.reason,
            }));
        self.sort_scheduled();
    }

    fn sort_scheduled(&mut self) {
        self.scheduled
            .sort_by(|one, other| one.effective_date.cmp(&other.effective_date));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn salary(value: serde_json::Value) -> Salary {
        serde_json::from_value(value).unwrap()
    }

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn scheduled() -> Salary {
        salary(json!({
            "base_salary": 95000, "currency": "USD", "bonus": 9500, "pay_grade": "L5", "effective_date": "2026-04-01",
            "history": [{"effective_date": "2026-04-01", "base_salary": 95000, "reason": "hired"}],
            "scheduled": [
                {"effective_date": "2027-01-01", "base_salary": 100000, "currency": "USD", "reason": "review"},
                {"effective_date": "2028-01-01", "base_salary": 110000, "currency": "EUR", "bonus": 1, "pay_grade": "L6", "reason": "moved"}
            ]
        }))
    }

    #[test]
    fn a_raise_counts_from_its_day_on() {
        assert_eq!(scheduled().on(day("2026-12-31")), scheduled());
        let begun = scheduled().on(day("2027-01-01"));
        assert_eq!(
            (begun.base_salary.to_string(), begun.bonus.to_string()),
            ("100000".into(), "9500".into())
        );
        assert_eq!(
            (
                begun.effective_date.as_str(),
                begun.history.len(),
                begun.scheduled.len()
            ),
            ("2027-01-01", 2, 1)
        );
        let both = scheduled().on(day("2030-05-05"));
        assert_eq!(
            (both.currency.as_str(), both.pay_grade.as_str(), both.bonus.to_string()),
            ("EUR", "L6", "1".into())
        );
        assert_eq!(
            both.history
                .iter()
                .map(|change| change.base_salary.to_string())
                .collect::<Vec<_>>(),
            ["95000", "100000", "110000"]
        );
        assert!(both.scheduled.is_empty());
    }

    #[test]
    fn a_later_raise_that_was_written_as_what_is_earned_is_set_apart() {
        let written = salary(json!({
            "base_salary": 100000, "currency": "USD", "bonus": 20000, "pay_grade": "L6", "effective_date": "2099-01-01",
            "history": [
                {"effective_date": "2020-01-01", "base_salary": 80000, "reason": "hired"},
                {"effective_date": "2026-04-01", "base_salary": 88000, "reason": "review"},
                {"effective_date": "2050-01-01", "base_salary": 95000, "reason": "review"},
                {"effective_date": "2099-01-01", "base_salary": 100000, "reason": "update"}
            ]
        }));
        let now = written.clone().on(day("2026-11-30"));
        assert_eq!(
            (now.base_salary.to_string(), now.effective_date.as_str()),
            ("88000".into(), "2026-04-01")
        );
        assert_eq!(
            now.scheduled
                .iter()
                .map(|raise| raise.base_salary.to_string())
                .collect::<Vec<_>>(),
            ["95000", "100000"]
        );
        assert_eq!(
            (now.scheduled[0].bonus.clone(), now.scheduled[1].pay_grade.as_deref()),
            (None, Some("L6"))
        );
        assert_eq!(now.clone().on(day("2026-12-01")), now);
        let then = now.on(day("2099-01-01"));
        assert_eq!(
            (then.base_salary.clone(), then.history.clone()),
            (written.base_salary.clone(), written.history.clone())
        );
        assert_eq!(written.clone().on(day("2099-01-01")), written);
    }

    #[test]
    fn somebody_who_is_still_to_come_earns_nothing_yet() {
        let hired = salary(json!({
            "base_salary": 1, "currency": "USD", "bonus": 0, "pay_grade": "L1", "effective_date": "2027-03-01",
            "history": [{"effective_date": "2027-03-01", "base_salary": 1, "reason": "hired"}]
        }));
        let now = hired.clone().on(day("2026-11-30"));
        assert_eq!(now, hired);
        assert_eq!(
            now.not_begun(day("2026-11-30")).unwrap(),
            "Nothing is earned yet: this salary begins on 2027-03-01."
        );
        assert_eq!(now.not_begun(day("2027-03-01")), None);
        let bare = Salary {
            history: Vec::new(),
            ..hired
        };
        assert_eq!(bare.clone().on(day("2026-11-30")), bare);
    }

    #[test]
    fn a_raise_takes_the_place_of_another_of_its_day() {
        let mut changed = scheduled();
        let mut raise = changed.scheduled[0].clone();
        raise.base_salary = 99000.into();
        changed.take(raise.clone(), day("2026-11-30"));
        assert_eq!(changed.scheduled.len(), 2);
        assert_eq!(changed.scheduled[0], raise);
        raise.effective_date = "2026-10-01".into();
        changed.take(raise, day("2026-11-30"));
        assert_eq!(
            (changed.base_salary.to_string(), changed.history.len()),
            ("99000".into(), 2)
        );
        assert_eq!(changed.scheduled.len(), 2);
    }

    #[test]
    fn a_raise_leaves_out_what_stays_as_it_was_on_the_day_before() {
        let raise = |effective_date: &str, base_salary: u32, currency: Option<&str>| Raise {
            effective_date: effective_date.into(),
            base_salary: base_salary.into(),
            currency: currency.map(str::to_owned),
            bonus: None,
            pay_grade: None,
            reason: "update".into(),
        };
        let today = day("2026-11-30");
        let mut changed = scheduled();
        changed.scheduled.clear();
        let mut first = raise("2027-01-01", 80000, Some("CHF"));
        (first.bonus, first.pay_grade) = (Some(7.into()), Some("L7".into()));
        changed.take(first, today);
        changed.take(raise("2027-06-01", 85000, None), today);
        changed.take(raise("2027-01-01", 81000, None), today);
        for (date, base_salary) in [("2027-01-01", "81000"), ("2027-06-01", "85000")] {
            let then = changed.clone().on(day(date));
            assert_eq!(
                (then.base_salary.to_string().as_str(), then.currency.as_str()),
                (base_salary, "CHF")
            );
            assert_eq!((then.bonus, then.pay_grade.as_str()), (7.into(), "L7"));
        }
        assert_eq!(changed.on(today).currency, "USD");
    }
}
