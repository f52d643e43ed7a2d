//! Types that C code defines and that cannot be imported under the name they give themselves.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::call::Call;
use super::reduction::{Reduction, type_name};
use crate::rebuild::Wire;
use crate::runtime::Runtime;

/// Type flags, as `type.__flags__` shows them: made at run time, and closed to changes (Python 3.10).
const HEAP_TYPE: u64 = 1 << 9;
const IMMUTABLE_TYPE: u64 = 1 << 8;

/// How a type that is nothing but C code is found again: under the name that `types` or `collections.abc` has for it, or
/// as the type of an object that travels. None for a class that Python code made.
///
/// # Errors
/// `PicklingError` if there is no such way: the type cannot be made anew from its attributes.
pub(super) fn builtin_type_reduction<'py>(class: &Bound<'py, PyType>) -> PyResult<Option<Reduction<'py>>> {
    let py = class.py();
    let runtime = Runtime::get(py);
    // A type that says it is in `builtins`, where nobody finds it, may be in `types`.
    if let Some(name) = runtime.builtin_type_name(class)? {
        let builtin_type = Wire::get(py).builtin_type.bind(py).clone().into_any();
        return Ok(Some(Reduction::call(builtin_type, (name,).into_pyobject(py)?)));
    }
    let flags: u64 = class.getattr(intern!(py, "__flags__"))?.extract()?;
    if flags & HEAP_TYPE != 0 && flags & IMMUTABLE_TYPE == 0 {
        return Ok(None);
    }
    // The first module says that it is `collections.abc`, which has not all of its names. The types of the second one say
    // before Python 3.10 that they are in `builtins`.
    for (module, module_name) in [(&runtime.collections_abc, "_collections_abc"), (&runtime.contextvars, "contextvars")]
    {
        for (name, found) in module.bind(py).dict() {
            if found.is(class) {
                let import = (&Wire::get(py).subimport, (module_name,)).into_pyobject(py)?;
                let arguments = (Call::new(import)?, name).into_pyobject(py)?;
                return Ok(Some(Reduction::call(runtime.getattr.bind(py).clone(), arguments)));
            }
        }
    }
    for instance in instances(py)? {
        if instance.get_type().is(class) {
            let type_type = runtime.type_type.bind(py).clone().into_any();
            return Ok(Some(Reduction::call(type_type, (instance,).into_pyobject(py)?)));
        }
    }
    let message = format!("cannot pickle the type '{}': it is built in, and no module has it", type_name(class));
    Err(runtime.pickling_error(py, message))
}

/// Objects that travel and keep their type, one for each type that has no name anywhere.
fn instances(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    let runtime = Runtime::get(py);
    let ordered = runtime.ordered_dict_type.bind(py).call0()?;
    let int = py.get_type::<pyo3::types::PyInt>();
    let iter = py.import("builtins")?.getattr("iter")?;
    Ok(vec![
        ordered.call_method0("keys")?,
        ordered.call_method0("values")?,
        ordered.call_method0("items")?,
        iter.call1((int, 1))?,
        iter.call1(("a",))?,
        iter.call1(("\u{e9}",))?,
    ])
}
