//! The loop over the opcodes.

use std::cmp::Ordering;

use pickle_format::Opcode;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyTuple};
use python_objects::building::unfilled::Kind;
use python_objects::building::{call, container, literal};
use python_objects::int;
use python_objects::raised::Raised;

use super::machine::Machine;
use super::refused;

/// Why an opcode was not carried out.
pub(super) enum Stop {
    /// It is not for this unpickler. Nothing has happened yet.
    Doubt,
    /// Code that it ran, or that was to run, raised an exception.
    Raised(Raised),
}

impl From<Raised> for Stop {
    #[inline]
    fn from(raised: Raised) -> Self {
        Self::Raised(raised)
    }
}

impl<'py> Machine<'py> {
    /// Carries the pickle out, up to STOP.
    pub(super) fn load(&mut self) -> Result<Bound<'py, PyAny>, Stop> {
        loop {
            let Some(byte) = self.input.next_opcode() else {
                self.input.go_on()?;
                continue;
            };
            match Opcode::from_byte(byte).ok_or(Stop::Doubt)? {
                Opcode::Stop => {
                    self.below(1)?;
                    return self.stack.pop().ok_or(Stop::Doubt);
                }
                opcode => self.carry_out(opcode)?,
            }
        }
    }

    /// Carries an opcode out, other than STOP.
    #[expect(clippy::too_many_lines, reason = "a row per opcode: what is more than a row is a method")]
    #[inline(always)]
    fn carry_out(&mut self, opcode: Opcode) -> Result<(), Stop> {
        let py = self.py;
        match opcode {
            Opcode::Proto => {
                // Below 4, globals are looked for in another way.
                if !matches!(self.input.byte()?, 4 | 5) {
                    return Err(Stop::Doubt);
                }
            }
            Opcode::Frame => {
                let len = self.input.len8()?;
                self.input.enter_frame(len)?;
            }

            Opcode::None => self.push(py.None().into_bound(py))?,
            Opcode::NewTrue => self.push(PyBool::new(py, true).to_owned().into_any())?,
            Opcode::NewFalse => self.push(PyBool::new(py, false).to_owned().into_any())?,
            Opcode::BinInt1 => {
                let number = self.input.byte()?;
                self.push_int(number.into())?;
            }
            Opcode::BinInt2 => {
                let number = u16::from_le_bytes(self.input.array()?);
                self.push_int(number.into())?;
            }
            Opcode::BinInt => {
                let number = i32::from_le_bytes(self.input.array()?);
                self.push_int(number.into())?;
            }
            Opcode::Long1 => self.load_long1()?,
            Opcode::BinFloat => {
                let number = f64::from_be_bytes(self.input.array()?);
                self.push(literal::float_of(py, number)?)?;
            }

            Opcode::ShortBinUnicode => {
                let len = self.input.byte()?.into();
                self.load_str(len)?;
            }
            Opcode::BinUnicode => {
                let len = self.input.len4()?;
                self.load_str(len)?;
            }
            Opcode::BinUnicode8 => {
                let len = self.input.len8()?;
                self.load_str(len)?;
            }
            Opcode::ShortBinBytes => {
                let len = self.input.byte()?.into();
                self.load_bytes(len, Kind::Bytes)?;
            }
            Opcode::BinBytes => {
                let len = self.input.len4()?;
                self.load_bytes(len, Kind::Bytes)?;
            }
            Opcode::BinBytes8 => {
                let len = self.input.len8()?;
                self.load_bytes(len, Kind::Bytes)?;
            }
            Opcode::ByteArray8 => {
                let len = self.input.len8()?;
                self.load_bytes(len, Kind::ByteArray)?;
            }

            Opcode::NextBuffer => self.load_next_buffer()?,
            Opcode::ReadonlyBuffer => {
                let height = self.below(1)?;
                if let Some(view) = call::read_only(&self.stack[height])? {
                    self.stack[height] = view;
                }
            }

            Opcode::Mark => self.mark()?,
            Opcode::EmptyTuple => self.push(PyTuple::empty(py).into_any())?,
            Opcode::Tuple1 => self.load_last_as_tuple(1)?,
            Opcode::Tuple2 => self.load_last_as_tuple(2)?,
            Opcode::Tuple3 => self.load_last_as_tuple(3)?,
            Opcode::Tuple => {
                let mark = self.marked_above(0)?;
                self.load_tuple_from(mark, self.fence_below())?;
                self.unmark();
            }
            Opcode::EmptyList => self.push_new(container::empty_list(py))?,
            Opcode::Append => {
                let height = self.below(2)?;
                self.append_from(height + 1)?;
            }
            Opcode::Appends => {
                let mark = self.marked_above(1)?;
                self.append_from(mark)?;
                self.unmark();
            }
            Opcode::EmptyDict => self.push_new(container::empty_dict(py))?,
            Opcode::SetItem => {
                let height = self.below(3)?;
                self.set_items_from(height + 1, self.fence)?;
            }
            Opcode::SetItems => {
                let mark = self.marked_above(1)?;
                self.set_items_from(mark, self.fence_below())?;
                self.unmark();
            }
            Opcode::EmptySet => self.push_new(container::empty_set(py))?,
            Opcode::AddItems => {
                let mark = self.marked_above(1)?;
                self.add_items_from(mark)?;
                self.unmark();
            }
            Opcode::FrozenSet => {
                let mark = self.marked_above(0)?;
                self.load_frozenset_from(mark)?;
                self.unmark();
            }

            Opcode::Memoize => {
                let object = self.top()?.clone();
                self.memoize(object)?;
            }
            Opcode::BinPut => {
                let index = self.input.byte()?.into();
                self.load_put(index)?;
            }
            Opcode::LongBinPut => {
                let index = self.input.len4()?;
                self.load_put(index)?;
            }
            Opcode::BinGet => {
                let index = self.input.byte()?.into();
                self.load_get(index)?;
            }
            Opcode::LongBinGet => {
                let index = self.input.len4()?;
                self.load_get(index)?;
            }
            Opcode::Pop if self.has_mark_on_top() => self.unmark(),
            Opcode::Pop => {
                let height = self.below(1)?;
                self.cut(height);
            }
            Opcode::PopMark => {
                let mark = self.marked_above(0)?;
                self.cut(mark);
                self.unmark();
            }
            Opcode::Dup => {
                let object = self.top()?.clone();
                self.push(object)?;
            }

            Opcode::StackGlobal => self.load_stack_global()?,
            Opcode::NewObj => self.load_newobj()?,
            Opcode::Reduce => self.load_reduce()?,
            Opcode::Build => self.load_build()?,
            // Older protocols, persistent ids, and what is seldom written.
            _ => return Err(Stop::Doubt),
        }
        Ok(())
    }

    #[inline(always)]
    fn push_int(&mut self, number: i64) -> Result<(), Stop> {
        self.push(literal::int_of(self.py, number)?)
    }

    fn load_long1(&mut self) -> Result<(), Stop> {
        let len = self.input.byte()?.into();
        let Some(bytes) = self.input.at_hand(len) else {
            self.input.refill(len)?;
            return self.load_long(len);
        };
        let Some(missing) = 8_usize.checked_sub(len) else { return self.load_long(len) };
        let mut digits = [0; 8];
        digits[missing..].copy_from_slice(bytes);
        self.input.pass(len);
        // Shifted down from the top, for the sign.
        self.push_int(if len == 0 { 0 } else { i64::from_le_bytes(digits) >> (8 * missing) })
    }

    fn load_long(&mut self, len: usize) -> Result<(), Stop> {
        let bytes = self.input.at_hand(len).ok_or(Stop::Doubt)?;
        let number = int::from_twos_complement(self.py, bytes).map_err(|_| Stop::Doubt)?;
        self.input.pass(len);
        self.push(number)
    }

    /// Pushes what was made of the pickle's own bytes. If that failed, `pickle` says why.
    #[inline(always)]
    fn push_new(&mut self, made: Result<Bound<'py, PyAny>, Raised>) -> Result<(), Stop> {
        match made {
            Ok(object) => self.push(object),
            Err(raised) => {
                raised.forget(self.py);
                Err(Stop::Doubt)
            }
        }
    }

    #[inline(always)]
    fn load_str(&mut self, len: usize) -> Result<(), Stop> {
        let Some(utf8) = self.input.at_hand(len) else { return self.load_str_of_file(len) };
        if self.names.are_read() {
            return self.load_name(len);
        }
        let made = literal::str_of(self.py, utf8);
        self.input.pass(len);
        self.push_new(made)
    }

    #[inline(never)]
    fn load_name(&mut self, len: usize) -> Result<(), Stop> {
        let utf8 = self.input.at_hand(len).ok_or(Stop::Doubt)?;
        let made = match self.names.get(self.py, utf8)? {
            Some(name) => Ok(name),
            None => literal::str_of(self.py, utf8),
        };
        self.input.pass(len);
        self.push_new(made)
    }

    #[cold]
    #[inline(never)]
    fn load_str_of_file(&mut self, len: usize) -> Result<(), Stop> {
        self.input.refill(len)?;
        self.load_str(len)
    }

    fn load_bytes(&mut self, len: usize, kind: Kind) -> Result<(), Stop> {
        let Some(bytes) = self.input.contents_at_hand(len) else {
            let object = self.input.read_object(kind, len)?;
            return self.push(object);
        };
        let made = match kind {
            Kind::Bytes => literal::bytes_of(self.py, bytes),
            Kind::ByteArray => literal::bytearray_of(self.py, bytes),
        };
        self.input.pass(len);
        self.push_new(made)
    }

    fn load_next_buffer(&mut self) -> Result<(), Stop> {
        let buffer = call::next(self.buffers.as_ref().ok_or(Stop::Doubt)?)?;
        self.fresh.forget_from(self.stack.len());
        self.push(buffer.ok_or_else(|| refused(self.py, "not enough out-of-band buffers"))?)
    }

    fn load_put(&mut self, index: usize) -> Result<(), Stop> {
        let object = self.top()?.clone();
        match index.cmp(&self.memo.len()) {
            Ordering::Less => self.memo[index] = object,
            Ordering::Equal => self.memoize(object)?,
            // With gaps.
            Ordering::Greater => return Err(Stop::Doubt),
        }
        Ok(())
    }

    #[inline(always)]
    fn load_get(&mut self, index: usize) -> Result<(), Stop> {
        let object = self.memo.get(index).ok_or(Stop::Doubt)?.clone();
        self.push(object)
    }
}
