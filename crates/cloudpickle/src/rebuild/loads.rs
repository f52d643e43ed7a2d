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

/// Declares a function that hands on what it is given to the one of `pickle`. Options are named one by one, for a call
/// without any is then a call without a dict.
macro_rules! loader {
    ($(#[$doc:meta])* $name:ident($source:ident $(, $positional:tt)?) = $of_pickle:ident, $text:literal) => {
        $(#[$doc])*
        #[pyfunction]
        #[pyo3(
            signature = ($source, $($positional,)? *, fix_imports = None, encoding = None, errors = None, buffers = None),
            text_signature = $text
        )]
        pub(crate) fn $name<'py>(
            $source: &Bound<'py, PyAny>,
            fix_imports: Option<Bound<'py, PyAny>>,
            encoding: Option<Bound<'py, PyAny>>,
            errors: Option<Bound<'py, PyAny>>,
            buffers: Option<Bound<'py, PyAny>>,
        ) -> PyResult<Bound<'py, PyAny>> {
            explained(&Runtime::get($source.py()).$of_pickle, $source, [fix_imports, encoding, errors, buffers])
        }
    };
}

loader! {
    /// The object that a pickle holds: `pickle.loads`.
    ///
    /// Raises:
    ///     `ImportError`, `AttributeError`: a module, or something in it, is not there. The exception says which function or
    ///         class needs it, and what can be done.
    loads(data, /) = pickle_loads,
    "(data, /, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())"
}

loader! {
    /// The object that the next pickle in a file holds: `pickle.load`. The exceptions are those of `loads`.
    load(file) = pickle_load,
    "(file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())"
}

#[inline]
fn explained<'py>(
    function: &Py<PyAny>,
    source: &Bound<'py, PyAny>,
    options: [Option<Bound<'py, PyAny>>; 4],
) -> PyResult<Bound<'py, PyAny>> {
    let py = source.py();
    let before = in_progress::count();
    let function = function.bind(py);
    let result = if options.iter().all(Option::is_none) {
        function.call1((source,))
    } else {
        let keywords = PyDict::new(py);
        let names =
            [intern!(py, "fix_imports"), intern!(py, "encoding"), intern!(py, "errors"), intern!(py, "buffers")];
        for (name, option) in names.into_iter().zip(options) {
            if let Some(option) = option {
                keywords.set_item(name, option)?;
            }
        }
        function.call((source,), Some(&keywords))
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
