//! Walking a dict that user code may change under the walk.

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::PyDict;

/// A position in a dict.
///
/// PyO3's own iterator panics when the dict changes size; for a pickler, whose every item may run user code, that is an
/// everyday error.
pub struct DictCursor {
    position: ffi::Py_ssize_t,
    expected_len: usize,
}

/// A key and its value.
pub type Item<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

impl DictCursor {
    /// Before the first item of `dict`.
    #[must_use]
    pub fn new(dict: &Bound<'_, PyDict>) -> Self {
        Self { position: 0, expected_len: dict.len() }
    }

    /// The next item, or `None` behind the last.
    ///
    /// # Errors
    /// `RuntimeError`, in the words of Python's own iterator, if the dict has another size than at the start.
    #[inline]
    pub fn next<'py>(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Option<Item<'py>>> {
        if dict.len() != self.expected_len {
            return Err(PyRuntimeError::new_err("dictionary changed size during iteration"));
        }
        let py = dict.py();
        let position = &mut self.position;
        Ok(with_critical_section(dict, || {
            let mut key = std::ptr::null_mut();
            let mut value = std::ptr::null_mut();
            // SAFETY: `dict` is a live dict, the out-parameters are locals. `PyDict_Next` checks the position against
            // the dict's present table, so a position from before a change is harmless.
            let found = unsafe { ffi::PyDict_Next(dict.as_ptr(), position, &raw mut key, &raw mut value) };
            if found == 0 {
                return None;
            }
            // SAFETY: on success both are borrowed references to live objects; they become owned before anything can
            // run that changes the dict (the critical section is still held).
            Some(unsafe { (Bound::from_borrowed_ptr(py, key), Bound::from_borrowed_ptr(py, value)) })
        }))
    }
}

/// The items of one moment, whatever happens to `dict` while they are looked at.
///
/// # Errors
/// `MemoryError`.
pub fn items<'py>(dict: &Bound<'py, PyDict>) -> PyResult<Vec<Item<'py>>> {
    dict.items().iter().map(|item| item.extract()).collect()
}
