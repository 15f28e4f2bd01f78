//! The tests of one column, prepared: each distinct text is looked up once among all texts and numbers that it
//! is compared with, however many tests there are, and what is searched for in texts is analysed once.

use std::cmp::Ordering;

use super::{
    column::Column,
    decimal::Decimal,
    expression::{Comparison, Term, Test, Value},
    pattern::{Whole, Within},
};

/// Work of one lookup of a text among those that it is compared with, in the units of [`crate::work`].
const LOOKUP: u64 = 16;
/// Work of a search in a text, however short it is.
const SEARCH: u64 = 2;
/// Bytes of a text that are searched for one unit of work.
const SEARCHED_BYTES: u64 = 32;

/// Twice the number of constants below a value, and one more if it is one of them.
type Rank = usize;

/// Tests of one column.
#[derive(Debug)]
pub(super) struct Prepared<'e> {
    /// All texts that are compared with, in order.
    texts: Vec<&'e str>,
    /// All numbers that are compared with, in order.
    numbers: Vec<&'e Decimal>,
    tests: Vec<Ready>,
}

#[derive(Debug)]
enum Ready {
    Text(Comparison, Rank),
    Number(Comparison, Rank),
    /// Whether it must match, and what.
    Pattern(bool, Whole),
    /// Is within the folded text.
    Contains(Within),
    Present,
    In(Listed),
}

/// The values of a list.
#[derive(Debug)]
struct Listed {
    /// By rank, whether it is listed.
    texts: Vec<bool>,
    numbers: Vec<bool>,
    patterns: Vec<Whole>,
}

/// A distinct text of the column, looked up.
#[derive(Debug)]
pub(super) struct Placed<'t> {
    text: &'t str,
    folded: &'t str,
    among_texts: Rank,
    /// None if it is no number.
    among_numbers: Option<Rank>,
}

impl<'e> Prepared<'e> {
    /// Prepares the tests of terms about one column.
    pub(super) fn of(terms: &[&'e Term]) -> Self {
        let values = || terms.iter().flat_map(|term| compared(&term.test));
        let mut texts: Vec<&str> = values().filter_map(text).collect();
        texts.sort_unstable();
        texts.dedup();
        let mut numbers: Vec<&Decimal> = values().filter_map(number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut prepared = Self { texts, numbers, tests: Vec::with_capacity(terms.len()) };
        for term in terms {
            let test = prepared.ready(&term.test);
            prepared.tests.push(test);
        }
        prepared
    }

    fn ready(&self, test: &Test) -> Ready {
        match test {
            Test::Compare(comparison, Value::Text(text)) => {
                Ready::Text(*comparison, self.among_texts(text))
            }
            Test::Compare(comparison, Value::Number(number)) => {
                Ready::Number(*comparison, self.constant(number))
            }
            // Patterns are in equality alone.
            Test::Compare(comparison, Value::Pattern(pattern)) => {
                Ready::Pattern(*comparison == Comparison::Equal, pattern.whole())
            }
            Test::Contains(part) => Ready::Contains(part.folded().within()),
            Test::Present => Ready::Present,
            Test::In(values) => {
                let mut listed = Listed {
                    texts: vec![false; 2 * self.texts.len() + 1],
                    numbers: vec![false; 2 * self.numbers.len() + 1],
                    patterns: Vec::new(),
                };
                for value in values {
                    match value {
                        Value::Text(text) => listed.texts[self.among_texts(text)] = true,
                        Value::Number(number) => listed.numbers[self.constant(number)] = true,
                        Value::Pattern(pattern) => listed.patterns.push(pattern.whole()),
                    }
                }
                Ready::In(listed)
            }
        }
    }

    /// How many tests there are.
    pub(super) fn len(&self) -> usize {
        self.tests.len()
    }

    /// Whether a test asks for texts without regard to case.
    pub(super) fn is_folded(&self) -> bool {
        self.tests.iter().any(|test| matches!(test, Ready::Contains(_)))
    }

    /// What it takes to make all tests of all rows of a column, in the units of [`crate::work`].
    pub(super) fn work(&self, column: &Column) -> u64 {
        let searches: usize = self.tests.iter().map(Ready::searches).sum();
        let lookups = usize::from(!self.texts.is_empty()) + usize::from(!self.numbers.is_empty());
        let (searches, lookups) = (searches as u64, lookups as u64);
        let (tests, texts) = (self.tests.len() as u64, column.distinct() as u64);
        let of_texts = tests
            .saturating_add(lookups.saturating_mul(LOOKUP))
            .saturating_add(searches.saturating_mul(SEARCH));
        let bytes = searches.saturating_mul(column.text_bytes() as u64 / SEARCHED_BYTES);
        let of_rows = tests.saturating_mul(column.codes().len() as u64);
        texts.saturating_mul(of_texts).saturating_add(bytes).saturating_add(of_rows)
    }

    /// Looks a text up; `folded` is that without regard to case, `near` the float nearest to it as a number, NaN
    /// if it is none.
    pub(super) fn place<'t>(&self, text: &'t str, folded: &'t str, near: f64) -> Placed<'t> {
        let among_texts = if self.texts.is_empty() { 0 } else { self.among_texts(text) };
        let among_numbers = (!near.is_nan()).then(|| self.among_numbers(text, near));
        Placed { text, folded, among_texts, among_numbers }
    }

    fn among_texts(&self, text: &str) -> Rank {
        rank(self.texts.binary_search(&text))
    }

    fn constant(&self, number: &Decimal) -> Rank {
        rank(self.numbers.binary_search(&number))
    }

    /// Floats mostly tell which number is less; where they are equal, the text is read digit by digit.
    fn among_numbers(&self, text: &str, near: f64) -> Rank {
        let mut exact = None;
        rank(self.numbers.binary_search_by(|number| {
            let by_float = number.near().partial_cmp(&near).unwrap_or(Ordering::Equal);
            by_float.then_with(|| {
                let exact = exact.get_or_insert_with(|| Decimal::parse(text.trim()));
                exact.as_ref().map_or(Ordering::Equal, |exact| (*number).cmp(exact))
            })
        }))
    }

    /// Whether a text passes each test, in their order.
    pub(super) fn passes(&self, placed: &Placed<'_>) -> impl Iterator<Item = bool> {
        self.tests.iter().map(|test| test.passes(placed))
    }
}

impl Ready {
    /// Texts that are searched for.
    fn searches(&self) -> usize {
        match self {
            Self::Pattern(..) | Self::Contains(_) => 1,
            Self::In(listed) => listed.patterns.len(),
            Self::Text(..) | Self::Number(..) | Self::Present => 0,
        }
    }

    fn passes(&self, value: &Placed<'_>) -> bool {
        match self {
            Self::Text(comparison, rank) => comparison.holds(value.among_texts.cmp(rank)),
            // What is no number is none of all numbers, and in no order with them.
            Self::Number(comparison, rank) => value
                .among_numbers
                .map_or(*comparison == Comparison::NotEqual, |own| comparison.holds(own.cmp(rank))),
            Self::Pattern(wanted, pattern) => pattern.is(value.text) == *wanted,
            Self::Contains(part) => part.is_in(value.folded),
            Self::Present => !value.text.is_empty(),
            Self::In(listed) => {
                listed.texts[value.among_texts]
                    || value.among_numbers.is_some_and(|rank| listed.numbers[rank])
                    || listed.patterns.iter().any(|pattern| pattern.is(value.text))
            }
        }
    }
}

fn rank(found: Result<usize, usize>) -> Rank {
    match found {
        Ok(place) => 2 * place + 1,
        Err(below) => 2 * below,
    }
}

/// The values that a test compares with.
fn compared(test: &Test) -> &[Value] {
    match test {
        Test::Compare(_, value) => std::slice::from_ref(value),
        Test::In(values) => values,
        Test::Contains(_) | Test::Present => &[],
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        Value::Pattern(_) | Value::Number(_) => None,
    }
}

fn number(value: &Value) -> Option<&Decimal> {
    match value {
        Value::Number(number) => Some(number),
        Value::Text(_) | Value::Pattern(_) => None,
    }
}
