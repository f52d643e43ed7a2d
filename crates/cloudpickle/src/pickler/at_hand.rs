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
        // At the end of a thread there is nothing left.
        AT_HAND.try_with(Cell::take).ok().flatten()
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
        let _ = AT_HAND.try_with(|at_hand| at_hand.set(Some(self)));
    }

    /// For the dumps of a pickler: the memory that is at hand, or a new memo.
    pub(super) fn take_memo(py: Python<'_>) -> Memo {
        let Some(mut at_hand) = Self::take() else { return Memo::new() };
        let memo = std::mem::take(&mut at_hand.memo);
        at_hand.put_back(py);
        memo
    }

    /// Keeps the memory of a memo, and nothing in it. There are only indexes in it that dumps gave.
    pub(super) fn put_back_memo(py: Python<'_>, memo: Memo) {
        let mut at_hand = Self::take().unwrap_or_default();
        let replaced = std::mem::replace(&mut at_hand.memo, memo);
        at_hand.put_back(py);
        drop(replaced);
    }
}
