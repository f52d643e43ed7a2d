//! Attributes that compute.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use crate::runtime::Runtime;

/// A property of a subclass of `property`, whose own `__init__` may take other arguments and is not called.
///
/// Args:
///     cls: the subclass.
///     fget, fset, fdel, doc: the arguments of `property`.
#[pyfunction]
pub(crate) fn make_property<'py>(
    cls: &Bound<'py, PyType>,
    fget: &Bound<'py, PyAny>,
    fset: &Bound<'py, PyAny>,
    fdel: &Bound<'py, PyAny>,
    doc: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = cls.py();
    let property_type = Runtime::get(py).property_type.bind(py);
    let property = property_type.call_method1(intern!(py, "__new__"), (cls,))?;
    let arguments = PyTuple::new(py, [&property, fget, fset, fdel, doc])?;
    property_type.getattr(intern!(py, "__init__"))?.call1(arguments)?;
    Ok(property)
}
