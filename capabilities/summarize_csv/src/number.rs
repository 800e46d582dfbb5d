//! Reading a cell's text as a number, in the forms that spreadsheets of many places export.
//!
//! `1,234` is 1234 where a comma stands between thousands and 1.234 where it is the decimal sign. One cell cannot
//! tell, so both are handed on; the whole column decides.

use crate::decimal::{Decimal, MOST_DIGITS};
use crate::table::trimmed;

/// No number is written with more bytes than this, signs and currency included.
pub const LONGEST: usize = 80;

/// How many groups of digits a number has at most.
const MOST_GROUPS: usize = 14;

/// From how many digits on a whole number after a plus is a telephone number.
const PHONE_DIGITS: usize = 7;

/// A number's value, by which sign is the decimal one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// The same whichever it is.
    Same(Decimal),
    /// A number only if the point is.
    Point(Decimal),
    /// A number only if the comma is.
    Comma(Decimal),
    /// Two different numbers.
    Either { point: Decimal, comma: Decimal },
}

/// A cell that is a number: its value, and the currency or percent sign beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Read<'a> {
    pub value: Value,
    pub unit: Option<&'a str>,
}

/// What a cell with digits is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Digits<'a> {
    Number(Read<'a>),
    /// Digits with a zero before them, such as a postal code, or a telephone number: no quantity.
    Code,
    /// A number of more digits than are added up exactly.
    TooLong,
    Other,
}

/// A number in the usual form, of 64 bits: `value` / 10^`scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plain {
    pub value: i64,
    pub scale: u32,
}

/// Read a number in the usual form, at the least cost: an optional minus, digits, and a point with more digits.
///
/// None for every other form, for codes, and for what is another number where the point stands between thousands.
pub fn plain(cell: &[u8]) -> Option<Plain> {
    let (negative, digits) = match cell {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 18 {
        return None;
    }
    let (mut value, mut index, mut point) = (0_i64, 0, 0);
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            value = value * 10 + i64::from(digit);
        } else if *byte == b'.' && point == 0 && index > 0 {
            point = index;
        } else {
            return None;
        }
        index += 1;
    }
    let whole = if point > 0 { point } else { index };
    let scale = if point > 0 { index - point - 1 } else { 0 };
    let zero_first = digits.first() == Some(&b'0');
    let none = whole == 0 || (point > 0 && scale == 0);
    let code = zero_first && whole > 1;
    let thousands = scale == 3 && whole <= 3 && !zero_first;
    if none || code || thousands {
        return None;
    }
    Some(Plain {
        value: if negative { -value } else { value },
        scale,
    })
}

/// Read a trimmed cell: with a sign before or behind, parentheses, a currency, a percent sign, or groups.
pub fn read(cell: &str) -> Digits<'_> {
    if cell.len() > LONGEST {
        return Digits::Other;
    }
    let Some(bare) = undress(cell) else {
        return Digits::Other;
    };
    let Some(groups) = Groups::of(bare.body) else {
        return Digits::Other;
    };
    if groups.digits > MOST_DIGITS {
        return Digits::TooLong;
    }
    let alone = groups.count == 1 && groups.exponent == 0;
    if alone && bare.unit.is_none() && bare.plus && groups.digits >= PHONE_DIGITS {
        return Digits::Code;
    }
    if groups.has_leading_zero() {
        return Digits::Code;
    }
    let value = |decimals| groups.value(bare.negative, decimals);
    if groups.count == 1 {
        let same = (groups.digits > 0).then(|| value(0)).flatten();
        return same.map_or(Digits::Other, |same| {
            Digits::Number(Read {
                value: Value::Same(same),
                unit: bare.unit,
            })
        });
    }
    let (point, comma) = (groups.decimals(b'.'), groups.decimals(b','));
    let value = match (point.and_then(value), comma.and_then(value)) {
        (Some(point), Some(comma)) if point == comma => Value::Same(point),
        (Some(point), Some(comma)) => Value::Either { point, comma },
        (Some(point), None) => Value::Point(point),
        (None, Some(comma)) => Value::Comma(comma),
        (None, None) => return Digits::Other,
    };
    Digits::Number(Read { value, unit: bare.unit })
}

/// A number without what stands around it.
struct Bare<'a> {
    body: &'a str,
    negative: bool,
    plus: bool,
    unit: Option<&'a str>,
}

fn undress(cell: &str) -> Option<Bare<'_>> {
    let mut bare = Bare {
        body: cell,
        negative: false,
        plus: false,
        unit: None,
    };
    let (mut signed, mut enclosed) = (false, false);
    loop {
        let text = trimmed(bare.body);
        bare.body = text;
        let first = text.chars().next()?;
        let last = text.bytes().next_back()?;
        let inner = (first == '(' && last == b')')
            .then(|| text.get(1..text.len() - 1))
            .flatten();
        if let (Some(inner), false, false) = (inner, enclosed, signed) {
            (bare.body, bare.negative, enclosed) = (inner, true, true);
        } else if let ('-' | '−' | '+', false, false) = (first, signed, enclosed) {
            (bare.negative, bare.plus, signed) = (first != '+', first == '+', true);
            bare.body = text.get(first.len_utf8()..)?;
        } else if let (Some(before), false, false) = (without_minus(text, last), signed, enclosed) {
            (bare.body, bare.negative, signed) = (before, true, true);
        } else if first.is_ascii_digit() || first == '.' || first == ',' {
            let end = text.rfind(|letter: char| letter.is_ascii_digit())? + 1;
            let (number, unit) = text.split_at(end);
            match trimmed(unit) {
                "" => return Some(bare),
                unit if bare.unit.is_none() && is_unit(unit) => (bare.body, bare.unit) = (number, Some(unit)),
                _ => return None,
            }
        } else {
            let end = text.find(|letter| matches!(letter, '0'..='9' | '-' | '−' | '+' | '(' | ','))?;
            let (unit, number) = text.split_at(end);
            let unit = unit.trim();
            if bare.unit.is_some() || !is_unit(unit) {
                return None;
            }
            (bare.body, bare.unit) = (number, Some(unit));
        }
    }
}

fn without_minus(text: &str, last: u8) -> Option<&str> {
    match last {
        b'-' => text.get(..text.len() - 1),
        0x92 => text.strip_suffix('−'),
        _ => None,
    }
}

/// Signs and codes of currencies, and the percent sign.
fn is_unit(text: &str) -> bool {
    if matches!(text, "$" | "%" | "€") {
        return true;
    }
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => "%$¢£¤¥֏؋৳฿៛￥＄€₠₡₢₣₤₥₦₧₨₩₪₫₭₮₯₰₱₲₳₴₵₶₷₸₹₺₻₼₽₾₿﷼".contains(letter),
        _ => text.len() <= 8 && UNITS.contains(&text),
    }
}

const UNITS: [&str; 106] = [
    "AED", "ARS", "AUD", "BDT", "BGN", "BHD", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "DZD", "EGP",
    "EUR", "GBP", "GEL", "GHS", "HKD", "HRK", "HUF", "IDR", "ILS", "INR", "IQD", "IRR", "ISK", "JOD", "JPY", "KES",
    "KRW", "KWD", "KZT", "LBP", "LKR", "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "OMR", "PEN", "PHP", "PKR", "PLN",
    "QAR", "RON", "RSD", "RUB", "SAR", "SEK", "SGD", "THB", "TND", "TRY", "TWD", "UAH", "USD", "UYU", "VND", "XAF",
    "XOF", "ZAR", "US$", "A$", "C$", "CA$", "AU$", "NZ$", "HK$", "NT$", "S$", "R$", "MX$", "kr", "kr.", "Kr", "Kč",
    "zł", "Ft", "lei", "Lei", "Fr", "Fr.", "SFr", "SFr.", "sFr.", "Rs", "Rs.", "руб", "руб.", "р.", "грн", "лв", "лв.",
    "дин.", "RM", "Rp", "Bs", "TL", "Euro", "euro", "EURO",
];

/// The digits of a number, in groups that signs part.
struct Groups {
    mantissa: i128,
    /// The first 18 digits of it, which are cheaper to work with.
    small: i64,
    /// How many digits there are in all.
    digits: usize,
    lengths: [u8; MOST_GROUPS],
    /// The sign before each group; of apostrophes and spaces one stands for all.
    signs: [u8; MOST_GROUPS],
    count: usize,
    first: u8,
    exponent: i32,
}

impl Groups {
    fn of(body: &str) -> Option<Self> {
        let (body, exponent) = match body.split_once(['e', 'E']) {
            Some((body, exponent)) if exponent.len() <= 4 => (body, exponent.parse::<i32>().ok()?),
            Some(_) => return None,
            None => (body, 0),
        };
        let mut groups = Self {
            mantissa: 0,
            small: 0,
            digits: 0,
            lengths: [0; MOST_GROUPS],
            signs: [0; MOST_GROUPS],
            count: 1,
            first: body.bytes().next()?,
            exponent,
        };
        for letter in body.chars() {
            let sign = match letter {
                '0'..='9' => {
                    groups.digit(letter);
                    continue;
                }
                '.' | ',' => u8::try_from(letter).ok()?,
                '\'' | '’' | '´' | '`' => b'\'',
                ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\u{2007}' => b' ',
                _ => return None,
            };
            *groups.signs.get_mut(groups.count)? = sign;
            groups.count += 1;
        }
        Some(groups)
    }

    fn digit(&mut self, letter: char) {
        self.digits += 1;
        let value = letter as u8 - b'0';
        if self.digits <= 18 {
            self.small = self.small * 10 + i64::from(value);
            self.mantissa = self.small.into();
        } else if self.digits <= MOST_DIGITS {
            self.mantissa = self.mantissa * 10 + i128::from(value);
        }
        if let Some(length) = self.lengths.get_mut(self.count - 1) {
            *length += 1;
        }
    }

    fn has_leading_zero(&self) -> bool {
        self.first == b'0' && self.lengths[0] > 1
    }

    /// How many decimals there are if `sign` is the decimal one; None if the rest is then no number.
    fn decimals(&self, sign: u8) -> Option<usize> {
        let last = self.count - 1;
        let (&sign_before, &length) = (self.signs.get(last)?, self.lengths.get(last)?);
        let parted = last > 0 && sign_before == sign;
        let whole = if parted { last } else { self.count };
        let lengths = self.lengths.get(..whole)?;
        let signs = self.signs.get(1..whole)?;
        (!parted || length > 0).then_some(())?;
        match (lengths, signs) {
            (_, []) => (lengths != [0] || parted).then_some(())?,
            ([first, middle @ .., end], [one, others @ ..]) => {
                let alike = *one != sign && others.iter().all(|other| other == one);
                let threes = middle.iter().all(|length| *length == 3);
                let indian = *one == b',' && middle.iter().all(|length| *length == 2);
                let grouped = (1..=3).contains(first) && *end == 3 && (threes || indian) && self.first != b'0';
                (alike && grouped && self.exponent == 0).then_some(())?;
            }
            _ => return None,
        }
        Some(if parted { length.into() } else { 0 })
    }

    fn value(&self, negative: bool, decimals: usize) -> Option<Decimal> {
        let value = if negative { -self.mantissa } else { self.mantissa };
        Decimal::of_exponent(value, self.exponent - i32::try_from(decimals).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a cell is as (point, comma), each as text.
    fn both(cell: &str) -> (String, String) {
        let none = String::new;
        match read(cell) {
            Digits::Number(Read { value, .. }) => match value {
                Value::Same(same) => (same.to_string(), same.to_string()),
                Value::Point(point) => (point.to_string(), none()),
                Value::Comma(comma) => (none(), comma.to_string()),
                Value::Either { point, comma } => (point.to_string(), comma.to_string()),
            },
            _ => (none(), none()),
        }
    }

    #[test]
    fn plain_numbers() {
        for (cell, value) in [
            ("0", "0"),
            ("-5", "-5"),
            ("+5", "5"),
            ("12345678901234567890", "12345678901234567890"),
            ("3e2", "300"),
            ("-0", "0"),
        ] {
            assert_eq!(both(cell), (value.to_owned(), value.to_owned()), "{cell}");
        }
        for (cell, value) in [
            ("1.5", "1.5"),
            ("-0.125", "-0.125"),
            (".5", "0.5"),
            ("1234.567", "1234.567"),
            ("1.5e-3", "0.0015"),
            ("2.50", "2.5"),
        ] {
            assert_eq!(both(cell), (value.to_owned(), String::new()), "{cell}");
        }
    }

    #[test]
    fn groups_and_decimal_signs() {
        for (cell, point, comma) in [
            ("1,234.50", "1234.5", ""),
            ("1.234,50", "", "1234.5"),
            ("1 234,50", "", "1234.5"),
            ("1\u{a0}234\u{a0}567,5", "", "1234567.5"),
            ("1\u{202f}234,5", "", "1234.5"),
            ("1'234.50", "1234.5", ""),
            ("1’234’567", "1234567", "1234567"),
            ("1 234", "1234", "1234"),
            ("1,50", "", "1.5"),
            ("0,125", "", "0.125"),
            ("1234,567", "", "1234.567"),
            ("1,234", "1234", "1.234"),
            ("1.234", "1.234", "1234"),
            ("1,234,567", "1234567", ""),
            ("1.234.567", "", "1234567"),
            ("12,34,567.5", "1234567.5", ""),
            (",5", "", "0.5"),
        ] {
            assert_eq!(both(cell), (point.to_owned(), comma.to_owned()), "{cell}");
        }
    }

    #[test]
    fn signs_currencies_and_percent() {
        for (cell, value, unit) in [
            ("$1200", "1200", Some("$")),
            ("(45)", "-45", None),
            ("($45)", "-45", Some("$")),
            ("$(45)", "-45", Some("$")),
            ("-$5", "-5", Some("$")),
            ("$-5", "-5", Some("$")),
            ("45-", "-45", None),
            ("45 € -", "-45", Some("€")),
            ("−5", "-5", None),
            ("5\u{a0}€", "5", Some("€")),
            ("EUR 5", "5", Some("EUR")),
            ("5 kr.", "5", Some("kr.")),
            ("Fr. 5", "5", Some("Fr.")),
            ("R$ 5", "5", Some("R$")),
            ("45%", "45", Some("%")),
            ("45 %", "45", Some("%")),
            ("- 5", "-5", None),
        ] {
            let Digits::Number(number) = read(cell) else {
                panic!("{cell}")
            };
            let Value::Same(same) = number.value else {
                panic!("{cell}")
            };
            assert_eq!((same.to_string().as_str(), number.unit), (value, unit), "{cell}");
        }
    }

    #[test]
    fn codes_are_no_quantities() {
        for cell in [
            "01234",
            "00501",
            "007",
            "0170 1234567",
            "+491701234567",
            "+15551234567",
            "-01",
            "030 123 456",
        ] {
            assert_eq!(read(cell), Digits::Code, "{cell}");
        }
    }

    #[test]
    fn other_texts_are_none() {
        for cell in [
            "",
            "-",
            "x",
            "1_000",
            "1.2.3",
            "1,2,3",
            "1,23,4",
            "1 2",
            "12 34",
            "5 apples",
            "ABC 5",
            "$",
            "%",
            "$5$",
            "5%%",
            "((5))",
            "-(5)",
            "--5",
            "5.",
            "1e",
            "1e99999",
            "1.234 5",
            "10:30",
            "2026-01-31",
            "(555) 123-4567",
            "1,,234",
            ",",
            ".",
            "1'23",
            "1 234'567",
            "e5",
            "١٢",
        ] {
            assert_eq!(read(cell), Digits::Other, "{cell}");
        }
        let long = "9".repeat(40);
        assert_eq!(read(&long), Digits::TooLong);
    }
}
