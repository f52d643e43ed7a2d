//! Code objects: the bytecode of functions.

use pyo3::prelude::*;
use pyo3::types::{PyCode, PyString, PyTuple};
use python_objects::compat::code::FIELDS;

use super::copy_of;
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
            "co_names" | "co_varnames" | "co_freevars" | "co_cellvars" => {
                PyTuple::new(py, value.cast::<PyTuple>()?.iter_borrowed())?.into_any()
            }
            _ => value,
        });
    }
    (&Runtime::get(py).code_type, PyTuple::new(py, args)?).into_pyobject(py)
}
