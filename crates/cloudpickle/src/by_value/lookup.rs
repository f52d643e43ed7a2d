//! Can an object be found by importing the module it says it comes from? Then its name is enough.

use std::sync::OnceLock;

use pyo3::exceptions::{PyAttributeError, PyException, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyModule, PyString, PyType};
use python_objects::text::characters;
use python_objects::{class, identity};

use super::{definition, registry};
use crate::runtime::Runtime;

/// The part of a qualified name that stands for a function's local variables, where nothing can be found.
const LOCALS: &str = "<locals>";

/// Should a function, class or module be written as a reference?
///
/// # Errors
/// `TypeError` for anything else, and what looking the object up in its module raises.
pub(crate) fn by_reference(obj: &Bound<'_, PyAny>) -> PyResult<bool> {
    by_reference_under(obj, None)
}

/// [`by_reference`] for an object that is known by another name than its own.
fn by_reference_under<'py>(obj: &Bound<'py, PyAny>, name: Option<&Bound<'py, PyAny>>) -> PyResult<bool> {
    let py = obj.py();
    if obj.is_instance_of::<PyType>() || obj.get_type().is(&Runtime::get(py).function_type) {
        return match importable(obj, name)? {
            // What C code defines cannot travel by value, registered or not.
            Some((module, _)) => Ok(!registry::is_registered(&module)? || is_made_by_c(obj)?),
            None => Ok(false),
        };
    }
    if obj.is_instance(Runtime::get(py).module_type.bind(py))? {
        return module_by_reference(obj, &obj.getattr(intern!(py, "__name__"))?);
    }
    Err(PyTypeError::new_err(format!(
        "cannot check importability of {} instances",
        obj.get_type().name()?.to_string_lossy()
    )))
}

/// Should a module of this name be written as a reference? One that is in `sys.modules` is taken to have come there by an
/// import.
pub(crate) fn module_by_reference<'py>(module: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<bool> {
    if registry::is_registered(module)? {
        return Ok(false);
    }
    let modules = sys_modules(module.py())?;
    match modules.cast_exact::<PyDict>() {
        Ok(modules) => modules.contains(name),
        Err(_) => modules.contains(name),
    }
}

/// Whether `obj` is a type that C code made, and no program can change.
pub(super) fn is_made_by_c(obj: &Bound<'_, PyAny>) -> PyResult<bool> {
    // `Py_TPFLAGS_HEAPTYPE`, and `Py_TPFLAGS_IMMUTABLETYPE` since 3.10 (CPython's Include/object.h).
    const HEAPTYPE: u64 = 1 << 9;
    const IMMUTABLETYPE: u64 = 1 << 8;
    if !obj.is_instance_of::<PyType>() {
        return Ok(false);
    }
    let flags: u64 = obj.getattr(intern!(obj.py(), "__flags__"))?.extract()?;
    Ok(flags & HEAPTYPE == 0 || flags & IMMUTABLETYPE != 0)
}

/// The imported module in which `obj` is found, and the dotted name under which it is found there; None if it is not.
///
/// The name is `name`, or the object's `__qualname__`, or its `__name__`. Nothing in `__main__` counts as importable:
/// every process has another one.
///
/// # Errors
/// What the lookup in the object's own module raises, except an `AttributeError`, which says that it is not there.
pub(crate) fn importable<'py>(
    obj: &Bound<'py, PyAny>,
    name: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    let py = obj.py();
    let name = match name {
        Some(name) => Some(name.clone()),
        None => match qualname_of(obj)? {
            Some(qualname) => Some(qualname),
            None => attribute(obj, intern!(py, "__name__"))?,
        },
    };
    // An object without a name is found nowhere.
    let name = name.unwrap_or_else(|| py.None().into_bound(py));
    let Some(module_name) = module_of(obj, &name)? else { return Ok(None) };
    if is_name_of_main(&module_name) {
        return Ok(None);
    }
    let module = match imported(&module_name)? {
        None => home_of_builtin(&module_name)?,
        found => found,
    };
    let Some(module) = module else { return Ok(None) };
    match find(&module, &name)? {
        Some(found) if found.is(obj) => Ok(Some((module, name))),
        _ => Ok(None),
    }
}

/// `typing`, imported now if it is not yet. Its types are built in since Python 3.12, and syntax makes their instances
/// where nobody imported it.
fn home_of_builtin<'py>(module_name: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = module_name.py();
    match module_name.cast_exact::<PyString>() {
        Ok(name) if name == "typing" && imported(name)?.is_none() => Ok(Some(py.import(name)?.into_any())),
        _ => Ok(None),
    }
}

/// Whether `obj` is found under a plain name in a module; None where its namespace does not tell.
pub(crate) fn is_found_in<'py>(
    module: &Bound<'py, PyAny>,
    obj: &Bound<'py, PyAny>,
    name: &Bound<'py, PyAny>,
) -> PyResult<Option<bool>> {
    let Ok(name) = name.cast_exact::<PyString>() else { return Ok(None) };
    Ok(in_namespace(module, name)?.map(|found| found.is_some_and(|found| found.is(obj))))
}

/// The static types that were asked for: they never change and are not freed, and each time that one is asked for its
/// name, it makes the string anew. There is no lock: an entry is made once, at the first free place from its own on.
pub(crate) struct StaticTypes(Box<[OnceLock<StaticType>]>);

struct StaticType {
    address: usize,
    /// The name of its module, and its own.
    names: [Py<PyString>; 2],
    /// See [`definition::number_of_names`].
    number: u64,
}

/// How many places there are for static types; of the builtin ones, there are about a hundred.
const PLACES: usize = 256;
/// At how many places one is looked for.
const MOST_PROBES: usize = 8;

impl StaticTypes {
    pub(crate) fn new() -> Self {
        Self((0..PLACES).map(|_| OnceLock::new()).collect())
    }

    /// What `with` makes of a static type whose metaclass is `type`.
    #[inline]
    fn look_up<T>(ty: &Bound<'_, PyType>, with: impl FnOnce(&StaticType) -> T) -> Option<T> {
        let runtime = Runtime::get(ty.py());
        if !class::is_static(ty) || ty.get_type_ptr() != runtime.type_type.as_ptr().cast() {
            return None;
        }
        let address = identity::of(ty);
        // They are some hundred bytes long.
        let first = (address >> 4) ^ (address >> 9);
        for probe in 0..MOST_PROBES {
            match runtime.state.static_types.0[(first + probe) % PLACES].get() {
                Some(known) if known.address == address => return Some(with(known)),
                Some(_) => {}
                None => break,
            }
        }
        Self::find_out(ty, first).map(|found| with(&found))
    }

    #[cold]
    fn find_out(ty: &Bound<'_, PyType>, first: usize) -> Option<StaticType> {
        let py = ty.py();
        let text = |name| ty.getattr(name).ok()?.cast_into_exact::<PyString>().ok();
        let names = [text(intern!(py, "__module__"))?, text(intern!(py, "__qualname__"))?];
        let number = definition::number_of_names(names.each_ref());
        let names = names.map(Bound::unbind);
        let entry =
            || StaticType { address: identity::of(ty), names: names.each_ref().map(|name| name.clone_ref(py)), number };
        let mut new = Some(entry());
        for probe in 0..MOST_PROBES {
            let place = &Runtime::get(py).state.static_types.0[(first + probe) % PLACES];
            if let Some(entry) = new.take()
                && let Err(refused) = place.set(entry)
            {
                new = Some(refused);
            }
        }
        Some(entry())
    }
}

/// The name of the module of a static type, and its own, if it is one whose metaclass is `type`.
#[inline]
pub(crate) fn names_of_static_type<'py>(
    ty: &Bound<'py, PyType>,
) -> Option<(Bound<'py, PyString>, Bound<'py, PyString>)> {
    let py = ty.py();
    StaticTypes::look_up(ty, |known| {
        let [module, name] = known.names.each_ref().map(|name| name.bind(py).clone());
        (module, name)
    })
}

/// The number that fingerprints have for such a type.
#[inline]
pub(super) fn number_of_static_type(ty: &Bound<'_, PyType>) -> Option<u64> {
    StaticTypes::look_up(ty, |known| known.number)
}

/// The name of the module of a class that `type` made at run time, and its qualified name, if it says that it is of another
/// module than the script: where it is found under them, it is [`importable`].
pub(crate) fn plain_names<'py>(class: &Bound<'py, PyType>) -> Option<(Bound<'py, PyString>, Bound<'py, PyString>)> {
    let name = class::names(class)?.qualname;
    let module = class::module(class)?.cast_into_exact::<PyString>().ok()?;
    (name.is_exact_instance_of::<PyString>() && !is_name_of_main(&module)).then_some((module, name))
}

/// The modules in which no object is looked for.
const PASSED_OVER: [&str; 3] = ["__main__", "__mp_main__", "cloudpickle._native"];

/// The name of the module that `obj` says it comes from; if it does not say, of a module in which it is found.
///
/// The search passes over `__main__`, which is another module in every process, over `__mp_main__`, which is its alias in
/// the children of `multiprocessing`, over this extension, whose functions are known as `cloudpickle.cloudpickle`'s, and
/// over what is not a module. It walks a copy of `sys.modules`, which a lazy module's `__getattr__` or another thread may
/// change meanwhile; what a lookup raises is no one's concern here.
fn module_of<'py>(obj: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = obj.py();
    let of_class = obj.cast::<PyType>().ok().and_then(class::module).filter(|module_name| !module_name.is_none());
    if of_class.is_some() {
        return Ok(of_class);
    }
    if let Some(module_name) = attribute(obj, intern!(py, "__module__"))? {
        return Ok(Some(module_name));
    }
    // The search finds them at its beginning; to copy a table of a thousand modules takes ten times as long as all the rest.
    if obj.is(py.Ellipsis()) || obj.is(py.NotImplemented()) {
        return Ok(Some(intern!(py, "builtins").clone().into_any()));
    }
    let modules = sys_modules(py)?.call_method0(intern!(py, "copy"))?;
    for entry in modules.call_method0(intern!(py, "items"))?.try_iter()? {
        let (module_name, module): (Bound<'_, PyAny>, Bound<'_, PyAny>) = entry?.extract()?;
        if !module.is_instance_of::<PyModule>() {
            continue;
        }
        if module_name.cast::<PyString>().is_ok_and(|name| PASSED_OVER.iter().any(|other| name == *other)) {
            continue;
        }
        match find(&module, name) {
            Ok(Some(found)) if found.is(obj) => return Ok(Some(module_name)),
            Ok(_) => {}
            Err(error) if error.is_instance_of::<PyException>(py) => {}
            // KeyboardInterrupt and its like.
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// What stands under the dotted `name` in `object`; None if there is no such attribute, or the name is no string, or it
/// leads through a function's `<locals>`.
fn find<'py>(object: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Ok(name) = name.cast::<PyString>() else { return Ok(None) };
    if let Some(found) = in_namespace(object, name)? {
        return Ok(found);
    }
    let parts = name_parts(name)?;
    if parts.iter().any(is_locals) { Ok(None) } else { Ok(follow(object, &parts)?.map(|found| found.object)) }
}

/// What a module has under a name without dots, where that can be told from its namespace: not for names that its type
/// has something under, nor where the module has a `__getattr__` to ask.
#[expect(clippy::option_option, reason = "not to know is not the same as to know that there is nothing")]
fn in_namespace<'py>(
    module: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Option<Bound<'py, PyAny>>>> {
    let Ok(module) = module.cast_exact::<PyModule>() else { return Ok(None) };
    match characters(name) {
        Some(text) if name.is_exact_instance_of::<PyString>() && !text.starts_with("__") && !text.contains('.') => {}
        _ => return Ok(None),
    }
    let namespace = module.dict();
    match namespace.get_item(name)? {
        Some(found) => Ok(Some(Some(found))),
        None if namespace.contains(intern!(module.py(), "__getattr__"))? => Ok(None),
        None => Ok(Some(None)),
    }
}

/// The parts of a dotted name, as plain strings: a subclass of `str` may have methods and a reduction of its own.
pub(crate) fn name_parts<'py>(name: &Bound<'py, PyString>) -> PyResult<Vec<Bound<'py, PyString>>> {
    let py = name.py();
    match name.to_str() {
        Ok(text) if text.contains('.') || !name.is_exact_instance_of::<PyString>() => {
            Ok(text.split('.').map(|part| PyString::new(py, part)).collect())
        }
        Ok(_) => Ok(vec![name.clone()]),
        // Lone surrogates, which Rust's strings cannot hold.
        Err(_) => py.get_type::<PyString>().call_method1(intern!(py, "split"), (name, intern!(py, ".")))?.extract(),
    }
}

/// Whether a part of a qualified name stands for the local variables of a function, where nobody can look.
pub(crate) fn is_locals(part: &Bound<'_, PyString>) -> bool {
    *part == LOCALS
}

/// Whether a module is the script's, which is another one in every process. The children of `multiprocessing` have it
/// under a second name.
pub(crate) fn is_main(module: &Bound<'_, PyAny>) -> PyResult<bool> {
    // What stands in `sys.modules` need not be a module.
    Ok(module.getattr_opt(intern!(module.py(), "__name__"))?.is_some_and(|name| is_name_of_main(&name)))
}

pub(crate) fn is_name_of_main(name: &Bound<'_, PyAny>) -> bool {
    name.cast::<PyString>().is_ok_and(|name| matches!(characters(name), Some("__main__" | "__mp_main__")))
}

/// The module whose namespace `globals` is, if workers import it.
pub(crate) fn importable_module_of<'py>(globals: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = globals.py();
    let Some(name) = globals.get_item(intern!(py, "__name__"))? else { return Ok(None) };
    if is_name_of_main(&name) || !name.is_instance_of::<PyString>() {
        return Ok(None);
    }
    let Some(module) = imported(&name)? else { return Ok(None) };
    let own = module.cast::<PyModule>().is_ok_and(|module| module.dict().is(globals));
    Ok(if own && !registry::is_registered(&module)? { Some(module) } else { None })
}

/// The name of a module as it travels: the script's is `__main__`, whose second name other processes do not have.
pub(crate) fn travelling_name(name: Bound<'_, PyAny>) -> Bound<'_, PyAny> {
    if is_name_of_main(&name) { intern!(name.py(), "__main__").clone().into_any() } else { name }
}

/// The function of an importable module that has `function` as its `__wrapped__`, or the one below it: what a decorator
/// made of it, which is found under its name in its place.
pub(crate) fn wrapper_of<'py>(function: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = function.py();
    let Some(name) = attribute(function, intern!(py, "__qualname__"))? else { return Ok(None) };
    let Some(module_name) = attribute(function, intern!(py, "__module__"))? else { return Ok(None) };
    if is_name_of_main(&module_name) {
        return Ok(None);
    }
    let Some(module) = imported(&module_name)? else { return Ok(None) };
    if registry::is_registered(&module)? {
        return Ok(None);
    }
    let Ok(Some(mut outer)) = find(&module, &name) else { return Ok(None) };
    for _ in 0..MOST_WRAPPERS {
        match outer.getattr_opt(intern!(py, "__wrapped__")) {
            // A function, which travels by its name or as this one does. The `__wrapped__` of a classmethod is what it
            // is made of where it arrives.
            Ok(Some(inner)) if inner.is(function) => {
                return Ok(outer.is_exact_instance_of::<PyFunction>().then_some(outer));
            }
            Ok(Some(inner)) => outer = inner,
            _ => break,
        }
    }
    Ok(None)
}

/// How many decorators around one function are looked through.
const MOST_WRAPPERS: u32 = 16;

/// Whether `obj` is found under the dotted `name` in its module, and that module is one that workers do not import:
/// `__main__`, or one that is registered.
pub(crate) fn stands_in_module_by_value<'py>(obj: &Bound<'py, PyAny>, name: &Bound<'py, PyString>) -> PyResult<bool> {
    let Some(module_name) = attribute(obj, intern!(obj.py(), "__module__"))? else { return Ok(false) };
    let Some(module) = imported(&module_name)? else { return Ok(false) };
    if !is_main(&module)? && !registry::is_registered(&module)? {
        return Ok(false);
    }
    Ok(find(&module, name)?.is_some_and(|found| found.is(obj)))
}

/// What a dotted name leads to.
pub(crate) struct Found<'py> {
    /// What has `object` as an attribute, under the last part of the name.
    pub(crate) parent: Bound<'py, PyAny>,
    pub(crate) object: Bound<'py, PyAny>,
}

/// Follows the parts of a dotted name, attribute by attribute; None where one is missing.
pub(crate) fn follow<'py>(object: &Bound<'py, PyAny>, parts: &[Bound<'py, PyString>]) -> PyResult<Option<Found<'py>>> {
    let mut found = Found { parent: object.clone(), object: object.clone() };
    for part in parts {
        let Some(attribute) = found.object.getattr_opt(part)? else { return Ok(None) };
        found = Found { parent: found.object, object: attribute };
    }
    Ok(Some(found))
}

/// An attribute that every class has. `EnumMeta` has a `__getattr__` before Python 3.12, which looks for members; to be
/// asked by way of it takes four times as long.
pub(crate) fn of_class<'py>(class: &Bound<'py, PyType>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    if class.get_type_ptr() == Runtime::get(class.py()).enum_meta.as_ptr().cast() {
        class::attribute(class, name)
    } else {
        class.getattr(name)
    }
}

/// `__qualname__`, where there is one.
fn qualname_of<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    match object.cast::<PyType>().ok().and_then(class::names) {
        Some(names) => Ok(Some(names.qualname.into_any())),
        None => attribute(object, intern!(object.py(), "__qualname__")),
    }
}

/// `getattr(object, name, None)`, with None for "it is None" as well.
fn attribute<'py>(object: &Bound<'py, PyAny>, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if object.get_type_ptr() == Runtime::get(object.py()).enum_meta.as_ptr().cast()
        && let Ok(found) = of_class(object.cast::<PyType>()?, name)
    {
        return Ok(Some(found).filter(|value| !value.is_none()));
    }
    Ok(object.getattr_opt(name)?.filter(|value| !value.is_none()))
}

/// `sys.modules`, which a program may replace.
pub(crate) fn sys_modules(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let sys = Runtime::get(py).sys.bind(py);
    match sys.dict().get_item(intern!(py, "modules"))? {
        Some(modules) => Ok(modules),
        None => sys.getattr(intern!(py, "modules")),
    }
}

/// `sys.modules.get(name)`, with None for an entry that is None as well: an import that is blocked.
pub(crate) fn imported<'py>(name: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let modules = sys_modules(name.py())?;
    let found = match modules.cast_exact::<PyDict>() {
        Ok(modules) => modules.get_item(name)?,
        Err(_) => Some(modules.call_method1(intern!(name.py(), "get"), (name,))?),
    };
    Ok(found.filter(|module| !module.is_none()))
}

/// What stands under a dotted name in an object.
///
/// Raises:
///     `AttributeError`: there is nothing under that name, or the name leads into a function's local variables.
#[pyfunction]
#[pyo3(name = "_getattribute")]
pub(crate) fn getattribute<'py>(obj: &Bound<'py, PyAny>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    match find(obj, name)? {
        Some(found) => Ok(found),
        None => Err(PyAttributeError::new_err(format!(
            "Can't get {}attribute {} on {}",
            if name_parts(name)?.iter().any(is_locals) { "local " } else { "" },
            name.repr()?.to_string_lossy(),
            obj.repr()?.to_string_lossy()
        ))),
    }
}

/// The name of the module an object belongs to, or None.
///
/// It is the object's `__module__`, or else the name of an imported module in which the object is found under `name`.
/// Unlike `pickle.whichmodule`, an object that is found nowhere is not taken to be in `__main__`, and errors that
/// modules raise when they are looked into are ignored.
#[pyfunction]
#[pyo3(name = "_whichmodule")]
pub(crate) fn whichmodule<'py>(
    obj: &Bound<'py, PyAny>,
    name: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    module_of(obj, name)
}

/// The imported module in which an object is found and the name under which it is found there, or None.
#[pyfunction]
#[pyo3(name = "_lookup_module_and_qualname", signature = (obj, name = None))]
pub(crate) fn lookup_module_and_qualname<'py>(
    obj: &Bound<'py, PyAny>,
    name: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    importable(obj, name)
}

/// Should a function, class or module be pickled as a reference to its name?
///
/// It should if importing its module gives access to it, and neither the module nor a package that contains it is
/// registered with `register_pickle_by_value`.
///
/// Args:
///     obj: a function, class or module.
///     name: the name under which to look for it, its `__qualname__` by default.
///
/// Raises:
///     `TypeError`: it is an object of another kind.
#[pyfunction]
#[pyo3(name = "_should_pickle_by_reference", signature = (obj, name = None))]
pub(crate) fn should_pickle_by_reference<'py>(
    obj: &Bound<'py, PyAny>,
    name: Option<&Bound<'py, PyAny>>,
) -> PyResult<bool> {
    by_reference_under(obj, name)
}
