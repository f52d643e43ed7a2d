//! Reducers of types whose modules take long to import, and that a program may never use.
//!
//! Importing this package does not import them. As long as the program does not either, there is nothing of theirs to
//! reduce; once it has, their types go into the table, before the next lookup there.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};
use python_objects::instance;

use crate::by_value::lookup;
use crate::runtime::Runtime;

/// A module, and its types with the names of their reducers. Not every version of Python has them all.
struct Module {
    name: for<'py> fn(Python<'py>) -> &'py Bound<'py, PyString>,
    types: &'static [(&'static str, &'static str)],
    is_added: AtomicBool,
}

static MODULES: [Module; 2] = [
    Module {
        name: |py| intern!(py, "logging"),
        types: &[("Logger", "_logger_reduce"), ("RootLogger", "_root_logger_reduce")],
        is_added: AtomicBool::new(false),
    },
    Module {
        name: |py| intern!(py, "typing"),
        types: &[
            ("TypeVar", "_typevar_reduce"),
            ("ParamSpec", "_type_parameter_reduce"),
            ("TypeVarTuple", "_type_parameter_reduce"),
            ("ParamSpecArgs", "_type_parameter_part_reduce"),
            ("ParamSpecKwargs", "_type_parameter_part_reduce"),
            // A function before Python 3.10.
            ("NewType", "_new_type_reduce"),
            ("TypeAliasType", "_type_alias_reduce"),
        ],
        is_added: AtomicBool::new(false),
    },
];

/// The place of `typing` in [`MODULES`].
const TYPING: usize = 1;

/// Whether all are added.
static ARE_ADDED: AtomicBool = AtomicBool::new(false);

/// The extension, which has the reducers.
static REDUCERS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// `typing.TypeVar`
static TYPE_VAR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Adds the types that exist when the extension is imported.
pub(super) fn add_to(extension: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = extension.py();
    // A second import of the extension keeps the first one's objects.
    let _ = REDUCERS.set(py, extension.clone().unbind());
    // Since 3.12 syntax makes type variables and aliases where nobody imported `typing`.
    let builtin = py.import("_typing").ok().map(Bound::into_any);
    if let Some(builtin) = builtin {
        add_types(&builtin, &MODULES[TYPING])?;
    }
    add_types_of_imported(py)
}

/// Adds the types of modules that were imported meanwhile.
#[inline]
pub(crate) fn add_types_of_imported(py: Python<'_>) -> PyResult<()> {
    if ARE_ADDED.load(Ordering::Relaxed) { Ok(()) } else { look_for_modules(py) }
}

#[cold]
fn look_for_modules(py: Python<'_>) -> PyResult<()> {
    let mut are_added = true;
    for module in &MODULES {
        if module.is_added.load(Ordering::Relaxed) {
            continue;
        }
        are_added = false;
        if let Some(imported) = lookup::imported((module.name)(py))? {
            // Another thread may be importing it.
            let is_whole = match imported.getattr_opt(intern!(py, "__spec__"))? {
                Some(spec) => !spec
                    .getattr_opt(intern!(py, "_initializing"))?
                    .is_some_and(|busy| busy.is_truthy().unwrap_or(false)),
                None => true,
            };
            add_types(&imported, module)?;
            module.is_added.store(is_whole, Ordering::Relaxed);
        }
    }
    ARE_ADDED.store(are_added, Ordering::Relaxed);
    Ok(())
}

/// Adds the types that `found` has. What somebody else registered for them stays.
fn add_types(found: &Bound<'_, PyAny>, module: &Module) -> PyResult<()> {
    let py = found.py();
    let (Some(reducers), table) = (REDUCERS.get(py), Runtime::get(py).state.reducers.bind(py)) else { return Ok(()) };
    for (name, reducer) in module.types {
        if let Some(ty) = found.getattr_opt(*name)?
            && ty.is_instance_of::<PyType>()
            && !table.contains(&ty)?
        {
            table.set_item(ty, reducers.bind(py).getattr(*reducer)?)?;
        }
    }
    Ok(())
}

/// Whether `obj` is a type variable.
pub(crate) fn is_type_var(obj: &Bound<'_, PyAny>) -> bool {
    let py = obj.py();
    match TYPE_VAR.get(py) {
        Some(type_var) => obj.get_type().is(type_var),
        // As long as nobody imported `typing`, it is looked for each time: an exception and two imports.
        None if !instance::name_ends_with(&obj.get_type(), "TypeVar") => false,
        None => find_type_var(py).is_some_and(|type_var| obj.get_type().is(&type_var)),
    }
}

#[cold]
fn find_type_var(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    let name = intern!(py, "TypeVar");
    let builtin = py.import("_typing").ok().and_then(|builtin| builtin.getattr(name).ok());
    let found = builtin.or_else(|| lookup::imported(intern!(py, "typing")).ok()??.getattr(name).ok())?;
    let _ = TYPE_VAR.set(py, found.clone().unbind());
    Some(found)
}
