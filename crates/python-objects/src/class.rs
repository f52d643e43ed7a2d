//! What a class itself has.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

use crate::{compat, dict};

/// A copy of the `__dict__` of a class, of one moment; nothing for a type that C code keeps elsewhere.
///
/// # Errors
/// `MemoryError`.
pub fn namespace<'py>(class: &Bound<'py, PyType>) -> PyResult<Option<Bound<'py, PyDict>>> {
    own_dict(class).map(|dict| dict.copy()).transpose()
}

/// The names and values in the `__dict__` of a class, of one moment; nothing for a type that C code keeps elsewhere.
///
/// # Errors
/// `MemoryError`.
pub fn attributes<'py>(class: &Bound<'py, PyType>) -> PyResult<Option<Vec<dict::Item<'py>>>> {
    own_dict(class).map(|dict| dict::items(&dict)).transpose()
}

/// The dict itself, which is for the interpreter to change.
#[cfg(not(PyPy))]
pub(crate) fn own_dict<'py>(class: &Bound<'py, PyType>) -> Option<Bound<'py, PyDict>> {
    use pyo3::ffi;

    // SAFETY: the type object is alive, and of this layout on a build for this version. A type that was made at run time
    // has its dict there as long as it lives; nothing has run since the pointer was read.
    let dict = unsafe {
        let ty = class.as_type_ptr();
        if ffi::PyType_GetFlags(ty) & ffi::Py_TPFLAGS_HEAPTYPE == 0 {
            return None;
        }
        Bound::from_borrowed_ptr_or_opt(class.py(), (*ty).tp_dict)
    };
    dict?.cast_into::<PyDict>().ok()
}

/// Nothing, for PyPy has no such thing.
#[cfg(PyPy)]
pub(crate) fn own_dict<'py>(_: &Bound<'py, PyType>) -> Option<Bound<'py, PyDict>> {
    None
}

/// An attribute of a class as `type` looks it up, whatever the metaclass has to say.
///
/// # Errors
/// `AttributeError`.
#[cfg(not(PyPy))]
pub fn attribute<'py>(class: &Bound<'py, PyType>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    use pyo3::ffi;

    // SAFETY: `type` is static and ready; its function takes a live type and a live `str`, and gives a new reference, or
    // null with an exception.
    unsafe {
        match ffi::PyType_Type.tp_getattro {
            Some(look_up) => Bound::from_owned_ptr_or_err(class.py(), look_up(class.as_ptr(), name.as_ptr())),
            None => class.getattr(name),
        }
    }
}

/// An attribute of a class.
///
/// # Errors
/// `AttributeError`.
#[cfg(PyPy)]
pub fn attribute<'py>(class: &Bound<'py, PyType>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    class.getattr(name)
}

/// Whether `class` or what it is derived from has an attribute of this name.
///
/// # Errors
/// What looking it up raises, other than `AttributeError`.
pub fn has_attribute(class: &Bound<'_, PyType>, name: &Bound<'_, PyString>) -> PyResult<bool> {
    compat::attribute::class_has(class, name)
}

/// What [`names`] gives.
pub struct Names<'py> {
    /// `__name__`
    pub name: Bound<'py, PyString>,
    /// `__qualname__`
    pub qualname: Bound<'py, PyString>,
}

/// The names of a class that was made at run time, where nobody but `type` has a say in what they are. Asking for each by
/// name takes a walk through the metaclass and a call.
#[cfg(not(PyPy))]
#[inline]
#[must_use]
pub fn names<'py>(class: &Bound<'py, PyType>) -> Option<Names<'py>> {
    use pyo3::ffi;

    if !is_plain_heap_type(class) {
        return None;
    }
    // SAFETY: a live type that was made at run time is of this layout on a build for this version, and both fields hold
    // strings as long as it lives; nothing has run since they were read.
    let (name, qualname) = unsafe {
        let class = &*class.as_ptr().cast::<ffi::PyHeapTypeObject>();
        (class.ht_name, class.ht_qualname)
    };
    let py = class.py();
    // SAFETY: as above: null or a live object, to which the type has a reference of its own.
    let text = |field| unsafe { Bound::from_borrowed_ptr_or_opt(py, field) };
    Some(Names { name: text(name)?.cast_into().ok()?, qualname: text(qualname)?.cast_into().ok()? })
}

/// Nothing, for PyPy has no such fields.
#[cfg(PyPy)]
#[must_use]
pub fn names<'py>(_: &Bound<'py, PyType>) -> Option<Names<'py>> {
    None
}

/// The `__module__` in the namespace of such a class, as it is at this moment. Nothing if there is none.
#[inline]
#[must_use]
pub fn module<'py>(class: &Bound<'py, PyType>) -> Option<Bound<'py, PyAny>> {
    if !is_plain_heap_type(class) {
        return None;
    }
    own_dict(class)?.get_item(pyo3::intern!(class.py(), "__module__")).ok()?
}

/// Whether a class was made at run time, by `type` itself. On a build without a global lock nothing of it is read past
/// Python, for another thread may be changing it.
#[inline]
fn is_plain_heap_type(class: &Bound<'_, PyType>) -> bool {
    cfg!(not(any(PyPy, Py_GIL_DISABLED)))
        && !is_static(class)
        && class.get_type_ptr() == <PyType as pyo3::type_object::PyTypeInfo>::type_object_raw(class.py())
}

/// Whether `class` is a static type: C code has it, nobody can change it, and it lives as long as the process.
#[must_use]
pub fn is_static(class: &Bound<'_, PyType>) -> bool {
    // SAFETY: a live type object, whose flags are read.
    let flags = unsafe { pyo3::ffi::PyType_GetFlags(class.as_type_ptr()) };
    cfg!(not(PyPy)) && flags & pyo3::ffi::Py_TPFLAGS_HEAPTYPE == 0
}

/// Whether `class` is `base` or derived from it, whatever the metaclass says.
#[must_use]
pub fn is_derived(class: &Bound<'_, PyType>, base: &Bound<'_, PyType>) -> bool {
    // SAFETY: both are live types. The call compares addresses and runs no Python code.
    unsafe { pyo3::ffi::PyType_IsSubtype(class.as_type_ptr(), base.as_type_ptr()) != 0 }
}
