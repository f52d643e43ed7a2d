//! The modules whose functions and classes travel by value although they could be imported.
//!
//! The names are kept in a Python set, so that `cloudpickle.cloudpickle._PICKLE_BY_VALUE_MODULES`, which upstream's
//! users reach for, is the registry itself.

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PySet, PyString, PyTuple};

use super::lookup::sys_modules;
use crate::runtime::Runtime;

/// Adds the set itself to the extension.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("_PICKLE_BY_VALUE_MODULES", &Runtime::get(module.py()).state.by_value_modules)
}

/// Is the module of this name, or a package that contains it, registered? Next to free while nothing is registered.
pub(crate) fn is_registered_name(py: Python<'_>, name: &str) -> PyResult<bool> {
    let registered = Runtime::get(py).state.by_value_modules.bind(py);
    if registered.is_empty() {
        return Ok(false);
    }
    let mut name = name;
    loop {
        if registered.contains(name)? {
            return Ok(true);
        }
        match name.rsplit_once('.') {
            Some((package, _)) => name = package,
            None => return Ok(false),
        }
    }
}

/// The first item of what travels with a function to tell the sources of modules.
const CARRIED: &str = "cloudpickle.carried_modules";

/// What travels with a function of a registered module: the sources that it may import where it is called. In a list that
/// upstream leaves alone, as data that says what it is: `("cloudpickle.carried_modules", sources)`.
pub(crate) fn carried_with<'py>(globals: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let py = globals.py();
    if Runtime::get(py).state.by_value_modules.bind(py).is_empty() {
        return Ok(None);
    }
    let Some(name) = globals.get_item(intern!(py, "__name__"))? else { return Ok(None) };
    let Ok(name) = name.cast_into::<PyString>() else { return Ok(None) };
    if !is_registered_name(py, &name.to_string_lossy())? {
        return Ok(None);
    }
    let is_registered = wrap_pyfunction!(is_registered_module_name, py)?;
    let sources = carried_modules(py)?.call_method1(intern!(py, "carried_with"), (name, is_registered))?;
    if sources.is_truthy()? { (intern!(py, CARRIED), sources).into_pyobject(py).map(Some) } else { Ok(None) }
}

/// Offers the sources that came with a function to the import system, if `element` is what [`carried_with`] wrote.
pub(crate) fn offer_carried(element: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = element.py();
    match element.cast_exact::<PyTuple>() {
        Ok(pair) if pair.len() == 2 && pair.get_item(0)?.cast::<PyString>().is_ok_and(|first| first == CARRIED) => {
            carried_modules(py)?.call_method1(intern!(py, "offer"), (pair.get_item(1)?,)).map(|_| ())
        }
        _ => Ok(()),
    }
}

/// Imported when it is needed first: it takes the import system apart, which few programs ask for.
fn carried_modules(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import(intern!(py, CARRIED))
}

#[pyfunction]
fn is_registered_module_name(py: Python<'_>, name: &str) -> PyResult<bool> {
    is_registered_name(py, name)
}

/// Is this module, or a package that contains it, registered?
pub(crate) fn is_registered(module: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = module.py();
    if Runtime::get(py).state.by_value_modules.bind(py).is_empty() {
        return Ok(false);
    }
    let name = module.getattr(intern!(py, "__name__"))?;
    is_registered_name(py, &name.cast::<PyString>()?.to_string_lossy())
}

/// Let the functions and classes of a module travel by value, even where they could be imported.
///
/// Normally what a module defines is pickled as a reference: the process that loads the pickle imports the module and
/// takes the function or class from it. After `register_pickle_by_value(module)` its code and data are pickled
/// instead, for the module itself and, if it is a package, for everything inside it. The loading process then needs
/// no such module, or may have another version of it.
///
/// Use it while a module is being worked on: the workers of a cluster receive each new version with the next task,
/// without being reinstalled or restarted. What the module's functions import in turn is still imported where they run.
///
/// Args:
///     module: the module or package, imported with an `import` statement.
///
/// Raises:
///     `ValueError`: it is not a module, or is not among the imported ones (`sys.modules`).
#[pyfunction]
pub(crate) fn register_pickle_by_value(module: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = module.py();
    let name = name_of_module(module)?;
    if !sys_modules(py)?.contains(&name)? {
        return Err(PyValueError::new_err(format!(
            "{} was not imported correctly, have you used an `import` statement to access it?",
            text_of(module)?
        )));
    }
    registered_modules(py).add(name)
}

/// Let the functions and classes of a module travel by reference again, as before `register_pickle_by_value`.
///
/// Args:
///     module: the module or package that was registered.
///
/// Raises:
///     `ValueError`: it is not a module, or was not registered.
#[pyfunction]
pub(crate) fn unregister_pickle_by_value(module: &Bound<'_, PyAny>) -> PyResult<()> {
    let name = name_of_module(module)?;
    if registered_modules(module.py()).discard(name)? {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("{} is not registered for pickle by value", text_of(module)?)))
}

/// The names of the modules that are registered to travel by value.
///
/// Returns:
///     A set of module names. It is a copy: changing it registers nothing.
#[pyfunction]
pub(crate) fn list_registry_pickle_by_value(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    registered_modules(py).call_method0(intern!(py, "copy"))
}

/// Is a module, or a package that contains it, registered to travel by value?
#[pyfunction]
#[pyo3(name = "_is_registered_pickle_by_value")]
pub(crate) fn is_registered_pickle_by_value(module: &Bound<'_, PyAny>) -> PyResult<bool> {
    is_registered(module)
}

fn registered_modules(py: Python<'_>) -> &Bound<'_, PySet> {
    Runtime::get(py).state.by_value_modules.bind(py)
}

/// The name of `module`, or the error for something that is no module.
fn name_of_module<'py>(module: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = module.py();
    if module.is_instance(Runtime::get(py).module_type.bind(py))? {
        module.getattr(intern!(py, "__name__"))
    } else {
        Err(PyValueError::new_err(format!("Input should be a module object, got {} instead", text_of(module)?)))
    }
}

/// What `str(object)` gives, for a message.
fn text_of(object: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(object.str()?.to_string_lossy().into_owned())
}
