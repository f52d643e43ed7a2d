//! Sets of weak references.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

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
