//! The sentinels by which `dataclasses` tells ordinary fields, `ClassVar`s and `InitVar`s apart: it compares identities.

use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::runtime::Runtime;

/// The sentinel of this name in `dataclasses`.
///
/// Raises:
///     `KeyError`: there is none of that name.
#[pyfunction]
#[pyo3(name = "_get_dataclass_field_type_sentinel")]
pub(crate) fn get_dataclass_field_type_sentinel<'py>(name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    let py = name.py();
    if ["_FIELD", "_FIELD_CLASSVAR", "_FIELD_INITVAR"].into_iter().any(|known| name == known) {
        Runtime::get(py).dataclasses.bind(py).getattr(name)
    } else {
        Err(PyKeyError::new_err(name.clone().unbind()))
    }
}
