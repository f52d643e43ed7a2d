//! The submodules that code reaches through a package: `import a.b` binds only `a`, and `a.b` has to be imported on the
//! other side too.

use std::collections::VecDeque;
use std::sync::Mutex;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyFunction, PyList, PyModule, PyString, PyType};
use python_objects::{identity, set};

use crate::by_value::lookup;
use crate::runtime::Runtime;

/// A package, if `value` is one: a module without a package of its own has no submodules.
pub(crate) fn package<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyModule>>> {
    let Ok(module) = value.cast::<PyModule>() else { return Ok(None) };
    let package = module.dict().get_item(intern!(module.py(), "__package__"))?;
    Ok(package.is_some_and(|name| name.is_truthy().unwrap_or(false)).then(|| module.clone()))
}

/// The imported submodules of `packages` that code with these names may be using: those all of whose names below the
/// package occur in the code. Nothing where there are none.
///
/// Looked up name by name: walking `sys.modules`, which has thousands of entries, is what made this slow upstream.
pub(crate) fn imported_submodules<'py>(
    py: Python<'py>,
    names: &[Py<PyString>],
    packages: Vec<Bound<'py, PyModule>>,
) -> PyResult<Option<Bound<'py, PyList>>> {
    let dotted_names = &Runtime::get(py).state.dotted_names;
    let sys_modules = lookup::sys_modules(py)?;
    let mut found = None;
    // Packages whose submodules are searched, and below, submodules of theirs: in the order in which they are found.
    let mut pending = VecDeque::new();
    for package in packages {
        let Ok(name) = package.getattr(intern!(py, "__name__"))?.cast_into::<PyString>() else { continue };
        import_lazy_submodules(&name, names)?;
        pending.push_back((name, package.into_any()));
        while let Some((prefix, package)) = pending.pop_front() {
            let namespace = match Submodules::of(&package)? {
                Submodules::None => continue,
                Submodules::In(namespace) => Some(namespace),
                Submodules::Anywhere => None,
            };
            for attribute in names {
                let attribute = attribute.bind(py);
                // Importing a submodule makes it an attribute of its package: a name is put together for those only, and
                // not where the code finds a function or class in place of a submodule.
                if let Some(namespace) = &namespace
                    && namespace.get_item(attribute)?.is_none_or(|found| is_made_in_module(&found))
                {
                    continue;
                }
                let Some(name) = dotted_names.get(&prefix, attribute) else { continue };
                if let Some(submodule) = get(&sys_modules, &name)? {
                    found.get_or_insert_with(|| PyList::empty(py)).append(&submodule)?;
                    pending.push_back((name, submodule));
                }
            }
        }
    }
    Ok(found)
}

/// `package.attribute` as one string, for pairs that were asked for before: with its hash, by which it is looked up.
///
/// Nobody waits for the lock: while another thread has it, the string is made anew.
pub(crate) struct DottedNames(Mutex<Vec<Option<Dotted>>>);

struct Dotted {
    /// Kept alive, so that no other string has its address.
    package: Py<PyString>,
    attribute: Py<PyString>,
    name: Py<PyString>,
}

/// How many are remembered. Another one takes the place of the one with which it shares it.
const PLACES: usize = 256;

impl DottedNames {
    pub(crate) fn new() -> Self {
        Self(Mutex::new((0..PLACES).map(|_| None).collect()))
    }

    /// Nothing if there are lone surrogates, which are in no module's name.
    fn get<'py>(
        &self,
        package: &Bound<'py, PyString>,
        attribute: &Bound<'py, PyString>,
    ) -> Option<Bound<'py, PyString>> {
        let py = package.py();
        let place = ((identity::of(package) >> 4).wrapping_mul(31) ^ (identity::of(attribute) >> 4)) % PLACES;
        if let Ok(places) = self.0.try_lock()
            && let Some(known) = &places[place]
            && known.package.is(package)
            && known.attribute.is(attribute)
        {
            return Some(known.name.bind(py).clone());
        }
        let (Ok(first), Ok(last)) = (package.to_str(), attribute.to_str()) else { return None };
        let name = PyString::new(py, &format!("{first}.{last}"));
        // A string of a subclass may be changed.
        if package.is_exact_instance_of::<PyString>() && attribute.is_exact_instance_of::<PyString>() {
            let dotted = Dotted {
                package: package.clone().unbind(),
                attribute: attribute.clone().unbind(),
                name: name.clone().unbind(),
            };
            let replaced = match self.0.try_lock() {
                Ok(mut places) => places[place].replace(dotted),
                Err(_) => Some(dotted),
            };
            drop(replaced);
        }
        Some(name)
    }
}

/// Where code finds the submodules of a module.
enum Submodules<'py> {
    /// It has none that could be imported: it is no package. What it gives as an attribute comes with it.
    None,
    In(Bound<'py, PyDict>),
    /// It may compute attributes.
    Anywhere,
}

impl<'py> Submodules<'py> {
    fn of(module: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = module.py();
        let Ok(module) = module.cast_exact::<PyModule>() else { return Ok(Self::Anywhere) };
        let namespace = module.dict();
        if !namespace.contains(intern!(py, "__path__"))? {
            return Ok(Self::None);
        }
        let computes = namespace.contains(intern!(py, "__getattr__"))?;
        Ok(if computes { Self::Anywhere } else { Self::In(namespace) })
    }
}

/// Whether an attribute of a package is no module for sure.
fn is_made_in_module(attribute: &Bound<'_, PyAny>) -> bool {
    attribute.is_exact_instance_of::<PyFunction>()
        || attribute.is_exact_instance_of::<PyCFunction>()
        || attribute.is_exact_instance_of::<PyType>()
}

/// Imports the submodules of a package that are named in a lazy import (PEP 810, Python 3.15) and that the code may be
/// using. Until then they are in `sys.lazy_modules` only, under their full names.
fn import_lazy_submodules(package: &Bound<'_, PyString>, names: &[Py<PyString>]) -> PyResult<()> {
    let py = package.py();
    let runtime = Runtime::get(py);
    if runtime.state.lazy_import_type.is_none() {
        return Ok(());
    }
    let Some(lazy_modules) = runtime.sys.bind(py).getattr_opt(intern!(py, "lazy_modules"))? else { return Ok(()) };
    let package = package.to_str()?;
    for name in set::items_of(&lazy_modules)? {
        let name = name.cast_into::<PyString>()?;
        let Some(rest) = name.to_str()?.strip_prefix(package).and_then(|rest| rest.strip_prefix('.')) else { continue };
        if rest.split('.').all(|part| names.iter().any(|name| name.bind(py) == part)) {
            py.import(&name)?;
        }
    }
    Ok(())
}

/// The entry of `sys.modules`, which somebody may have replaced by another mapping.
fn get<'py>(sys_modules: &Bound<'py, PyAny>, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
    match sys_modules.cast::<PyDict>() {
        Ok(dict) => dict.get_item(name),
        Err(_) => Ok(sys_modules.get_item(name).ok()),
    }
}
