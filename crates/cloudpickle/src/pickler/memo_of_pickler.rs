//! The memo of a `Pickler`: one dump at a time has it, and its hooks may look at it meanwhile.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use super::memo::Memo;

/// The memo that the dumps of one pickler share.
///
/// The lock is held only to move the memo in or out or to copy it, never while Python code runs. A thread that waits for
/// it is detached from the interpreter meanwhile.
pub(super) struct MemoOfPickler(Mutex<Holder>);

enum Holder {
    /// No dump is in progress.
    Idle(Memo),
    /// A dump is in progress, and calls a hook of the pickler.
    Lent(Memo),
    /// A dump is in progress.
    Dump,
}

impl MemoOfPickler {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Holder::Idle(Memo::new())))
    }

    /// Takes the memo for a dump, or to change it.
    ///
    /// # Errors
    /// `RuntimeError` if a dump of the same pickler is in progress, in this thread or another.
    pub(super) fn take<'py>(&self, py: Python<'py>) -> PyResult<MemoInUse<'_, 'py>> {
        let mut holder = self.lock(py);
        match std::mem::replace(&mut *holder, Holder::Dump) {
            Holder::Idle(memo) => Ok(MemoInUse { owner: self, py, memo }),
            busy => {
                *holder = busy;
                Err(in_a_dump())
            }
        }
    }

    /// Reads the memo, which a hook may do in the middle of a dump.
    ///
    /// # Errors
    /// `RuntimeError` if a dump is in progress and is not calling a hook: in another thread, or by way of an object's own
    /// code.
    pub(super) fn read<R>(&self, py: Python<'_>, read: impl FnOnce(&Memo) -> R) -> PyResult<R> {
        // A copy is read, so that the lock is not held while Python objects are made.
        let copy = match &*self.lock(py) {
            Holder::Idle(memo) | Holder::Lent(memo) => memo.clone_ref(py),
            Holder::Dump => return Err(in_a_dump()),
        };
        Ok(read(&copy))
    }

    /// Tells the garbage collector what is held. During a dump the engine holds the memo, and its objects with it.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(holder) = self.0.try_lock()
            && let Holder::Idle(memo) = &*holder
        {
            for object in memo.objects() {
                visit.call(object)?;
            }
        }
        Ok(())
    }

    /// Lets go of everything.
    pub(super) fn clear(&self, py: Python<'_>) {
        let held = self.put(py, Holder::Idle(Memo::new()));
        drop(held);
    }

    /// Returns what was held before, to be dropped after the lock: destructors may run Python code.
    fn put(&self, py: Python<'_>, holder: Holder) -> Holder {
        std::mem::replace(&mut *self.lock(py), holder)
    }

    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, Holder> {
        // The holder is whole after every statement under the lock: a panic elsewhere leaves it usable.
        self.0.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_a_dump() -> PyErr {
    PyRuntimeError::new_err(
        "this Pickler is in the middle of a dump; use another one inside its hooks and in other threads",
    )
}

/// The memo, while a dump has it. Goes back when this is dropped, also on an error.
pub(super) struct MemoInUse<'a, 'py> {
    owner: &'a MemoOfPickler,
    py: Python<'py>,
    pub(super) memo: Memo,
}

impl Drop for MemoInUse<'_, '_> {
    fn drop(&mut self) {
        let memo = std::mem::replace(&mut self.memo, Memo::new());
        self.owner.put(self.py, Holder::Idle(memo));
    }
}

impl MemoOfPickler {
    /// Calls a hook with the memo where the hook can read it.
    pub(super) fn lend<R>(&self, py: Python<'_>, memo: &mut Memo, hook: impl FnOnce() -> R) -> R {
        self.put(py, Holder::Lent(std::mem::replace(memo, Memo::new())));
        let result = hook();
        if let Holder::Lent(lent) = self.put(py, Holder::Dump) {
            *memo = lent;
        }
        result
    }
}
