//! Globals: what a module has under a name.

use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyModule, PyString};
use python_objects::building::{call, modules};
use python_objects::compat::errors;
use python_objects::raised::Raised;

use super::load::Stop;
use crate::runtime::{Runtime, upstream_module};

/// What `module` has under `name`, after the audit hooks were told. The module is imported if it is not there.
///
/// # Errors
/// `AttributeError` if it has nothing of that name. What an audit hook, the import or the lookup raises.
pub(super) fn find_class<'py>(
    module: &Bound<'py, PyString>,
    name: &Bound<'py, PyString>,
) -> Result<Bound<'py, PyAny>, Stop> {
    let py = name.py();
    let runtime = Runtime::get(py);
    let text = name.to_str().map_err(|_| Stop::Doubt)?;
    // For `pickle`, which looks nothing up of such a name. Asked before anybody is told of it.
    if text.contains('<') && text.split('.').any(|part| part == "<locals>") {
        return Err(Stop::Doubt);
    }
    let event = intern!(py, "pickle.find_class").as_any().clone();
    call::call(runtime.audit.bind(py), &[event, module.as_any().clone(), name.as_any().clone()])?;
    let module = match loaded(module) {
        Some(module) => {
            if let Some(found) = modules::member(&module, name) {
                return Ok(found);
            }
            module.into_any()
        }
        None => modules::import(module)?,
    };
    if errors::MODULES_SAY_WHAT_THEY_LACK && !text.contains('.') {
        return Ok(call::attribute_or_error(&module, name)?);
    }
    let mut found = module.clone();
    for part in text.split('.') {
        found = match call::attribute(&found, PyString::new(py, part).as_any())? {
            Some(found) => found,
            None if errors::MODULES_SAY_WHAT_THEY_LACK => return Err(Stop::Doubt),
            None => return Err(missing(&module, name).into()),
        };
    }
    Ok(found)
}

/// In the words of `pickle`. It is not asked for them, for what was looked up would be looked up again.
#[cold]
fn missing(module: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) -> Raised {
    let text = || Ok::<_, PyErr>(format!("Can't get attribute {} on {}", name.repr()?, module.repr()?));
    Raised::new(module.py(), text().map_or_else(|error| error, PyAttributeError::new_err))
}

/// The module of this name, if importing it would do nothing but give it back.
fn loaded<'py>(name: &Bound<'py, PyString>) -> Option<Bound<'py, PyModule>> {
    let py = name.py();
    let runtime = Runtime::get(py);
    let builtins = runtime.builtins.bind(py);
    let import = modules::item(builtins, intern!(py, "__import__"))?;
    // Somebody may have put one of their own there.
    if !import.is(&runtime.import) || !modules::are_builtins(builtins) {
        return None;
    }
    let module = modules::loaded(name)?;
    let own = &runtime.state.upstream_module;
    if own.get(py).is_some_and(|own| module.is(own)) {
        return Some(module);
    }
    if modules::is_being_imported(&module) {
        return None;
    }
    // Pickles with code name this one several times. A module is imported once: it will not be again.
    if own.get(py).is_none() && name.as_any().eq(upstream_module(py)).unwrap_or(false) {
        own.get_or_init(py, || module.clone().unbind());
    }
    Some(module)
}
