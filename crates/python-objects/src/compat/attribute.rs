//! Looking for an attribute that may not be there.

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
