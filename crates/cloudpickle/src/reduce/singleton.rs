//! Objects whose `__reduce__` is a name: one of its kind, found in its module. Where nobody can import that module, the
//! object itself has to travel, and stay one of its kind.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::reduction::Reduction;
use crate::by_value::class_tracker::tracker;
use crate::by_value::lookup;
use crate::rebuild::Wire;

/// `make_singleton(class, id)`, then `singleton_setstate(object, attributes)`, for an object that is in `__main__`, or in
/// a module that travels by value, under `name`; None for any other.
pub(crate) fn singleton_reduction<'py>(
    obj: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Reduction<'py>>> {
    let py = obj.py();
    // One that arrived here is in no module.
    if !lookup::stands_in_module_by_value(obj, name)? && !tracker(py).knows(obj) {
        return Ok(None);
    }
    // Without a weak reference there is no id to recognize it by.
    let Ok(id) = tracker(py).wanted_id(obj) else { return Ok(None) };
    let wire = Wire::get(py);
    let mut reduction =
        Reduction::call(wire.make_singleton.bind(py).clone().into_any(), (obj.get_type(), id).into_pyobject(py)?);
    let attributes = obj.getattr_opt(intern!(py, "__dict__"))?.and_then(|dict| dict.cast_into::<PyDict>().ok());
    if let Some(attributes) = attributes.filter(|attributes| !attributes.is_empty()) {
        reduction.state = Some(attributes.into_any());
        reduction.state_setter = Some(wire.singleton_setstate.bind(py).clone().into_any());
    }
    Ok(Some(reduction))
}
