//! Where in the graph an error happened, as notes on the exception.
//!
//! The notes and their words are those that the C pickler adds since Python 3.14, innermost first. All that they need is in
//! the frames on the engine's stack, which nobody reads while all goes well.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;
use python_objects::compat::errors::HAVE_PICKLER_NOTES;

use super::engine::Frame;

/// How many levels are told. An error in a list of a million levels needs no million notes.
const LEVELS_TOLD: usize = 100;

/// Adds to `error` what each frame was doing, the innermost frame first.
#[cold]
pub(super) fn annotated<'a, 'py: 'a>(
    py: Python<'py>,
    error: PyErr,
    frames: impl Iterator<Item = &'a Frame<'py>>,
) -> PyErr {
    if HAVE_PICKLER_NOTES {
        for frame in frames.take(LEVELS_TOLD) {
            for part in frame.in_progress() {
                add_note(py, &error, &part);
            }
        }
    }
    error
}

/// Adds to `error` that `obj` was being reduced, for errors before there is a frame for it.
#[cold]
pub(super) fn annotated_with_object(error: PyErr, obj: &Bound<'_, PyAny>) -> PyErr {
    if HAVE_PICKLER_NOTES {
        add_note(obj.py(), &error, &format!("{} object", full_type_name(&obj.get_type())));
    }
    error
}

fn add_note(py: Python<'_>, error: &PyErr, part: &str) {
    // An exception that takes no notes is still the one to raise.
    let _ = error.value(py).call_method1(intern!(py, "add_note"), (format!("when serializing {part}"),));
}

/// The name of a type with its module, unless that is `builtins`: what `%T` is in CPython's messages.
pub(super) fn full_type_name(ty: &Bound<'_, PyType>) -> String {
    ty.fully_qualified_name().map_or_else(|_| "?".to_owned(), |name| name.to_string())
}
