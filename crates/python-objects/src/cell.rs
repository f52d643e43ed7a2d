//! The variables of closures, and what they hold.

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// A cell that holds `contents`, or an empty one. `cell_type` is `types.CellType`.
///
/// # Errors
/// `MemoryError`.
#[inline]
#[cfg_attr(not(PyPy), allow(unused_variables, reason = "it is called where cells cannot be made otherwise"))]
pub fn new<'py>(cell_type: &Bound<'py, PyType>, contents: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
    #[cfg(not(PyPy))]
    return native::new(cell_type.py(), contents);
    #[cfg(PyPy)]
    match contents {
        Some(contents) => cell_type.call1((contents,)),
        None => cell_type.call0(),
    }
}

/// What a cell holds, if it is not empty.
///
/// # Errors
/// What asking for the contents raises, for what is no cell.
#[inline]
pub fn contents<'py>(cell: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    #[cfg(not(PyPy))]
    if let Some(contents) = native::contents(cell) {
        return Ok(contents);
    }
    match cell.getattr(intern!(cell.py(), "cell_contents")) {
        Ok(contents) => Ok(Some(contents)),
        // An empty cell says so with a ValueError.
        Err(error) if error.is_instance_of::<PyValueError>(cell.py()) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(not(PyPy))]
mod native {
    use pyo3::ffi;
    use pyo3::prelude::*;

    /// A cell, without a call of its type.
    #[inline]
    pub(super) fn new<'py>(py: Python<'py>, contents: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let contents = contents.map_or(std::ptr::null_mut(), Bound::as_ptr);
        // SAFETY: a live object, to which the cell takes a reference of its own, or null for an empty one. The result is a new
        // reference, or null with an exception.
        unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyCell_New(contents)) }
    }

    /// What a cell holds; nothing for what is no cell.
    #[inline]
    #[expect(clippy::option_option, reason = "an empty cell is not the same as no cell")]
    pub(super) fn contents<'py>(cell: &Bound<'py, PyAny>) -> Option<Option<Bound<'py, PyAny>>> {
        // SAFETY: the pointer is to a live object, which is asked for its contents only if it is a cell. The answer is a new
        // reference, or null without an exception for an empty cell.
        unsafe {
            if ffi::PyCell_Check(cell.as_ptr()) == 0 {
                return None;
            }
            Some(Bound::from_owned_ptr_or_opt(cell.py(), ffi::PyCell_Get(cell.as_ptr())))
        }
    }
}
