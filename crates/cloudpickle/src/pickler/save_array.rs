//! Arrays of numpy, when it is loaded: `_frombuffer(buffer, dtype, shape, "C")`.

use pickle_format::{Opcode, Payload};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use python_objects::ndarray::PlainArray;

use super::engine::Engine;
use super::frame::Saved;
use super::numpy_reductions::{self, Dtype};
use super::optimism::Shared;

impl<'py> Engine<'py, '_> {
    /// Writes an array of plain bytes in the order of C, without asking numpy.
    pub(super) fn save_array(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Option<Saved>> {
        let Some(arrays) = &mut self.strategies.arrays else { return Ok(None) };
        if arrays.since != self.calls {
            let found = numpy_reductions::from_buffer(&obj.get_type())?;
            if !found.is_some_and(|found| found.is(&arrays.from_buffer)) {
                self.strategies.arrays = None;
                return Ok(None);
            }
            arrays.since = self.calls;
        }
        let from_buffer = &arrays.from_buffer;
        let Some(array) = arrays.fields.plain(obj)? else { return Ok(None) };
        // A file gets the memory of large ones without a copy.
        let goes_past_the_buffer = self.output.takes_payload(array.len(), &mut self.optimism)?;
        if self.hooks.buffer_callback.is_none()
            && !goes_past_the_buffer
            && let (Some(function), Some(dtype)) = (self.memo.get(from_buffer), self.memo.get(&array.dtype()))
        {
            return self.save_another_array(obj, &array, function, dtype, shared).map(Some);
        }
        // Whatever is allocated, finalisers may run, which may give the array another shape.
        let shape = array.shape().to_vec();
        // If there is no such buffer, numpy knows what to do.
        let Ok(reduction) = numpy_reductions::of_array(obj, from_buffer, array.dtype(), shape) else {
            return Ok(None);
        };
        self.save_reduction(reduction, obj).map(Some)
    }

    /// Writes an array whose bytes stay in the pickle, which has the function that makes it, and its dtype.
    fn save_another_array(
        &mut self,
        obj: &Bound<'py, PyAny>,
        array: &PlainArray<'_, 'py>,
        function: usize,
        dtype: usize,
        shared: Shared,
    ) -> PyResult<Saved> {
        self.memo_fetch(function)?;
        self.encoder.op(Opcode::Mark);
        let payload = if array.readonly() { Payload::Bytes } else { Payload::ByteArray };
        self.encoder
            .payload_with(payload, array.len(), |out| out.extend_from_array(array))
            .map_err(|error| self.refused(error))?;
        self.memo_fetch(dtype)?;
        let shape = array.shape();
        self.encoder.begin_tuple(shape.len());
        for &len in shape {
            self.encoder.int(len as i64);
        }
        self.encoder.end_tuple(shape.len());
        // There is one string of a single such letter, which every pickle with an array has in its memo.
        self.save_object(PyString::new(self.py, "C").as_any())?;
        self.encoder.op(Opcode::Tuple);
        self.encoder.op(Opcode::Reduce);
        self.memo_put_if(obj, shared)?;
        Ok(Saved::Done)
    }

    /// Writes a dtype that is built in, without asking it.
    pub(super) fn save_dtype(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
        let py = self.py;
        let Some(known) = numpy_reductions::of_dtype(obj)? else { return Ok(None) };
        let class = known.class.bind(py);
        // In a file, tuples are memoized that nothing refers to.
        let is_native = self.output.is_memory() && self.writes_natively()?;
        if !is_native || !self.save_class_of_dtype(class, &known)? {
            return self.save_reduction(known.reduction(py), obj).map(Some);
        }
        self.save_atoms(known.args.bind(py))?;
        self.encoder.op(Opcode::Reduce);
        self.memo_put(obj)?;
        self.save_atoms(known.state.bind(py))?;
        self.encoder.op(Opcode::Build);
        Ok(Some(Saved::Done))
    }

    /// `numpy.dtype`, if it is still found there.
    fn save_class_of_dtype(&mut self, class: &Bound<'py, PyAny>, known: &Dtype) -> PyResult<bool> {
        if let Some(index) = self.memo_get(class) {
            self.memo_fetch(index)?;
            return Ok(true);
        }
        let reducer = self.reducer_for(&class.get_type())?;
        let [module, name] = known.names.each_ref().map(|name| name.bind(self.py));
        if !known.goes_by_name(reducer.as_ref()) || self.is_found(class, module, name)? != Some(true) {
            return Ok(false);
        }
        self.save_global_under(class, module, name)?;
        Ok(true)
    }

    /// A tuple of strings and atoms that nothing refers to.
    fn save_atoms(&mut self, tuple: &Bound<'py, PyTuple>) -> PyResult<()> {
        self.encoder.begin_tuple(tuple.len());
        for item in tuple.iter_borrowed() {
            match item.cast_exact::<PyString>() {
                Ok(text) => self.save_text(&text)?,
                Err(_) => {
                    self.save_object(&item)?;
                }
            }
        }
        self.encoder.end_tuple(tuple.len());
        Ok(())
    }
}
