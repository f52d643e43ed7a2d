//! `None`, truth values and numbers.

use super::{Encoder, too_large};
use crate::argument;
use crate::error::{Counted, Result};
use crate::opcode::Opcode;
use crate::write::buffer::Buffer;

impl<B: Buffer> Encoder<B> {
    /// `None`: `NONE`.
    #[inline]
    pub fn none(&mut self) {
        self.op(Opcode::None);
    }

    /// A `bool`: `NEWTRUE` or `NEWFALSE`. Before protocol 2, an `INT` in a spelling that no int has: `I01` or `I00`.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        if self.protocol.has_bool_opcodes() {
            self.op(if value { Opcode::NewTrue } else { Opcode::NewFalse });
        } else {
            self.line(Opcode::Int, if value { b"01" } else { b"00" });
        }
    }

    /// An `int` of at most 64 bits.
    ///
    /// `BININT1`, `BININT2` or `BININT` for what fits into 32 bits, `LONG1` for what does not. Protocol 0 has `INT` in
    /// decimal for the former, and protocols 0 and 1 have `LONG` in decimal for the latter.
    #[inline]
    pub fn int(&mut self, value: i64) {
        if !self.binary {
            self.int_as_text(value);
        } else if let Ok(value) = i32::try_from(value) {
            self.short_int(value);
        } else if self.protocol.has_long_bytes() {
            let len = argument::significant_bytes(value);
            self.write_with_data(&argument::uint1(Opcode::Long1, len), &value.to_le_bytes()[..usize::from(len)]);
        } else {
            self.int_as_text(value);
        }
    }

    /// An `int` of at most 32 bits, from protocol 1 on: `BININT1`, `BININT2` or `BININT`.
    #[inline(always)]
    pub fn short_int(&mut self, value: i32) {
        const INT1: u8 = Opcode::BinInt1.byte();
        const INT2: u8 = Opcode::BinInt2.byte();
        const INT4: u8 = Opcode::BinInt.byte();

        debug_assert!(self.binary, "the caller asks for that");
        let value = value.cast_unsigned();
        // Without branches, and one store of which a part counts: the lengths of ints in a row are hard to foresee. What
        // is added up takes fewer instructions than a table, and the compiler knows how long it is at most.
        let (two, four) = (u8::from(value > 0xff), u8::from(value > 0xffff));
        let opcode = INT1 + two * (INT2 - INT1) - four * (INT2 - INT4);
        let len = 2 + usize::from(two) + 2 * usize::from(four);
        self.write_word(u64::from(opcode) | u64::from(value) << 8, len);
    }

    #[cold]
    fn int_as_text(&mut self, value: i64) {
        let digits = value.to_string();
        if i32::try_from(value).is_ok() {
            self.line(Opcode::Int, digits.as_bytes());
        } else {
            self.long_text(&digits);
        }
    }

    /// An `int` of any size, from protocol 2 on: `LONG1` or `LONG4`.
    ///
    /// The argument is its two's complement, little-endian, in as few bytes as hold it with its sign. This is for ints
    /// that [`int`](Self::int) cannot take; the others are shorter there. The length in `LONG4` is signed, so that no
    /// int has more than 2³¹ - 1 bytes.
    pub fn long(&mut self, twos_complement: &[u8]) -> Result<()> {
        debug_assert!(
            !matches!(twos_complement, [.., 0..=0x7f, 0] | [.., 0x80..=0xff, 0xff]),
            "the last byte says nothing that the one before it does not"
        );
        let len = twos_complement.len();
        self.require(Opcode::Long1)?;
        if let Ok(len) = u8::try_from(len) {
            self.write_with_data(&argument::uint1(Opcode::Long1, len), twos_complement);
        } else if let Ok(len) = i32::try_from(len) {
            // Unlike text and bytes, an int stays in its frame however long it is.
            self.write_with_data(&argument::int4(Opcode::Long4, len), twos_complement);
        } else {
            return Err(too_large(Counted::Int, len as u64));
        }
        Ok(())
    }

    /// An `int` of any size in decimal, for protocols 0 and 1: `LONG`, with the `L` of a Python 2 literal behind it.
    pub fn long_text(&mut self, digits: &str) {
        self.framing.enter(&mut self.buffer);
        self.buffer.push(Opcode::Long.byte());
        self.buffer.extend_from_slice(digits.as_bytes());
        self.buffer.extend_from_slice(b"L\n");
    }

    /// A `float`, from protocol 1 on: `BINFLOAT`, with all its bits, those of a NaN included.
    #[inline(always)]
    pub fn float(&mut self, value: f64) {
        self.expect(Opcode::BinFloat);
        let bytes = argument::float8(Opcode::BinFloat, value);
        if !self.buffer.append_array_at_once(bytes) {
            self.write_few(&bytes);
        }
    }

    /// A `float` as `repr` writes it, for protocol 0: `FLOAT`.
    ///
    /// The text is the caller's, for the digits must be those that Python chooses.
    pub fn float_text(&mut self, repr: &str) {
        self.line(Opcode::Float, repr.as_bytes());
    }
}
