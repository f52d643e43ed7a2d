//! Large contents that a file writes into the object that they are the contents of.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyMemoryView;

use super::{call, literal, owned};
use crate::large_pages;
use crate::raised::Raised;

/// Makes the type of what a file is given, which at the first use would end in a panic if there were no memory.
pub fn make_type(py: Python<'_>) {
    py.get_type::<Room>();
}

/// Which object the contents are for.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A `bytes`.
    Bytes,
    /// A `bytearray`.
    ByteArray,
}

/// An object of a length whose contents are not all there.
///
/// Invariants: `object` is of the kind and has room for `len` bytes, which no Python code sees but through [`Room`]; the
/// first `filled` were written.
pub struct Unfilled<'py> {
    object: Bound<'py, PyAny>,
    kind: Kind,
    len: usize,
    filled: usize,
}

impl<'py> Unfilled<'py> {
    /// Nothing of it yet.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn new(py: Python<'py>, kind: Kind, len: usize) -> Result<Self, Raised> {
        let make = match kind {
            Kind::Bytes => ffi::PyBytes_FromStringAndSize,
            Kind::ByteArray => ffi::PyByteArray_FromStringAndSize,
        };
        let Ok(size) = ffi::Py_ssize_t::try_from(len) else { return Err(Raised::no_memory(py)) };
        // SAFETY: for no contents and a length, a new reference to an object with room for as many bytes, or null with an
        // exception.
        let object = unsafe { owned(py, make(std::ptr::null(), size))? };
        large_pages::advise(start_of(&object, kind), len);
        Ok(Self { object, kind, len, filled: 0 })
    }

    /// Appends to the contents.
    ///
    /// # Panics
    /// If there is no room for so many.
    pub fn extend(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.missing());
        // SAFETY: so many bytes are left behind those that are filled, of an object that was made here, which the source is
        // not part of.
        unsafe {
            let end = start_of(&self.object, self.kind).add(self.filled);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), end, bytes.len());
        }
        self.filled += bytes.len();
    }

    /// How much is missing.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.len - self.filled
    }

    /// Has what is missing written by `readinto`, the method of a file, and returns the object; nothing if not all came.
    ///
    /// # Errors
    /// What the method raises; `ValueError` or `TypeError` where it returns no length.
    pub fn read_with(self, readinto: &Bound<'py, PyAny>) -> Result<Option<Bound<'py, PyAny>>, Raised> {
        let py = self.object.py();
        let missing = self.missing();
        let room = Room {
            object: self.object.clone().unbind(),
            kind: self.kind,
            start: self.filled,
            len: missing,
            views: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
        };
        let room = Bound::new(py, room).map_err(|error| Raised::new(py, error))?;
        let count = {
            let view = PyMemoryView::from(room.as_any()).map_err(|error| Raised::new(py, error))?;
            call::call(readinto, &[view.into_any()])?
        };
        // SAFETY: a live object; less than zero may mean an exception.
        let count = unsafe { ffi::PyLong_AsSsize_t(count.as_ptr()) };
        let Ok(count) = usize::try_from(count) else {
            let raised = if PyErr::occurred(py) {
                Raised::by_c()
            } else {
                Raised::new(py, PyValueError::new_err("readinto() returned negative size"))
            };
            return Err(raised);
        };
        if count < missing {
            return Ok(None);
        }
        room.get().is_closed.store(true, Ordering::Relaxed);
        if room.get().views.load(Ordering::Relaxed) == 0 {
            return Ok(Some(self.object));
        }
        // Somebody kept a view, and could change the object through it, or resize what the view is of.
        // SAFETY: all bytes of the object, which lives during the call.
        let bytes = unsafe { std::slice::from_raw_parts(start_of(&self.object, self.kind), self.len) };
        match self.kind {
            Kind::Bytes => literal::bytes_of(py, bytes),
            Kind::ByteArray => literal::bytearray_of(py, bytes),
        }
        .map(Some)
    }

    /// The object, if all of it is there.
    #[must_use]
    pub fn finish(self) -> Option<Bound<'py, PyAny>> {
        (self.missing() == 0).then_some(self.object)
    }
}

/// Where the contents are.
fn start_of(object: &Bound<'_, PyAny>, kind: Kind) -> *mut u8 {
    // SAFETY: a live object of the kind.
    let start = unsafe {
        match kind {
            Kind::Bytes => ffi::PyBytes_AsString(object.as_ptr()),
            Kind::ByteArray => ffi::PyByteArray_AsString(object.as_ptr()),
        }
    };
    start.cast()
}

/// What a file sees of it: a buffer that it may write into. It keeps the object alive as long as there is a view: a file in
/// Python can keep one for as long as it likes.
#[pyclass(frozen, module = "cloudpickle._native", name = "_Room")]
struct Room {
    object: Py<PyAny>,
    kind: Kind,
    start: usize,
    len: usize,
    views: AtomicUsize,
    /// Whether there are to be no more views: a view says what it is of.
    is_closed: AtomicBool,
}

#[pymethods]
impl Room {
    /// # Safety
    /// The interpreter's: `view` is to be filled in.
    unsafe fn __getbuffer__(itself: &Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let room = itself.get();
        let py = itself.py();
        if room.is_closed.load(Ordering::Relaxed) {
            return Err(PyBufferError::new_err("the file was read"));
        }
        // SAFETY: the bytes from `start` on, of an object that `itself` keeps alive, which the view keeps alive. Nobody
        // resizes it: it is handed out only where there are no views.
        let status = unsafe {
            let start = start_of(room.object.bind(py), room.kind).add(room.start);
            ffi::PyBuffer_FillInfo(view, itself.as_ptr(), start.cast(), room.len.cast_signed(), 0, flags)
        };
        if status < 0 {
            return Err(PyErr::fetch(py));
        }
        room.views.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// # Safety
    /// The interpreter's: once for each view that was filled in.
    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {
        self.views.fetch_sub(1, Ordering::Relaxed);
    }
}
