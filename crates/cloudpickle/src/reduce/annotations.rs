//! Annotations of functions and classes, which Python evaluates when they are asked for since 3.14 (PEP 649).
//!
//! They travel evaluated, as `__annotations__`: the form that every version reads, and that keeps what a program changed
//! in them. Where they cannot be evaluated, because a name in them is not defined yet, the function that evaluates them
//! travels in their place.
//!
//! Annotations may also be text (`from __future__ import annotations`, or quotes). `typing.get_type_hints` evaluates it
//! where it is called, so what it names has to be there: a function takes these globals along, and in the annotations of a
//! class of the script, whose module is another one where it arrives, what the text stands for takes the text's place.

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyString, PyTuple, PyType};

use crate::by_value::{code_globals, lookup, registry};
use crate::pickler::Probe;
use crate::rebuild::cell::contents;
use crate::runtime::Runtime;

/// Under which name the annotations of `function` travel, and what.
pub(super) fn of_function<'py>(function: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyString>, Bound<'py, PyAny>)> {
    let name = intern!(function.py(), "__annotate__");
    evaluated(function, name, function.getattr_opt(name)?)
}

/// Puts the annotations of a class into its state, in place of what Python keeps them in. Versions before 3.14 keep them
/// as the attribute that travels.
pub(super) fn of_class<'py>(class: &Bound<'py, PyAny>, state: &Bound<'py, PyDict>, probe: &mut Probe) -> PyResult<()> {
    let py = class.py();
    let name = intern!(py, "__annotate_func__");
    let cache = intern!(py, "__annotations_cache__");
    let (evaluator, cached) = (state.get_item(name)?, state.get_item(cache)?);
    for kept in [name, cache] {
        if state.contains(kept)? {
            state.del_item(kept)?;
        }
    }
    // A class without annotations of its own would answer with an empty dict, and remember that it has some.
    if evaluator.as_ref().or(cached.as_ref()).is_some_and(|own| !own.is_none() || cached.is_some()) {
        put(class, state, name, evaluator)?;
    }
    let annotations = intern!(py, "__annotations__");
    match state.get_item(annotations)?.map(Bound::cast_into::<PyDict>) {
        Some(Ok(written)) if !probe.is_attempt() => state.set_item(annotations, without_text(class, written, probe)?),
        _ => Ok(()),
    }
}

/// The annotations of a class with what their text stands for in place of the text, if the module in which it would be
/// looked up is not the same where the class arrives. Text that cannot be evaluated stays, and so does what stands for
/// something that cannot be pickled.
pub(super) fn without_text<'py>(
    class: &Bound<'py, PyAny>,
    written: Bound<'py, PyDict>,
    probe: &mut Probe,
) -> PyResult<Bound<'py, PyDict>> {
    let py = class.py();
    let mut evaluated = None;
    for (name, value) in &written {
        if has_no_text(&value) {
            continue;
        }
        let names = PyDict::new(py);
        collect_names(&value, &names, MOST_LEVELS)?;
        if names.is_empty() {
            continue;
        }
        let Some(globals) = globals_that_stay_behind(class)? else { return Ok(written) };
        // Text such as 'int' says the same everywhere.
        if !names.keys().iter().any(|name| globals.contains(name).unwrap_or(false)) {
            continue;
        }
        if let Some(meant) = meaning(class, &name, &value, &globals)?
            && probe.can_be_pickled(&meant)?
        {
            let evaluated = match &evaluated {
                Some(evaluated) => evaluated,
                None => evaluated.insert(written.copy()?),
            };
            evaluated.set_item(name, meant)?;
        }
    }
    Ok(evaluated.unwrap_or(written))
}

/// The globals of the module of `class`, if it is one that is not imported where the class arrives.
fn globals_that_stay_behind<'py>(class: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let module_name = class.getattr(intern!(class.py(), "__module__"))?;
    let Some(module) = lookup::imported(&module_name)? else { return Ok(None) };
    if !lookup::is_main(&module)? && !registry::is_registered(&module)? {
        return Ok(None);
    }
    Ok(module.getattr(intern!(class.py(), "__dict__"))?.cast_into::<PyDict>().ok())
}

/// What `typing.get_type_hints` makes of one annotation of a class; None if it cannot be evaluated.
fn meaning<'py>(
    class: &Bound<'py, PyAny>,
    name: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
    globals: &Bound<'py, PyDict>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = class.py();
    // A class with this one annotation, so that others that cannot be evaluated do no harm.
    let annotations = PyDict::new(py);
    annotations.set_item(name, value)?;
    let namespace = PyDict::new(py);
    namespace.set_item(intern!(py, "__annotations__"), annotations)?;
    let bearer = py.get_type::<PyType>().call1(("Annotated", PyTuple::empty(py), namespace))?;
    let keywords = PyDict::new(py);
    keywords.set_item(intern!(py, "include_extras"), true)?;
    let attributes = py.get_type::<PyDict>().call1((class.getattr(intern!(py, "__dict__"))?,))?;
    let get_type_hints = py.import(intern!(py, "typing"))?.getattr(intern!(py, "get_type_hints"))?;
    // As for a class in its own module: what the module has counts before the attributes of the class.
    match get_type_hints.call((bearer, attributes, globals), Some(&keywords)) {
        Ok(hints) => hints.get_item(name).map(Some),
        Err(error) if error.is_instance_of::<PyException>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The names in the text of a function's annotations, as the keys of a dict, in order; nothing where there are none.
pub(super) fn names_in_text<'py>(annotations: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    // Where they cannot be evaluated there is a function in their place, and no text to look at.
    let Ok(annotations) = annotations.cast::<PyDict>() else { return Ok(None) };
    // A copy: another thread may change them. Most are classes.
    let mut others = python_objects::dict::items(annotations)?;
    others.retain(|(_, value)| !has_no_text(value));
    if others.is_empty() {
        return Ok(None);
    }
    let names = PyDict::new(annotations.py());
    for (_, value) in others {
        collect_names(&value, &names, MOST_LEVELS)?;
    }
    Ok((!names.is_empty()).then_some(names))
}

/// Whether it is what `typing` makes of text inside a type, as in `Optional['Node']`.
fn is_forward_ref(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = value.py();
    let Some(typing) = lookup::imported(intern!(py, "typing"))? else { return Ok(false) };
    Ok(typing.getattr_opt(intern!(py, "ForwardRef"))?.is_some_and(|forward_ref| value.get_type().is(&forward_ref)))
}

/// How deep types inside types are looked into.
const MOST_LEVELS: u32 = 16;

/// Whether there is no text in it: what is a class itself has none, nor has None.
fn has_no_text(value: &Bound<'_, PyAny>) -> bool {
    value.is_none() || value.is_instance_of::<PyType>()
}

/// Adds the names in `value`, if it is text, and in text inside it, as in `list['Node']` or `Optional['Node']`.
fn collect_names<'py>(value: &Bound<'py, PyAny>, names: &Bound<'py, PyDict>, levels: u32) -> PyResult<()> {
    let py = value.py();
    if let Ok(text) = value.cast::<PyString>() {
        return add_names(&text.to_string_lossy(), names);
    }
    if levels == 0 || has_no_text(value) {
        return Ok(());
    }
    if is_forward_ref(value)? {
        return collect_names(&value.getattr(intern!(py, "__forward_arg__"))?, names, levels - 1);
    }
    if let Ok(Some(arguments)) = value.getattr_opt(intern!(py, "__args__"))
        && let Ok(arguments) = arguments.cast::<PyTuple>()
    {
        for argument in arguments {
            collect_names(&argument, names, levels - 1)?;
        }
    }
    Ok(())
}

/// The words that join expressions and name nothing.
const OPERATORS: [&str; 8] = ["and", "else", "for", "if", "in", "is", "not", "or"];

/// Adds the identifiers of an expression that are not attributes of others. Two words in a row are prose and no expression.
fn add_names(text: &str, names: &Bound<'_, PyDict>) -> PyResult<()> {
    let mut found = Vec::new();
    let mut rest = text;
    let (mut behind_dot, mut behind_word) = (false, false);
    while let Some(first) = rest.chars().next() {
        if first == '\'' || first == '"' {
            let (quoted, after) = rest[1..].split_once(first).unwrap_or((&rest[1..], ""));
            add_names(quoted, names)?;
            (behind_dot, behind_word, rest) = (false, false, after);
            continue;
        }
        let is_part = |character: char| character == '_' || character.is_alphanumeric();
        let length = if is_part(first) { rest.find(|c| !is_part(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (token, after) = rest.split_at(length);
        if is_part(first) {
            let is_operator = OPERATORS.contains(&token);
            if behind_word && !is_operator {
                return Ok(());
            }
            if !first.is_numeric() && !behind_dot && !is_operator {
                found.push(token);
            }
            behind_word = !is_operator;
        } else if !first.is_whitespace() {
            behind_word = false;
        }
        behind_dot = first == '.' || (behind_dot && first.is_whitespace());
        rest = after;
    }
    found.into_iter().try_for_each(|name| names.set_item(name, names.py().None()))
}

/// Sets `__annotations__` in `state`, or under `name` the function that evaluates them.
fn put<'py>(
    owner: &Bound<'py, PyAny>,
    state: &Bound<'py, PyDict>,
    name: &Bound<'py, PyString>,
    evaluator: Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let (name, value) = evaluated(owner, name, evaluator)?;
    state.set_item(name, value)
}

/// `__annotations__` and what they are, or `name` and the function that evaluates them.
fn evaluated<'py>(
    owner: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
    evaluator: Option<Bound<'py, PyAny>>,
) -> PyResult<(Bound<'py, PyString>, Bound<'py, PyAny>)> {
    let annotations = intern!(owner.py(), "__annotations__");
    match (owner.getattr(annotations), evaluator.filter(|evaluator| !evaluator.is_none())) {
        (Ok(evaluated), _) => Ok((annotations.clone(), evaluated)),
        (Err(error), Some(evaluator)) if error.is_instance_of::<PyException>(owner.py()) => {
            Ok((name.clone(), with_names_of_class(evaluator)?))
        }
        (Err(error), _) => Err(error),
    }
}

/// The evaluator with as much of the class's namespace as it may ask for.
///
/// Inside a class it closes over the namespace of the whole class body, as the variable `__classdict__`. That holds every
/// method, which would arrive a second time, as other functions than those of the class.
fn with_names_of_class(evaluator: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = evaluator.py();
    let Ok(function) = evaluator.cast::<PyFunction>() else { return Ok(evaluator) };
    let code = function.getattr(intern!(py, "__code__"))?;
    let free = code.getattr(intern!(py, "co_freevars"))?.cast_into::<PyTuple>()?;
    let namespace = intern!(py, "__classdict__");
    if !free.contains(namespace)? {
        return Ok(evaluator);
    }
    let names = code_globals::all_names(code.cast()?)?;
    let cell_type = Runtime::get(py).cell_type.bind(py);
    let mut cells = Vec::with_capacity(free.len());
    for (variable, cell) in free.iter().zip(function.getattr(intern!(py, "__closure__"))?.try_iter()?) {
        let cell = cell?;
        match contents(&cell)? {
            Some(whole) if variable.eq(namespace)? => {
                let asked_for = PyDict::new(py);
                for name in names.keys() {
                    if whole.contains(&name)? {
                        asked_for.set_item(&name, whole.get_item(&name)?)?;
                    }
                }
                cells.push(cell_type.call1((asked_for,))?);
            }
            _ => cells.push(cell),
        }
    }
    let narrowed = Runtime::get(py).function_type.bind(py).call1((
        code,
        function.getattr(intern!(py, "__globals__"))?,
        function.getattr(intern!(py, "__name__"))?,
        function.getattr(intern!(py, "__defaults__"))?,
        PyTuple::new(py, cells)?,
    ))?;
    for name in [intern!(py, "__qualname__"), intern!(py, "__module__")] {
        narrowed.setattr(name, function.getattr(name)?)?;
    }
    Ok(narrowed)
}
