//! The sentinels by which `dataclasses` tells ordinary fields, `ClassVar`s and `InitVar`s apart: it compares identities.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::rebuild::Wire;
use crate::runtime::Runtime;

/// The sentinel's name, as a reference to it in `dataclasses`; `_get_dataclass_field_type_sentinel(name)` for one that
/// is not found there under its name.
///
/// Plain `pickle` would copy it, and the receiver's `dataclasses` would not recognize the copy.
#[pyfunction]
#[pyo3(name = "_dataclass_field_base_reduce")]
pub(crate) fn dataclass_field_base_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    let name = obj.getattr(intern!(py, "name"))?.cast_into::<PyString>()?;
    if Runtime::get(py).dataclasses.bind(py).getattr_opt(&name)?.is_some_and(|found| found.is(obj)) {
        // A string is a reduction too: `save_global` under this name.
        return Ok(name.into_any());
    }
    Ok((&Wire::get(py).get_dataclass_field_type_sentinel, (name,)).into_pyobject(py)?.into_any())
}
