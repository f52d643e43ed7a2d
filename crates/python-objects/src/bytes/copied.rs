//! In memory of Rust's, and copied at the end: PyPy does not write into an object of its own.

use std::marker::PhantomData;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::copy_of;
use crate::buffer;
use crate::ndarray::PlainArray;

/// Bytes that are appended one after the other, and become a `bytes` object in the end.
pub struct BytesBuilder<'py> {
    bytes: Vec<u8>,
    /// Bytes are appended at once as long as there are fewer than these.
    at_once_below: usize,
    short_data_at_once: bool,
    attached: PhantomData<Python<'py>>,
}

impl<'py> BytesBuilder<'py> {
    /// Nothing yet.
    #[must_use]
    pub fn new(_py: Python<'py>) -> Self {
        Self { bytes: Vec::with_capacity(1024), at_once_below: 0, short_data_at_once: false, attached: PhantomData }
    }

    /// The object.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn finish(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        copy_of(py, &self.bytes)
    }

    /// Whether [`finish`](Self::finish) copies nothing.
    #[must_use]
    pub fn is_object(&self) -> bool {
        false
    }

    /// How many bytes were appended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was appended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What was appended.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// What was appended.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Appends a byte.
    pub fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Appends bytes.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends bytes, and others behind them.
    pub fn extend_from_slices(&mut self, first: &[u8], second: &[u8]) {
        self.bytes.extend_from_slice(first);
        self.bytes.extend_from_slice(second);
    }

    /// How long it is expected to become. Nothing is done about it here, where all is copied in the end.
    pub fn expect(&mut self, _len: usize) {}

    /// Whether data may be appended at once behind a length of one byte.
    pub fn append_short_data_at_once(&mut self, may_be: bool) {
        self.short_data_at_once = may_be;
    }

    /// Lets bytes be appended at once as long as there are fewer than these.
    pub fn append_at_once_below(&mut self, len: usize) {
        self.at_once_below = len;
    }

    /// Whether bytes may be appended at once.
    #[must_use]
    pub fn appends_at_once(&self) -> bool {
        self.bytes.len() < self.at_once_below
    }

    /// Appends the first `len` of the eight bytes of a little-endian word, if that may be done at once. Says whether it did.
    pub fn append_word_at_once(&mut self, word: u64, len: usize) -> bool {
        self.append_at_once(&[&word.to_le_bytes()[..len]])
    }

    /// Appends bytes, if that may be done at once. Says whether it did.
    pub fn append_array_at_once<const N: usize>(&mut self, bytes: [u8; N]) -> bool {
        self.append_at_once(&[&bytes])
    }

    /// Appends a byte, a length of one byte, and as many bytes, if that may be done at once. Says whether it did.
    pub fn append_short_at_once(&mut self, first: u8, bytes: &[u8]) -> bool {
        let len = u8::try_from(bytes.len());
        self.short_data_at_once && len.is_ok_and(|len| self.append_at_once(&[&[first, len], bytes]))
    }

    fn append_at_once(&mut self, pieces: &[&[u8]]) -> bool {
        let at_once = self.appends_at_once();
        if at_once {
            pieces.iter().for_each(|piece| self.bytes.extend_from_slice(piece));
        }
        at_once
    }

    /// Appends the bytes of a buffer.
    pub fn extend_from_buffer(&mut self, py: Python<'py>, view: &buffer::Bytes) {
        view.append_to(py, &mut self.bytes);
    }

    /// Makes room, or returns false for lack of memory.
    pub fn try_reserve(&mut self, additional: usize) -> bool {
        self.bytes.try_reserve(additional).is_ok()
    }

    /// Never called: there is no array of this kind.
    pub fn extend_from_array(&mut self, array: &PlainArray<'_, 'py>) {
        debug_assert!(array.is_empty());
    }

    /// Appends zeros.
    pub fn append_zeros(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + count, 0);
    }

    /// Forgets what is behind the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }
}
