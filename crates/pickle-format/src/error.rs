//! What can go wrong in writing a pickle, and the one place where it is put into words.
//!
//! What goes wrong in Python while an object is examined is not here: this crate sees no objects.

use std::fmt;

use crate::opcode::Opcode;
use crate::protocol::Protocol;

/// The result of writing something that the format may be unable to hold.
pub type Result<T> = std::result::Result<T, FormatError>;

/// A value that the format, or the protocol in use, cannot hold. Nothing of the value has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// The bytes of the value are more than the widest length of the protocol can count. An `OverflowError` in Python.
    TooLarge {
        /// What was to be written.
        what: Counted,
        /// How many bytes it has.
        len: u64,
    },
    /// There is no memory for the bytes of the value. A `MemoryError` in Python.
    OutOfMemory {
        /// How many bytes it has.
        len: u64,
    },
    /// The memo has more entries than the protocol can number. A `PicklingError` in Python.
    MemoTooLarge {
        /// The opcode whose argument is too narrow.
        opcode: Opcode,
        /// The index that was to be its argument.
        index: usize,
    },
    /// The protocol has no opcode for this kind of value, and the caller should have asked the protocol first.
    NotRepresentable {
        /// The opcode that would hold it.
        opcode: Opcode,
        /// The protocol in use, which lacks it.
        protocol: Protocol,
    },
}

/// What is written with the number of its bytes in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// A `str`, as UTF-8.
    Str,
    /// A `bytes`.
    Bytes,
    /// An `int`, in two's complement.
    Int,
}

/// The messages for `TooLarge` and `MemoTooLarge` are those of `_pickle`; tests and users compare them.
impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooLarge { what: Counted::Str, .. } => {
                f.write_str("serializing a string larger than 4 GiB requires pickle protocol 4 or higher")
            }
            Self::TooLarge { what: Counted::Bytes, .. } => {
                f.write_str("serializing a bytes object larger than 4 GiB requires pickle protocol 4 or higher")
            }
            Self::TooLarge { what: Counted::Int, .. } => f.write_str("int too large to pickle"),
            Self::OutOfMemory { len } => write!(f, "no memory for a value of {len} bytes"),
            Self::MemoTooLarge { opcode, .. } => write!(f, "memo id too large for {}", opcode.name()),
            Self::NotRepresentable { opcode, protocol } => write!(
                f,
                "{} requires pickle protocol {} or higher, not {}",
                opcode.name(),
                opcode.protocol().number(),
                protocol.number()
            ),
        }
    }
}

impl std::error::Error for FormatError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let rows = [
            (
                FormatError::TooLarge { what: Counted::Str, len: 1 << 32 },
                "serializing a string larger than 4 GiB requires pickle protocol 4 or higher",
            ),
            (
                FormatError::TooLarge { what: Counted::Bytes, len: 1 << 32 },
                "serializing a bytes object larger than 4 GiB requires pickle protocol 4 or higher",
            ),
            (FormatError::TooLarge { what: Counted::Int, len: 1 << 31 }, "int too large to pickle"),
            (FormatError::OutOfMemory { len: 7 }, "no memory for a value of 7 bytes"),
            (
                FormatError::MemoTooLarge { opcode: Opcode::LongBinPut, index: usize::MAX },
                "memo id too large for LONG_BINPUT",
            ),
            (
                FormatError::NotRepresentable { opcode: Opcode::ByteArray8, protocol: Protocol::V4 },
                "BYTEARRAY8 requires pickle protocol 5 or higher, not 4",
            ),
        ];
        for (error, message) in rows {
            assert_eq!(error.to_string(), message);
        }
    }
}
