//! The bytes that an unpickler reads.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The bytes of an object, up to a limit.
///
/// Invariants: `start` points to the bytes of `object`; `limit` is at most their number.
pub struct Window<'py> {
    start: *const u8,
    limit: usize,
    /// Keeps the bytes alive. They do not move, and do not change.
    object: Bound<'py, PyBytes>,
}

impl<'py> Window<'py> {
    /// All of them.
    #[inline]
    #[must_use]
    pub fn new(object: Bound<'py, PyBytes>) -> Self {
        let bytes = object.as_bytes();
        Self { start: bytes.as_ptr(), limit: bytes.len(), object }
    }

    /// The bytes up to the limit.
    #[inline(always)]
    #[must_use]
    pub fn visible(&self) -> &[u8] {
        // SAFETY: by the invariants, so many bytes that live as long as `self`, for `object` does.
        unsafe { std::slice::from_raw_parts(self.start, self.limit) }
    }

    /// All bytes, whatever the limit is.
    #[must_use]
    pub fn all(&self) -> &[u8] {
        self.object.as_bytes()
    }

    /// Shows no more than the first `limit` bytes.
    #[inline]
    pub fn show(&mut self, limit: usize) {
        self.limit = limit.min(self.all().len());
    }

    /// Shows all bytes.
    #[inline]
    pub fn show_all(&mut self) {
        self.limit = self.all().len();
    }
}
