//! The variables of closures.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The state with which the opcode BUILD fills an empty cell with `contents`: a pair whose second half has the attributes
/// to set.
#[cfg(not(PyPy))]
pub fn state(contents: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyTuple>> {
    use pyo3::intern;
    use pyo3::types::PyDict;

    let py = contents.py();
    let attributes = PyDict::new(py);
    attributes.set_item(intern!(py, "cell_contents"), contents)?;
    (py.None(), attributes).into_pyobject(py)
}

/// The state with which the opcode BUILD fills an empty cell with `contents`: cells of PyPy have a `__setstate__`, which
/// takes the first item.
#[cfg(PyPy)]
pub fn state(contents: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyTuple>> {
    let py = contents.py();
    (contents,).into_pyobject(py)
}
