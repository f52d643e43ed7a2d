//! Cells, the variables of closures, written as their reductions would be: empty first, for they may lead back to themselves.

use pickle_format::Opcode;
use pyo3::intern;
use pyo3::prelude::*;
use python_objects::cell;

use super::endless::Level;
use super::engine::Engine;
use super::frame::{Saved, Suspendable, save_part};
use super::made_of_code::{in_progress, save_wire_text};
use super::path::Hop;
use super::save_reduce::Part;
use crate::rebuild::Wire;

/// `_make_cell()`, then the contents as state for BUILD.
pub(super) struct CellFrame<'py> {
    pub(super) cell: Bound<'py, PyAny>,
    /// Taken when its writing begins.
    contents: Option<Bound<'py, PyAny>>,
    level: Level,
}

impl<'py> Suspendable<'py> for CellFrame<'py> {
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        if let Some(contents) = self.contents.take() {
            engine.encoder.none();
            engine.encoder.op(Opcode::EmptyDict);
            save_wire_text!(engine, "cell_contents");
            save_part!(engine, &contents);
        }
        engine.encoder.op(Opcode::SetItem);
        engine.encoder.op(Opcode::Tuple2);
        engine.encoder.op(Opcode::Build);
        engine.end_of_care();
        engine.endless.leave(self.level);
        Ok(Saved::Done)
    }
}

impl<'py> CellFrame<'py> {
    pub(super) fn place(&self) -> (Option<Part>, Vec<Hop<'py>>) {
        let name = intern!(self.cell.py(), "cell_contents").clone().into_any();
        (Some(Part::State), vec![Hop::Index(1), Hop::Value(name, None)])
    }

    pub(super) fn in_progress(&self) -> Vec<String> {
        let (part, hops) = self.place();
        in_progress("cell", part, &hops)
    }
}

impl<'py> Engine<'py, '_> {
    /// Begins to write a cell.
    pub(super) fn save_cell(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        let contents = cell::contents(obj)?;
        self.save_wire_function(&Wire::get(self.py).make_cell, intern!(self.py, "_make_cell"), "_make_cell")?;
        self.encoder.op(Opcode::EmptyTuple);
        self.encoder.op(Opcode::Reduce);
        self.memo_put(obj)?;
        if contents.is_none() {
            return Ok(Saved::Done);
        }
        let level = self.endless.enter(obj)?;
        self.careful();
        self.enter(CellFrame { cell: obj.clone(), contents, level })
    }
}
