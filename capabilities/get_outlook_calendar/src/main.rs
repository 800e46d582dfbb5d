//! What is in an employee's Outlook calendar, in order, optionally between two dates.

use capability_common::dates::Date;
use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::{run, Error};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    employee_id: Option<String>,
    name: Option<String>,
    /// The first and last day, as `2026-11-24`, in the calendar's own time zone.
    from: Option<String>,
    to: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Event {
    subject: String,
    start: String,
    end: String,
    location: String,
    organizer: String,
    attendees: Vec<String>,
}

#[derive(Serialize)]
struct Output {
    employee_id: String,
    name: String,
    events: Vec<Event>,
}

fn main() {
    run(outlook_calendar)
}

fn outlook_calendar(input: Input) -> Result<Output, Error> {
    let (from, to) = (input.from.as_deref(), input.to.as_deref());
    from.map(|from| Date::read("from", from)).transpose()?;
    to.map(|to| Date::read("to", to)).transpose()?;
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(Error::invalid_input("The date in from is after the one in to."));
    }
    let database = EmployeeDatabase::load()?;
    let employee = database.find(&Who {
        employee_id: input.employee_id,
        name: input.name,
    })?;
    let mut events: Vec<Event> = employee.section("calendar")?;
    events.retain(|event| is_within(event, from, to));
    events.sort_by(|one, other| one.start.cmp(&other.start));
    Ok(Output {
        employee_id: employee.id,
        name: employee.name,
        events,
    })
}

/// Whether any part of the event is on the days asked for; dates in ISO 8601 compare as text.
fn is_within(event: &Event, from: Option<&str>, to: Option<&str>) -> bool {
    let starts_in_time = to.is_none_or(|to| date(&event.start) <= to);
    let ends_late_enough = from.is_none_or(|from| date(&event.end) >= from);
    starts_in_time && ends_late_enough
}

fn date(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

#[cfg(test)]
capability_common::test_cases!(outlook_calendar);
