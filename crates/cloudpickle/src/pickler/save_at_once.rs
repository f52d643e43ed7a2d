//! The short way of everyday data: atoms, and lists, dicts and tuples that have no frame unless a part of theirs is
//! suspended or fails.
//!
//! It leads to the opcodes that frames write. What it does not know is asked for on the longer way, [`Engine::save_any`],
//! and then it goes on: a container is left to its frame only where that is resumed by somebody else. Results are small,
//! for one with an error in it would be copied about for each item: a third of all instructions for json-like data.

use pickle_format::Opcode;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBoolMethods, PyDict, PyList, PyString, PyTuple};
use python_objects::dict::{self, DictCursor};
use python_objects::identity;
use python_objects::kind::{Kind, exact};
use python_objects::list::ListCursor;

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
        AtOnce::done_if(match Kind::of(obj) {
            Kind::Int => self.save_int_at_once(obj),
            Kind::Float => self.save_float_at_once(obj),
            Kind::None => {
                self.encoder.none();
                true
            }
            Kind::Bool => match obj.cast::<PyBool>() {
                Ok(value) => {
                    self.encoder.bool(value.is_true());
                    true
                }
                Err(_) => false,
            },
            Kind::Tuple => return exact(obj).map_or(AtOnce::NotYet, |tuple| self.save_tuple_at_once(tuple)),
            Kind::Dict => return exact(obj).map_or(AtOnce::NotYet, |dict| self.save_dict_at_once(dict)),
            Kind::List => return exact(obj).map_or(AtOnce::NotYet, |list| self.save_list_at_once(list)),
            _ => self.optimism.may_be_met_again(obj) && self.refer_at_once(obj),
        })
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
        match self.save_at_once(part) {
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
            let Some(item) = cursor.next(list, true) else {
                if is_batch {
                    self.encoder.op(Opcode::Appends);
                }
                self.inline_levels -= 1;
                return AtOnce::Done;
            };
            if !self.save_part(&item) {
                break false;
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
            if !self.save_part(&item.clone()) {
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
