//! Loggers: the receiver has its own of that name.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::runtime::Runtime;

/// `getLogger(name)`
#[pyfunction]
#[pyo3(name = "_logger_reduce")]
pub(crate) fn logger_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    (&Runtime::get(py).get_logger, (obj.getattr(intern!(py, "name"))?,)).into_pyobject(py)
}

/// `getLogger()`
#[pyfunction]
#[pyo3(name = "_root_logger_reduce")]
pub(crate) fn root_logger_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    (&Runtime::get(obj.py()).get_logger, PyTuple::empty(obj.py())).into_pyobject(obj.py())
}
