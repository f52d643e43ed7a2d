//! Strings as the UTF-8 that goes into a pickle.

#[cfg(not(any(PyPy, Py_3_14)))]
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// The UTF-8 form of a `str`: borrowed from the object where CPython keeps it, encoded apart for lone surrogates.
pub enum Utf8<'a, 'py> {
    /// What the `str` itself holds.
    Borrowed(&'a str),
    /// The `surrogatepass` encoding of a string that has no UTF-8 form.
    SurrogatePass(Bound<'py, PyBytes>),
}

impl Utf8<'_, '_> {
    /// The bytes for the pickle.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Utf8::Borrowed(text) => text.as_bytes(),
            Utf8::SurrogatePass(bytes) => bytes.as_bytes(),
        }
    }
}

/// The characters of a `str` that has nothing but ASCII, where they can be read without a call.
#[cfg(not(any(PyPy, Py_3_14)))]
#[inline]
#[must_use]
pub fn ascii<'a>(text: &'a Bound<'_, PyString>) -> Option<&'a [u8]> {
    let object = text.as_ptr();
    // SAFETY: a live `str`, which does not change. If it is compact and ASCII, its characters stand behind its header, one
    // byte each.
    unsafe {
        if ffi::PyUnicode_IS_COMPACT_ASCII(object) == 0 {
            return None;
        }
        let len = ffi::PyUnicode_GET_LENGTH(object).cast_unsigned();
        Some(std::slice::from_raw_parts(ffi::PyUnicode_1BYTE_DATA(object), len))
    }
}

/// The characters of a `str`, unless it has lone surrogates; without a call where that can be.
#[inline]
#[must_use]
pub fn characters<'a>(text: &'a Bound<'_, PyString>) -> Option<&'a str> {
    match ascii(text) {
        // SAFETY: ASCII is UTF-8.
        Some(ascii) => Some(unsafe { std::str::from_utf8_unchecked(ascii) }),
        None => text.to_str().ok(),
    }
}

/// A `str` with the same characters and no other references, if they are ASCII and can be read without a call.
#[cfg(not(any(PyPy, Py_3_14)))]
#[must_use]
pub fn ascii_copy<'py>(text: &Bound<'py, PyString>) -> Option<Bound<'py, PyString>> {
    // Of these each process has one object.
    let characters = ascii(text).filter(|characters| characters.len() > 1)?;
    // SAFETY: the new `str` is compact, for nothing above ASCII, and has room for as many characters as it is made for;
    // they are written before anybody else has a reference to it. An error is taken away, and the caller's longer way
    // will meet it again.
    unsafe {
        let copy = ffi::PyUnicode_New(characters.len().cast_signed(), 0x7F);
        let Some(copy) = Bound::from_owned_ptr_or_opt(text.py(), copy) else {
            ffi::PyErr_Clear();
            return None;
        };
        let room = ffi::PyUnicode_1BYTE_DATA(copy.as_ptr());
        std::ptr::copy_nonoverlapping(characters.as_ptr(), room, characters.len());
        Some(copy.cast_into_unchecked())
    }
}

/// Nothing, for the same reason as below.
#[cfg(any(PyPy, Py_3_14))]
#[must_use]
pub fn ascii_copy<'py>(_text: &Bound<'py, PyString>) -> Option<Bound<'py, PyString>> {
    None
}

/// Nothing: the characters are not to be read without a call here.
#[cfg(any(PyPy, Py_3_14))]
#[inline]
#[must_use]
pub fn ascii<'a>(_text: &'a Bound<'_, PyString>) -> Option<&'a [u8]> {
    None
}

/// `text` as UTF-8. Lone surrogates, which Python allows and UTF-8 does not, pass as three bytes each.
#[inline]
pub fn utf8<'a, 'py>(text: &'a Bound<'py, PyString>) -> PyResult<Utf8<'a, 'py>> {
    match text.to_str() {
        Ok(text) => Ok(Utf8::Borrowed(text)),
        Err(_) => surrogate_pass(text).map(Utf8::SurrogatePass),
    }
}

#[cold]
fn surrogate_pass<'py>(text: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyBytes>> {
    let py = text.py();
    let bytes = text.call_method1(intern!(py, "encode"), (intern!(py, "utf-8"), intern!(py, "surrogatepass")))?;
    Ok(bytes.cast_into::<PyBytes>()?)
}

/// The code points of `text`, for the text opcode of protocol 0.
pub fn code_points(text: &Bound<'_, PyString>) -> PyResult<Vec<u32>> {
    let py = text.py();
    let utf32 = text.call_method1(intern!(py, "encode"), (intern!(py, "utf-32-le"), intern!(py, "surrogatepass")))?;
    let utf32 = utf32.cast_into::<PyBytes>()?;
    Ok(utf32.as_bytes().chunks_exact(4).map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]])).collect())
}

/// The interned string that equals `text`.
///
/// # Errors
/// None on CPython.
#[cfg(not(PyPy))]
#[inline]
pub fn interned<'py>(text: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyString>> {
    use pyo3::ffi;

    let py = text.py();
    // Strings of subclasses are not interned.
    if !text.is_exact_instance_of::<PyString>() {
        return Ok(text.clone());
    }
    let mut pointer = text.clone().into_ptr();
    // SAFETY: the pointer owns a reference to a `str`. The call exchanges it for one to the interned string, or leaves it.
    let interned = unsafe {
        ffi::PyUnicode_InternInPlace(&raw mut pointer);
        Bound::from_owned_ptr(py, pointer)
    };
    Ok(interned.cast_into::<PyString>()?)
}

/// The interned string that equals `text`.
///
/// # Errors
/// What `sys.intern` raises.
#[cfg(PyPy)]
pub fn interned<'py>(text: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyString>> {
    let py = text.py();
    if !text.is_exact_instance_of::<PyString>() {
        return Ok(text.clone());
    }
    let intern = py.import(intern!(py, "sys"))?.getattr(intern!(py, "intern"))?;
    Ok(intern.call1((text,))?.cast_into::<PyString>()?)
}
