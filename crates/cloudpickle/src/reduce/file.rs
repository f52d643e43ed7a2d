//! Text files: they travel as their contents.

use pyo3::exceptions::PyOSError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::rebuild::Wire;
use crate::runtime::Runtime;

/// `_file_reconstructor(StringIO)` with the contents, the position and the name of a file that is open for reading;
/// `getattr(sys, name)` for `sys.stdout` and `sys.stderr`, which the receiver has too.
///
/// Raises:
///     `PicklingError`: it is standard input, a terminal, closed, not readable, or no file on disk.
#[pyfunction]
#[pyo3(name = "_file_reduce")]
pub(crate) fn file_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let runtime = Runtime::get(py);
    let sys = runtime.sys.bind(py);
    // First of all: a stream that a program put there need not have a name or a mode.
    for stream in [intern!(py, "stdout"), intern!(py, "stderr")] {
        if sys.getattr_opt(stream)?.is_some_and(|found| obj.is(&found)) {
            return (&runtime.getattr, (sys, stream)).into_pyobject(py);
        }
    }
    let (Some(name), Some(mode)) = (obj.getattr_opt(intern!(py, "name"))?, obj.getattr_opt(intern!(py, "mode"))?)
    else {
        return Err(refusal(py, "Cannot pickle files that do not map to an actual file"));
    };
    if obj.is(&sys.getattr(intern!(py, "stdin"))?) {
        return Err(refusal(py, "Cannot pickle standard input"));
    }
    if obj.getattr(intern!(py, "closed"))?.is_truthy()? {
        return Err(refusal(py, "Cannot pickle closed files"));
    }
    if obj.hasattr(intern!(py, "isatty"))? && obj.call_method0(intern!(py, "isatty"))?.is_truthy()? {
        return Err(refusal(py, "Cannot pickle files that map to tty objects"));
    }
    if !mode.contains("r")? && !mode.contains("+")? {
        let mode = mode.str()?;
        return Err(refusal(
            py,
            &format!("Cannot pickle files that are not opened for reading: {}", mode.to_string_lossy()),
        ));
    }
    let (contents, position) = match read_all(obj) {
        Ok(read) => read,
        Err(cause) if cause.is_instance_of::<PyOSError>(py) => {
            let name = name.str()?;
            let error = refusal(py, &format!("Cannot pickle file {} as it cannot be read", name.to_string_lossy()));
            error.set_cause(py, Some(cause));
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    let copy = runtime.string_io_type.bind(py).call0()?;
    copy.call_method1(intern!(py, "write"), (contents,))?;
    copy.call_method1(intern!(py, "seek"), (position,))?;
    copy.setattr(intern!(py, "name"), name)?;
    (&Wire::get(py).file_reconstructor, (copy,)).into_pyobject(py)
}

/// The whole contents of `file` and its position, to which it is returned.
fn read_all<'py>(file: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let py = file.py();
    let position = file.call_method0(intern!(py, "tell"))?;
    file.call_method1(intern!(py, "seek"), (0,))?;
    let contents = file.call_method0(intern!(py, "read"))?;
    file.call_method1(intern!(py, "seek"), (&position,))?;
    Ok((contents, position))
}

#[cold]
fn refusal(py: Python<'_>, message: &str) -> PyErr {
    PyErr::from_type(Runtime::get(py).pickling_error.bind(py).clone(), message.to_owned())
}
