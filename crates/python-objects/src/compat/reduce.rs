//! Objects that the default reduction cannot take apart.

use pyo3::prelude::*;

/// Whether `obj` is a function of an extension that does not reduce itself to its name, as those of CPython do.
#[cfg(not(PyPy))]
#[inline]
#[must_use]
pub fn is_nameless_function(_obj: &Bound<'_, PyAny>) -> bool {
    false
}

/// Whether `obj` is a function of an extension that does not reduce itself to its name, as those of CPython do.
#[cfg(PyPy)]
#[must_use]
pub fn is_nameless_function(obj: &Bound<'_, PyAny>) -> bool {
    obj.is_exact_instance_of::<pyo3::types::PyCFunction>()
}

/// Whether `obj` holds what its reduction would leave out, without saying so.
///
/// # Errors
/// None on CPython: there `object.__reduce_ex__` refuses such objects itself.
#[cfg(not(PyPy))]
#[inline]
pub fn has_hidden_state(_obj: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(false)
}

/// Whether `obj` holds what its reduction would leave out, without saying so.
///
/// PyPy's `object.__reduce_ex__` reduces every object, a lock or a generator too, to a call of its class's `__new__`. The
/// rule here is CPython's: an object of a type that is not written in Python, other than `object` itself, has to define
/// one of the methods that reduce it or give its state; only lists and dicts are known to the default. Tracebacks define
/// one, and what it returns crashes PyPy 7.3 and 8.0 when it is looked at.
///
/// # Errors
/// What looking an attribute up raises.
#[cfg(PyPy)]
pub fn has_hidden_state(obj: &Bound<'_, PyAny>) -> PyResult<bool> {
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
