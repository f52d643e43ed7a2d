//! An exception that is set in the interpreter and taken by nobody yet.

use pyo3::ffi;
use pyo3::prelude::*;

/// The sign of it: as an error no larger than nothing, where a [`PyErr`] is nine words that every call hands back.
///
/// Whoever has one gives it on, or calls [`take`](Self::take) or [`forget`](Self::forget) before any other Python call.
#[must_use]
pub struct Raised(());

impl Raised {
    /// Of a C function that said so.
    pub(crate) fn by_c() -> Self {
        Self(())
    }

    /// Raises a `MemoryError`.
    #[cold]
    pub fn no_memory(_py: Python<'_>) -> Self {
        // SAFETY: the thread is attached.
        unsafe { ffi::PyErr_NoMemory() };
        Self(())
    }

    /// Raises `error`.
    pub fn new(py: Python<'_>, error: PyErr) -> Self {
        error.restore(py);
        Self(())
    }

    /// The exception, which is not set any more.
    #[must_use]
    pub fn take(self, py: Python<'_>) -> PyErr {
        PyErr::fetch(py)
    }

    /// Goes on as if nothing had been raised.
    pub fn forget(self, _py: Python<'_>) {
        // SAFETY: the thread is attached.
        unsafe { ffi::PyErr_Clear() };
    }
}
