//! Instances of classes that leave it to `object` how they are reduced: a `__dict__`, slots, and nothing else.

use std::ffi::c_ulong;

use pyo3::exceptions::PyAttributeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

/// Whether types can be looked at as this file does. PyPy's are of another make.
pub const TYPES_ARE_OPEN: bool = cfg!(not(PyPy));

/// `Py_TPFLAGS_MANAGED_DICT`, since Python 3.11: the `__dict__` stands before the object. No flag before.
const MANAGED_DICT: c_ulong = 1 << 4;

/// Whether instances of `ty` hold nothing but a `__dict__`, weak references and `slots` slots. This is the condition under
/// which `object.__reduce_ex__` reduces them.
#[must_use]
pub fn is_made_of_dict_and_slots(ty: &Bound<'_, PyType>, slots: usize) -> bool {
    let word = size_of::<*mut ffi::PyObject>();
    // SAFETY: a type object that is alive.
    let flags = unsafe { ffi::PyType_GetFlags(ty.as_type_ptr()) };
    let known = |ty: &ffi::PyTypeObject| {
        let has_dict = ty.tp_dictoffset != 0 && flags & MANAGED_DICT == 0;
        let has_weak_references = ty.tp_weaklistoffset > 0;
        size_of::<ffi::PyObject>() + word * (usize::from(has_dict) + usize::from(has_weak_references) + slots)
    };
    // SAFETY: a type object that is alive; its layout is that of the version of Python that this is built for, and what is
    // read does not change once a type is made.
    let ty = unsafe { &*ty.as_type_ptr() };
    ty.tp_new.is_some() && ty.tp_itemsize == 0 && usize::try_from(ty.tp_basicsize).is_ok_and(|size| size <= known(ty))
}

/// Whether attributes of instances of `ty` are looked up as `object` does, so that no code of the class runs.
#[must_use]
pub fn has_plain_attributes(ty: &Bound<'_, PyType>) -> bool {
    let plain: ffi::getattrofunc = ffi::PyObject_GenericGetAttr;
    // SAFETY: a type object that is alive, as above.
    let found = unsafe { (*ty.as_type_ptr()).tp_getattro };
    found.is_some_and(|found| std::ptr::fn_addr_eq(found, plain))
}

/// Whether it is plain that instances of `ty` have no `__dict__`.
#[must_use]
pub fn lacks_dict(ty: &Bound<'_, PyType>) -> bool {
    // SAFETY: a type object that is alive, as above.
    let (offset, flags) = unsafe { ((*ty.as_type_ptr()).tp_dictoffset, ffi::PyType_GetFlags(ty.as_type_ptr())) };
    TYPES_ARE_OPEN && offset == 0 && flags & MANAGED_DICT == 0
}

/// The `__dict__` of an instance, if it has one, without asking its class.
///
/// # Errors
/// `MemoryError`: the dict is made when it is asked for first.
#[inline]
pub fn dict_of<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let py = obj.py();
    // SAFETY: `obj` is alive; the result is a new reference, or null with an exception.
    let dict =
        unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyObject_GenericGetDict(obj.as_ptr(), std::ptr::null_mut())) };
    match dict {
        Ok(dict) => Ok(dict.cast_into().ok()),
        Err(error) if error.is_instance_of::<PyAttributeError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}
