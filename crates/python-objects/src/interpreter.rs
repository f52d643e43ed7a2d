//! The interpreter that this thread runs in.

#[cfg(not(PyPy))]
use pyo3::ffi;
use pyo3::prelude::*;

/// Whether this is the process's first interpreter, and not a sub-interpreter made by it.
#[cfg(not(PyPy))]
#[must_use]
pub fn is_main(_py: Python<'_>) -> bool {
    // SAFETY: the token proves that the thread is attached to an interpreter; the state that the first call returns is
    // that interpreter's, and lives while the thread is attached.
    unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) == 0 }
}

/// Whether this is the process's first interpreter: always, as PyPy has no sub-interpreters.
#[cfg(PyPy)]
#[must_use]
pub fn is_main(_py: Python<'_>) -> bool {
    true
}
