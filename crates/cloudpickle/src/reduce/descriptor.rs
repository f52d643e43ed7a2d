//! Attributes that compute: properties, and the descriptors of attributes that C code implements.
//!
//! Member descriptors, which `__slots__` makes, are not here: they reduce themselves to `getattr(class, name)`.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::rebuild::Wire;
use crate::runtime::Runtime;

/// `property(fget, fset, fdel, doc)`, with `abc.abstractproperty` in its place for one of these.
#[pyfunction]
#[pyo3(name = "_property_reduce")]
pub(crate) fn property_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let runtime = Runtime::get(py);
    let is_abstract = obj.get_type().is(&runtime.abstract_property_type);
    let constructor = if is_abstract { &runtime.abstract_property_type } else { &runtime.property_type };
    (constructor, PyTuple::new(py, parts(obj)?)?).into_pyobject(py)
}

/// What a property is made from.
pub(super) fn parts<'py>(obj: &Bound<'py, PyAny>) -> PyResult<[Bound<'py, PyAny>; 4]> {
    let py = obj.py();
    Ok([
        obj.getattr(intern!(py, "fget"))?,
        obj.getattr(intern!(py, "fset"))?,
        obj.getattr(intern!(py, "fdel"))?,
        obj.getattr(intern!(py, "__doc__"))?,
    ])
}

/// [`property_reduce`] for a subclass of `property`: `make_property(class, fget, fset, fdel, doc)`, then its attributes.
pub(super) fn property_subclass_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let parts = property_reduce(obj)?.get_item(1)?.cast_into::<PyTuple>()?;
    let args = PyTuple::new(py, [obj.get_type()])?.as_sequence().concat(parts.as_sequence())?.to_tuple()?;
    let state = obj.getattr_opt(intern!(py, "__dict__"))?;
    (&Wire::get(py).make_property, args, state).into_pyobject(py)
}

/// `getattr(class, name)`; for the few where that computes a value instead, such as `type.__dict__["__dict__"]`,
/// `inspect.getattr_static(class, name)`.
#[pyfunction]
#[pyo3(name = "_getset_descriptor_reduce")]
pub(crate) fn getset_descriptor_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let runtime = Runtime::get(py);
    let class = obj.getattr(intern!(py, "__objclass__"))?;
    let name = obj.getattr(intern!(py, "__name__"))?.cast_into::<PyString>()?;
    let found = class.getattr_opt(&name)?.is_some_and(|found| found.is(obj));
    let getattr = if found { &runtime.getattr } else { &runtime.getattr_static };
    (getattr, (class, name)).into_pyobject(py)
}
