//! Type variables.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::class::find_known;
use crate::by_value::class_tracker::tracker;
use crate::runtime;

/// The type variable known under an id, or else one that is made like this one.
///
/// Args:
///     name: its name.
///     bound: its upper bound, or None.
///     constraints: the types it is constrained to, a tuple.
///     covariant: whether it was declared covariant.
///     contravariant: whether it was declared contravariant.
///     class_tracker_id: its id, or None for one that is not to be recognized.
#[pyfunction]
#[pyo3(
    name = "_make_typevar",
    signature = (name, bound, constraints, covariant, contravariant, class_tracker_id)
)]
pub(crate) fn make_typevar<'py>(
    name: &Bound<'py, PyAny>,
    bound: &Bound<'py, PyAny>,
    constraints: &Bound<'py, PyAny>,
    covariant: &Bound<'py, PyAny>,
    contravariant: &Bound<'py, PyAny>,
    class_tracker_id: Option<Bound<'py, PyString>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = name.py();
    if let Some(known) = find_known(py, class_tracker_id.as_ref())? {
        return Ok(known);
    }
    let mut arguments = vec![name.clone()];
    for constraint in constraints.try_iter()? {
        arguments.push(constraint?);
    }
    let keywords = PyDict::new(py);
    keywords.set_item(intern!(py, "bound"), bound)?;
    keywords.set_item(intern!(py, "covariant"), covariant)?;
    keywords.set_item(intern!(py, "contravariant"), contravariant)?;
    let type_var = py.import(intern!(py, "typing"))?.getattr(intern!(py, "TypeVar"))?;
    let variable = type_var.call(PyTuple::new(py, arguments)?, Some(&keywords))?;
    // Otherwise it is said to come from whatever module happens to load the pickle.
    variable.setattr(intern!(py, "__module__"), runtime::upstream_module(py))?;
    tracker(py).lookup_or_track(class_tracker_id.as_ref(), variable)
}
