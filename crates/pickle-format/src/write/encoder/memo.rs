//! What is memoized, and what refers to it.

use super::{Encoder, memo_too_large};
use crate::argument;
use crate::error::Result;
use crate::opcode::Opcode;
use crate::write::buffer::Buffer;
use crate::write::referenced::{LONG as LONG_REFERENCE, SHORT as SHORT_REFERENCE};

impl<B: Buffer> Encoder<B> {
    /// Stores the object on top of the reader's stack in its memo: `MEMOIZE`, `BINPUT`, `LONG_BINPUT` or `PUT`.
    ///
    /// `index` is the number of objects memoized before. `MEMOIZE`, from protocol 4 on, does not write it: the reader
    /// counts along.
    #[inline]
    pub fn memoize(&mut self, index: usize) -> Result<()> {
        if self.protocol.has_memoize() {
            self.memoize_uncounted();
            Ok(())
        } else {
            self.memo_index(index, Opcode::Put, Opcode::BinPut, Opcode::LongBinPut)
        }
    }

    /// The same from protocol 4 on, where the reader counts along: `MEMOIZE`, now or at the end of the pickle.
    #[inline(always)]
    pub fn memoize_uncounted(&mut self) {
        if let Some(referenced) = &mut self.referenced {
            if !referenced.note(self.buffer.len()) {
                self.buffer.out_of_memory();
            }
        } else {
            self.op(Opcode::Memoize);
        }
    }

    /// Pushes the memo entry that was stored under `index`: `BINGET`, `LONG_BINGET` or `GET`.
    #[inline]
    pub fn get(&mut self, index: usize) -> Result<()> {
        if self.refer(index) {
            return Ok(());
        }
        self.memo_index(index, Opcode::Get, Opcode::BinGet, Opcode::LongBinGet)
    }

    /// How many bytes of memory are taken by references that are settled at the end of the pickle.
    #[must_use]
    pub fn memory_of_references(&self) -> usize {
        self.referenced.as_ref().map_or(0, |referenced| referenced.memory_of_references())
    }

    /// Memoizes the object that was memoized under `index` even if nothing refers to it: a reader must keep it alive.
    pub fn keep(&mut self, index: usize) {
        if let Some(referenced) = &mut self.referenced
            && referenced.keep(index).is_none()
        {
            self.buffer.out_of_memory();
        }
    }

    /// The same as [`get`](Self::get), but for what is seldom: if the index is too large, or values are text, it writes
    /// nothing and returns false.
    #[inline(never)]
    pub fn refer(&mut self, index: usize) -> bool {
        let Some(referenced) = &mut self.referenced else { return self.refer_by_number(index) };
        if !self.framing.is_due()
            && let Some(byte) = referenced.refer_at_once(self.buffer.len() + SHORT_REFERENCE, index)
        {
            self.write_word(u64::from(Opcode::BinGet.byte()) | u64::from(byte) << 8, SHORT_REFERENCE);
            return true;
        }
        self.refer_for_the_first_time(index)
    }

    /// The same where what is memoized has its number already.
    #[inline]
    fn refer_by_number(&mut self, index: usize) -> bool {
        let Ok(index) = u32::try_from(index) else { return false };
        if !self.binary || self.framing.is_due() {
            return false;
        }
        let (opcode, len) = if u8::try_from(index).is_ok() {
            (Opcode::BinGet, SHORT_REFERENCE)
        } else {
            (Opcode::LongBinGet, LONG_REFERENCE)
        };
        self.write_word(u64::from(opcode.byte()) | u64::from(index) << 8, len);
        true
    }

    /// The same, if that may be done [at once](Self::writes_at_once).
    #[inline(always)]
    pub fn refer_at_once(&mut self, index: usize) -> bool {
        self.writes_at_once() && self.refer(index)
    }

    /// The same, whatever there is to be done besides.
    #[inline(never)]
    fn refer_for_the_first_time(&mut self, index: usize) -> bool {
        let Some(referenced) = &mut self.referenced else { return false };
        // The greatest number stands for no object.
        let Some(target) = u32::try_from(index).ok().filter(|&index| index != u32::MAX) else { return false };
        self.framing.enter(&mut self.buffer);
        let Some(byte) = referenced.refer(self.buffer.len() + SHORT_REFERENCE, target) else {
            self.buffer.out_of_memory()
        };
        self.buffer.extend_from_slice(&argument::uint1(Opcode::BinGet, byte));
        true
    }

    #[inline]
    fn memo_index(&mut self, index: usize, text: Opcode, short: Opcode, long: Opcode) -> Result<()> {
        if !self.binary {
            self.line(text, index.to_string().as_bytes());
        } else if let Ok(index) = u8::try_from(index) {
            self.write(&argument::uint1(short, index));
        } else if let Ok(index) = u32::try_from(index)
            && self.referenced.is_none()
        {
            self.write(&argument::uint4(long, index));
        } else {
            return Err(memo_too_large(long, index));
        }
        Ok(())
    }
}
