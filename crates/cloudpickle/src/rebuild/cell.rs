//! Cells: the variables that closures share.

use pyo3::prelude::*;

use crate::runtime::Runtime;

/// A cell that holds `value`, or an empty one when called without.
#[pyfunction]
#[pyo3(name = "_make_cell", signature = (value = None))]
pub(crate) fn make_cell<'py>(py: Python<'py>, value: Option<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
    let cell_type = Runtime::get(py).cell_type.bind(py);
    match value {
        Some(value) => cell_type.call1((value,)),
        None => cell_type.call0(),
    }
}

/// A cell whose variable has no value yet.
#[pyfunction]
#[pyo3(name = "_make_empty_cell")]
pub(crate) fn make_empty_cell(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    Runtime::get(py).cell_type.bind(py).call0()
}
