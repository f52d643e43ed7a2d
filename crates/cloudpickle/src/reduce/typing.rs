//! Type variables, `NewType`, and what else annotations are made with and modules define.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};

use super::call::Call;
use super::copy_of;
use crate::by_value::class_tracker::tracker;
use crate::by_value::{lookup, registry};
use crate::rebuild::Wire;
use crate::runtime::Runtime;

/// The variable's name, as a reference to it in its module; `_make_typevar(...)` where it cannot be imported.
///
/// A type variable has no `__qualname__`, so its module and `__name__` decide.
#[pyfunction]
#[pyo3(name = "_typevar_reduce")]
pub(crate) fn typevar_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    if let Some(name) = importable_name(obj)? {
        return Ok(name);
    }
    let (has_default, infers) = (default_of(obj)?.is_some(), infers_variance(obj)?);
    if has_default || infers {
        return tracked(obj, Call::new(parameter_call(obj)?)?);
    }
    Ok((&Wire::get(py).make_typevar, decompose_typevar(obj)?).into_pyobject(py)?.into_any())
}

/// The name under which the object is found in its module, if it is and the module is not registered. For a reducer this
/// string is a reduction: `save_global` under this name, which is what plain `pickle` writes.
fn importable_name<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let name = obj.getattr(intern!(obj.py(), "__name__"))?;
    match lookup::importable(obj, Some(&name))? {
        Some((module, name)) if !registry::is_registered(&module)? => Ok(Some(name)),
        _ => Ok(None),
    }
}

/// `_lookup_class_or_track(id, call)`: what the call gives, or what the process has already under the object's id.
fn tracked<'py>(obj: &Bound<'py, PyAny>, call: Bound<'py, Call>) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    let id = tracker(py).wanted_id(obj)?;
    Ok((&Wire::get(py).lookup_class_or_track, (id, call)).into_pyobject(py)?.into_any())
}

/// What a type parameter stands for where it is left open, if that was said (Python 3.13).
fn default_of<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = obj.py();
    let Some(has_default) = obj.getattr_opt(intern!(py, "has_default"))? else { return Ok(None) };
    if has_default.call0()?.is_truthy()? { obj.getattr(intern!(py, "__default__")).map(Some) } else { Ok(None) }
}

/// Whether the type checker is to find out the variance (Python 3.12), as it is for `def f[T]()`.
fn infers_variance(obj: &Bound<'_, PyAny>) -> PyResult<bool> {
    obj.getattr_opt(intern!(obj.py(), "__infer_variance__"))?.map_or(Ok(false), |infers| infers.is_truthy())
}

/// `partial(type(obj), **keywords)(name, *constraints)` for a type parameter of any kind.
fn parameter_call<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let keywords = PyDict::new(py);
    for (name, keyword) in [
        (intern!(py, "__covariant__"), intern!(py, "covariant")),
        (intern!(py, "__contravariant__"), intern!(py, "contravariant")),
        (intern!(py, "__infer_variance__"), intern!(py, "infer_variance")),
        (intern!(py, "__bound__"), intern!(py, "bound")),
    ] {
        if let Some(value) = obj.getattr_opt(name)?
            && !value.is_none()
            && !value.is(pyo3::types::PyBool::new(py, false))
        {
            keywords.set_item(keyword, value)?;
        }
    }
    if let Some(default) = default_of(obj)? {
        keywords.set_item(intern!(py, "default"), default)?;
    }
    let arguments = PyList::new(py, [copy_of(&obj.getattr(intern!(py, "__name__"))?)])?;
    if let Some(constraints) = obj.getattr_opt(intern!(py, "__constraints__"))? {
        for constraint in constraints.try_iter()? {
            arguments.append(constraint?)?;
        }
    }
    (partial(&obj.get_type(), &keywords)?, arguments.to_tuple()).into_pyobject(py)
}

/// `functools.partial(class, **keywords)`, by which a reduce tuple says keywords.
fn partial<'py>(class: &Bound<'py, PyType>, keywords: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
    if keywords.is_empty() {
        return Ok(class.clone().into_any());
    }
    Runtime::get(class.py()).partial.bind(class.py()).call((class,), Some(keywords))
}

/// `ParamSpec` and `TypeVarTuple`: like a type variable. Plain `pickle` writes the name alone.
#[pyfunction]
#[pyo3(name = "_type_parameter_reduce")]
pub(crate) fn type_parameter_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match importable_name(obj)? {
        Some(name) => Ok(name),
        None => tracked(obj, Call::new(parameter_call(obj)?)?),
    }
}

/// `P.args` and `P.kwargs` of a `ParamSpec`.
#[pyfunction]
#[pyo3(name = "_type_parameter_part_reduce")]
pub(crate) fn type_parameter_part_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    Ok((obj.get_type(), (obj.getattr(intern!(py, "__origin__"))?,)).into_pyobject(py)?.into_any())
}

/// `NewType(name, supertype)`, with its attributes as state. Plain `pickle` writes the name alone.
#[pyfunction]
#[pyo3(name = "_new_type_reduce")]
pub(crate) fn new_type_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    if let Some(name) = importable_name(obj)? {
        return Ok(name);
    }
    let supertype = obj.getattr(intern!(py, "__supertype__"))?;
    let name = copy_of(&obj.getattr(intern!(py, "__name__"))?);
    let state = PyDict::new(py);
    for (name, value) in obj.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?.copy()? {
        if !value.is(&supertype) {
            state.set_item(copy_of(&name), value)?;
        }
    }
    let call = (obj.get_type(), (name, supertype), state).into_pyobject(py)?;
    tracked(obj, Call::new(call)?)
}

/// `TypeAliasType(name, value, type_params=parameters)`, which `type X = ...` makes (Python 3.12). Plain `pickle` writes
/// the name alone.
#[pyfunction]
#[pyo3(name = "_type_alias_reduce")]
pub(crate) fn type_alias_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    if let Some(name) = importable_name(obj)? {
        return Ok(name);
    }
    let keywords = PyDict::new(py);
    let parameters = obj.getattr(intern!(py, "__type_params__"))?;
    if parameters.is_truthy()? {
        keywords.set_item(intern!(py, "type_params"), parameters)?;
    }
    let name = copy_of(&obj.getattr(intern!(py, "__name__"))?);
    let value = obj.getattr(intern!(py, "__value__"))?;
    Ok((partial(&obj.get_type(), &keywords)?, (name, value)).into_pyobject(py)?.into_any())
}

/// The arguments of `_make_typevar` for a type variable: name, bound, constraints, covariant, contravariant, id.
#[pyfunction]
#[pyo3(name = "_decompose_typevar")]
pub(crate) fn decompose_typevar<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let id = tracker(py).wanted_id(obj)?;
    (
        obj.getattr(intern!(py, "__name__"))?,
        obj.getattr(intern!(py, "__bound__"))?,
        obj.getattr(intern!(py, "__constraints__"))?,
        obj.getattr(intern!(py, "__covariant__"))?,
        obj.getattr(intern!(py, "__contravariant__"))?,
        id,
    )
        .into_pyobject(py)
}
