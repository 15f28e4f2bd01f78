//! A reader of the pickles in which scikit-learn's scaler is kept: it builds plain values and calls
//! nothing.
//!
//! A pickle is a program for a stack machine that may name any function and call it; loading one
//! runs it. This machine knows the opcodes that a scaler needs, and a closed list of names: the
//! scaler's class, numpy's arrays, types and scalars, and joblib's wrapper. Everything else is
//! refused with its name. Protocols 2 to 5, as `pickle.dump` and an uncompressed `joblib.dump` write
//! them.
//!
//! Values live in one list and refer to each other by number, so that a value that is changed after
//! it was remembered (the rule for lists, dicts and objects) is changed everywhere, and nothing here
//! recurses through a value.

mod machine;
mod names;
mod objects;

use thiserror::Error;

pub(super) use self::objects::{Array, Heap, Id, Value};

/// Largest pickle that is read, in bytes: a thousand columns and their names are 100 KiB.
pub(super) const MAX_PICKLE_BYTES: u64 = 16 << 20;
/// Most values of a pickle.
const MAX_VALUES: usize = 1 << 20;

/// Why a pickle was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PickleError {
    /// It ends too early.
    #[error("it ends at byte {at}, in the middle of something")]
    End {
        /// Where.
        at: usize,
    },
    /// It was compressed, by joblib perhaps.
    #[error("it is compressed; write it again with `pickle.dump`, or `joblib.dump(…, compress=0)`")]
    Compressed,
    /// A protocol this reader does not know.
    #[error(
        "it has protocol {got}, expected 2 to 5; write it again with `pickle.dump(…, protocol=4)`"
    )]
    Protocol {
        /// Protocol stated; text protocols state none.
        got: u8,
    },
    /// An opcode that a scaler does not need.
    #[error("byte {at} is the opcode 0x{opcode:02x}, which no scaler needs")]
    Opcode {
        /// The opcode.
        opcode: u8,
        /// Where.
        at: usize,
    },
    /// A text of Python 2, which may as well be bytes.
    #[error(
        "it is a pickle of Python 2; load it in Python 3 with `pickle.load(f, encoding='latin1')` and write \
         it again"
    )]
    Python2,
    /// A name that is not on the list.
    #[error(
        "it wants `{name}`, which is neither scikit-learn's StandardScaler nor a part of numpy's arrays"
    )]
    Name {
        /// Module and name.
        name: String,
    },
    /// A value is not what stands in a scaler there.
    #[error("at byte {at}: {what}")]
    Value {
        /// What does not fit.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// More values than any scaler has.
    #[error("it has more than {MAX_VALUES} values")]
    TooMany,
}

/// Reads a pickle: its values, and which of them is the result.
///
/// # Errors
/// When it is not one that this reader takes; nothing it says is ever executed.
pub(super) fn read(bytes: &[u8]) -> Result<(Heap, Id), PickleError> {
    let mut heap = Heap::default();
    let result = machine::run(bytes, &mut heap)?;
    Ok((heap, result))
}
