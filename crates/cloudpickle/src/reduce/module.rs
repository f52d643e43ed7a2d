//! Modules: by name where they can be imported, with their contents where they cannot.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::by_value::lookup::by_reference;
use crate::rebuild::Wire;

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
    let namespace = obj.getattr(intern!(py, "__dict__"))?.call_method0(intern!(py, "copy"))?;
    namespace.call_method1(intern!(py, "pop"), (intern!(py, "__builtins__"), py.None()))?;
    (&wire.dynamic_subimport, (name, namespace)).into_pyobject(py)
}
