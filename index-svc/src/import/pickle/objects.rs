//! The values of a pickle, and what the known names make of them.

use super::{MAX_VALUES, PickleError, names::Known};

/// Number of a value.
pub(crate) type Id = usize;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Name(Known),
    Dtype(Dtype),
    Array(Array),
    /// An object of a known class, and the dict that is its state.
    Instance(Known, Option<Id>),
}

/// A numpy type, as far as scalers use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dtype {
    kind: Kind,
    big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Float(usize),
    Int(usize),
    Bool,
    Object,
}

/// A numpy array of one dimension or none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Array {
    /// Made, and without its state yet.
    Empty,
    Numbers(Vec<f64>),
    Objects(Vec<Id>),
}

impl Dtype {
    fn parse(text: &str) -> Option<Self> {
        let (order, name) = match text.chars().next()? {
            order @ ('<' | '>' | '=' | '|') => (order, &text[1..]),
            _ => ('=', text),
        };
        let kind = match name {
            "f8" => Kind::Float(8),
            "f4" => Kind::Float(4),
            "i8" => Kind::Int(8),
            "i4" => Kind::Int(4),
            "b1" | "?" => Kind::Bool,
            "O8" | "O" => Kind::Object,
            _ => return None,
        };
        Some(Self { kind, big_endian: order == '>' })
    }

    /// Bytes of an element; none for objects.
    pub(super) fn item_bytes(self) -> Option<usize> {
        match self.kind {
            Kind::Float(bytes) | Kind::Int(bytes) => Some(bytes),
            Kind::Bool => Some(1),
            Kind::Object => None,
        }
    }

    /// The numbers in `bytes`; none unless they are whole elements of a number.
    pub(super) fn numbers(self, bytes: &[u8]) -> Option<Vec<f64>> {
        let size = self.item_bytes()?;
        if !bytes.len().is_multiple_of(size) {
            return None;
        }
        let one = |element: &[u8]| {
            let mut wide = [0_u8; 8];
            for (at, byte) in element.iter().enumerate() {
                wide[if self.big_endian { size - 1 - at } else { at }] = *byte;
            }
            let low = [wide[0], wide[1], wide[2], wide[3]];
            match self.kind {
                Kind::Float(4) => f64::from(f32::from_le_bytes(low)),
                Kind::Float(_) => f64::from_le_bytes(wide),
                Kind::Int(4) => f64::from(i32::from_le_bytes(low)),
                // Counts of rows, far below where an f64 has gaps.
                Kind::Int(_) => i64::from_le_bytes(wide) as f64,
                Kind::Bool | Kind::Object => f64::from(wide[0]),
            }
        };
        Some(bytes.chunks_exact(size).map(one).collect())
    }
}

/// All values of a pickle.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    values: Vec<Value>,
}

impl Heap {
    pub(super) fn add(&mut self, value: Value) -> Result<Id, PickleError> {
        if self.values.len() == MAX_VALUES {
            return Err(PickleError::TooMany);
        }
        self.values.push(value);
        Ok(self.values.len() - 1)
    }

    pub(crate) fn get(&self, id: Id) -> &Value {
        &self.values[id]
    }

    pub(super) fn get_mut(&mut self, id: Id) -> &mut Value {
        &mut self.values[id]
    }

    /// The value of `key` in a dict.
    pub(crate) fn item(&self, dict: Id, key: &str) -> Option<&Value> {
        let Value::Dict(items) = self.get(dict) else { return None };
        // A key that is set twice has its last value.
        let found = items
            .iter()
            .rev()
            .find(|(name, _)| matches!(self.get(*name), Value::Text(text) if text == key))?;
        Some(self.get(found.1))
    }

    /// The state of a fitted scaler.
    pub(crate) fn scaler_state(&self, id: Id) -> Option<Id> {
        match self.get(id) {
            Value::Instance(Known::StandardScaler, state) => *state,
            _ => None,
        }
    }

    fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn dtype(&self, id: Id) -> Option<Dtype> {
        match self.get(id) {
            Value::Dtype(dtype) => Some(*dtype),
            _ => None,
        }
    }

    /// Elements of a shape of one dimension or none.
    pub(super) fn shape(&self, id: Id) -> Option<usize> {
        match self.tuple(id)? {
            [] => Some(1),
            [length] => match self.get(*length) {
                Value::Int(length) => usize::try_from(*length).ok(),
                _ => None,
            },
            _ => None,
        }
    }

    /// What calling `callable` with the tuple `arguments` makes.
    pub(super) fn call(&self, callable: Id, arguments: Id) -> Option<Value> {
        let Value::Name(known) = self.get(callable) else { return None };
        let arguments = self.tuple(arguments)?;
        match (known, arguments) {
            (Known::Reconstruct, [class, ..]) => {
                let is_array = *self.get(*class) == Value::Name(Known::NdArray);
                is_array.then_some(Value::Array(Array::Empty))
            }
            (Known::Dtype, [text, ..]) => Dtype::parse(self.text(*text)?).map(Value::Dtype),
            (Known::Encode, [text, encoding]) => {
                let latin = matches!(self.text(*encoding)?, "latin1" | "latin-1");
                let byte = |c: char| u8::try_from(u32::from(c)).ok();
                let bytes: Option<Vec<u8>> = self.text(*text)?.chars().map(byte).collect();
                bytes.filter(|_| latin).map(Value::Bytes)
            }
            (Known::Scalar, [dtype, bytes]) => {
                let Value::Bytes(bytes) = self.get(*bytes) else { return None };
                let numbers = self.dtype(*dtype)?.numbers(bytes)?;
                match numbers.as_slice() {
                    [number] => Some(Value::Float(*number)),
                    _ => None,
                }
            }
            (Known::FromBuffer, [bytes, dtype, shape, _order]) => {
                let Value::Bytes(bytes) = self.get(*bytes) else { return None };
                let numbers = self.dtype(*dtype)?.numbers(bytes)?;
                (numbers.len() == self.shape(*shape)?)
                    .then_some(Value::Array(Array::Numbers(numbers)))
            }
            _ => None,
        }
    }

    /// What giving `state` to `object` makes of it.
    pub(super) fn with_state(&self, object: Id, state: Id) -> Option<Value> {
        match self.get(object) {
            Value::Instance(class, _) => {
                let is_dict = matches!(self.get(state), Value::Dict(_));
                is_dict.then_some(Value::Instance(*class, Some(state)))
            }
            Value::Dtype(dtype) => {
                let [_version, order, ..] = self.tuple(state)? else { return None };
                let big_endian = self.text(*order)? == ">";
                Some(Value::Dtype(Dtype { big_endian, ..*dtype }))
            }
            Value::Array(Array::Empty) => self.array(self.tuple(state)?).map(Value::Array),
            _ => None,
        }
    }

    fn array(&self, state: &[Id]) -> Option<Array> {
        let [_version, shape, dtype, _fortran, data] = state else { return None };
        let (length, dtype) = (self.shape(*shape)?, self.dtype(*dtype)?);
        match self.get(*data) {
            Value::Bytes(bytes) => {
                let numbers = dtype.numbers(bytes)?;
                (numbers.len() == length).then_some(Array::Numbers(numbers))
            }
            Value::List(items) => (dtype.item_bytes().is_none() && items.len() == length)
                .then(|| Array::Objects(items.clone())),
            _ => None,
        }
    }
}
