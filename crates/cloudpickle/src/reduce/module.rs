//! Modules: by name where they can be imported, with their contents where they cannot.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use python_objects::dict;

use super::reduction::Reduction;
use crate::by_value::lookup::by_reference;
use crate::pickler::BaseGlobals;
use crate::rebuild::Wire;
use crate::runtime::Runtime;

/// Stands for an attribute of a module where it arrives: `getattr(module, name)`.
#[pyclass(frozen, module = "cloudpickle._native")]
pub(crate) struct ModuleAttribute {
    module: Py<PyAny>,
    name: Py<PyAny>,
}

impl ModuleAttribute {
    pub(crate) fn of<'py>(module: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let attribute = Self { module: module.clone().unbind(), name: name.clone().unbind() };
        Ok(Bound::new(module.py(), attribute)?.into_any())
    }
}

#[pymethods]
impl ModuleAttribute {
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        (&Runtime::get(py).getattr, (&self.module, &self.name)).into_pyobject(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.module)?;
        visit.call(&self.name)
    }
}

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

/// How a module travels that was not imported, or is registered to be pickled by value; `None` for any other.
///
/// It is `dynamic_subimport(name, {})`, then its namespace as state, so that what is in it may refer to the module, and its
/// functions have that namespace for their globals. `__builtins__` stays behind: some libraries put things there that
/// cannot be pickled, and the receiver has its own.
pub(crate) fn module_reduction<'py>(
    module: &Bound<'py, PyAny>,
    base_globals: &BaseGlobals,
) -> PyResult<Option<Reduction<'py>>> {
    if by_reference(module)? {
        return Ok(None);
    }
    let py = module.py();
    let own = module.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
    base_globals.share(module, &own)?;
    let dynamic_subimport = Wire::get(py).dynamic_subimport.bind(py).clone().into_any();
    let name = module.getattr(intern!(py, "__name__"))?;
    let mut reduction = Reduction::call(dynamic_subimport, (name, PyDict::new(py)).into_pyobject(py)?);
    reduction.state = Some(namespace(&own)?.into_any());
    Ok(Some(reduction))
}

/// A copy of a module's namespace to travel.
fn namespace<'py>(own: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let py = own.py();
    let namespace = own.copy()?;
    namespace.call_method1(intern!(py, "pop"), (intern!(py, "__builtins__"), py.None()))?;
    if Runtime::get(py).state.lazy_import_type.is_some() {
        for (name, value) in dict::items(&namespace)? {
            namespace.set_item(name, imported(value)?)?;
        }
    }
    Ok(namespace)
}

/// `subimport(name)`, or `dynamic_subimport(name, namespace)` for a module that travels by value and was not asked for by
/// way of a pickler, which has [`module_reduction`].
#[pyfunction]
#[pyo3(name = "_module_reduce")]
pub(crate) fn module_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let wire = Wire::get(py);
    let name = obj.getattr(intern!(py, "__name__"))?;
    if by_reference(obj)? {
        return (&wire.subimport, (name,)).into_pyobject(py);
    }
    let own = obj.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
    (&wire.dynamic_subimport, (name, namespace(&own)?)).into_pyobject(py)
}
