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

The object that a pickle holds: what `pickle.loads` gives, from a source that is trusted.

Args:
    data: the pickle, a bytes-like object. What stands behind it is left alone.
    fix_imports: whether the names that modules had in Python 2 are taken for those of today, in protocols 0 to 2.
    encoding, errors: how strings of Python 2 are decoded; with 'bytes' they are not.
    buffers: the buffers that `buffer_callback` was given and that are not in the pickle, in that order.

Returns:
    The object.

Raises:
    ImportError, AttributeError: a module, or something in it, is not there. The exception says which function or
        class needs it, and what can be done.
    UnpicklingError: the pickle is damaged, buffers are missing, or it has code for another minor version of Python.
    EOFError: the pickle ends too early.
    Exception: whatever the pickle's own calls raise, or `pickle` of a damaged one."
}

loader! {
    /// `pickle.load`.
    Load = directly_from_file, pickle_load,
    c"load",
    c"load(file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())
--

The object that the next pickle in a file holds: what `pickle.load` gives, from a source that is trusted.

Args:
    file: what has the methods `read` and `readline` of a binary file, and may have `readinto` and `peek`. It is left
        behind the pickle.
    fix_imports, encoding, errors, buffers: as for `loads`.

Returns:
    The object.

Raises:
    TypeError: the file lacks a method.
    The exceptions of `loads`, and of the file."
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
