//! Loggers: the receiver has its own of that name.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// `getLogger(name)`
#[pyfunction]
#[pyo3(name = "_logger_reduce")]
pub(crate) fn logger_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    (get_logger(py)?, (obj.getattr(intern!(py, "name"))?,)).into_pyobject(py)
}

/// `getLogger()`
#[pyfunction]
#[pyo3(name = "_root_logger_reduce")]
pub(crate) fn root_logger_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    (get_logger(obj.py())?, PyTuple::empty(obj.py())).into_pyobject(obj.py())
}

fn get_logger(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import(intern!(py, "logging"))?.getattr(intern!(py, "getLogger"))
}
