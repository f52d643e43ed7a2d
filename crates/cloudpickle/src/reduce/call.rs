//! A call within another one, among the arguments or as what is called: a reduce tuple has room for one call only.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Stands in a reduction for what a call gives. It is written as that call, and never arrives itself.
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

    /// Calls what the call gives. What is called in a reduce tuple has to be callable.
    #[pyo3(signature = (*args))]
    fn __call__<'py>(&self, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let call = self.0.bind(args.py());
        let made = call.get_item(0)?.call1(call.get_item(1)?.cast_into::<PyTuple>()?)?;
        made.call1(args)
    }
}
