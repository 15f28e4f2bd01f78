//! One metadata column of all rows: each distinct text once, and for each row which one it has.

use std::{collections::HashMap, sync::OnceLock};

use engine::Stop;

use super::{decimal::nearest, fold::fold};
use crate::error::Error;

/// Texts folded between two looks at whether anybody still waits.
const STOP_TEXTS: usize = 1 << 12;

/// A column as codes into its distinct texts.
#[derive(Debug, Default)]
pub(super) struct Column {
    /// The distinct texts, one after the other.
    arena: String,
    /// Where each ends in the arena.
    ends: Vec<usize>,
    /// The float nearest to each as a number, perhaps infinite; NaN where it is none.
    numbers: Vec<f64>,
    /// For each row, its text.
    codes: Vec<u32>,
    /// The distinct texts folded, once a filter has asked for them.
    folded: OnceLock<Folded>,
}

/// The distinct texts of a column without regard to case.
#[derive(Debug, Default)]
struct Folded {
    arena: String,
    ends: Vec<usize>,
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
                column.numbers.push(nearest(text.trim()).unwrap_or(f64::NAN));
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
    /// Memory it holds, with that of the folded texts, which are about as long.
    pub(super) fn bytes(&self) -> usize {
        2 * (self.arena.capacity() + self.ends.capacity() * size_of::<usize>())
            + self.numbers.capacity() * size_of::<f64>()
            + self.codes.capacity() * size_of::<u32>()
    }

    /// Bytes of the distinct texts.
    pub(super) fn text_bytes(&self) -> usize {
        self.arena.len()
    }

    /// How many distinct texts there are.
    pub(super) fn distinct(&self) -> usize {
        self.ends.len()
    }

    /// The distinct texts, each with the float nearest to its number; a text's place is its code.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, f64)> {
        texts(&self.arena, &self.ends).zip(self.numbers.iter().copied())
    }

    /// The distinct texts without regard to case, in the order of their codes.
    pub(super) fn folded(&self, stop: Stop<'_>) -> Result<impl Iterator<Item = &str>, Error> {
        if self.folded.get().is_none() {
            let mut folded = Folded::default();
            for (place, text) in texts(&self.arena, &self.ends).enumerate() {
                if place % STOP_TEXTS == STOP_TEXTS - 1 {
                    stop.check()?;
                }
                folded.arena.push_str(&fold(text));
                folded.ends.push(folded.arena.len());
            }
            folded.arena.shrink_to_fit();
            folded.ends.shrink_to_fit();
            // Another filter may have been faster; both are the same.
            let _ = self.folded.set(folded);
        }
        let folded = self.folded.get_or_init(Folded::default);
        Ok(texts(&folded.arena, &folded.ends))
    }

    /// For each row, the code of its text.
    pub(super) fn codes(&self) -> &[u32] {
        &self.codes
    }
}

/// Texts that stand one after the other, by where each ends.
fn texts<'a>(arena: &'a str, ends: &'a [usize]) -> impl Iterator<Item = &'a str> {
    let starts = std::iter::once(&0).chain(ends);
    starts.zip(ends).map(|(start, end)| &arena[*start..*end])
}
