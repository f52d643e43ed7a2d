//! What a read-only view of a mapping shows.

use pyo3::prelude::*;
use pyo3::types::PyMappingProxy;

/// The mapping itself, which is not asked.
#[cfg(not(PyPy))]
#[inline]
#[must_use]
pub fn shown_by<'py>(proxy: &Bound<'py, PyMappingProxy>) -> Option<Bound<'py, PyAny>> {
    use pyo3::ffi;

    /// `mappingproxyobject`, the same on all versions.
    #[repr(C)]
    struct Fields {
        base: ffi::PyObject,
        mapping: *mut ffi::PyObject,
    }

    // SAFETY: a live object of exactly this type, for nobody can derive from it; it holds a reference to the mapping, and to
    // no other one as long as it lives.
    unsafe { Bound::from_borrowed_ptr_or_opt(proxy.py(), (*proxy.as_ptr().cast::<Fields>()).mapping) }
}

/// Nothing, for PyPy's are of another make.
#[cfg(PyPy)]
#[must_use]
pub fn shown_by<'py>(_proxy: &Bound<'py, PyMappingProxy>) -> Option<Bound<'py, PyAny>> {
    None
}
