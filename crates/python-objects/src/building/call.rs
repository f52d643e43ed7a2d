//! What runs code of a class or a function.

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyMemoryView, PyTuple, PyType};

use super::{done, owned};
use crate::compat::attribute;
use crate::raised::Raised;

/// `callable(*arguments)`.
///
/// # Errors
/// What it raises.
#[inline]
pub fn call<'py>(callable: &Bound<'py, PyAny>, arguments: &[Bound<'py, PyAny>]) -> Result<Bound<'py, PyAny>, Raised> {
    let first = arguments.as_ptr().cast::<*mut ffi::PyObject>();
    // SAFETY: a live object. A `Bound` is a pointer and nothing else, so these are as many pointers to live objects as said;
    // they are borrowed during the call, and without the flag for it nobody writes to them. Nobody looks before the first.
    unsafe {
        owned(callable.py(), ffi::PyObject_Vectorcall(callable.as_ptr(), first, arguments.len(), std::ptr::null_mut()))
    }
}

/// `callable(*arguments)`.
///
/// # Errors
/// What it raises.
#[inline]
pub fn call_with_tuple<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
) -> Result<Bound<'py, PyAny>, Raised> {
    // SAFETY: a live object and a live tuple; the result is a new reference, or null with an exception.
    unsafe { owned(callable.py(), ffi::PyObject_Call(callable.as_ptr(), arguments.as_ptr(), std::ptr::null_mut())) }
}

/// What the type itself does for `class.__new__(class, *arguments)`, or `None` where it makes no instances.
///
/// # Errors
/// What it raises.
#[inline]
pub fn new_instance<'py>(
    class: &Bound<'py, PyType>,
    arguments: &Bound<'py, PyTuple>,
) -> Result<Option<Bound<'py, PyAny>>, Raised> {
    let ty = class.as_type_ptr();
    // SAFETY: a live type, whose function takes it and a tuple; the result is a new reference, or null with an exception.
    unsafe {
        let Some(new) = (*ty).tp_new else { return Ok(None) };
        owned(class.py(), new(ty, arguments.as_ptr(), std::ptr::null_mut())).map(Some)
    }
}

/// An attribute of `obj`, or `None` if there is none, without an exception in between for most objects.
///
/// # Errors
/// What looking it up raises, except for `AttributeError`.
#[inline]
pub fn attribute<'py>(obj: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> Result<Option<Bound<'py, PyAny>>, Raised> {
    let mut found = std::ptr::null_mut();
    // SAFETY: two live objects and a place for the result: a new reference, or null, with an exception where the status
    // is negative.
    unsafe {
        done(attribute::lookup(obj.as_ptr(), name.as_ptr(), &raw mut found).min(0))?;
        Ok(Bound::from_owned_ptr_or_opt(obj.py(), found))
    }
}

/// An attribute of `obj`.
///
/// # Errors
/// What looking it up raises.
pub fn attribute_or_error<'py>(obj: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>, Raised> {
    // SAFETY: two live objects; the result is a new reference, or null with an exception.
    unsafe { owned(obj.py(), ffi::PyObject_GetAttr(obj.as_ptr(), name.as_ptr())) }
}

/// `iter(obj)`.
///
/// # Errors
/// What it raises.
pub fn iterator<'py>(obj: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>, Raised> {
    // SAFETY: a live object; the result is a new reference, or null with an exception.
    unsafe { owned(obj.py(), ffi::PyObject_GetIter(obj.as_ptr())) }
}

/// The next object of what [`iterator`] returned, or `None` after the last.
///
/// # Errors
/// What it raises.
pub fn next<'py>(iterator: &Bound<'py, PyAny>) -> Result<Option<Bound<'py, PyAny>>, Raised> {
    let py = iterator.py();
    // SAFETY: a live iterator, for `iter` returns nothing else; the result is a new reference, or null with an exception or
    // at the end.
    match unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyIter_Next(iterator.as_ptr())) } {
        None if PyErr::occurred(py) => Err(Raised::by_c()),
        next => Ok(next),
    }
}

/// A view of a buffer that nobody can write through, or `None` if `buffer` is such already.
///
/// # Errors
/// `TypeError` if it is no buffer.
pub fn read_only<'py>(buffer: &Bound<'py, PyAny>) -> Result<Option<Bound<'py, PyAny>>, Raised> {
    let py = buffer.py();
    let view = || {
        let view = PyMemoryView::from(buffer)?;
        if view.getattr(intern!(py, "readonly"))?.is_truthy()? {
            return Ok(None);
        }
        view.call_method0(intern!(py, "toreadonly")).map(Some)
    };
    view().map_err(|error| Raised::new(py, error))
}

/// `obj[key] = value`.
///
/// # Errors
/// What it raises.
pub fn set_item(obj: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Result<(), Raised> {
    // SAFETY: live objects.
    done(unsafe { ffi::PyObject_SetItem(obj.as_ptr(), key.as_ptr(), value.as_ptr()) })
}

/// `setattr(obj, name, value)`.
///
/// # Errors
/// What it raises.
pub fn set_attribute(obj: &Bound<'_, PyAny>, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Result<(), Raised> {
    // SAFETY: live objects.
    done(unsafe { ffi::PyObject_SetAttr(obj.as_ptr(), name.as_ptr(), value.as_ptr()) })
}
