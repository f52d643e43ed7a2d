//! Enumerations: classes whose members their metaclass makes.

use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyFunction, PyInt, PyList, PyString, PyTuple, PyType};

use super::attribute_names::Named;
use super::class::{add_definition, class_state, namespace, slots_of};
use python_objects::class::is_derived;
use python_objects::compat::types::ENUM_TAKES_NATIVE_NEW;
use python_objects::dict;

use super::reduction::Reduction;
use super::{copy_of, interned};
use crate::by_value::{class_tracker, lookup};
use crate::pickler::Probe;
use crate::rebuild::Wire;
use crate::runtime::Runtime;

/// `_make_skeleton_enum(bases, name, qualname, members, module, id, extra)`, then `_class_setstate`.
///
/// The members travel as names and values, from which the metaclass makes them again; what it derives from them is left
/// out of the state. No code of the enumeration makes them: what its `__new__` and `__init__` left behind is written
/// down, for the loader here in `extra` ([`recipe`]) and in the second half of the state ([`members_state`]). Upstream's
/// loader reads neither.
pub(super) fn enum_reduction<'py>(class: &Bound<'py, PyType>, probe: &mut Probe) -> PyResult<Reduction<'py>> {
    let py = class.py();
    let namespace = namespace(class)?;
    let members = members_of(class, &namespace)?;
    let values = PyDict::new(py);
    for (name, member) in &members {
        values.set_item(name, member.getattr(intern!(py, "_value_"))?)?;
    }
    let is_plain = is_plain(class, &namespace, &values)?;
    let recipe = if ENUM_TAKES_NATIVE_NEW && !is_plain { Some(recipe(class, &members)?) } else { None };
    let args = (
        class.bases(),
        interned(&lookup::of_class(class, intern!(py, "__name__"))?)?,
        lookup::of_class(class, intern!(py, "__qualname__"))?,
        &values,
        interned(&lookup::travelling_name(lookup::of_class(class, intern!(py, "__module__"))?))?,
        class_tracker::tracker(py).wanted_id(class)?,
        recipe,
    );
    let has_slots = slots_of(class, &namespace)?.is_some();
    let more = members_state(class, &namespace, &members)?;
    let stays_behind = |name: &Bound<'py, PyAny>, named| match named {
        Named::DerivedByEnum => Ok(true),
        Named::DerivedByPlainEnum if is_plain => Ok(true),
        _ => values.contains(name),
    };
    let state = class_state(class, &namespace, has_slots, stays_behind, probe)?;
    if !probe.is_attempt() {
        add_definition(class, &state, &more)?;
    }
    let wire = Wire::get(py);
    Ok(Reduction {
        callable: wire.make_skeleton_enum.bind(py).clone().into_any(),
        args: args.into_pyobject(py)?,
        state: Some((state, more).into_pyobject(py)?.into_any()),
        list_items: None,
        dict_items: None,
        state_setter: Some(wire.class_setstate.bind(py).clone().into_any()),
    })
}

/// Whether the metaclass makes the same class and the same members from the names and values alone, without a call of a
/// program's code: a class derived from `Enum` itself, whose members are numbers or strings and were made by nobody else.
fn is_plain<'py>(
    class: &Bound<'py, PyType>,
    namespace: &Bound<'py, PyDict>,
    values: &Bound<'py, PyDict>,
) -> PyResult<bool> {
    let py = class.py();
    let runtime = Runtime::get(py);
    let enum_type = runtime.enum_type.bind(py);
    let bases = class.bases();
    if bases.len() != 1 || !bases.get_item(0)?.is(enum_type) || !class.get_type().is(&runtime.enum_meta) {
        return Ok(false);
    }
    let is_simple = |value: &Bound<'py, PyAny>| {
        value.is_exact_instance_of::<PyInt>()
            || value.is_exact_instance_of::<PyString>()
            || value.is_exact_instance_of::<PyFloat>()
    };
    if values.is_empty() || !values.iter().all(|(_, value)| is_simple(&value)) {
        return Ok(false);
    }
    if namespace.contains(intern!(py, "__new_member__"))? {
        return Ok(false);
    }
    let object = py.get_type::<PyAny>();
    let new = intern!(py, "__new__");
    for (name, made_by) in [(new, enum_type), (intern!(py, "_new_member_"), &object)] {
        if let Some(own) = namespace.get_item(name)?
            && !own.is(lookup::of_class(made_by, new)?)
        {
            return Ok(false);
        }
    }
    for name in [intern!(py, "_boundary_"), intern!(py, "_value_repr_")] {
        if namespace.get_item(name)?.is_some_and(|own| !own.is_none()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The name of a member, or of an alias, and the member.
type Member<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// The members in order, with the aliases, which iteration leaves out: names of a member that has another one.
fn members_of<'py>(class: &Bound<'py, PyType>, namespace: &Bound<'py, PyDict>) -> PyResult<Vec<Member<'py>>> {
    let py = class.py();
    // What `__members__` shows.
    if let Some(members) = namespace.get_item(intern!(py, "_member_map_"))?
        && let Ok(members) = members.cast_exact::<PyDict>()
        && class.get_type().is(&Runtime::get(py).enum_meta)
    {
        return dict::items(members);
    }
    let items = class.getattr(intern!(py, "__members__"))?.call_method0(intern!(py, "items"))?;
    items.try_iter()?.map(|item| item?.extract()).collect()
}

/// How the enumeration and its members are made, as far as the bases and the values do not say it.
///
/// - `metaclass`, if it is not the one of the last base;
/// - `boundary`, what a `Flag` does with unknown bits (Python 3.11), if it is not what the last base does;
/// - `members`: by name the arguments and keywords for `__new__` of the type that is mixed in, and whether that is the
///   type's own `__new__` or the builtin one below it; left out where the argument is the value.
fn recipe<'py>(class: &Bound<'py, PyType>, members: &[Member<'py>]) -> PyResult<Bound<'py, PyDict>> {
    let py = class.py();
    let recipe = PyDict::new(py);
    let bases = class.getattr(intern!(py, "__bases__"))?;
    let base = bases.get_item(bases.len()? - 1)?;
    let metaclass = class.get_type();
    if !metaclass.is(base.get_type()) {
        recipe.set_item(intern!(py, "metaclass"), metaclass)?;
    }
    let boundary = intern!(py, "_boundary_");
    if let Some(own) = class.getattr_opt(boundary)?
        && !base.getattr_opt(boundary)?.is_some_and(|inherited| inherited.is(&own))
    {
        recipe.set_item(intern!(py, "boundary"), own)?;
    }
    let mixed_in = class.getattr(intern!(py, "_member_type_"))?;
    if mixed_in.is(py.get_type::<PyAny>()) {
        return Ok(recipe);
    }
    let arguments = PyDict::new(py);
    for (name, member) in members {
        if !is_its_value(member)?
            && let Some(made_by) = arguments_of(member, &mixed_in)?
        {
            arguments.set_item(copy_of(name), made_by)?;
        }
    }
    if !arguments.is_empty() {
        recipe.set_item(intern!(py, "members"), arguments)?;
    }
    Ok(recipe)
}

/// Is the member, seen as an instance of the type that is mixed in, the same as its value?
fn is_its_value(member: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = member.py();
    let value = member.getattr(intern!(py, "_value_"))?;
    let plain = value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyFloat>();
    if !plain || !member.is_instance(&value.get_type())? {
        return Ok(false);
    }
    // The type's `__eq__`, not the enumeration's.
    Ok(value.get_type().getattr(intern!(py, "__eq__"))?.call1((value, member))?.is(PyBool::new(py, true)))
}

/// What makes the instance of the type that is mixed in: arguments, keywords, and whether they are those of the type's
/// own `__new__`. None if the type reduces its instances in a form that is no call of the class.
fn arguments_of<'py>(
    member: &Bound<'py, PyAny>,
    mixed_in: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let py = member.py();
    let object = py.get_type::<PyAny>();
    let (reduce, reduce_ex) = (intern!(py, "__reduce__"), intern!(py, "__reduce_ex__"));
    // `Enum.__reduce_ex__` writes the value.
    let own = |name| {
        let found = mixed_in.getattr(name)?;
        Ok::<_, PyErr>((!found.is(&object.getattr(name)?)).then_some(found))
    };
    let reduced = match (own(reduce_ex)?, own(reduce)?) {
        (Some(reduce_ex), _) => reduce_ex.call1((member, 4))?,
        (None, Some(reduce)) => reduce.call1((member,))?,
        (None, None) => object.getattr(reduce_ex)?.call1((member, 4))?,
    };
    let Ok(reduced) = reduced.cast_into::<PyTuple>() else { return Ok(None) };
    let (callable, arguments) = (reduced.get_item(0)?, reduced.get_item(1)?.cast_into::<PyTuple>()?);
    if callable.is(member.get_type()) {
        return (arguments, PyDict::new(py), true).into_pyobject(py).map(Some);
    }
    // `copyreg` marks the two cases by the name of a function.
    let name = callable.getattr_opt(intern!(py, "__name__"))?;
    if name.as_ref().is_some_and(|name| name.eq("__newobj__").unwrap_or(false)) {
        let arguments = arguments.get_slice(1, arguments.len());
        return (arguments, PyDict::new(py), arguments_are_for_own_new(mixed_in)?).into_pyobject(py).map(Some);
    }
    if name.is_some_and(|name| name.eq("__newobj_ex__").unwrap_or(false)) {
        let own = arguments_are_for_own_new(mixed_in)?;
        return (arguments.get_item(1)?, arguments.get_item(2)?, own).into_pyobject(py).map(Some);
    }
    Ok(None)
}

/// Whether the arguments that `pickle` would pass to `__new__` were chosen by Python code, such as that of a named tuple,
/// which knows its own `__new__`. A builtin type chooses them for itself and knows nothing of its subclasses.
fn arguments_are_for_own_new(mixed_in: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = mixed_in.py();
    for name in [intern!(py, "__getnewargs_ex__"), intern!(py, "__getnewargs__")] {
        if let Some(chooser) = mixed_in.getattr_opt(name)? {
            return Ok(chooser.is_instance_of::<PyFunction>());
        }
    }
    Ok(false)
}

/// What the members have besides their names and values, for `_class_setstate`.
///
/// - `members`: by name, the attributes of a member, and the values of its slots;
/// - `values`: pairs of a further value by which a member is found, and its name.
fn members_state<'py>(
    class: &Bound<'py, PyType>,
    namespace: &Bound<'py, PyDict>,
    members: &[Member<'py>],
) -> PyResult<Bound<'py, PyDict>> {
    let py = class.py();
    let state = PyDict::new(py);
    let is_flag = is_derived(class, Runtime::get(py).flag_type.bind(py));
    let slots = match namespace.get_item(intern!(py, "__slotnames__"))?.map(Bound::cast_into_exact::<PyList>) {
        // What `copyreg` remembers.
        Some(Ok(slots)) => slots.into_any(),
        _ => Runtime::get(py).slot_names.bind(py).call1((class,))?,
    };
    let attributes = PyDict::new(py);
    for (name, member) in members {
        // Not once more under its aliases.
        let own_name = member.getattr(intern!(py, "_name_"))?;
        if (own_name.is(name) || own_name.eq(name)?)
            && let Some(own) = member_attributes(member, is_flag, &slots)?
        {
            attributes.set_item(copy_of(name), own)?;
        }
    }
    if !attributes.is_empty() {
        state.set_item(intern!(py, "members"), attributes)?;
    }
    // A flag remembers there the combinations that were asked for.
    let values = if is_flag {
        PyList::empty(py)
    } else {
        let by_value = namespace.as_any().get_item(intern!(py, "_value2member_map_"))?;
        further_values(by_value.cast::<PyDict>()?)?
    };
    if !values.is_empty() {
        state.set_item(intern!(py, "values"), values)?;
    }
    Ok(state)
}

/// The attributes of a member that its class did not give it, and the values of its slots.
fn member_attributes<'py>(
    member: &Bound<'py, PyAny>,
    is_flag: bool,
    slot_names: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let py = member.py();
    let own = member.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
    let mut attributes = if has_given_only(&own)? { Vec::new() } else { dict::items(&own)? };
    attributes.retain(|(name, _)| {
        let name = name.cast::<PyString>().ok().and_then(|name| name.to_str().ok());
        match name {
            Some("_value_" | "_name_" | "__objclass__" | "_sort_order_") => false,
            // What a flag remembers of an earlier `~flag` (Python 3.11).
            Some("_inverted_") => !is_flag,
            _ => true,
        }
    });
    if attributes.is_empty() && slot_names.cast_exact::<PyList>().is_ok_and(PyListMethods::is_empty) {
        return Ok(None);
    }
    let slots = PyDict::new(py);
    for name in slot_names.try_iter()? {
        let name = name?.cast_into::<PyString>()?;
        match member.getattr(&name) {
            Ok(value) => slots.set_item(copy_of(&name), value)?,
            Err(error) if error.is_instance_of::<PyAttributeError>(py) => {}
            Err(error) => return Err(error),
        }
    }
    if attributes.is_empty() && slots.is_empty() {
        return Ok(None);
    }
    let copied = PyDict::new(py);
    for (name, value) in attributes {
        copied.set_item(copy_of(&name), value)?;
    }
    (copied, slots).into_pyobject(py).map(Some)
}

/// Whether all that a member has is what its class gave it.
fn has_given_only(own: &Bound<'_, PyDict>) -> PyResult<bool> {
    let py = own.py();
    let mut given = 0;
    for name in
        [intern!(py, "_value_"), intern!(py, "_name_"), intern!(py, "__objclass__"), intern!(py, "_sort_order_")]
    {
        given += usize::from(own.contains(name)?);
    }
    Ok(own.len() == given)
}

/// The values by which a member is found besides its own.
fn further_values<'py>(by_value: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyList>> {
    let py = by_value.py();
    let values = PyList::empty(py);
    for (value, member) in dict::items(by_value)? {
        if !value.is(&member.getattr(intern!(py, "_value_"))?) {
            values.append((value, copy_of(&member.getattr(intern!(py, "_name_"))?)))?;
        }
    }
    Ok(values)
}
