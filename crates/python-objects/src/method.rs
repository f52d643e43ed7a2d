//! What a bound method consists of.

use pyo3::prelude::*;

/// The function of a method, and what the function gets first; or `None` for everything else.
#[cfg(not(PyPy))]
#[must_use]
pub fn parts_of<'py>(method: &Bound<'py, PyAny>) -> Option<[Bound<'py, PyAny>; 2]> {
    use pyo3::ffi;

    unsafe extern "C" {
        // Public, and not in `pyo3::ffi`.
        static mut PyMethod_Type: ffi::PyTypeObject;
        fn PyMethod_Function(method: *mut ffi::PyObject) -> *mut ffi::PyObject;
        fn PyMethod_Self(method: *mut ffi::PyObject) -> *mut ffi::PyObject;
    }

    if !std::ptr::eq(method.get_type_ptr(), &raw const PyMethod_Type) {
        return None;
    }
    // SAFETY: a live method, as the line above found out. Both results are borrowed from it, and never null; they are owned
    // before anything else runs.
    unsafe {
        let parts = [PyMethod_Function(method.as_ptr()), PyMethod_Self(method.as_ptr())];
        Some(parts.map(|part| Bound::from_borrowed_ptr(method.py(), part)))
    }
}

/// The same, by its attributes.
#[cfg(PyPy)]
#[must_use]
pub fn parts_of<'py>(method: &Bound<'py, PyAny>) -> Option<[Bound<'py, PyAny>; 2]> {
    let [function, owner] = ["__func__", "__self__"].map(|name| method.getattr_opt(name).ok().flatten());
    Some([function?, owner?])
}
