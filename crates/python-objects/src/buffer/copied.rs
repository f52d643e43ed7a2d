//! As a copy that is made when the buffer is opened: PyPy lets a `bytearray` move its memory while an extension has its
//! address.

use pyo3::exceptions::PyBufferError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

/// An object's bytes, as they were when this was made.
pub struct Bytes {
    copy: Py<PyBytes>,
    len: usize,
    readonly: bool,
}

impl Bytes {
    /// Copies the buffer of `obj`.
    ///
    /// # Errors
    /// What the object's buffer protocol raises, or a `BufferError` if its memory is not contiguous.
    pub fn of(obj: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = obj.py();
        // Not through C: that would be the address again.
        let view = py.get_type::<PyMemoryView>().call1((obj,))?;
        let readonly = view.getattr(intern!(py, "readonly"))?.is_truthy()?;
        let in_c_order = view.getattr(intern!(py, "c_contiguous"))?.is_truthy()?;
        if !in_c_order && !view.getattr(intern!(py, "f_contiguous"))?.is_truthy()? {
            return Err(PyBufferError::new_err("the buffer is not contiguous"));
        }
        let in_order_of_memory = if in_c_order {
            view
        } else {
            py.import(intern!(py, "pickle"))?
                .call_method1(intern!(py, "PickleBuffer"), (view,))?
                .call_method0(intern!(py, "raw"))?
        };
        let copy = in_order_of_memory.call_method0(intern!(py, "tobytes"))?.cast_into::<PyBytes>()?;
        Ok(Self { len: copy.as_bytes().len(), copy: copy.unbind(), readonly })
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the memory may only be read.
    #[must_use]
    pub fn readonly(&self) -> bool {
        self.readonly
    }

    /// Appends the bytes to `out`.
    pub fn append_to(&self, py: Python<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(self.copy.bind(py).as_bytes());
    }
}
