//! Cells: the variables that closures share.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::rebuild::Wire;
use crate::rebuild::cell::contents;

/// `_make_empty_cell()`, then the contents, if there are any, as state: BUILD sets the attribute `cell_contents`.
///
/// That a cell is made before its contents are is what lets a closure refer to itself, and what lets two closures share
/// it: both are made with the one cell, whose identity the memo keeps.
#[pyfunction]
#[pyo3(name = "_cell_reduce")]
pub(crate) fn cell_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let make = &Wire::get(py).make_empty_cell;
    match contents(obj)? {
        Some(contents) => {
            let attributes = PyDict::new(py);
            attributes.set_item(intern!(py, "cell_contents"), contents)?;
            (make, PyTuple::empty(py), (py.None(), attributes)).into_pyobject(py)
        }
        None => (make, PyTuple::empty(py)).into_pyobject(py),
    }
}
