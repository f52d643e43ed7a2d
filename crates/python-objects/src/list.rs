//! Walking a list that user code or another thread may change under the walk.

use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::dict::WALKS_COPIES;

/// A position in a list.
///
/// As in `dict.rs`: on a build without the global lock, the cursor walks a copy as long as no Python code has run. Another
/// thread that inserts at the front would otherwise make the walk give an item twice.
pub struct ListCursor<'py> {
    index: usize,
    copy: Option<Bound<'py, PyList>>,
}

impl<'py> ListCursor<'py> {
    /// Before the first item of `list`.
    #[must_use]
    pub fn new(list: &Bound<'py, PyList>) -> Self {
        let copy = if WALKS_COPIES { Some(list.get_slice(0, usize::MAX)) } else { None };
        Self { index: 0, copy }
    }

    /// How many items there are, asked at the start.
    #[must_use]
    pub fn len_at_start(&self, list: &Bound<'py, PyList>) -> usize {
        self.copy.as_ref().unwrap_or(list).len()
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
        let list = if WALKS_COPIES && undisturbed { self.copy.as_ref().unwrap_or(list) } else { list };
        list.len().saturating_sub(self.index)
    }

    /// The next item, or `None` where the list ends at this moment. `undisturbed` says that no Python code has run since
    /// the start.
    #[inline]
    pub fn next(&mut self, list: &Bound<'py, PyList>, undisturbed: bool) -> Option<Bound<'py, PyAny>> {
        if WALKS_COPIES && !undisturbed {
            self.copy = None;
        }
        let list = if WALKS_COPIES { self.copy.as_ref().unwrap_or(list) } else { list };
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
