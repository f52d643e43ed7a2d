//! Tuples, lists, dicts and sets: the frames that walk them.
//!
//! Nothing is borrowed from a container while a part of it is saved: that may run user code, which may change the
//! container. Dicts and sets that change size under the walk are a `RuntimeError`, as in `pickle`; a list is followed as
//! far as it reaches. Until Python code runs, a container is written as it was when the dump came to it, also where other
//! threads change it meanwhile: there are cursors for that.

use pickle_format::Opcode;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyIterator, PyList, PySet, PyTuple};
use python_objects::compat::batches::REST_IS_SHORT;
use python_objects::dict::{self, DictCursor};
use python_objects::identity;
use python_objects::list::{LOOK_AHEAD, ListCursor};
use python_objects::set::{self, SetCursor};

use super::engine::{CallsOfPython, Engine};
use super::frame::{Saved, Suspendable, save_part};
use super::optimism::Shared;
use super::path::Hop;
use crate::reduce::reduction::Reduction;

/// How many items one APPENDS, SETITEMS or ADDITEMS takes: what the unpickler's stack has to hold.
pub(super) const BATCH_SIZE: usize = 1000;

pub(super) struct TupleFrame<'py> {
    pub(super) tuple: Bound<'py, PyTuple>,
    /// The next item.
    index: usize,
    shared: Shared,
}

pub(super) struct ListFrame<'py> {
    pub(super) list: Bound<'py, PyList>,
    pub(super) cursor: ListCursor<'py>,
    /// The calls of Python code before the walk.
    pub(super) calls: CallsOfPython,
    pub(super) batch: Batch,
}

pub(super) struct DictFrame<'py> {
    pub(super) dict: Bound<'py, PyDict>,
    cursor: DictCursor<'py>,
    /// The calls of Python code before the walk.
    calls: CallsOfPython,
    /// How many items the cursor gave.
    taken: usize,
    /// The value of the key that was saved last.
    value: Option<Bound<'py, PyAny>>,
    batch: Batch,
}

pub(super) struct SetFrame<'py> {
    pub(super) set: Bound<'py, PySet>,
    cursor: SetCursor<'py>,
    /// The calls of Python code before the walk.
    calls: CallsOfPython,
    batch: Batch,
}

pub(super) struct FrozenSetFrame<'py> {
    pub(super) set: Bound<'py, PyFrozenSet>,
    items: Bound<'py, PyIterator>,
    shared: Shared,
}

/// How the items of a container are gathered.
pub(super) enum Batch {
    /// Each by an opcode of its own: in protocol 0, and for a single item.
    Single {
        /// An item is saved whose opcode is still to be written.
        pending: bool,
    },
    /// No MARK is open.
    Closed,
    /// A MARK and this many items are on the unpickler's stack.
    Open(usize),
}

impl<'py> Suspendable<'py> for TupleFrame<'py> {
    fn object(&self) -> Option<&Bound<'py, PyAny>> {
        Some(self.tuple.as_any())
    }

    #[inline(always)]
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        let len = self.tuple.len();
        while self.index < len {
            let item = self.tuple.get_item(self.index)?;
            self.index += 1;
            save_part!(engine, &item);
        }
        engine.finish_tuple(&self.tuple, self.shared)?;
        Ok(Saved::Done)
    }
}

impl<'py> TupleFrame<'py> {
    /// Before the item of that index.
    pub(super) fn at(tuple: &Bound<'py, PyTuple>, index: usize, shared: Shared) -> Self {
        Self { tuple: tuple.clone(), index, shared }
    }

    pub(super) fn hop(&self) -> Hop<'py> {
        Hop::Index(self.index.saturating_sub(1))
    }

    pub(super) fn in_progress(&self) -> String {
        format!("tuple item {}", self.index.saturating_sub(1))
    }
}

impl<'py> ListFrame<'py> {
    /// Saves most items of long lists: from a batch of `count` items to a full one, or to the end of the list.
    #[inline(always)]
    fn fill(&mut self, engine: &mut Engine<'py, '_>, count: usize) -> PyResult<Saved> {
        let before = engine.encoder.written().len();
        let result = if self.cursor.pays_to_look_ahead(&self.list) {
            self.fill_looking_ahead(engine, count)
        } else {
            self.fill_up_to(BATCH_SIZE, engine, count)
        };
        if count == 0 && matches!(self.batch, Batch::Open(BATCH_SIZE)) {
            let left = self.cursor.left(&self.list, engine.calls == self.calls);
            engine.expect_more_like_this_batch(before, left)?;
        }
        result
    }

    /// The same in pieces, at each of which a later one begins to be read: of ten million, ints and texts take an eighth
    /// less time. In the loop of all lists, that would cost short ones up to a fifth.
    #[inline(never)]
    fn fill_looking_ahead(&mut self, engine: &mut Engine<'py, '_>, mut count: usize) -> PyResult<Saved> {
        loop {
            self.cursor.look_ahead(&self.list);
            let end = BATCH_SIZE.min(count + LOOK_AHEAD);
            if self.fill_up_to(end, engine, count)? == Saved::Suspended {
                return Ok(Saved::Suspended);
            }
            if end == BATCH_SIZE || !matches!(self.batch, Batch::Open(filled) if filled == end) {
                return Ok(Saved::Done);
            }
            count = end;
        }
    }

    /// From a batch of `count` items to one of `end`, or to the end of the list.
    #[inline(always)]
    fn fill_up_to(&mut self, end: usize, engine: &mut Engine<'py, '_>, mut count: usize) -> PyResult<Saved> {
        let mut result = Ok(Saved::Done);
        while count < end
            && let Some(is_done) = engine.save_next(&mut self.cursor, &self.list, engine.calls == self.calls)
        {
            count += 1;
            if !is_done {
                result = engine.interrupted();
                break;
            }
        }
        self.batch = Batch::Open(count);
        result
    }

    pub(super) fn hop(&self) -> Hop<'py> {
        Hop::Index(self.cursor.taken().saturating_sub(1))
    }

    pub(super) fn in_progress(&self) -> String {
        format!("list item {}", self.cursor.taken().saturating_sub(1))
    }
}

impl<'py> Suspendable<'py> for ListFrame<'py> {
    fn object(&self) -> Option<&Bound<'py, PyAny>> {
        Some(self.list.as_any())
    }

    #[inline(always)]
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        loop {
            match &mut self.batch {
                Batch::Open(count) => {
                    let count = *count;
                    if self.fill(engine, count)? == Saved::Suspended {
                        return Ok(Saved::Suspended);
                    }
                    engine.encoder.op(Opcode::Appends);
                    if !matches!(self.batch, Batch::Open(BATCH_SIZE)) {
                        return Ok(Saved::Done);
                    }
                    self.batch = Batch::Closed;
                }
                batch @ Batch::Closed => match self.cursor.left(&self.list, engine.calls == self.calls) {
                    0 => return Ok(Saved::Done),
                    1 if REST_IS_SHORT => *batch = Batch::Single { pending: false },
                    _ => {
                        engine.encoder.op(Opcode::Mark);
                        *batch = Batch::Open(0);
                    }
                },
                Batch::Single { pending } => {
                    let item = self.cursor.next(&self.list, engine.calls == self.calls);
                    if std::mem::replace(pending, item.is_some()) {
                        engine.encoder.op(Opcode::Append);
                    }
                    let Some(item) = item else { return Ok(Saved::Done) };
                    save_part!(engine, &item);
                }
            }
        }
    }
}

impl Engine<'_, '_> {
    /// Expects the items that are left to take as much room each as those of the batch that was just filled, before which
    /// `before` bytes were written.
    ///
    /// # Errors
    /// If the dump is to start over, because that is too much.
    #[inline(never)]
    fn expect_more_like_this_batch(&mut self, before: usize, left: usize) -> PyResult<()> {
        // What goes to a file is handed over piece by piece, and is never long.
        if self.output.is_memory() {
            let written = self.encoder.written().len();
            let rest = (written - before).saturating_mul(left) / BATCH_SIZE;
            let expected = written.saturating_add(rest);
            self.output.may_be_so_long(expected, &mut self.optimism)?;
            self.encoder.buffer_mut().expect(expected);
        }
        Ok(())
    }
}

impl<'py> DictFrame<'py> {
    /// Where `taken` items were taken, and `value` is that of a key in progress.
    pub(super) fn at(
        dict: &Bound<'py, PyDict>,
        cursor: DictCursor<'py>,
        calls: CallsOfPython,
        taken: usize,
        value: Option<Bound<'py, PyAny>>,
        batch: Batch,
    ) -> Self {
        Self { dict: dict.clone(), cursor, calls, taken, value, batch }
    }

    /// Saves items from a batch of `count` to a full one, or to the end of the dict.
    #[inline(always)]
    fn fill(&mut self, engine: &mut Engine<'py, '_>, count: usize) -> PyResult<Saved> {
        let before = engine.encoder.written().len();
        let own = dict::has_keys_of_its_own(&self.dict);
        let mut left = BATCH_SIZE - count;
        let mut result = Ok(Saved::Done);
        while left > 0
            && let Some((key, value)) = self.cursor.next(&self.dict, engine.calls == self.calls)?
        {
            left -= 1;
            if !engine.save_key_part(&key, own) {
                self.value = Some(value);
                result = engine.interrupted();
                break;
            }
            if !engine.save_part(&value) {
                result = engine.interrupted();
                break;
            }
        }
        self.taken += BATCH_SIZE - count - left;
        self.batch = Batch::Open(BATCH_SIZE - left);
        if count == 0 && left == 0 {
            engine.expect_more_like_this_batch(before, self.cursor.len_at_start().saturating_sub(self.taken))?;
        }
        result
    }

    pub(super) fn hop(&self) -> Option<Hop<'py>> {
        let key = self.key()?;
        Some(if self.value.is_some() { Hop::Key(key) } else { Hop::Value(key, Some(self.dict.clone())) })
    }

    /// The key of the item in progress.
    fn key(&self) -> Option<Bound<'py, PyAny>> {
        self.dict.keys().get_item(self.taken.checked_sub(1)?).ok()
    }

    /// The item whose value is being saved; nothing for a key.
    pub(super) fn in_progress(&self) -> Option<String> {
        if self.value.is_some() {
            return None;
        }
        let key = self.key()?;
        Some(format!("dict item {}", key.repr().ok()?))
    }
}

impl<'py> Suspendable<'py> for DictFrame<'py> {
    fn object(&self) -> Option<&Bound<'py, PyAny>> {
        Some(self.dict.as_any())
    }

    #[inline(always)]
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        loop {
            if let Some(value) = self.value.take() {
                save_part!(engine, &value);
            }
            if let Batch::Single { pending } = &mut self.batch
                && std::mem::take(pending)
            {
                engine.encoder.op(Opcode::SetItem);
            }
            match self.batch {
                Batch::Closed if REST_IS_SHORT && self.taken + 1 >= self.cursor.len_at_start() => {
                    self.batch = Batch::Single { pending: false };
                }
                Batch::Closed => {
                    engine.encoder.op(Opcode::Mark);
                    self.batch = Batch::Open(0);
                }
                _ => {}
            }
            if let Batch::Open(count) = self.batch {
                if self.fill(engine, count)? == Saved::Suspended {
                    return Ok(Saved::Suspended);
                }
                engine.encoder.op(Opcode::SetItems);
                // Like `_pickle` before 3.15, a full batch is followed by another, even an empty one.
                if !matches!(self.batch, Batch::Open(BATCH_SIZE)) {
                    return Ok(Saved::Done);
                }
                self.batch = Batch::Closed;
            } else {
                let Some((key, value)) = self.cursor.next(&self.dict, engine.calls == self.calls)? else {
                    return Ok(Saved::Done);
                };
                self.batch = Batch::Single { pending: true };
                self.taken += 1;
                self.value = Some(value);
                if engine.save_key(&key)? == Saved::Suspended {
                    return Ok(Saved::Suspended);
                }
            }
        }
    }
}

impl<'py> Suspendable<'py> for SetFrame<'py> {
    fn object(&self) -> Option<&Bound<'py, PyAny>> {
        Some(self.set.as_any())
    }

    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        loop {
            let item = self.cursor.next(&self.set, engine.calls == self.calls)?;
            // Like `_pickle` before 3.15, a full batch is followed by another, even an empty one.
            if let Batch::Open(BATCH_SIZE) = self.batch {
                engine.encoder.op(Opcode::AddItems);
                self.batch = Batch::Closed;
                if REST_IS_SHORT && item.is_none() {
                    return Ok(Saved::Done);
                }
            }
            let count = if let Batch::Open(count) = self.batch {
                count
            } else {
                engine.encoder.op(Opcode::Mark);
                0
            };
            let Some(item) = item else {
                engine.encoder.op(Opcode::AddItems);
                return Ok(Saved::Done);
            };
            self.batch = Batch::Open(count + 1);
            save_part!(engine, &item);
        }
    }
}

impl<'py> Suspendable<'py> for FrozenSetFrame<'py> {
    fn object(&self) -> Option<&Bound<'py, PyAny>> {
        Some(self.set.as_any())
    }

    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        for item in self.items.by_ref() {
            save_part!(engine, &item?);
        }
        if let Some(index) = engine.memo_get_made(self.set.as_any(), self.shared) {
            // It was reached again through one of its items and is complete; what is on the stack is a second copy.
            engine.encoder.op(Opcode::PopMark);
            engine.memo_fetch(index)?;
        } else {
            engine.encoder.op(Opcode::FrozenSet);
            engine.memo_put_made(self.set.as_any(), self.shared)?;
        }
        Ok(Saved::Done)
    }
}

impl<'py> Engine<'py, '_> {
    pub(super) fn save_tuple(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Saved> {
        let tuple = obj.cast::<PyTuple>()?;
        if tuple.is_empty() {
            // There is only one empty tuple: it is cheaper to write than to look up.
            if self.settings.binary {
                self.encoder.op(Opcode::EmptyTuple);
            } else {
                self.encoder.op(Opcode::Mark);
                self.encoder.op(Opcode::Tuple);
            }
            return Ok(Saved::Done);
        }
        if !self.has_short_opcode(tuple) {
            self.encoder.op(Opcode::Mark);
        }
        self.begin_making(obj, shared)?;
        self.enter(TupleFrame { tuple: tuple.clone(), index: 0, shared })
    }

    fn has_short_opcode(&self, tuple: &Bound<'py, PyTuple>) -> bool {
        tuple.len() <= 3 && self.settings.protocol.has_short_tuples()
    }

    /// The items are on the unpickler's stack.
    fn finish_tuple(&mut self, tuple: &Bound<'py, PyTuple>, shared: Shared) -> PyResult<()> {
        let len = tuple.len();
        if let Some(index) = self.memo_get_made(tuple.as_any(), shared) {
            // It was reached again through one of its items and is complete; what is on the stack is a second copy.
            if self.has_short_opcode(tuple) {
                (0..len).for_each(|_| self.encoder.op(Opcode::Pop));
            } else if self.settings.binary {
                self.encoder.op(Opcode::PopMark);
            } else {
                // The MARK too.
                (0..=len).for_each(|_| self.encoder.op(Opcode::Pop));
            }
            return self.memo_fetch(index);
        }
        self.encoder.op(match len {
            _ if !self.has_short_opcode(tuple) => Opcode::Tuple,
            1 => Opcode::Tuple1,
            2 => Opcode::Tuple2,
            _ => Opcode::Tuple3,
        });
        // If it is what the pickle is of, nothing comes after it. Reached again through one of its items, it is not the
        // outermost frame.
        if self.inline_levels == 1 && identity::of(tuple.as_any()) == self.root {
            return Ok(());
        }
        self.memo_put_made(tuple.as_any(), shared)
    }

    pub(super) fn save_list(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Saved> {
        let list = obj.cast::<PyList>()?;
        if self.settings.binary {
            self.encoder.op(Opcode::EmptyList);
        } else {
            self.encoder.op(Opcode::Mark);
            self.encoder.op(Opcode::List);
        }
        self.memo_put_if(obj, shared)?;
        if list.is_empty() {
            return Ok(Saved::Done);
        }
        let cursor = ListCursor::new(list);
        let (batch, calls) = (self.batch_for(cursor.len_at_start(list)), self.calls);
        self.enter(ListFrame { list: list.clone(), cursor, calls, batch })
    }

    pub(super) fn save_dict(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Saved> {
        let dict = obj.cast::<PyDict>()?;
        if self.settings.binary {
            self.encoder.op(Opcode::EmptyDict);
        } else {
            self.encoder.op(Opcode::Mark);
            self.encoder.op(Opcode::Dict);
        }
        self.memo_put_if(obj, shared)?;
        if dict.is_empty() {
            return Ok(Saved::Done);
        }
        let cursor = DictCursor::new(dict)?;
        let (batch, calls) = (self.batch_for(cursor.len_at_start()), self.calls);
        self.enter(DictFrame { dict: dict.clone(), cursor, calls, taken: 0, value: None, batch })
    }

    /// How a list or dict of that many items is gathered.
    fn batch_for(&self, len: usize) -> Batch {
        if len == 1 || !self.settings.protocol.is_binary() { Batch::Single { pending: false } } else { Batch::Closed }
    }

    pub(super) fn save_set(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Saved> {
        let set = obj.cast::<PySet>()?;
        if !self.settings.protocol.has_sets() {
            return self.save_set_as_call(obj);
        }
        self.encoder.op(Opcode::EmptySet);
        self.memo_put_if(obj, shared)?;
        if set.is_empty() || self.is_being_ordered(obj) {
            return Ok(Saved::Done);
        }
        let cursor = if self.orders_sets() { SetCursor::over(&self.ordered(obj)?)? } else { SetCursor::new(set)? };
        let calls = self.calls;
        self.enter(SetFrame { set: set.clone(), cursor, calls, batch: Batch::Closed })
    }

    pub(super) fn save_frozenset(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Saved> {
        let set = obj.cast::<PyFrozenSet>()?;
        if !self.settings.protocol.has_sets() {
            return self.save_set_as_call(obj);
        }
        if self.is_being_ordered(obj) {
            self.encoder.none();
            return Ok(Saved::Done);
        }
        self.begin_making(obj, shared)?;
        self.encoder.op(Opcode::Mark);
        let items = if self.orders_sets() { self.ordered(obj)?.try_iter()? } else { obj.try_iter()? };
        self.enter(FrozenSetFrame { set: set.clone(), items, shared })
    }

    /// Protocols 0 to 3 have no sets: `set([...])`.
    fn save_set_as_call(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        if self.is_being_ordered(obj) {
            self.encoder.none();
            return Ok(Saved::Done);
        }
        let items = if self.orders_sets() { self.ordered(obj)? } else { set::items_of(obj)? };
        let reduction = Reduction::call(obj.get_type().into_any(), (items,).into_pyobject(self.py)?);
        self.save_as_call(reduction, obj)
    }
}
