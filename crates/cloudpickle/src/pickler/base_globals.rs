//! The globals that shipped functions will have: one dict per namespace they come from.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyDict;
use python_objects::identity;

use crate::address::FirstByAddress;
use crate::by_value::lookup::travelling_name;
use crate::reduce::interned;
use crate::reduce::module::ModuleAttribute;

/// Namespace of origin to the dict that travels in its place.
///
/// Functions that share `__globals__` here must share it after loading. They do if one pickler writes them, because then
/// the same dict object stands for their namespace, and the memo does the rest.
///
/// A `reducer_override` of Python code comes back here in the middle of a dump, by `super().reducer_override`; hence the
/// lock, which is never held while Python code runs: what is not needed is dropped outside. A thread that waits for it is
/// detached from the interpreter meanwhile.
#[derive(Default)]
pub(crate) struct BaseGlobals {
    /// By the address of the namespace, which is kept alive so that its address is not given to another.
    by_origin: Mutex<FirstByAddress<Travelling>>,
    outlives_dump: bool,
}

/// What stands for a namespace, and whether it did so for no function before.
pub(crate) struct SharedGlobals<'py> {
    pub(crate) base: Bound<'py, PyAny>,
    pub(crate) is_new: bool,
    /// Whether later dumps write the same dict again: it must not hold what one function needs.
    pub(crate) outlives_dump: bool,
}

struct Travelling {
    origin: Py<PyDict>,
    /// A dict, or a [`ModuleAttribute`], the `__dict__` of a module that travels whole.
    base: Py<PyAny>,
}

impl BaseGlobals {
    /// Those of a pickler, for all its dumps.
    pub(super) fn of_pickler() -> Self {
        Self { outlives_dump: true, ..Self::default() }
    }

    /// What travels in place of `globals`: a dict, at first with only what relative imports inside the function need.
    pub(crate) fn of<'py>(&self, globals: &Bound<'py, PyDict>) -> PyResult<SharedGlobals<'py>> {
        let py = globals.py();
        let address = identity::of(globals);
        if let Some(travelling) = self.lock(py).get(address) {
            let base = travelling.base.bind(py).clone();
            return Ok(SharedGlobals { base, is_new: false, outlives_dump: self.outlives_dump });
        }
        let base = PyDict::new(py);
        for name in
            [intern!(py, "__package__"), intern!(py, "__name__"), intern!(py, "__path__"), intern!(py, "__file__")]
        {
            if let Some(value) = globals.get_item(name)? {
                base.set_item(name, interned(&travelling_name(value))?)?;
            }
        }
        let own = base.into_any();
        let base = self.enter(globals, own.clone());
        Ok(SharedGlobals { is_new: base.is(&own), base, outlives_dump: self.outlives_dump })
    }

    /// Lets the namespace of `module`, which travels whole, be the globals of its functions. Those that were written before
    /// it keep what they have.
    pub(crate) fn share(&self, module: &Bound<'_, PyAny>, globals: &Bound<'_, PyDict>) -> PyResult<()> {
        let namespace = ModuleAttribute::of(module, intern!(module.py(), "__dict__").as_any())?;
        self.enter(globals, namespace);
        Ok(())
    }

    fn enter<'py>(&self, globals: &Bound<'py, PyDict>, base: Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        let py = globals.py();
        let travelling = Travelling { origin: globals.clone().unbind(), base: base.unbind() };
        let mut by_origin = self.lock(py);
        if let Some(entered) = by_origin.get(identity::of(globals)) {
            // Another thread was quicker; all must use the same dict.
            let base = entered.base.bind(py).clone();
            drop(by_origin);
            drop(travelling);
            return base;
        }
        let base = travelling.base.bind(py).clone();
        by_origin.insert(identity::of(globals), travelling);
        base
    }

    /// Tells the garbage collector what is held here.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(by_origin) = self.by_origin.try_lock() {
            for travelling in by_origin.values() {
                visit.call(&travelling.origin)?;
                visit.call(&travelling.base)?;
            }
        }
        Ok(())
    }

    /// Lets go of everything.
    pub(crate) fn clear(&self, py: Python<'_>) {
        let dropped = std::mem::take(&mut *self.lock(py));
        drop(dropped);
    }

    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, FirstByAddress<Travelling>> {
        // The table is whole after every statement under the lock: a panic elsewhere leaves it usable.
        self.by_origin.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }
}
