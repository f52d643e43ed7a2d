//! Telling data that is deep from data that never ends.
//!
//! The engine has no recursion to overflow, so a `__reduce__` that hands out a fresh object each time it is called would
//! be followed until the memory is gone. Depth alone proves nothing: a linked list may have a million nodes. What tells
//! the two apart is when the objects came into being. Once reductions stand [`DEEP`] levels deep inside each other, the
//! objects that exist are recorded, and each may be reduced once more. If then [`DEEP`] levels in a row are of objects from
//! after that moment, or of objects that had their turn, the graph is being made while it is walked, or a reduction leads
//! back to itself.

use std::collections::HashSet;

use pyo3::prelude::*;
use python_objects::existence::existing_objects;
use python_objects::identity;

use crate::runtime::Runtime;

/// How many reductions may stand inside each other before the question is asked.
///
/// Data seldom is as deep, so that few dumps pay for the list of all objects; it is ten times what `pickle` can follow; and
/// twice as many levels of an endless graph, with what its `__reduce__` made for each, do not exhaust the memory.
const DEEP: usize = 10_000;

/// Counts the reductions that stand inside each other.
#[derive(Default)]
pub(super) struct EndlessGuard {
    /// Reductions in progress.
    depth: usize,
    /// The addresses of the objects that existed when `depth` first reached [`DEEP`], less those reduced since.
    existed: Option<HashSet<usize>>,
    /// Whether the walk has been less deep since they were recorded, so that other objects may have come to be meanwhile.
    stale: bool,
    /// How many of the reductions in progress, counted from the innermost, are of objects that are not among them.
    fresh: usize,
}

/// What [`EndlessGuard::leave`] restores.
#[derive(Clone, Copy)]
pub(super) struct Level {
    fresh_around: usize,
}

impl EndlessGuard {
    /// The reduction of `obj` begins.
    ///
    /// # Errors
    /// `DeepRecursionError` if the graph has no end in sight.
    #[inline]
    pub(super) fn enter(&mut self, obj: &Bound<'_, PyAny>) -> PyResult<Level> {
        self.depth += 1;
        if self.depth < DEEP { Ok(Level { fresh_around: 0 }) } else { self.enter_deep(obj) }
    }

    #[cold]
    fn enter_deep(&mut self, obj: &Bound<'_, PyAny>) -> PyResult<Level> {
        let py = obj.py();
        if self.existed.is_none() {
            self.existed = Some(existing_objects(obj)?);
            self.stale = false;
        }
        let existed = self.existed.get_or_insert_default();
        let level = Level { fresh_around: self.fresh };
        self.fresh = if existed.remove(&identity::of(obj)) { 0 } else { self.fresh + 1 };
        if self.fresh <= DEEP {
            return Ok(level);
        }
        if std::mem::take(&mut self.stale) {
            // Another branch of the graph, which may have been made before this walk went down it.
            self.existed = Some(existing_objects(obj)?);
            self.fresh = 0;
            return Ok(level);
        }
        Err(Runtime::get(py).deep_recursion_error(
            py,
            format!(
                "deep recursion without an end: {DEEP} reductions inside each other, of objects that did not exist before \
                 or were being reduced already. Does a __reduce__, __getstate__ or reducer make objects without end, or \
                 return the object itself among its arguments? The last one is of type '{}'",
                crate::reduce::reduction::type_name(&obj.get_type())
            ),
        ))
    }

    /// The reduction ends.
    #[inline]
    pub(super) fn leave(&mut self, level: Level) {
        self.depth -= 1;
        self.fresh = level.fresh_around;
        self.stale |= self.depth < DEEP;
    }
}
