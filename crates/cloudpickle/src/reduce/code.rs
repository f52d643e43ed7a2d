//! Code objects: the bytecode of functions.

use pyo3::prelude::*;
use pyo3::types::{PyCode, PyString, PyTuple};
use python_objects::compat::code::FIELDS;

use super::{copy_of, interned};
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
            "co_filename" => interned(&file_name(value))?,
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
fn file_name(name: Bound<'_, PyAny>) -> Bound<'_, PyAny> {
    let lasting = name.cast_exact::<PyString>().ok().and_then(|name| name.to_str().ok()).and_then(lasting_file_name);
    match lasting {
        Some(lasting) => PyString::new(name.py(), lasting).into_any(),
        None => name,
    }
}

/// What stands for a file name that does not last; None for one that does.
fn lasting_file_name(name: &str) -> Option<&'static str> {
    // `<stdin-4>` and `<python-input-4>` of the interactive interpreter since 3.13, `<ipython-input-4-0123abcd>` of older
    // IPythons, and the files that ipykernel says its cells are in.
    const PROMPTS: [(&str, &str); 3] =
        [("<stdin-", "<stdin>"), ("<python-input-", "<python-input>"), ("<ipython-input-", "<ipython-input>")];
    let prompt = PROMPTS.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, lasting)| *lasting);
    prompt.or_else(|| {
        let folder = name.rsplit(['/', '\\']).nth(1)?;
        let process = folder.strip_prefix("ipykernel_")?;
        (!process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit())).then_some("<ipython-input>")
    })
}
