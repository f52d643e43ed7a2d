//! Code objects: `types.CodeType` makes them, once it is sure that this Python can run them.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString, PyTuple};

use super::in_progress;
use crate::reduce::code::BytecodeVersion;
use crate::runtime::Runtime;

/// Set to 1, this lets code of other versions of Python in.
const ALLOW_VERSION_MISMATCH: &str = "CLOUDPICKLE_ALLOW_VERSION_MISMATCH";

/// Checks what stands in a pickle before its first code object, `(version, module, name)`; anything else is left alone.
///
/// Bytecode differs between minor versions. A constructor that takes another number of arguments refuses it; one that
/// takes as many makes a function of it that crashes the interpreter when it is called.
///
/// # Errors
/// `UnpicklingError` if the code is for another Python than the running one.
pub(super) fn check_version(told: &Bound<'_, PyAny>) -> PyResult<()> {
    let Ok(told) = told.cast_exact::<PyTuple>() else { return Ok(()) };
    let py = told.py();
    let runtime = Runtime::get(py);
    let here = runtime.state.bytecode_version;
    let Some(there) = version_in(told) else { return Ok(()) };
    in_progress::clear();
    if there == here || mismatch_is_allowed(py)? {
        return Ok(());
    }
    let (module, name) = (told.get_item(1)?, told.get_item(2)?);
    let name = if module.is_none() {
        format!("code object {name}")
    } else if module.is_empty()? {
        format!("function {name}")
    } else {
        format!("function {module}.{name}")
    };
    let message = format!(
        "{name} was pickled on {there} and cannot be loaded on {here}: the bytecode of functions differs between \
         minor versions of Python. Use the same version at both ends; {ALLOW_VERSION_MISMATCH}=1 loads it all the \
         same, and may crash the interpreter"
    );
    Err(PyErr::from_type(runtime.unpickling_error.bind(py).clone(), (message,)))
}

/// The version in what a pickle says of its code. No other cell holds such a tuple.
fn version_in(told: &Bound<'_, PyTuple>) -> Option<BytecodeVersion> {
    if told.len() != 3 {
        return None;
    }
    let number = told.get_borrowed_item(0).ok()?.cast_exact::<PyInt>().ok()?.extract().ok()?;
    let (module, name) = (told.get_borrowed_item(1).ok()?, told.get_borrowed_item(2).ok()?);
    let are_names = (module.is_none() || module.is_instance_of::<PyString>()) && name.is_instance_of::<PyString>();
    BytecodeVersion::from_number(number).filter(|_| are_names)
}

fn mismatch_is_allowed(py: Python<'_>) -> PyResult<bool> {
    let environ = py.import(intern!(py, "os"))?.getattr(intern!(py, "environ"))?;
    environ.call_method1(intern!(py, "get"), (ALLOW_VERSION_MISMATCH,))?.eq("1")
}
