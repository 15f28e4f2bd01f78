//! What the extractor noticed in the recordings: how many rows have each kind of warning.

use index::{card::Warnings, metadata};

use crate::{
    error::Error,
    filter::NAMED_FIELDS,
    searcher::Searcher,
    table::{DAMAGED_SHARE, WARNINGS, WARNINGS_SEPARATOR},
};

/// Kinds that are counted by their names; the extractor has far fewer.
const MOST_KINDS: usize = 64;
/// Longest name of a kind, in bytes.
const MAX_KIND_BYTES: usize = 64;
/// What everything else is counted as.
const OTHER: &str = "OTHER";

/// Counts the rows of `index`; none where no table of it had the column `warnings`.
///
/// # Errors
/// When the index cannot be read.
pub(super) fn count(index: &Searcher) -> Result<Option<Warnings>, Error> {
    let names = &index.manifest().attribute_names;
    let field = |name: &str| names.iter().position(|known| known == name);
    let Some(warnings) = field(WARNINGS) else { return Ok(None) };
    let damage = field(DAMAGED_SHARE);
    let mut stored = index.store().in_order();
    let mut counted = Warnings::default();
    for row in 0..index.rows() {
        let record = stored.track(row)?;
        let text = |column: usize| metadata::field(&record, NAMED_FIELDS.len() + column);
        let damaged_share = damage.map_or(Ok(""), text)?;
        add(&mut counted, text(warnings)?, damaged_share);
    }
    Ok(Some(counted))
}

/// Counts the row with these texts, each kind in it once.
fn add(counted: &mut Warnings, text: &str, damaged_share: &str) {
    let mut kinds: Vec<&str> = text
        .split(WARNINGS_SEPARATOR)
        .map(str::trim)
        .filter(|kind| !kind.is_empty())
        .map(|kind| counted_as(counted, kind))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    counted.rows += u64::from(!kinds.is_empty());
    counted.unknown_rows += u64::from(kinds.is_empty() && damaged_share.is_empty());
    for kind in kinds {
        *counted.rows_by_code.entry(kind.to_owned()).or_default() += 1;
    }
}

fn counted_as<'k>(counted: &Warnings, kind: &'k str) -> &'k str {
    let is_name = kind.len() <= MAX_KIND_BYTES
        && kind.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let is_room =
        counted.rows_by_code.len() < MOST_KINDS || counted.rows_by_code.contains_key(kind);
    if is_name && is_room { kind } else { OTHER }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_once_for_each_kind() {
        let mut counted = Warnings::default();
        for text in ["", "CLIPPED", "CLIPPED;SHORT_WINDOW", " CLIPPED ; CLIPPED;", ";", "see notes"]
        {
            add(&mut counted, text, "0");
        }
        add(&mut counted, "CLIPPED", "");
        add(&mut counted, " ", "");
        let by_code = [("CLIPPED", 4), ("OTHER", 1), ("SHORT_WINDOW", 1)];
        let rows_by_code = by_code.map(|(code, rows)| (code.to_owned(), rows)).into();
        assert_eq!(counted, Warnings { rows: 5, unknown_rows: 1, rows_by_code });
    }

    #[test]
    fn foreign_texts_do_not_grow_the_card() {
        let mut counted = Warnings::default();
        for number in 0..1000 {
            add(&mut counted, &format!("KIND_{number}"), "");
            add(&mut counted, &"X".repeat(100 + number), "");
        }
        add(&mut counted, "KIND_7", "");
        // One of them is `OTHER`.
        assert_eq!(counted.rows_by_code.len(), MOST_KINDS);
        assert_eq!(counted.rows_by_code["KIND_7"], 2);
        assert_eq!(counted.rows_by_code.values().sum::<u64>(), counted.rows);
    }
}
