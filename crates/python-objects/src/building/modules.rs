//! The modules that are loaded.

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyString};

use super::{call, owned};
use crate::raised::Raised;

/// What `sys.modules` has under this name, if that is a plain module; nothing where it has to be imported.
#[must_use]
pub fn loaded<'py>(name: &Bound<'py, PyAny>) -> Option<Bound<'py, PyModule>> {
    // SAFETY: attached; the dict is borrowed from the interpreter, and a reference is taken before anything else runs.
    let modules = unsafe { Bound::from_borrowed_ptr_or_opt(name.py(), ffi::PyImport_GetModuleDict()) }?;
    let found = item(modules.cast_exact::<PyDict>().ok()?, name)?;
    // Not of a subclass, which may have something to say about its attributes.
    found.cast_into_exact::<PyModule>().ok()
}

/// What a plain module has under a plain name, or `None` where that is not all there is to ask. An attribute would be looked for
/// in the type of modules first, whose names all have two underscores, and by a name that was just read this takes long.
#[must_use]
pub fn member<'py>(module: &Bound<'py, PyModule>, name: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
    let is_plain = module.is_exact_instance_of::<PyModule>()
        && name.to_str().is_ok_and(|text| !text.starts_with("__") && !text.contains('.'));
    if is_plain { item(&module.dict(), name) } else { None }
}

/// Whether a thread is importing the module at this moment, or that cannot be said.
#[must_use]
pub fn is_being_imported(module: &Bound<'_, PyModule>) -> bool {
    let py = module.py();
    let Some(spec) = item(&module.dict(), intern!(py, "__spec__")).filter(|spec| !spec.is_none()) else { return false };
    match call::attribute(&spec, intern!(py, "_initializing")) {
        Ok(initializing) => initializing.is_some_and(|initializing| initializing.is_truthy().unwrap_or(true)),
        Err(raised) => {
            raised.forget(py);
            true
        }
    }
}

/// The module of this name, imported if need be: through `builtins.__import__`, as an `import` statement does.
///
/// # Errors
/// What the import raises.
pub fn import<'py>(name: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>, Raised> {
    // SAFETY: a live `str`; the result is a new reference, or null with an exception.
    unsafe { owned(name.py(), ffi::PyImport_Import(name.as_ptr())) }
}

/// `dict[key]`, or `None` where it is not there or looking for it fails.
#[must_use]
pub fn item<'py>(dict: &Bound<'py, PyDict>, key: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: a live dict and a live object. The result is borrowed, and a reference is taken before anything else runs; an
    // exception is taken away.
    unsafe {
        let found =
            Bound::from_borrowed_ptr_or_opt(key.py(), ffi::PyDict_GetItemWithError(dict.as_ptr(), key.as_ptr()));
        if found.is_none() {
            ffi::PyErr_Clear();
        }
        found
    }
}

/// Whether an import by the code that runs at this moment looks for `__import__` in `dict`: whether its globals have that
/// under `__builtins__`, or the module that it belongs to. A function keeps the builtins that it was made with; imports do not
/// ask it.
#[must_use]
pub fn are_builtins(dict: &Bound<'_, PyDict>) -> bool {
    let py = dict.py();
    // SAFETY: attached; a borrowed reference, or null where no Python code runs. It becomes owned before anything else runs.
    let globals = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyEval_GetGlobals()) };
    let Some(globals) = globals.and_then(|globals| globals.cast_into_exact::<PyDict>().ok()) else { return false };
    item(&globals, intern!(py, "__builtins__")).is_some_and(|builtins| {
        builtins.is(dict) || builtins.cast_exact::<PyModule>().is_ok_and(|module| module.dict().is(dict))
    })
}
