//! What an exception holds besides its arguments and attributes.

use pyo3::exceptions::PyBaseException;
use pyo3::ffi;
use pyo3::prelude::*;

/// Whether `exception` was raised from another one, or while another one was handled. Its class is not asked.
#[must_use]
pub fn has_causes(exception: &Bound<'_, PyBaseException>) -> bool {
    let (py, exception) = (exception.py(), exception.as_ptr());
    // SAFETY: a live exception; each result is a new reference, or null without an exception.
    let [cause, context] = unsafe {
        [ffi::PyException_GetCause(exception), ffi::PyException_GetContext(exception)]
            .map(|found| Bound::from_owned_ptr_or_opt(py, found))
    };
    [cause, context].into_iter().flatten().any(|found| !found.is_none())
}
