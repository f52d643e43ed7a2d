//! What an encoder appends to.

/// Growing memory: a `Vec<u8>`, or whatever the caller wants the pickle to be in.
pub trait Buffer {
    /// How many bytes were appended.
    fn len(&self) -> usize;

    /// Whether nothing was appended.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a byte.
    fn push(&mut self, byte: u8);

    /// Appends bytes.
    fn extend_from_slice(&mut self, bytes: &[u8]);

    /// Appends bytes, and others behind them.
    fn extend_from_slices(&mut self, first: &[u8], second: &[u8]);

    /// Lets opcodes be appended at once as long as fewer bytes than these were appended: nothing else is to be done before.
    fn append_at_once_below(&mut self, _len: usize) {}

    /// Whether opcodes with a length of one byte, and as many bytes, may be appended at once.
    fn append_short_data_at_once(&mut self, _may_be: bool) {}

    /// Whether opcodes may be appended at once, and there is room for any with at most 255 bytes of data.
    fn appends_at_once(&self) -> bool {
        false
    }

    /// Appends the first `len` of the bytes of a little-endian word, if that may be done at once. Says whether it did.
    fn append_word_at_once(&mut self, _word: u64, _len: usize) -> bool {
        false
    }

    /// Appends a few bytes, if that may be done at once. Says whether it did.
    fn append_array_at_once<const N: usize>(&mut self, _bytes: [u8; N]) -> bool {
        false
    }

    /// Appends an opcode, a length of one byte, and as many bytes, if that may be done at once. Says whether it did.
    fn append_short_at_once(&mut self, _opcode: u8, _bytes: &[u8]) -> bool {
        false
    }

    /// Makes room for so many bytes more, or returns false for lack of memory.
    fn try_reserve(&mut self, additional: usize) -> bool;

    /// There is no memory for what is to be known of the pickle besides.
    fn out_of_memory(&self) -> ! {
        panic!("no memory for what is referred to in a pickle")
    }

    /// Appends so many zeros.
    fn append_zeros(&mut self, count: usize);

    /// Forgets what is behind the first `len` bytes.
    fn truncate(&mut self, len: usize);

    /// What was appended.
    fn as_slice(&self) -> &[u8];

    /// What was appended.
    fn as_mut_slice(&mut self) -> &mut [u8];
}

impl Buffer for Vec<u8> {
    #[inline]
    fn len(&self) -> usize {
        self.len()
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        self.push(byte);
    }

    #[inline]
    fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn extend_from_slices(&mut self, first: &[u8], second: &[u8]) {
        self.reserve(first.len() + second.len());
        self.extend_from_slice(first);
        self.extend_from_slice(second);
    }

    fn try_reserve(&mut self, additional: usize) -> bool {
        self.try_reserve(additional).is_ok()
    }

    fn append_zeros(&mut self, count: usize) {
        self.resize(self.len() + count, 0);
    }

    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }

    #[inline]
    fn as_slice(&self) -> &[u8] {
        self
    }

    #[inline]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }
}
