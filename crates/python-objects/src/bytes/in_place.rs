//! In the object itself, which grows. Copied at the end, a large pickle would take twice its memory, and each page of it
//! would be touched twice.

use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{copy_of, out_of_memory};
use crate::buffer;
use crate::large_pages;
use crate::ndarray::PlainArray;

/// What is written stands beside the object at first: most pickles are short, and a copy costs less than making an object
/// and changing its length.
const BESIDE: usize = 16 << 10;

/// For so many bytes there is room where they are appended at once: more than for an opcode with its length and 255 bytes.
const AT_ONCE: usize = 264;

/// Less than this is a length of one byte.
const SHORT: usize = 1 << u8::BITS;

/// Up to this length too, in memory that the thread keeps: an object that grew to it would be copied several times, and
/// its pages be new to the process each time (a tenth of the time for 10 000 records).
const LONG_BESIDE: usize = 512 << 10;

thread_local! {
    /// The memory beside the object, from an earlier one.
    static AT_HAND: Cell<Option<Memory>> = const { Cell::new(None) };
}

type Memory = Box<[MaybeUninit<u8>]>;

/// From this size on, memory grows by half and not to the double.
const MODERATE: usize = 16 << 20;

/// How much the last object needed that did not stay beside, and somewhat more. The next one is likely to be of about the
/// same size, and is given that much at once: an allocator that is asked for more and more, and in the end given back what
/// was too much, hands out pages that are new each time, and to touch those takes longer than to write them.
static EXPECTED: AtomicUsize = AtomicUsize::new(0);
/// This part of an object may be left over at its end: less than the allocator would take back for good.
const SPARE: usize = 16;
/// Objects longer than this are not expected to come again.
const TOO_LARGE_TO_EXPECT: usize = 16 << 20;
/// An object is not given more than so many times what it needs at the moment.
const MOST_TIMES: usize = 64;
/// The same where what is to come is expected to be like what was written, which may be larger by chance.
const MOST_TIMES_BY_PARTS: usize = 8;
/// And no more than this: what is too much is never touched, but asked for, and may be refused.
const MOST_BY_PARTS: usize = 64 << 20;

unsafe extern "C" {
    // Documented for extensions, and not in `pyo3::ffi`.
    fn _PyBytes_Resize(bytes: *mut *mut ffi::PyObject, len: ffi::Py_ssize_t) -> std::ffi::c_int;
}

/// Bytes that are appended one after the other, and become a `bytes` object in the end.
///
/// Invariants: `start` points to `capacity` bytes that nobody else reads or writes, of which the first `len` are
/// initialised; `capacity` is at most `isize::MAX`. `below` is 0, or at least `AT_ONCE` less than `capacity`; `short_below` is
/// at most 256. If `object` is null the bytes are those of `beside`; else they are the contents of `object`, a `bytes` of
/// which this is the only reference.
pub struct BytesBuilder<'py> {
    start: *mut u8,
    len: usize,
    capacity: usize,
    /// Bytes are appended at once as long as there are fewer than these.
    below: usize,
    /// The same, were there room without end.
    at_once_below: usize,
    /// Data of less than this length are appended at once behind a length of one byte: 256, or 0.
    short_below: usize,
    /// How many bytes are expected in all, or 0. Each time that a large object grows, it is moved, and around the seam it has
    /// small pages: of 50 MB that took a fifth of the time.
    expected: usize,
    object: *mut ffi::PyObject,
    beside: Memory,
    attached: PhantomData<Python<'py>>,
}

impl<'py> BytesBuilder<'py> {
    /// Nothing yet.
    #[must_use]
    pub fn new(_py: Python<'py>) -> Self {
        // Where there is none, what is appended first finds out whether there is memory for an object.
        let mut beside = AT_HAND.take().or_else(|| memory(BESIDE)).unwrap_or_default();
        let (start, capacity) = (beside.as_mut_ptr().cast(), beside.len().min(BESIDE));
        let object = std::ptr::null_mut();
        let (below, at_once_below, short_below) = (0, 0, 0);
        Self {
            start,
            len: 0,
            capacity,
            below,
            at_once_below,
            short_below,
            expected: 0,
            object,
            beside,
            attached: PhantomData,
        }
    }

    /// The object. Nothing is there any more then.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn finish(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        if self.object.is_null() {
            if self.len > BESIDE {
                expect_another(self.len);
            }
            return copy_of(py, self.as_slice());
        }
        let (len, capacity) = (self.len, self.capacity);
        let start = self.start;
        expect_another(len);
        let mut object = std::mem::replace(&mut self.object, std::ptr::null_mut());
        self.begin_beside();
        // SAFETY: `object` is a `bytes` with one reference and without a hash, of `capacity` bytes and a zero behind them, and
        // `len` is less or the same. `_PyBytes_Resize` gives it back, perhaps elsewhere, or is null and an exception is set.
        let object = unsafe {
            if capacity - len <= len / SPARE {
                (*object.cast::<ffi::PyVarObject>()).ob_size = len.cast_signed();
                start.add(len).write(0);
            } else {
                _PyBytes_Resize(&raw mut object, len.cast_signed());
            }
            Bound::from_owned_ptr_or_err(py, object)
        }?;
        Ok(object.cast_into()?)
    }

    /// Whether [`finish`](Self::finish) copies nothing.
    #[must_use]
    pub fn is_object(&self) -> bool {
        !self.object.is_null()
    }

    /// What was appended.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the first `len` bytes are initialised, and only changed through `self`.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    /// What was appended.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: the first `len` bytes are initialised, and only changed through `self`.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }

    /// How many bytes were appended.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was appended.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a byte.
    #[inline(always)]
    pub fn push(&mut self, byte: u8) {
        self.extend_from_slice(&[byte]);
    }

    /// Appends bytes.
    #[inline(always)]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        // SAFETY: there is room.
        unsafe { self.append(bytes) };
    }

    /// Appends bytes, and others behind them.
    #[inline(always)]
    pub fn extend_from_slices(&mut self, first: &[u8], second: &[u8]) {
        let len = first.len() + second.len();
        self.reserve(len);
        // SAFETY: there is room for both; nobody else has a reference to what is behind the first `len` bytes.
        unsafe {
            let end = self.start.add(self.len);
            end.copy_from_nonoverlapping(first.as_ptr(), first.len());
            copy(second, end.add(first.len()));
        }
        self.len += len;
    }

    /// How long it is expected to become.
    pub fn expect(&mut self, len: usize) {
        // Some of what is written in the end is not foreseen.
        self.expected = len.saturating_add(len / (2 * SPARE));
    }

    /// Whether data may be appended at once behind a length of one byte.
    pub fn append_short_data_at_once(&mut self, may_be: bool) {
        self.short_below = if may_be { SHORT } else { 0 };
    }

    /// Lets bytes be appended at once as long as there are fewer than these.
    pub fn append_at_once_below(&mut self, len: usize) {
        self.at_once_below = len;
        self.below = len.min(self.capacity.saturating_sub(AT_ONCE));
    }

    /// Whether bytes may be appended at once.
    #[inline(always)]
    #[must_use]
    pub fn appends_at_once(&self) -> bool {
        self.len < self.below
    }

    /// Appends the first `len` of the eight bytes of a little-endian word, if that may be done at once. Says whether it did.
    #[inline(always)]
    pub fn append_word_at_once(&mut self, word: u64, len: usize) -> bool {
        if self.appends_at_once() {
            // SAFETY: there is room for all eight bytes.
            unsafe { self.start.add(self.len).cast::<[u8; 8]>().write(word.to_le_bytes()) };
            self.len += len.min(size_of_val(&word));
            return true;
        }
        false
    }

    /// Appends bytes, if that may be done at once. Says whether it did.
    #[inline(always)]
    pub fn append_array_at_once<const N: usize>(&mut self, bytes: [u8; N]) -> bool {
        const { assert!(N <= AT_ONCE) };
        if self.appends_at_once() {
            // SAFETY: there is room.
            unsafe { self.append(&bytes) };
            return true;
        }
        false
    }

    /// Appends a byte, a length of one byte, and as many bytes, if that may be done at once. Says whether it did.
    #[inline(always)]
    pub fn append_short_at_once(&mut self, first: u8, bytes: &[u8]) -> bool {
        const { assert!(SHORT + 2 <= AT_ONCE) };
        if bytes.len() < self.short_below && self.appends_at_once() {
            #[expect(clippy::cast_possible_truncation, reason = "it is less than 256")]
            let len = bytes.len() as u8;
            // SAFETY: there is room for all of it; nobody else has a reference to what is behind the first `len` bytes.
            unsafe {
                let end = self.start.add(self.len);
                end.cast::<[u8; 2]>().write([first, len]);
                copy(bytes, end.add(2));
            }
            self.len += 2 + bytes.len();
            return true;
        }
        false
    }

    /// Appends the bytes of a buffer.
    pub fn extend_from_buffer(&mut self, py: Python<'py>, view: &buffer::Bytes) {
        self.reserve(view.len());
        // SAFETY: there is room for the view's bytes behind those that were appended, and no export of an object is there.
        unsafe { view.copy_to(py, self.start.add(self.len)) };
        self.len += view.len();
    }

    /// Appends the bytes of an array.
    pub fn extend_from_array(&mut self, array: &PlainArray<'_, 'py>) {
        self.reserve(array.len());
        // SAFETY: there is room for the array's bytes behind those that were appended, and no array lies there.
        unsafe { array.copy_to(self.start.add(self.len)) };
        self.len += array.len();
    }

    /// Appends zeros.
    pub fn append_zeros(&mut self, count: usize) {
        self.reserve(count);
        // SAFETY: there is room.
        unsafe { self.start.add(self.len).write_bytes(0, count) };
        self.len += count;
    }

    /// Forgets what is behind the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Makes room for a long piece of data, or returns false for lack of memory. Nothing that was appended is there any more
    /// then.
    ///
    /// If the piece is the most of all there is, it goes into the object at once, though there be room beside it: copied
    /// twice, 30 to 500 kB took twice as long as with C `pickle`.
    pub fn try_reserve(&mut self, additional: usize) -> bool {
        if self.object.is_null() && additional >= self.len {
            let needed = self.len.saturating_add(additional);
            // Some more may follow. What is very long is mapped and unmapped each time whatever is asked for.
            let more = if needed <= TOO_LARGE_TO_EXPECT { needed / (2 * SPARE) } else { 0 };
            if self.go_on_in_object(needed.saturating_add(more)) {
                return true;
            }
        }
        self.has_room(additional) || self.grow(additional)
    }

    #[inline(always)]
    fn has_room(&self, additional: usize) -> bool {
        additional <= self.capacity - self.len
    }

    /// Makes room, or unwinds with [`OutOfMemory`](super::OutOfMemory).
    #[inline(always)]
    fn reserve(&mut self, additional: usize) {
        if !self.has_room(additional) && !self.grow(additional) {
            out_of_memory();
        }
    }

    /// For what has a length that the compiler knows: it needs no call for the copy.
    ///
    /// # Safety
    /// There is room for the bytes.
    #[inline]
    unsafe fn append(&mut self, bytes: &[u8]) {
        // SAFETY: by the condition above; nobody else has a reference to what is behind the first `len` bytes.
        unsafe { self.start.add(self.len).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        self.len += bytes.len();
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, additional: usize) -> bool {
        let Some(needed) = self.len.checked_add(additional) else { return false };
        let is_beside = self.object.is_null();
        let expected = EXPECTED.load(Ordering::Relaxed);
        let is_expected = needed <= expected && expected / MOST_TIMES <= needed;
        let may_stay = is_beside && self.capacity < LONG_BESIDE && needed <= LONG_BESIDE && !is_expected;
        if may_stay && self.go_on_in_longer_memory() {
            return true;
        }
        let by_parts = self.expected.min(needed.saturating_mul(MOST_TIMES_BY_PARTS)).min(MOST_BY_PARTS);
        let foreseen = if is_expected { by_parts.max(expected) } else { by_parts };
        let growth = match self.capacity {
            // As much as is foreseen and no more; but where that is hardly anything, it would be moved again and again.
            capacity if foreseen >= needed => capacity / SPARE,
            capacity if capacity < MODERATE => capacity,
            capacity => capacity / 2,
        };
        if self.go_on_in_object(needed.max(self.capacity + growth).max(foreseen)) {
            return true;
        }
        // What was foreseen may be refused where what is needed is not, and then would be again each time.
        EXPECTED.store(0, Ordering::Relaxed);
        self.expected = 0;
        if is_beside && self.go_on_in_object(needed) {
            return true;
        }
        self.begin_beside();
        false
    }

    /// Nothing yet, and in the memory beside the object.
    fn begin_beside(&mut self) {
        (self.start, self.len, self.capacity) = (self.beside.as_mut_ptr().cast(), 0, self.beside.len().min(BESIDE));
        self.append_at_once_below(self.at_once_below);
    }

    /// Moves what was written to an object of this capacity, or returns false for lack of memory: then it is where it was if
    /// it was beside the object, and else lost, with the object.
    fn go_on_in_object(&mut self, capacity: usize) -> bool {
        let Ok(length) = isize::try_from(capacity) else { return false };
        // SAFETY: attached to the interpreter. A new `bytes` is not initialised, has one reference, and is nobody else's
        // until `finish`. `_PyBytes_Resize` takes the one reference there is and gives another, or null.
        unsafe {
            if self.object.is_null() {
                let object = ffi::PyBytes_FromStringAndSize(std::ptr::null(), length);
                if !object.is_null() {
                    ffi::PyBytes_AsString(object).cast::<u8>().copy_from_nonoverlapping(self.start, self.len);
                }
                self.object = object;
            } else {
                _PyBytes_Resize(&raw mut self.object, length);
            }
            if self.object.is_null() {
                ffi::PyErr_Clear();
                return false;
            }
            self.start = ffi::PyBytes_AsString(self.object).cast();
        }
        if self.beside.len() > BESIDE {
            // In use until here, it would make the peak higher; and the next pickle is expected to be as long as this one.
            self.beside = Memory::default();
        }
        self.capacity = capacity;
        self.append_at_once_below(self.at_once_below);
        // With the zero behind it.
        large_pages::advise(self.start, self.capacity + 1);
        true
    }
}

impl BytesBuilder<'_> {
    /// Moves what was written to longer memory beside the object, or returns false if there is none.
    fn go_on_in_longer_memory(&mut self) -> bool {
        if self.beside.len() < LONG_BESIDE {
            let Some(mut longer) = memory(LONG_BESIDE) else { return false };
            // SAFETY: `len` bytes are initialised, and there is room for more than those in the other memory.
            unsafe { longer.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(self.start, self.len) };
            self.beside = longer;
            self.start = self.beside.as_mut_ptr().cast();
        }
        self.capacity = LONG_BESIDE;
        self.append_at_once_below(self.at_once_below);
        true
    }
}

/// So many bytes, if there is memory for them. None is read before it is written.
fn memory(len: usize) -> Option<Memory> {
    let mut memory: Vec<MaybeUninit<u8>> = Vec::new();
    memory.try_reserve_exact(len).ok()?;
    // SAFETY: there is room for them, and their type says that they need not be initialised.
    unsafe { memory.set_len(len) };
    Some(memory.into_boxed_slice())
}

/// The next object that does not stay in the memory beside it is expected to be about as long as this one.
fn expect_another(len: usize) {
    let expected = if len <= TOO_LARGE_TO_EXPECT { len + len / (2 * SPARE) } else { 0 };
    EXPECTED.store(expected, Ordering::Relaxed);
}

/// Copies `bytes`. Most are short, and for those a call of `memcpy` takes longer than the copy.
///
/// # Safety
/// At `to` there is room for them, which nobody else refers to.
#[inline(always)]
unsafe fn copy(bytes: &[u8], to: *mut u8) {
    /// The first and the last `N` bytes, which may overlap, make up the whole.
    ///
    /// # Safety
    /// As above, and there are `N` to `2 * N` bytes.
    #[inline]
    unsafe fn from_both_ends<const N: usize>(bytes: &[u8], to: *mut u8) {
        let last = bytes.len() - N;
        // SAFETY: by the conditions, all is inside of what may be read and written. Both are read before one is written,
        // and the source is no part of the target.
        unsafe {
            let start = bytes.as_ptr().cast::<[u8; N]>().read();
            let end = bytes.as_ptr().add(last).cast::<[u8; N]>().read();
            to.cast::<[u8; N]>().write(start);
            to.add(last).cast::<[u8; N]>().write(end);
        }
    }
    // SAFETY: there is room by the condition above; the lengths are those of the arms.
    unsafe {
        match bytes.len() {
            17.. => to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()),
            8.. => from_both_ends::<8>(bytes, to),
            4.. => from_both_ends::<4>(bytes, to),
            2.. => from_both_ends::<2>(bytes, to),
            1 => to.write(bytes[0]),
            0 => {}
        }
    }
}

impl Drop for BytesBuilder<'_> {
    fn drop(&mut self) {
        // SAFETY: attached to the interpreter; the reference is the one there is, or null.
        unsafe { ffi::Py_XDECREF(self.object) };
        if self.beside.is_empty() {
            return;
        }
        // At the end of a thread there is nowhere to keep it.
        let _ = AT_HAND.try_with(|at_hand| at_hand.set(Some(std::mem::take(&mut self.beside))));
    }
}
