//! Named tuples: `cls.__new__(cls, *items)`.

use pickle_format::Opcode;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::engine::Engine;
use super::frame::{Saved, Suspendable, save_part};
use super::optimism::Shared;
use super::path::Hop;
use super::save_reduce::Part;
use super::trail::full_type_name;

/// A named tuple whose items are being written.
pub(super) struct NamedTupleFrame<'py> {
    tuple: Bound<'py, PyTuple>,
    /// The next item.
    index: usize,
    shared: Shared,
}

impl<'py> NamedTupleFrame<'py> {
    pub(super) fn obj(&self) -> &Bound<'py, PyAny> {
        self.tuple.as_any()
    }

    pub(super) fn saving() -> Part {
        Part::NewArguments
    }

    pub(super) fn hops(&self) -> Vec<Hop<'py>> {
        vec![Hop::Index(self.index.saturating_sub(1))]
    }

    /// In the words of the C pickler's notes.
    pub(super) fn in_progress(&self) -> Vec<String> {
        let type_name = full_type_name(&self.tuple.get_type());
        let item = format!("tuple item {}", self.index.saturating_sub(1));
        vec![item, format!("{type_name} __new__ arguments"), format!("{type_name} object")]
    }
}

impl<'py> Suspendable<'py> for NamedTupleFrame<'py> {
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        let len = self.tuple.len();
        while self.index < len {
            let item = self.tuple.get_item(self.index)?;
            self.index += 1;
            save_part!(engine, &item);
        }
        engine.encoder.end_tuple(len);
        engine.encoder.op(Opcode::NewObj);
        if let Some(index) = engine.memo_get_made(self.tuple.as_any(), self.shared) {
            // It was reached again through one of its items and is complete; what is on the stack is a second copy.
            engine.encoder.op(Opcode::Pop);
            engine.memo_fetch(index)?;
            return Ok(Saved::Done);
        }
        engine.memo_put_made(self.tuple.as_any(), self.shared)?;
        Ok(Saved::Done)
    }
}

impl<'py> Engine<'py, '_> {
    /// Writes a named tuple, if the pickle has its class.
    pub(super) fn save_named_tuple(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Option<Saved>> {
        let Some(class) = self.memo_get(obj.get_type().as_any()) else { return Ok(None) };
        let tuple = obj.cast::<PyTuple>()?;
        self.begin_making(obj, shared)?;
        self.memo_fetch(class)?;
        self.encoder.begin_tuple(tuple.len());
        self.enter(NamedTupleFrame { tuple: tuple.clone(), index: 0, shared }).map(Some)
    }
}
