//! Values of Parquet columns: read side by side, and each as a feature or as a text.

use ::parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{ByteArray, DataType},
    errors::ParquetError,
    schema::types::ColumnDescriptor,
};
use half::f16;

use super::super::{WARNINGS_SEPARATOR, number};
use super::{
    kind::{Kind, Leaf, Shape},
    lists::{ListBudget, MAX_LIST_VALUES},
};

/// Bytes of the largest decimal.
const DECIMAL_BYTES: usize = 16;

/// What one row has of one column.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Missing,
    Boolean(bool),
    Signed(i64),
    Unsigned(u64),
    Single(f32),
    Double(f64),
    /// An integer, and so many of its digits are behind the point.
    Decimal(i128, u32),
    Text(ByteArray),
    /// A list; NaN where an element is missing.
    Numbers(Vec<f64>),
}

/// Which cells of a column are read.
#[derive(Debug)]
struct Wanted<'a> {
    rows: usize,
    column: &'a ColumnDescriptor,
    budget: Option<&'a ListBudget>,
}

/// Which records have values, and where each begins.
#[derive(Debug, Default)]
struct Levels {
    filled: Vec<i16>,
    repeated: Vec<i16>,
}

/// The next `rows` cells of a column; one of lists has a budget.
pub(super) fn read_cells(
    reader: &mut ColumnReader,
    leaf: Leaf,
    column: &ColumnDescriptor,
    rows: usize,
    budget: Option<&ListBudget>,
) -> Result<Vec<Cell>, ParquetError> {
    let mut levels = Levels::default();
    let wanted = Wanted { rows, column, budget };
    let values = values(reader, leaf.kind, &wanted, &mut levels)?;
    match leaf.shape {
        Shape::Single if column.max_def_level() == 0 => Ok(values),
        Shape::Single => {
            let mut values = values.into_iter();
            let full = column.max_def_level();
            let mut cell = |level: i16| match level == full {
                true => values.next().ok_or_else(|| broken("a column lacks a value")),
                false => Ok(Cell::Missing),
            };
            levels.filled.into_iter().map(&mut cell).collect()
        }
        Shape::Numbers => {
            let lists = lists(values, &levels, column, rows)?.into_iter();
            let numbers = |list: Vec<Cell>| list.iter().map(Cell::number).collect::<Option<_>>();
            lists
                .map(|list| match list {
                    None => Ok(Cell::Missing),
                    Some(list) => numbers(list)
                        .map(Cell::Numbers)
                        .ok_or_else(|| broken("a list has a value that is not a finite number")),
                })
                .collect()
        }
        Shape::Texts => {
            let lists = lists(values, &levels, column, rows)?.into_iter();
            Ok(lists.map(|list| joined(&list.unwrap_or_default())).collect())
        }
    }
}

/// The values of the next `rows` rows, without those that are missing.
fn values(
    reader: &mut ColumnReader,
    kind: Kind,
    wanted: &Wanted<'_>,
    levels: &mut Levels,
) -> Result<Vec<Cell>, ParquetError> {
    let cells = match reader {
        ColumnReader::BoolColumnReader(reader) => {
            records(reader, wanted, levels)?.into_iter().map(Cell::Boolean).collect()
        }
        ColumnReader::Int32ColumnReader(reader) => {
            let cell = |value: i32| match kind {
                Kind::Unsigned => Cell::Unsigned(value.cast_unsigned().into()),
                Kind::Decimal(scale) => Cell::Decimal(value.into(), scale),
                _ => Cell::Signed(value.into()),
            };
            records(reader, wanted, levels)?.into_iter().map(cell).collect()
        }
        ColumnReader::Int64ColumnReader(reader) => {
            let cell = |value: i64| match kind {
                Kind::Unsigned => Cell::Unsigned(value.cast_unsigned()),
                Kind::Decimal(scale) => Cell::Decimal(value.into(), scale),
                _ => Cell::Signed(value),
            };
            records(reader, wanted, levels)?.into_iter().map(cell).collect()
        }
        ColumnReader::FloatColumnReader(reader) => {
            records(reader, wanted, levels)?.into_iter().map(Cell::Single).collect()
        }
        ColumnReader::DoubleColumnReader(reader) => {
            records(reader, wanted, levels)?.into_iter().map(Cell::Double).collect()
        }
        ColumnReader::ByteArrayColumnReader(reader) => {
            let values = records(reader, wanted, levels)?.into_iter();
            match kind {
                Kind::Decimal(scale) => {
                    values.map(|value| decimal(value.data(), scale)).collect::<Result<_, _>>()?
                }
                _ => values.map(Cell::Text).collect(),
            }
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            let values = records(reader, wanted, levels)?.into_iter();
            let cell = |bytes: &[u8]| match (kind, bytes) {
                (Kind::Half, [low, high]) => {
                    Ok(Cell::Single(f16::from_le_bytes([*low, *high]).to_f32()))
                }
                (Kind::Decimal(scale), bytes) => decimal(bytes, scale),
                _ => Err(broken("a column of a type that is not read")),
            };
            values.map(|value| cell(value.data())).collect::<Result<_, _>>()?
        }
        ColumnReader::Int96ColumnReader(_) => {
            return Err(broken("a column of a type that is not read"));
        }
    };
    Ok(cells)
}

fn records<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    wanted: &Wanted<'_>,
    levels: &mut Levels,
) -> Result<Vec<T::T>, ParquetError> {
    let Wanted { rows, column, budget } = *wanted;
    let is_optional = column.max_def_level() > 0;
    let mut values = Vec::with_capacity(rows);
    let mut read = 0;
    while read < rows {
        let before = levels.repeated.len();
        if let Some(budget) = budget {
            budget.renew();
        }
        let more = reader.read_records(
            // Lists one by one, since nobody knows how long the next one is.
            if budget.is_some() { 1 } else { rows - read },
            is_optional.then_some(&mut levels.filled),
            budget.is_some().then_some(&mut levels.repeated),
            &mut values,
        )?;
        if levels.repeated.len() - before > MAX_LIST_VALUES {
            let why = format!("a list has more than {MAX_LIST_VALUES} values");
            return Err(ParquetError::General(why));
        }
        if more.0 == 0 {
            return Err(broken("a column ends before its row group"));
        }
        read += more.0;
    }
    Ok(values)
}

/// Values as the lists of their rows; none where a row has no list.
fn lists(
    values: Vec<Cell>,
    levels: &Levels,
    column: &ColumnDescriptor,
    rows: usize,
) -> Result<Vec<Option<Vec<Cell>>>, ParquetError> {
    let full = column.max_def_level();
    // Below a missing element there is the empty list, and below that the missing one.
    let element = if column.self_type().is_optional() { full - 1 } else { full };
    let mut lists: Vec<Option<Vec<Cell>>> = Vec::with_capacity(rows);
    let mut values = values.into_iter();
    for (filled, repeated) in levels.filled.iter().zip(&levels.repeated) {
        if *repeated == 0 {
            lists.push((*filled >= element - 1).then(Vec::new));
        }
        if *filled < element {
            continue;
        }
        let cell = match *filled == full {
            true => values.next().ok_or_else(|| broken("a list lacks a value"))?,
            false => Cell::Missing,
        };
        match lists.last_mut() {
            Some(Some(list)) => list.push(cell),
            _ => return Err(broken("a list does not begin with its row")),
        }
    }
    if lists.len() == rows { Ok(lists) } else { Err(broken("a list does not begin with its row")) }
}

/// A list of texts as one; a list without any is missing.
fn joined(list: &[Cell]) -> Cell {
    let mut text: Vec<u8> = Vec::new();
    for cell in list {
        if let Cell::Text(value) = cell {
            if !text.is_empty() {
                text.push(WARNINGS_SEPARATOR as u8);
            }
            text.extend_from_slice(value.data());
        }
    }
    if text.is_empty() { Cell::Missing } else { Cell::Text(ByteArray::from(text)) }
}

/// A decimal from its bytes, big-endian in two's complement.
fn decimal(bytes: &[u8], scale: u32) -> Result<Cell, ParquetError> {
    let sign = match bytes.first() {
        None => return Ok(Cell::Missing),
        Some(first) if first & 0x80 != 0 => 0xff,
        Some(_) => 0,
    };
    let mut whole = [sign; DECIMAL_BYTES];
    match DECIMAL_BYTES.checked_sub(bytes.len()) {
        Some(start) => whole[start..].copy_from_slice(bytes),
        None => return Err(broken("a decimal has more than 16 bytes")),
    }
    Ok(Cell::Decimal(i128::from_be_bytes(whole), scale))
}

fn broken(why: &str) -> ParquetError {
    ParquetError::General(why.to_owned())
}

impl Cell {
    /// The value as a feature: NaN where missing, `None` where it is no finite number.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Missing => Some(f64::NAN),
            Self::Signed(value) => Some(*value as f64),
            Self::Unsigned(value) => Some(*value as f64),
            Self::Single(value) => (!value.is_infinite()).then_some(f64::from(*value)),
            Self::Double(value) => (!value.is_infinite()).then_some(*value),
            Self::Text(_) | Self::Decimal(..) => number::parse(&self.text()?),
            Self::Boolean(_) | Self::Numbers(_) => None,
        }
    }

    /// The value as text, a number in its shortest form; `None` where it is none.
    pub(super) fn text(&self) -> Option<String> {
        Some(match self {
            Self::Missing => String::new(),
            Self::Boolean(value) => value.to_string(),
            Self::Signed(value) => value.to_string(),
            Self::Unsigned(value) => value.to_string(),
            Self::Single(value) if value.is_nan() => String::new(),
            Self::Single(value) => value.to_string(),
            Self::Double(value) if value.is_nan() => String::new(),
            Self::Double(value) => value.to_string(),
            Self::Decimal(value, scale) => decimal_text(*value, *scale as usize),
            Self::Text(value) => value.as_utf8().ok()?.to_owned(),
            Self::Numbers(_) => return None,
        })
    }
}

/// A decimal without zeros at its end.
fn decimal_text(value: i128, scale: usize) -> String {
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    let sign = if value < 0 { "-" } else { "" };
    match fraction {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_their_shortest_text() {
        for (value, scale, expected) in [
            (0, 2, "0"),
            (100, 2, "1"),
            (105, 2, "1.05"),
            (-7, 3, "-0.007"),
            (-1250, 2, "-12.5"),
            (12, 0, "12"),
        ] {
            assert_eq!(decimal_text(value, scale), expected);
        }
        let bytes = |bytes: &[u8]| decimal(bytes, 1).expect("short").text();
        assert_eq!(bytes(&[0xff, 0x85]).as_deref(), Some("-12.3"));
        assert_eq!(bytes(&[0x00, 0x80]).as_deref(), Some("12.8"));
        assert_eq!(bytes(&[]).as_deref(), Some(""));
        assert!(decimal(&[0; 17], 0).is_err());
    }
}
