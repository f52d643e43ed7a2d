//! Code objects, written as their reductions would be: `types.CodeType(...)` with every field.

use pickle_format::Opcode;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyString, PyTuple};
use python_objects::code::Field;
use python_objects::compat::code::FIELDS;

use super::endless::Level;
use super::engine::Engine;
use super::frame::{Saved, Suspendable, save_part};
use super::path::Hop;
use super::save_function::{in_progress, save_wire_text};
use super::save_reduce::Part;
use crate::rebuild::Wire;
use crate::reduce::code::{self, TRAVELS, Travels};
use crate::reduce::names::{copy_of, interned};

pub(super) struct CodeFrame<'py> {
    pub(super) code: Bound<'py, PyCode>,
    /// The field that is written next.
    next: usize,
    level: Level,
}

impl<'py> Suspendable<'py> for CodeFrame<'py> {
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
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
        engine.encoder.op(Opcode::Tuple);
        engine.encoder.op(Opcode::Reduce);
        engine.memo_put(&self.code)?;
        engine.canonical.in_code -= 1;
        engine.end_of_care();
        engine.endless.leave(self.level);
        Ok(Saved::Done)
    }
}

impl<'py> CodeFrame<'py> {
    pub(super) fn place(&self) -> (Option<Part>, Vec<Hop<'py>>) {
        match self.next.checked_sub(1) {
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
        self.enter(CodeFrame { code: code.clone(), next: 0, level })
    }

    /// A tuple of the names that code uses, which are plain strings. Nobody else has that tuple.
    fn save_names(&mut self, names: &Bound<'py, PyTuple>) -> PyResult<()> {
        let count = names.len();
        if count == 0 {
            self.encoder.op(Opcode::EmptyTuple);
            return Ok(());
        }
        if count > 3 {
            self.encoder.op(Opcode::Mark);
        }
        for name in names.iter_borrowed() {
            let name = name.cast::<PyString>()?;
            self.save_text(&name)?;
        }
        self.encoder.op(match count {
            1 => Opcode::Tuple1,
            2 => Opcode::Tuple2,
            3 => Opcode::Tuple3,
            _ => Opcode::Tuple,
        });
        Ok(())
    }
}
