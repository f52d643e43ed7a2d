//! Classes: made empty first, so that a class can refer to itself, and given their attributes once they are memoized.

use std::collections::HashSet;

use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCFunction, PyDict, PyMappingProxy, PyString, PyTuple, PyType};
use python_objects::building::modules;
use python_objects::dict;

use super::{enumeration, in_progress};
use crate::by_value::class_tracker::{Arrival, tracker};
use crate::by_value::definition::{self, Definition};
use crate::by_value::spawned;
use crate::reduce::{interned, making};
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
    for (key, value) in dict::items(type_kwargs)? {
        attributes.set_item(interned(&key)?, value)?;
    }
    let class = new_class(type_constructor, name, bases, attributes)?;
    in_progress::begin(&class, name)?;
    tracker(py).lookup_or_track(class_tracker_id.as_ref(), class)
}

/// The class known under `id`, if any.
pub(super) fn find_known<'py>(
    py: Python<'py>,
    id: Option<&Bound<'py, PyString>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(id) = id else { return Ok(None) };
    let id = id.to_str()?;
    if let Some(known) = tracker(py).find(py, id) {
        return Ok(Some(known));
    }
    let own = spawned::own_class(py, id)?;
    if let Some(class) = &own {
        tracker(py).adopt(id, class)?;
    }
    Ok(own)
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
    let runtime = Runtime::get(py);
    // Classes of type `type` only: there is nothing to resolve and nothing to prepare.
    let plain_bases = bases
        .cast_exact::<PyTuple>()
        .ok()
        .filter(|bases| metaclass.is(&type_type) && bases.iter_borrowed().all(|base| base.get_type().is(&type_type)));
    let resolved = match plain_bases {
        Some(bases) => bases.clone(),
        None => runtime.resolve_bases.bind(py).call1((bases,))?.cast_into::<PyTuple>()?,
    };
    let of_bases = making::bases_need_keywords(&resolved)?;
    if of_bases || making::metaclass_needs_keywords(metaclass)? {
        if !resolved.is(bases) {
            attributes.set_item(intern!(py, "__orig_bases__"), bases)?;
        }
        return class_without_hooks(metaclass.cast()?, name, &resolved, attributes, of_bases);
    }
    if plain_bases.is_some() {
        return type_type.call1((name, bases, attributes));
    }
    // A class statement without bases has `object` for a base when it is done, and none before.
    let only_object = resolved.len() == 1 && resolved.get_item(0)?.is(py.get_type::<PyAny>());
    let resolved = if only_object { PyTuple::empty(py) } else { resolved };
    let keywords = PyDict::new(py);
    keywords.set_item(intern!(py, "metaclass"), metaclass)?;
    let (metaclass, namespace, keywords): (Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyDict>) =
        runtime.prepare_class.bind(py).call1((name, &resolved, keywords))?.extract()?;
    namespace.call_method1(intern!(py, "update"), (attributes,))?;
    if !only_object && !resolved.is(bases) {
        namespace.set_item(intern!(py, "__orig_bases__"), bases)?;
    }
    metaclass.call((name, resolved, namespace), Some(&keywords))
}

/// Makes a class without a call of its metaclass's own methods, which need keywords that nobody recorded. If those of
/// `__init_subclass__` are missing too, that is not called either: for as long as the class is being made, it has a first
/// base whose `__init_subclass__` does nothing.
fn class_without_hooks<'py>(
    metaclass: &Bound<'py, PyType>,
    name: &Bound<'py, PyAny>,
    bases: &Bound<'py, PyTuple>,
    attributes: Bound<'py, PyDict>,
    of_bases: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = name.py();
    let make = making::undemanding_metaclass(metaclass)?.getattr(intern!(py, "__new__"))?;
    if !of_bases {
        return make.call1((metaclass, name, bases, attributes));
    }
    let first = silent_base(bases)?;
    let with_first = PyTuple::new(py, [first])?.as_sequence().concat(bases.as_sequence())?.to_tuple()?;
    let class = make.call1((metaclass, name, with_first, attributes))?;
    let type_type = py.get_type::<PyType>();
    type_type.call_method1(intern!(py, "__setattr__"), (&class, intern!(py, "__bases__"), bases))?;
    Ok(class)
}

/// A class whose `__init_subclass__` does nothing, and whose instances are laid out like those of the first of `bases`,
/// which is to take its place.
fn silent_base<'py>(bases: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    let py = bases.py();
    let mut like = bases.get_item(0)?;
    let mut below = like.getattr(intern!(py, "__base__"))?;
    while !below.is_none() && layout_of(&like)? == layout_of(&below)? {
        like = below;
        below = like.getattr(intern!(py, "__base__"))?;
    }
    // Where items follow the instance, as in a tuple, no other class has the same layout; the base counts then, and not
    // the silent one.
    if !like.getattr(intern!(py, "__itemsize__"))?.eq(0)? {
        like = py.get_type::<PyAny>().into_any();
        below = py.None().into_bound(py);
    }
    let namespace = PyDict::new(py);
    let nothing = PyCFunction::new_closure(py, None, None, |_, _| ())?;
    let silent = Runtime::get(py).staticmethod_type.bind(py).call1((nothing,))?;
    namespace.set_item(intern!(py, "__init_subclass__"), silent)?;
    let adds = |offset: &Bound<'py, PyString>| -> PyResult<bool> {
        Ok(!below.is_none() && !like.getattr(offset)?.eq(below.getattr(offset)?)?)
    };
    // Without `__slots__` a class adds both where it can.
    let weakref = intern!(py, "__weakrefoffset__");
    let slots = match (adds(intern!(py, "__dictoffset__"))?, adds(weakref)?) {
        (true, false) if !below.getattr(weakref)?.eq(0)? => None,
        (true, true) => None,
        (true, false) => Some(PyTuple::new(py, ["__dict__"])?),
        (false, true) => Some(PyTuple::new(py, ["__weakref__"])?),
        (false, false) => Some(PyTuple::empty(py)),
    };
    if let Some(slots) = slots {
        namespace.set_item(intern!(py, "__slots__"), slots)?;
    }
    // `Generic` would ask for parameters.
    namespace.set_item(intern!(py, "__orig_bases__"), PyTuple::empty(py))?;
    let below = if below.is_none() { like } else { below };
    let name = PyString::new(py, "silent").into_any();
    let metaclass = below.get_type();
    let bases = PyTuple::new(py, [below])?;
    let of_bases = making::bases_need_keywords(&bases)?;
    class_without_hooks(&metaclass, &name, &bases, namespace, of_bases)
}

/// Whether the garbage collector looks at the instances (CPython's Include/object.h, `Py_TPFLAGS_HAVE_GC`).
const HAVE_GC: i64 = 1 << 14;

/// What Python compares of two classes to tell whether one may take the other's place.
fn layout_of(class: &Bound<'_, PyAny>) -> PyResult<[i64; 5]> {
    let py = class.py();
    let number = |name: &Bound<'_, PyString>| class.getattr(name)?.extract::<i64>();
    Ok([
        number(intern!(py, "__basicsize__"))?,
        number(intern!(py, "__itemsize__"))?,
        number(intern!(py, "__dictoffset__"))?,
        number(intern!(py, "__weakrefoffset__"))?,
        number(intern!(py, "__flags__"))? & HAVE_GC,
    ])
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
    in_progress::end(&obj);
    let (attributes, more) = super::state_pair(state)?;
    let fingerprints = more.get_item(intern!(obj.py(), "definition"))?;
    let definition = fingerprints
        .and_then(|fingerprints| definition::from_bytes(&attributes, fingerprints.cast::<PyBytes>().ok()?.as_bytes()));
    match tracker(obj.py()).arrival(&obj, definition.as_ref()) {
        Arrival::Home => return Ok(obj),
        Arrival::Unknown => {
            set_attributes(&obj, &attributes)?;
            enumeration::set_members_state(&obj, &more)?;
        }
        Arrival::Known { edited, gone } => {
            edit(&obj, &attributes, &edited, &gone, definition.as_ref())?;
        }
    }
    if let Some(definition) = definition {
        tracker(obj.py()).note_applied(&obj, definition);
    }
    Ok(obj)
}

/// Brings a class up to date: sets the attributes that were edited, and deletes those that are gone.
///
/// A method that is still what it was when it arrived is replaced by the one that arrived, which is the same: so methods
/// go on to share globals and constants with the classes and functions they came with, and the class is written as it is
/// where it comes from. So is an instance without contents, which methods compare by identity with what they came with.
fn edit<'py>(
    class: &Bound<'py, PyAny>,
    attributes: &Bound<'py, PyDict>,
    edited: &HashSet<u64>,
    gone: &HashSet<u64>,
    arrived: Option<&Definition>,
) -> PyResult<()> {
    let py = class.py();
    let namespace = class.getattr(intern!(py, "__dict__"))?.cast_into::<PyMappingProxy>()?;
    if !gone.is_empty() {
        for name in namespace.keys()? {
            if gone.contains(&definition::name_number(&name)) {
                class.delattr(name.cast_into::<PyString>()?)?;
            }
        }
    }
    let to_set = PyDict::new(py);
    for (name, value) in dict::items(attributes)? {
        let number = definition::name_number(&name);
        let replaced = || -> PyResult<bool> {
            if !(making::is_method(&value)? || definition::is_without_contents(&value)?)
                || !namespace.contains(&name)?
            {
                return Ok(false);
            }
            let present = definition::fingerprint(&namespace.get_item(&name)?)?;
            Ok(present.is_some() && arrived.and_then(|arrived| arrived.get(&number)) == present.as_ref())
        };
        if edited.contains(&number) || replaced()? {
            to_set.set_item(&name, &value)?;
        }
    }
    set_attributes(class, &to_set)
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
    // What it was made from it has already. The rest is set as it was, not as the metaclass would have it.
    let namespace = class.getattr(intern!(py, "__dict__"))?;
    let is_there = |name: &Bound<'py, PyString>, value: &Bound<'py, PyAny>| {
        Ok::<_, PyErr>(namespace.contains(name)? && namespace.get_item(name)?.is(value))
    };
    let type_type = py.get_type::<PyType>();
    let is_plain = class.get_type().is(&type_type);
    let set = |name: &Bound<'py, PyString>, value: &Bound<'py, PyAny>| {
        if is_plain {
            return class.setattr(name, value);
        }
        type_type.call_method1(intern!(py, "__setattr__"), (class, name, value)).map(|_| ())
    };
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
            if !is_there(&name, &value)? {
                set(&name, &value)?;
            }
        }
    }
    if let Some((name, line)) = first_line {
        set(&name, &line)?;
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
    let types = Runtime::get(py).types.bind(py);
    if let Some(found) = modules::member(types, name) {
        return Ok(found);
    }
    match types.getattr(name) {
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
