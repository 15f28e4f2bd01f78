//! An expression over columns into a set of rows. Each column that the expression names is read once, and
//! all tests of it are made in one pass over its distinct texts; then sets are combined a word of 64 rows
//! at a time.

use std::sync::Arc;

use super::{
    column::Column,
    expression::{Comparison, Expression, Term, Test, Value},
    pattern::Pattern,
};
use crate::{engine::RowSet, error::Error, stop::Stop};

/// Tests of texts between two looks at whether anybody still waits.
const STOP_STEPS: usize = 1 << 13;
/// Tests made of a text at a time: a word has a bit for each.
const TOGETHER: usize = 64;

/// The rows for which the expression holds; `column` gives a field's column, and is asked for each once.
pub(super) fn evaluate(
    expression: &Expression,
    rows: usize,
    column: &mut impl FnMut(usize) -> Result<Arc<Column>, Error>,
    stop: Stop<'_>,
) -> Result<RowSet, Error> {
    let mut terms = Vec::new();
    collect(expression, &mut terms);
    let mut fields: Vec<usize> = terms.iter().map(|term| term.field).collect();
    fields.sort_unstable();
    fields.dedup();
    let mut sets: Vec<Option<RowSet>> = terms.iter().map(|_| None).collect();
    for field in fields {
        stop.check()?;
        // A column may be larger than what is kept of columns: one at a time is held.
        let column = column(field)?;
        let places = (0..terms.len()).filter(|place| terms[*place].field == field);
        let (places, of_field): (Vec<usize>, Vec<&Term>) =
            places.map(|place| (place, terms[place])).unzip();
        for (place, set) in places.into_iter().zip(matching(&column, rows, &of_field, stop)?) {
            sets[place] = Some(set);
        }
    }
    combine(expression, rows, &mut sets.into_iter().flatten(), stop)
}

/// The terms in the order of the text.
fn collect<'e>(expression: &'e Expression, terms: &mut Vec<&'e Term>) {
    match expression {
        Expression::And(parts) | Expression::Or(parts) => {
            parts.iter().for_each(|part| collect(part, terms));
        }
        Expression::Not(inner) => collect(inner, terms),
        Expression::Term(term) => terms.push(term),
    }
}

/// Combines the sets of the terms, which come in the order of the text.
fn combine(
    expression: &Expression,
    rows: usize,
    sets: &mut impl Iterator<Item = RowSet>,
    stop: Stop<'_>,
) -> Result<RowSet, Error> {
    stop.check()?;
    let (parts, join): (_, fn(&mut RowSet, &RowSet)) = match expression {
        Expression::And(parts) => (parts, RowSet::intersect),
        Expression::Or(parts) => (parts, RowSet::unite),
        Expression::Not(inner) => {
            let mut set = combine(inner, rows, sets, stop)?;
            set.complement();
            return Ok(set);
        }
        Expression::Term(_) => return Ok(sets.next().unwrap_or_else(|| RowSet::new(rows))),
    };
    let mut all: Option<RowSet> = None;
    for part in parts {
        let set = combine(part, rows, sets, stop)?;
        match &mut all {
            Some(all) => join(all, &set),
            None => all = Some(set),
        }
    }
    Ok(all.unwrap_or_else(|| RowSet::new(rows)))
}

/// The rows that pass each of the terms, which are all of this column.
fn matching(
    column: &Column,
    rows: usize,
    terms: &[&Term],
    stop: Stop<'_>,
) -> Result<Vec<RowSet>, Error> {
    let mut steps = 0_usize;
    let mut step = |count: usize| {
        steps += count;
        if steps < STOP_STEPS {
            return Ok(());
        }
        steps = 0;
        stop.check()
    };
    let mut sets = Vec::with_capacity(terms.len());
    for terms in terms.chunks(TOGETHER) {
        let tests: Vec<Ready<'_>> = terms.iter().map(|term| Ready::of(&term.test)).collect();
        let contains = terms.iter().any(|term| matches!(term.test, Test::Contains(_)));
        // For each text, a bit for each test.
        let mut passed = Vec::with_capacity(column.distinct());
        let mut folded = if contains { Some(column.folded(stop)?) } else { None };
        for (text, number) in column.values() {
            step(tests.len())?;
            let folded = folded.as_mut().and_then(Iterator::next).unwrap_or_default();
            passed.push(bits(tests.iter().map(|test| test.passes(text, folded, number))));
        }
        let mut words = vec![Vec::with_capacity(rows.div_ceil(64)); tests.len()];
        for codes in column.codes().chunks(64) {
            step(tests.len())?;
            let mut of_rows = [0_u64; 64];
            for (of_row, code) in of_rows.iter_mut().zip(codes) {
                *of_row = passed[*code as usize];
            }
            for (test, words) in words.iter_mut().enumerate() {
                words.push(bits(of_rows.iter().map(|of_row| of_row >> test & 1 == 1)));
            }
        }
        sets.extend(words.into_iter().map(|words| RowSet::from_words(rows, words)));
    }
    Ok(sets)
}

/// At most 64 bits, the first one lowest.
fn bits(set: impl Iterator<Item = bool>) -> u64 {
    set.enumerate().fold(0, |word, (bit, set)| word | u64::from(set) << bit)
}

/// A test with what need not be made anew for each text.
enum Ready<'a> {
    Compare(Comparison, &'a Value),
    /// The part, folded.
    Contains(Pattern),
    Present,
    In(&'a [Value]),
}

impl<'a> Ready<'a> {
    fn of(test: &'a Test) -> Self {
        match test {
            Test::Compare(comparison, value) => Self::Compare(*comparison, value),
            Test::Contains(part) => Self::Contains(part.folded()),
            Test::Present => Self::Present,
            Test::In(values) => Self::In(values),
        }
    }

    /// Whether a value passes; `folded` is the text without regard to case, `number` the text as a number, NaN
    /// where it is none.
    fn passes(&self, text: &str, folded: &str, number: f64) -> bool {
        let equals = |value: &Value| match value {
            Value::Text(other) => text == other,
            Value::Pattern(pattern) => pattern.is(text),
            Value::Number(other) => {
                number.partial_cmp(other).is_some_and(std::cmp::Ordering::is_eq)
            }
        };
        match self {
            // Most texts differ in their length, which an order does not ask for first.
            Self::Compare(Comparison::Equal, Value::Text(other)) => text == other,
            Self::Compare(Comparison::NotEqual, Value::Text(other)) => text != other,
            Self::Compare(comparison, Value::Text(other)) => comparison.holds(text.cmp(other)),
            // Patterns are in equality alone.
            Self::Compare(comparison, Value::Pattern(pattern)) => {
                pattern.is(text) == (*comparison == Comparison::Equal)
            }
            // NaN stands in no order, so no comparison with it holds but that of being different.
            Self::Compare(comparison, Value::Number(other)) => number
                .partial_cmp(other)
                .map_or(*comparison == Comparison::NotEqual, |order| comparison.holds(order)),
            Self::Contains(part) => part.is_within(folded),
            Self::Present => !text.is_empty(),
            Self::In(values) => values.iter().any(equals),
        }
    }
}
