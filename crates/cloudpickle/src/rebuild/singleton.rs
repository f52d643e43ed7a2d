//! Objects that are the only one of their kind. `...` and `NotImplemented` are here as cloudpickle 0.x and 1.x wrote them;
//! later versions write `type(...)`'s argument.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyEllipsis, PyNotImplemented, PyString, PyType};

use super::class::find_known;
use crate::by_value::class_tracker::tracker;

/// The object known under an id, or else one of this class, made without calling `__init__`.
///
/// Args:
///     cls: its class.
///     id: its id.
#[pyfunction]
pub(crate) fn make_singleton<'py>(cls: &Bound<'py, PyType>, id: Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    let py = cls.py();
    if let Some(known) = find_known(py, Some(&id))? {
        return Ok(known);
    }
    let object = cls.call_method1(intern!(py, "__new__"), (cls,))?;
    tracker(py).lookup_or_track(Some(&id), object)
}

/// Gives the object its attributes, unless it has some: one that was here before keeps its own.
#[pyfunction]
pub(crate) fn singleton_setstate<'py>(obj: &Bound<'py, PyAny>, state: &Bound<'py, PyDict>) -> PyResult<()> {
    let attributes = obj.getattr(intern!(obj.py(), "__dict__"))?.cast_into::<PyDict>()?;
    if attributes.is_empty() { attributes.update(state.as_mapping()) } else { Ok(()) }
}

/// `...`
#[pyfunction]
#[pyo3(name = "_gen_ellipsis")]
pub(crate) fn gen_ellipsis(py: Python<'_>) -> Borrowed<'_, '_, PyEllipsis> {
    PyEllipsis::get(py)
}

/// `NotImplemented`
#[pyfunction]
#[pyo3(name = "_gen_not_implemented")]
pub(crate) fn gen_not_implemented(py: Python<'_>) -> Borrowed<'_, '_, PyNotImplemented> {
    PyNotImplemented::get(py)
}
