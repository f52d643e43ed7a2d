//! Functions that hand their arguments on to another callable as they came: no argument is looked at, no tuple or dict is
//! made of them.

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyCFunction;

use crate::raised::Raised;

/// An argument by keyword: its name, a `str`, and its value.
pub type Keyword<'a, 'py> = (&'a Bound<'py, PyAny>, &'a Bound<'py, PyAny>);

/// A function that hands its arguments on.
pub trait Forward: 'static {
    /// What is noted before the call.
    type Before;
    /// Its name.
    const NAME: &'static CStr;
    /// Its signature and documentation, as C functions carry them.
    const DOC: &'static CStr;

    /// What is called.
    fn target(py: Python<'_>) -> &'static Py<PyAny>;

    /// The result of a call with `argument` and at most one by keyword, where the target is not needed for it.
    fn directly<'py>(
        argument: &Bound<'py, PyAny>,
        keyword: Option<Keyword<'_, 'py>>,
    ) -> Option<Result<Bound<'py, PyAny>, Raised>>;

    /// Runs before the call. Calls no Python code and lets go of no object: it is on the way of every call.
    fn before() -> Self::Before;

    /// May add to the error that the call ended in.
    fn failed(error: &Bound<'_, PyAny>, before: Self::Before);
}

/// The function as an object, which belongs to `module`.
///
/// # Errors
/// `MemoryError`.
pub fn function<'py, F: Forward>(module: &Bound<'py, PyModule>) -> PyResult<Bound<'py, PyCFunction>> {
    let name = module.name()?;
    let definition = Box::new(ffi::PyMethodDef {
        ml_name: F::NAME.as_ptr(),
        ml_meth: calling::method::<F>(),
        ml_flags: calling::FLAGS | ffi::METH_KEYWORDS,
        ml_doc: F::DOC.as_ptr(),
    });
    // SAFETY: the definition is never freed, its strings are static, and its flags are those of the function in it. Module
    // and name are alive, and the call takes references of its own. The result is a new reference, or null with an exception.
    let function = unsafe {
        let function = ffi::PyCFunction_NewEx(Box::into_raw(definition), module.as_ptr(), name.as_ptr());
        Bound::from_owned_ptr_or_err(module.py(), function)?
    };
    Ok(function.cast_into::<PyCFunction>()?)
}

/// Calls the target through `call`, which returns a new reference, or null with an exception. So does this.
#[inline]
fn forward<F: Forward>(
    py: Python<'_>,
    call: impl FnOnce(*mut ffi::PyObject) -> *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // A panic must not leave a function that C called.
    let result = catch_unwind(AssertUnwindSafe(|| {
        let before = F::before();
        let result = call(F::target(py).as_ptr());
        if result.is_null() {
            look_at_error::<F>(before);
        }
        result
    }));
    result.unwrap_or_else(|_| failed_here())
}

#[cold]
#[inline(never)]
fn look_at_error<F: Forward>(before: F::Before) {
    // Attached already; PyO3 is to know it, for it puts off what it lets go of otherwise.
    Python::attach(|py| {
        if let Some(error) = PyErr::take(py) {
            F::failed(error.value(py), before);
            error.restore(py);
        }
    });
}

#[cold]
fn failed_here() -> *mut ffi::PyObject {
    // SAFETY: the thread is attached, as in the function that was called; the text is a C string.
    unsafe {
        ffi::PyErr_SetString(
            ffi::PyExc_SystemError,
            c"a bug in cloudpickle: a panic where an object is loaded".as_ptr(),
        );
    }
    std::ptr::null_mut()
}

#[cfg(not(PyPy))]
mod calling {
    use super::{Forward, forward};
    use pyo3::ffi;
    use pyo3::prelude::*;

    pub(super) const FLAGS: std::ffi::c_int = ffi::METH_FASTCALL;

    pub(super) fn method<F: Forward>() -> ffi::PyMethodDefPointer {
        ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: call::<F> }
    }

    unsafe extern "C" fn call<F: Forward>(
        _module: *mut ffi::PyObject,
        arguments: *const *mut ffi::PyObject,
        positional: ffi::Py_ssize_t,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject {
        // SAFETY: the interpreter calls C functions from attached threads.
        let py = unsafe { Python::assume_attached() };
        let positional = positional.cast_unsigned();
        forward::<F>(py, |target| {
            // SAFETY: a tuple, or null.
            let keywords = if names.is_null() { 0 } else { unsafe { ffi::PyTuple_GET_SIZE(names) } };
            if positional == 1 && keywords <= 1 {
                // SAFETY: one argument, which the interpreter keeps alive during the call, and the value of as many keywords
                // behind it; as many names in the tuple.
                let (argument, keyword) = unsafe {
                    let keyword = (keywords == 1).then(|| {
                        let name = ffi::PyTuple_GET_ITEM(names, 0);
                        (Bound::from_borrowed_ptr(py, name), Bound::from_borrowed_ptr(py, *arguments.add(1)))
                    });
                    (Bound::from_borrowed_ptr(py, *arguments), keyword)
                };
                let keyword = keyword.as_ref().map(|(name, value)| (name, value));
                if let Some(result) = F::directly(&argument, keyword) {
                    return result.map_or(std::ptr::null_mut(), Bound::into_ptr);
                }
            }
            // SAFETY: the target is alive.
            if let Some((function, itself)) = unsafe { function_in(target) } {
                // SAFETY: its flags say that the function is called like this one, with the arguments of this call.
                return unsafe { function(itself, arguments, positional.cast_signed(), names) };
            }
            // SAFETY: the target is alive, and arguments and names are as the interpreter gave them, who keeps them alive
            // during the call. The number of positional ones is without the flag that lends the place before them.
            unsafe { ffi::PyObject_Vectorcall(target, arguments, positional, names) }
        })
    }

    /// What a call of `target` leads to, if that is a C function with the same way of being called as the one here, and the
    /// object it is a method of. The interpreter has made its checks for that one.
    ///
    /// # Safety
    /// `target` is a live object.
    #[inline]
    unsafe fn function_in(
        target: *mut ffi::PyObject,
    ) -> Option<(ffi::PyCFunctionFastWithKeywords, *mut ffi::PyObject)> {
        // SAFETY: a live object; that it is a C function is asked before it is looked into.
        unsafe {
            if ffi::PyCFunction_CheckExact(target) == 0 {
                return None;
            }
            let target = target.cast::<ffi::PyCFunctionObject>();
            let definition = (*target).m_ml;
            // Without further flags: what is static or of a class is handed something else for itself.
            if (*definition).ml_flags != FLAGS | ffi::METH_KEYWORDS {
                return None;
            }
            Some(((*definition).ml_meth.PyCFunctionFastWithKeywords, (*target).m_self))
        }
    }
}

#[cfg(PyPy)]
mod calling {
    use super::{Forward, forward};
    use pyo3::ffi;
    use pyo3::prelude::*;

    pub(super) const FLAGS: std::ffi::c_int = ffi::METH_VARARGS;

    pub(super) fn method<F: Forward>() -> ffi::PyMethodDefPointer {
        ffi::PyMethodDefPointer { PyCFunctionWithKeywords: call::<F> }
    }

    unsafe extern "C" fn call<F: Forward>(
        _module: *mut ffi::PyObject,
        arguments: *mut ffi::PyObject,
        keywords: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject {
        // SAFETY: the interpreter calls C functions from attached threads.
        let py = unsafe { Python::assume_attached() };
        // SAFETY: the target is alive; a tuple, and a dict or null, as the interpreter gave them.
        forward::<F>(py, |target| unsafe { ffi::PyObject_Call(target, arguments, keywords) })
    }
}
