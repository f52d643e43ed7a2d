//! Enumerations: classes whose members exist as soon as the class does.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use python_objects::dict;

use super::class::find_known;
use crate::by_value::class_tracker::tracker;

/// The enumeration known under an id; if it is not known yet, one with these members and no other attributes.
///
/// Args:
///     bases: its bases, a tuple; the last one is the enumeration it extends.
///     name: its name.
///     qualname: its qualified name.
///     members: the values of its members by name, in order, aliases excepted.
///     module: the name of its module.
///     class_tracker_id: its id, or None for a class that is not to be recognized.
///     extra: reserved for information that older versions may ignore.
#[pyfunction]
#[pyo3(
    name = "_make_skeleton_enum",
    signature = (bases, name, qualname, members, module, class_tracker_id, extra)
)]
pub(crate) fn make_skeleton_enum<'py>(
    bases: &Bound<'py, PyAny>,
    name: &Bound<'py, PyAny>,
    qualname: &Bound<'py, PyAny>,
    members: &Bound<'py, PyDict>,
    module: &Bound<'py, PyAny>,
    class_tracker_id: Option<Bound<'py, PyString>>,
    #[expect(unused_variables, reason = "the wire's argument")] extra: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = name.py();
    if let Some(known) = find_known(py, class_tracker_id.as_ref())? {
        return Ok(known);
    }
    let metaclass = bases.get_item(-1)?.getattr(intern!(py, "__class__"))?;
    let namespace = metaclass.call_method1(intern!(py, "__prepare__"), (name, bases))?;
    // The namespace that enum prepares tells members from attributes as they are set, in their order.
    let members: Vec<_> = dict::items(members)?.collect();
    for (member, value) in members {
        namespace.set_item(member, value)?;
    }
    // Not a call of the metaclass: `Enum(...)` is the functional API.
    let class = metaclass.call_method1(intern!(py, "__new__"), (&metaclass, name, bases, namespace))?;
    class.setattr(intern!(py, "__module__"), module)?;
    // Versions up to 1.2 wrote None under Python 2.
    if !qualname.is_none() {
        class.setattr(intern!(py, "__qualname__"), qualname)?;
    }
    tracker(py).lookup_or_track(class_tracker_id.as_ref(), class)
}
