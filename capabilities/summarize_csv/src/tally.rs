//! Counting a column's different values, at a cost of little more than reading them.

use std::cmp::Reverse;

/// Beyond this many different values a column's values are no longer counted one by one.
pub const MOST_DISTINCT: usize = 10_000;

/// The different values of a column, in the order in which they came.
#[derive(Default)]
pub struct Tally {
    /// All of them, one behind the other.
    text: String,
    values: Vec<Counted>,
    /// For each hash the number of its value and one, or of the next free place behind it; 0 is free.
    places: Vec<u16>,
}

#[derive(Clone, Copy)]
struct Counted {
    start: u32,
    end: u32,
    hash: u32,
    count: u32,
}

impl Tally {
    /// How many different values there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Count a value; answer whether it is the first of its kind, None if there is no room for it.
    pub fn count(&mut self, value: &str, times: usize, room: usize) -> Option<bool> {
        if self.places.len() < 2 * (self.values.len() + 1) {
            self.spread();
        }
        let hash = hash_of(value.as_bytes());
        let mut place = self.place(hash);
        while let Some(index) = usize::from(*self.places.get(place)?).checked_sub(1) {
            let known = self.values.get_mut(index)?;
            if known.hash == hash
                && self.text.as_bytes().get(known.start as usize..known.end as usize) == Some(value.as_bytes())
            {
                known.count += u32::try_from(times).ok()?;
                return Some(false);
            }
            place = (place + 1) & (self.places.len() - 1);
        }
        if room == 0 || self.values.len() >= MOST_DISTINCT {
            return None;
        }
        let start = u32::try_from(self.text.len()).ok()?;
        self.text.push_str(value);
        let end = u32::try_from(self.text.len()).ok()?;
        let count = u32::try_from(times).ok()?;
        self.values.push(Counted {
            start,
            end,
            hash,
            count,
        });
        *self.places.get_mut(place)? = u16::try_from(self.values.len()).ok()?;
        Some(true)
    }

    /// The most frequent values with their counts; of equally frequent ones the first by their letters.
    pub fn top(&self, most: usize) -> Vec<(&str, usize)> {
        let text = |value: &Counted| {
            self.text
                .get(value.start as usize..value.end as usize)
                .unwrap_or_default()
        };
        let mut all: Vec<_> = self.values.iter().collect();
        all.sort_unstable_by_key(|value| (Reverse(value.count), text(value)));
        all.into_iter()
            .take(most)
            .map(|value| (text(value), value.count as usize))
            .collect()
    }

    fn place(&self, hash: u32) -> usize {
        hash as usize & (self.places.len() - 1)
    }

    /// Make twice as many places; there are always at least twice as many as values.
    fn spread(&mut self) {
        let size = (4 * (self.values.len() + 1)).next_power_of_two();
        self.places = vec![0; size];
        for (index, value) in self.values.iter().enumerate() {
            let mut place = value.hash as usize & (size - 1);
            while self.places.get(place).is_some_and(|taken| *taken != 0) {
                place = (place + 1) & (size - 1);
            }
            if let (Some(free), Ok(number)) = (self.places.get_mut(place), u16::try_from(index + 1)) {
                *free = number;
            }
        }
    }
}

/// A hash of a few instructions for eight bytes; who makes values collide only slows their own run.
fn hash_of(bytes: &[u8]) -> u32 {
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    let words = bytes.chunks_exact(8);
    let rest = words.remainder();
    let hash = words.fold(0, |hash, word| {
        mix(hash, u64::from_le_bytes(word.try_into().unwrap_or_default()))
    });
    let last = rest
        .iter()
        .fold(rest.len() as u64, |word, byte| word << 8 | u64::from(*byte));
    (mix(hash, last) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_and_the_most_frequent_come_first() {
        let mut tally = Tally::default();
        for value in ["b", "a", "c", "a", "", "abcdefgh", "abcdefghi", "b"] {
            assert!(tally.count(value, 1, 100).is_some());
        }
        assert_eq!(tally.len(), 6);
        assert_eq!(tally.top(3), [("a", 2), ("b", 2), ("", 1)]);
    }

    #[test]
    fn there_is_an_end_to_it() {
        let mut tally = Tally::default();
        for number in 0..MOST_DISTINCT {
            assert_eq!(tally.count(&number.to_string(), 2, 1), Some(true));
        }
        assert_eq!(tally.count("77", 1, 0), Some(false));
        assert_eq!(tally.count("more", 1, 1), None);
        assert_eq!(tally.top(1), [("77", 3)]);
        assert_eq!(Tally::default().count("x", 1, 0), None);
    }
}
