//! What a column of Parquet holds, and whether it is read: by its Arrow type, which knows durations and
//! unsigned integers even where Parquet's own types do not.

use std::path::Path;

use ::parquet::{
    arrow::parquet_to_arrow_schema, basic::Type as PhysicalType, file::metadata::FileMetaData,
};
use arrow_schema::{DataType, Field};

use super::super::{
    TableError, WARNINGS,
    header::{Header, LeftOut},
};

/// Most digits behind the point of a decimal that is read.
const MAX_SCALE: i8 = 38;
/// Most bytes of a decimal that is read.
const MAX_DECIMAL_BYTES: i32 = 16;

/// How the values of a column are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Signed,
    Unsigned,
    Half,
    Float,
    /// So many digits behind the point.
    Decimal(u32),
    Text,
    /// No value at all.
    Null,
}

/// What a row has of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    /// A list of numbers.
    Numbers,
    /// A list of texts.
    Texts,
}

/// A column that is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    /// Its place among the leaves of the file's schema.
    pub(super) place: usize,
    pub(super) kind: Kind,
    pub(super) shape: Shape,
}

/// The columns of a file, with the leaf that each is read from.
pub(super) fn columns(path: &Path, file: &FileMetaData) -> Result<(Header, Vec<Leaf>), TableError> {
    let schema = file.schema_descr();
    // A description of Arrow's that does not fit is no reason to refuse what Parquet says itself.
    let arrow = parquet_to_arrow_schema(schema, file.key_value_metadata())
        .or_else(|_| parquet_to_arrow_schema(schema, None))
        .map_err(|error| super::refused(path, &error))?;
    let (mut header, mut leaves) = (Header::default(), Vec::new());
    let roots = schema.root_schema().get_fields();
    if roots.len() != arrow.fields().len() {
        let why = "its schema cannot be read".to_owned();
        return Err(TableError::Parquet { path: path.to_owned(), why });
    }
    let mut next = 0;
    for (root, field) in arrow.fields().iter().enumerate() {
        let start = next;
        while next < schema.num_columns() && schema.get_column_root_idx(next) == root {
            next += 1;
        }
        let name = roots[root].name().to_owned();
        let leaf = (next == start + 1).then(|| leaf(&name, field, start)).flatten();
        let is_readable = |leaf: &Leaf| {
            let column = schema.column(leaf.place);
            let (is_list, repeats) = (leaf.shape != Shape::Single, column.max_rep_level());
            repeats == i16::from(is_list)
                && fits(leaf.kind, column.physical_type(), column.type_length())
        };
        match leaf.filter(is_readable) {
            Some(leaf) => {
                if leaf.shape == Shape::Numbers {
                    header.vectors.push(leaves.len());
                }
                header.names.push(name);
                leaves.push(leaf);
            }
            None => header.left_out.push(LeftOut { name, kind: said(field.data_type()) }),
        }
    }
    Ok((header, leaves))
}

fn leaf(name: &str, field: &Field, place: usize) -> Option<Leaf> {
    let element = match field.data_type() {
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => element,
        single => return Some(Leaf { place, kind: kind(single)?, shape: Shape::Single }),
    };
    let kind = kind(element.data_type())?;
    match kind {
        Kind::Text => (name == WARNINGS).then_some(Leaf { place, kind, shape: Shape::Texts }),
        Kind::Boolean | Kind::Null => None,
        _ => Some(Leaf { place, kind, shape: Shape::Numbers }),
    }
}

fn kind(data_type: &DataType) -> Option<Kind> {
    Some(match data_type {
        DataType::Null => Kind::Null,
        DataType::Boolean => Kind::Boolean,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Kind::Signed,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Kind::Unsigned,
        DataType::Float16 => Kind::Half,
        DataType::Float32 | DataType::Float64 => Kind::Float,
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
            if (0..=MAX_SCALE).contains(scale) =>
        {
            Kind::Decimal(scale.unsigned_abs().into())
        }
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView => Kind::Text,
        DataType::Dictionary(_, values) => return kind(values),
        _ => return None,
    })
}

/// Whether values that are meant so can be stored so.
fn fits(kind: Kind, physical: PhysicalType, length: i32) -> bool {
    match (kind, physical) {
        (Kind::Null, _)
        | (Kind::Boolean, PhysicalType::BOOLEAN)
        | (
            Kind::Signed | Kind::Unsigned | Kind::Decimal(_),
            PhysicalType::INT32 | PhysicalType::INT64,
        )
        | (Kind::Float, PhysicalType::FLOAT | PhysicalType::DOUBLE)
        | (Kind::Text | Kind::Decimal(_), PhysicalType::BYTE_ARRAY) => true,
        (Kind::Half, PhysicalType::FIXED_LEN_BYTE_ARRAY) => length == 2,
        (Kind::Decimal(_), PhysicalType::FIXED_LEN_BYTE_ARRAY) => {
            (1..=MAX_DECIMAL_BYTES).contains(&length)
        }
        _ => false,
    }
}

/// A type in the words of people.
fn said(data_type: &DataType) -> String {
    match data_type {
        DataType::Timestamp(..) => "a timestamp",
        DataType::Date32 | DataType::Date64 => "a date",
        DataType::Time32(_) | DataType::Time64(_) => "a time",
        DataType::Duration(_) => "a duration",
        DataType::Interval(_) => "an interval",
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::FixedSizeList(..) => "a list",
        DataType::Struct(_) => "a struct",
        DataType::Map(..) => "a map",
        DataType::FixedSizeBinary(_) => "bytes",
        DataType::Decimal256(..) => "a decimal of more than 38 digits",
        other => return format!("of type {other}"),
    }
    .to_owned()
}
