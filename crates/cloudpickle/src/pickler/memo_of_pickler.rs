//! The memo of a `Pickler`: one dump at a time has it, and its hooks may look at it meanwhile.

use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use python_objects::lending::{InUse, Lending};

use super::at_hand::AtHand;
use super::memo::Memo;

/// The memo that the dumps of one pickler share.
pub(super) struct MemoOfPickler(Lending<Memo>);

impl MemoOfPickler {
    pub(super) fn new() -> Self {
        Self(Lending::new(Memo::new()))
    }

    /// Takes the memo for a dump.
    ///
    /// # Errors
    /// `RuntimeError` if a dump of the same pickler is in progress, in this thread or another.
    pub(super) fn take_for_dump(&self, py: Python<'_>) -> PyResult<InUse<'_, Memo>> {
        let mut memo = self.take()?;
        if memo.has_no_memory() {
            *memo = AtHand::take_memo(py);
        }
        Ok(memo)
    }

    /// Takes the memo to change it.
    ///
    /// # Errors
    /// `RuntimeError` if a dump of the same pickler is in progress, in this thread or another.
    pub(super) fn take(&self) -> PyResult<InUse<'_, Memo>> {
        self.0.take().ok_or_else(in_a_dump)
    }

    /// Reads the memo, which a hook may do in the middle of a dump.
    ///
    /// # Errors
    /// `RuntimeError` if a dump is in progress and is not calling a hook: in another thread, or by way of an object's own
    /// code.
    pub(super) fn read<R>(&self, py: Python<'_>, read: impl FnOnce(&Memo) -> R) -> PyResult<R> {
        // A copy is read, so that nobody waits while Python objects are made.
        let copy = self.0.read(py, |memo| memo.clone_ref(py)).ok_or_else(in_a_dump)?;
        Ok(read(&copy))
    }

    /// Tells the garbage collector what is held. During a dump the engine holds the memo, and its objects with it.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.read_unused(|memo| memo.objects().iter().try_for_each(|object| visit.call(object))).unwrap_or(Ok(()))
    }

    /// Lets go of everything.
    pub(super) fn clear(&self) {
        // Dropped when the memo is no longer in use: destructors may run Python code.
        let objects = self.0.take().map(|mut memo| memo.take_objects());
        drop(objects);
    }
}

impl Drop for MemoOfPickler {
    /// Most picklers are made for one dump: the next one gets the memory.
    fn drop(&mut self) {
        if let Some(memo) = self.0.take().map(|mut memo| std::mem::take(&mut *memo))
            && memo.can_be_used_again()
        {
            Python::attach(|py| AtHand::put_back_memo(py, memo));
        }
    }
}

#[cold]
fn in_a_dump() -> PyErr {
    PyRuntimeError::new_err(
        "this Pickler is in the middle of a dump; use another one inside its hooks and in other threads",
    )
}
