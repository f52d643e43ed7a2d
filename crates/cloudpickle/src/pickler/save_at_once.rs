//! The short way of everyday data: atoms, and lists, dicts and tuples that have no frame unless a part of theirs is
//! suspended or fails.
//!
//! It leads to the opcodes that frames write. What it does not know is asked for on the longer way, [`Engine::save_any`],
//! and then it goes on: a container is left to its frame only where that is resumed by somebody else. Results are small,
//! for one with an error in it would be copied about for each item: a third of all instructions for json-like data.

use pickle_format::Opcode;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBoolMethods, PyBytes, PyDict, PyList, PyString, PyTuple};
use python_objects::dict::{self, DictCursor};
use python_objects::identity;
use python_objects::kind::{Kind, exact};
use python_objects::list::{ListCursor, Next};
use python_objects::reference_count::COUNTS_ARE_EXACT;

use super::engine::Engine;
use super::frame::{Saved, Suspendable};
use super::memo::FreePlace;
use super::optimism::Shared;
use super::save_container::{BATCH_SIZE, Batch, DictFrame, ListFrame, TupleFrame};

/// How many keys are remembered, by their places in dicts.
pub(super) const LAST_KEYS: usize = 8;

/// What became of an object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AtOnce {
    /// It is written.
    Done,
    /// Nothing was written.
    NotYet,
    /// A part of it is suspended or failed, and its frame is in `Engine::unwinding`: see [`Engine::interrupted`].
    Interrupted,
}

impl AtOnce {
    #[inline(always)]
    fn done_if(is_written: bool) -> Self {
        if is_written { Self::Done } else { Self::NotYet }
    }
}

impl<'py> Engine<'py, '_> {
    /// Saves most everyday objects, if nothing is to be done before. Inlined into the loops of the containers.
    #[inline(always)]
    pub(super) fn save_at_once(&mut self, obj: &Bound<'py, PyAny>) -> AtOnce {
        if !self.encoder.writes_at_once() {
            return AtOnce::NotYet;
        }
        if let Some(string) = exact::<PyString>(obj) {
            let shared = self.optimism.is_shared(obj);
            return AtOnce::done_if(self.save_str_at_once(string, shared));
        }
        match Kind::of_atom(obj) {
            Some(Kind::Int) => AtOnce::done_if(self.save_int_at_once(obj)),
            Some(Kind::Float) => AtOnce::done_if(self.save_float_at_once(obj)),
            _ => self.save_no_number_at_once(obj),
        }
    }

    /// The same for what is neither a string nor a number.
    #[inline(always)]
    fn save_no_number_at_once(&mut self, obj: &Bound<'py, PyAny>) -> AtOnce {
        if obj.is_none() {
            self.encoder.none();
            return AtOnce::Done;
        }
        if let Some(value) = exact::<PyBool>(obj) {
            self.encoder.bool(value.is_true());
            return AtOnce::Done;
        }
        if let Some(tuple) = exact::<PyTuple>(obj) {
            return self.save_tuple_at_once(tuple);
        }
        if let Some(dict) = exact::<PyDict>(obj) {
            return self.save_dict_at_once(dict);
        }
        if let Some(list) = exact::<PyList>(obj) {
            return self.save_list_at_once(list);
        }
        if let Some(bytes) = exact::<PyBytes>(obj) {
            return AtOnce::done_if(self.save_bytes_at_once(bytes));
        }
        AtOnce::done_if(self.optimism.may_be_met_again(obj) && self.refer_at_once(obj))
    }

    /// Saves the next item of a list, and says whether it is done; if not, it is [interrupted](Self::interrupted). `None` at
    /// the end of the list. `undisturbed` as in [`ListCursor::next`].
    #[inline(always)]
    pub(super) fn save_next(
        &mut self,
        cursor: &mut ListCursor<'py>,
        list: &Bound<'py, PyList>,
        undisturbed: bool,
    ) -> Option<bool> {
        if !COUNTS_ARE_EXACT || !self.encoder.writes_at_once() {
            return cursor.next(list, undisturbed).map(|item| self.save_part(&item));
        }
        let shared_from = self.optimism.references_of_shared();
        match self.encoder.buffer_mut().append_next_at_once(cursor, list, undisturbed, shared_from) {
            Next::Written => {
                self.optimism.pass_over();
            }
            Next::Int(value) => self.encoder.short_int(value),
            Next::Float(value) => self.encoder.float(value),
            Next::Text(text, is_lone) => {
                let shared = if is_lone { self.optimism.pass_over() } else { Shared::Maybe };
                return Some(self.save_str_of_list_at_once(&text, shared) || self.save_any_part(&text));
            }
            Next::Item(item) => {
                let outcome = self.save_no_number_at_once(&item);
                return Some(self.save_rest_of_part(outcome, &item));
            }
            Next::End => return None,
        }
        Some(true)
    }

    /// Saves an atom that is held by what it is in, and to which the engine has no reference of its own.
    #[inline(always)]
    fn save_borrowed_at_once(&mut self, obj: &Bound<'py, PyAny>) -> bool {
        if !self.encoder.writes_at_once() {
            return false;
        }
        if let Some(string) = exact::<PyString>(obj) {
            if self.optimism.may_be_met_again_borrowed(obj) || !self.save_new_str_alone(string) {
                return false;
            }
            self.optimism.pass_over();
            return true;
        }
        match Kind::of_atom(obj) {
            Some(Kind::Int) => self.save_int_at_once(obj),
            Some(Kind::Float) => self.save_float_at_once(obj),
            _ => false,
        }
    }

    /// Refers to `obj`, if the memo has it and that is not done at the end.
    #[inline(never)]
    fn refer_at_once(&mut self, obj: &Bound<'py, PyAny>) -> bool {
        self.memo.get(obj).is_some_and(|index| self.encoder.refer(index))
    }

    /// The same for a key of a dict. The attributes of all instances of a class may share one reference to a name, so that
    /// a key that is a string may be met again however few references there are to it; unless the dict has the table of
    /// its keys to itself.
    #[inline(always)]
    pub(super) fn save_key_at_once(&mut self, key: &Bound<'py, PyAny>, own: bool) -> bool {
        if !self.encoder.writes_at_once() {
            return false;
        }
        let Some(string) = exact::<PyString>(key) else { return false };
        let shared = if own { self.optimism.is_shared(key) } else { Shared::Maybe };
        self.save_str_at_once(string, shared)
    }

    /// Saves a part of a container, and says whether it is done. If not, it is [interrupted](Self::interrupted).
    #[inline(always)]
    pub(super) fn save_part(&mut self, part: &Bound<'py, PyAny>) -> bool {
        let outcome = self.save_at_once(part);
        self.save_rest_of_part(outcome, part)
    }

    #[inline(always)]
    fn save_rest_of_part(&mut self, outcome: AtOnce, part: &Bound<'py, PyAny>) -> bool {
        match outcome {
            AtOnce::Done => true,
            AtOnce::NotYet => self.save_any_part(part),
            AtOnce::Interrupted => false,
        }
    }

    #[inline(never)]
    fn save_any_part(&mut self, part: &Bound<'py, PyAny>) -> bool {
        let result = self.save_any(part);
        self.is_done(result)
    }

    /// Saves a key of a dict, and says whether it is done. If not, it is [interrupted](Self::interrupted).
    #[inline(always)]
    pub(super) fn save_key_part(&mut self, key: &Bound<'py, PyAny>, own: bool) -> bool {
        self.save_key_at_once(key, own) || self.save_any_key(key)
    }

    /// The same for the key number `place` of its dict: records mostly have the keys of the one before, in the same order.
    #[inline(always)]
    fn save_key_in_place(&mut self, key: Bound<'py, PyAny>, own: bool, place: usize, like_last: &mut bool) -> bool {
        if *like_last {
            // The memo has it as long as the dump lasts, so that its address is nothing else's.
            let (address, index) = self.last_keys[place % LAST_KEYS];
            if address == identity::of(&key) && self.encoder.refer_at_once(index) {
                return true;
            }
            *like_last = false;
        }
        let Some(string) = exact::<PyString>(&key) else { return self.save_any_key(&key) };
        if own && self.optimism.is_shared(&key) == Shared::Never {
            return self.save_new_str_alone(string) || self.save_any_key(&key);
        }
        match self.memo.look_up(string) {
            Ok(index) => {
                self.last_keys[place % LAST_KEYS] = (identity::of(&key), index);
                self.encoder.refer_at_once(index) || self.save_any_key(&key)
            }
            Err(free) => {
                if !self.save_new_str_alone(string) {
                    return self.save_any_key(&key);
                }
                // The reference goes where another one would have to be made.
                self.memo.put_at(free, key);
                self.encoder.memoize_uncounted();
                true
            }
        }
    }

    #[inline(never)]
    fn save_any_key(&mut self, key: &Bound<'py, PyAny>) -> bool {
        let result = self.save_key(key);
        self.is_done(result)
    }

    #[inline(always)]
    fn is_done(&mut self, result: PyResult<Saved>) -> bool {
        match result {
            Ok(Saved::Done) => true,
            Ok(Saved::Suspended) => false,
            Err(error) => {
                self.failure = Some(error);
                false
            }
        }
    }

    /// What a part that is not done is: suspended, or failed.
    #[cold]
    #[inline(never)]
    pub(super) fn interrupted(&mut self) -> PyResult<Saved> {
        self.failure.take().map_or(Ok(Saved::Suspended), Err)
    }

    /// Where `obj` belongs in the memo, if it may be met again; or, if the memo has it, what became of the attempt to refer
    /// to it.
    #[inline(always)]
    fn place_of(&mut self, obj: &Bound<'py, PyAny>) -> Result<Option<FreePlace>, AtOnce> {
        match self.optimism.is_shared(obj) {
            Shared::Never => Ok(None),
            Shared::Maybe => self.look_up(obj).map(Some),
        }
    }

    #[inline(never)]
    fn look_up(&mut self, obj: &Bound<'py, PyAny>) -> Result<FreePlace, AtOnce> {
        match self.memo.look_up(obj) {
            Ok(index) => Err(AtOnce::done_if(self.encoder.refer(index))),
            Err(place) => Ok(place),
        }
    }

    /// Saves the `__dict__` of an instance, or begins to.
    #[inline]
    pub(super) fn save_attributes(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Saved> {
        if self.encoder.writes_at_once() {
            match self.save_dict_at_once(dict) {
                AtOnce::Done => return Ok(Saved::Done),
                AtOnce::NotYet => {}
                AtOnce::Interrupted => return self.interrupted(),
            }
        }
        self.save_any(dict)
    }

    #[inline(never)]
    fn save_list_at_once(&mut self, list: &Bound<'py, PyList>) -> AtOnce {
        let len = list.len();
        if len >= BATCH_SIZE || self.inline_levels >= self.levels_at_once {
            return AtOnce::NotYet;
        }
        let place = match self.place_of(list) {
            Ok(place) => place,
            Err(outcome) => return outcome,
        };
        let is_batch = len > 1;
        self.begin_container(Opcode::EmptyList, list, place, is_batch);
        if len == 0 {
            return AtOnce::Done;
        }
        self.inline_levels += 1;
        let mut cursor = ListCursor::new(list);
        let attention_from = if is_batch { BATCH_SIZE } else { 1 };
        let goes_on = loop {
            match self.save_next(&mut cursor, list, true) {
                Some(true) => {}
                Some(false) => break false,
                None => {
                    if is_batch {
                        self.encoder.op(Opcode::Appends);
                    }
                    self.inline_levels -= 1;
                    return AtOnce::Done;
                }
            }
            if cursor.taken() >= attention_from {
                if is_batch {
                    break true;
                }
                self.encoder.op(Opcode::Append);
            }
        };
        let batch = if is_batch { Batch::Open(cursor.taken()) } else { Batch::Single { pending: true } };
        self.leave_to_frame(ListFrame { list: list.clone(), cursor, calls: self.calls, batch }, goes_on)
    }

    #[inline(never)]
    fn save_dict_at_once(&mut self, dict: &Bound<'py, PyDict>) -> AtOnce {
        let len = dict.len();
        if len >= BATCH_SIZE || self.inline_levels >= self.levels_at_once {
            return AtOnce::NotYet;
        }
        let Ok(mut cursor) = DictCursor::new(dict) else { return AtOnce::NotYet };
        let place = match self.place_of(dict) {
            Ok(place) => place,
            Err(outcome) => return outcome,
        };
        let is_batch = len > 1;
        self.begin_container(Opcode::EmptyDict, dict, place, is_batch);
        if len == 0 {
            return AtOnce::Done;
        }
        self.inline_levels += 1;
        let own = dict::has_keys_of_its_own(dict);
        let attention_from = if is_batch { BATCH_SIZE } else { 1 };
        let (mut taken, mut like_last) = (0, true);
        // What is in progress where the walk is left: a value whose key is not done, and whether anything.
        let (value, goes_on) = loop {
            let (key, value) = match cursor.next(dict, true) {
                Ok(Some(item)) => item,
                Ok(None) => {
                    if is_batch {
                        self.encoder.op(Opcode::SetItems);
                    }
                    self.inline_levels -= 1;
                    return AtOnce::Done;
                }
                Err(error) => {
                    self.failure = Some(error);
                    // The item that would be next is in no path.
                    if is_batch {
                        taken = 0;
                    }
                    break (None, false);
                }
            };
            taken += 1;
            if !self.save_key_in_place(key, own, taken, &mut like_last) {
                break (Some(value), false);
            }
            if !self.save_part(&value) {
                break (None, false);
            }
            if taken >= attention_from {
                if is_batch {
                    break (None, true);
                }
                self.encoder.op(Opcode::SetItem);
            }
        };
        let batch = if is_batch { Batch::Open(taken) } else { Batch::Single { pending: true } };
        let frame = DictFrame::at(dict, cursor, self.calls, taken, value, batch);
        self.leave_to_frame(frame, goes_on)
    }

    /// A tuple that cannot be met again among its own items: nobody else refers to it, or they are atoms.
    #[inline(never)]
    fn save_tuple_at_once(&mut self, tuple: &Bound<'py, PyTuple>) -> AtOnce {
        if tuple.is_empty() || self.inline_levels >= self.levels_at_once {
            return AtOnce::NotYet;
        }
        let shared = self.optimism.is_shared(tuple);
        if shared == Shared::Maybe {
            if let Err(outcome) = self.look_up(tuple) {
                return outcome;
            }
            if !has_only_atoms(tuple) {
                return AtOnce::NotYet;
            }
        }
        self.encoder.begin_tuple(tuple.len());
        self.inline_levels += 1;
        for (index, item) in tuple.as_slice().iter().enumerate() {
            if !self.save_borrowed_at_once(item) && !self.save_part(&item.clone()) {
                return self.leave_to_frame(TupleFrame::at(tuple, index + 1, shared), false);
            }
        }
        self.encoder.end_tuple(tuple.len());
        self.inline_levels -= 1;
        // If it is what the pickle is of, nothing comes after it.
        if shared == Shared::Maybe && (self.inline_levels > 0 || identity::of(tuple) != self.root) {
            self.memo.put(tuple);
            self.encoder.memoize_uncounted();
        }
        AtOnce::Done
    }

    #[inline(always)]
    fn begin_container(&mut self, opcode: Opcode, obj: &Bound<'py, PyAny>, place: Option<FreePlace>, has_mark: bool) {
        match place {
            None => self.encoder.op_and_mark_if(opcode, has_mark),
            Some(place) => self.begin_shared_container(opcode, obj, place, has_mark),
        }
    }

    #[inline(never)]
    fn begin_shared_container(&mut self, opcode: Opcode, obj: &Bound<'py, PyAny>, place: FreePlace, has_mark: bool) {
        self.encoder.op(opcode);
        self.memo.put_at(place, obj.clone());
        self.encoder.memoize_uncounted();
        if has_mark {
            self.encoder.op(Opcode::Mark);
        }
    }

    /// Suspends a frame where it is interrupted, or goes on in it.
    #[cold]
    #[inline(never)]
    fn leave_to_frame<F: Suspendable<'py>>(&mut self, mut frame: F, goes_on: bool) -> AtOnce {
        if goes_on {
            let result = frame.resume(self);
            self.inline_levels -= 1;
            if self.is_done(result) {
                return AtOnce::Done;
            }
        } else {
            self.inline_levels -= 1;
        }
        self.suspend(frame);
        AtOnce::Interrupted
    }
}

/// Whether all items are written without looking into them.
#[inline]
fn has_only_atoms(tuple: &Bound<'_, PyTuple>) -> bool {
    tuple.as_slice().iter().all(|item| Kind::of(item) == Kind::Str || Kind::of_atom(item).is_some())
}
