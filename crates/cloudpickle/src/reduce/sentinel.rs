//! Objects of the standard library that stand for "nothing was given": code compares them by identity, so each process
//! must go on with its own.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};

use crate::runtime::Runtime;

/// A name that is not interned: a name of code would be the same object.
struct OwnName {
    text: &'static str,
    object: PyOnceLock<Py<PyString>>,
}

impl OwnName {
    const fn new(text: &'static str) -> Self {
        Self { text, object: PyOnceLock::new() }
    }

    fn of<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        self.object.get_or_init(py, || PyString::new(py, self.text).unbind()).bind(py)
    }
}

static MISSING: OwnName = OwnName::new("MISSING");
static HAS_DEFAULT_FACTORY: OwnName = OwnName::new("_HAS_DEFAULT_FACTORY");

/// The sentinel's name, as a reference to it in `dataclasses`. Plain `pickle` copies it.
///
/// Another instance of such a type is reduced as any object.
#[pyfunction]
#[pyo3(name = "_dataclass_sentinel_reduce")]
pub(crate) fn dataclass_sentinel_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    match name_of(obj)? {
        // A string is a reduction too: `save_global` under this name.
        Some(name) => Ok(name),
        None => py.get_type::<PyAny>().call_method1(intern!(py, "__reduce_ex__"), (obj, 2)),
    }
}

/// Under which name one of the sentinels of `dataclasses` should be found there, those for kinds of fields among them; of
/// which it is known that its reducer is this package's.
pub(crate) fn untouched_sentinel<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = obj.py();
    let (ty, runtime) = (obj.get_type_ptr(), Runtime::get(py));
    let state = &runtime.state;
    let is = |other: &Py<PyType>| ty == other.as_ptr().cast();
    let (position, name) = if is(&runtime.field_sentinel_type) {
        (super::FIELD_SENTINEL, None)
    } else if is(&state.missing_type) {
        (super::MISSING, Some(&MISSING))
    } else if is(&state.default_factory_sentinel_type) {
        (super::DEFAULT_FACTORY, Some(&HAS_DEFAULT_FACTORY))
    } else {
        return Ok(None);
    };
    if !super::is_untouched(py, position)? {
        return Ok(None);
    }
    match name {
        Some(name) => Ok(Some(name.of(py).clone().into_any())),
        None => obj.getattr_opt(intern!(py, "name")),
    }
}

/// The name by which one of the sentinels travels whose reducer is this package's.
pub(crate) fn found_under<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = obj.py();
    let (ty, runtime) = (obj.get_type_ptr(), Runtime::get(py));
    let state = &runtime.state;
    let is = |other: &Py<PyType>| ty == other.as_ptr().cast();
    if is(&runtime.field_sentinel_type) {
        return obj.getattr_opt(intern!(py, "name"));
    }
    let types = [&state.missing_type, &state.default_factory_sentinel_type, &state.kw_only_type];
    if types.into_iter().any(is) { name_of(obj) } else { Ok(None) }
}

/// The name of a sentinel in `dataclasses`.
fn name_of<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = obj.py();
    let dataclasses = Runtime::get(py).dataclasses.bind(py);
    let names = [intern!(py, "MISSING"), intern!(py, "KW_ONLY"), intern!(py, "_HAS_DEFAULT_FACTORY")];
    for name in names {
        if dataclasses.getattr_opt(name)?.is_some_and(|sentinel| sentinel.is(obj)) {
            return Ok(Some(PyString::new(py, &name.to_string_lossy()).into_any()));
        }
    }
    Ok(None)
}

/// `getattr(contextvars.Token, "MISSING")`: what a token's `old_value` is when there was none.
#[pyfunction]
#[pyo3(name = "_token_missing_reduce")]
pub(crate) fn token_missing_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    let runtime = Runtime::get(py);
    Ok((&runtime.getattr, (&runtime.token_type, intern!(py, "MISSING"))).into_pyobject(py)?.into_any())
}
