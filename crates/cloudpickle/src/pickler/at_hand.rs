//! What a dump leaves to the next one of its thread: memory that a small pickle would spend more time on allocating than
//! on using.

use std::cell::Cell;

use pickle_format::Referenced;
use pyo3::prelude::*;

use super::memo::Memo;

thread_local! {
    static AT_HAND: Cell<Option<Box<AtHand>>> = const { Cell::new(None) };
}

/// What a dump needs, and nothing in it.
#[derive(Default)]
pub(super) struct AtHand {
    pub(super) memo: Memo,
    pub(super) referenced: Option<Box<Referenced>>,
}

impl AtHand {
    /// Of an earlier dump, if it is not in use by one that this is inside of.
    #[inline]
    pub(super) fn take() -> Option<Box<Self>> {
        AT_HAND.take()
    }

    /// Keeps what is not large. Destructors of what the memo held may run code that dumps, and keeps another.
    #[inline]
    pub(super) fn put_back(mut self: Box<Self>, py: Python<'_>) {
        self.memo.clear(py);
        // A dump that is done has settled what was referred to.
        if let Some(referenced) = &mut self.referenced
            && !referenced.is_empty()
        {
            referenced.clear();
        }
        AT_HAND.set(Some(self));
    }
}
