//! Enumerations: classes whose members exist as soon as the class does.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyList, PyString, PyTuple, PyType};
use python_objects::dict;

use super::class::find_known;
use super::in_progress;
use crate::by_value::class_tracker::tracker;

/// The enumeration known under an id; if it is not known yet, one with these members and no other attributes.
///
/// Args:
///     bases: its bases, a tuple; the last one is the enumeration it extends.
///     name: its name.
///     qualname: its qualified name.
///     members: the values of its members by name, in order.
///     module: the name of its module.
///     class_tracker_id: its id, or None for a class that is not to be recognized.
///     extra: how the class and its members are made, a dict; None in pickles of upstream, which do not say it.
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
    extra: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = name.py();
    if let Some(known) = find_known(py, class_tracker_id.as_ref())? {
        return Ok(known);
    }
    let recipe = extra.cast::<PyDict>().ok();
    let told = |what| recipe.map_or(Ok(None), |recipe| recipe.get_item(what));
    let metaclass = match told(intern!(py, "metaclass"))? {
        Some(metaclass) => metaclass,
        None => bases.get_item(-1)?.getattr(intern!(py, "__class__"))?,
    };
    let namespace = metaclass.call_method1(intern!(py, "__prepare__"), (name, bases))?;
    let arguments = told(intern!(py, "members"))?.map(Bound::cast_into::<PyDict>).transpose()?;
    // The namespace that enum prepares tells members from attributes as they are set, in their order.
    for (member, value) in dict::items(members)? {
        if recipe.is_some() {
            let arguments = arguments.as_ref().map_or(Ok(None), |arguments| arguments.get_item(&member))?;
            namespace
                .set_item(member, MemberToMake { value: value.unbind(), arguments: arguments.map(Bound::unbind) })?;
        } else {
            namespace.set_item(member, value)?;
        }
    }
    let stand_ins = if recipe.is_some() { stand_in_for_methods(bases, &namespace)? } else { Vec::new() };
    let keywords = PyDict::new(py);
    if let Some(boundary) = told(intern!(py, "boundary"))? {
        keywords.set_item(intern!(py, "boundary"), boundary)?;
    }
    // Not a call of the metaclass: `Enum(...)` is the functional API.
    let class =
        metaclass.getattr(intern!(py, "__new__"))?.call((&metaclass, name, bases, namespace), Some(&keywords))?;
    remove_stand_ins(&class, &stand_ins)?;
    class.setattr(intern!(py, "__module__"), module)?;
    // Versions up to 1.2 wrote None under Python 2.
    if !qualname.is_none() {
        class.setattr(intern!(py, "__qualname__"), qualname)?;
    }
    in_progress::begin(&class, name)?;
    tracker(py).lookup_or_track(class_tracker_id.as_ref(), class)
}

/// Stands for a member in the namespace from which an enumeration is made. `enum` passes it to `__new__` and
/// `__init__`, takes it for no descriptor, and needs no value from it that it could mistake for something else.
#[pyclass(frozen, module = "cloudpickle._native")]
struct MemberToMake {
    value: Py<PyAny>,
    /// Arguments, keywords, and whether they are for the own `__new__` of the type that is mixed in.
    arguments: Option<Py<PyAny>>,
}

/// Puts methods into the namespace by which `enum` makes members that are what they were, and not what the code of the
/// enumeration or of its bases would make of their values. Returns the names.
fn stand_in_for_methods<'py>(
    bases: &Bound<'py, PyAny>,
    namespace: &Bound<'py, PyAny>,
) -> PyResult<Vec<&'py Bound<'py, PyString>>> {
    let py = bases.py();
    let (new, init, reduce_ex) = (intern!(py, "__new__"), intern!(py, "__init__"), intern!(py, "__reduce_ex__"));
    namespace
        .set_item(new, PyCFunction::new_closure(py, None, None, |args, _| make_member(args).map(Bound::unbind))?)?;
    namespace.set_item(init, PyCFunction::new_closure(py, None, None, |_, _| ())?)?;
    // Python 3.10 and before take a class with a `__new__` for one whose members cannot be pickled, and mark it so.
    namespace.set_item(reduce_ex, bases.get_item(-1)?.getattr(reduce_ex)?)?;
    Ok(vec![init, reduce_ex])
}

/// Takes from the class what was put into its namespace, and what `enum` made of it. What the class has there travels as
/// state.
fn remove_stand_ins<'py>(class: &Bound<'py, PyAny>, stand_ins: &[&Bound<'py, PyString>]) -> PyResult<()> {
    let py = class.py();
    if stand_ins.is_empty() {
        return Ok(());
    }
    let kept_by_enum = [intern!(py, "__new_member__"), intern!(py, "_new_member_"), intern!(py, "_use_args_")];
    let namespace = class.getattr(intern!(py, "__dict__"))?;
    for name in stand_ins.iter().copied().chain(kept_by_enum) {
        if namespace.contains(name)? {
            class.delattr(name)?;
        }
    }
    Ok(())
}

/// `__new__` of an enumeration that is being loaded: the arguments are the class and a [`MemberToMake`].
fn make_member<'py>(args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    let py = args.py();
    let class = args.get_item(0)?;
    let mut to_make = args.get_item(1)?;
    // A tuple type is called with the tuple of the arguments.
    if let Ok(wrapped) = to_make.cast::<PyTuple>() {
        to_make = wrapped.get_item(0)?;
    }
    let to_make = to_make.cast::<MemberToMake>()?.get();
    let value = to_make.value.bind(py);
    let mixed_in = class.getattr(intern!(py, "_member_type_"))?.cast_into::<PyType>()?;
    let object = py.get_type::<PyAny>();
    let (arguments, keywords, by_own_new) = match &to_make.arguments {
        Some(arguments) => arguments.extract::<(Bound<'_, PyTuple>, Bound<'_, PyDict>, bool)>(py)?,
        None if mixed_in.is(&object) => (PyTuple::empty(py), PyDict::new(py), false),
        None => (PyTuple::new(py, [value])?, PyDict::new(py), false),
    };
    let new = if by_own_new { mixed_in.getattr(intern!(py, "__new__"))? } else { builtin_new(&mixed_in)? };
    let all = PyTuple::new(py, [class])?.as_sequence().concat(arguments.as_sequence())?.to_tuple()?;
    let member = new.call(all, Some(&keywords))?;
    // A mixed-in dataclass may be frozen.
    member.getattr(intern!(py, "__dict__"))?.set_item(intern!(py, "_value_"), value)?;
    Ok(member)
}

/// The `__new__` of the nearest type that is not made in Python.
fn builtin_new<'py>(mixed_in: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    let py = mixed_in.py();
    let new = intern!(py, "__new__");
    for class in mixed_in.mro() {
        let namespace = class.getattr(intern!(py, "__dict__"))?;
        if namespace.contains(new)? {
            let found = namespace.get_item(new)?;
            if found.is_instance_of::<PyCFunction>() {
                return Ok(found);
            }
        }
    }
    py.get_type::<PyAny>().getattr(new)
}

/// Gives the members of an enumeration what they have besides names and values: see `members_state` in
/// `reduce/enumeration.rs`.
pub(super) fn set_members_state<'py>(class: &Bound<'py, PyAny>, state: &Bound<'py, PyDict>) -> PyResult<()> {
    let py = class.py();
    let member = |name: &Bound<'py, PyAny>| class.getattr(intern!(py, "_member_map_"))?.get_item(name);
    if let Some(members) = state.get_item(intern!(py, "members"))? {
        let object = py.get_type::<PyAny>();
        for (name, attributes) in members.cast_into::<PyDict>()? {
            let (attributes, slots): (Bound<'_, PyDict>, Bound<'_, PyDict>) = attributes.extract()?;
            let member = member(&name)?;
            super::update(&member.getattr(intern!(py, "__dict__"))?, &attributes)?;
            for (name, value) in slots {
                object.call_method1(intern!(py, "__setattr__"), (&member, name, value))?;
            }
        }
    }
    if let Some(values) = state.get_item(intern!(py, "values"))? {
        let by_value = class.getattr(intern!(py, "_value2member_map_"))?;
        for pair in values.cast_into::<PyList>()? {
            let (value, name): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
            by_value.call_method1(intern!(py, "setdefault"), (value, member(&name)?))?;
        }
    }
    Ok(())
}
