//! Annotations of functions and classes, which Python evaluates when they are asked for since 3.14 (PEP 649).
//!
//! They travel evaluated, as `__annotations__`: the form that every version reads, and that keeps what a program changed
//! in them. Where they cannot be evaluated, because a name in them is not defined yet, the function that evaluates them
//! travels in their place.

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyString, PyTuple};

use crate::by_value::code_globals;
use crate::rebuild::cell::contents;
use crate::runtime::Runtime;

/// Puts the annotations of `function` into the attributes that its loader sets.
pub(super) fn of_function<'py>(function: &Bound<'py, PyAny>, attributes: &Bound<'py, PyDict>) -> PyResult<()> {
    let name = intern!(function.py(), "__annotate__");
    put(function, attributes, name, function.getattr_opt(name)?)
}

/// Puts the annotations of a class into its state, in place of what Python keeps them in. Versions before 3.14 keep them
/// as the attribute that travels.
pub(super) fn of_class<'py>(class: &Bound<'py, PyAny>, state: &Bound<'py, PyDict>) -> PyResult<()> {
    let py = class.py();
    let name = intern!(py, "__annotate_func__");
    let cache = intern!(py, "__annotations_cache__");
    let (evaluator, cached) = (state.get_item(name)?, state.get_item(cache)?);
    for kept in [name, cache] {
        if state.contains(kept)? {
            state.del_item(kept)?;
        }
    }
    match evaluator.as_ref().or(cached.as_ref()) {
        // A class without annotations of its own would answer with an empty dict, and remember that it has some.
        Some(own) if !own.is_none() || cached.is_some() => put(class, state, name, evaluator),
        _ => Ok(()),
    }
}

/// Sets `__annotations__` in `state`, or under `name` the function that evaluates them.
fn put<'py>(
    owner: &Bound<'py, PyAny>,
    state: &Bound<'py, PyDict>,
    name: &Bound<'py, PyString>,
    evaluator: Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let annotations = intern!(owner.py(), "__annotations__");
    match (owner.getattr(annotations), evaluator.filter(|evaluator| !evaluator.is_none())) {
        (Ok(evaluated), _) => state.set_item(annotations, evaluated),
        (Err(error), Some(evaluator)) if error.is_instance_of::<PyException>(owner.py()) => {
            state.set_item(name, with_names_of_class(evaluator)?)
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
