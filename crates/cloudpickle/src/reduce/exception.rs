//! Exceptions: what `raise ... from` and `except` attached to them.

use pyo3::exceptions::PyBaseException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use python_objects::exception::has_causes;
use python_objects::identity;

use crate::pickler::Probe;

/// The reduce tuple of an exception with its cause and context added to the state, which plain `pickle` leaves out.
///
/// They travel as attributes that `BaseException.__setstate__` sets, so that plain `pickle` loads them. What cannot be
/// pickled of them, or not be made again, stays behind: the exception alone arrived before, and still has to.
pub(crate) fn with_causes<'py>(
    obj: &Bound<'py, PyAny>,
    value: Bound<'py, PyAny>,
    probe: &mut Probe,
) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    let (Ok(exception), Ok(reduction)) = (obj.cast::<PyBaseException>(), value.cast::<PyTuple>()) else {
        return Ok(value);
    };
    if !made_by_its_class(exception, reduction)? {
        return Ok(value);
    }
    if probe.is_attempt() {
        make_again(reduction)?;
        return Ok(value);
    }
    // Most have none, and to look at the class takes as long as all the rest.
    if !has_causes(exception) || !sets_attributes_as_usual(exception)? {
        return Ok(value);
    }
    let context = exception.getattr(intern!(py, "__context__"))?;
    let cause = exception.getattr(intern!(py, "__cause__"))?;
    if context.is_none() && cause.is_none() {
        return Ok(value);
    }
    let state = match reduction.get_item(2).ok().filter(|state| !state.is_none()) {
        Some(state) => match state.cast_into::<PyDict>() {
            Ok(state) => state.copy()?,
            Err(_) => return Ok(value),
        },
        None => PyDict::new(py),
    };
    // As a rule, the cause is the context too.
    let cause_travels = !cause.is_none() && probe.can_be_pickled(&cause)?;
    let context_travels =
        if context.is(&cause) { cause_travels } else { !context.is_none() && probe.can_be_pickled(&context)? };
    if cause_travels {
        state.set_item(intern!(py, "__cause__"), cause)?;
    }
    if context_travels {
        state.set_item(intern!(py, "__context__"), context)?;
    }
    // Last: setting a cause sets it too.
    let suppress = intern!(py, "__suppress_context__");
    state.set_item(suppress, exception.getattr(suppress)?)?;
    let head = reduction.get_slice(0, 2);
    let tail = reduction.get_slice(3.min(reduction.len()), reduction.len());
    let state = PyTuple::new(py, [state])?;
    Ok(head.as_sequence().concat(state.as_sequence())?.concat(tail.as_sequence())?.to_tuple()?.into_any())
}

/// Whether the reduction calls the exception's class, and leaves the state to `__setstate__`. What another callable makes
/// need not be an exception.
fn made_by_its_class<'py>(exception: &Bound<'py, PyBaseException>, reduction: &Bound<'py, PyTuple>) -> PyResult<bool> {
    Ok(reduction.len() >= 2
        && reduction.get_item(0)?.is(exception.get_type())
        && (reduction.len() < 6 || reduction.get_item(5)?.is_none()))
}

/// Whether the attributes are `BaseException`'s own, and set as it sets them. A class with other methods says itself what
/// travels.
fn sets_attributes_as_usual(exception: &Bound<'_, PyBaseException>) -> PyResult<bool> {
    let py = exception.py();
    let (class, base) = (exception.get_type(), py.get_type::<PyBaseException>());
    for name in [
        intern!(py, "__setstate__"),
        intern!(py, "__setattr__"),
        intern!(py, "__cause__"),
        intern!(py, "__context__"),
        intern!(py, "__suppress_context__"),
    ] {
        // By their ids: what PyPy shows of one descriptor may be two objects.
        if identity::of(&class.getattr(name)?) != identity::of(&base.getattr(name)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Does what loading the reduction will do. Many exceptions can be pickled and not be loaded, because their `__init__`
/// takes other arguments than those that `BaseException` keeps.
fn make_again(reduction: &Bound<'_, PyTuple>) -> PyResult<()> {
    let made = reduction.get_item(0)?.call1(reduction.get_item(1)?.cast_into::<PyTuple>()?)?;
    if let Some(state) = reduction.get_item(2).ok().filter(|state| !state.is_none()) {
        made.call_method1(intern!(reduction.py(), "__setstate__"), (state,))?;
    }
    Ok(())
}
