//! Type variables.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::by_value::class_tracker::tracker;
use crate::by_value::{lookup, registry};
use crate::rebuild::Wire;

/// The variable's name, as a reference to it in its module; `_make_typevar(...)` where it cannot be imported.
///
/// A type variable has no `__qualname__`, so its module and `__name__` decide.
#[pyfunction]
#[pyo3(name = "_typevar_reduce")]
pub(crate) fn typevar_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    let name = obj.getattr(intern!(py, "__name__"))?;
    match lookup::importable(obj, Some(&name))? {
        // A string is a reduction too: `save_global` under this name, which is what plain `pickle` writes.
        Some((module, name)) if !registry::is_registered(&module)? => Ok(name),
        _ => Ok((&Wire::get(py).make_typevar, decompose_typevar(obj)?).into_pyobject(py)?.into_any()),
    }
}

/// The arguments of `_make_typevar` for a type variable: name, bound, constraints, covariant, contravariant, id.
#[pyfunction]
#[pyo3(name = "_decompose_typevar")]
pub(crate) fn decompose_typevar<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let id: Bound<'py, PyString> = tracker(py).tracker_id(obj)?;
    (
        obj.getattr(intern!(py, "__name__"))?,
        obj.getattr(intern!(py, "__bound__"))?,
        obj.getattr(intern!(py, "__constraints__"))?,
        obj.getattr(intern!(py, "__covariant__"))?,
        obj.getattr(intern!(py, "__contravariant__"))?,
        id,
    )
        .into_pyobject(py)
}
