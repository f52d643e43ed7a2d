//! Classes, whatever their metaclass.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PyMappingProxy, PyString, PyTuple, PyType};
use python_objects::class::{self, is_derived};
use python_objects::dict;

use super::attribute_names::{Named, Names, Place};
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
    match travelling(class, probe)? {
        Travelling::As(reduction) => Ok(reduction),
        Travelling::ByValue(parts) => parts.reduction(class.py()),
    }
}

/// How a class travels that does not travel as a global: in its parts, or otherwise.
pub(crate) enum Travelling<'py> {
    As(Reduction<'py>),
    ByValue(Box<Parts<'py>>),
}

/// The name of an attribute, and the attribute.
pub(crate) type Attribute<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// What a class is made from: an empty one first, then its attributes.
pub(crate) struct Parts<'py> {
    pub(crate) metaclass: Bound<'py, PyType>,
    pub(crate) name: Bound<'py, PyAny>,
    pub(crate) bases: Bound<'py, PyAny>,
    /// What becomes the namespace from which the class is made, also by upstream's loader.
    pub(crate) keywords: Vec<Attribute<'py>>,
    /// Whether they are a module and a qualified name, and slots at most: nothing that could lead to the class.
    pub(crate) has_plain_keywords: bool,
    /// None where ids are left out.
    pub(crate) id: Option<Bound<'py, PyString>>,
    pub(crate) state: Vec<Attribute<'py>>,
    /// The fingerprints of the attributes in `state`. None where they are of no use.
    pub(crate) definition: Option<Bound<'py, PyBytes>>,
}

impl<'py> Parts<'py> {
    /// `_make_skeleton_class(metaclass, name, bases, keywords, id, None)`, then `_class_setstate(class, (state, more))`. The
    /// last argument is room that upstream left for more.
    pub(crate) fn reduction(self, py: Python<'py>) -> PyResult<Reduction<'py>> {
        let keywords = dict_of(py, &self.keywords)?;
        let args = (self.metaclass, self.name, self.bases, keywords, self.id, py.None()).into_pyobject(py)?;
        let more = PyDict::new(py);
        if let Some(definition) = self.definition {
            more.set_item(intern!(py, "definition"), definition)?;
        }
        let wire = Wire::get(py);
        Ok(Reduction {
            callable: wire.make_skeleton_class.bind(py).clone().into_any(),
            args,
            state: Some((dict_of(py, &self.state)?, more).into_pyobject(py)?.into_any()),
            list_items: None,
            dict_items: None,
            state_setter: Some(wire.class_setstate.bind(py).clone().into_any()),
        })
    }
}

fn dict_of<'py>(py: Python<'py>, attributes: &[Attribute<'py>]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in attributes {
        dict.set_item(name, value)?;
    }
    Ok(dict)
}

/// [`reduction_by_value`], as far as nobody needs a reduction.
pub(crate) fn travelling<'py>(class: &Bound<'py, PyType>, probe: &mut Probe) -> PyResult<Travelling<'py>> {
    let py = class.py();
    let runtime = Runtime::get(py);
    // Before 3.10 the type of weak references has no name by which it is found.
    if class.is(&runtime.weak_reference_type) {
        let weakref = py.import(intern!(py, "weakref"))?;
        let getattr = runtime.getattr.bind(py).clone();
        return Ok(Travelling::As(Reduction::call(getattr, (weakref, intern!(py, "ref")).into_pyobject(py)?)));
    }
    if let Some(reduction) = builtin_type_reduction(class)? {
        return Ok(Travelling::As(reduction));
    }
    // It calls itself by another name than its module does.
    if class.is(&runtime.cache_info_type) {
        let getattr = runtime.getattr.bind(py).clone();
        let name = intern!(py, "_CacheInfo");
        return Ok(Travelling::As(Reduction::call(getattr, (&runtime.functools, name).into_pyobject(py)?)));
    }
    if is_derived(class, runtime.enum_type.bind(py)) {
        return enumeration::enum_reduction(class, probe).map(Travelling::As);
    }
    let attributes = match class::attributes(class)? {
        Some(attributes) => attributes,
        None => dict::items(&namespace(class)?)?,
    };
    let attributes_by_name = || dict_of(py, &attributes);
    let mut keywords = Vec::with_capacity(4);
    let names = Names::of(class, &attributes)?;
    let special = &names.special;
    if let Some(module) = special.module {
        // That of a class of classes may be a property.
        let module = if class.get_type().is(&runtime.type_type) {
            attributes[module].1.clone()
        } else {
            class.getattr(intern!(py, "__module__"))?
        };
        keywords.push((intern!(py, "__module__").clone().into_any(), interned(&lookup::travelling_name(module))?));
    }
    // Slots and the qualified name can be given to a class in no other way.
    let qualname = intern!(py, "__qualname__");
    let (name, qualname_of_class) = match class::names(class) {
        Some(own) => (own.name.into_any(), own.qualname.into_any()),
        None => (class.getattr(intern!(py, "__name__"))?, class.getattr(qualname)?),
    };
    keywords.push((qualname.clone().into_any(), copy_of(&qualname_of_class)));
    let slots = if special.slots { slots_of(class, &attributes_by_name()?)? } else { None };
    if let Some(slots) = &slots {
        keywords.push((intern!(py, "__slots__").clone().into_any(), interned_names(slots)?));
    }
    // Set later, this would change the class's own class.
    if let Some(property) = special.pretended {
        keywords.push((intern!(py, "__class__").clone().into_any(), attributes[property].1.clone()));
    }
    // A class may have a property of its own under this name; the usual getset descriptor comes with every class.
    if let Some(descriptor) = special.dict
        && attributes[descriptor].1.is_instance(runtime.property_type.bind(py))?
    {
        keywords.push((intern!(py, "__dict__").clone().into_any(), attributes[descriptor].1.clone()));
    }
    let bases = match special.original_bases {
        Some(written) => bases_as_written(class, &attributes[written].1, &mut keywords)?,
        None => bases_without_definition(class)?,
    };
    let has_plain_keywords = special.module.is_some() && keywords.len() == 2 + usize::from(slots.is_some());
    let by_name = if making::is_watched(class)? { Some(attributes_by_name()?) } else { None };
    let (state, numbers) = state_of(class, &attributes, &names, slots.is_some(), |_, _| Ok(false), probe)?;
    // First of all the class gets its id: what is sent is noted of classes that have one.
    let id = class_tracker::tracker(py).wanted_id(class)?;
    let definition = if probe.is_attempt() { None } else { definition_of(class, &state, &numbers)? };
    let parts = Box::new(Parts {
        metaclass: class.get_type(),
        name: interned(&name)?,
        bases,
        keywords,
        has_plain_keywords,
        id,
        state,
        definition,
    });
    let Some(namespace) = by_name else { return Ok(Travelling::ByValue(parts)) };
    let state = dict_of(py, &parts.state)?;
    let reduction = parts.reduction(py)?;
    making::add_attributes(&namespace, &state, &reduction.args)?;
    Ok(Travelling::As(reduction))
}

/// The bases to make the class from: those in its definition, such as `Generic[T]` (PEP 560), if it has them.
///
/// `NamedTuple` in a definition makes a class that is no instance of the metaclass it would have by its written bases.
/// Such a class is made from its real bases, and the written ones go into the namespace, where `Generic` looks for them.
fn bases_as_written<'py>(
    class: &Bound<'py, PyType>,
    written: &Bound<'py, PyAny>,
    keywords: &mut Vec<Attribute<'py>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    for base in Runtime::get(py).resolve_bases.bind(py).call1((written,))?.try_iter()? {
        if !class.get_type().is_subclass(&base?.get_type())? {
            keywords.push((intern!(py, "__orig_bases__").clone().into_any(), written.clone()));
            return class.getattr(intern!(py, "__bases__"));
        }
    }
    Ok(written.clone())
}

/// The bases to make the class from, if it does not remember those in its definition.
///
/// Before Python 3.12 a `TypedDict` does not remember the ones that it inherited from. Its metaclass made `dict` a base and
/// refuses to be given it. The keys of what was inherited are among the class's own.
fn bases_without_definition<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let bases = class.getattr(intern!(py, "__bases__"))?;
    let metaclass = class.get_type();
    if metaclass.is(&Runtime::get(py).type_type) || metaclass.name()? != "_TypedDictMeta" {
        return Ok(bases);
    }
    let bases: Vec<_> = bases.try_iter()?.collect::<PyResult<_>>()?;
    let dict_type = py.get_type::<PyDict>();
    Ok(PyTuple::new(py, bases.into_iter().filter(|base| !base.is(&dict_type)).collect::<Vec<_>>())?.into_any())
}

/// Adds to the second half of a class's state, which upstream does not read, what tells whether the class was edited
/// since it last travelled: the fingerprints of the attributes in the first half.
pub(super) fn add_definition<'py>(
    class: &Bound<'py, PyType>,
    state: &Bound<'py, PyDict>,
    more: &Bound<'py, PyDict>,
) -> PyResult<()> {
    match definition_of(class, &dict::items(state)?, &[])? {
        Some(definition) => more.set_item(intern!(class.py(), "definition"), definition),
        None => Ok(()),
    }
}

/// The fingerprints of the attributes that travel, which are noted as sent. `numbers` are those of their names, as far as
/// they are known.
fn definition_of<'py>(
    class: &Bound<'py, PyType>,
    state: &[Attribute<'py>],
    numbers: &[Option<u64>],
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    // What is never loaded needs no definition, and leaves no trace.
    if class_tracker::wanted() == class_tracker::Ids::LeftOut {
        return Ok(None);
    }
    let py = class.py();
    let tracker = class_tracker::tracker(py);
    let fingerprints = definition::fingerprints(state.iter().map(|(_, value)| value))?;
    let mut sent = Vec::with_capacity(state.len());
    for (index, ((name, _), fingerprint)) in state.iter().zip(&fingerprints).enumerate() {
        let known = numbers.get(index).copied().flatten();
        sent.push((known.unwrap_or_else(|| definition::name_number(name)), *fingerprint));
    }
    tracker.note_sent(class, sent);
    Ok(Some(definition::to_bytes(py, &fingerprints)))
}

/// [`state_of`] as a dict, of a class with this namespace.
pub(super) fn class_state<'py>(
    class: &Bound<'py, PyType>,
    namespace: &Bound<'py, PyDict>,
    has_slots: bool,
    stays_behind: impl Fn(&Bound<'py, PyAny>, Named) -> PyResult<bool>,
    probe: &mut Probe,
) -> PyResult<Bound<'py, PyDict>> {
    let attributes = dict::items(namespace)?;
    let names = Names::of(class, &attributes)?;
    dict_of(class.py(), &state_of(class, &attributes, &names, has_slots, stays_behind, probe)?.0)
}

/// The attributes of the class that travel, in alphabetical order: its own, less what every class gets anew. `has_slots`
/// says that `__slots__` travels with what the class is made from, `stays_behind` what does not travel for other reasons.
/// Besides, the numbers of their names, where they are known.
fn state_of<'py>(
    class: &Bound<'py, PyType>,
    attributes: &[Attribute<'py>],
    names: &Names,
    has_slots: bool,
    stays_behind: impl Fn(&Bound<'py, PyAny>, Named) -> PyResult<bool>,
    probe: &mut Probe,
) -> PyResult<(Vec<Attribute<'py>>, Vec<Option<u64>>)> {
    let py = class.py();
    let runtime = Runtime::get(py);
    let descriptor_type = runtime.member_descriptor_type.bind(py);
    let (mut state, mut numbers) = (Vec::with_capacity(attributes.len()), Vec::with_capacity(attributes.len()));
    let (mut annotations, mut has_evaluator) = (None, false);
    for &Place { index, named, number } in &names.in_order {
        let (name, value) = &attributes[index];
        if stays_behind(name, named)? {
            continue;
        }
        let mut travelling = value.clone();
        if value.get_type().is(descriptor_type) {
            // The descriptors of slots come with the class. They are told by being this class's own, for their names are
            // mangled where `__slots__` has private ones.
            if is_slot_of(class, value)? {
                continue;
            }
        } else {
            match named {
                Named::NotTravelling => continue,
                // Every class has one, of its own if it was given none.
                Named::Doc if value.is_none() => continue,
                Named::Slots if has_slots => continue,
                Named::Annotations => annotations = Some(state.len()),
                Named::Evaluator => has_evaluator = true,
                Named::OfNames => travelling = interned_names(value)?,
                _ => {}
            }
        }
        state.push((copy_of(name), travelling));
        numbers.push(number);
    }
    let is_abstract =
        !class.get_type().is(&runtime.type_type) && is_derived(&class.get_type(), runtime.abc_meta.bind(py));
    if is_abstract || has_evaluator {
        let by_name = dict_of(py, &state)?;
        if is_abstract {
            drop_abc_caches(class, &by_name)?;
        }
        annotations::of_class(class, &by_name, probe)?;
        return Ok((dict::items(&by_name)?, Vec::new()));
    }
    if let Some(index) = annotations
        && let Ok(written) = state[index].1.cast::<PyDict>()
        && !probe.is_attempt()
    {
        state[index].1 = annotations::without_text(class, written.clone(), probe)?.into_any();
    }
    Ok((state, numbers))
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
    let own = PyDict::new(py);
    let attributes = dict::items(&namespace(cls)?)?;
    for place in &Names::of(cls, &attributes)?.in_order {
        let (name, value) = &attributes[place.index];
        // The first base that has the name is the one that counts, as far as direct bases go.
        let of_base = inherited.iter().find_map(|base| base.get_item(name).ok());
        if !of_base.is_some_and(|of_base| of_base.is(value)) {
            own.set_item(copy_of(name), value)?;
        }
    }
    Ok(own)
}

/// The class's `__dict__` as it is at this moment, so that what is made of it fits together whatever changes the class
/// meanwhile.
pub(super) fn namespace<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyDict>> {
    if let Some(namespace) = class::namespace(class)? {
        return Ok(namespace);
    }
    let proxy = class.getattr(intern!(class.py(), "__dict__"))?;
    view::copy_of_mapping(proxy.cast::<PyMappingProxy>()?)
}
