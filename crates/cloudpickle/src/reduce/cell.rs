//! Cells: the variables that closures share.

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::rebuild::Wire;

/// `_make_cell(contents)`, or `_make_empty_cell()` for a variable that has no value yet.
#[pyfunction]
#[pyo3(name = "_cell_reduce")]
pub(crate) fn cell_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    match obj.getattr(intern!(py, "cell_contents")) {
        Ok(contents) => (&Wire::get(py).make_cell, (contents,)).into_pyobject(py),
        // An empty cell says so with a ValueError.
        Err(error) if error.is_instance_of::<PyValueError>(py) => {
            (&Wire::get(py).make_empty_cell, PyTuple::empty(py)).into_pyobject(py)
        }
        Err(error) => Err(error),
    }
}
