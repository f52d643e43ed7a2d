//! Classes by value, written as their reductions would be: an empty class first, then its attributes.

use pickle_format::Opcode;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::endless::Level;
use super::engine::Engine;
use super::frame::{Saved, Suspendable, save_part};
use super::path::Hop;
use super::save_container::BATCH_SIZE;
use super::save_function::{in_progress, save_wire_text};
use super::save_reduce::Part;
use super::trail::full_type_name;
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
