//! Which column of a table is what: features by canonical name, metadata by name, the rest kept as
//! text.
//!
//! Feature columns are those that begin with a family's prefix. A name is accepted as
//! `mfcc_mean_1`, padded as `mfcc_mean_01`, and reordered as `mfcc_01_mean`.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use index::metadata::TrackMetadata;
use proto::features::FeatureSchema;

use super::{
    ColumnRule, IdRule, MAX_COLUMNS, TableError,
    header::{Header, LeftOut},
    number,
};

/// Beginnings of the names of feature columns.
const PREFIXES: [&str; 5] = ["mfcc_", "chroma_cqt_", "spectral_", "rmse_", "zcr_"];
/// First column of the extractor's own tables, which names the tracks when `track_id` is absent.
const SOURCE_PATH: &str = "source_path";
/// Kinds of warnings about a recording, an attribute.
pub const WARNINGS: &str = "warnings";
/// What stands between two kinds in the text of that attribute.
pub const WARNINGS_SEPARATOR: char = ';';
/// Share of a recording that is missing or was replaced, an attribute.
pub const DAMAGED_SHARE: &str = "damaged_share";
/// A column that names rows of a table of queries.
const QUERY_ID: &str = "query_id";
const TRACK_ID: &str = "track_id";
const TRACK_TITLE: &str = "track_title";
const ARTIST_NAME: &str = "artist_name";
const ALBUM_TITLE: &str = "album_title";
/// Columns with a place of their own in the metadata.
const NAMED: [&str; 3] = [TRACK_TITLE, ARTIST_NAME, ALBUM_TITLE];

/// Whether a column of this name holds a feature.
#[must_use]
pub fn is_feature_column(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The schema's name for a feature column: `mfcc_01_mean` and `mfcc_mean_01` are `mfcc_mean_1`.
/// `None` when the name is not a family, a statistic and a number.
#[must_use]
pub fn canonical_name(name: &str) -> Option<String> {
    let mut parts = name.rsplitn(3, '_');
    let (last, middle, family) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |text: &str| {
        !text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit())
    };
    let (statistic, number) = match (is_number(middle), is_number(last)) {
        (false, true) => (middle, last),
        (true, false) => (last, middle),
        _ => return None,
    };
    let number = number.trim_start_matches('0');
    (!family.is_empty() && !statistic.is_empty() && !number.is_empty())
        .then(|| format!("{family}_{statistic}_{number}"))
}

/// Where the features of a table are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Features {
    /// One in each of these columns.
    Columns(Vec<usize>),
    /// All of them in one column, in the order of the schema.
    Vector(usize),
}

/// Where the columns of a table go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    header: Vec<String>,
    schema: FeatureSchema,
    features: Features,
    track_id: Option<usize>,
    track_title: Option<usize>,
    artist_name: Option<usize>,
    album_title: Option<usize>,
    attributes: Vec<(String, usize)>,
    /// Values that the folders of the table give to every row.
    partition: Vec<(String, String)>,
    report: ColumnReport,
}

/// Columns that were not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnReport {
    /// Feature columns that the schema does not have.
    pub features_left_out: Vec<String>,
    /// Number of columns without a name.
    pub unnamed: usize,
    /// Columns of types that are not read.
    pub left_out: Vec<LeftOut>,
}

impl Columns {
    pub(super) fn map(
        path: &Path,
        table: Header,
        rule: &ColumnRule,
        ids: IdRule,
    ) -> Result<Self, TableError> {
        let Header { names: header, vectors, left_out } = table;
        let header = header.as_slice();
        if header.len() > MAX_COLUMNS {
            return Err(TableError::TooManyColumns { path: path.to_owned(), got: header.len() });
        }
        let by_name = unique_names(path, header)?;
        let (ColumnRule::Schema(wanted) | ColumnRule::All(wanted)) = rule;
        let missing: Vec<String> =
            wanted.names().iter().filter(|name| !by_name.contains_key(*name)).cloned().collect();
        // Where no feature has a column, the one list of numbers has them all.
        let vector = match vectors[..] {
            [place] if missing.len() == wanted.dims() && !missing.is_empty() => Some(place),
            _ => None,
        };
        let needed = |name: &str| missing.iter().any(|missing| missing == name) || name == TRACK_ID;
        if let Some(column) = left_out.iter().find(|column| needed(&column.name)) {
            let LeftOut { name, kind } = column.clone();
            return Err(TableError::ColumnKind { path: path.to_owned(), name, kind });
        }
        if !missing.is_empty() && vector.is_none() {
            return Err(lacking(path, header, missing, wanted.dims()));
        }
        let mut features: Vec<usize> =
            wanted.names().iter().filter_map(|name| by_name.get(name).copied()).collect();
        let mut names = wanted.names().to_vec();
        let mut report = ColumnReport { left_out, ..ColumnReport::default() };
        for place in vectors.iter().filter(|place| Some(**place) != vector) {
            let (name, kind) = (header[*place].clone(), "a list".to_owned());
            report.left_out.push(LeftOut { name, kind });
        }
        for (at, spelling) in header.iter().enumerate() {
            if is_feature_column(spelling) && !features.contains(&at) && !vectors.contains(&at) {
                match rule {
                    ColumnRule::All(_) if vector.is_none() => {
                        features.push(at);
                        names.push(canonical_name(spelling).unwrap_or_else(|| spelling.clone()));
                    }
                    // Beside one list of all features, another is too many.
                    _ => report.features_left_out.push(spelling.clone()),
                }
            }
        }
        report.unnamed = header.iter().filter(|name| name.is_empty()).count();

        // A list is no text.
        let named = |name: &str| by_name.get(name).copied().filter(|at| !vectors.contains(at));
        let first_is_path = header.first().is_some_and(|name| name == SOURCE_PATH);
        let track_id = named(TRACK_ID).or_else(|| first_is_path.then_some(0));
        if track_id.is_none() && ids == IdRule::Required {
            return Err(TableError::NoTrackId { path: path.to_owned() });
        }
        let track_id = track_id.or_else(|| named(QUERY_ID));
        let (track_title, artist_name, album_title) =
            (named(TRACK_TITLE), named(ARTIST_NAME), named(ALBUM_TITLE));
        let taken = [track_id, track_title, artist_name, album_title];
        let attributes = header
            .iter()
            .enumerate()
            .filter(|(at, name)| {
                !name.is_empty()
                    && !is_feature_column(name)
                    && !taken.contains(&Some(*at))
                    && !vectors.contains(at)
            })
            .map(|(at, name)| (name.clone(), at))
            .collect();
        Ok(Self {
            header: header.to_vec(),
            schema: FeatureSchema::from_names(names),
            features: vector.map_or(Features::Columns(features), Features::Vector),
            track_id,
            track_title,
            artist_name,
            album_title,
            attributes,
            partition: Vec::new(),
            report,
        })
    }

    /// The same columns, and what the folders of the table say; a column of that name in the table itself
    /// takes precedence.
    #[must_use]
    pub(super) fn in_partition(mut self, partition: &[(String, String)]) -> Self {
        let is_new = |name: &String| {
            !self.header.contains(name) && !is_feature_column(name) && name != TRACK_ID
        };
        self.partition = partition.iter().filter(|(name, _)| is_new(name)).cloned().collect();
        self
    }

    /// Names of the features that are read, in order.
    #[must_use]
    pub fn schema(&self) -> &FeatureSchema {
        &self.schema
    }

    /// Names of the text attributes, in the order of the table.
    pub fn attribute_names(&self) -> impl Iterator<Item = &str> {
        let named = |name: &str| NAMED.contains(&name);
        let of_folders = self.partition.iter().map(|(name, _)| name.as_str());
        self.attributes
            .iter()
            .map(|(name, _)| name.as_str())
            .chain(of_folders.filter(move |name| !named(name)))
    }

    /// Place of the column of [`DAMAGED_SHARE`], which is a number unlike other attributes.
    pub(super) fn damaged_share(&self) -> Option<usize> {
        let found = self.attributes.iter().find(|(name, _)| name == DAMAGED_SHARE);
        found.map(|(_, at)| *at)
    }

    /// Columns that were not taken.
    #[must_use]
    pub fn report(&self) -> &ColumnReport {
        &self.report
    }

    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    pub(super) fn features(&self) -> &Features {
        &self.features
    }

    /// Places of the columns that features are in.
    pub(super) fn feature_places(&self) -> &[usize] {
        match &self.features {
            Features::Columns(places) => places,
            Features::Vector(place) => std::slice::from_ref(place),
        }
    }

    /// Places of the columns that are kept as text.
    pub(super) fn texts(&self) -> impl Iterator<Item = usize> {
        let named = [self.track_id, self.track_title, self.artist_name, self.album_title];
        named.into_iter().flatten().chain(self.attributes.iter().map(|(_, at)| *at))
    }

    /// The metadata of the record at `line` whose cells `cell` gives by column.
    ///
    /// # Errors
    /// When `damaged_share` is not a number from 0 to 1.
    pub(super) fn metadata<'a>(
        &self,
        path: &Path,
        line: u64,
        cell: impl Fn(usize) -> &'a str,
    ) -> Result<TrackMetadata, TableError> {
        let cell = |at| match cell(at) {
            text if number::says_missing(text.trim()) => "",
            text => text,
        };
        let text =
            |column: Option<usize>| column.map_or_else(String::new, |at| cell(at).to_owned());
        let of_folders = || {
            let values = self.partition.iter().map(|(name, value)| (name, value.as_str()));
            values.filter(|(_, value)| !value.is_empty() && !number::says_missing(value.trim()))
        };
        let attributes: BTreeMap<String, String> = self
            .attributes
            .iter()
            .map(|(name, at)| (name, cell(*at)))
            .filter(|(_, value)| !value.is_empty())
            .chain(of_folders().filter(|(name, _)| !NAMED.contains(&name.as_str())))
            .map(|(name, value)| match attribute(name, value) {
                Some(text) => Ok((name.clone(), text)),
                None => Err(TableError::NotAShare {
                    path: path.to_owned(),
                    line,
                    column: name.clone(),
                    text: value.chars().take(40).collect(),
                }),
            })
            .collect::<Result<_, _>>()?;
        let track_id = text(self.track_id);
        let mut track = TrackMetadata {
            track_id: number::without_point(&track_id).to_owned(),
            track_title: text(self.track_title),
            artist_name: text(self.artist_name),
            album_title: text(self.album_title),
            attributes,
        };
        for (name, value) in of_folders() {
            match name.as_str() {
                TRACK_TITLE => value.clone_into(&mut track.track_title),
                ARTIST_NAME => value.clone_into(&mut track.artist_name),
                ALBUM_TITLE => value.clone_into(&mut track.album_title),
                _ => {}
            }
        }
        Ok(track)
    }
}

/// Why columns of the schema are not there.
fn lacking(path: &Path, header: &[String], missing: Vec<String>, expected: usize) -> TableError {
    let path = path.to_owned();
    let numbers = header.iter().filter(|cell| number::parse(cell).is_some_and(f64::is_finite));
    if missing.len() == expected && header.first().is_some_and(|first| first.starts_with('#')) {
        let why = "its first line is a comment; remove lines that begin with #";
        return TableError::NoHeader { path, why };
    }
    if missing.len() == expected && numbers.count() * 2 > header.len() {
        let why = "its first line holds numbers; write the names of the columns above it";
        return TableError::NoHeader { path, why };
    }
    TableError::MissingColumns { path, missing, expected }
}

/// The text of an attribute. That of the damage is its number's shortest, which is the same in every form
/// of a table; `None` if it is no share.
fn attribute(name: &str, value: &str) -> Option<String> {
    if name != DAMAGED_SHARE {
        return Some(number::without_point(value).to_owned());
    }
    let share = value.trim().parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share))?;
    // Nought has no sign here.
    Some((share + 0.0).to_string())
}

/// Columns by canonical name (features) or name; a name that comes twice is an error.
fn unique_names(path: &Path, header: &[String]) -> Result<HashMap<String, usize>, TableError> {
    let mut by_name = HashMap::with_capacity(header.len());
    for (at, spelling) in header.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let name = if is_feature_column(spelling) { canonical_name(spelling) } else { None };
        let name = name.unwrap_or_else(|| spelling.clone());
        if let Some(first) = by_name.insert(name.clone(), at) {
            let spellings = vec![format!("`{}`", header[first]), format!("`{spelling}`")];
            return Err(TableError::DuplicateColumn { path: path.to_owned(), name, spellings });
        }
    }
    Ok(by_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(header: &[&str], rule: &ColumnRule, ids: IdRule) -> Result<Columns, TableError> {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        Columns::map(Path::new("t.csv"), header.into(), rule, ids)
    }

    fn small() -> ColumnRule {
        ColumnRule::Schema(FeatureSchema::from_names(vec![
            "mfcc_mean_1".into(),
            "zcr_std_1".into(),
        ]))
    }

    #[test]
    fn padded_and_reordered_names_are_the_schemas_names() {
        let check = |name, canonical: Option<&str>| {
            assert_eq!(canonical_name(name).as_deref(), canonical, "{name}");
        };
        check("mfcc_mean_1", Some("mfcc_mean_1"));
        check("mfcc_mean_01", Some("mfcc_mean_1"));
        check("mfcc_01_mean", Some("mfcc_mean_1"));
        check("mfcc_mean_20", Some("mfcc_mean_20"));
        check("chroma_cqt_03_std", Some("chroma_cqt_std_3"));
        check("spectral_centroid_mean_1", Some("spectral_centroid_mean_1"));
        check("mfcc_mean_0", None);
        check("mfcc_1_2", None);
        check("spectral_note", None);
    }

    #[test]
    fn columns_are_taken_by_name_wherever_they_are() {
        let header = [
            "",
            "zcr_01_std",
            "genre",
            "track_id",
            "mfcc_mean_01",
            "mfcc_kurtosis_01",
            "album_title",
        ];
        let columns = map(&header, &small(), IdRule::Required).expect("complete");
        assert_eq!(columns.feature_places(), [4, 1]);
        assert_eq!(columns.attribute_names().collect::<Vec<_>>(), ["genre"]);
        assert_eq!(columns.report().features_left_out, ["mfcc_kurtosis_01"]);
        assert_eq!(columns.report().unnamed, 1);
        let row = ["0", "2", "jazz", "id 7", "1", "9", ""];
        let metadata = columns.metadata(Path::new("t.csv"), 2, |at| row[at]).expect("texts");
        assert_eq!(metadata.track_id, "id 7");
        assert_eq!(metadata.attributes["genre"], "jazz");
    }

    #[test]
    fn what_the_extractor_says_of_a_recording_is_no_feature() {
        let header = ["source_path", "mfcc_mean_1", "zcr_std_1", "damaged_share", "warnings"];
        let ColumnRule::Schema(schema) = small() else { panic!("a schema") };
        for rule in [small(), ColumnRule::All(schema)] {
            let columns = map(&header, &rule, IdRule::Required).expect("complete");
            assert_eq!(columns.feature_places(), [1, 2]);
            let attributes: Vec<_> = columns.attribute_names().collect();
            assert_eq!(attributes, ["damaged_share", "warnings"]);
            assert_eq!(columns.report(), &ColumnReport::default());
            let row = ["a.wav", "1", "2", "0.030", "CLIPPED;SHORT_WINDOW"];
            let metadata = columns.metadata(Path::new("t.csv"), 2, |at| row[at]).expect("a share");
            assert_eq!(metadata.attributes["damaged_share"], "0.03");
            assert_eq!(metadata.attributes["warnings"], "CLIPPED;SHORT_WINDOW");
            let share = |text: &str| {
                let row = ["a.wav", "1", "2", text, ""];
                let metadata = columns.metadata(Path::new("t.csv"), 2, |at| row[at])?;
                Ok(metadata.attributes.get("damaged_share").cloned())
            };
            for (text, kept) in [("", None), ("NaN", None), ("-0.0", Some("0")), ("1.0", Some("1"))]
            {
                let found: Result<_, TableError> = share(text);
                assert_eq!(found.expect("a share").as_deref(), kept);
            }
            for text in ["7.5", "lots", "-0.01", "Nan", "inf", "0,5", " "] {
                let refused = share(text);
                assert!(matches!(refused, Err(TableError::NotAShare { line: 2, .. })), "{text}");
            }
        }
    }

    #[test]
    fn all_columns_can_be_asked_for() {
        let ColumnRule::Schema(schema) = small() else { panic!("a schema") };
        let header = ["track_id", "mfcc_kurtosis_02", "zcr_std_1", "mfcc_mean_1"];
        let columns = map(&header, &ColumnRule::All(schema), IdRule::Required).expect("complete");
        assert_eq!(columns.schema().names(), ["mfcc_mean_1", "zcr_std_1", "mfcc_kurtosis_2"]);
        assert_eq!(columns.feature_places(), [3, 2, 1]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let error = map(&["track_id", "zcr_std_1"], &small(), IdRule::Required);
        assert!(
            matches!(error, Err(TableError::MissingColumns { missing, .. }) if missing == ["mfcc_mean_1"])
        );
        let twice = ["track_id", "mfcc_mean_1", "mfcc_01_mean", "zcr_std_1"];
        let error = map(&twice, &small(), IdRule::Required);
        assert!(
            matches!(error, Err(TableError::DuplicateColumn { name, .. }) if name == "mfcc_mean_1")
        );
        let nameless = ["mfcc_mean_1", "zcr_std_1", "source_path"];
        assert!(matches!(
            map(&nameless, &small(), IdRule::Required),
            Err(TableError::NoTrackId { .. })
        ));
        assert!(map(&nameless, &small(), IdRule::Optional).is_ok());
        let path_first = ["source_path", "mfcc_mean_1", "zcr_std_1"];
        assert!(map(&path_first, &small(), IdRule::Required).is_ok());
    }
}
