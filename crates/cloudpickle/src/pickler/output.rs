//! Where the bytes go: into one `bytes` object, or to the `write` of a file.

use pickle_format::{Buffer, Encoder, FRAME_SIZE_TARGET, Opcode, is_large, pieces};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use python_objects::buffer;
use python_objects::bytes::{BytesBuilder, copy_of, out_of_memory};
use python_objects::list::{ListCursor, Next, ShortText};
use python_objects::ndarray::PlainArray;

use super::optimism::{Again, Optimism};

/// A pickle that is not longer than this may be kept in memory until it is whole. C pickle's `dump` hands over each frame,
/// and takes hardly any memory for numbers.
const MOST_AT_ONCE: usize = 512 << 10;

/// For contents of this length, there is no short opcode.
pub(super) const IS_LONG: usize = 256;

/// The destination of a dump.
pub(super) enum Output<'py> {
    /// The encoder's buffer, which becomes the result of `dumps`.
    Memory,
    /// The same, of a dump that starts over where the pickle gets longer than [`MOST_AT_ONCE`].
    ShortMemory,
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
                let bytes = encoder.buffer_mut().finish(py)?;
                encoder.clear();
                write.call1((bytes,)).map(drop)
            }
            Output::Nowhere => {
                encoder.clear();
                Ok(())
            }
            Output::File(_) | Output::Memory | Output::ShortMemory => Ok(()),
        }
    }

    /// Whether the whole pickle is to be in the encoder's buffer.
    pub(super) fn is_memory(&self) -> bool {
        matches!(self, Output::Memory | Output::ShortMemory)
    }

    /// Whether large payloads of this length are handed on as they are, and not by way of the encoder's buffer.
    ///
    /// # Errors
    /// If the dump is to start over for that.
    #[inline]
    pub(super) fn takes_payload(&self, len: usize, optimism: &mut Optimism) -> PyResult<bool> {
        match self {
            _ if !is_large(len) => Ok(false),
            Output::Memory => Ok(false),
            Output::ShortMemory => Err(optimism.start_over(Again::PieceByPiece)),
            Output::File(_) | Output::Nowhere => Ok(true),
        }
    }

    /// To be called when the pickle is expected to have so many bytes.
    ///
    /// # Errors
    /// If the dump is to start over for that.
    pub(super) fn may_be_so_long(&self, len: usize, optimism: &mut Optimism) -> PyResult<()> {
        if len > MOST_AT_ONCE && matches!(self, Output::ShortMemory) {
            return Err(optimism.start_over(Again::PieceByPiece));
        }
        Ok(())
    }

    /// To be called when the pickle has so many bytes, of which so many are the contents of [long](IS_LONG) texts and the
    /// like, and so much memory is taken by what is known of references.
    ///
    /// # Errors
    /// If the dump is to start over for that.
    pub(super) fn may_go_on(
        &self,
        len: usize,
        contents: usize,
        references: usize,
        optimism: &mut Optimism,
    ) -> PyResult<()> {
        // To copy contents takes as long one way as the other, and twice as long if the dump starts over in the end. C pickle
        // needs no memory for references.
        let gains_little = contents > len / 2 || references > len / 4 * 3;
        if gains_little && matches!(self, Output::ShortMemory) {
            return Err(optimism.start_over(Again::PieceByPiece));
        }
        self.may_be_so_long(len, optimism)
    }
}

/// Hands a whole pickle to a file. If it would have to be copied, frame by frame: it is not to be in memory twice.
pub(super) fn write_whole<'py>(write: &Bound<'py, PyAny>, encoder: &mut Encoder<Written<'py>>) -> PyResult<()> {
    let py = write.py();
    if encoder.len() <= 2 * FRAME_SIZE_TARGET || encoder.buffer_mut().is_object() {
        return write.call1((encoder.buffer_mut().finish(py)?,)).map(drop);
    }
    pieces(encoder.written()).try_for_each(|piece| write.call1((copy_of(py, piece)?,)).map(drop))
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

    /// Whether [`finish`](Self::finish) copies nothing.
    pub(super) fn is_object(&self) -> bool {
        self.0.is_object()
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
