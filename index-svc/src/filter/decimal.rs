//! Decimal numbers of any length, compared exactly: a 64-bit float has 53 bits, and ids are longer.

use std::{cmp::Ordering, fmt};

/// Longest exponent, in digits; what has more is no number.
const MAX_EXPONENT_DIGITS: usize = 18;
/// Zeros that are written out before an exponent is used instead.
const MAX_ZEROS: i64 = 20;

/// A decimal number. Equal numbers are equal here, however they were written.
#[derive(Clone, Debug, PartialEq)]
pub struct Decimal {
    negative: bool,
    /// Without zeros at either end; empty for zero.
    digits: String,
    /// Where the point is, in digits from the first one: the number is `0.digits * 10^point`.
    point: i64,
    /// The nearest 64-bit float, perhaps infinite. Rounding keeps the order, so numbers whose floats differ are
    /// ordered as these are.
    near: f64,
}

impl Decimal {
    /// Reads a number: digits, perhaps a sign, a point, an exponent.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let near = nearest(text)?;
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches(['+', '-']).trim_start_matches('0');
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let leading = all.len() - digits.len();
        let digits = digits.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, digits, point: 0, near: 0.0 });
        }
        // The exponent has at most 18 digits, and texts are shorter than what is left of 64 bits.
        let point = whole.len() as i64 - leading as i64 + exponent.parse::<i64>().ok()?;
        Some(Self { negative: text.starts_with('-'), digits, point, near })
    }

    /// The nearest 64-bit float, perhaps infinite.
    pub(super) fn near(&self) -> f64 {
        self.near
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

impl Eq for Decimal {}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_size = || {
            let order = (self.point, &self.digits).cmp(&(other.point, &other.digits));
            if self.negative { order.reverse() } else { order }
        };
        // No float here is NaN.
        let by_float = self.near.partial_cmp(&other.near).unwrap_or(Ordering::Equal);
        by_float.then(self.sign().cmp(&other.sign())).then_with(by_size)
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    /// One text for each number; it reads back as the same.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { negative, digits, point, .. } = self;
        if digits.is_empty() {
            return out.write_str("0");
        }
        if *negative {
            out.write_str("-")?;
        }
        let count = digits.len() as i64;
        if (count..=count + MAX_ZEROS).contains(point) {
            let zeros = "0".repeat(usize::try_from(point - count).unwrap_or_default());
            write!(out, "{digits}{zeros}")
        } else if (1..count).contains(point) {
            let (whole, fraction) = digits.split_at(usize::try_from(*point).unwrap_or_default());
            write!(out, "{whole}.{fraction}")
        } else if (-MAX_ZEROS..=0).contains(point) {
            let zeros = "0".repeat(usize::try_from(-point).unwrap_or_default());
            write!(out, "0.{zeros}{digits}")
        } else {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            write!(out, "{first}{dot}{rest}e{}", point - 1)
        }
    }
}

/// The 64-bit float that is nearest to a number, perhaps infinite; `None` where the text is none.
pub(super) fn nearest(text: &str) -> Option<f64> {
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    // Rust also reads `inf`, `nan` and `infinity`.
    if !text.chars().all(numeric) {
        return None;
    }
    if let Some((_, exponent)) = text.split_once(['e', 'E']) {
        let digits = exponent.trim_start_matches(['+', '-']).trim_start_matches('0');
        if digits.len() > MAX_EXPONENT_DIGITS {
            return None;
        }
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).expect(text)
    }

    #[test]
    fn numbers_are_ordered_as_they_are_written() {
        let ascending = [
            "-1e999999999999999999",
            "-1e400",
            "-9007199254740993",
            "-9007199254740992",
            "-2",
            "-1.5",
            "-1e-400",
            "0",
            "1e-401",
            "1e-400",
            "0.1",
            "0.1000000000000000055511151231257827",
            "0.10000000000000001",
            "5",
            "9007199254740992",
            "9007199254740993",
            "9007199254740993.5",
            "10000000000000000000000000000000000000001",
            "1e308",
            "1e400",
            "1.5e400",
            "1e401",
        ];
        for pair in ascending.windows(2) {
            assert!(decimal(pair[0]) < decimal(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn one_number_has_many_spellings_and_one_text() {
        for (spellings, expected) in [
            (&["0", "-0", "+0.000", "0e999999999999999999", ".0", "0."][..], "0"),
            (&["1990", "1990.0", "+1990", "1.99e3", "0199e1", "19900e-1"], "1990"),
            (&["-0.05", "-.05", "-5e-2", "-5E-02"], "-0.05"),
            (&["1e25", "10000000000000000000000000"], "1e25"),
            (&["123456789012345678901234567890"], "123456789012345678901234567890"),
            (&["1.25e-30"], "1.25e-30"),
            (&["12.5"], "12.5"),
        ] {
            for spelling in spellings {
                assert_eq!(decimal(spelling).to_string(), expected, "{spelling}");
                assert_eq!(decimal(spelling), decimal(expected), "{spelling}");
            }
        }
        for none in [
            "",
            "-",
            ".",
            "e5",
            "1e",
            "1e+",
            "1_000",
            "0x10",
            "inf",
            "NaN",
            "1e1.5",
            "--1",
            "1e1000000000000000000",
        ] {
            assert_eq!(Decimal::parse(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn a_number_reads_back(number in "[+-]?[0-9]{1,30}([.][0-9]{0,30})?(e[+-]?[0-9]{1,5})?") {
            let number = decimal(&number);
            prop_assert_eq!(decimal(&number.to_string()), number);
        }

        /// As integers, which are compared without rounding.
        #[test]
        fn integers_are_ordered_exactly(a in any::<i128>(), less in 0_i128..3) {
            let b = a.saturating_sub(less);
            prop_assert_eq!(decimal(&a.to_string()).cmp(&decimal(&b.to_string())), a.cmp(&b));
            let scaled = decimal(&format!("{b}00.0e-2"));
            prop_assert_eq!(decimal(&a.to_string()).cmp(&scaled), a.cmp(&b));
        }
    }
}
