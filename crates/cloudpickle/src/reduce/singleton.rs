//! Objects whose `__reduce__` is a name: one of its kind, found in its module. Where nobody can import that module, the
//! object itself has to travel, and stay one of its kind.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyString, PyTypeMethods};
use python_objects::identity;

use super::reduction::Reduction;
use crate::by_value::class_tracker::tracker;
use crate::by_value::lookup;
use crate::rebuild::Wire;
use crate::runtime::Runtime;

/// The type flag of classes that were made at run time.
const HEAP_TYPE: u64 = 1 << 9;

/// Whether the attributes in its `__dict__` are all that the object consists of: no slot has a value, and no base in C has
/// contents of its own, as `str` has, nor does its class need arguments to make it.
fn is_made_of_attributes(obj: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = obj.py();
    let object_type = py.get_type::<PyAny>();
    for class in obj.get_type().mro() {
        let new =
            class.getattr(intern!(py, "__dict__"))?.call_method1(intern!(py, "get"), (intern!(py, "__new__"),))?;
        let flags: u64 = class.getattr(intern!(py, "__flags__"))?.extract()?;
        if !class.is(&object_type) && (flags & HEAP_TYPE == 0 || new.is_instance_of::<PyCFunction>()) {
            return Ok(false);
        }
    }
    let new = obj.get_type().getattr(intern!(py, "__new__"))?;
    if identity::of(&new) != identity::of(&object_type.getattr(intern!(py, "__new__"))?) {
        let signature = py.import(intern!(py, "inspect"))?.getattr(intern!(py, "signature"))?;
        if signature.call1((new,))?.call_method1(intern!(py, "bind"), (obj.get_type(),)).is_err() {
            return Ok(false);
        }
    }
    for slot in Runtime::get(py).slot_names.bind(py).call1((obj.get_type(),))?.try_iter()? {
        if obj.hasattr(slot?.cast_into::<PyString>()?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `make_singleton(class, id)`, then `singleton_setstate(object, attributes)`, for an object that is in `__main__`, or in
/// a module that travels by value, under `name`; None for any other, and where part of the object would be lost.
pub(crate) fn singleton_reduction<'py>(
    obj: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Reduction<'py>>> {
    let py = obj.py();
    // One that arrived here is in no module.
    if !lookup::stands_in_module_by_value(obj, name)? && !tracker(py).knows(obj) {
        return Ok(None);
    }
    if !is_made_of_attributes(obj)? {
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
