//! Looking for an attribute that may not be there.

use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

#[cfg(not(any(Py_3_13, PyPy, windows)))]
pub(crate) use private::_PyObject_LookupAttr as lookup;
#[cfg(any(Py_3_13, PyPy, windows))]
pub(crate) use pyo3::ffi::compat::PyObject_GetOptionalAttr as lookup;

/// The function as it is named up to Python 3.12, where it is not public. What PyO3 has for these versions makes an exception
/// for every attribute that is not there, and takes it away.
#[cfg(not(any(Py_3_13, PyPy, windows)))]
mod private {
    use pyo3::ffi;

    unsafe extern "C" {
        pub(crate) fn _PyObject_LookupAttr(
            obj: *mut ffi::PyObject,
            name: *mut ffi::PyObject,
            found: *mut *mut ffi::PyObject,
        ) -> std::ffi::c_int;
    }
}

/// Whether a class or what it is derived from has an attribute of this name. Up to Python 3.11, to ask the class takes an
/// exception with a text for each that it has not: four times as long as to look through its bases.
#[cfg(not(any(Py_3_12, PyPy, windows)))]
#[allow(clippy::unnecessary_wraps, reason = "on other versions it may fail")]
pub(crate) fn class_has(class: &Bound<'_, PyType>, name: &Bound<'_, PyString>) -> PyResult<bool> {
    use pyo3::ffi;

    unsafe extern "C" {
        // Not public, and not in `pyo3::ffi`.
        fn _PyType_Lookup(class: *mut ffi::PyTypeObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject;
    }

    // SAFETY: a live type and a live str; the result is borrowed and not kept, or null without an exception.
    Ok(unsafe { !_PyType_Lookup(class.as_type_ptr(), name.as_ptr()).is_null() })
}

/// The same by asking the class.
#[cfg(any(Py_3_12, PyPy, windows))]
pub(crate) fn class_has(class: &Bound<'_, PyType>, name: &Bound<'_, PyString>) -> PyResult<bool> {
    class.hasattr(name)
}
