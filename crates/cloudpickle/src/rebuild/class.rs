//! Classes: made empty first, so that a class can refer to itself, and given their attributes once they are memoized.

use std::collections::HashSet;

use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMappingProxy, PyString, PyTuple, PyType};
use python_objects::dict;

use super::enumeration;
use crate::by_value::class_tracker::{Arrival, tracker};
use crate::by_value::definition;
use crate::runtime::Runtime;

/// The class known under an id; if it is not known yet, a class with this name and these bases, without attributes.
///
/// The class is made as a `class` statement makes one: bases that are not classes (`Generic[T]`) are resolved through
/// `__mro_entries__`, the metaclass is the most derived one and prepares the namespace.
///
/// Args:
///     `type_constructor`: the metaclass.
///     name: its name.
///     bases: its bases as written in the `class` statement, a tuple.
///     `type_kwargs`: what its namespace holds from the start.
///     class_tracker_id: its id, or None for a class that is not to be recognized.
///     extra: reserved for information that older versions may ignore.
#[pyfunction]
#[pyo3(
    name = "_make_skeleton_class",
    signature = (type_constructor, name, bases, type_kwargs, class_tracker_id, extra)
)]
pub(crate) fn make_skeleton_class<'py>(
    type_constructor: &Bound<'py, PyAny>,
    name: &Bound<'py, PyAny>,
    bases: &Bound<'py, PyAny>,
    type_kwargs: &Bound<'py, PyDict>,
    class_tracker_id: Option<Bound<'py, PyString>>,
    #[expect(unused_variables, reason = "the wire's argument")] extra: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = name.py();
    if let Some(known) = find_known(py, class_tracker_id.as_ref())? {
        return Ok(known);
    }
    // As the compiler interns the names in a class body: their identity decides what a later dump memoizes.
    let attributes = PyDict::new(py);
    let intern = Runtime::get(py).sys_intern.bind(py);
    for (key, value) in dict::items(type_kwargs)? {
        attributes.set_item(intern.call1((key,))?, value)?;
    }
    let class = new_class(type_constructor, name, bases, attributes)?;
    tracker(py).lookup_or_track(class_tracker_id.as_ref(), class)
}

/// The class known under `id`, if any.
pub(super) fn find_known<'py>(
    py: Python<'py>,
    id: Option<&Bound<'py, PyString>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    match id {
        Some(id) => Ok(tracker(py).find(py, id.to_str()?)),
        None => Ok(None),
    }
}

/// What `types.new_class` does for a class body that consists of `attributes`.
fn new_class<'py>(
    metaclass: &Bound<'py, PyAny>,
    name: &Bound<'py, PyAny>,
    bases: &Bound<'py, PyAny>,
    attributes: Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = name.py();
    let type_type = py.get_type::<PyType>();
    // Classes of type `type` only: there is nothing to resolve and nothing to prepare.
    if metaclass.is(&type_type)
        && bases.cast_exact::<PyTuple>().is_ok_and(|bases| bases.iter().all(|base| base.get_type().is(&type_type)))
    {
        return type_type.call1((name, bases, attributes));
    }
    let runtime = Runtime::get(py);
    let resolved = runtime.resolve_bases.bind(py).call1((bases,))?;
    let keywords = PyDict::new(py);
    keywords.set_item(intern!(py, "metaclass"), metaclass)?;
    let (metaclass, namespace, keywords): (Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyDict>) =
        runtime.prepare_class.bind(py).call1((name, &resolved, keywords))?.extract()?;
    namespace.call_method1(intern!(py, "update"), (attributes,))?;
    if !resolved.is(bases) {
        namespace.set_item(intern!(py, "__orig_bases__"), bases)?;
    }
    metaclass.call((name, resolved, namespace), Some(&keywords))
}

/// Gives a class its attributes, and returns it.
///
/// The state is a pair: a dict of attributes, and a dict of what upstream does not read, which tells what was edited
/// since the class last arrived, and what the members of an enumeration have. In the first, `_abc_impl` is the list of
/// the classes that were registered with an abstract base class; each is registered again.
///
/// A class that this process has already keeps its attributes, except those that were edited where it comes from.
#[pyfunction]
#[pyo3(name = "_class_setstate")]
pub(crate) fn class_setstate<'py>(obj: Bound<'py, PyAny>, state: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let (attributes, more) = super::state_pair(state)?;
    let fingerprints = more.get_item(intern!(obj.py(), "definition"))?;
    let definition = fingerprints
        .and_then(|fingerprints| definition::from_bytes(&attributes, fingerprints.cast::<PyBytes>().ok()?.as_bytes()));
    match tracker(obj.py()).note_arrival(&obj, definition) {
        Arrival::Home => {}
        Arrival::Unknown => {
            set_attributes(&obj, &attributes)?;
            enumeration::set_members_state(&obj, &more)?;
        }
        Arrival::Known { edited, gone } => edit(&obj, &attributes, &edited, &gone)?,
    }
    Ok(obj)
}

/// Brings a class up to date: sets the attributes that were edited, and deletes those that are gone.
fn edit<'py>(
    class: &Bound<'py, PyAny>,
    attributes: &Bound<'py, PyDict>,
    edited: &HashSet<u64>,
    gone: &HashSet<u64>,
) -> PyResult<()> {
    let py = class.py();
    if !gone.is_empty() {
        let namespace = class.getattr(intern!(py, "__dict__"))?.cast_into::<PyMappingProxy>()?;
        for name in namespace.keys()? {
            if gone.contains(&definition::name_number(&name)) {
                class.delattr(name.cast_into::<PyString>()?)?;
            }
        }
    }
    if edited.is_empty() {
        return Ok(());
    }
    let changed = PyDict::new(py);
    for (name, value) in attributes {
        if edited.contains(&definition::name_number(&name)) {
            changed.set_item(name, value)?;
        }
    }
    set_attributes(class, &changed)
}

/// Gives a class its attributes, and returns it: the form in which cloudpickle 0.x and 1.x wrote classes.
#[pyfunction]
#[pyo3(name = "_rehydrate_skeleton_class")]
pub(crate) fn rehydrate_skeleton_class<'py>(
    skeleton_class: Bound<'py, PyAny>,
    class_dict: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    set_attributes(&skeleton_class, class_dict)?;
    Ok(skeleton_class)
}

fn set_attributes<'py>(class: &Bound<'py, PyAny>, attributes: &Bound<'py, PyDict>) -> PyResult<()> {
    let py = class.py();
    let mut first_line = None;
    let mut registered = None;
    // Of one moment: a metaclass's `__setattr__` may do anything.
    for (name, value) in dict::items(attributes)? {
        let name = name.cast_into::<PyString>()?;
        if name == "_abc_impl" {
            registered = Some(value);
        } else if name == "__firstlineno__" {
            // Last of all: Python 3.13 forgets the line number when `__module__` is set.
            first_line = Some((name, value));
        } else {
            if name == "__annotations__" {
                super::intern_keys(&value)?;
            }
            class.setattr(name, value)?;
        }
    }
    if let Some((name, line)) = first_line {
        class.setattr(name, line)?;
    }
    if let Some(registered) = registered.filter(|registered| !registered.is_none()) {
        for subclass in registered.try_iter()? {
            class.call_method1(intern!(py, "register"), (subclass?,))?;
        }
    }
    Ok(())
}

/// The type of this name in `types`, such as `CodeType`.
///
/// Raises:
///     `AttributeError`: there is none. `ClassType`, which versions before 1.3 wrote for `type`, is there.
#[pyfunction]
#[pyo3(name = "_builtin_type")]
pub(crate) fn builtin_type<'py>(name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    let py = name.py();
    match Runtime::get(py).types.bind(py).getattr(name) {
        Err(error) if name == "ClassType" && error.is_instance_of::<PyAttributeError>(py) => {
            Ok(py.get_type::<PyType>().into_any())
        }
        found => found,
    }
}

/// `cls()`: an instance of a class, made without arguments.
#[pyfunction]
pub(crate) fn instance<'py>(cls: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    cls.call0()
}
