//! Where the bytes go: into one `bytes` object, or to the `write` of a file.

use pickle_format::{Buffer, Encoder, Opcode};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use python_objects::buffer;
use python_objects::bytes::{BytesBuilder, out_of_memory};
use python_objects::list::{ListCursor, Next, ShortText};
use python_objects::ndarray::PlainArray;

/// The destination of a dump.
pub(super) enum Output<'py> {
    /// The encoder's buffer, which becomes the result of `dumps`.
    Memory,
    /// The `write` method of a file: it gets each frame when it is full, and large payloads as they are.
    File(Bound<'py, PyAny>),
    /// Nowhere, of a dump that only finds out whether it can be done.
    Nowhere,
}

impl<'py> Output<'py> {
    /// Hands what the encoder holds to the file.
    pub(super) fn flush(&self, py: Python<'py>, encoder: &mut Encoder<Written<'py>>) -> PyResult<()> {
        match self {
            Output::File(write) if !encoder.is_empty() => {
                let bytes = PyBytes::new(py, encoder.written());
                encoder.clear();
                write.call1((bytes,)).map(drop)
            }
            Output::Nowhere => {
                encoder.clear();
                Ok(())
            }
            Output::File(_) | Output::Memory => Ok(()),
        }
    }

    /// Whether large payloads are handed on as they are, and not by way of the encoder's buffer.
    pub(super) fn takes_payloads(&self) -> bool {
        !matches!(self, Output::Memory)
    }
}

/// What the encoder writes into: a `bytes` object in the making.
pub(super) struct Written<'py>(BytesBuilder<'py>);

impl<'py> Written<'py> {
    pub(super) fn nothing(py: Python<'py>) -> Self {
        Self(BytesBuilder::new(py))
    }

    /// The object.
    pub(super) fn finish(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.0.finish(py)
    }

    /// How long it is expected to become.
    pub(super) fn expect(&mut self, len: usize) {
        self.0.expect(len);
    }

    /// The next item of a list, which is appended if it is a text with fewer references: see
    /// [`ListCursor::next_at_once`].
    #[inline(always)]
    pub(super) fn append_next_at_once(
        &mut self,
        cursor: &mut ListCursor<'py>,
        list: &Bound<'py, PyList>,
        undisturbed: bool,
        fewer_references_than: isize,
    ) -> Next<'py> {
        let texts = ShortText { first: Opcode::ShortBinUnicode.byte(), fewer_references_than };
        cursor.next_at_once(list, undisturbed, texts, &mut self.0)
    }

    /// Appends the bytes of an array.
    pub(super) fn extend_from_array(&mut self, array: &PlainArray<'_, 'py>) {
        self.0.extend_from_array(array);
    }

    /// Appends the bytes of a buffer.
    pub(super) fn extend_from_buffer(&mut self, py: Python<'py>, view: &buffer::Bytes) {
        self.0.extend_from_buffer(py, view);
    }
}

impl Buffer for Written<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    fn push(&mut self, byte: u8) {
        self.0.push(byte);
    }

    #[inline(always)]
    fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    #[inline(always)]
    fn extend_from_slices(&mut self, first: &[u8], second: &[u8]) {
        self.0.extend_from_slices(first, second);
    }

    fn append_short_data_at_once(&mut self, may_be: bool) {
        self.0.append_short_data_at_once(may_be);
    }

    fn append_at_once_below(&mut self, len: usize) {
        self.0.append_at_once_below(len);
    }

    #[inline(always)]
    fn appends_at_once(&self) -> bool {
        self.0.appends_at_once()
    }

    #[inline(always)]
    fn append_word_at_once(&mut self, word: u64, len: usize) -> bool {
        self.0.append_word_at_once(word, len)
    }

    #[inline(always)]
    fn append_array_at_once<const N: usize>(&mut self, bytes: [u8; N]) -> bool {
        self.0.append_array_at_once(bytes)
    }

    #[inline(always)]
    fn append_short_at_once(&mut self, opcode: u8, bytes: &[u8]) -> bool {
        self.0.append_short_at_once(opcode, bytes)
    }

    fn try_reserve(&mut self, additional: usize) -> bool {
        self.0.try_reserve(additional)
    }

    fn out_of_memory(&self) -> ! {
        out_of_memory()
    }

    fn append_zeros(&mut self, count: usize) {
        self.0.append_zeros(count);
    }

    fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    #[inline]
    fn as_slice(&self) -> &[u8] {
        self.0.as_slice()
    }

    #[inline]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        self.0.as_mut_slice()
    }
}
