//! Classes by value, written as their reductions would be: an empty class first, then its attributes.

use pickle_format::Opcode;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};
use python_objects::class;

use super::endless::Level;
use super::engine::Engine;
use super::frame::{Saved, Suspendable, save_part};
use super::made_of_code::{in_progress, save_wire_text};
use super::path::Hop;
use super::save_container::BATCH_SIZE;
use super::save_reduce::Part;
use super::trail::full_type_name;
use crate::by_value::{lookup, registry};
use crate::rebuild::Wire;
use crate::reduce::class::{Attribute, Parts, Travelling, travelling};

/// `_make_skeleton_class(metaclass, name, bases, keywords, id, None)`, then `_class_setstate(class, (state, more))`.
pub(super) struct ClassFrame<'py> {
    pub(super) class: Bound<'py, PyType>,
    parts: Box<Parts<'py>>,
    next: Next,
    level: Level,
}

/// What is written next. Attributes have an index.
#[derive(Clone, Copy)]
enum Next {
    Metaclass,
    Name,
    Bases,
    Keywords,
    Keyword(usize),
    KeywordValue(usize),
    Make,
    Attribute(usize),
    AttributeValue(usize),
    Definition,
    Done,
}

/// Saves the name of an attribute.
macro_rules! save_name {
    ($engine:expr, $name:expr) => {
        if !$engine.save_key_at_once($name, false) && $engine.save_key($name)? == Saved::Suspended {
            return Ok(Saved::Suspended);
        }
    };
}

impl<'py> Suspendable<'py> for ClassFrame<'py> {
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        let py = engine.py;
        loop {
            match self.next {
                Next::Metaclass => {
                    engine.save_wire_function(
                        &Wire::get(py).make_skeleton_class,
                        intern!(py, "_make_skeleton_class"),
                        "_make_skeleton_class",
                    )?;
                    engine.encoder.op(Opcode::Mark);
                    self.next = Next::Name;
                    save_part!(engine, self.parts.metaclass.as_any());
                }
                Next::Name => {
                    self.next = Next::Bases;
                    save_part!(engine, &self.parts.name);
                }
                Next::Bases => {
                    self.next = Next::Keywords;
                    save_part!(engine, &self.parts.bases);
                }
                Next::Keywords => {
                    engine.encoder.op(Opcode::EmptyDict);
                    engine.encoder.op(Opcode::Mark);
                    self.next = Next::Keyword(0);
                }
                Next::Keyword(index) => match self.parts.keywords.get(index) {
                    Some((name, _)) => {
                        self.next = Next::KeywordValue(index);
                        save_name!(engine, name);
                    }
                    None => self.next = Next::Make,
                },
                Next::KeywordValue(index) => {
                    self.next = Next::Keyword(index + 1);
                    save_part!(engine, &self.parts.keywords[index].1);
                }
                Next::Make => {
                    engine.encoder.op(Opcode::SetItems);
                    match &self.parts.id {
                        Some(id) => engine.save_text(id)?,
                        None => engine.encoder.none(),
                    }
                    engine.encoder.none();
                    engine.encoder.op(Opcode::Tuple);
                    engine.encoder.op(Opcode::Reduce);
                    if let Some(index) = engine.memo_get(&self.class) {
                        // It was reached again through its own bases and is complete; what is on the stack is a second
                        // copy.
                        engine.encoder.op(Opcode::Pop);
                        engine.memo_fetch(index)?;
                        self.next = Next::Done;
                        continue;
                    }
                    engine.memo_put(&self.class)?;
                    engine.save_wire_function(
                        &Wire::get(py).class_setstate,
                        intern!(py, "_class_setstate"),
                        "_class_setstate",
                    )?;
                    if let Some(index) = engine.memo_get(&self.class) {
                        engine.memo_fetch(index)?;
                    }
                    engine.encoder.op(Opcode::EmptyDict);
                    engine.encoder.op(Opcode::Mark);
                    self.next = Next::Attribute(0);
                }
                Next::Attribute(index) => match self.parts.state.get(index) {
                    Some((name, _)) => {
                        self.next = Next::AttributeValue(index);
                        save_name!(engine, name);
                    }
                    None => self.next = Next::Definition,
                },
                Next::AttributeValue(index) => {
                    self.next = Next::Attribute(index + 1);
                    save_part!(engine, &self.parts.state[index].1);
                }
                Next::Definition => {
                    engine.encoder.op(Opcode::SetItems);
                    engine.encoder.op(Opcode::EmptyDict);
                    if let Some(definition) = &self.parts.definition {
                        save_wire_text!(engine, "definition");
                        // Bytes are written at once.
                        engine.save(definition)?;
                        engine.encoder.op(Opcode::SetItem);
                    }
                    engine.encoder.op(Opcode::Tuple2);
                    engine.encoder.op(Opcode::Tuple2);
                    engine.encoder.op(Opcode::Reduce);
                    engine.encoder.op(Opcode::Pop);
                    self.next = Next::Done;
                }
                Next::Done => {
                    engine.end_of_care();
                    engine.endless.leave(self.level);
                    return Ok(Saved::Done);
                }
            }
        }
    }
}

impl<'py> ClassFrame<'py> {
    /// The part of the reduction that is being written, and the way to what is being written in it.
    pub(super) fn place(&self) -> (Option<Part>, Vec<Hop<'py>>) {
        let key = |(name, _): &Attribute<'py>| Hop::Key(name.clone());
        let value = |(name, _): &Attribute<'py>| Hop::Value(name.clone(), None);
        let (keywords, state) = (&self.parts.keywords, &self.parts.state);
        let argument = Some(Part::ReconstructorArguments);
        match self.next {
            Next::Metaclass => (Some(Part::Reconstructor), vec![]),
            Next::Name => (argument, vec![Hop::Index(0)]),
            Next::Bases => (argument, vec![Hop::Index(1)]),
            Next::Keywords => (argument, vec![Hop::Index(2)]),
            Next::KeywordValue(index) => (argument, vec![Hop::Index(3), key(&keywords[index])]),
            Next::Keyword(index) if index > 0 => (argument, vec![Hop::Index(3), value(&keywords[index - 1])]),
            Next::AttributeValue(index) => (Some(Part::State), vec![Hop::Index(0), key(&state[index])]),
            Next::Attribute(index) if index > 0 => (Some(Part::State), vec![Hop::Index(0), value(&state[index - 1])]),
            _ => (None, vec![]),
        }
    }

    /// The same in the words of the C pickler's notes, from the inside out.
    pub(super) fn in_progress(&self) -> Vec<String> {
        let (part, hops) = self.place();
        in_progress(&full_type_name(&self.class.get_type()), part, &hops)
    }
}

impl<'py> Engine<'py, '_> {
    /// A class whose metaclass is `type` or another that does not say how its classes are written.
    pub(super) fn save_class(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
        let py = self.py;
        // The types of the singletons are written as what they are the types of.
        let singletons = [py.None().into_bound(py), py.Ellipsis().into_bound(py), py.NotImplemented().into_bound(py)];
        if singletons.iter().any(|singleton| obj.as_ptr() == singleton.get_type_ptr().cast()) {
            return Ok(None);
        }
        // What C code defines travels as a global also where its module is registered.
        let class = obj.cast::<PyType>()?;
        let names = lookup::names_of_static_type(class)
            .or_else(|| registry::nothing_is_registered(py).then(|| lookup::plain_names(class))?);
        let is_found = match &names {
            Some((module_name, name)) => self.is_found(obj, module_name.as_any(), name.as_any())?,
            None => None,
        };
        let by_reference = match (is_found, names) {
            (Some(true), Some((module_name, name))) => {
                self.save_global_under(obj, &module_name, &name)?;
                return Ok(Some(Saved::Done));
            }
            // Something else is there, or nothing.
            (Some(false), _) => None,
            _ => match lookup::importable(obj, None)? {
                Some((module, name)) if !registry::is_registered(&module)? => Some(name),
                // What C code defines travels as a global also where its module is registered.
                Some(_) => return Ok(None),
                None => None,
            },
        };
        let Some(name) = by_reference else {
            let class = obj.cast::<PyType>()?;
            if class::is_static(class)
                && let Some(name) = self.runtime.builtin_type_name(class)?
            {
                self.save_wire_function(&Wire::get(py).builtin_type, intern!(py, "_builtin_type"), "_builtin_type")?;
                self.save_text(name.cast()?)?;
                self.encoder.op(Opcode::Tuple1);
                self.encoder.op(Opcode::Reduce);
                self.memo_put(obj)?;
                return Ok(Some(Saved::Done));
            }
            return self.save_class_by_value(class).map(Some);
        };
        let Some(module_name) = obj.getattr_opt(intern!(py, "__module__"))? else { return Ok(None) };
        if !name.is_exact_instance_of::<PyString>() || !module_name.is_exact_instance_of::<PyString>() {
            return Ok(None);
        }
        self.save_global_under(obj, module_name.cast()?, name.cast()?)?;
        Ok(Some(Saved::Done))
    }

    /// Begins to write a class that travels by value.
    pub(super) fn save_class_by_value(&mut self, class: &Bound<'py, PyType>) -> PyResult<Saved> {
        self.calls.another();
        let parts = match travelling(class, &mut self.probe)? {
            Travelling::ByValue(parts) => parts,
            Travelling::As(reduction) => return self.save_reduction(reduction, class),
        };
        // Dicts of other lengths have other opcodes. Other keywords may be functions, whose states have to wait.
        if !parts.has_plain_keywords || !(2..BATCH_SIZE).contains(&parts.state.len()) {
            return self.save_reduction(parts.reduction(self.py)?, class);
        }
        self.careful();
        let level = self.endless.enter(class)?;
        self.enter(ClassFrame { class: class.clone(), parts, next: Next::Metaclass, level })
    }
}
