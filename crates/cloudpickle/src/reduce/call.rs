//! A call within the arguments of another one: a reduce tuple has room for one call only.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Stands in the arguments of a reduction for what a call gives. It is written as that call, and never arrives itself.
#[pyclass(frozen, module = "cloudpickle._native")]
pub(super) struct Call(Py<PyTuple>);

impl Call {
    /// The call that a reduce tuple describes.
    pub(super) fn new(reduction: Bound<'_, PyTuple>) -> PyResult<Bound<'_, Self>> {
        let py = reduction.py();
        Bound::new(py, Self(reduction.unbind()))
    }
}

#[pymethods]
impl Call {
    fn __reduce__<'py>(&self, py: Python<'py>) -> Bound<'py, PyTuple> {
        self.0.bind(py).clone()
    }
}
