//! Code objects: the bytecode of functions.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyString, PyTuple};
use python_objects::compat::code::FIELDS;

use super::reduction::Reduction;
use super::{copy_of, interned};
use crate::by_value::lookup;
use crate::rebuild::Wire;
use crate::runtime::Runtime;

/// `types.CodeType(...)` with every field, in the order of the running version.
///
/// Names, and tuples of names, are written as copies. CPython interns and shares the originals, so whether two of them
/// are one object depends on what else the process did, and with it the bytes of the pickle.
#[pyfunction]
#[pyo3(name = "_code_reduce")]
pub(crate) fn code_reduce<'py>(obj: &Bound<'py, PyCode>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let fields = Runtime::get(py).state.code_fields.bind(py);
    let mut args = Vec::with_capacity(FIELDS.len());
    for (name, field) in FIELDS.iter().zip(fields.iter_borrowed()) {
        let value = obj.getattr(field.cast::<PyString>()?)?;
        args.push(match *name {
            "co_name" => copy_of(&value),
            "co_filename" => interned(&file_name(value)?)?,
            "co_names" | "co_varnames" | "co_freevars" | "co_cellvars" => {
                PyTuple::new(py, value.cast::<PyTuple>()?.iter_borrowed())?.into_any()
            }
            _ => value,
        });
    }
    (&Runtime::get(py).code_type, PyTuple::new(py, args)?).into_pyobject(py)
}

/// The file that the code comes from. What is typed at a prompt or into a notebook has a name that counts the inputs or
/// holds the number of the process, and would make other bytes of the same function each time.
fn file_name(name: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = name.py();
    let Some(lasting) = name.cast_exact::<PyString>().ok().and_then(|name| lasting_file_name(name.to_str().ok()?))
    else {
        return Ok(name);
    };
    let lasting = PyString::new(py, &lasting).into_any();
    // Where the code was typed, and may come back to, tracebacks go on to show its lines.
    let lines = py.import(intern!(py, "linecache"))?.getattr(intern!(py, "cache"))?;
    if let Ok(known) = lines.get_item(&name) {
        lines.set_item(&lasting, known)?;
    }
    Ok(lasting)
}

/// What stands for a file name that does not last; None for one that does. Notebooks name their cells by a digest of the
/// contents as well, which is kept.
fn lasting_file_name(name: &str) -> Option<String> {
    // Of the interactive interpreter since 3.13.
    for (counted, lasting) in [("<stdin-", "<stdin>"), ("<python-input-", "<python-input>")] {
        if name.starts_with(counted) {
            return Some(lasting.to_owned());
        }
    }
    // `<ipython-input-4-0123abcd>`
    if let Some(counted) = name.strip_prefix("<ipython-input-") {
        return counted.split_once('-').map(|(_, digest)| format!("<ipython-input-{digest}"));
    }
    // `/tmp/ipykernel_1234/5678.py`
    let mut parts = name.rsplit(['/', '\\']);
    let digest = parts.next()?.strip_suffix(".py")?;
    let process = parts.next()?.strip_prefix("ipykernel_")?;
    (!process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| format!("<ipython-input-{digest}>"))
}

/// The first item of what `_make_cell` gets to be told the version of Python. No other cell holds such a tuple.
pub(crate) const VERSION_MARK: &str = "cloudpickle: code for";

/// Whether an object is written as, or around, a code object.
#[inline]
pub(crate) fn is_made_of_code<'py>(obj: &Bound<'py, PyAny>, reduction: &Reduction<'py>) -> bool {
    let py = obj.py();
    obj.get_type().is(&Runtime::get(py).code_type) || reduction.callable.is(&Wire::get(py).make_function)
}

/// What a pickle says before its first code object: the mark, the Python on which it can run, and whose code it is.
pub(crate) fn version_told<'py>(obj: &Bound<'py, PyAny>) -> [Bound<'py, PyString>; 3] {
    let py = obj.py();
    let text = |name| obj.getattr_opt(name).ok().flatten().and_then(|value| value.cast_into::<PyString>().ok());
    let module = text(intern!(py, "__module__")).map(|module| lookup::travelling_name(module.into_any()));
    let name = match (module, text(intern!(py, "__qualname__"))) {
        (Some(module), Some(name)) => format!("function {module}.{name}"),
        (None, Some(name)) => format!("function {name}"),
        _ => format!("code object {}", text(intern!(py, "co_name")).map_or_else(String::new, |name| name.to_string())),
    };
    let version = Runtime::get(py).state.python_version.bind(py).clone();
    [intern!(py, VERSION_MARK).clone(), version, PyString::new(py, &name)]
}
