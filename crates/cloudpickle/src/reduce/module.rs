//! Modules: by name where they can be imported, with their contents where they cannot.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::by_value::lookup::by_reference;
use crate::rebuild::Wire;
use crate::runtime::Runtime;

/// What a name in a namespace stands for: `value` itself, or what a lazy import brings, as using the name would.
///
/// # Errors
/// What the import raises.
pub(super) fn imported(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = value.py();
    match &Runtime::get(py).state.lazy_import_type {
        Some(lazy) if value.get_type().is(lazy) => value.call_method0(intern!(py, "resolve")),
        _ => Ok(value),
    }
}

/// `subimport(name)`, or `dynamic_subimport(name, namespace)` for a module that was not imported, or is registered to be
/// pickled by value.
///
/// The namespace is a copy without `__builtins__`: some libraries put things there that cannot be pickled, and the
/// receiver has its own.
#[pyfunction]
#[pyo3(name = "_module_reduce")]
pub(crate) fn module_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let wire = Wire::get(py);
    let name = obj.getattr(intern!(py, "__name__"))?;
    if by_reference(obj)? {
        return (&wire.subimport, (name,)).into_pyobject(py);
    }
    let namespace = obj.getattr(intern!(py, "__dict__"))?.call_method0(intern!(py, "copy"))?.cast_into::<PyDict>()?;
    namespace.call_method1(intern!(py, "pop"), (intern!(py, "__builtins__"), py.None()))?;
    if Runtime::get(py).state.lazy_import_type.is_some() {
        for (name, value) in namespace.copy()? {
            namespace.set_item(name, imported(value)?)?;
        }
    }
    (&wire.dynamic_subimport, (name, namespace)).into_pyobject(py)
}
