//! Walking a list that user code or another thread may change under the walk.

use std::convert::Infallible;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyFloatMethods, PyInt, PyList, PyString};

use crate::bytes::BytesBuilder;
use crate::kind::{Kind, exact};
use crate::reference_count::{self, COUNTS_ARE_EXACT};
use crate::walk::Walked;
use crate::{cache, int, text};

/// What a list has next, and what became of it.
pub enum Next<'py> {
    /// An `int` of at most one digit.
    Int(i32),
    /// A `float`.
    Float(f64),
    /// A text, and it is written.
    Written,
    /// A text that is not, and whether it has fewer references.
    Text(Bound<'py, PyString>, bool),
    /// Something else, or any of these where a reference is needed to read it.
    Item(Bound<'py, PyAny>),
    /// Nothing.
    End,
}

/// How a short text of ASCII is written: a byte, its length in one byte, and its characters.
#[derive(Clone, Copy)]
pub struct ShortText {
    /// The byte before the length.
    pub first: u8,
    /// Only those that have fewer references are written.
    pub fewer_references_than: isize,
}

/// How many items are looked ahead at once, and how far behind the next ones they are.
pub const LOOK_AHEAD: usize = 32;
/// The items of longer lists are not in the processor's caches, as a rule.
const LONG: usize = 1_000_000;

/// A position in a list.
///
/// As in `dict.rs`: on a build without the global lock, the cursor walks a copy as long as no Python code has run. Another
/// thread that inserts at the front would otherwise make the walk give an item twice.
pub struct ListCursor<'py> {
    index: usize,
    copy: Walked<Bound<'py, PyList>>,
}

impl<'py> ListCursor<'py> {
    /// Before the first item of `list`.
    #[must_use]
    pub fn new(list: &Bound<'py, PyList>) -> Self {
        let Ok(copy) = Walked::copy(|| Ok::<_, Infallible>(list.get_slice(0, usize::MAX)));
        Self { index: 0, copy }
    }

    /// How many items there are, asked at the start.
    #[must_use]
    pub fn len_at_start(&self, list: &Bound<'py, PyList>) -> usize {
        self.copy.get().unwrap_or(list).len()
    }

    /// How many items were given.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.index
    }

    /// How many items there are still to come, as it is at this moment. `undisturbed` as in [`next`](Self::next).
    #[inline]
    #[must_use]
    pub fn left(&self, list: &Bound<'py, PyList>, undisturbed: bool) -> usize {
        let list = if undisturbed { self.copy.get().unwrap_or(list) } else { list };
        list.len().saturating_sub(self.index)
    }

    /// Whether the list is so long that [looking ahead](Self::look_ahead) pays, and has items, to judge by the next one,
    /// that are read where they begin. Others have most of what is read elsewhere: instances took a tenth longer.
    #[inline]
    #[must_use]
    pub fn pays_to_look_ahead(&self, list: &Bound<'py, PyList>) -> bool {
        COUNTS_ARE_EXACT && list.len() > LONG && self.next_is_flat(list)
    }

    #[cold]
    fn next_is_flat(&self, list: &Bound<'py, PyList>) -> bool {
        list.get_item(self.index).is_ok_and(|item| matches!(Kind::of(&item), Kind::Str | Kind::Int | Kind::Float))
    }

    /// Lets the processor begin to read the items that come behind the next [`LOOK_AHEAD`] ones, as many of them.
    #[inline]
    pub fn look_ahead(&self, list: &Bound<'py, PyList>) {
        /// Where a number is, and what is asked of a text. What is before that is in the same 64 bytes, or not far.
        const LOOKED_AT: usize = 24;

        let begin = self.index + LOOK_AHEAD;
        let end = begin + LOOK_AHEAD;
        if COUNTS_ARE_EXACT && end <= list.len() {
            for index in begin..end {
                // SAFETY: the index was compared with the list's length, and with the global lock held nobody makes it
                // shorter.
                let item = unsafe { ffi::PyList_GET_ITEM(list.as_ptr(), index.cast_signed()) };
                cache::begin_to_read(item.cast::<u8>().wrapping_add(LOOKED_AT));
            }
        }
    }

    /// The next item without a reference to it, if it is a number or a text that can be written
    /// [at once](BytesBuilder::append_short_at_once); else as [`next`](Self::next) gives it.
    ///
    /// To count one reference more and one less changes the memory of each item, which takes about as long as to write it.
    #[inline(always)]
    pub fn next_at_once(
        &mut self,
        list: &Bound<'py, PyList>,
        undisturbed: bool,
        texts: ShortText,
        bytes: &mut BytesBuilder<'py>,
    ) -> Next<'py> {
        let next = match without_a_reference(list, self.index, texts, bytes) {
            Next::End => return self.next(list, undisturbed).map_or(Next::End, Next::Item),
            next => next,
        };
        self.index += 1;
        next
    }

    /// The next item, or `None` where the list ends at this moment. `undisturbed` says that no Python code has run since
    /// the start.
    #[inline]
    pub fn next(&mut self, list: &Bound<'py, PyList>, undisturbed: bool) -> Option<Bound<'py, PyAny>> {
        if !undisturbed {
            self.copy.give_up();
        }
        let list = self.copy.get().unwrap_or(list);
        if self.index >= list.len() {
            return None;
        }
        #[cfg(not(any(Py_GIL_DISABLED, PyPy)))]
        // SAFETY: the index was compared with the list's length, and with the global lock held nobody makes it shorter.
        let item = unsafe { list.get_item_unchecked(self.index) };
        // The list may have become shorter just now, in another thread; then it ends here.
        #[cfg(any(Py_GIL_DISABLED, PyPy))]
        let item = list.get_item(self.index).ok()?;
        self.index += 1;
        Some(item)
    }
}

/// What stands at that index, read without a reference to it. Only where nobody changes a list as long as this thread runs
/// no Python code: see [`COUNTS_ARE_EXACT`].
#[inline(always)]
fn without_a_reference<'py>(
    list: &Bound<'py, PyList>,
    index: usize,
    texts: ShortText,
    bytes: &mut BytesBuilder<'py>,
) -> Next<'py> {
    if !COUNTS_ARE_EXACT || index >= list.len() {
        return Next::End;
    }
    // SAFETY: the index was compared with the list's length, and with the global lock held nobody makes it shorter. The
    // list holds the item as long as nobody changes it, and what is done with it below calls no code that might. There
    // is no item yet in a list that is being filled.
    let item = unsafe {
        let item = ffi::PyList_GET_ITEM(list.as_ptr(), index.cast_signed());
        Borrowed::from_ptr_or_opt(list.py(), item)
    };
    let Some(item) = item else { return Next::End };
    if let Some(text) = exact::<PyString>(&item) {
        let has_fewer = reference_count::of(text) < texts.fewer_references_than;
        if has_fewer
            && let Some(ascii) = text::ascii(text)
            && bytes.append_short_at_once(texts.first, ascii)
        {
            return Next::Written;
        }
        return Next::Text(text.clone(), has_fewer);
    } else if let Some(number) = exact::<PyInt>(&item) {
        if let Some(value) = int::of_one_digit(number) {
            return Next::Int(value);
        }
    } else if let Some(number) = exact::<PyFloat>(&item) {
        return Next::Float(number.value());
    }
    Next::Item(item.to_owned())
}
