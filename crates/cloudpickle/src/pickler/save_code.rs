//! Code objects, written as their reductions would be: `types.CodeType(...)` with every field.

use std::rc::Rc;

use pickle_format::Opcode;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyString, PyTuple};
use python_objects::code::Field;
use python_objects::compat::code::FIELDS;

use super::code_recipe::{CodeRecipe, StepKind};
use super::endless::Level;
use super::engine::Engine;
use super::frame::{Saved, Suspendable, save_part};
use super::made_of_code::{in_progress, save_wire_text};
use super::path::Hop;
use super::save_reduce::Part;
use crate::by_value::known_code::KnownCode;
use crate::rebuild::Wire;
use crate::reduce::code::{self, TRAVELS, Travels};
use crate::reduce::names::{copy_of, interned};

pub(super) struct CodeFrame<'py> {
    pub(super) code: Bound<'py, PyCode>,
    /// The field that is written next, or the step of the recipe.
    next: usize,
    /// What is known of the code, with a recipe that is to be followed.
    known: Option<Rc<KnownCode>>,
    level: Level,
}

impl<'py> Suspendable<'py> for CodeFrame<'py> {
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        if let Some(recipe) = self.known.as_ref().and_then(|known| known.known_recipe()) {
            while let Some(part) = engine.follow(recipe, &mut self.next)? {
                save_part!(engine, part);
            }
            return self.finish(engine);
        }
        let fields = &engine.runtime.state.code_fields;
        while self.next < FIELDS.len() {
            let index = self.next;
            self.next += 1;
            let value = match fields.get(&self.code, index)? {
                Field::Int(value) => {
                    engine.encoder.int(value);
                    continue;
                }
                Field::Object(value) => value,
            };
            match TRAVELS[index] {
                Travels::Whole => save_part!(engine, &value),
                Travels::Name => save_part!(engine, &copy_of(&value)),
                Travels::FileName => save_part!(engine, &interned(&code::file_name(value)?)?),
                Travels::Names => engine.save_names(value.cast::<PyTuple>()?)?,
            }
        }
        self.finish(engine)
    }
}

impl<'py> CodeFrame<'py> {
    fn finish(&self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        engine.encoder.op(Opcode::Tuple);
        engine.encoder.op(Opcode::Reduce);
        engine.memo_put(&self.code)?;
        engine.canonical.in_code -= 1;
        engine.end_of_care();
        engine.endless.leave(self.level);
        Ok(Saved::Done)
    }

    pub(super) fn place(&self) -> (Option<Part>, Vec<Hop<'py>>) {
        match self.next.checked_sub(1) {
            // Nothing of a recipe can fail because of what it is.
            Some(_) if self.known.is_some() => (Some(Part::ReconstructorArguments), vec![]),
            Some(index) => (Some(Part::ReconstructorArguments), vec![Hop::Index(index)]),
            None => (Some(Part::Reconstructor), vec![]),
        }
    }

    pub(super) fn in_progress(&self) -> Vec<String> {
        let (part, hops) = self.place();
        in_progress("code", part, &hops)
    }
}

impl<'py> Engine<'py, '_> {
    pub(super) fn save_code(&mut self, code: &Bound<'py, PyCode>) -> PyResult<Saved> {
        self.save_known_code(code, KnownCode::of_known(code))
    }

    /// Begins to write a code object of which this is known.
    pub(super) fn save_known_code(
        &mut self,
        code: &Bound<'py, PyCode>,
        known: Option<Rc<KnownCode>>,
    ) -> PyResult<Saved> {
        self.careful();
        if !self.version_is_told {
            let [module, name] = code::owner_of_code(code)?;
            self.save_version(&module, &name)?;
        }
        let py = self.py;
        let code_type = self.runtime.code_type.bind(py);
        if let Some(index) = self.memo_get(code_type) {
            self.memo_fetch(index)?;
        } else {
            self.save_wire_function(&Wire::get(py).builtin_type, intern!(py, "_builtin_type"), "_builtin_type")?;
            save_wire_text!(self, "CodeType");
            self.encoder.op(Opcode::Tuple1);
            self.encoder.op(Opcode::Reduce);
            self.memo_put(code_type)?;
        }
        self.encoder.op(Opcode::Mark);
        let level = self.endless.enter(code)?;
        self.canonical.in_code += 1;
        let known = match known {
            Some(known) => known.recipe(|| CodeRecipe::of(code))?.is_some().then_some(known),
            None => None,
        };
        self.enter(CodeFrame { code: code.clone(), next: 0, known, level })
    }

    /// Writes a recipe from the step of this number on, up to a part that is to be saved.
    fn follow<'a>(&mut self, recipe: &'a CodeRecipe, number: &mut usize) -> PyResult<Option<&'a Bound<'py, PyAny>>> {
        let py = self.py;
        loop {
            let (steps, mut end) = recipe.steps_from(*number);
            let mut skipped = false;
            for step in steps {
                *number += 1;
                let opcodes = &recipe.opcodes[end..step.end];
                let before = step.before - end;
                end = step.end;
                match &step.kind {
                    StepKind::Object(object) => self.save_encoded(object.bind(py), opcodes, before)?,
                    StepKind::Name(name) => self.save_encoded(&copy_of(name.bind(py)), opcodes, before)?,
                    StepKind::Tuple(tuple, behind) => {
                        self.encoder.encoded(opcodes);
                        // If the pickle has it, what makes it is passed over.
                        if let Some(index) = self.memo_get(tuple.bind(py)) {
                            self.memo_fetch(index)?;
                            *number = *behind;
                            skipped = true;
                            break;
                        }
                    }
                    StepKind::Made(tuple) => {
                        self.encoder.encoded(opcodes);
                        self.memo_put(tuple.bind(py))?;
                    }
                    StepKind::Part(part) => {
                        self.encoder.encoded(opcodes);
                        return Ok(Some(part.bind(py)));
                    }
                }
            }
            if !skipped {
                self.encoder.encoded(&recipe.opcodes[end..]);
                return Ok(None);
            }
        }
    }

    /// These opcodes, of which all but the first `before` bytes make an object that the pickle may have already.
    #[inline]
    fn save_encoded(&mut self, object: &Bound<'py, PyAny>, opcodes: &[u8], before: usize) -> PyResult<()> {
        let (index, is_new) = self.memo_get_or_put(object);
        if !is_new {
            self.encoder.encoded(&opcodes[..before]);
            return self.memo_fetch(index);
        }
        self.encoder.encoded(opcodes);
        self.encoder.memoize_uncounted();
        Ok(())
    }

    /// A tuple of the names that code uses, which are plain strings. Nobody else has that tuple.
    fn save_names(&mut self, names: &Bound<'py, PyTuple>) -> PyResult<()> {
        self.encoder.begin_tuple(names.len());
        for name in names.iter_borrowed() {
            let name = name.cast::<PyString>()?;
            self.save_text(&name)?;
        }
        self.encoder.end_tuple(names.len());
        Ok(())
    }
}
