//! Walking a dict that user code may change under the walk.

use pyo3::exceptions::PyRuntimeError;
#[cfg(not(PyPy))]
use pyo3::ffi;
use pyo3::prelude::*;
#[cfg(not(PyPy))]
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::PyDict;
#[cfg(PyPy)]
use pyo3::types::PyIterator;

/// A position in a dict.
///
/// PyO3's own iterator panics when the dict changes size; for a pickler, whose every item may run user code, that is an
/// everyday error.
pub struct DictCursor {
    #[cfg(not(PyPy))]
    position: ffi::Py_ssize_t,
    /// The iterator of `dict.items(dict)`, from the first step on. PyPy's `PyDict_Next` keeps its place in the dict itself,
    /// where a walk inside the walk loses it, and cannot raise what a key's comparison raises.
    #[cfg(PyPy)]
    items: Option<Py<PyIterator>>,
    expected_len: usize,
}

/// A key and its value.
pub type Item<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

impl DictCursor {
    /// Before the first item of `dict`.
    #[must_use]
    pub fn new(dict: &Bound<'_, PyDict>) -> Self {
        Self {
            #[cfg(not(PyPy))]
            position: 0,
            #[cfg(PyPy)]
            items: None,
            expected_len: dict.len(),
        }
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
        self.advance(dict)
    }

    #[cfg(not(PyPy))]
    #[inline]
    #[expect(clippy::unnecessary_wraps, reason = "a dict of PyPy may raise")]
    fn advance<'py>(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Option<Item<'py>>> {
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

    #[cfg(PyPy)]
    fn advance<'py>(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<Option<Item<'py>>> {
        let py = dict.py();
        let items = if let Some(items) = &self.items {
            items
        } else {
            let view = py.get_type::<PyDict>().call_method1(pyo3::intern!(py, "items"), (dict,))?;
            self.items.insert(view.try_iter()?.unbind())
        };
        items.bind(py).clone().next().map(|item| item?.extract()).transpose()
    }
}

/// The items of a dict that nobody else changes meanwhile.
///
/// # Errors
/// None on CPython.
#[cfg(not(PyPy))]
#[inline]
pub fn items<'py>(dict: &Bound<'py, PyDict>) -> PyResult<impl Iterator<Item = Item<'py>>> {
    Ok(dict.iter())
}

/// The items of a dict that nobody else changes meanwhile.
///
/// # Errors
/// What PyPy raises, such as a `MemoryError`.
#[cfg(PyPy)]
pub fn items<'py>(dict: &Bound<'py, PyDict>) -> PyResult<impl Iterator<Item = Item<'py>>> {
    let mut cursor = DictCursor::new(dict);
    let mut items = Vec::with_capacity(dict.len());
    while let Some(item) = cursor.next(dict)? {
        items.push(item);
    }
    Ok(items.into_iter())
}
