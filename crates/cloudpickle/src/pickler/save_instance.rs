//! Instances of ordinary classes, written from their `__dict__` and slots as `object.__reduce_ex__` would reduce them.

use std::rc::Rc;

use pickle_format::Opcode;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::engine::{Engine, INLINE_LEVELS};
use super::frame::{Saved, Suspendable, save_part};
use super::optimism::Shared;
use super::path::Hop;
use super::save_reduce::Part;
use super::strategy::Ordinary;
use super::trail::full_type_name;
use python_objects::dict::{SharedKeys, shared_keys};
use python_objects::instance::{self, Slot};

/// NEWOBJ, and the state with BUILD.
pub(super) struct InstanceFrame<'py> {
    obj: Bound<'py, PyAny>,
    class: Rc<Ordinary<'py>>,
    shared: Shared,
    next: Stage,
    /// The slots that have a value, the first one last.
    slots: Vec<NameAndValue<'py>>,
    /// Of the slot in progress.
    name: Option<Bound<'py, PyString>>,
    /// How many slots have a value.
    filled: usize,
}

/// What is to be written next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Class,
    New,
    /// The state is the `__dict__`, or nothing.
    State,
    /// The state is a pair: the `__dict__` or `None`, and a dict of the slots.
    BeforeSlots,
    Slots,
    Build,
}

impl<'py> InstanceFrame<'py> {
    fn new(obj: &Bound<'py, PyAny>, class: &Rc<Ordinary<'py>>, shared: Shared, next: Stage) -> Self {
        let (obj, class) = (obj.clone(), class.clone());
        Self { obj, class, shared, next, slots: Vec::new(), name: None, filled: 0 }
    }

    pub(super) fn obj(&self) -> &Bound<'py, PyAny> {
        &self.obj
    }

    /// The part of the reduction that is being written.
    pub(super) fn saving(&self) -> Part {
        if self.next == Stage::New { Part::Class } else { Part::State }
    }

    /// From the state inwards.
    pub(super) fn hops(&self) -> Vec<Hop<'py>> {
        match (&self.name, self.filled) {
            (Some(name), _) => vec![Hop::Index(1), Hop::Value(name.clone().into_any(), None)],
            (None, 0) => Vec::new(),
            (None, _) => vec![Hop::Index(0)],
        }
    }

    /// In the words of the C pickler's notes.
    pub(super) fn in_progress(&self) -> Vec<String> {
        let type_name = full_type_name(&self.obj.get_type());
        let mut parts = Vec::new();
        if let Some(name) = &self.name {
            parts.extend(name.repr().map(|name| format!("dict item {name}")));
            parts.push("tuple item 1".to_owned());
        } else if self.filled > 0 {
            parts.push("tuple item 0".to_owned());
        }
        let part = if self.next == Stage::New { "class" } else { "state" };
        parts.extend([format!("{type_name} {part}"), format!("{type_name} object")]);
        parts
    }

    /// The values of the slots, all at this moment.
    fn read_slots(&mut self) -> PyResult<()> {
        self.slots = values_from(&self.class.slots, &self.obj)?;
        self.filled = self.slots.len();
        Ok(())
    }
}

impl<'py> Suspendable<'py> for InstanceFrame<'py> {
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        loop {
            match self.next {
                Stage::Class => {
                    self.next = Stage::New;
                    save_part!(engine, self.class.class.as_any());
                }
                Stage::New => {
                    engine.encoder.new_without_arguments();
                    if let Some(index) = engine.memo_get_made(&self.obj, self.shared) {
                        // It is an attribute of its class, and was written with it.
                        engine.encoder.op(Opcode::Pop);
                        engine.memo_fetch(index)?;
                        return Ok(Saved::Done);
                    }
                    engine.memo_put_made(&self.obj, self.shared)?;
                    if self.class.slots.is_empty() {
                        self.next = Stage::State;
                    } else {
                        self.read_slots()?;
                        self.next = if self.filled == 0 { Stage::State } else { Stage::BeforeSlots };
                    }
                }
                Stage::State => {
                    let Some(dict) = state_dict(&self.obj, &self.class)? else { return Ok(Saved::Done) };
                    self.next = Stage::Build;
                    save_part!(engine, &dict);
                }
                Stage::BeforeSlots => {
                    self.next = Stage::Slots;
                    match state_dict(&self.obj, &self.class)? {
                        Some(dict) => save_part!(engine, &dict),
                        None => engine.encoder.none(),
                    }
                }
                Stage::Slots => {
                    if self.name.is_none() {
                        engine.encoder.op(Opcode::EmptyDict);
                        if self.filled > 1 {
                            engine.encoder.op(Opcode::Mark);
                        }
                    }
                    while let Some((name, value)) = self.slots.pop() {
                        let name = self.name.insert(name);
                        // A name is a string, which has no parts.
                        if !engine.save_key_part(name.as_any(), false) || !engine.save_part(&value) {
                            return engine.interrupted();
                        }
                    }
                    engine.encoder.op(if self.filled > 1 { Opcode::SetItems } else { Opcode::SetItem });
                    engine.encoder.op(Opcode::Tuple2);
                    self.next = Stage::Build;
                }
                Stage::Build => {
                    engine.encoder.op(Opcode::Build);
                    return Ok(Saved::Done);
                }
            }
        }
    }
}

/// The names and values of the slots that have one, the first one last.
fn values_from<'py>(slots: &[Slot<'py>], obj: &Bound<'py, PyAny>) -> PyResult<Vec<NameAndValue<'py>>> {
    let mut values = Vec::with_capacity(slots.len());
    for slot in slots.iter().rev() {
        values.extend(slot.get(obj)?.map(|value| (slot.name().clone(), value)));
    }
    Ok(values)
}

type NameAndValue<'py> = (Bound<'py, PyString>, Bound<'py, PyAny>);

/// The `__dict__` of an instance of `class`, if it is a state. To ask for one that is not there ends in an exception.
fn state_dict<'py>(obj: &Bound<'py, PyAny>, class: &Ordinary<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let dict = if class.has_dict { instance::dict_of(obj)? } else { None };
    Ok(dict.filter(is_state).map(Bound::into_any))
}

/// An empty one is none.
fn is_state(dict: &Bound<'_, PyDict>) -> bool {
    !dict.is_empty()
}

impl<'py> Engine<'py, '_> {
    /// Writes an instance of an ordinary class, unless it has a method of its own that says how it is reduced.
    pub(super) fn save_instance(
        &mut self,
        obj: &Bound<'py, PyAny>,
        class: &Rc<Ordinary<'py>>,
        shared: Shared,
    ) -> PyResult<Option<Saved>> {
        let dict = if class.has_dict { instance::dict_of(obj)? } else { None };
        if dict.as_ref().is_some_and(|dict| !dict.is_exact_instance_of::<PyDict>()) {
            // A subclass may have methods that are asked, and a way of its own to be pickled.
            return Ok(None);
        }
        if let Some(dict) = &dict
            && self.reduces_itself(class, dict)?
        {
            return Ok(None);
        }
        if class.slots.is_empty()
            && let Some(dict) = dict.as_ref().filter(|dict| is_state(dict))
            && let Some(index) = self.memo_get(class.class.as_any())
        {
            self.memo_fetch(index)?;
            return self.save_simple_instance(obj, class, dict, shared).map(Some);
        }
        if dict.is_none()
            // A chain of such instances would go down the native stack otherwise.
            && self.inline_levels < INLINE_LEVELS
            && self.starts_over_for_others()
            && let Some(index) = self.memo_get(class.class.as_any())
        {
            self.memo_fetch(index)?;
            self.inline_levels += 1;
            let result = self.save_instance_of_slots(obj, class, shared);
            self.inline_levels -= 1;
            return result.map(Some);
        }
        self.begin_making(obj, shared)?;
        self.enter(InstanceFrame::new(obj, class, shared, Stage::Class)).map(Some)
    }

    /// All that follows the class, for an instance that has nothing but slots: no frame unless a value is suspended, and
    /// each slot is read when its turn comes. Code of others cannot fill it meanwhile: the dump would start over.
    fn save_instance_of_slots(
        &mut self,
        obj: &Bound<'py, PyAny>,
        class: &Rc<Ordinary<'py>>,
        shared: Shared,
    ) -> PyResult<Saved> {
        self.encoder.new_without_arguments();
        self.memo_put_if(obj, shared)?;
        let mut filled = 0;
        for slot in &class.slots {
            filled += usize::from(slot.get(obj)?.is_some());
        }
        if filled == 0 {
            return Ok(Saved::Done);
        }
        self.encoder.none();
        self.encoder.op(Opcode::EmptyDict);
        if filled > 1 {
            self.encoder.op(Opcode::Mark);
        }
        for (index, slot) in class.slots.iter().enumerate() {
            let Some(value) = slot.get(obj)? else { continue };
            if !self.save_key_part(slot.name().as_any(), false) {
                return self.interrupted();
            }
            if !self.save_part(&value) {
                let (name, slots) = (Some(slot.name().clone()), values_from(&class.slots[index + 1..], obj)?);
                let frame = InstanceFrame::new(obj, class, shared, Stage::Slots);
                let result = self.interrupted();
                self.suspend(InstanceFrame { slots, name, filled, ..frame });
                return result;
            }
        }
        self.encoder.op(if filled > 1 { Opcode::SetItems } else { Opcode::SetItem });
        self.encoder.op(Opcode::Tuple2);
        self.encoder.op(Opcode::Build);
        Ok(Saved::Done)
    }

    /// All that follows the class, for most instances: there is no frame unless a part of the state is suspended.
    fn save_simple_instance(
        &mut self,
        obj: &Bound<'py, PyAny>,
        class: &Rc<Ordinary<'py>>,
        dict: &Bound<'py, PyDict>,
        shared: Shared,
    ) -> PyResult<Saved> {
        self.encoder.new_without_arguments();
        self.memo_put_if(obj, shared)?;
        let result = self.save_attributes(dict);
        if matches!(result, Ok(Saved::Done)) {
            self.encoder.op(Opcode::Build);
            return Ok(Saved::Done);
        }
        self.suspend(InstanceFrame::new(obj, class, shared, Stage::Build));
        result
    }

    /// Whether one of the methods that `pickle` looks for stands in the `__dict__` of an instance of `class`.
    #[inline]
    fn reduces_itself(&self, class: &Ordinary<'py>, dict: &Bound<'py, PyDict>) -> PyResult<bool> {
        let keys = SharedKeys::of(dict).map(|keys| (keys, self.calls));
        if keys.is_some() && keys == class.harmless_keys.get() {
            return Ok(false);
        }
        let reduces_itself = reduces_itself(dict)?;
        if keys.is_some() && !reduces_itself && !shared_keys(dict).iter().any(is_of_reduction) {
            class.harmless_keys.set(keys);
        }
        Ok(reduces_itself)
    }
}

/// The names of the methods that `pickle` looks for in an instance.
const OF_REDUCTION: [&str; 3] = ["__reduce_ex__", "__reduce__", "__getstate__"];

/// Whether one of them stands in the `__dict__`.
fn reduces_itself(dict: &Bound<'_, PyDict>) -> PyResult<bool> {
    let py = dict.py();
    for name in [intern!(py, "__reduce_ex__"), intern!(py, "__reduce__"), intern!(py, "__getstate__")] {
        if dict.contains(name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a key is, or may be, one of them.
fn is_of_reduction(key: &Bound<'_, PyAny>) -> bool {
    let text = key.cast_exact::<PyString>().ok().and_then(|key| key.to_str().ok());
    text.is_none_or(|text| OF_REDUCTION.contains(&text))
}
