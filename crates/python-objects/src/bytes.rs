//! A `bytes` object while it is being written.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A `bytes` object with these contents. `PyBytes::new` panics where there is no memory for it.
///
/// # Errors
/// `MemoryError`.
pub fn copy_of<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    // SAFETY: so many bytes are there, which become the contents of a new object; null comes with an exception.
    let object = unsafe {
        let object = ffi::PyBytes_FromStringAndSize(bytes.as_ptr().cast(), bytes.len().cast_signed());
        Bound::from_owned_ptr_or_err(py, object)
    }?;
    Ok(object.cast_into()?)
}

/// What a [`BytesBuilder`] unwinds with where it has no memory left, without the message of a panic: whoever writes the
/// object is to catch it, and to raise a `MemoryError`.
pub struct OutOfMemory;

/// Unwinds with [`OutOfMemory`]: for what grows beside the object, and has no more memory than that.
#[cold]
pub fn out_of_memory() -> ! {
    std::panic::resume_unwind(Box::new(OutOfMemory))
}

#[cfg(not(PyPy))]
mod in_place;
#[cfg(not(PyPy))]
pub use in_place::BytesBuilder;

#[cfg(PyPy)]
mod copied;
#[cfg(PyPy)]
pub use copied::BytesBuilder;
