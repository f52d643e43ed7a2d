//! Tuples, lists, dicts and sets.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet};

use super::{done, owned};
use crate::raised::Raised;

/// A tuple of the last `len` objects of `stack`, which are taken off it. On an error it is as it was.
///
/// # Errors
/// `MemoryError`.
///
/// # Panics
/// If there are fewer.
#[inline]
pub fn tuple_of_last<'py>(
    py: Python<'py>,
    stack: &mut Vec<Bound<'py, PyAny>>,
    len: usize,
) -> Result<Bound<'py, PyAny>, Raised> {
    let start = stack.len() - len;
    // SAFETY: the size is none that is negative.
    let tuple = unsafe { owned(py, ffi::PyTuple_New(len.cast_signed()))? };
    for (index, object) in stack.drain(start..).enumerate() {
        // SAFETY: a new tuple that nobody else has, with a place for each index below `len`, filled once. The reference
        // goes over to it.
        unsafe { put::in_tuple(tuple.as_ptr(), index.cast_signed(), object.into_ptr()) };
    }
    Ok(tuple)
}

/// A list of the last `len` objects of `stack`, which are taken off it. On an error it is as it was.
///
/// # Errors
/// `MemoryError`.
///
/// # Panics
/// If there are fewer.
#[inline]
pub fn list_of_last<'py>(
    py: Python<'py>,
    stack: &mut Vec<Bound<'py, PyAny>>,
    len: usize,
) -> Result<Bound<'py, PyAny>, Raised> {
    let start = stack.len() - len;
    // SAFETY: as for tuples.
    let list = unsafe { owned(py, ffi::PyList_New(len.cast_signed()))? };
    for (index, object) in stack.drain(start..).enumerate() {
        // SAFETY: as for tuples.
        unsafe { put::in_list(list.as_ptr(), index.cast_signed(), object.into_ptr()) };
    }
    Ok(list)
}

/// Appends an object to a list.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn append(list: &Bound<'_, PyList>, object: &Bound<'_, PyAny>) -> Result<(), Raised> {
    // SAFETY: a live list and a live object.
    done(unsafe { ffi::PyList_Append(list.as_ptr(), object.as_ptr()) })
}

/// Appends the items of a list to another one.
///
/// # Errors
/// `MemoryError`.
pub fn extend(list: &Bound<'_, PyList>, items: &Bound<'_, PyAny>) -> Result<(), Raised> {
    let end = list.len().cast_signed();
    // SAFETY: a live list, and a live list whose items are to be behind its last.
    done(unsafe { ffi::PyList_SetSlice(list.as_ptr(), end, end, items.as_ptr()) })
}

/// `dict[key] = value`, for dicts as such.
///
/// # Errors
/// `MemoryError`, and what hashing and comparing the key raises.
#[inline]
pub fn set_item(dict: &Bound<'_, PyDict>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Result<(), Raised> {
    // SAFETY: a live dict and live objects.
    done(unsafe { ffi::PyDict_SetItem(dict.as_ptr(), key.as_ptr(), value.as_ptr()) })
}

/// Adds an object to a set.
///
/// # Errors
/// `MemoryError`, and what hashing and comparing the object raises.
#[inline]
pub fn add(set: &Bound<'_, PySet>, object: &Bound<'_, PyAny>) -> Result<(), Raised> {
    // SAFETY: a live set and a live object.
    done(unsafe { ffi::PySet_Add(set.as_ptr(), object.as_ptr()) })
}

/// A new empty list, or dict, or set.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn empty_list(py: Python<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    // SAFETY: the result is a new reference, or null with an exception.
    unsafe { owned(py, ffi::PyList_New(0)) }
}

/// A new empty dict.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn empty_dict(py: Python<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    // SAFETY: as above.
    unsafe { owned(py, ffi::PyDict_New()) }
}

/// A new empty set.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn empty_set(py: Python<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    // SAFETY: as above.
    unsafe { owned(py, ffi::PySet_New(std::ptr::null_mut())) }
}

/// A new frozenset of the items of a tuple.
///
/// # Errors
/// `MemoryError`, and what hashing and comparing the items raises.
pub fn frozenset_of<'py>(tuple: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>, Raised> {
    // SAFETY: a live object; the result as above.
    unsafe { owned(tuple.py(), ffi::PyFrozenSet_New(tuple.as_ptr())) }
}

/// Filling what is new.
#[cfg(not(PyPy))]
mod put {
    use pyo3::ffi;

    /// # Safety
    /// A tuple that nobody else has, with nothing at the index yet; the reference to the object goes over to it.
    #[inline]
    pub(super) unsafe fn in_tuple(tuple: *mut ffi::PyObject, index: isize, object: *mut ffi::PyObject) {
        // SAFETY: as the caller says.
        unsafe { ffi::PyTuple_SET_ITEM(tuple, index, object) };
    }

    /// # Safety
    /// The same for a list.
    #[inline]
    pub(super) unsafe fn in_list(list: *mut ffi::PyObject, index: isize, object: *mut ffi::PyObject) {
        // SAFETY: as the caller says.
        unsafe { ffi::PyList_SET_ITEM(list, index, object) };
    }
}

/// The same through calls that check.
#[cfg(PyPy)]
mod put {
    use pyo3::ffi;

    /// # Safety
    /// As above.
    pub(super) unsafe fn in_tuple(tuple: *mut ffi::PyObject, index: isize, object: *mut ffi::PyObject) {
        // SAFETY: as the caller says.
        unsafe { ffi::PyTuple_SetItem(tuple, index, object) };
    }

    /// # Safety
    /// As above.
    pub(super) unsafe fn in_list(list: *mut ffi::PyObject, index: isize, object: *mut ffi::PyObject) {
        // SAFETY: as the caller says.
        unsafe { ffi::PyList_SetItem(list, index, object) };
    }
}
