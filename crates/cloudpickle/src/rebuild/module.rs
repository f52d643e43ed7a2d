//! Modules: imported where they can be, or put together from their contents.

use pyo3::exceptions::PyImportError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyModule, PyString};

use python_objects::building::modules;

use super::in_progress;
use crate::by_value::lookup::{self, sys_modules};
use crate::runtime::Runtime;

/// Imports a module by its full name and returns it: `os.path` itself, not `os` as `__import__` does.
///
/// Raises:
///     `ImportError`: it cannot be imported. The exception says what needs it, and what can be done.
#[pyfunction]
pub(crate) fn subimport<'py>(name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = name.py();
    // Looked up each time, as an `import` statement does: programs replace it.
    let builtins = Runtime::get(py).builtins.bind(py);
    let import = match modules::item(builtins, intern!(py, "__import__")) {
        Some(import) => import,
        None => builtins.as_any().get_item(intern!(py, "__import__"))?,
    };
    if import.is(&Runtime::get(py).import)
        && let Some(module) = imported_whole(name)?
    {
        return Ok(module);
    }
    import.call1((name,)).inspect_err(|error| {
        if error.is_instance_of::<PyImportError>(py) {
            in_progress::explain(py, error, &format!("the module {name}"), None);
        }
    })?;
    sys_modules(py)?.get_item(name)
}

/// The module of this name, if it and the package it is in are imported: what `__import__` would find. One that is just
/// being imported, in another thread perhaps, is left to that.
fn imported_whole<'py>(name: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = name.py();
    let Ok(text) = name.cast_exact::<PyString>() else { return Ok(None) };
    if let Ok(Some((package, _))) = text.to_str().map(|text| text.split_once('.'))
        && lookup::imported(&PyString::new(py, package))?.is_none()
    {
        return Ok(None);
    }
    let module = lookup::imported(name)?.and_then(|module| module.cast_into_exact::<PyModule>().ok());
    Ok(module.filter(|module| !modules::is_being_imported(module)).map(Bound::into_any))
}

/// A module of this name with this namespace, which is not entered in `sys.modules`.
///
/// Args:
///     name: the module's name.
///     vars: its namespace, without `__builtins__`, which it gets from the loading process.
#[pyfunction]
pub(crate) fn dynamic_subimport<'py>(
    name: &Bound<'py, PyAny>,
    vars: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = name.py();
    let runtime = Runtime::get(py);
    let module = runtime.module_type.bind(py).call1((name,))?;
    let namespace = module.getattr(intern!(py, "__dict__"))?;
    super::update(&namespace, vars)?;
    namespace.set_item(intern!(py, "__builtins__"), &runtime.builtins)?;
    Ok(module)
}
