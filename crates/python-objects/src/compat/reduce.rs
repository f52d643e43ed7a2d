//! Objects that do not reduce themselves as CPython's do.

use pyo3::prelude::*;

/// What the interpreter's own reduction of an object lacks.
pub enum Lacking {
    /// The object is a function of an extension, and its name is all there is to it.
    Name,
    /// The object is a slot's descriptor, and an attribute of its class.
    Attribute,
    /// The object holds what its reduction would leave out, without saying so: it cannot be pickled.
    State,
}

/// Whether `obj` does not reduce itself as it would on CPython, and why.
///
/// # Errors
/// None on CPython: there objects that hold hidden state refuse by themselves.
#[cfg(not(PyPy))]
#[inline]
pub fn lacking(_obj: &Bound<'_, PyAny>) -> PyResult<Option<Lacking>> {
    Ok(None)
}

/// Whether `obj` does not reduce itself as it would on CPython, and why.
///
/// # Errors
/// What looking an attribute up raises.
#[cfg(PyPy)]
pub fn lacking(obj: &Bound<'_, PyAny>) -> PyResult<Option<Lacking>> {
    if obj.is_exact_instance_of::<pyo3::types::PyCFunction>() {
        return Ok(Some(Lacking::Name));
    }
    if !has_hidden_state(obj)? {
        return Ok(None);
    }
    let is_slot = obj.get_type().name()? == "member_descriptor";
    Ok(Some(if is_slot { Lacking::Attribute } else { Lacking::State }))
}

/// PyPy's `object.__reduce_ex__` reduces every object, a lock or a generator too, to a call of its class's `__new__`. The
/// rule here is CPython's: an object of a type that is not written in Python, other than `object` itself, has to define
/// one of the methods that reduce it or give its state; only lists and dicts are known to the default. Tracebacks define
/// one, and what it returns crashes PyPy when it is looked at.
#[cfg(PyPy)]
fn has_hidden_state(obj: &Bound<'_, PyAny>) -> PyResult<bool> {
    use pyo3::intern;
    use pyo3::type_object::PyTypeInfo;
    use pyo3::types::{PyDict, PyList, PyTraceback};

    /// `Py_TPFLAGS_HEAPTYPE`: made by a `class` statement.
    const HEAP_TYPE: u64 = 1 << 9;

    let py = obj.py();
    if obj.is_instance_of::<PyList>() || obj.is_instance_of::<PyDict>() {
        return Ok(false);
    }
    let class = obj.get_type();
    // A proxy reduces as what it stands for.
    if !obj.getattr(intern!(py, "__class__"))?.is(&class) {
        return Ok(false);
    }
    if class.is(PyTraceback::type_object(py)) {
        return Ok(true);
    }
    let object = py.get_type::<PyAny>();
    for base in class.mro() {
        if base.is(&object) {
            return Ok(false);
        }
        if base.getattr(intern!(py, "__flags__"))?.extract::<u64>()? & HEAP_TYPE == 0 {
            break;
        }
    }
    for name in [intern!(py, "__reduce_ex__"), intern!(py, "__reduce__"), intern!(py, "__getstate__")] {
        if !class.getattr(name)?.is(&object.getattr(name)?) {
            return Ok(false);
        }
    }
    for name in [intern!(py, "__getnewargs_ex__"), intern!(py, "__getnewargs__")] {
        if class.hasattr(name)? {
            return Ok(false);
        }
    }
    Ok(true)
}
