//! Functions that `recursive_repr` made, written as their reductions would be: the call that makes another one.

use pickle_format::Opcode;
use pyo3::prelude::*;
use pyo3::types::PyFunction;

use super::endless::Level;
use super::engine::Engine;
use super::frame::{Saved, Suspendable, save_part};
use super::made_of_code::in_progress;
use super::path::Hop;
use super::save_reduce::Part;
use crate::reduce::recursive_repr::Parts;

/// `maker(function)`, or `maker(fillvalue)(function)`, and BUILD with `(None, attributes)`.
pub(super) struct RecursiveReprFrame<'py> {
    pub(super) function: Bound<'py, PyFunction>,
    parts: Box<Parts<'py>>,
    next: Next,
    level: Level,
}

/// What is written next. Attributes have an index.
#[derive(Clone, Copy)]
enum Next {
    Maker,
    FillValue,
    UserFunction,
    Make,
    Attribute(usize),
}

impl<'py> Suspendable<'py> for RecursiveReprFrame<'py> {
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        loop {
            match self.next {
                Next::Maker => {
                    self.next = if self.parts.fillvalue.is_some() { Next::FillValue } else { Next::UserFunction };
                    save_part!(engine, self.parts.maker.as_any());
                }
                Next::FillValue => {
                    self.next = Next::UserFunction;
                    if let Some(fillvalue) = &self.parts.fillvalue {
                        save_part!(engine, fillvalue);
                    }
                }
                Next::UserFunction => {
                    if self.parts.fillvalue.is_some() {
                        engine.encoder.op(Opcode::Tuple1);
                        engine.encoder.op(Opcode::Reduce);
                    }
                    self.next = Next::Make;
                    save_part!(engine, &self.parts.user_function);
                }
                Next::Make => {
                    engine.encoder.op(Opcode::Tuple1);
                    engine.encoder.op(Opcode::Reduce);
                    if let Some(index) = engine.memo_get(&self.function) {
                        // It was reached again through the function that it is around, and is complete; what is on the
                        // stack is a second copy.
                        engine.encoder.op(Opcode::Pop);
                        engine.memo_fetch(index)?;
                        break;
                    }
                    engine.memo_put(&self.function)?;
                    engine.encoder.none();
                    engine.encoder.op(Opcode::EmptyDict);
                    engine.encoder.op(Opcode::Mark);
                    self.next = Next::Attribute(0);
                }
                Next::Attribute(index) => {
                    let Some((name, value)) = self.parts.attributes.get(index) else {
                        engine.encoder.op(Opcode::SetItems);
                        engine.encoder.op(Opcode::Tuple2);
                        engine.encoder.op(Opcode::Build);
                        break;
                    };
                    self.next = Next::Attribute(index + 1);
                    engine.save_text(name)?;
                    save_part!(engine, value);
                }
            }
        }
        engine.end_of_care();
        engine.endless.leave(self.level);
        Ok(Saved::Done)
    }
}

impl<'py> RecursiveReprFrame<'py> {
    /// The part of the reduction that is being written, and the way to what is being written in it.
    pub(super) fn place(&self) -> (Option<Part>, Vec<Hop<'py>>) {
        match self.next {
            Next::Maker | Next::FillValue | Next::UserFunction => (Some(Part::Reconstructor), vec![]),
            Next::Make => (Some(Part::ReconstructorArguments), vec![Hop::Index(0)]),
            Next::Attribute(next) => match next.checked_sub(1).and_then(|index| self.parts.attributes.get(index)) {
                Some((name, _)) => {
                    (Some(Part::State), vec![Hop::Index(1), Hop::Value((*name).clone().into_any(), None)])
                }
                None => (None, vec![]),
            },
        }
    }

    /// The same in the words of the C pickler's notes, from the inside out.
    pub(super) fn in_progress(&self) -> Vec<String> {
        let (part, hops) = self.place();
        in_progress("function", part, &hops)
    }
}

impl<'py> Engine<'py, '_> {
    /// Begins to write a function that `recursive_repr` made.
    pub(super) fn save_recursive_repr(
        &mut self,
        function: &Bound<'py, PyFunction>,
        parts: Box<Parts<'py>>,
    ) -> PyResult<Saved> {
        self.careful();
        let level = self.endless.enter(function)?;
        self.enter(RecursiveReprFrame { function: function.clone(), parts, next: Next::Maker, level })
    }
}
