//! How many references there are to an object.

use pyo3::ffi;
use pyo3::prelude::*;

/// Whether the count says how many containers and variables refer to an object. On PyPy it counts stand-ins; without the
/// global lock it is split between threads, and another thread may add to it at any moment.
pub const COUNTS_ARE_EXACT: bool = cfg!(not(any(PyPy, Py_GIL_DISABLED)));

/// The references to `obj`, the caller's own among them. More than there can be for what lives as long as the interpreter.
#[inline]
#[must_use]
pub fn of(obj: &Bound<'_, PyAny>) -> isize {
    // SAFETY: `obj` is a live object, and only its count is read.
    unsafe { ffi::Py_REFCNT(obj.as_ptr()) }
}
