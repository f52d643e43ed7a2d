//! What decorators of `functools` and `contextlib` make of a function.
//!
//! All of these are called for by importable names, so that they load where only upstream is installed, though upstream
//! cannot send them.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};

use python_objects::dict;

use crate::by_value::{lookup, registry};
use crate::runtime::Runtime;

/// `_lru_cache_wrapper(function, maxsize, typed, _CacheInfo)`, then its attributes: the same cache, empty. By its
/// qualified name where it can be imported, as plain `pickle` writes it.
#[pyfunction]
#[pyo3(name = "_lru_cache_reduce")]
pub(crate) fn lru_cache_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    match lookup::importable(obj, None)? {
        Some((module, name)) if !registry::is_registered(&module)? => return Ok(name),
        _ => {}
    }
    let parameters = obj.call_method0(intern!(py, "cache_parameters"))?;
    let args = (
        cached_function(obj)?,
        parameters.get_item(intern!(py, "maxsize"))?,
        parameters.get_item(intern!(py, "typed"))?,
        &Runtime::get(py).cache_info_type,
    );
    // `update_wrapper` copies the namespace of a class that is cached, with the descriptors that come with every class.
    let attributes = PyDict::new(py);
    let descriptor_type = &Runtime::get(py).getset_descriptor_type;
    for (name, value) in dict::items(obj.getattr(intern!(py, "__dict__"))?.cast()?)? {
        if !value.get_type().is(descriptor_type) {
            attributes.set_item(name, value)?;
        }
    }
    Ok((obj.get_type(), args, attributes).into_pyobject(py)?.into_any())
}

/// The function whose results a cache keeps. `__wrapped__` is at first the same, and another one where a decorator applied
/// `functools.wraps` to the cache.
///
/// Only the garbage collector is told of it: after the results, and before the types of the cache's parts, of which the
/// type of `cache_info()` is the last.
fn cached_function<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    let held = Runtime::get(py).get_referents.bind(py).call1((obj,))?.cast_into::<PyList>()?;
    let is_link = |object: &Bound<'py, PyAny>| {
        object.cast::<PyType>().is_ok_and(|class| class.name().is_ok_and(|name| name == "_lru_list_elem"))
    };
    match held.iter().rev().filter(PyAnyMethods::is_callable).skip(1).find(|object| !is_link(object)) {
        Some(function) => Ok(function),
        None => obj.getattr(intern!(py, "__wrapped__")),
    }
}

/// `cached_property(function)`, then its attributes, without the lock that it has before Python 3.12.
#[pyfunction]
#[pyo3(name = "_cached_property_reduce")]
pub(crate) fn cached_property_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let attributes = obj.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?.copy()?;
    attributes.call_method1(intern!(py, "pop"), (intern!(py, "lock"), py.None()))?;
    (obj.get_type(), (obj.getattr(intern!(py, "func"))?,), attributes).into_pyobject(py)
}

/// `partialmethod(function)`, then its attributes as state.
///
/// Since Python 3.14 its own reduction leaves out the argument that it cannot be made without.
#[pyfunction]
#[pyo3(name = "_partialmethod_reduce")]
pub(crate) fn partialmethod_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let function = obj.getattr(intern!(py, "func"))?;
    (obj.get_type(), (function,), obj.getattr(intern!(py, "__dict__"))?).into_pyobject(py)
}

/// The context manager that a function decorated with `contextmanager` returned, made anew by the same call.
///
/// Raises:
///     `TypeError`: it was entered. Its generator is under way and belongs to this process.
#[pyfunction]
#[pyo3(name = "_context_manager_reduce")]
pub(crate) fn context_manager_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    // Python takes these attributes away on entering.
    let (Some(function), Some(args), Some(kwds)) = (
        obj.getattr_opt(intern!(py, "func"))?,
        obj.getattr_opt(intern!(py, "args"))?,
        obj.getattr_opt(intern!(py, "kwds"))?,
    ) else {
        return Err(PyTypeError::new_err(
            "cannot pickle a context manager that was entered: its generator is under way; \
             send the function that makes it, or one that was not entered",
        ));
    };
    (obj.get_type(), (function, args, kwds)).into_pyobject(py)
}
