//! Properties, the methods of classes that are no plain functions, and read-only views, written as their reductions would
//! be: calls of their types.

use pickle_format::Opcode;
use pyo3::prelude::*;

use super::endless::Level;
use super::engine::Engine;
use super::frame::{Saved, Suspendable, save_part};
use super::made_of_code::in_progress;
use super::path::Hop;
use super::save_reduce::Part;
use super::trail::full_type_name;
use crate::reduce::Descriptor;

/// `property(fget, fset, fdel, doc)`, `classmethod(function)`, `staticmethod(function)`, `mappingproxy(dict)`.
pub(super) struct DescriptorFrame<'py> {
    pub(super) obj: Bound<'py, PyAny>,
    parts: Descriptor<'py>,
    /// The argument that is written next; none while the type is written.
    next: Option<usize>,
    level: Level,
}

impl<'py> Suspendable<'py> for DescriptorFrame<'py> {
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        let arguments = match &self.parts {
            Descriptor::Property(arguments) => arguments.as_slice(),
            Descriptor::Of(argument) => std::slice::from_ref(argument),
        };
        let is_short = arguments.len() == 1;
        if self.next.is_none() {
            save_part!(engine, self.obj.get_type().as_any());
            if !is_short {
                engine.encoder.op(Opcode::Mark);
            }
            self.next = Some(0);
        }
        while let Some(argument) = self.next.and_then(|next| arguments.get(next)) {
            self.next = self.next.map(|next| next + 1);
            save_part!(engine, argument);
        }
        engine.encoder.op(if is_short { Opcode::Tuple1 } else { Opcode::Tuple });
        engine.encoder.op(Opcode::Reduce);
        if let Some(index) = engine.memo_get(&self.obj) {
            // It was reached again through its own function and is complete; what is on the stack is a second copy.
            engine.encoder.op(Opcode::Pop);
            engine.memo_fetch(index)?;
        } else {
            engine.memo_put(&self.obj)?;
        }
        engine.end_of_care();
        engine.endless.leave(self.level);
        Ok(Saved::Done)
    }
}

impl<'py> DescriptorFrame<'py> {
    pub(super) fn place(&self) -> (Option<Part>, Vec<Hop<'py>>) {
        match self.next.and_then(|next| next.checked_sub(1)) {
            Some(index) => (Some(Part::ReconstructorArguments), vec![Hop::Index(index)]),
            None => (Some(Part::Reconstructor), vec![]),
        }
    }

    pub(super) fn in_progress(&self) -> Vec<String> {
        let (part, hops) = self.place();
        in_progress(&full_type_name(&self.obj.get_type()), part, &hops)
    }
}

impl<'py> Engine<'py, '_> {
    /// Begins to write a property, a method of a class, or a read-only view.
    pub(super) fn save_descriptor(&mut self, obj: &Bound<'py, PyAny>, parts: Descriptor<'py>) -> PyResult<Saved> {
        self.careful();
        let level = self.endless.enter(obj)?;
        self.enter(DescriptorFrame { obj: obj.clone(), parts, next: None, level })
    }
}
