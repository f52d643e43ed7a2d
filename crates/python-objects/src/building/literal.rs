//! Numbers, strings and bytes, of what a pickle has of them.

use std::ffi::{c_char, c_long};

use pyo3::ffi;
use pyo3::prelude::*;

use super::{done, owned};
use crate::large_pages;
use crate::raised::Raised;

/// The `str` that `utf8` is the UTF-8 of, where lone surrogates pass as three bytes each.
///
/// # Errors
/// `UnicodeDecodeError`, `MemoryError`.
#[inline]
pub fn str_of<'py>(py: Python<'py>, utf8: &[u8]) -> Result<Bound<'py, PyAny>, Raised> {
    match of_ascii(py, utf8) {
        Some(text) => Ok(text),
        None => decoded(py, utf8),
    }
}

#[inline(never)]
fn decoded<'py>(py: Python<'py>, utf8: &[u8]) -> Result<Bound<'py, PyAny>, Raised> {
    let len = utf8.len().cast_signed();
    // SAFETY: as many bytes as said, and a C string; the result is a new reference, or null with an exception.
    unsafe { owned(py, ffi::PyUnicode_DecodeUTF8(utf8.as_ptr().cast(), len, c"surrogatepass".as_ptr())) }
}

/// The `int` of this value.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn int_of(py: Python<'_>, number: i64) -> Result<Bound<'_, PyAny>, Raised> {
    // The function for a C `long` is the one that is quick for small numbers, and on most systems takes all of these.
    // SAFETY: the result is a new reference, or null with an exception.
    unsafe {
        let made = match c_long::try_from(number) {
            Ok(number) => ffi::PyLong_FromLong(number),
            Err(_) => ffi::PyLong_FromLongLong(number),
        };
        owned(py, made)
    }
}

/// The `float` of this value.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn float_of(py: Python<'_>, number: f64) -> Result<Bound<'_, PyAny>, Raised> {
    // SAFETY: as above.
    unsafe { owned(py, ffi::PyFloat_FromDouble(number)) }
}

/// The `bytes` of these.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn bytes_of<'py>(py: Python<'py>, bytes: &[u8]) -> Result<Bound<'py, PyAny>, Raised> {
    if large_pages::pay(bytes.len()) {
        // SAFETY: the new object has room for so many bytes, which are written before anybody else has a reference to it.
        return unsafe { filled(py, bytes, ffi::PyBytes_FromStringAndSize, ffi::PyBytes_AsString) };
    }
    // SAFETY: as many bytes as said; the result is a new reference, or null with an exception.
    unsafe { owned(py, ffi::PyBytes_FromStringAndSize(bytes.as_ptr().cast(), bytes.len().cast_signed())) }
}

/// The `bytes` of what a buffer holds.
///
/// # Errors
/// `TypeError` if it is no buffer, `BufferError` if it is not contiguous, `MemoryError`.
pub fn bytes_in<'py>(buffer: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>, Raised> {
    let mut view = ffi::Py_buffer::new();
    // SAFETY: a live object, and a place for the view, which is open until its bytes are copied. The result is a new reference,
    // or null with an exception.
    unsafe {
        done(ffi::PyObject_GetBuffer(buffer.as_ptr(), &raw mut view, ffi::PyBUF_CONTIG_RO))?;
        let bytes = owned(buffer.py(), ffi::PyBytes_FromStringAndSize(view.buf.cast(), view.len));
        ffi::PyBuffer_Release(&raw mut view);
        bytes
    }
}

/// The `bytearray` of these.
///
/// # Errors
/// `MemoryError`.
pub fn bytearray_of<'py>(py: Python<'py>, bytes: &[u8]) -> Result<Bound<'py, PyAny>, Raised> {
    if large_pages::pay(bytes.len()) {
        // SAFETY: as above.
        return unsafe { filled(py, bytes, ffi::PyByteArray_FromStringAndSize, ffi::PyByteArray_AsString) };
    }
    // SAFETY: as above.
    unsafe { owned(py, ffi::PyByteArray_FromStringAndSize(bytes.as_ptr().cast(), bytes.len().cast_signed())) }
}

/// What `make` makes of a length, with `bytes` in it. Half of the time that a large copy takes goes into its pages.
///
/// # Safety
/// `make` gives, for no contents and a length, a new reference to an object with room for as many bytes where `room` says, or
/// null with an exception.
#[cold]
unsafe fn filled<'py>(
    py: Python<'py>,
    bytes: &[u8],
    make: unsafe extern "C" fn(*const c_char, ffi::Py_ssize_t) -> *mut ffi::PyObject,
    room: unsafe extern "C" fn(*mut ffi::PyObject) -> *mut c_char,
) -> Result<Bound<'py, PyAny>, Raised> {
    // SAFETY: as the caller says; the room is that of an object made just now, which the source cannot be in.
    unsafe {
        let object = owned(py, make(std::ptr::null(), bytes.len().cast_signed()))?;
        let room = room(object.as_ptr()).cast::<u8>();
        large_pages::advise(room, bytes.len());
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), room, bytes.len());
        Ok(object)
    }
}

/// The `str` of more than one character, all ASCII.
#[cfg(not(any(PyPy, Py_3_14)))]
#[inline]
fn of_ascii<'py>(py: Python<'py>, characters: &[u8]) -> Option<Bound<'py, PyAny>> {
    // Of one character, and of none, each process has one object.
    if characters.len() < 2 || !is_ascii(characters) {
        return None;
    }
    // SAFETY: the new `str` is compact, for nothing above ASCII, and has room for as many characters as it is made for;
    // they are written before anybody else has a reference to it. An error is taken away, and the longer way meets it
    // again.
    unsafe {
        let text = ffi::PyUnicode_New(characters.len().cast_signed(), 0x7F);
        let Some(text) = Bound::from_owned_ptr_or_opt(py, text) else {
            ffi::PyErr_Clear();
            return None;
        };
        let room = ffi::PyUnicode_1BYTE_DATA(text.as_ptr());
        std::ptr::copy_nonoverlapping(characters.as_ptr(), room, characters.len());
        Some(text)
    }
}

/// Nothing: the characters are not to be written without a call here.
#[cfg(any(PyPy, Py_3_14))]
#[inline]
fn of_ascii<'py>(_py: Python<'py>, _characters: &[u8]) -> Option<Bound<'py, PyAny>> {
    None
}

/// `characters.is_ascii()`, for strings that are short: most are names and words.
#[cfg(not(any(PyPy, Py_3_14)))]
#[inline]
fn is_ascii(characters: &[u8]) -> bool {
    if characters.len() > 32 { characters.is_ascii() } else { characters.iter().fold(0, |all, one| all | one) < 0x80 }
}
