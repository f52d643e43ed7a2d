//! `...` and `NotImplemented` as cloudpickle 0.x and 1.x wrote them. Later versions write `type(...)`'s argument.

use pyo3::prelude::*;
use pyo3::types::{PyEllipsis, PyNotImplemented};

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
