//! Functions: made empty first, so that a function can refer to itself, and given their state once they are memoized.

use pyo3::exceptions::PyKeyError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use python_objects::dict;

use super::{cell, in_progress};
use crate::by_value::registry;
use crate::runtime::Runtime;

/// A function of this code, with nothing but the cells of its closure and the globals it will share.
///
/// `globals` is the namespace that all functions of one pickle which came from one module share. It is given
/// `__builtins__`: without that entry each function would look for its own, and free-threaded builds need it there.
///
/// Args:
///     code: the code object.
///     globals: the shared namespace, a dict.
///     name: its name; None for the code's.
///     argdefs: the defaults of its arguments, a tuple or None.
///     closure: a tuple of cells, or None.
#[pyfunction]
#[pyo3(name = "_make_function", signature = (code, globals, name, argdefs, closure))]
pub(crate) fn make_function<'py>(
    code: &Bound<'py, PyAny>,
    globals: &Bound<'py, PyAny>,
    name: &Bound<'py, PyAny>,
    argdefs: &Bound<'py, PyAny>,
    closure: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = code.py();
    super::add_builtins(globals)?;
    let function = Runtime::get(py).function_type.bind(py).call1((code, globals, name, argdefs, closure))?;
    // With a name come functions that have no state.
    if name.is_none() {
        in_progress::begin(&function, code)?;
    }
    Ok(function)
}

/// Gives a function its state: a pair of its `__dict__` and of a dict with everything else.
///
/// Of the second one, `__globals__` is added to the namespace the function has, `__closure__` is a tuple of cells whose
/// contents go to the function's own cells (those of empty cells stay as they are, another function of the same pickle
/// may have filled them), and `_cloudpickle_submodules` was there to be imported. The rest are attributes. The state
/// itself is left as it is.
///
/// Raises:
///     `KeyError`: `__globals__` or `__closure__` is missing.
#[pyfunction]
#[pyo3(name = "_function_setstate")]
pub(crate) fn function_setstate<'py>(obj: &Bound<'py, PyAny>, state: &Bound<'py, PyAny>) -> PyResult<()> {
    let py = obj.py();
    in_progress::end(obj);
    let (attributes, slots) = super::state_pair(state)?;
    // Without need, no function gets a dict.
    if !attributes.is_empty() {
        super::update(&obj.getattr(intern!(py, "__dict__"))?, &attributes)?;
    }

    // Collected before anything is set: an attribute's previous value may run code when it goes.
    let mut globals = None;
    let mut closure = None;
    let mut came_along = None;
    let mut rest = Vec::with_capacity(slots.len());
    for (name, value) in dict::items(&slots)? {
        match name.cast::<PyString>().ok().and_then(|name| name.to_str().ok()) {
            Some("__globals__") => globals = Some(value),
            Some("__closure__") => closure = Some(value),
            Some("_cloudpickle_submodules") => came_along = Some(value),
            Some(text) => rest.push((attribute_name(py, text).map_or(name, |own| own.clone().into_any()), value)),
            None => rest.push((name, value)),
        }
    }
    for element in came_along.iter().filter_map(|list| list.cast::<PyList>().ok()).flatten() {
        registry::offer_carried(&element)?;
    }
    let globals = globals.ok_or_else(|| PyKeyError::new_err("__globals__"))?;
    let closure = closure.ok_or_else(|| PyKeyError::new_err("__closure__"))?;

    let own_globals = obj.getattr(intern!(py, "__globals__"))?;
    super::update(&own_globals, &globals)?;
    super::add_builtins(&own_globals)?;

    if !closure.is_none() {
        let own_cells = obj.getattr(intern!(py, "__closure__"))?;
        for (index, cell) in closure.try_iter()?.enumerate() {
            if let Some(value) = cell::contents(&cell?)? {
                cell::fill(&own_cells.get_item(index)?, &value)?;
            }
        }
    }
    for (name, value) in rest {
        let name = name.cast_into::<PyString>()?;
        if name.is(intern!(py, "__annotations__")) {
            super::intern_keys(&value)?;
        }
        obj.setattr(name, value)?;
    }
    Ok(())
}

/// The interned string for an attribute that functions have. One that was just read is not interned and not hashed, both
/// of which setting an attribute asks for.
fn attribute_name<'py>(py: Python<'py>, name: &str) -> Option<&'py Bound<'py, PyString>> {
    Some(match name {
        "__name__" => intern!(py, "__name__"),
        "__qualname__" => intern!(py, "__qualname__"),
        "__kwdefaults__" => intern!(py, "__kwdefaults__"),
        "__defaults__" => intern!(py, "__defaults__"),
        "__module__" => intern!(py, "__module__"),
        "__doc__" => intern!(py, "__doc__"),
        "__annotations__" => intern!(py, "__annotations__"),
        _ => return None,
    })
}

/// A function that `_fill_function` will complete: the form in which cloudpickle 0.x and 1.x wrote functions.
///
/// Args:
///     code: the code object.
///     `cell_count`: how many variables its closure has; -1 for no closure.
///     `base_globals`: the namespace shared with other functions. Versions 0.5.4 to 0.7 wrote a name or None here,
///         which stand for an empty one.
#[pyfunction]
#[pyo3(name = "_make_skel_func", signature = (code, cell_count, base_globals = None))]
pub(crate) fn make_skel_func<'py>(
    code: &Bound<'py, PyAny>,
    cell_count: isize,
    base_globals: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = code.py();
    let globals = match base_globals {
        Some(globals) if !globals.is_instance_of::<PyString>() => globals,
        _ => PyDict::new(py).into_any(),
    };
    let none = py.None().into_bound(py);
    let closure = if cell_count < 0 {
        none.clone()
    } else {
        let cells: Vec<_> = (0..cell_count).map(|_| cell::make_empty_cell(py)).collect::<PyResult<_>>()?;
        pyo3::types::PyTuple::new(py, cells)?.into_any()
    };
    make_function(code, &globals, &none, &none, &closure)
}

/// Completes a function made by `_make_skel_func`, and returns it.
///
/// The state is a dict; versions 0.4.0 and 0.4.1 passed four or five of its values as arguments.
#[pyfunction]
#[pyo3(name = "_fill_function", signature = (func, *state))]
pub(crate) fn fill_function<'py>(
    func: Bound<'py, PyAny>,
    state: &Bound<'py, pyo3::types::PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = func.py();
    in_progress::end(&func);
    let keys: &[&str] = match state.len() {
        1 => &[],
        4 => &["globals", "defaults", "dict", "closure_values"],
        5 => &["globals", "defaults", "dict", "module", "closure_values"],
        count => {
            return Err(pyo3::exceptions::PyValueError::new_err(format!(
                "_fill_function: unexpected number of arguments: {}",
                count + 1
            )));
        }
    };
    let state = if keys.is_empty() {
        state.get_item(0)?.cast_into::<PyDict>()?
    } else {
        let named = PyDict::new(py);
        for (key, value) in keys.iter().zip(state.iter()) {
            named.set_item(key, value)?;
        }
        named
    };
    let required = |key: &str| state.get_item(key)?.ok_or_else(|| PyKeyError::new_err(key.to_owned()));

    super::update(&func.getattr(intern!(py, "__globals__"))?, &required("globals")?)?;
    func.setattr(intern!(py, "__defaults__"), required("defaults")?)?;
    func.setattr(intern!(py, "__dict__"), required("dict")?)?;
    for (key, attribute) in [
        ("annotations", "__annotations__"),
        ("doc", "__doc__"),
        ("name", "__name__"),
        ("module", "__module__"),
        ("qualname", "__qualname__"),
        ("kwdefaults", "__kwdefaults__"),
    ] {
        if let Some(value) = state.get_item(key)? {
            func.setattr(attribute, value)?;
        }
    }
    let cells = func.getattr(intern!(py, "__closure__"))?;
    if !cells.is_none() {
        let nothing = &Runtime::get(py).state.empty_cell_value;
        for (cell, value) in cells.try_iter()?.zip(required("closure_values")?.try_iter()?) {
            let value = value?;
            if !value.is(nothing) {
                cell::fill(&cell?, &value)?;
            }
        }
    }
    Ok(func)
}
