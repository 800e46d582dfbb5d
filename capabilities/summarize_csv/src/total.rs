//! Adding numbers up exactly, at a cost of little more than one addition of 64 bits.

use crate::decimal::Decimal;
use crate::number::Plain;

/// Numbers that were added up, with the smallest and the largest of them.
#[derive(Clone, Copy)]
pub struct Total {
    pub count: usize,
    /// None once it went beyond what a decimal holds.
    sum: Option<Decimal>,
    range: Option<(Decimal, Decimal)>,
    pub whole: bool,
    /// Numbers of one scale that are not in `sum` and `range` yet.
    small: Option<Small>,
}

#[derive(Clone, Copy)]
struct Small {
    scale: u32,
    sum: i64,
    min: i64,
    max: i64,
}

impl Total {
    pub const NONE: Self = Self {
        count: 0,
        sum: Some(Decimal::ZERO),
        range: None,
        whole: true,
        small: None,
    };

    /// Take in a number of 64 bits.
    pub fn add_plain(&mut self, number: Plain) {
        self.count += 1;
        self.whole &= number.scale == 0;
        let first = Small {
            scale: number.scale,
            sum: number.value,
            min: number.value,
            max: number.value,
        };
        let added = self.small.and_then(|small| small.with(number));
        if added.is_none() {
            self.settle();
        }
        self.small = Some(added.unwrap_or(first));
    }

    /// Take in any number.
    pub fn add(&mut self, number: Decimal) {
        if let Some(plain) = number.to_plain() {
            return self.add_plain(plain);
        }
        self.settle();
        self.count += 1;
        self.whole &= number.is_whole();
        self.take(number, number, number);
    }

    pub fn sum(&self) -> Option<Decimal> {
        self.settled().sum
    }

    pub fn range(&self) -> Option<(Decimal, Decimal)> {
        self.settled().range
    }

    pub fn with(&self, other: &Self) -> Self {
        let (mut total, other) = (self.settled(), other.settled());
        total.count += other.count;
        total.whole &= other.whole;
        total.sum = total.sum.zip(other.sum).and_then(|(one, other)| one.plus(other));
        if let Some((min, max)) = other.range {
            total.widen(min, max);
        }
        total
    }

    fn settled(&self) -> Self {
        let mut settled = *self;
        settled.settle();
        settled
    }

    fn settle(&mut self) {
        if let Some(Small { scale, sum, min, max }) = self.small.take() {
            let decimal = |value: i64| Decimal::new(value.into(), scale);
            self.take(decimal(sum), decimal(min), decimal(max));
        }
    }

    fn take(&mut self, sum: Decimal, min: Decimal, max: Decimal) {
        self.sum = self.sum.and_then(|total| total.plus(sum));
        self.widen(min, max);
    }

    fn widen(&mut self, least: Decimal, most: Decimal) {
        self.range = Some(match self.range {
            None => (least, most),
            Some((min, max)) => (min.min(least), max.max(most)),
        });
    }
}

impl Small {
    /// These numbers and one more; None if they do not fit into 64 bits.
    fn with(mut self, number: Plain) -> Option<Self> {
        let mut value = number.value;
        if number.scale < self.scale {
            value = value.checked_mul(power_of_ten(self.scale - number.scale)?)?;
        } else if number.scale > self.scale {
            let power = power_of_ten(number.scale - self.scale)?;
            self.scale = number.scale;
            self.sum = self.sum.checked_mul(power)?;
            self.min = self.min.checked_mul(power)?;
            self.max = self.max.checked_mul(power)?;
        }
        self.sum = self.sum.checked_add(value)?;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        Some(self)
    }
}

fn power_of_ten(power: u32) -> Option<i64> {
    10_i64.checked_pow(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_sizes_add_up_exactly() {
        let mut total = Total::NONE;
        let plain = |value, scale| Plain { value, scale };
        for number in [
            plain(5, 0),
            plain(25, 2),
            plain(-1, 1),
            plain(999_999_999_999_999_999, 0),
            plain(1, 12),
            plain(i64::MAX / 2, 3),
        ] {
            total.add_plain(number);
        }
        total.add(Decimal::new(1, 15));
        assert_eq!(total.sum().unwrap().to_string(), "1004611686018427392.053000000001001");
        let (min, max) = total.range().unwrap();
        assert_eq!(
            (min.to_string().as_str(), max.to_string().as_str()),
            ("-0.1", "999999999999999999")
        );
        let twice = total.with(&total);
        assert_eq!((twice.count, twice.whole), (14, false));
        assert_eq!(twice.sum().unwrap().to_string(), "2009223372036854784.106000000002002");
        assert!(Total::NONE.with(&Total::NONE).range().is_none());
    }
}
