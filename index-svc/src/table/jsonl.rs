//! JSON lines, plain or gzip: one object per line. The first object's names are the columns; a
//! name that a later object lacks is a missing value.

use std::{
    fmt,
    io::{BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{
    Columns, Row, TableError, WARNINGS, WARNINGS_SEPARATOR,
    delimited::{Budget, open_text},
    number,
};

/// Rows of a JSONL file.
pub(super) struct JsonRows {
    path: PathBuf,
    reader: BufReader<Box<dyn Read>>,
    budget: Budget,
    line: u64,
    text: Vec<u8>,
    first: Option<Map<String, Value>>,
}

impl fmt::Debug for JsonRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonRows").field("path", &self.path).finish_non_exhaustive()
    }
}

impl JsonRows {
    /// Opens the file and reads its first object for the names of its columns.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<String>), TableError> {
        let budget = Budget::default();
        let reader = BufReader::new(open_text(path, &budget)?);
        let (line, text) = (0, Vec::new());
        let mut rows = Self { path: path.to_owned(), reader, budget, line, text, first: None };
        rows.first = rows.next_object()?;
        let mut names: Vec<String> = rows.first.iter().flat_map(Map::keys).cloned().collect();
        // Objects have no order here; the column that may name the tracks comes first.
        names.sort_unstable_by_key(|name| name != "source_path");
        Ok((rows, names))
    }

    pub(super) fn next_row(&mut self, columns: &Columns) -> Result<Option<Row>, TableError> {
        let object = match self.first.take() {
            Some(object) => object,
            None => match self.next_object()? {
                Some(object) => object,
                None => return Ok(None),
            },
        };
        let line = self.line;
        let header = columns.header();
        let mut values = Vec::with_capacity(columns.features().len());
        for &at in columns.features() {
            let value = match object.get(&header[at]) {
                None | Some(Value::Null) => Some(f64::NAN),
                Some(Value::Number(value)) => value.as_f64(),
                Some(Value::String(text)) => number::parse(text),
                Some(_) => None,
            };
            values.push(value.ok_or_else(|| TableError::NotANumber {
                path: self.path.clone(),
                line,
                column: header[at].clone(),
                text: object[&header[at]].to_string().chars().take(40).collect(),
            })?);
        }
        let texts: Vec<String> =
            header.iter().map(|name| attribute(name, object.get(name))).collect();
        let metadata = columns.metadata(&self.path, line, |at| &texts[at])?;
        Ok(Some(Row { line, metadata, values }))
    }

    fn next_object(&mut self) -> Result<Option<Map<String, Value>>, TableError> {
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
            if self.text.trim_ascii().is_empty() {
                continue;
            }
            return serde_json::from_slice(&self.text).map(Some).map_err(|error| {
                TableError::Malformed { path, line, why: format!("not a JSON object: {error}") }
            });
        }
    }
}

/// A value as text; a list of warnings as their names.
fn attribute(name: &str, value: Option<&Value>) -> String {
    match value {
        Some(Value::Array(codes)) if name == WARNINGS => {
            let codes: Vec<String> = codes.iter().map(|code| text_of(Some(code))).collect();
            codes.join(&WARNINGS_SEPARATOR.to_string())
        }
        value => text_of(value),
    }
}

fn text_of(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}
