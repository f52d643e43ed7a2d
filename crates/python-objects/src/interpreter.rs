//! The interpreter that this thread runs in.

use pyo3::ffi;
use pyo3::prelude::*;

/// Whether this is the process's first interpreter, and not a sub-interpreter made by it.
#[must_use]
pub fn is_main(_py: Python<'_>) -> bool {
    // SAFETY: the token proves that the thread is attached to an interpreter; the state that the first call returns is
    // that interpreter's, and lives while the thread is attached.
    unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) == 0 }
}
