//! What a function consists of.
//!
//! Asking for each part by name costs a lookup in the type and a call; on CPython the parts are read where they stand.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyTuple};

/// Whether functions and code objects are read without asking for one attribute after the other.
pub const HAS_PARTS_AT_HAND: bool = cfg!(not(PyPy));

/// The parts of a function written in Python.
pub struct FunctionParts<'py> {
    /// `__code__`; no code object where a builtin function is of this type, as on PyPy.
    pub code: Bound<'py, PyAny>,
    /// `__globals__`
    pub globals: Bound<'py, PyDict>,
    /// `__name__`
    pub name: Bound<'py, PyAny>,
    /// `__qualname__`
    pub qualname: Bound<'py, PyAny>,
    /// `__module__`
    pub module: Bound<'py, PyAny>,
    /// `__doc__`
    pub doc: Bound<'py, PyAny>,
    /// `__defaults__`, or None.
    pub defaults: Bound<'py, PyAny>,
    /// `__kwdefaults__`, or None.
    pub kwdefaults: Bound<'py, PyAny>,
    /// `__closure__`
    pub closure: Option<Bound<'py, PyTuple>>,
    /// `__dict__`; there need not be one as long as nobody asked for it.
    pub attributes: Option<Bound<'py, PyDict>>,
    /// `__annotations__`
    pub annotations: Annotations<'py>,
    /// `__type_params__` (Python 3.12), if there are any.
    pub type_params: Option<Bound<'py, PyAny>>,
}

/// What is known of the annotations of a function without evaluating them.
pub enum Annotations<'py> {
    /// There are none.
    Nothing,
    /// They are here.
    Here(Bound<'py, PyDict>),
    /// They have to be asked for, which may evaluate them.
    Ask,
}

fn or_none<'py>(value: Option<Bound<'py, PyAny>>, py: Python<'py>) -> Bound<'py, PyAny> {
    value.unwrap_or_else(|| py.None().into_bound(py))
}

#[cfg(all(not(PyPy), not(Py_GIL_DISABLED)))]
impl<'py> FunctionParts<'py> {
    /// The parts of `function` at this moment.
    ///
    /// # Errors
    /// None on this build.
    #[inline]
    pub fn of(function: &Bound<'py, PyFunction>) -> PyResult<Self> {
        use pyo3::ffi;

        let py = function.py();
        let object = function.as_ptr().cast::<ffi::PyFunctionObject>();
        let own = |field: *mut ffi::PyObject| {
            // SAFETY: `field` comes from a field of the live function, which holds null or a reference of its own to a live
            // object; nothing has run since it was read, for the thread holds the global lock.
            unsafe { Bound::from_borrowed_ptr_or_opt(py, field) }
        };
        // SAFETY: the type says that this is a function, exactly, because functions cannot be subclassed. PyO3 declares
        // the layout for the version that this is compiled for, and the build has the global lock, so nobody writes to the
        // fields meanwhile.
        let fields = unsafe { &*object };
        let annotations = own(fields.func_annotations);
        #[cfg(Py_3_14)]
        let evaluator = own(fields.func_annotate).filter(|evaluator| !evaluator.is_none());
        #[cfg(not(Py_3_14))]
        let evaluator: Option<Bound<'py, PyAny>> = None;
        let annotations = match annotations.map(Bound::cast_into_exact::<PyDict>) {
            None if evaluator.is_none() => Annotations::Nothing,
            Some(Ok(annotations)) => Annotations::Here(annotations),
            _ => Annotations::Ask,
        };
        #[cfg(Py_3_12)]
        let type_params = own(fields.func_typeparams)
            .filter(|own| own.cast_exact::<PyTuple>().map_or_else(|_| !own.is_none(), |own| !own.is_empty()));
        #[cfg(not(Py_3_12))]
        let type_params = None;
        let part = |field| or_none(own(field), py);
        Ok(Self {
            code: part(fields.func_code),
            globals: part(fields.func_globals).cast_into()?,
            name: part(fields.func_name),
            qualname: part(fields.func_qualname),
            module: part(fields.func_module),
            doc: part(fields.func_doc),
            defaults: part(fields.func_defaults),
            kwdefaults: part(fields.func_kwdefaults),
            closure: own(fields.func_closure).and_then(|closure| closure.cast_into().ok()),
            attributes: own(fields.func_dict).map(Bound::cast_into).transpose()?,
            annotations,
            type_params,
        })
    }
}

/// What the closure of `function` is, if the function is `other` but for that: made by another call of what made `other`, and
/// without attributes, annotations and type parameters. Nothing where that cannot be told at a glance.
#[cfg(all(not(PyPy), not(Py_GIL_DISABLED)))]
#[inline]
#[must_use]
pub fn closure_where_all_else_is_of<'py>(
    function: &Bound<'py, PyFunction>,
    other: &Bound<'py, PyFunction>,
) -> Option<Bound<'py, PyTuple>> {
    use pyo3::ffi;

    // SAFETY: as in `FunctionParts::of`: both are functions, exactly, and nobody writes to the fields meanwhile.
    let (own, others) = unsafe {
        (&*function.as_ptr().cast::<ffi::PyFunctionObject>(), &*other.as_ptr().cast::<ffi::PyFunctionObject>())
    };
    let fields = |of: &ffi::PyFunctionObject| {
        [
            of.func_code,
            of.func_globals,
            of.func_name,
            of.func_qualname,
            of.func_module,
            of.func_doc,
            of.func_defaults,
            of.func_kwdefaults,
        ]
    };
    // Whoever asks for `__dict__` or `__annotations__` leaves an empty one behind.
    let is_nothing = |field: *mut ffi::PyObject| {
        // SAFETY: as in `FunctionParts::of`: the field is null or holds a reference of its own to a live object.
        unsafe {
            field.is_null()
                || ffi::PyDict_CheckExact(field) != 0 && ffi::PyDict_Size(field) == 0
                || ffi::PyTuple_CheckExact(field) != 0 && ffi::PyTuple_Size(field) == 0
        }
    };
    let is_plain = |of: &ffi::PyFunctionObject| {
        #[cfg(Py_3_14)]
        if !of.func_annotate.is_null() {
            return false;
        }
        #[cfg(Py_3_12)]
        if !is_nothing(of.func_typeparams) {
            return false;
        }
        is_nothing(of.func_dict) && is_nothing(of.func_annotations)
    };
    if fields(own) != fields(others) || !is_plain(own) || !is_plain(others) {
        return None;
    }
    // SAFETY: as above.
    let closure = unsafe { Bound::from_borrowed_ptr_or_opt(function.py(), own.func_closure) }?;
    closure.cast_into().ok()
}

/// See above: nothing, on builds where functions are not read at a glance.
#[cfg(any(PyPy, Py_GIL_DISABLED))]
#[must_use]
pub fn closure_where_all_else_is_of<'py>(
    _: &Bound<'py, PyFunction>,
    _: &Bound<'py, PyFunction>,
) -> Option<Bound<'py, PyTuple>> {
    None
}

#[cfg(any(PyPy, Py_GIL_DISABLED))]
impl<'py> FunctionParts<'py> {
    /// The parts of `function`, one after the other.
    ///
    /// # Errors
    /// What asking for an attribute raises.
    pub fn of(function: &Bound<'py, PyFunction>) -> PyResult<Self> {
        use pyo3::intern;
        use pyo3::types::PyString;

        let py = function.py();
        let get = |name: &Bound<'py, PyString>| function.getattr(name);
        let type_params = match function.getattr_opt(intern!(py, "__type_params__"))? {
            Some(own) if own.is_truthy()? => Some(own),
            _ => None,
        };
        Ok(Self {
            code: get(intern!(py, "__code__"))?,
            // A builtin function, which is of this type on PyPy, has none.
            globals: get(intern!(py, "__globals__"))?.cast_into().unwrap_or_else(|_| PyDict::new(py)),
            name: get(intern!(py, "__name__"))?,
            qualname: get(intern!(py, "__qualname__"))?,
            module: or_none(function.getattr_opt(intern!(py, "__module__"))?, py),
            doc: get(intern!(py, "__doc__"))?,
            defaults: get(intern!(py, "__defaults__"))?,
            kwdefaults: get(intern!(py, "__kwdefaults__"))?,
            closure: get(intern!(py, "__closure__"))?.cast_into().ok(),
            attributes: get(intern!(py, "__dict__"))?.cast_into().ok(),
            annotations: Annotations::Ask,
            type_params,
        })
    }
}
