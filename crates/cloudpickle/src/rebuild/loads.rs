//! `loads` and `load`: as those of `pickle`, whose errors say more when something is not there.

use std::ffi::CStr;

use pyo3::exceptions::{PyAttributeError, PyImportError};
use pyo3::intern;
use pyo3::prelude::*;
use python_objects::forward::{self, Forward, Keyword};
use python_objects::raised::Raised;

use super::in_progress;
use crate::runtime::{self, Runtime};
use crate::unpickler;

/// Adds the functions to the extension.
pub(super) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    runtime::add_function(module, forward::function::<Loads>(module)?)?;
    runtime::add_function(module, forward::function::<Load>(module)?)
}

/// Declares a function that hands on what it is given to the one of `pickle`, which looks at its arguments.
macro_rules! loader {
    ($(#[$doc:meta])* $loader:ident = $directly:expr, $of_pickle:ident, $name:literal, $text:literal) => {
        $(#[$doc])*
        struct $loader;

        impl Forward for $loader {
            type Before = usize;
            const NAME: &'static CStr = $name;
            const DOC: &'static CStr = $text;

            fn target(py: Python<'_>) -> &'static Py<PyAny> {
                &Runtime::get(py).$of_pickle
            }

            #[inline]
            fn directly<'py>(
                argument: &Bound<'py, PyAny>,
                keyword: Option<Keyword<'_, 'py>>,
            ) -> Option<Result<Bound<'py, PyAny>, Raised>> {
                $directly(argument, keyword)
            }

            fn before() -> usize {
                in_progress::count()
            }

            fn failed(error: &Bound<'_, PyAny>, before: usize) {
                explain(error, before);
            }
        }
    };
}

loader! {
    /// `pickle.loads`.
    Loads = directly, pickle_loads,
    c"loads",
    c"loads(data, /, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())
--

The object that a pickle holds: `pickle.loads`.

Raises:
    `ImportError`, `AttributeError`: a module, or something in it, is not there. The exception says which function or
        class needs it, and what can be done."
}

loader! {
    /// `pickle.load`.
    Load = directly_from_file, pickle_load,
    c"load",
    c"load(file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())
--

The object that the next pickle in a file holds: `pickle.load`. The exceptions are those of `loads`."
}

/// `loads` of a pickle and, at most, its buffers.
#[inline]
fn directly<'py>(
    pickle: &Bound<'py, PyAny>,
    keyword: Option<Keyword<'_, 'py>>,
) -> Option<Result<Bound<'py, PyAny>, Raised>> {
    let pickle = pickle.cast_exact().ok()?;
    with_buffers(keyword, |buffers| unpickler::loads(pickle, buffers))
}

/// `load` from a file and, at most, its buffers.
fn directly_from_file<'py>(
    file: &Bound<'py, PyAny>,
    keyword: Option<Keyword<'_, 'py>>,
) -> Option<Result<Bound<'py, PyAny>, Raised>> {
    with_buffers(keyword, |buffers| unpickler::load(file, buffers))
}

/// What `load` makes of the buffers that were given, if nothing else was.
#[inline]
fn with_buffers<'py, R>(
    keyword: Option<Keyword<'_, 'py>>,
    load: impl FnOnce(Option<&Bound<'py, PyAny>>) -> Option<R>,
) -> Option<R> {
    match keyword {
        // A name in source is interned; another one is for `pickle`.
        Some((name, buffers)) if name.is(intern!(name.py(), "buffers")) => load(Some(buffers)),
        Some(_) => None,
        None => load(None),
    }
}

#[cold]
fn explain(value: &Bound<'_, PyAny>, before: usize) {
    let py = value.py();
    let error = &PyErr::from_value(value.clone());
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
