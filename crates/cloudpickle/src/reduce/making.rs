//! What runs when a class is made: the methods of its metaclass, and `__init_subclass__` of its bases.
//!
//! Where a program has such code, the class is made from its whole namespace, so that the code never sees an empty class.
//! It is called without keywords, which nothing records; code that cannot do without them is not called.

use std::collections::HashSet;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyList, PyString, PyTuple, PyType};
use python_objects::kind::Kind;
use python_objects::{dict, identity};

use super::recursive_repr;
use super::reduction::Reduction;
use crate::by_value::lookup;
use crate::rebuild::Wire;
use crate::rebuild::cell::contents;
use crate::runtime::Runtime;

/// The modules whose metaclasses and bases make a class from whatever its namespace holds.
const UNDEMANDING: [&str; 6] = ["builtins", "abc", "_py_abc", "typing", "typing_extensions", "enum"];

/// The flag of code that takes any keywords.
const CO_VARKEYWORDS: u32 = 0x08;

fn is_undemanding(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let module = class.getattr(intern!(class.py(), "__module__"))?;
    Ok(module.cast::<PyString>().is_ok_and(|module| UNDEMANDING.iter().any(|name| module == name)))
}

/// What a class itself has under a name.
fn own<'py>(class: &Bound<'py, PyType>, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let namespace = class.getattr(intern!(class.py(), "__dict__"))?;
    if namespace.contains(name)? { namespace.get_item(name).map(Some) } else { Ok(None) }
}

/// What of `names` the classes in an `__mro__` have, as far as they are a program's own.
fn code_of_program<'py>(
    mro: impl Iterator<Item = Bound<'py, PyAny>>,
    names: &[&Bound<'py, PyString>],
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut found = Vec::new();
    for class in mro {
        let class = class.cast_into::<PyType>()?;
        if !is_undemanding(&class)? {
            for name in names {
                found.extend(own(&class, name)?);
            }
        }
    }
    Ok(found)
}

/// Does making this class run code of a program?
pub(super) fn is_watched(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = class.py();
    let bases = class.mro().iter().skip(1);
    if !code_of_program(bases, &[intern!(py, "__init_subclass__")])?.is_empty() {
        return Ok(true);
    }
    let metaclass = class.get_type();
    if metaclass.is(&Runtime::get(py).type_type) {
        return Ok(false);
    }
    let names = [intern!(py, "__new__"), intern!(py, "__init__"), intern!(py, "__call__"), intern!(py, "__prepare__")];
    Ok(!code_of_program(metaclass.mro().iter(), &names)?.is_empty())
}

/// Gives what a [watched](is_watched) class is made from the attributes that travel, in the order in which they were
/// defined.
pub(super) fn add_attributes<'py>(
    namespace: &Bound<'py, PyDict>,
    state: &Bound<'py, PyDict>,
    args: &Bound<'py, PyTuple>,
) -> PyResult<()> {
    let py = namespace.py();
    let type_kwargs = args.get_item(3)?.cast_into::<PyDict>()?;
    let mut order = namespace.keys();
    // What is in the state and not in the namespace comes last.
    order = order.as_sequence().concat(state.keys().as_sequence())?.to_list()?;
    for name in order {
        if let Some(value) = state.get_item(&name)?
            && !name.eq(intern!(py, "_abc_impl"))?
        {
            type_kwargs.set_item(super::copy_of(&name), value)?;
        }
    }
    Ok(())
}

/// Takes out of what a class is made from what its state sets anyway: for a class that is reached through its own
/// namespace, and can only be made first and filled later.
pub(crate) fn remove_attributes<'py>(args: &Bound<'py, PyTuple>, state: &Bound<'py, PyAny>) -> PyResult<()> {
    let type_kwargs = args.get_item(3)?.cast_into::<PyDict>()?;
    for name in state.get_item(0)?.cast_into::<PyDict>()?.keys() {
        if type_kwargs.contains(&name)? {
            type_kwargs.del_item(name)?;
        }
    }
    Ok(())
}

/// Where something leads that is written before a class is made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leads {
    /// Not to the class: functions, whose states wait for it, and values that are nothing but themselves.
    Elsewhere,
    /// Only who writes it finds out.
    Unknown,
    /// To the class.
    Back,
}

/// Whether a reduction makes a class whose arguments hold attributes that its state sets too.
pub(crate) fn is_made_whole(reduction: &Reduction<'_>) -> PyResult<bool> {
    let Some(state) = &reduction.state else { return Ok(false) };
    if !reduction.callable.is(&Wire::get(state.py()).make_skeleton_class) {
        return Ok(false);
    }
    let attributes = state.get_item(0)?.cast_into::<PyDict>()?;
    for name in reduction.args.get_item(3)?.cast_into::<PyDict>()?.keys() {
        if attributes.contains(name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where the arguments lead by which a class is made.
pub(crate) fn leads<'py>(class: &Bound<'py, PyAny>, args: &Bound<'py, PyTuple>) -> PyResult<Leads> {
    let mut look = Look { class, left: OBJECTS };
    let mut furthest = Leads::Elsewhere;
    for (_, value) in dict::items(&args.get_item(3)?.cast_into::<PyDict>()?)? {
        furthest = furthest.max(look.value(&value, DEPTH)?);
    }
    for base in args.get_item(2)?.try_iter()?.chain([args.get_item(0)]) {
        let base = base?;
        if !(base.is_instance_of::<PyType>() && lookup::by_reference(&base)?) {
            furthest = furthest.max(Leads::Unknown);
        }
    }
    Ok(furthest)
}

/// How deep containers are looked into. A model of pydantic stands in its own schema, some dicts and lists down.
const DEPTH: usize = 8;
/// How many objects are looked at: an attempt goes through more of them quicker, for it meets each only once.
const OBJECTS: usize = 10_000;

/// A look into what a class is made from.
struct Look<'a, 'py> {
    class: &'a Bound<'py, PyAny>,
    /// How many objects may still be looked at.
    left: usize,
}

impl<'py> Look<'_, 'py> {
    fn value(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<Leads> {
        if self.left == 0 {
            return Ok(Leads::Unknown);
        }
        self.left -= 1;
        match Kind::of(value) {
            Kind::None | Kind::Bool | Kind::Int | Kind::Float | Kind::Str | Kind::Bytes | Kind::ByteArray => {
                Ok(Leads::Elsewhere)
            }
            Kind::Tuple => self.furthest(value.cast::<PyTuple>()?, depth),
            Kind::List => self.furthest(value.cast::<PyList>()?, depth),
            Kind::Dict => {
                let dict = value.cast::<PyDict>()?;
                let values = self.furthest(dict.values(), depth)?;
                if values == Leads::Back { Ok(values) } else { Ok(values.max(self.furthest(dict.keys(), depth)?)) }
            }
            Kind::Other if value.is(self.class) => Ok(Leads::Back),
            Kind::Other if is_made_of_functions(value)? => Ok(Leads::Elsewhere),
            Kind::Set | Kind::FrozenSet | Kind::Other => Ok(Leads::Unknown),
        }
    }

    /// The furthest that one of the values leads.
    fn furthest(&mut self, values: impl IntoIterator<Item = Bound<'py, PyAny>>, depth: usize) -> PyResult<Leads> {
        if depth == 0 {
            return Ok(Leads::Unknown);
        }
        let mut furthest = Leads::Elsewhere;
        for value in values {
            furthest = furthest.max(self.value(&value, depth - 1)?);
            if furthest == Leads::Back {
                break;
            }
            if self.left == 0 {
                return Ok(Leads::Unknown);
            }
        }
        Ok(furthest)
    }
}

/// Whether it is a function, or a method or property that has functions and nothing else.
fn is_made_of_functions(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = value.py();
    let (ty, runtime) = (value.get_type(), Runtime::get(py));
    let parts: &[&Bound<'_, PyString>] = if ty.is(&runtime.classmethod_type) || ty.is(&runtime.staticmethod_type) {
        &[intern!(py, "__func__")]
    } else if ty.is(&runtime.property_type) {
        &[intern!(py, "fget"), intern!(py, "fset"), intern!(py, "fdel")]
    } else {
        return Ok(value.is_exact_instance_of::<PyFunction>());
    };
    for part in parts {
        let part = value.getattr(*part)?;
        if !part.is_none() && !part.is_exact_instance_of::<PyFunction>() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The functions among the arguments by which a class or an enumeration is made, and the variables of their closures.
/// What they refer to may lead back to the class, so it is to be written when the class is made. None for other calls.
pub(crate) fn postponable<'py>(
    callable: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
) -> PyResult<Option<HashSet<usize>>> {
    let py = callable.py();
    let wire = Wire::get(py);
    if !callable.is(&wire.make_skeleton_class) && !callable.is(&wire.make_skeleton_enum) {
        return Ok(None);
    }
    let mut found = HashSet::new();
    for (_, value) in dict::items(&args.get_item(3)?.cast_into::<PyDict>()?)? {
        for function in functions_of(&value)? {
            if let Ok(closure) = function.getattr(intern!(py, "__closure__"))?.cast_into::<PyTuple>() {
                for cell in closure {
                    if contents(&cell)?.is_some() {
                        found.insert(identity::of(&cell));
                    }
                }
            }
            found.insert(identity::of(&function));
        }
    }
    Ok(Some(found))
}

/// Whether an attribute of a class is a function, or a descriptor made of functions.
pub(crate) fn is_method(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(!functions_of(value)?.is_empty())
}

/// The functions that an attribute of a class consists of.
fn functions_of<'py>(value: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let py = value.py();
    let mut found = Vec::new();
    if let Ok(function) = value.cast_exact::<PyFunction>() {
        found.push(value.clone());
        found.extend(recursive_repr::user_function_of(function)?);
        return Ok(found);
    }
    let runtime = Runtime::get(py);
    let is = |ty: &Py<PyType>| value.get_type().is(ty);
    let parts: &[&Bound<'py, PyString>] = if is(&runtime.classmethod_type) || is(&runtime.staticmethod_type) {
        &[intern!(py, "__func__")]
    } else if is(&runtime.property_type) {
        &[intern!(py, "fget"), intern!(py, "fset"), intern!(py, "fdel")]
    } else if is(&runtime.partialmethod_type) || value.get_type().is(&runtime.partial) {
        &[intern!(py, "func")]
    } else {
        &[]
    };
    for part in parts {
        found.extend(functions_of(&value.getattr(*part)?)?);
    }
    Ok(found)
}

/// Can `function` not be called with this many positional arguments alone?
fn needs_keywords(function: &Bound<'_, PyAny>, positional: usize) -> PyResult<bool> {
    let py = function.py();
    let code = function.getattr(intern!(py, "__code__"))?;
    let count = |name: &Bound<'_, PyString>| code.getattr(name)?.extract::<usize>();
    let (arguments, keywords) = (count(intern!(py, "co_argcount"))?, count(intern!(py, "co_kwonlyargcount"))?);
    let defaults = function.getattr(intern!(py, "__defaults__"))?;
    let defaults = if defaults.is_none() { 0 } else { defaults.len()? };
    if arguments > positional + defaults {
        return Ok(true);
    }
    let given = function.getattr(intern!(py, "__kwdefaults__"))?;
    let names = code.getattr(intern!(py, "co_varnames"))?.cast_into::<PyTuple>()?;
    for name in names.get_slice(arguments, arguments + keywords) {
        if given.is_none() || !given.contains(name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The function behind a method, if it is one.
fn function_of<'py>(method: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(functions_of(method)?.into_iter().next())
}

/// Whether one of the metaclass's own methods that make a class needs keywords.
pub(crate) fn metaclass_needs_keywords(metaclass: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = metaclass.py();
    let Ok(metaclass) = metaclass.cast::<PyType>() else { return Ok(false) };
    if metaclass.is(&Runtime::get(py).type_type) {
        return Ok(false);
    }
    for (name, positional) in [
        (intern!(py, "__new__"), 4),
        (intern!(py, "__init__"), 4),
        (intern!(py, "__call__"), 4),
        (intern!(py, "__prepare__"), 3),
    ] {
        for method in code_of_program(metaclass.mro().iter(), &[name])? {
            if let Some(function) = function_of(&method)?
                && needs_keywords(&function, positional)?
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether `__init_subclass__` of one of the bases needs keywords. One that takes no keywords calls the next one with
/// what that needs.
pub(crate) fn bases_need_keywords(bases: &Bound<'_, PyTuple>) -> PyResult<bool> {
    let py = bases.py();
    for base in bases {
        let Ok(base) = base.cast_into::<PyType>() else { continue };
        for method in code_of_program(base.mro().iter(), &[intern!(py, "__init_subclass__")])? {
            let Some(function) = function_of(&method)? else { break };
            if needs_keywords(&function, 1)? {
                return Ok(true);
            }
            let code = function.getattr(intern!(py, "__code__"))?;
            if code.getattr(intern!(py, "co_flags"))?.extract::<u32>()? & CO_VARKEYWORDS == 0 {
                break;
            }
        }
    }
    Ok(false)
}

/// The nearest metaclass that makes a class from whatever its namespace holds: `ABCMeta`, `type`.
pub(crate) fn undemanding_metaclass<'py>(metaclass: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    for class in metaclass.mro() {
        if is_undemanding(class.cast::<PyType>()?)? {
            return Ok(class);
        }
    }
    Ok(metaclass.py().get_type::<PyType>().into_any())
}
