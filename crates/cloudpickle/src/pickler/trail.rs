//! Where in the graph an error happened, told by the exception.
//!
//! Two forms: the path, one line from the outside in, as a note or in the message; and since Python 3.14 the C pickler's
//! notes, one per level from the inside out, in its words. All that they need is in the frames on the engine's stack,
//! which nobody reads while all goes well.

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;
use python_objects::compat::errors::HAVE_PICKLER_NOTES;

use super::frame::Frame;
use super::path;
use crate::exception_note;

/// How many levels are told in notes. An error in a list of a million levels needs no million notes.
const LEVELS_TOLD: usize = 100;

/// Adds to `error` what each frame was doing, the innermost frame first. The innermost one is the last of `frames`.
#[cold]
pub(super) fn with_notes<'py>(py: Python<'py>, error: PyErr, frames: &[Frame<'py>]) -> PyErr {
    if HAVE_PICKLER_NOTES {
        for frame in frames.iter().rev().take(LEVELS_TOLD) {
            for part in frame.in_progress() {
                add_note(py, &error, &format!("when serializing {part}"));
            }
        }
    }
    error
}

/// Adds to `error` the path that leads through `frames`, which stand outermost first.
#[cold]
pub(super) fn with_path<'py>(py: Python<'py>, error: PyErr, frames: &[Frame<'py>]) -> PyErr {
    // Ctrl-C and its like are not about any object.
    if !error.is_instance_of::<PyException>(py) {
        return error;
    }
    // The C pickler's notes tell the way through data completely, and programs compare them. They have no words for what
    // is in a function or a class.
    if HAVE_PICKLER_NOTES && !path::leads_through_code(frames) {
        return error;
    }
    let frames: Vec<_> = frames.iter().collect();
    if let Some(path) = path::of_frames(py, &frames) {
        let line = format!("when pickling: {path}");
        exception_note::add_line(py, &error, &line);
    }
    error
}

/// Adds to `error` that `obj` was being reduced, for errors before there is a frame for it.
#[cold]
pub(super) fn annotated_with_object(error: PyErr, obj: &Bound<'_, PyAny>) -> PyErr {
    if HAVE_PICKLER_NOTES {
        add_note(obj.py(), &error, &format!("when serializing {} object", full_type_name(&obj.get_type())));
    }
    error
}

fn add_note(py: Python<'_>, error: &PyErr, note: &str) {
    // An exception that takes no notes is still the one to raise.
    let _ = error.value(py).call_method1(intern!(py, "add_note"), (note,));
}

/// The name of a type with its module, unless that is `builtins`: what `%T` is in CPython's messages.
pub(crate) fn full_type_name(ty: &Bound<'_, PyType>) -> String {
    ty.fully_qualified_name().map_or_else(|_| "?".to_owned(), |name| name.to_string())
}
