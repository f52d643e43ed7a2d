//! The submodules that code reaches through a package: `import a.b` binds only `a`, and `a.b` has to be imported on the
//! other side too.

use std::collections::VecDeque;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyModule, PyString};
use python_objects::set;

use crate::by_value::lookup;
use crate::runtime::Runtime;

/// A package, if `value` is one: a module without a package of its own has no submodules.
pub(crate) fn package<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyModule>>> {
    let Ok(module) = value.cast::<PyModule>() else { return Ok(None) };
    let package = module.dict().get_item(intern!(module.py(), "__package__"))?;
    Ok(package.is_some_and(|name| name.is_truthy().unwrap_or(false)).then(|| module.clone()))
}

/// The imported submodules of `packages` that code with these names may be using: those all of whose names below the
/// package occur in the code.
///
/// Looked up name by name: walking `sys.modules`, which has thousands of entries, is what made this slow upstream.
pub(crate) fn imported_submodules<'py>(
    names: &Bound<'py, PyList>,
    packages: Vec<Bound<'py, PyModule>>,
) -> PyResult<Bound<'py, PyList>> {
    let py = names.py();
    let found = PyList::empty(py);
    let sys_modules = lookup::sys_modules(py)?;
    for package in packages {
        let Ok(name) = package.getattr(intern!(py, "__name__"))?.cast_into::<PyString>() else { continue };
        import_lazy_submodules(&name, names)?;
        let mut packages = VecDeque::from([(name.to_str()?.to_owned(), package.into_any())]);
        while let Some((prefix, package)) = packages.pop_front() {
            let namespace = namespace_to_search(&package)?;
            for attribute in names {
                // Importing a submodule makes it an attribute of its package: a name is put together for those only.
                if let Some(namespace) = &namespace
                    && !namespace.contains(&attribute)?
                {
                    continue;
                }
                // Lone surrogates are in no module's name.
                let attribute = attribute.cast_into::<PyString>()?;
                let Ok(attribute) = attribute.to_str() else { continue };
                let name = format!("{prefix}.{attribute}");
                if let Some(submodule) = get(&sys_modules, &name)? {
                    found.append(&submodule)?;
                    packages.push_back((name, submodule));
                }
            }
        }
    }
    Ok(found)
}

/// The namespace outside of which code can find no attribute of a package; nothing for one that may compute attributes.
fn namespace_to_search<'py>(package: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Ok(module) = package.cast_exact::<PyModule>() else { return Ok(None) };
    let namespace = module.dict();
    let computes = namespace.contains(intern!(package.py(), "__getattr__"))?;
    Ok((!computes).then_some(namespace))
}

/// Imports the submodules of a package that are named in a lazy import (PEP 810, Python 3.15) and that the code may be
/// using. Until then they are in `sys.lazy_modules` only, under their full names.
fn import_lazy_submodules<'py>(package: &Bound<'py, PyString>, names: &Bound<'py, PyList>) -> PyResult<()> {
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
        if rest.split('.').map(|part| names.contains(part)).collect::<PyResult<Vec<_>>>()?.into_iter().all(|yes| yes) {
            py.import(&name)?;
        }
    }
    Ok(())
}

/// The entry of `sys.modules`, which somebody may have replaced by another mapping.
fn get<'py>(sys_modules: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    match sys_modules.cast::<PyDict>() {
        Ok(dict) => dict.get_item(name),
        Err(_) => Ok(sys_modules.get_item(name).ok()),
    }
}
