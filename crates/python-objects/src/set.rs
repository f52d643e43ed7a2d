//! Walking a set that user code or another thread may change under the walk.

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFrozenSet, PyIterator, PyList, PySet};

use crate::walk::WALKS_COPIES;

/// A position in a set.
///
/// On a build without the global lock, the cursor walks a copy, as in `dict.rs` and for the same reason. A set's own
/// iterator would raise for every change of size; this one does when Python code has run, which may have made it.
pub struct SetCursor<'py> {
    items: Bound<'py, PyIterator>,
    /// If `items` are those of a copy, how many there are.
    copied: Option<usize>,
}

impl<'py> SetCursor<'py> {
    /// Before the first item of `set`.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn new(set: &Bound<'py, PySet>) -> PyResult<Self> {
        if WALKS_COPIES {
            let copy = items_of(set)?;
            Ok(Self { items: copy.try_iter()?, copied: Some(copy.len()) })
        } else {
            Ok(Self { items: set.try_iter()?, copied: None })
        }
    }

    /// Before the first of these items of a set, which somebody put in order.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn over(items: &Bound<'py, PyList>) -> PyResult<Self> {
        Ok(Self { items: items.try_iter()?, copied: Some(items.len()) })
    }

    /// The next item, or `None` behind the last. `undisturbed` says that no Python code has run since the start.
    ///
    /// # Errors
    /// `RuntimeError`, in the words of Python's own iterator, if the set has another size than at the start.
    #[inline]
    pub fn next(&mut self, set: &Bound<'py, PySet>, undisturbed: bool) -> PyResult<Option<Bound<'py, PyAny>>> {
        if WALKS_COPIES && !undisturbed && self.copied.is_some_and(|len| len != set.len()) {
            return Err(PyRuntimeError::new_err("Set changed size during iteration"));
        }
        self.items.next().transpose()
    }
}

/// `list(set)`: the items of one moment, in the order of the walk.
pub fn items_of<'py>(set: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    Ok(set.py().get_type::<PyList>().call1((set,))?.cast_into::<PyList>()?)
}

/// The items of one moment as the set itself has them, whatever a class that is derived from `set` or `frozenset` says.
///
/// # Errors
/// What listing them raises.
pub fn stored_items_of<'py>(set: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let py = set.py();
    if set.is_exact_instance_of::<PySet>() || set.is_exact_instance_of::<PyFrozenSet>() {
        return items_of(set);
    }
    let ty = if set.is_instance_of::<PySet>() { py.get_type::<PySet>() } else { py.get_type::<PyFrozenSet>() };
    items_of(&ty.call_method1(intern!(py, "__iter__"), (set,))?)
}
