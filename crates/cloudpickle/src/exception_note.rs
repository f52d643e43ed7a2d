//! What this package has to say of an exception that somebody else raised: one more line, whatever the version of Python.

use pyo3::exceptions::{PyAttributeError, PyBaseException, PyImportError, PyNameError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use python_objects::compat::errors::EXCEPTIONS_TAKE_NOTES;

/// Adds a line to an exception: a note where there are notes, else at the end of the message.
#[cold]
pub(crate) fn add_line(py: Python<'_>, error: &PyErr, line: &str) {
    // An exception that does not let anything be added is still the one to raise.
    let _ = if EXCEPTIONS_TAKE_NOTES {
        error.value(py).call_method1(intern!(py, "add_note"), (line,)).map(|_| ())
    } else {
        add_to_message(error.value(py), line)
    };
}

/// Extends the message of an exception whose text is its one argument. Of others nobody knows what their arguments mean.
fn add_to_message(error: &Bound<'_, PyBaseException>, line: &str) -> PyResult<()> {
    let py = error.py();
    let str_method = intern!(py, "__str__");
    let str_of_type = error.get_type().getattr(str_method)?;
    // An `ImportError` has its text in `msg` as well, and shows that.
    let shows_msg = str_of_type.is(&py.get_type::<PyImportError>().getattr(str_method)?);
    // Types that Python 3.10 gave attributes have the base's `__str__` once more, as an object of its own.
    let plain = [py.get_type::<PyBaseException>(), py.get_type::<PyAttributeError>(), py.get_type::<PyNameError>()];
    let mut shows_args = false;
    for ty in plain {
        shows_args |= str_of_type.is(&ty.getattr(str_method)?);
    }
    if !shows_msg && !shows_args {
        return Ok(());
    }
    let args = error.getattr(intern!(py, "args"))?.cast_into::<PyTuple>()?;
    if args.len() == 1
        && let Ok(message) = args.get_item(0)?.cast_exact::<PyString>()
    {
        let extended = format!("{}\n{line}", message.to_str()?);
        error.setattr(intern!(py, "args"), (&extended,))?;
        if shows_msg {
            error.setattr(intern!(py, "msg"), extended)?;
        }
    }
    Ok(())
}
