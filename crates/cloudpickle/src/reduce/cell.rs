//! Cells: the variables that closures share.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use python_objects::compat::cell;

use crate::rebuild::Wire;
use crate::rebuild::cell::contents;

/// `_make_cell()`, then the contents, if there are any, as state for BUILD. Every pickle with code names that function
/// anyway, and none needs to name `_make_empty_cell` besides.
///
/// That a cell is made before its contents are is what lets a closure refer to itself, and what lets two closures share
/// it: both are made with the one cell, whose identity the memo keeps.
#[pyfunction]
#[pyo3(name = "_cell_reduce")]
pub(crate) fn cell_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let make = &Wire::get(py).make_cell;
    match contents(obj)? {
        Some(contents) => (make, PyTuple::empty(py), cell::state(contents)?).into_pyobject(py),
        None => (make, PyTuple::empty(py)).into_pyobject(py),
    }
}
