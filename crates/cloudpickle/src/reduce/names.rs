//! Names of code, functions and classes on their way out: which of them are one object.
//!
//! CPython interns names, so that one string object is the name of many things; how many depends on what else the process
//! did. The memo goes by identity, so that the bytes of a pickle would depend on it too. Therefore names do not travel as
//! the objects that they are.

use std::cell::{Cell, RefCell};

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use python_objects::text;

use crate::address::ByAddress;

/// The copies of one dump.
#[derive(Default)]
struct Copies {
    /// By the hashes of their texts as Python knows them, which are as good as addresses.
    by_hash: ByAddress<Py<PyString>>,
    /// Names and their copies, each name at a place that its address has: most are asked for again, by a function for
    /// its two names and by the next dump of the same function.
    by_name: ByName,
    /// How many bytes the texts have.
    size: usize,
}

struct ByName([Option<(Py<PyAny>, Py<PyString>)>; PLACES]);

impl Default for ByName {
    fn default() -> Self {
        Self([const { None }; PLACES])
    }
}

impl ByName {
    /// The two places that a name may have.
    fn places_of(name: &Bound<'_, PyAny>) -> [usize; 2] {
        let address = name.as_ptr() as usize;
        let first = ((address >> 4) ^ (address >> 11)) % PLACES;
        [first, first ^ 1]
    }

    #[inline]
    fn get<'py>(&self, name: &Bound<'py, PyAny>) -> Option<Bound<'py, PyString>> {
        let found = Self::places_of(name)
            .into_iter()
            .find_map(|place| self.0[place].as_ref().filter(|(known, _)| known.is(name)));
        found.map(|(_, copy)| copy.bind(name.py()).clone())
    }

    /// Remembers a copy. What it takes the place of is handed out.
    fn put(&mut self, name: &Bound<'_, PyAny>, copy: &Bound<'_, PyString>) -> Option<(Py<PyAny>, Py<PyString>)> {
        let [first, second] = Self::places_of(name);
        let place = if self.0[first].is_some() && self.0[second].is_none() { second } else { first };
        self.0[place].replace((name.clone().unbind(), copy.clone().unbind()))
    }
}

/// How many names have a place by their address: what a few classes need.
const PLACES: usize = 128;
/// How many bytes of copies are left to the next dump: some hundred names.
const MOST_KEPT: usize = 16 * 1024;

thread_local! {
    /// What the dump in progress on this thread wrote: reducers are called without being told of it.
    static OF_THIS_DUMP: RefCell<InDump> = const { RefCell::new(None) };
    /// What a dump left to the next one.
    static KEPT: Cell<Option<Box<Copies>>> = const { Cell::new(None) };
}

/// The copies, if a dump is in progress and has any.
type InDump = Option<Option<Box<Copies>>>;

/// Whose copies a dump writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copied {
    /// Those of an earlier dump, which are left to the next one: where nobody could have got hold of one, and no memo
    /// outlives the dump.
    Before,
    /// Its own.
    InThisDump,
}

/// For as long as this lives, equal names are one string on this thread. A dump inside another one has its own.
pub(crate) struct OfThisDump {
    around: InDump,
    whose: Copied,
}

impl OfThisDump {
    pub(crate) fn begin(whose: Copied) -> Self {
        let copies = if whose == Copied::Before { KEPT.take() } else { None };
        Self { around: OF_THIS_DUMP.replace(Some(copies)), whose }
    }
}

impl Drop for OfThisDump {
    fn drop(&mut self) {
        let copies = OF_THIS_DUMP.replace(self.around.take()).flatten();
        match copies {
            Some(copies) if self.whose == Copied::Before && copies.size <= MOST_KEPT => {
                drop(KEPT.replace(Some(copies)));
            }
            _ => drop(copies),
        }
    }
}

/// A string equal to `name` and not the same object: the same one for all equal names in a dump.
///
/// (Strings of one character below 256 are the same object in every process, and stay so.)
#[inline]
pub(crate) fn copy_of<'py>(name: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    let known = OF_THIS_DUMP.with_borrow(|copies| copies.as_ref()?.as_ref()?.by_name.get(name));
    match known {
        Some(copy) => copy.into_any(),
        None => copy_of_other(name),
    }
}

#[inline(never)]
fn copy_of_other<'py>(name: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    let py = name.py();
    let Some(characters) = name.cast_exact::<PyString>().ok().and_then(|name| name.to_str().ok()) else {
        // Not a plain string, or one with lone surrogates: left as it is.
        return name.clone();
    };
    let new =
        || name.cast::<PyString>().ok().and_then(text::ascii_copy).unwrap_or_else(|| PyString::new(py, characters));
    let Ok(hash) = name.hash() else { return new().into_any() };
    let copy = OF_THIS_DUMP.with_borrow_mut(|copies| {
        let copies = copies.as_mut()?.get_or_insert_default();
        let copy = copies.by_hash.entry(hash.cast_unsigned()).or_insert_with(|| {
            copies.size += characters.len() + size_of::<Copies>() / PLACES;
            new().unbind()
        });
        let copy = copy.bind(py).clone();
        // Another text may have the same hash.
        copy.to_str().is_ok_and(|copy| copy == characters).then(|| {
            let replaced = copies.by_name.put(name, &copy);
            (copy, replaced)
        })
    });
    match copy {
        // What is dropped is a string, whose end runs no code.
        Some((copy, _replaced)) => copy.into_any(),
        // There is no dump, or there was such a text.
        None => new().into_any(),
    }
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
