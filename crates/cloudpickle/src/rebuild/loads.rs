//! `loads` and `load`: those of `pickle`, whose errors say more when something is not there.

use pyo3::exceptions::{PyAttributeError, PyImportError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::in_progress;
use crate::runtime::{self, Runtime};

/// Adds the functions to the extension.
pub(super) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    runtime::add_function(module, wrap_pyfunction!(loads, module)?)?;
    runtime::add_function(module, wrap_pyfunction!(load, module)?)
}

/// The object that a pickle holds: `pickle.loads`.
///
/// Raises:
///     `ImportError`, `AttributeError`: a module, or something in it, is not there. The exception says which function or
///         class needs it, and what can be done.
#[pyfunction]
#[pyo3(
    signature = (data, /, **options),
    text_signature = "(data, /, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())"
)]
pub(crate) fn loads<'py>(
    data: &Bound<'py, PyAny>,
    options: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    explained(&Runtime::get(data.py()).pickle_loads, data, options)
}

/// The object that the next pickle in a file holds: `pickle.load`. The exceptions are those of `loads`.
#[pyfunction]
#[pyo3(
    signature = (file, **options),
    text_signature = "(file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())"
)]
pub(crate) fn load<'py>(file: &Bound<'py, PyAny>, options: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
    explained(&Runtime::get(file.py()).pickle_load, file, options)
}

#[inline]
fn explained<'py>(
    function: &Py<PyAny>,
    source: &Bound<'py, PyAny>,
    options: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = source.py();
    let before = in_progress::count();
    let function = function.bind(py);
    // What options there are, `pickle` knows.
    let result = match options {
        None => function.call1((source,)),
        options => function.call((source,), options),
    };
    result.inspect_err(|error| explain(py, error, before))
}

#[cold]
fn explain(py: Python<'_>, error: &PyErr, before: usize) {
    let value = error.value(py);
    if error.is_instance_of::<PyImportError>(py) {
        let missing = match value.getattr(intern!(py, "name")) {
            Ok(name) if !name.is_none() => format!("the module {name}"),
            _ => "it".to_owned(),
        };
        in_progress::explain(py, error, &missing, Some(before));
    } else if error.is_instance_of::<PyAttributeError>(py) {
        // In these words `pickle` says that a module has no such global, since 3.14 in the second.
        let text = value.to_string();
        if text.starts_with("Can't get attribute ") || text.starts_with("module '") {
            in_progress::explain(py, error, "it", Some(before));
        }
    }
}
