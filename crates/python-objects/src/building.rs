//! Building objects as an unpickler does: what it calls for every object, without a `PyResult` each.
//!
//! - [`literal`]: numbers, strings and bytes.
//! - [`container`]: tuples, lists and dicts.
//! - [`call`]: what runs code of a class or a function.
//! - [`attributes`]: the attributes of an instance.
//! - [`modules`]: the modules that are loaded.
//! - [`window`], [`unfilled`]: what it reads from; contents that a file writes into their object.

pub mod attributes;
pub mod call;
pub mod container;
pub mod literal;
pub mod modules;
pub mod unfilled;
pub mod window;

/// Whether this is worth it: on PyPy every object that C code touches is wrapped, and without the global lock the
/// interpreter's own way is the one that knows about other threads.
pub const PAYS: bool = cfg!(not(any(PyPy, Py_GIL_DISABLED)));

use pyo3::ffi;
use pyo3::prelude::*;

use crate::raised::Raised;

/// What a C function returned.
///
/// # Safety
/// `object` is a new reference, or null with an exception.
#[inline]
unsafe fn owned(py: Python<'_>, object: *mut ffi::PyObject) -> Result<Bound<'_, PyAny>, Raised> {
    // SAFETY: as the caller says.
    unsafe { Bound::from_owned_ptr_or_opt(py, object) }.ok_or_else(Raised::by_c)
}

/// What a C function returned that gives zero, or less with an exception.
#[inline]
fn done(status: std::ffi::c_int) -> Result<(), Raised> {
    if status < 0 { Err(Raised::by_c()) } else { Ok(()) }
}
