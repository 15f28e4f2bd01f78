//! An expression over columns into a set of rows. A test is made once for each distinct text, then
//! looked up for each row; sets are combined a word of 64 rows at a time.

use std::sync::Arc;

use super::{
    column::Column,
    expression::{Expression, Term, Test, Value},
};
use crate::{engine::RowSet, error::Error, stop::Stop};

/// The rows for which the expression holds; `column` gives a field's column.
pub(super) fn evaluate(
    expression: &Expression,
    rows: usize,
    column: &mut impl FnMut(usize) -> Result<Arc<Column>, Error>,
    stop: Stop<'_>,
) -> Result<RowSet, Error> {
    stop.check()?;
    match expression {
        Expression::And(parts) => combine(parts, rows, column, stop, RowSet::intersect),
        Expression::Or(parts) => combine(parts, rows, column, stop, RowSet::unite),
        Expression::Not(inner) => {
            let mut set = evaluate(inner, rows, column, stop)?;
            set.complement();
            Ok(set)
        }
        Expression::Term(term) => {
            let column = column(term.field)?;
            Ok(matching(&column, rows, term))
        }
    }
}

fn combine(
    parts: &[Expression],
    rows: usize,
    column: &mut impl FnMut(usize) -> Result<Arc<Column>, Error>,
    stop: Stop<'_>,
    join: fn(&mut RowSet, &RowSet),
) -> Result<RowSet, Error> {
    let mut sets = parts.iter();
    let mut all = match sets.next() {
        Some(first) => evaluate(first, rows, column, stop)?,
        None => RowSet::new(rows),
    };
    for part in sets {
        join(&mut all, &evaluate(part, rows, column, stop)?);
    }
    Ok(all)
}

fn matching(column: &Column, rows: usize, term: &Term) -> RowSet {
    let pass: Vec<bool> =
        column.values().map(|(text, number)| passes(term, text, number)).collect();
    let members = column.codes().iter().zip(0_u32..).filter(|(code, _)| pass[**code as usize]);
    RowSet::from_members(rows, members.map(|(_, row)| row))
}

/// Whether a value passes; `number` is the text as a number, NaN where it is none.
pub(super) fn passes(term: &Term, text: &str, number: f64) -> bool {
    let equals = |value: &Value| match value {
        Value::Text(other) => text == other,
        Value::Number(other) => number.partial_cmp(other).is_some_and(std::cmp::Ordering::is_eq),
    };
    match &term.test {
        Test::Compare(comparison, Value::Text(other)) => comparison.holds(text.cmp(other)),
        // NaN stands in no order, so no comparison with it holds but that of being different.
        Test::Compare(comparison, Value::Number(other)) => number
            .partial_cmp(other)
            .map_or(*comparison == super::Comparison::NotEqual, |order| comparison.holds(order)),
        Test::Contains(part) => text.to_lowercase().contains(&part.to_lowercase()),
        Test::Present => !text.is_empty(),
        Test::In(values) => values.iter().any(equals),
    }
}
