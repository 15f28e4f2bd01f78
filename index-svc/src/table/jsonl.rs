//! JSON lines, plain or compressed: one object per line. The columns are the names of all objects, found by
//! a pass of its own; a name that an object lacks is a missing value.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    io::{BufRead as _, BufReader, Read},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::{
    Columns, MAX_COLUMNS, MAX_RECORD_BYTES, Row, TableError, WARNINGS, WARNINGS_SEPARATOR,
    columns::Features,
    compression::open_text,
    delimited::Budget,
    header::{Header, LeftOut},
    number,
};

/// Digits that a 64-bit float keeps at most.
const FLOAT_DIGITS: usize = 17;

/// The values of an object as they are written: a number may have more digits than a float or an integer of
/// 64 bits.
type Object = Named<Box<RawValue>>;

/// The values of an object by name. A name that comes twice is refused: which of the two is meant?
struct Named<T>(HashMap<String, T>);

/// Rows of a JSONL file.
pub(super) struct JsonRows {
    path: PathBuf,
    reader: BufReader<Box<dyn Read>>,
    budget: Budget,
    line: u64,
    text: Vec<u8>,
}

/// What a name has for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Single,
    List,
    Object,
}

impl fmt::Debug for JsonRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonRows").field("path", &self.path).finish_non_exhaustive()
    }
}

impl JsonRows {
    /// Opens the file and reads all of it for the names of its columns.
    pub(super) fn open(path: &Path) -> Result<(Self, Header), TableError> {
        let header = Self::begin(path)?.names()?;
        Ok((Self::begin(path)?, header))
    }

    fn begin(path: &Path) -> Result<Self, TableError> {
        let budget = Budget::default();
        let reader = BufReader::new(open_text(path, &budget)?);
        Ok(Self { path: path.to_owned(), reader, budget, line: 0, text: Vec::new() })
    }

    /// The names of all objects.
    fn names(mut self) -> Result<Header, TableError> {
        let mut shapes: BTreeMap<String, Shape> = BTreeMap::new();
        let mut bytes = 0;
        while let Some(object) = self.next_object::<Named<Shape>>()? {
            for (name, shape) in object.0 {
                if let Some(known) = shapes.get_mut(&name) {
                    // One that is no single value in any row is none.
                    *known = if shape == Shape::Single { *known } else { shape };
                    continue;
                }
                bytes += name.len() as u64;
                if shapes.len() == MAX_COLUMNS || bytes > MAX_RECORD_BYTES {
                    let got = shapes.len() + 1;
                    return Err(TableError::TooManyColumns { path: self.path, got });
                }
                shapes.insert(name, shape);
            }
        }
        let mut header = Header::default();
        // Objects have no order here; the column that may name the tracks comes first.
        let (first, rest): (Vec<_>, Vec<_>) =
            shapes.into_iter().partition(|(name, _)| name == "source_path");
        for (name, shape) in first.into_iter().chain(rest) {
            match shape {
                Shape::Object => {
                    header.left_out.push(LeftOut { name, kind: "an object".to_owned() });
                    continue;
                }
                Shape::List if name != WARNINGS => header.vectors.push(header.names.len()),
                _ => {}
            }
            header.names.push(name);
        }
        Ok(header)
    }

    pub(super) fn next_row(&mut self, columns: &Columns) -> Result<Option<Row>, TableError> {
        let Some(object) = self.next_object::<Object>()? else { return Ok(None) };
        let line = self.line;
        let header = columns.header();
        let values = match columns.features() {
            Features::Columns(places) => {
                let of = |at: &usize| {
                    let written = object.0.get(&header[*at]).map_or("null", |value| value.get());
                    self.feature(&header[*at], written)
                };
                places.iter().map(of).collect::<Result<_, _>>()?
            }
            Features::Vector(at) => self.vector(&header[*at], &object, columns)?,
        };
        let text = |name: &String| attribute(name, object.0.get(name).map(AsRef::as_ref));
        let texts: Vec<String> = header
            .iter()
            .map(text)
            .collect::<Result<_, _>>()
            .map_err(|error| self.not_json(&error))?;
        let metadata = columns.metadata(&self.path, line, |at| &texts[at])?;
        Ok(Some(Row { line, metadata, values }))
    }

    /// A feature's value, NaN where it is missing.
    fn feature(&self, name: &str, written: &str) -> Result<f64, TableError> {
        let number = match serde_json::from_str(written) {
            Ok(Value::Null) => Some(f64::NAN),
            Ok(Value::Number(value)) => value.as_f64(),
            Ok(Value::String(text)) => number::parse(&text),
            // A number may be beyond all floats.
            Ok(_) | Err(_) => None,
        };
        number.ok_or_else(|| TableError::NotANumber {
            path: self.path.clone(),
            line: self.line,
            column: name.to_owned(),
            text: written.chars().take(40).collect(),
        })
    }

    /// All features of a row, which are one list.
    fn vector(
        &self,
        name: &str,
        object: &Object,
        columns: &Columns,
    ) -> Result<Vec<f64>, TableError> {
        let expected = columns.schema().dims();
        let written = object.0.get(name).map_or("null", |value| value.get());
        let list: Option<Vec<Box<RawValue>>> = match serde_json::from_str(written) {
            Ok(None) => return Ok(vec![f64::NAN; expected]),
            Ok(list) => list,
            Err(_) => None,
        };
        match list {
            Some(list) if list.len() == expected => {
                list.iter().map(|value| self.feature(name, value.get())).collect()
            }
            other => {
                let got = other.map_or(1, |list| list.len());
                let (path, line, column) = (self.path.clone(), self.line, name.to_owned());
                Err(TableError::VectorLength { path, line, column, got, expected })
            }
        }
    }

    fn next_object<T: DeserializeOwned>(&mut self) -> Result<Option<T>, TableError> {
        loop {
            self.text.clear();
            self.line += 1;
            let read = self.reader.read_until(b'\n', &mut self.text);
            let (path, line) = (self.path.clone(), self.line);
            match read {
                Err(_) if self.budget.is_spent() => {
                    return Err(TableError::RecordTooLong { path, line });
                }
                Err(source) => return Err(TableError::Io { path, source }),
                Ok(0) => return Ok(None),
                Ok(_) => self.budget.renew(),
            }
            let text = self.text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.text);
            if text.trim_ascii().is_empty() {
                continue;
            }
            return serde_json::from_slice(text).map(Some).map_err(|error| self.not_json(&error));
        }
    }

    /// The parser knows one line; which of the file it is, is known here.
    fn not_json(&self, error: &serde_json::Error) -> TableError {
        let (path, line) = (self.path.clone(), self.line);
        let said = error.to_string();
        let why = said.rsplit_once(" at line ").map_or(&*said, |(why, _)| why);
        let text = String::from_utf8_lossy(&self.text);
        let advice = match error.is_syntax() && (text.contains("NaN") || text.contains("Infinity"))
        {
            true => "; JSON has no NaN and no Infinity, write null",
            false => "",
        };
        let why = format!("not a JSON object: {why} in column {}{advice}", error.column());
        TableError::Malformed { path, line, why }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedVisitor(PhantomData))
    }
}

struct NamedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for NamedVisitor<T> {
    type Value = Named<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Named<T>, A::Error> {
        let mut values = HashMap::new();
        while let Some((name, value)) = object.next_entry::<String, T>()? {
            if values.contains_key(&name) {
                return Err(A::Error::custom(format_args!("it has `{name}` twice")));
            }
            values.insert(name, value);
        }
        Ok(Named(values))
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

/// Reads past a value and keeps its shape.
struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Single)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Single)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Single)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Single)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Single)
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Single)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Shape::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Shape, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Shape::Object)
    }
}

/// A value as text; a list of warnings as their names.
fn attribute(name: &str, value: Option<&RawValue>) -> Result<String, serde_json::Error> {
    let Some(written) = value.map(RawValue::get) else { return Ok(String::new()) };
    let list: Option<Vec<Box<RawValue>>> = match name {
        WARNINGS => serde_json::from_str(written).ok(),
        _ => None,
    };
    match list {
        Some(codes) => {
            let codes = codes.iter().map(|code| text_of(code.get()));
            let codes: Vec<String> = codes.collect::<Result<_, _>>()?;
            Ok(codes.join(&WARNINGS_SEPARATOR.to_string()))
        }
        None => text_of(written),
    }
}

fn text_of(written: &str) -> Result<String, serde_json::Error> {
    Ok(match serde_json::from_str(written)? {
        Value::Null => String::new(),
        Value::String(text) => text,
        Value::Number(_) => number_text(written),
        value => value.to_string(),
    })
}

/// An integer as it is written; another number in the form that a float of Parquet has, unless that would be
/// another number.
fn number_text(written: &str) -> String {
    let mantissa = written.split(['e', 'E']).next().unwrap_or(written);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let is_integer = !written.contains(['.', 'e', 'E']);
    if is_integer || digits.trim_matches('0').len() > FLOAT_DIGITS {
        return written.to_owned();
    }
    written.parse::<f64>().map_or_else(|_| written.to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        for (written, expected) in [
            ("7", "7"),
            ("-3.0", "-3"),
            ("1990.50", "1990.5"),
            ("1e3", "1000"),
            ("18446744073709551616", "18446744073709551616"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("-9223372036854775809", "-9223372036854775809"),
            ("12345678901234567890.0", "12345678901234567890.0"),
            ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("null", ""),
            ("true", "true"),
            (r#""7.0 \u00e9""#, "7.0 é"),
        ] {
            assert_eq!(text_of(written).expect("JSON"), expected, "{written}");
        }
    }
}
