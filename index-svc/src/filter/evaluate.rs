//! An expression over columns into a set of rows. Each column that the expression names is read once, and
//! all tests of it are made in one pass over its distinct texts; then sets are combined a word of 64 rows
//! at a time. What that takes is counted before it is done.

use std::{collections::HashMap, sync::Arc};

use engine::{RowSet, Stop};

use super::{
    column::Column,
    expression::{Comparison, Expression, Term, Test},
    prepared::Prepared,
};
use crate::{error::Error, work::Work};

/// Tests of texts between two looks at whether anybody still waits.
const STOP_STEPS: usize = 1 << 13;
/// Tests made of a text at a time: a word has a bit for each.
const TOGETHER: usize = 64;

/// The rows for which the expression holds; `column` gives a field's column, and is asked for each once.
pub(super) fn evaluate(
    expression: &Expression,
    rows: usize,
    column: &mut impl FnMut(usize) -> Result<Arc<Column>, Error>,
    work: &Work,
    stop: Stop<'_>,
) -> Result<RowSet, Error> {
    let expression = &listed(expression);
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
        for (place, set) in places.into_iter().zip(matching(&column, rows, &of_field, work, stop)?)
        {
            sets[place] = Some(set);
        }
    }
    combine(expression, rows, &mut sets.into_iter().flatten(), stop)
}

/// The same filter, where values that one field may equal are one list: `a = 1 OR a = 2` is one test.
fn listed(expression: &Expression) -> Expression {
    let parts = match expression {
        Expression::And(parts) => return Expression::And(parts.iter().map(listed).collect()),
        Expression::Not(inner) => return Expression::Not(Box::new(listed(inner))),
        Expression::Term(_) => return expression.clone(),
        Expression::Or(parts) => parts,
    };
    let mut joined: Vec<Expression> = Vec::with_capacity(parts.len());
    // For each field, where its list is among these.
    let mut lists: HashMap<usize, usize> = HashMap::new();
    for part in parts {
        let Expression::Term(term) = part else {
            joined.push(listed(part));
            continue;
        };
        let values = match &term.test {
            Test::Compare(Comparison::Equal, value) => std::slice::from_ref(value),
            Test::In(values) => values,
            _ => {
                joined.push(part.clone());
                continue;
            }
        };
        let place = *lists.entry(term.field).or_insert(joined.len());
        match joined.get_mut(place) {
            Some(Expression::Term(Term { test: Test::In(all), .. })) => {
                all.extend_from_slice(values);
            }
            _ => {
                let test = Test::In(values.to_vec());
                joined.push(Expression::Term(Term { test, ..term.clone() }));
            }
        }
    }
    Expression::Or(joined)
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
    work: &Work,
    stop: Stop<'_>,
) -> Result<Vec<RowSet>, Error> {
    let mut steps = 0_usize;
    let mut step = |count: usize| {
        steps += count;
        if steps < STOP_STEPS {
            return Ok(());
        }
        steps = 0;
        stop.check().map_err(Error::from)
    };
    let mut sets = Vec::with_capacity(terms.len());
    for terms in terms.chunks(TOGETHER) {
        let tests = Prepared::of(terms);
        work.did(tests.work(column))?;
        // For each text, a bit for each test.
        let mut passed = Vec::with_capacity(column.distinct());
        let mut folded = if tests.is_folded() { Some(column.folded(stop)?) } else { None };
        for (text, near) in column.values() {
            step(tests.len())?;
            let folded = folded.as_mut().and_then(Iterator::next).unwrap_or_default();
            passed.push(bits(tests.passes(&tests.place(text, folded, near))));
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
