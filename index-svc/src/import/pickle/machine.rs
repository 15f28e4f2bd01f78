//! The stack machine: opcodes of protocols 2 to 5 (Python's `pickletools` describes each).

use std::collections::HashMap;

use super::{
    PickleError,
    names::{Known, known},
    objects::{Array, Heap, Id, Value},
};

/// First bytes of zlib (two levels), gzip, bzip2, xz, LZMA and LZ4 streams, which joblib makes.
const COMPRESSED: [&[u8]; 8] = [
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x04\x22\x4d\x18",
];
/// An array of objects lies in a joblib file as a pickle of its own.
const MOST_NESTED: usize = 1;

pub(super) fn run(bytes: &[u8], heap: &mut Heap) -> Result<Id, PickleError> {
    if COMPRESSED.iter().any(|start| bytes.starts_with(start)) {
        return Err(PickleError::Compressed);
    }
    match bytes {
        [0x80, 2..=5, ..] => {}
        [0x80, got, ..] => return Err(PickleError::Protocol { got: *got }),
        // Text protocols begin with their first value.
        _ => return Err(PickleError::Protocol { got: 0 }),
    }
    let (result, _) = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        heap,
        nested: 0,
    }
    .run()?;
    Ok(result)
}

struct Machine<'p> {
    bytes: &'p [u8],
    at: usize,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
    heap: &'p mut Heap,
    nested: usize,
}

impl Machine<'_> {
    /// The result, and where it ended.
    fn run(mut self) -> Result<(Id, usize), PickleError> {
        loop {
            let [opcode] = self.array::<1>()?;
            if opcode == b'.' {
                let result = self.pop()?;
                return Ok((result, self.at));
            }
            self.step(opcode)?;
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            // PROTO; the version was looked at.
            0x80 => drop(self.array::<1>()?),
            // FRAME: a hint for readers that buffer.
            0x95 => drop(self.array::<8>()?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.since_mark()?),
            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'K' | b'M' | b'J' | 0x8a | b'G' => self.number(opcode)?,
            0x8c | b'X' | 0x8d | b'C' | b'B' | 0x8e | 0x96 => self.string(opcode)?,
            b')' | b't' | 0x85 | 0x86 | 0x87 | b']' | b'a' | b'e' | b'}' | b's' | b'u' => {
                self.collection(opcode)?;
            }
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.remember(opcode)?,
            b'c' | 0x93 => self.name(opcode)?,
            b'R' => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                let made = self.heap.call(callable, arguments);
                self.push_or(made, "a call that no scaler needs")?;
            }
            // NEWOBJ
            0x81 => {
                let (_arguments, class) = (self.pop()?, self.pop()?);
                let made = match self.heap.get(class) {
                    Value::Name(class @ (Known::StandardScaler | Known::Wrapper)) => {
                        Some(Value::Instance(*class, None))
                    }
                    _ => None,
                };
                self.push_or(made, "an object of a class that no scaler needs")?;
            }
            b'b' => self.build()?,
            // BINSTRING and SHORT_BINSTRING.
            b'T' | b'U' => return Err(PickleError::Python2),
            _ => return Err(PickleError::Opcode { opcode, at: self.at - 1 }),
        }
        Ok(())
    }

    fn number(&mut self, opcode: u8) -> Result<(), PickleError> {
        let value = match opcode {
            b'K' => Value::Int(i64::from(self.array::<1>()?[0])),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            b'G' => Value::Float(f64::from_be_bytes(self.array()?)),
            _ => {
                let [length] = self.array::<1>()?;
                let digits = self.take(usize::from(length))?;
                let negative = digits.last().is_some_and(|byte| byte & 0x80 != 0);
                let mut wide = [if negative { 0xff } else { 0 }; 8];
                match wide.get_mut(..digits.len()) {
                    Some(low) => low.copy_from_slice(digits),
                    None => return Err(self.wrong("an integer beyond 64 bits")),
                }
                Value::Int(i64::from_le_bytes(wide))
            }
        };
        self.push(value)
    }

    fn string(&mut self, opcode: u8) -> Result<(), PickleError> {
        let length = match opcode {
            0x8c | b'C' => u64::from(self.array::<1>()?[0]),
            b'X' | b'B' => u64::from(u32::from_le_bytes(self.array()?)),
            _ => u64::from_le_bytes(self.array()?),
        };
        let end = PickleError::End { at: self.at };
        let bytes = self.take(usize::try_from(length).map_err(|_| end)?)?.to_vec();
        if matches!(opcode, b'C' | b'B' | 0x8e | 0x96) {
            return self.push(Value::Bytes(bytes));
        }
        let text = String::from_utf8(bytes).ok().map(Value::Text);
        self.push_or(text, "a text that is not UTF-8")
    }

    fn collection(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            b')' => self.push(Value::Tuple(Vec::new())),
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let from = self.stack.len().checked_sub(count).filter(|from| *from >= self.floor());
                let from = from.ok_or_else(|| self.wrong("a tuple of more than there is"))?;
                let items = self.stack.split_off(from);
                self.push(Value::Tuple(items))
            }
            b't' => {
                let items = self.since_mark()?;
                self.push(Value::Tuple(items))
            }
            b']' => self.push(Value::List(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            b'a' | b'e' => {
                let items = if opcode == b'a' { vec![self.pop()?] } else { self.since_mark()? };
                let list = self.top()?;
                match self.heap.get_mut(list) {
                    Value::List(all) => all.extend(items),
                    _ => return Err(self.wrong("an item of what is no list")),
                }
                Ok(())
            }
            _ => {
                let items = if opcode == b's' {
                    let (value, key) = (self.pop()?, self.pop()?);
                    vec![key, value]
                } else {
                    self.since_mark()?
                };
                let dict = self.top()?;
                match self.heap.get_mut(dict) {
                    Value::Dict(all) if items.len().is_multiple_of(2) => {
                        all.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
                    }
                    _ => return Err(self.wrong("an item of what is no dict")),
                }
                Ok(())
            }
        }
    }

    fn remember(&mut self, opcode: u8) -> Result<(), PickleError> {
        let slot = match opcode {
            b'q' | b'h' => u64::from(self.array::<1>()?[0]),
            b'r' | b'j' => u64::from(u32::from_le_bytes(self.array()?)),
            _ => self.memo.len() as u64,
        };
        if matches!(opcode, b'h' | b'j') {
            let Some(id) = self.memo.get(&slot) else {
                return Err(self.wrong("a value that was not remembered"));
            };
            self.stack.push(*id);
        } else {
            let top = self.top()?;
            self.memo.insert(slot, top);
        }
        Ok(())
    }

    fn name(&mut self, opcode: u8) -> Result<(), PickleError> {
        let (module, name) = if opcode == b'c' {
            (self.line()?, self.line()?)
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            match (self.heap.get(module), self.heap.get(name)) {
                (Value::Text(module), Value::Text(name)) => (module.clone(), name.clone()),
                _ => return Err(self.wrong("a name that is no text")),
            }
        };
        self.push(Value::Name(known(&module, &name)?))
    }

    fn build(&mut self) -> Result<(), PickleError> {
        let (state, object) = (self.pop()?, self.top()?);
        let Some(built) = self.heap.with_state(object, state) else {
            return Err(self.wrong("a state that its object cannot have"));
        };
        *self.heap.get_mut(object) = built;
        if *self.heap.get(object) == Value::Instance(Known::Wrapper, Some(state)) {
            let array = self.wrapped(state)?;
            // As joblib does: the array takes the wrapper's place.
            *self.heap.get_mut(object) = array;
        }
        Ok(())
    }

    /// The array that follows its joblib wrapper in the file.
    fn wrapped(&mut self, state: Id) -> Result<Value, PickleError> {
        let unfit = self.wrong("a wrapped array that no scaler has");
        let Value::Dict(items) = self.heap.get(state) else { return Err(unfit) };
        let id = |key: &str| {
            let named =
                |(name, _): &&(Id, Id)| *self.heap.get(*name) == Value::Text(key.to_owned());
            items.iter().find(named).map(|(_, value)| *value)
        };
        let dtype = id("dtype").and_then(|id| self.heap.dtype(id)).ok_or(unfit.clone())?;
        let count = id("shape").and_then(|id| self.heap.shape(id)).ok_or(unfit.clone())?;
        let aligned = id("numpy_array_alignment_bytes")
            .is_some_and(|id| matches!(self.heap.get(id), Value::Int(_)));
        let Some(size) = dtype.item_bytes() else {
            if self.nested == MOST_NESTED {
                return Err(unfit);
            }
            let inner = Machine {
                bytes: self.bytes,
                at: self.at,
                stack: Vec::new(),
                marks: Vec::new(),
                memo: HashMap::new(),
                heap: &mut *self.heap,
                nested: self.nested + 1,
            };
            let (result, end) = inner.run()?;
            self.at = end;
            return match self.heap.get(result) {
                array @ Value::Array(Array::Objects(items)) if items.len() == count => {
                    Ok(array.clone())
                }
                _ => Err(unfit),
            };
        };
        if aligned {
            let [padding] = self.array::<1>()?;
            self.take(usize::from(padding))?;
        }
        let end = PickleError::End { at: self.at };
        let numbers = dtype.numbers(self.take(count.checked_mul(size).ok_or(end)?)?);
        numbers.map(|numbers| Value::Array(Array::Numbers(numbers))).ok_or(unfit)
    }

    fn push(&mut self, value: Value) -> Result<(), PickleError> {
        let id = self.heap.add(value)?;
        self.stack.push(id);
        Ok(())
    }

    fn push_or(&mut self, value: Option<Value>, what: &'static str) -> Result<(), PickleError> {
        match value {
            Some(value) => self.push(value),
            None => Err(self.wrong(what)),
        }
    }

    /// The stack does not go below the last mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        if self.stack.len() == self.floor() {
            return Err(self.wrong("a value where there is none"));
        }
        self.stack.pop().ok_or(PickleError::End { at: self.at })
    }

    fn top(&self) -> Result<Id, PickleError> {
        match self.stack.get(self.floor()..) {
            Some([.., top]) => Ok(*top),
            _ => Err(self.wrong("a value where there is none")),
        }
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        match self.marks.pop() {
            Some(mark) if mark <= self.stack.len() => Ok(self.stack.split_off(mark)),
            _ => Err(self.wrong("no mark")),
        }
    }

    fn take(&mut self, count: usize) -> Result<&[u8], PickleError> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(PickleError::End { at: self.bytes.len() })?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn line(&mut self) -> Result<String, PickleError> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| *byte == b'\n');
        let length = length.ok_or(PickleError::End { at: self.bytes.len() })?;
        let line = String::from_utf8_lossy(&rest[..length]).into_owned();
        self.at += length + 1;
        Ok(line)
    }

    fn wrong(&self, what: &'static str) -> PickleError {
        PickleError::Value { what, at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::read;
    use super::*;

    #[test]
    fn nothing_is_called_that_is_not_on_the_list() {
        // os.system("touch owned"), in protocol 2 and in protocol 4.
        let old = b"\x80\x02cos\nsystem\nX\x0b\0\0\0touch owned\x85R.";
        let new = b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0btouch owned\x85R.";
        for attack in [old.as_slice(), new.as_slice()] {
            let refused = read(attack).expect_err("never run");
            assert_eq!(refused, PickleError::Name { name: "os.system".to_owned() });
        }
        let builtin = b"\x80\x02c__builtin__\neval\nX\x01\0\0\x001\x85R.";
        assert!(matches!(read(builtin), Err(PickleError::Name { .. })));
    }

    #[test]
    fn what_is_no_pickle_of_a_scaler_is_refused_by_kind() {
        assert_eq!(read(b"\x78\x9cxxxx").expect_err("zlib"), PickleError::Compressed);
        assert_eq!(read(b"(dp0\n.").expect_err("text"), PickleError::Protocol { got: 0 });
        assert_eq!(read(b"\x80\x09N.").expect_err("new"), PickleError::Protocol { got: 9 });
        assert!(matches!(read(b"\x80\x04"), Err(PickleError::End { .. })));
        let persistent = read(b"\x80\x04Q.").expect_err("a persistent id");
        assert_eq!(persistent, PickleError::Opcode { opcode: b'Q', at: 2 });
        // A length beyond the file does not reserve memory.
        let long = read(b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.");
        assert!(matches!(long, Err(PickleError::End { .. })), "{long:?}");
    }

    #[test]
    fn a_value_changed_after_it_was_remembered_is_changed_everywhere() {
        // l = []; (l, l) with an item appended to the first.
        let (heap, result) = read(b"\x80\x02]q\0K\x07ah\0\x86.").expect("plain");
        let Value::Tuple(items) = heap.get(result) else { panic!("a tuple") };
        assert_eq!(items[0], items[1]);
        assert!(matches!(heap.get(items[1]), Value::List(items) if items.len() == 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = read(&[&[0x80, 4], bytes.as_slice()].concat());
        }

        #[test]
        fn any_opcodes_are_refused_or_read(
            opcodes in prop::collection::vec(prop::sample::select(
                b"()]}NKaeutR\x81b\x85\x86\x87\x93\x94hq01s.\x8c\x01\x02".to_vec()), 0..256),
        ) {
            let _ = read(&[&[0x80, 4], opcodes.as_slice()].concat());
        }
    }
}
