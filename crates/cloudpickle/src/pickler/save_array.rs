//! Arrays of numpy, when it is loaded: `_frombuffer(buffer, dtype, shape, "C")`.

use pickle_format::{Opcode, Payload, is_large};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::engine::Engine;
use super::frame::Saved;
use super::optimism::Shared;
use super::output::Output;
use crate::by_value::lookup;

impl<'py> Engine<'py, '_> {
    /// Writes an array of plain bytes in the order of C, if the pickle has the function that makes it, and its dtype.
    ///
    /// Large ones go the usual way to a file, which gets their memory without a copy.
    pub(super) fn save_array(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Option<Saved>> {
        let py = self.py;
        let Some((arrays, from_buffer)) = &mut self.strategies.arrays else { return Ok(None) };
        let Some(array) = arrays.plain(obj)? else { return Ok(None) };
        if is_large(array.len()) && matches!(self.output, Output::File(_)) {
            return Ok(None);
        }
        let (Some(function), Some(dtype)) = (self.memo.get(from_buffer), self.memo.get(&array.dtype())) else {
            return Ok(None);
        };
        self.memo_fetch(function)?;
        self.encoder.op(Opcode::Mark);
        let payload = if array.readonly() { Payload::Bytes } else { Payload::ByteArray };
        self.encoder
            .payload_with(payload, array.len(), |out| out.extend_from_array(&array))
            .map_err(|error| self.refused(error))?;
        self.memo_fetch(dtype)?;
        let shape = array.shape();
        let opcode = match shape.len() {
            0 => Opcode::EmptyTuple,
            1 => Opcode::Tuple1,
            2 => Opcode::Tuple2,
            3 => Opcode::Tuple3,
            _ => {
                self.encoder.op(Opcode::Mark);
                Opcode::Tuple
            }
        };
        for &len in shape {
            self.encoder.int(len as i64);
        }
        self.encoder.op(opcode);
        // There is one string of a single such letter, which every pickle with an array has in its memo.
        self.save_object(PyString::new(py, "C").as_any())?;
        self.encoder.op(Opcode::Tuple);
        self.encoder.op(Opcode::Reduce);
        self.memo_put_if(obj, shared)?;
        Ok(Some(Saved::Done))
    }
}

/// The function that numpy names in the pickles of arrays, wherever this release has it.
pub(super) fn from_buffer(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    for module in [intern!(py, "numpy._core.numeric"), intern!(py, "numpy.core.numeric")] {
        if let Some(module) = lookup::imported(module.as_any())? {
            return module.getattr_opt(intern!(py, "_frombuffer"));
        }
    }
    Ok(None)
}
