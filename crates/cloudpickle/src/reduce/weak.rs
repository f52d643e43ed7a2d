//! Weak references, and the collections that hold them.
//!
//! What is referred to travels with the reference. Where it arrives it lives as long as something else there holds it:
//! another object of the same pickle, as a rule.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList, PySet, PyTuple};

use crate::runtime::Runtime;

/// `WeakSet(list of what is alive)`
///
/// Its own reduction would take the function along with which it watches its elements.
#[pyfunction]
#[pyo3(name = "_weakset_reduce")]
pub(crate) fn weakset_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    (&Runtime::get(py).weak_set_type, (py.get_type::<PyList>().call1((obj,))?,)).into_pyobject(py)
}

/// `WeakKeyDictionary()`, or `WeakValueDictionary()`, then the items that are alive.
#[pyfunction]
#[pyo3(name = "_weak_dictionary_reduce")]
pub(crate) fn weak_dictionary_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    // A list holds them while they are written.
    let items = py.get_type::<PyList>().call1((obj.call_method0(intern!(py, "items"))?,))?;
    let items: Bound<'py, PyIterator> = items.try_iter()?;
    (obj.get_type(), PyTuple::empty(py), py.None(), py.None(), items).into_pyobject(py)
}

/// `ref(referent)`, with the callback if it has one. A dead reference arrives dead.
#[pyfunction]
#[pyo3(name = "_weak_reference_reduce")]
pub(crate) fn weak_reference_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let mut referent = obj.call0()?;
    if referent.is_none() {
        // Nothing holds this method once it has arrived. It has a hash, for references that are keys.
        referent = PySet::empty(py)?.getattr(intern!(py, "add"))?;
    }
    let callback = obj.getattr(intern!(py, "__callback__"))?;
    let args = if callback.is_none() { PyTuple::new(py, [referent])? } else { PyTuple::new(py, [referent, callback])? };
    (obj.get_type(), args).into_pyobject(py)
}
