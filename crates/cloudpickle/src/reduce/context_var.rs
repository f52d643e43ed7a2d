//! Context variables: one that arrives twice is one variable, and one that comes back is the original.

use pyo3::exceptions::PyLookupError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyTuple};

use crate::by_value::class_tracker::{Ids, wanted};
use crate::by_value::{lookup, registry};
use crate::rebuild::Wire;
use crate::runtime::Runtime;

/// `getattr(module, name)` where an importable module holds the variable; else `make_context_var(id, name)`, with its
/// default, if it has one, as a third argument. The value that it has in the present context stays here.
#[pyfunction]
#[pyo3(name = "_context_var_reduce")]
pub(crate) fn context_var_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let runtime = Runtime::get(py);
    if let Some((module, name)) = holder(obj)? {
        return (&runtime.getattr, (module, name)).into_pyobject(py);
    }
    let id = match wanted() {
        Ids::LeftOut => None,
        Ids::Random | Ids::OfContents => Some(runtime.state.context_vars.id(obj)?),
    };
    let name = obj.getattr(intern!(py, "name"))?;
    // Only a context in which nothing was set tells the default.
    let args = match runtime.context_type.bind(py).call0()?.call_method1(intern!(py, "run"), (obj.getattr("get")?,)) {
        Ok(default) => (id, name, default).into_pyobject(py)?,
        Err(error) if error.is_instance_of::<PyLookupError>(py) => (id, name).into_pyobject(py)?,
        Err(error) => return Err(error),
    };
    (&Wire::get(py).make_context_var, args).into_pyobject(py)
}

/// Whether `obj` is a context variable that travels with an id.
pub(crate) fn travels_by_value(obj: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(obj.get_type().is(&Runtime::get(obj.py()).context_var_type) && holder(obj)?.is_none())
}

/// The importable module that has `variable` among its globals, and its name there. A variable does not know its module,
/// and is seldom bound to the name that it was given.
fn holder<'py>(variable: &Bound<'py, PyAny>) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    let modules = lookup::sys_modules(variable.py())?.call_method0(intern!(variable.py(), "copy"))?;
    for module in modules.call_method0(intern!(variable.py(), "values"))?.try_iter()? {
        let module = module?;
        let Ok(namespace) = module.cast::<PyModule>().map(PyModuleMethods::dict) else { continue };
        let Some(name) = name_in(&namespace, variable)? else { continue };
        if lookup::by_reference(&module)? && !lookup::is_main(&module)? && !registry::is_registered(&module)? {
            return Ok(Some((module, name)));
        }
    }
    Ok(None)
}

fn name_in<'py>(namespace: &Bound<'py, PyDict>, value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    // A copy: other threads may import meanwhile.
    Ok(namespace.copy()?.iter().find(|(_, found)| found.is(value)).map(|(name, _)| name))
}
