//! Exceptions: what `raise ... from` and `except` attached to them.

use pyo3::exceptions::PyBaseException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::pickler::can_be_pickled;

/// The reduce tuple of an exception with its cause and context added to the state, which plain `pickle` leaves out.
///
/// They travel as attributes that `BaseException.__setstate__` sets, so that plain `pickle` loads them. What cannot be
/// pickled of them stays behind: the exception alone arrived before, and still has to.
pub(crate) fn with_causes<'py>(obj: &Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    let (Ok(exception), Ok(reduction)) = (obj.cast::<PyBaseException>(), value.cast::<PyTuple>()) else {
        return Ok(value);
    };
    let context = exception.getattr(intern!(py, "__context__"))?;
    let cause = exception.getattr(intern!(py, "__cause__"))?;
    if context.is_none() && cause.is_none() {
        return Ok(value);
    }
    // One with a `__setstate__` of its own says itself what travels.
    let set_state = intern!(py, "__setstate__");
    if !exception.get_type().getattr(set_state)?.is(&py.get_type::<PyBaseException>().getattr(set_state)?) {
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
    let cause_travels = !cause.is_none() && can_be_pickled(&cause)?;
    let context_travels =
        if context.is(&cause) { cause_travels } else { !context.is_none() && can_be_pickled(&context)? };
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
