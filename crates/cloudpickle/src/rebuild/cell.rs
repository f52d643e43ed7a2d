//! Cells: the variables that closures share.

use std::convert::Infallible;

use pyo3::intern;
use pyo3::prelude::*;
use python_objects::cell;
pub(crate) use python_objects::cell::contents;

use super::code;
use crate::runtime::Runtime;

/// Stands for "this variable has no value" where a cell's contents are handed around. There is one of it.
///
/// It is pickled as a reference to `cloudpickle.cloudpickle._empty_cell_value`.
#[pyclass(frozen, name = "_empty_cell_value", module = "cloudpickle.cloudpickle")]
pub(crate) struct EmptyCellValue;

#[pymethods]
impl EmptyCellValue {
    #[expect(clippy::unused_self, reason = "a method of Python's protocol")]
    fn __reduce__(&self) -> &'static str {
        "_empty_cell_value"
    }
}

/// An argument that may be left out, where None is a value like any other.
pub(crate) struct Given<'py>(Option<Bound<'py, PyAny>>);

impl<'py> FromPyObject<'_, 'py> for Given<'py> {
    type Error = Infallible;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> Result<Self, Infallible> {
        Ok(Self(Some(object.to_owned())))
    }
}

/// A cell that holds `value`, or an empty one when called without, or with the sentinel `_empty_cell_value`.
///
/// Raises:
///     `UnpicklingError`: the value is what pickles say of the Python their code is for, and this is another.
#[pyfunction]
#[pyo3(name = "_make_cell", signature = (value = Given(None)))]
pub(crate) fn make_cell<'py>(py: Python<'py>, value: Given<'py>) -> PyResult<Bound<'py, PyAny>> {
    let runtime = Runtime::get(py);
    let cell_type = runtime.cell_type.bind(py);
    match value.0 {
        Some(value) if !value.is(&runtime.state.empty_cell_value) => {
            code::check_version(&value)?;
            cell::new(cell_type, Some(&value))
        }
        _ => cell::new(cell_type, None),
    }
}

/// A cell whose variable has no value yet.
#[pyfunction]
#[pyo3(name = "_make_empty_cell")]
pub(crate) fn make_empty_cell(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    cell::new(Runtime::get(py).cell_type.bind(py), None)
}

/// What a cell holds, or the sentinel `_empty_cell_value` for an empty one.
#[pyfunction]
#[pyo3(name = "_get_cell_contents")]
pub(crate) fn get_cell_contents<'py>(cell: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = cell.py();
    match contents(cell)? {
        Some(contents) => Ok(contents),
        None => Ok(Runtime::get(py).state.empty_cell_value.bind(py).clone().into_any()),
    }
}

/// Gives the variable of `cell` a value.
pub(super) fn fill<'py>(cell: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> PyResult<()> {
    cell.setattr(intern!(cell.py(), "cell_contents"), value)
}
