//! One metadata column of all rows: each distinct text once, and for each row which one it has.

use std::collections::HashMap;

use super::expression::number;

/// A column as codes into its distinct texts.
#[derive(Debug, Default)]
pub(super) struct Column {
    /// The distinct texts, one after the other.
    arena: String,
    /// Where each ends in the arena.
    ends: Vec<usize>,
    /// Each as a number; NaN where it is none.
    numbers: Vec<f64>,
    /// For each row, its text.
    codes: Vec<u32>,
}

/// A column in the making.
#[derive(Debug, Default)]
pub(super) struct Texts {
    column: Column,
    known: HashMap<String, u32>,
}

impl Texts {
    /// Takes the text of the next row.
    pub(super) fn push(&mut self, text: &str) {
        let Self { column, known } = self;
        let code = match known.get(text) {
            Some(code) => *code,
            None => {
                let code = column.ends.len() as u32;
                known.insert(text.to_owned(), code);
                column.arena.push_str(text);
                column.ends.push(column.arena.len());
                column.numbers.push(number(text.trim()).unwrap_or(f64::NAN));
                code
            }
        };
        column.codes.push(code);
    }

    /// The column of all rows.
    pub(super) fn finish(self) -> Column {
        let Self { mut column, .. } = self;
        column.arena.shrink_to_fit();
        column.ends.shrink_to_fit();
        column.numbers.shrink_to_fit();
        column.codes.shrink_to_fit();
        column
    }
}

impl Column {
    /// Memory it holds.
    pub(super) fn bytes(&self) -> usize {
        self.arena.capacity()
            + self.ends.capacity() * size_of::<usize>()
            + self.numbers.capacity() * size_of::<f64>()
            + self.codes.capacity() * size_of::<u32>()
    }

    /// How many distinct texts there are.
    pub(super) fn distinct(&self) -> usize {
        self.ends.len()
    }

    /// The distinct texts with their numbers; a text's place is its code.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, f64)> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let texts = starts.zip(&self.ends).map(|(start, end)| &self.arena[*start..*end]);
        texts.zip(self.numbers.iter().copied())
    }

    /// For each row, the code of its text.
    pub(super) fn codes(&self) -> &[u32] {
        &self.codes
    }
}
