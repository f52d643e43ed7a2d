//! Bound methods, and the descriptors `classmethod` and `staticmethod` that classes hold.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};

use crate::by_value::lookup::by_reference;
use crate::runtime::Runtime;

/// `getattr(self, name)` where plain `pickle` would write a method so, else `MethodType(function, self)`.
///
/// The first form is for methods of importable classes. Looked up on a class that travels by value, the method might not
/// be there yet: a class's attributes arrive after the class.
#[pyfunction]
#[pyo3(name = "_method_reduce")]
pub(crate) fn method_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let runtime = Runtime::get(py);
    let function = obj.getattr(intern!(py, "__func__"))?;
    let receiver = obj.getattr(intern!(py, "__self__"))?;
    match importable_name(&function, &receiver)? {
        Some(name) => (&runtime.getattr, (receiver, name)).into_pyobject(py),
        None => (&runtime.method_type, (function, receiver)).into_pyobject(py),
    }
}

/// The name under which the importable class of `receiver` (or `receiver`, if it is a class) gives this very method.
fn importable_name<'py>(
    function: &Bound<'py, PyAny>,
    receiver: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyString>>> {
    let py = function.py();
    let class = match receiver.cast::<PyType>() {
        Ok(class) => class.clone(),
        Err(_) => receiver.get_type(),
    };
    if !by_reference(&class)? {
        return Ok(None);
    }
    let Some(name) = function.getattr_opt(intern!(py, "__name__"))? else { return Ok(None) };
    let Ok(name) = name.cast_into::<PyString>() else { return Ok(None) };
    // A receiver that does not answer, or answers with something else, is no reason to fail.
    let Ok(found) = receiver.getattr(&name) else { return Ok(None) };
    let same = found.get_type().is(&Runtime::get(py).method_type)
        && found.getattr(intern!(py, "__func__"))?.is(function)
        && found.getattr(intern!(py, "__self__"))?.is(receiver);
    Ok(same.then_some(name))
}

/// `type(function)` of a `classmethod` or `staticmethod`, or of the abstract forms of these in `abc`.
#[pyfunction]
#[pyo3(name = "_classmethod_reduce")]
pub(crate) fn classmethod_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    (obj.get_type(), (function_of(obj)?,)).into_pyobject(obj.py())
}

/// What a `classmethod` or `staticmethod` is made from.
pub(super) fn function_of<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    obj.getattr(intern!(obj.py(), "__func__"))
}
