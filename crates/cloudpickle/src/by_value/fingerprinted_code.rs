//! What was found out about the code of methods, which is asked for again each time a class is sent.
//!
//! Code is found by its address. An address is reused after the code died, so an entry counts only while its weak reference
//! leads back to that very code. No Python code runs while the lock is held.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyCode, PyTuple, PyWeakref, PyWeakrefMethods, PyWeakrefReference};
use python_objects::identity;

use crate::address::ByAddress;

/// How many entries there may be before the first search for those of dead code.
const FIRST_SWEEP: usize = 1024;

/// What was found out about code.
pub(crate) struct Found {
    pub(crate) fingerprint: u64,
    /// How many objects the fingerprint is made of.
    pub(crate) objects: usize,
    /// The names of the globals that the code uses, in the order of their first use.
    pub(crate) global_names: Py<PyTuple>,
}

/// The process's table.
pub(crate) struct FingerprintedCode(Mutex<Table>);

struct Table {
    by_address: ByAddress<(Py<PyWeakref>, Found)>,
    /// The number of entries at which those of dead code are looked for.
    sweep_at: usize,
}

impl FingerprintedCode {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Table { by_address: ByAddress::default(), sweep_at: FIRST_SWEEP }))
    }

    /// The names of the globals that `code` uses, if they are known.
    pub(crate) fn global_names<'py>(&self, code: &Bound<'py, PyCode>) -> Option<Bound<'py, PyTuple>> {
        Some(self.find(code)?.global_names.into_bound(code.py()))
    }

    /// What is known of `code`.
    pub(crate) fn find(&self, code: &Bound<'_, PyCode>) -> Option<Found> {
        let py = code.py();
        let (reference, found) = {
            let table = self.0.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
            let (reference, found) = table.by_address.get(&identity::of(code))?;
            let Found { fingerprint, objects, ref global_names } = *found;
            (reference.clone_ref(py), Found { fingerprint, objects, global_names: global_names.clone_ref(py) })
        };
        reference.bind(py).upgrade().is_some_and(|living| living.is(code)).then_some(found)
    }

    /// Remembers what was found out about `code`.
    pub(crate) fn remember(&self, code: &Bound<'_, PyCode>, found: Found) -> PyResult<()> {
        let py = code.py();
        let reference = PyWeakrefReference::new(code)?.into_any().cast_into::<PyWeakref>()?.unbind();
        let mut table = self.0.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        let replaced = table.by_address.insert(identity::of(code), (reference, found));
        let is_due = table.by_address.len() >= table.sweep_at;
        drop(table);
        drop(replaced);
        if is_due {
            self.sweep(py);
        }
        Ok(())
    }

    /// Drops the entries of dead code. The next time is when there are twice as many as are left: constant cost per entry.
    #[cold]
    fn sweep(&self, py: Python<'_>) {
        let lock = || self.0.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        let all: Vec<_> =
            lock().by_address.iter().map(|(address, (reference, _))| (*address, reference.clone_ref(py))).collect();
        let dead: Vec<_> = all.into_iter().filter(|(_, reference)| reference.bind(py).upgrade().is_none()).collect();
        // What is taken out is dropped after the lock.
        let mut removed = Vec::with_capacity(dead.len());
        let mut table = lock();
        for (address, reference) in &dead {
            if table.by_address.get(address).is_some_and(|(found, _)| found.is(reference)) {
                removed.extend(table.by_address.remove(address));
            }
        }
        table.sweep_at = FIRST_SWEEP.max(2 * table.by_address.len());
        drop(table);
        drop(removed);
    }
}
