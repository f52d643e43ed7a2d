//! Enumerations: classes whose members their metaclass makes.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use super::class::{class_state, namespace};
use super::interned;
use super::reduction::Reduction;
use crate::by_value::{class_tracker, lookup};
use crate::rebuild::Wire;

/// `_make_skeleton_enum(bases, name, qualname, members, module, id, extra)`, then `_class_setstate`.
///
/// The members travel as names and values, from which the metaclass makes them again; what it derives from them is left
/// out of the state.
pub(super) fn enum_reduction<'py>(class: &Bound<'py, PyType>) -> PyResult<Reduction<'py>> {
    let py = class.py();
    let members = PyDict::new(py);
    // With the aliases, which iteration leaves out: members with the value of another.
    for item in class.getattr(intern!(py, "__members__"))?.call_method0(intern!(py, "items"))?.try_iter()? {
        let (name, member): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item?.extract()?;
        members.set_item(name, member.getattr(intern!(py, "value"))?)?;
    }
    let args = (
        class.getattr(intern!(py, "__bases__"))?,
        interned(&class.getattr(intern!(py, "__name__"))?)?,
        class.getattr(intern!(py, "__qualname__"))?,
        &members,
        interned(&lookup::travelling_name(class.getattr(intern!(py, "__module__"))?))?,
        class_tracker::tracker(py).tracker_id(class)?,
        py.None(),
    );
    let state = class_state(class, &namespace(class)?)?;
    let derived = [
        intern!(py, "_generate_next_value_"),
        intern!(py, "_member_names_"),
        intern!(py, "_member_map_"),
        intern!(py, "_member_type_"),
        intern!(py, "_value2member_map_"),
    ];
    let names = members.keys();
    for name in derived.into_iter().map(|name| name.as_any().clone()).chain(names) {
        if state.contains(&name)? {
            state.del_item(&name)?;
        }
    }
    let wire = Wire::get(py);
    Ok(Reduction {
        callable: wire.make_skeleton_enum.bind(py).clone().into_any(),
        args: args.into_pyobject(py)?,
        state: Some((state, PyDict::new(py)).into_pyobject(py)?.into_any()),
        list_items: None,
        dict_items: None,
        state_setter: Some(wire.class_setstate.bind(py).clone().into_any()),
    })
}
