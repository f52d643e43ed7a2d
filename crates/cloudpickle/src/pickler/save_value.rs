//! Values of the library that are made from text or bytes: dates, times, decimals.

use pickle_format::Opcode;
use pyo3::prelude::*;
use python_objects::datetime::DateTimeType;

use super::engine::Engine;
use super::frame::Saved;
use super::optimism::Shared;

impl<'py> Engine<'py, '_> {
    /// `datetime(state)`, `date(state)` or `time(state)`, if the pickle has the class and there is no time zone.
    pub(super) fn save_datetime(
        &mut self,
        obj: &Bound<'py, PyAny>,
        ty: &DateTimeType,
        shared: Shared,
    ) -> PyResult<Option<Saved>> {
        let Some(class) = self.memo_get(obj.get_type().as_any()) else { return Ok(None) };
        let Some(state) = ty.state(obj) else { return Ok(None) };
        self.memo_fetch(class)?;
        self.encoder.bytes(state.as_bytes()).map_err(|error| self.refused(error))?;
        self.call_with_one_argument(obj, shared)
    }

    /// `Decimal(text)`, if the pickle has the class.
    pub(super) fn save_decimal(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Option<Saved>> {
        let Some(class) = self.memo_get(obj.get_type().as_any()) else { return Ok(None) };
        let text = obj.str()?;
        self.memo_fetch(class)?;
        self.save_object(text.as_any())?;
        self.call_with_one_argument(obj, shared)
    }

    fn call_with_one_argument(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Option<Saved>> {
        self.encoder.op(Opcode::Tuple1);
        self.encoder.op(Opcode::Reduce);
        self.memo_put_if(obj, shared)?;
        Ok(Some(Saved::Done))
    }
}
