//! Classes, whatever their metaclass.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyMappingProxy, PyString, PyTuple, PyType};
use python_objects::class::{is_derived, namespace as own_namespace};
use python_objects::dict;

use super::builtin_type::builtin_type_reduction;
use super::reduction::Reduction;
use super::{annotations, copy_of, enumeration, interned, interned_names, making, view};
use crate::by_value::{class_tracker, definition, lookup};
use crate::pickler::Probe;
use crate::pickler::full_type_name;
use crate::rebuild::Wire;
use crate::runtime::Runtime;

/// How `class` travels: `None` if as a global, which is for `save_global` to write.
///
/// By value it is `_make_skeleton_class(...)`, or `_make_skeleton_enum(...)`, then `_class_setstate(class, state)`: an
/// empty class is made first, so that its methods may refer to it. Where code of a program runs when it is made, it is
/// made from all its attributes ([`making`]).
pub(crate) fn class_reduction<'py>(class: &Bound<'py, PyType>, probe: &mut Probe) -> PyResult<Option<Reduction<'py>>> {
    let py = class.py();
    let runtime = Runtime::get(py);
    // The types of the singletons are no module's attributes (before `types.NoneType`, Python 3.10).
    for singleton in [py.None().into_bound(py), py.Ellipsis().into_bound(py), py.NotImplemented().into_bound(py)] {
        if class.is(singleton.get_type()) {
            let type_type = runtime.type_type.bind(py).clone().into_any();
            return Ok(Some(Reduction::call(type_type, (singleton,).into_pyobject(py)?)));
        }
    }
    if lookup::by_reference(class)? {
        return Ok(None);
    }
    reduction_by_value(class, probe).map(Some)
}

/// How a class travels that does not travel as a global.
pub(crate) fn reduction_by_value<'py>(class: &Bound<'py, PyType>, probe: &mut Probe) -> PyResult<Reduction<'py>> {
    let py = class.py();
    let runtime = Runtime::get(py);
    // Before 3.10 the type of weak references has no name by which it is found.
    if class.is(&runtime.weak_reference_type) {
        let weakref = py.import(intern!(py, "weakref"))?;
        let getattr = runtime.getattr.bind(py).clone();
        return Ok(Reduction::call(getattr, (weakref, intern!(py, "ref")).into_pyobject(py)?));
    }
    if let Some(reduction) = builtin_type_reduction(class)? {
        return Ok(reduction);
    }
    // It calls itself by another name than its module does.
    if class.is(&runtime.cache_info_type) {
        let getattr = runtime.getattr.bind(py).clone();
        let name = intern!(py, "_CacheInfo");
        return Ok(Reduction::call(getattr, (&runtime.functools, name).into_pyobject(py)?));
    }
    if is_derived(class, runtime.enum_type.bind(py)) {
        return enumeration::enum_reduction(class, probe);
    }
    let wire = Wire::get(py);
    let namespace = namespace(class)?;
    let slots = slots_of(class, &namespace)?;
    let args = skeleton_args(class, &namespace, slots.as_ref())?;
    let (state, more) = (class_state(class, &namespace, slots.is_some(), probe)?, PyDict::new(py));
    making::add_attributes(class, &namespace, &state, &args)?;
    if !probe.is_attempt() {
        add_definition(class, &state, &more)?;
    }
    Ok(Reduction {
        callable: wire.make_skeleton_class.bind(py).clone().into_any(),
        args,
        state: Some((state, more).into_pyobject(py)?.into_any()),
        list_items: None,
        dict_items: None,
        state_setter: Some(wire.class_setstate.bind(py).clone().into_any()),
    })
}

/// The arguments of `_make_skeleton_class`: metaclass, name, bases, the first of the namespace, id, and room that upstream
/// left for more.
fn skeleton_args<'py>(
    class: &Bound<'py, PyType>,
    namespace: &Bound<'py, PyDict>,
    slots: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = class.py();
    // What is given here becomes the namespace from which the class is made, also by upstream's loader. Slots and the
    // qualified name can be given to a class in no other way.
    let type_kwargs = PyDict::new(py);
    let module = intern!(py, "__module__");
    if namespace.contains(module)? {
        type_kwargs.set_item(module, interned(&lookup::travelling_name(class.getattr(module)?))?)?;
    }
    let qualname = intern!(py, "__qualname__");
    type_kwargs.set_item(qualname, copy_of(&class.getattr(qualname)?))?;
    if let Some(slots) = slots {
        type_kwargs.set_item(intern!(py, "__slots__"), interned_names(slots)?)?;
    }
    // Set later, this would change the class's own class.
    let pretended = intern!(py, "__class__");
    if let Some(property) = namespace.get_item(pretended)? {
        type_kwargs.set_item(pretended, property)?;
    }
    // A class may have a property of its own under this name; the usual getset descriptor comes with every class.
    let dict_name = intern!(py, "__dict__");
    if let Some(descriptor) = namespace.get_item(dict_name)?
        && descriptor.is_instance(Runtime::get(py).property_type.bind(py))?
    {
        type_kwargs.set_item(dict_name, descriptor)?;
    }
    let bases = bases_as_written(class, namespace, &type_kwargs)?;
    (
        class.get_type(),
        interned(&class.getattr(intern!(py, "__name__"))?)?,
        bases,
        type_kwargs,
        class_tracker::tracker(py).wanted_id(class)?,
        py.None(),
    )
        .into_pyobject(py)
}

/// The bases to make the class from: those in its definition, such as `Generic[T]` (PEP 560), if it has them.
///
/// `NamedTuple` in a definition makes a class that is no instance of the metaclass it would have by its written bases.
/// Such a class is made from its real bases, and the written ones go into the namespace, where `Generic` looks for them.
fn bases_as_written<'py>(
    class: &Bound<'py, PyType>,
    namespace: &Bound<'py, PyDict>,
    type_kwargs: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let bases = class.getattr(intern!(py, "__bases__"))?;
    let original_bases = intern!(py, "__orig_bases__");
    // A subclass inherits the attribute; only the class's own counts.
    let Some(written) = namespace.get_item(original_bases)? else { return Ok(bases) };
    for base in Runtime::get(py).resolve_bases.bind(py).call1((&written,))?.try_iter()? {
        if !class.get_type().is_subclass(&base?.get_type())? {
            type_kwargs.set_item(original_bases, written)?;
            return Ok(bases);
        }
    }
    Ok(written)
}

/// Adds to the second half of a class's state, which upstream does not read, what tells whether the class was edited
/// since it last travelled: the fingerprints of the attributes in the first half.
pub(super) fn add_definition<'py>(
    class: &Bound<'py, PyType>,
    state: &Bound<'py, PyDict>,
    more: &Bound<'py, PyDict>,
) -> PyResult<()> {
    // What is never loaded needs no definition, and leaves no trace.
    if class_tracker::wanted() == class_tracker::Ids::LeftOut {
        return Ok(());
    }
    let py = class.py();
    let tracker = class_tracker::tracker(py);
    let mut identities = tracker.identities(class);
    let items = dict::items(state)?;
    let fingerprints = definition::fingerprints(items.iter().map(|(_, value)| value.clone()), &mut identities)?;
    let names = items.iter().map(|(name, _)| definition::name_number(name));
    let sent = names.zip(fingerprints.iter().copied()).collect();
    tracker.note_sent(class, sent, identities);
    more.set_item(intern!(py, "definition"), definition::to_bytes(py, &fingerprints))
}

/// The attributes of the class that travel: its own, less what every class gets anew. `has_slots` says that `__slots__`
/// travels with what the class is made from.
pub(super) fn class_state<'py>(
    class: &Bound<'py, PyType>,
    namespace: &Bound<'py, PyDict>,
    has_slots: bool,
    probe: &mut Probe,
) -> PyResult<Bound<'py, PyDict>> {
    let py = class.py();
    let runtime = Runtime::get(py);
    let descriptor_type = runtime.member_descriptor_type.bind(py);
    let mut failed = None;
    let state = own_attributes(namespace, |name, value| {
        if value.get_type().is(descriptor_type) {
            // The descriptors of slots come with the class. They are told by being this class's own, for their names are
            // mangled where `__slots__` has private ones.
            return !is_slot_of(class, value).unwrap_or_else(|error| {
                failed = Some(error);
                false
            });
        }
        match name.cast::<PyString>().ok().and_then(|name| name.to_str().ok()) {
            // The class is made with it, or with one of its own.
            // `copyreg` remembers the slots under the last name once an instance was pickled.
            Some("__weakref__" | "__class__" | "__dict__" | "__module__" | "__slotnames__") => false,
            // Every class has one, of its own if it was given none.
            Some("__doc__") => !value.is_none(),
            Some("__slots__") => !has_slots,
            _ => true,
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    if !class.get_type().is(&runtime.type_type) && is_derived(&class.get_type(), runtime.abc_meta.bind(py)) {
        drop_abc_caches(class, &state)?;
    }
    annotations::of_class(class, &state, probe)?;
    for name in [intern!(py, "__match_args__"), intern!(py, "__static_attributes__")] {
        if let Some(names) = state.get_item(name)? {
            state.set_item(name, interned_names(&names)?)?;
        }
    }
    Ok(state)
}

/// The `__slots__` to make the class with, if it was made with any. An attribute of that name that was set later has no
/// effect on the class, and travels as an attribute.
pub(super) fn slots_of<'py>(
    class: &Bound<'py, PyType>,
    namespace: &Bound<'py, PyDict>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = class.py();
    let Some(slots) = namespace.get_item(intern!(py, "__slots__"))? else { return Ok(None) };
    let made = PyList::empty(py);
    for (name, value) in dict::items(namespace)? {
        if is_slot_of(class, &value)? {
            made.append(name)?;
        }
    }
    if slots.is_instance_of::<PyIterator>() {
        // Its names were taken out when the class was made.
        return Ok((!made.is_empty()).then_some(made.into_any()));
    }
    if !made.is_empty() {
        return Ok(Some(slots));
    }
    // Slots that are the `__dict__` or nothing at all show in whether the class has a `__dict__` of its own. Others would
    // have left a descriptor.
    let dict = intern!(py, "__dict__");
    let (mut with_dict, mut others) = (false, false);
    let names = if slots.is_instance_of::<PyString>() { PyTuple::new(py, [&slots])?.into_any() } else { slots.clone() };
    for name in names.try_iter()? {
        let name = name?;
        let is_dict = name.eq(dict)?;
        with_dict |= is_dict;
        others |= !is_dict && !name.eq(intern!(py, "__weakref__"))?;
    }
    Ok((!others && with_dict == namespace.contains(dict)?).then_some(slots))
}

/// Whether an attribute is the descriptor of one of this class's own slots.
fn is_slot_of<'py>(class: &Bound<'py, PyType>, value: &Bound<'py, PyAny>) -> PyResult<bool> {
    let py = class.py();
    let descriptor_type = Runtime::get(py).member_descriptor_type.bind(py);
    Ok(value.get_type().is(descriptor_type) && value.getattr(intern!(py, "__objclass__"))?.is(class))
}

/// An abstract base class keeps caches of `isinstance` answers with its registry. The registry travels, as a list; the
/// caches do not.
fn drop_abc_caches<'py>(class: &Bound<'py, PyType>, state: &Bound<'py, PyDict>) -> PyResult<()> {
    let py = class.py();
    let implementation = intern!(py, "_abc_impl");
    // The pure-Python `_py_abc` has them as four attributes.
    for cache in
        [intern!(py, "_abc_cache"), intern!(py, "_abc_negative_cache"), intern!(py, "_abc_negative_cache_version")]
    {
        if state.contains(cache)? {
            state.del_item(cache)?;
        }
    }
    let registered = PyList::empty(py);
    let registry = intern!(py, "_abc_registry");
    if let Some(weak_set) = state.get_item(registry)? {
        state.del_item(registry)?;
        for subclass in weak_set.try_iter()? {
            registered.append(subclass?)?;
        }
    } else {
        if state.contains(implementation)? {
            state.del_item(implementation)?;
        }
        let dump = Runtime::get(py).abc_get_dump.bind(py).call1((class,))?;
        for reference in dump.get_item(0)?.try_iter()? {
            let subclass = reference?.call0()?;
            // It may have died just now, in another thread.
            if !subclass.is_none() {
                registered.append(subclass)?;
            }
        }
    }
    // They come out of a set of weak references, in the order of their addresses.
    let name = |class: &Bound<'py, PyAny>| class.cast::<PyType>().map(full_type_name).unwrap_or_default();
    let mut registered: Vec<_> = registered.iter().collect();
    registered.sort_by_cached_key(name);
    state.set_item(implementation, registered)
}

/// `_extract_class_dict`: the attributes of a class that are its own, in alphabetical order. Upstream's tests import it.
///
/// An attribute that is the very object its base has is left out.
#[pyfunction]
#[pyo3(name = "_extract_class_dict")]
pub(crate) fn extract_class_dict<'py>(cls: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyDict>> {
    let py = cls.py();
    let bases = cls.getattr(intern!(py, "__bases__"))?.cast_into::<PyTuple>()?;
    let inherited = bases.iter().map(|base| base.getattr(intern!(py, "__dict__"))).collect::<PyResult<Vec<_>>>()?;
    own_attributes(&namespace(cls)?, |name, value| {
        // The first base that has the name is the one that counts, as far as direct bases go.
        let of_base = inherited.iter().find_map(|base| base.get_item(name).ok());
        !of_base.is_some_and(|of_base| of_base.is(value))
    })
}

/// The attributes in a class's own namespace that `wanted` accepts, in alphabetical order.
fn own_attributes<'py>(
    namespace: &Bound<'py, PyDict>,
    mut wanted: impl FnMut(&Bound<'py, PyAny>, &Bound<'py, PyAny>) -> bool,
) -> PyResult<Bound<'py, PyDict>> {
    let mut items = dict::items(namespace)?;
    let names: Option<Vec<&str>> = items.iter().map(|(name, _)| plain_text(name)).collect();
    if let Some(names) = names {
        // UTF-8 has the order of code points, which is Python's.
        let mut order: Vec<usize> = (0..items.len()).collect();
        order.sort_unstable_by_key(|index| names[*index]);
        items = order.into_iter().map(|index| items[index].clone()).collect();
    } else {
        let names = namespace.keys();
        names.sort()?;
        items.clear();
        for name in names {
            if let Some(value) = namespace.get_item(&name)? {
                items.push((name, value));
            }
        }
    }
    let own = PyDict::new(namespace.py());
    for (name, value) in items {
        if wanted(&name, &value) {
            own.set_item(copy_of(&name), value)?;
        }
    }
    Ok(own)
}

/// The characters of a plain string.
fn plain_text<'a>(name: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    name.cast_exact::<PyString>().ok()?.to_str().ok()
}

/// The class's `__dict__` as it is at this moment, so that what is made of it fits together whatever changes the class
/// meanwhile.
pub(super) fn namespace<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyDict>> {
    if let Some(namespace) = own_namespace(class)? {
        return Ok(namespace);
    }
    let proxy = class.getattr(intern!(class.py(), "__dict__"))?;
    view::copy_of_mapping(proxy.cast::<PyMappingProxy>()?)
}
