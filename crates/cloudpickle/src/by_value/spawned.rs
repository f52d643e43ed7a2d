//! Classes of a script that runs a second time in the children that `multiprocessing` spawns, as `__mp_main__`.
//!
//! They travel by value, since no other process has a module of that name. The process that spawned the child runs the same
//! script, though, and expects its own classes back. So their ids are not random: they name the script and the class, and
//! the process whose script it is finds the class by them.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::lookup;

/// What such an id begins with. The path of the script and the qualified name follow, one a line.
const PREFIX: &str = "__mp_main__\n";

/// The id of a class of the spawned script; None for any other, and for one that is not found under its name there.
pub(super) fn id_of<'py>(class: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyString>>> {
    let py = class.py();
    let module_name = class.getattr_opt(intern!(py, "__module__"))?;
    if !module_name.is_some_and(|name| name.cast::<PyString>().is_ok_and(|name| name == "__mp_main__")) {
        return Ok(None);
    }
    let Some(name) = class.getattr_opt(intern!(py, "__qualname__"))?.and_then(|name| name.cast_into::<PyString>().ok())
    else {
        return Ok(None);
    };
    if !lookup::stands_in_module_by_value(class, &name)? {
        return Ok(None);
    }
    let Some(path) = path_of_script(py)? else { return Ok(None) };
    Ok(Some(PyString::new(py, &format!("{PREFIX}{path}\n{}", name.to_string_lossy()))))
}

/// The class of this process's script that an id names, if it is the id of one and this is the script.
pub(crate) fn own_class<'py>(py: Python<'py>, id: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some((path, name)) = id.strip_prefix(PREFIX).and_then(|rest| rest.split_once('\n')) else { return Ok(None) };
    if path_of_script(py)?.is_none_or(|own| own != path) {
        return Ok(None);
    }
    let Some(script) = lookup::imported(intern!(py, "__main__"))? else { return Ok(None) };
    let parts = lookup::name_parts(&PyString::new(py, name))?;
    Ok(lookup::follow(&script, &parts)?.map(|found| found.object))
}

/// The absolute path of the script that this process runs.
fn path_of_script(py: Python<'_>) -> PyResult<Option<String>> {
    let Some(script) = lookup::imported(intern!(py, "__main__"))? else { return Ok(None) };
    let Some(file) = script.getattr_opt(intern!(py, "__file__"))? else { return Ok(None) };
    let path = py.import(intern!(py, "os.path"))?.call_method1(intern!(py, "abspath"), (file,))?;
    Ok(path.extract().ok())
}
