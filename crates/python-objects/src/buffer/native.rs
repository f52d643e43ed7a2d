//! Through the C buffer protocol.

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;

/// A contiguous view of an object's bytes, held open: the object cannot be resized while this lives.
pub struct Bytes {
    view: PyUntypedBuffer,
}

impl Bytes {
    /// Opens the buffer of `obj`.
    ///
    /// # Errors
    /// What the object's buffer protocol raises, or a `BufferError` if its memory is not contiguous.
    pub fn of(obj: &Bound<'_, PyAny>) -> PyResult<Self> {
        let view = PyUntypedBuffer::get(obj)?;
        if view.is_c_contiguous() || view.is_fortran_contiguous() {
            Ok(Self { view })
        } else {
            Err(PyBufferError::new_err("the buffer is not contiguous"))
        }
    }

    /// How many bytes the view has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.len_bytes()
    }

    /// Whether the view has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the memory may only be read.
    #[must_use]
    pub fn readonly(&self) -> bool {
        self.view.readonly()
    }

    /// Copies the bytes. Takes the thread's attachment as a proof that no other thread runs Python code, except on a
    /// free-threaded build, where a concurrent writer may tear the copy, as it may with C `pickle`.
    ///
    /// # Safety
    /// At `to` there is room for `len()` bytes, which nobody else refers to.
    pub(crate) unsafe fn copy_to(&self, _py: Python<'_>, to: *mut u8) {
        let len = self.len();
        if len == 0 {
            // An empty buffer may have a null pointer.
            return;
        }
        let source = self.view.buf_ptr().cast::<u8>();
        // SAFETY: `source` points to `len` initialised bytes (a contiguous view, checked in `of`, which the exporter
        // keeps in place while the view is held); there is room for them by the condition above. No reference to the
        // source is formed, so a writer elsewhere does not break an aliasing rule.
        unsafe { std::ptr::copy_nonoverlapping(source, to, len) };
    }
}
