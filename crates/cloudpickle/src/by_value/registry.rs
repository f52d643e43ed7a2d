//! The modules whose functions and classes travel by value although they could be imported.
//!
//! The names are kept in a Python set, so that `cloudpickle.cloudpickle._PICKLE_BY_VALUE_MODULES`, which upstream's
//! users reach for, is the registry itself.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};

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

thread_local! {
    /// The modules that the dump in progress on this thread was given besides: `dumps(obj, by_value=[...])`. Reducers and
    /// lookups are called without being told of the dump.
    static OF_THIS_DUMP: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// How many dumps in progress, on all threads, were given modules. While there is none, which is nearly always, nobody
/// needs to look at what is the thread's own: that costs more than all else that a dump of `None` does.
static DUMPS_WITH_MODULES: AtomicUsize = AtomicUsize::new(0);

/// For as long as this lives, these modules count as registered on this thread. A dump inside another one has its own.
pub(crate) struct OfThisDump {
    /// What the dump around this one was given, if that was looked at.
    around: Option<Vec<String>>,
    has_modules: bool,
}

impl OfThisDump {
    /// The modules in the argument `by_value`.
    ///
    /// # Errors
    /// `ValueError` for what is not an imported module, as `register_pickle_by_value` raises it.
    #[inline]
    pub(crate) fn of(modules: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        if modules.is_none() && DUMPS_WITH_MODULES.load(Ordering::Relaxed) == 0 {
            return Ok(Self { around: None, has_modules: false });
        }
        Ok(Self::set(names_of_modules(modules)?))
    }

    pub(crate) fn set(names: Vec<String>) -> Self {
        let has_modules = !names.is_empty();
        if has_modules {
            DUMPS_WITH_MODULES.fetch_add(1, Ordering::Relaxed);
        } else if DUMPS_WITH_MODULES.load(Ordering::Relaxed) == 0 {
            return Self { around: None, has_modules };
        }
        Self { around: Some(OF_THIS_DUMP.replace(names)), has_modules }
    }
}

impl Drop for OfThisDump {
    #[inline]
    fn drop(&mut self) {
        if self.around.is_some() || self.has_modules {
            self.end();
        }
    }
}

impl OfThisDump {
    #[cold]
    fn end(&mut self) {
        if let Some(around) = self.around.take() {
            OF_THIS_DUMP.set(around);
        }
        if self.has_modules {
            DUMPS_WITH_MODULES.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The names of the modules in the argument `by_value`.
///
/// # Errors
/// `ValueError` for what is not an imported module, as `register_pickle_by_value` raises it.
#[inline]
pub(crate) fn names_of_modules(modules: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<String>> {
    let Some(modules) = modules else { return Ok(Vec::new()) };
    modules.try_iter()?.map(|module| name_to_register(&module?)?.extract()).collect()
}

/// Whether every module that can be imported is.
pub(crate) fn nothing_is_registered(py: Python<'_>) -> bool {
    registered_modules(py).is_empty()
        && (DUMPS_WITH_MODULES.load(Ordering::Relaxed) == 0 || OF_THIS_DUMP.with_borrow(Vec::is_empty))
}

/// Is the module of this name, or a package that contains it, registered? Next to free while nothing is registered.
pub(crate) fn is_registered_name(py: Python<'_>, name: &str) -> PyResult<bool> {
    if nothing_is_registered(py) {
        return Ok(false);
    }
    let registered = registered_modules(py);
    let mut name = name;
    loop {
        if registered.contains(name)? || OF_THIS_DUMP.with_borrow(|names| names.iter().any(|other| other == name)) {
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
    if nothing_is_registered(py) {
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
    if nothing_is_registered(py) {
        return Ok(false);
    }
    // What stands in `sys.modules` need not be a module.
    match module.getattr_opt(intern!(py, "__name__"))?.map(Bound::cast_into::<PyString>) {
        Some(Ok(name)) => is_registered_name(py, &name.to_string_lossy()),
        _ => Ok(false),
    }
}

/// Let the functions and classes of a module travel by value, even where they could be imported.
///
/// Normally what a module defines is pickled as a reference: the process that loads the pickle imports the module and
/// takes the function or class from it. After `register_pickle_by_value(module)` its code and data are pickled
/// instead, for the module itself and, if it is a package, for everything inside it. The loading process then needs
/// no such module, or may have another version of it.
///
/// Use it while a module is being worked on: the workers of a cluster receive each new version with the next task,
/// without being reinstalled or restarted. What the module's functions import while they run is imported there; modules of
/// the package that are not there are made from their sources, which travel along.
///
/// Args:
///     module: the module or package, imported with an `import` statement.
///
/// Raises:
///     `ValueError`: it is not a module, or is not among the imported ones (`sys.modules`).
#[pyfunction]
pub(crate) fn register_pickle_by_value(module: &Bound<'_, PyAny>) -> PyResult<()> {
    registered_modules(module.py()).add(name_to_register(module)?)
}

/// The name of a module that may be registered.
fn name_to_register<'py>(module: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let name = name_of_module(module)?;
    if !sys_modules(module.py())?.contains(&name)? {
        return Err(PyValueError::new_err(format!(
            "{} was not imported correctly, have you used an `import` statement to access it?",
            text_of(module)?
        )));
    }
    Ok(name)
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
