//! The arguments of opcodes: what kinds there are, how long each is, and how each is laid out.
//!
//! The kinds and their names are those of `Lib/pickletools.py`. Which opcode has which argument is a column of the
//! table in [`crate::opcode`]; which opcode a value gets is decided in [`crate::write`].

use crate::opcode::Opcode;
use crate::write::Buffer;

/// How the end of an argument is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentSize {
    /// So many bytes, always.
    Fixed(u8),
    /// It ends with the last of so many newlines.
    Lines(u8),
    /// It begins with its own length, a little-endian integer, which does not count itself.
    Counted {
        /// How many bytes the length takes.
        width: u8,
        /// Whether the length is signed. A negative one is an error.
        signed: bool,
    },
}

/// Declares [`ArgumentKind`]: `Variant name size "what it is"`.
macro_rules! argument_kinds {
    ($($variant:ident $name:ident $size:expr, $doc:literal;)*) => {
        /// What follows an opcode.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ArgumentKind {
            $(#[doc = concat!("`", stringify!($name), "`: ", $doc)] $variant,)*
        }

        impl ArgumentKind {
            /// Every kind, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in `pickletools`, such as `decimalnl_short`; `none` where that has no descriptor.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($name),)*
                }
            }

            /// How its end is found.
            #[must_use]
            pub const fn size(self) -> ArgumentSize {
                match self {
                    $(Self::$variant => $size,)*
                }
            }

            /// What it is, in one line.
            #[must_use]
            pub const fn doc(self) -> &'static str {
                match self {
                    $(Self::$variant => $doc,)*
                }
            }
        }
    };
}

const fn counted(width: u8) -> ArgumentSize {
    ArgumentSize::Counted { width, signed: false }
}

/// Python 2 counted its strings, and protocol 2 its longs, with a C `int`.
const COUNTED_BY_INT: ArgumentSize = ArgumentSize::Counted { width: 4, signed: true };

argument_kinds! {
    None none ArgumentSize::Fixed(0), "no argument.";

    // Numbers.
    UInt1 uint1 ArgumentSize::Fixed(1), "an unsigned integer of one byte.";
    UInt2 uint2 ArgumentSize::Fixed(2), "an unsigned integer of two bytes, little-endian.";
    Int4 int4 ArgumentSize::Fixed(4), "a signed integer of four bytes, little-endian.";
    UInt4 uint4 ArgumentSize::Fixed(4), "an unsigned integer of four bytes, little-endian.";
    UInt8 uint8 ArgumentSize::Fixed(8), "an unsigned integer of eight bytes, little-endian.";
    Float8 float8 ArgumentSize::Fixed(8), "an IEEE 754 double, big-endian, unlike all other numbers here.";
    Long1 long1 counted(1), "a signed integer of at most 255 bytes, little-endian; no bytes are zero.";
    Long4 long4 COUNTED_BY_INT, "a signed integer of at most 2147483647 bytes, little-endian.";
    DecimalNlShort decimalnl_short ArgumentSize::Lines(1), "an integer in decimal; `00` and `01` are booleans.";
    DecimalNlLong decimalnl_long ArgumentSize::Lines(1), "an integer in decimal, with an `L` behind it.";
    FloatNl floatnl ArgumentSize::Lines(1), "a float in decimal, as `repr` writes it.";

    // Text.
    UnicodeString1 unicodestring1 counted(1), "UTF-8, lone surrogates included, of at most 255 bytes.";
    UnicodeString4 unicodestring4 counted(4), "UTF-8, lone surrogates included, of less than 4 GiB.";
    UnicodeString8 unicodestring8 counted(8), "UTF-8, lone surrogates included.";
    UnicodeStringNl unicodestringnl ArgumentSize::Lines(1), "text in raw-unicode-escape.";
    StringNlNoEscape stringnl_noescape ArgumentSize::Lines(1), "a line as it stands.";
    StringNlNoEscapePair stringnl_noescape_pair ArgumentSize::Lines(2), "two lines as they stand.";

    // Bytes.
    Bytes1 bytes1 counted(1), "at most 255 bytes.";
    Bytes4 bytes4 counted(4), "less than 4 GiB of bytes.";
    Bytes8 bytes8 counted(8), "bytes.";
    ByteArray8 bytearray8 counted(8), "bytes, which are to be mutable.";

    // Strings of Python 2, which this crate does not write.
    String1 string1 counted(1), "a Python 2 string of at most 255 bytes.";
    String4 string4 COUNTED_BY_INT, "a Python 2 string of at most 2147483647 bytes.";
    StringNl stringnl ArgumentSize::Lines(1), "a Python 2 string as a literal, with quotes and escapes.";
}

// Opcode and argument as one array: what the encoder appends in one piece.

/// An opcode and its `uint1`.
#[inline]
pub(crate) const fn uint1(opcode: Opcode, value: u8) -> [u8; 2] {
    [opcode.byte(), value]
}

/// An opcode and its `uint2`.
#[inline]
pub(crate) const fn uint2(opcode: Opcode, value: u16) -> [u8; 3] {
    let [a, b] = value.to_le_bytes();
    [opcode.byte(), a, b]
}

/// An opcode and its `uint4`.
#[inline]
pub(crate) const fn uint4(opcode: Opcode, value: u32) -> [u8; 5] {
    let [a, b, c, d] = value.to_le_bytes();
    [opcode.byte(), a, b, c, d]
}

/// An opcode and its `int4`.
#[inline]
pub(crate) const fn int4(opcode: Opcode, value: i32) -> [u8; 5] {
    let [a, b, c, d] = value.to_le_bytes();
    [opcode.byte(), a, b, c, d]
}

/// An opcode and its `uint8`.
#[inline]
pub(crate) fn uint8(opcode: Opcode, value: u64) -> [u8; 9] {
    eight(opcode, value.to_le_bytes())
}

/// An opcode and its `float8`.
#[inline]
pub(crate) fn float8(opcode: Opcode, value: f64) -> [u8; 9] {
    eight(opcode, value.to_be_bytes())
}

#[inline]
fn eight(opcode: Opcode, argument: [u8; 8]) -> [u8; 9] {
    let mut instruction = [opcode.byte(); 9];
    instruction[1..].copy_from_slice(&argument);
    instruction
}

/// How many of the low bytes of `value` hold it in two's complement, its sign included. At least one, at most eight.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "63 / 8 + 1 is 8")]
pub(crate) const fn significant_bytes(value: i64) -> u8 {
    let magnitude_bits = i64::BITS - (if value < 0 { !value } else { value }).leading_zeros();
    // One bit more for the sign, rounded up to whole bytes.
    (magnitude_bits / 8 + 1) as u8
}

/// Appends a `unicodestringnl` without its newline: `raw-unicode-escape`, with more escaped than the codec does.
///
/// The reader cuts the line at a newline, and then undoes the escapes: a newline and a backslash must therefore be
/// escaped. NUL, carriage return and 0x1a (the end of a text file on DOS) are escaped too, for pickles that pass
/// through files in text mode.
pub(crate) fn raw_unicode_escape(buffer: &mut impl Buffer, code_points: impl Iterator<Item = u32>) {
    for code_point in code_points {
        match (u8::try_from(code_point), u16::try_from(code_point)) {
            (Ok(b'\\' | b'\0' | b'\n' | b'\r' | 0x1a) | Err(_), Ok(unit)) => {
                buffer.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
            (Ok(byte), _) => buffer.push(byte),
            (Err(_), Err(_)) => buffer.extend_from_slice(format!("\\U{code_point:08x}").as_bytes()),
        }
    }
}
