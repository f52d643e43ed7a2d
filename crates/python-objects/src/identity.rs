//! What `is` compares, as a number.

use pyo3::prelude::*;

/// A number that no other object alive has. It may be another object's when this one is gone.
#[cfg(not(PyPy))]
#[inline]
#[must_use]
pub fn of(obj: &Bound<'_, PyAny>) -> usize {
    obj.as_ptr() as usize
}

/// A number that no other object alive has. It may be another object's when this one is gone.
///
/// What an extension gets to see on PyPy are stand-ins. One that nobody holds is made anew the next time, elsewhere, and
/// equal strings out of one list have several of them. Only `id` knows the object itself.
#[cfg(PyPy)]
#[must_use]
pub fn of(obj: &Bound<'_, PyAny>) -> usize {
    let id = pypy::builtin(obj.py(), "id").and_then(|id| id.call1((obj,)));
    match id {
        Ok(id) => pypy::as_number(&id, obj),
        // `id` takes every object; what is left is a lack of memory. The stand-in is one as long as it is held.
        Err(_) => obj.as_ptr() as usize,
    }
}

#[cfg(PyPy)]
pub(crate) mod pypy {
    use pyo3::prelude::*;
    use pyo3::sync::PyOnceLock;
    use pyo3::types::PyDict;

    /// A builtin function.
    pub(crate) fn builtin<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        static BUILTINS: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
        let builtins = BUILTINS.get_or_try_init(py, || {
            Ok::<_, PyErr>(py.import("builtins")?.getattr("__dict__")?.cast_into::<PyDict>()?.unbind())
        })?;
        builtins.bind(py).as_any().get_item(name)
    }

    /// An id as a number of the machine's size. Ids are addresses or, negative ones among them, short values with a tag
    /// in the lowest bits; those of long values, such as complex numbers, are replaced by the stand-in's address.
    pub(crate) fn as_number(id: &Bound<'_, PyAny>, obj: &Bound<'_, PyAny>) -> usize {
        id.extract::<isize>().map_or_else(|_| obj.as_ptr() as usize, isize::cast_unsigned)
    }
}
