//! How an employee's work was rated, year by year, with the average.

use capability_common::employees::{EmployeeDatabase, Who};
use capability_common::{run, Error};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Review {
    period: String,
    rating: u8,
    reviewer_id: Option<String>,
    reviewer: String,
    summary: String,
    goals: Vec<String>,
}

#[derive(Serialize)]
struct Output {
    employee_id: String,
    name: String,
    average_rating: Option<f64>,
    performance_reviews: Vec<Review>,
}

fn main() {
    run(performance_reviews)
}

fn performance_reviews(who: Who) -> Result<Output, Error> {
    let database = EmployeeDatabase::load()?;
    let employee = database.find(&who)?;
    let performance_reviews: Vec<Review> = employee.section("performance_reviews")?;
    Ok(Output {
        employee_id: employee.id,
        name: employee.name,
        average_rating: average(&performance_reviews),
        performance_reviews,
    })
}

/// The mean rating to two decimals; none without reviews.
fn average(reviews: &[Review]) -> Option<f64> {
    if reviews.is_empty() {
        return None;
    }
    let sum: f64 = reviews.iter().map(|review| f64::from(review.rating)).sum();
    Some((sum / reviews.len() as f64 * 100.0).round() / 100.0)
}

#[cfg(test)]
capability_common::test_cases!(performance_reviews);
