//! What is known about a track besides its vector, and its form in the store.
//!
//! A record is the four named fields, then the attribute columns in the manifest's order, each as
//! a little-endian `u32` length and UTF-8 bytes. A record may end before the attributes that were
//! unknown when it was written; they are empty.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use thiserror::Error;

pub use proto::MAX_TRACK_ID_BYTES;

/// Fields that every record has.
const NAMED: usize = 4;
/// Number of the track id's field in a record.
pub const ID_FIELD: usize = 0;
/// Number of the artist's field in a record.
pub const ARTIST_FIELD: usize = 2;

/// Metadata of one track; texts as written in the source table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackMetadata {
    /// Identifier of the track.
    pub track_id: String,
    /// Title.
    pub track_title: String,
    /// Artist.
    pub artist_name: String,
    /// Album.
    pub album_title: String,
    /// Further columns; empty values are left out.
    pub attributes: BTreeMap<String, String>,
}

/// A metadata record that cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("metadata record of {bytes} bytes ends inside field {field}, or is not UTF-8 there")]
pub struct RecordError {
    /// Number of the field, from 0.
    pub field: usize,
    /// Length of the record.
    pub bytes: usize,
}

impl TrackMetadata {
    /// The record; `attribute_names` are the index's attribute columns in order.
    #[must_use]
    pub fn encode(&self, attribute_names: &[String]) -> Vec<u8> {
        let named = [&self.track_id, &self.track_title, &self.artist_name, &self.album_title];
        let attributes =
            attribute_names.iter().map(|name| self.attributes.get(name).map_or("", String::as_str));
        let mut record = Vec::with_capacity(96);
        for text in named.into_iter().map(String::as_str).chain(attributes) {
            // The table reader's limits keep every text far below 4 GiB.
            record.extend_from_slice(&(text.len() as u32).to_le_bytes());
            record.extend_from_slice(text.as_bytes());
        }
        record
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// When the record is cut or a field is not UTF-8.
    pub fn decode(record: &[u8], attribute_names: &[String]) -> Result<Self, RecordError> {
        let mut fields = Fields { record, at: 0, field: 0 };
        let mut track = Self {
            track_id: fields.next()?,
            track_title: fields.next()?,
            artist_name: fields.next()?,
            album_title: fields.next()?,
            attributes: BTreeMap::new(),
        };
        for name in attribute_names {
            if fields.is_over() {
                break;
            }
            let value = fields.next()?;
            if !value.is_empty() {
                track.attributes.insert(name.clone(), value);
            }
        }
        Ok(track)
    }
}

/// One field of a record, from 0: the four named ones, then the attributes. Empty for an attribute that
/// was unknown when the record was written.
///
/// # Errors
/// When the record ends before a named field or within any, or the field is not UTF-8.
pub fn field(record: &[u8], number: usize) -> Result<&str, RecordError> {
    let mut fields = Fields { record, at: 0, field: 0 };
    for _ in 0..number {
        if fields.is_over() {
            return Ok("");
        }
        fields.next_bytes()?;
    }
    if fields.is_over() { Ok("") } else { fields.next_text() }
}

/// Key of a track id in the store: its SHA-256, because LMDB keys end at 511 bytes.
#[must_use]
pub fn id_key(track_id: &str) -> [u8; 32] {
    Sha256::digest(track_id.as_bytes()).into()
}

struct Fields<'a> {
    record: &'a [u8],
    at: usize,
    field: usize,
}

impl<'a> Fields<'a> {
    /// Whether the record ends here, and may.
    fn is_over(&self) -> bool {
        self.field >= NAMED && self.at == self.record.len()
    }

    fn next(&mut self) -> Result<String, RecordError> {
        self.next_text().map(str::to_owned)
    }

    fn next_text(&mut self) -> Result<&'a str, RecordError> {
        let cut = RecordError { field: self.field, bytes: self.record.len() };
        std::str::from_utf8(self.next_bytes()?).map_err(|_| cut)
    }

    fn next_bytes(&mut self) -> Result<&'a [u8], RecordError> {
        let cut = RecordError { field: self.field, bytes: self.record.len() };
        let rest = &self.record[self.at..];
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(|| cut.clone())?;
        let length = u32::from_le_bytes(*length) as usize;
        let bytes = rest.get(..length).ok_or(cut)?;
        self.at += 4 + length;
        self.field += 1;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_read_back(
            texts in prop::array::uniform4(".{0,12}"),
            attributes in prop::collection::vec(".{0,12}", 0..4),
        ) {
            let names: Vec<String> = (0..attributes.len()).map(|i| format!("column {i}")).collect();
            let [track_id, track_title, artist_name, album_title] = texts;
            let attributes =
                names.iter().cloned().zip(attributes).filter(|(_, value)| !value.is_empty()).collect();
            let track = TrackMetadata { track_id, track_title, artist_name, album_title, attributes };
            let record = track.encode(&names);
            prop_assert_eq!(field(&record, 2), Ok(track.artist_name.as_str()));
            for (number, name) in (4..).zip(&names) {
                let expected = track.attributes.get(name).map_or("", String::as_str);
                prop_assert_eq!(field(&record, number), Ok(expected));
            }
            // An index may have got attributes since.
            for unknown in 0..3 {
                prop_assert_eq!(field(&record, 4 + names.len() + unknown), Ok(""));
            }
            let short = &record[..3];
            prop_assert!((0..8).all(|number| field(short, number).is_err()));
            prop_assert_eq!(TrackMetadata::decode(&record, &names), Ok(track));
            if let Some((_, cut)) = record.split_last() {
                prop_assert!(TrackMetadata::decode(cut, &names).is_err());
                prop_assert!(field(cut, 3 + names.len()).is_err());
            }
        }

        #[test]
        fn any_bytes_are_refused_or_read(record in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = TrackMetadata::decode(&record, &["a".to_owned()]);
            let _ = field(&record, 3);
        }
    }
}
