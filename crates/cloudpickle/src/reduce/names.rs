//! Names of code, functions and classes on their way out: which of them are one object.
//!
//! CPython interns names, so that one string object is the name of many things; how many depends on what else the process
//! did. The memo goes by identity, so that the bytes of a pickle would depend on it too. Therefore names do not travel as
//! the objects that they are.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use python_objects::text;

use crate::address::FirstByAddress;

/// The copies of one dump, by the hashes of their texts.
#[derive(Default)]
struct Copies {
    /// By their hashes as Python knows them, which are as good as addresses.
    by_hash: FirstByAddress<Py<PyString>>,
    /// What was asked for last and before that, and its copy: a function asks for its two names several times.
    last: [Option<(Py<PyAny>, Py<PyString>)>; 2],
}

thread_local! {
    /// What the dump in progress on this thread wrote: reducers are called without being told of it.
    static OF_THIS_DUMP: RefCell<InDump> = const { RefCell::new(None) };
}

/// The copies, if a dump is in progress and has any.
type InDump = Option<Option<Box<Copies>>>;

/// For as long as this lives, equal names are one string on this thread. A dump inside another one has its own.
pub(crate) struct OfThisDump(InDump);

impl OfThisDump {
    pub(crate) fn begin() -> Self {
        Self(OF_THIS_DUMP.replace(Some(None)))
    }
}

impl Drop for OfThisDump {
    fn drop(&mut self) {
        drop(OF_THIS_DUMP.replace(self.0.take()));
    }
}

/// A string equal to `name` and not the same object: the same one for all equal names in a dump.
///
/// (Strings of one character below 256 are the same object in every process, and stay so.)
pub(crate) fn copy_of<'py>(name: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    let py = name.py();
    let repeated = OF_THIS_DUMP.with_borrow(|copies| {
        let (_, copy) = copies.as_ref()?.as_ref()?.last.iter().flatten().find(|(last, _)| last.is(name))?;
        Some(copy.bind(py).clone())
    });
    if let Some(copy) = repeated {
        return copy.into_any();
    }
    let Some(characters) = name.cast_exact::<PyString>().ok().and_then(|name| name.to_str().ok()) else {
        // Not a plain string, or one with lone surrogates: left as it is.
        return name.clone();
    };
    let new =
        || name.cast::<PyString>().ok().and_then(text::ascii_copy).unwrap_or_else(|| PyString::new(py, characters));
    let replaced;
    let copy = {
        let Ok(hash) = name.hash() else { return new().into_any() };
        let copy = OF_THIS_DUMP.with_borrow_mut(|copies| {
            let copies = copies.as_mut()?.get_or_insert_default();
            let hash = hash.cast_unsigned();
            let copy = if let Some(copy) = copies.by_hash.get(hash) {
                copy.bind(py).clone()
            } else {
                let copy = new();
                copies.by_hash.insert(hash, copy.clone().unbind());
                copy
            };
            // Another text may have the same hash.
            copy.to_str().is_ok_and(|copy| copy == characters).then(|| {
                copies.last.swap(0, 1);
                let replaced = copies.last[0].replace((name.clone().unbind(), copy.clone().unbind()));
                (copy, replaced)
            })
        });
        match copy {
            Some((copy, last)) => {
                replaced = last;
                copy
            }
            // There is no dump, or there was such a text.
            None => return new().into_any(),
        }
    };
    drop(replaced);
    copy.into_any()
}

/// The interned string that equals `name`; what is no plain string is left as it is.
///
/// For names that belong to many functions and classes: of modules, files and classes. In the process that defined them
/// they are one object, so that the memo writes them once; in one that loaded them from several pickles they are several,
/// and the bytes would differ.
pub(crate) fn interned<'py>(name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match name.cast_exact::<PyString>() {
        Ok(text) => text::interned(text).map(Bound::into_any),
        Err(_) => Ok(name.clone()),
    }
}

/// A tuple of the interned strings that equal `names`, not the same object; what is no tuple is left as it is.
///
/// The compiler makes one object of equal tuples of constants in a class body.
pub(super) fn interned_names<'py>(names: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let Ok(tuple) = names.cast_exact::<PyTuple>() else { return Ok(names.clone()) };
    let names = tuple.iter().map(|name| interned(&name)).collect::<PyResult<Vec<_>>>()?;
    Ok(PyTuple::new(tuple.py(), names)?.into_any())
}
