//! Globals: what a module has under a name.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyModule, PyString};
use python_objects::building::{call, modules};

use super::load::Stop;
use crate::runtime::Runtime;

/// What `module` has under `name`, after the audit hooks were told. The module is imported if it is not there.
///
/// # Errors
/// A doubt if it has nothing of that name: `pickle` says so in the words of the version. What an audit hook, the import or
/// the lookup raises.
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
            // What the type of modules has of its own has such names, with underscores.
            let plain = !text.starts_with("__") && !text.contains('.');
            if let Some(found) = modules::item(&module.dict(), name).filter(|_| plain) {
                return Ok(found);
            }
            module.into_any()
        }
        None => modules::import(module)?,
    };
    let mut found = module;
    for part in text.split('.') {
        found = call::attribute(&found, PyString::new(py, part).as_any())?.ok_or(Stop::Doubt)?;
    }
    Ok(found)
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
    // Another thread may be importing it at this moment.
    let spec = modules::item(&module.dict(), intern!(py, "__spec__")).filter(|spec| !spec.is_none());
    match spec.map(|spec| call::attribute(&spec, intern!(py, "_initializing"))) {
        None | Some(Ok(None)) => Some(module),
        Some(Ok(Some(initializing))) => Some(module).filter(|_| initializing.is(PyBool::new(py, false))),
        Some(Err(raised)) => {
            raised.forget(py);
            None
        }
    }
}
