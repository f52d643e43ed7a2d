//! Telling data that is deep from data that never ends.
//!
//! The engine has no recursion to overflow, so a `__reduce__` that hands out a fresh object each time it is called would
//! be followed until the memory is gone. Depth alone proves nothing: a linked list may have a million nodes. What tells
//! the two apart is when the objects came into being. Once reductions stand [`DEEP`] levels deep inside each other, the
//! objects that exist are recorded, and each may be reduced once more. If [`DEEP`] levels inside each other are of objects
//! from after that moment, or of objects that had their turn, the graph is being made while it is walked, or a reduction
//! leads back to itself.

use std::collections::HashSet;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::runtime::Runtime;

/// How many reductions may stand inside each other before the question is asked.
///
/// Data seldom is as deep, so that few dumps pay for the list of all objects; and the frames of twice as many levels of
/// an endless graph, with what its `__reduce__` made for each, stay below a few hundred megabytes.
const DEEP: usize = 50_000;

/// Counts the reductions that stand inside each other.
#[derive(Default)]
pub(super) struct EndlessGuard {
    /// Reductions in progress.
    depth: usize,
    /// The addresses of the objects that existed when `depth` first reached [`DEEP`], less those reduced since.
    existed: Option<HashSet<usize>>,
    /// Reductions in progress of objects that are not among them.
    fresh: usize,
}

/// What [`EndlessGuard::enter`] found, to be handed back to [`EndlessGuard::leave`].
#[derive(Clone, Copy)]
pub(super) struct Level {
    fresh: bool,
}

impl EndlessGuard {
    /// The reduction of `obj` begins.
    ///
    /// # Errors
    /// `DeepRecursionError` if the graph has no end in sight.
    #[inline]
    pub(super) fn enter(&mut self, obj: &Bound<'_, PyAny>) -> PyResult<Level> {
        self.depth += 1;
        if self.depth < DEEP { Ok(Level { fresh: false }) } else { self.enter_deep(obj) }
    }

    #[cold]
    fn enter_deep(&mut self, obj: &Bound<'_, PyAny>) -> PyResult<Level> {
        let py = obj.py();
        let existed = match &mut self.existed {
            Some(existed) => existed,
            None => self.existed.insert(addresses_of_all_objects(py)?),
        };
        let fresh = !existed.remove(&(obj.as_ptr() as usize));
        self.fresh += usize::from(fresh);
        if self.fresh <= DEEP {
            return Ok(Level { fresh });
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
        self.fresh -= usize::from(level.fresh);
    }
}

/// All that can hold references to other objects is known to the garbage collector; the links of an endless chain do.
fn addresses_of_all_objects(py: Python<'_>) -> PyResult<HashSet<usize>> {
    let objects = py.import(intern!(py, "gc"))?.call_method0(intern!(py, "get_objects"))?.cast_into::<PyList>()?;
    Ok(objects.iter().map(|object| object.as_ptr() as usize).collect())
}
