//! Names of code, functions and classes on their way out: which of them are one object.
//!
//! CPython interns names, so that one string object is the name of many things; how many depends on what else the process
//! did. The memo goes by identity, so that the bytes of a pickle would depend on it too. Therefore names do not travel as
//! the objects that they are.

use std::cell::RefCell;

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
    /// Reducers are called without being told of the dump in progress on this thread.
    static OF_THREAD: RefCell<OfThread> =
        const { RefCell::new(OfThread { kept: None, kept_is_in_use: false, in_use: InUse::None }) };
}

/// The copies of one thread.
struct OfThread {
    /// What dumps leave to the next one.
    kept: Option<Box<Copies>>,
    /// Whether a dump in progress uses that.
    kept_is_in_use: bool,
    in_use: InUse,
}

/// What the dump in progress uses, the innermost if there are several.
enum InUse {
    /// There is no dump.
    None,
    /// What was kept.
    Kept,
    /// Copies of its own, if it has any.
    Own(Option<Box<Copies>>),
}

impl OfThread {
    /// The copies of the dump in progress, if it has any.
    fn copies(&self) -> Option<&Copies> {
        match &self.in_use {
            InUse::None => None,
            InUse::Kept => self.kept.as_deref(),
            InUse::Own(copies) => copies.as_deref(),
        }
    }

    /// The copies of the dump in progress, if there is one.
    fn copies_mut(&mut self) -> Option<&mut Copies> {
        match &mut self.in_use {
            InUse::None => None,
            InUse::Kept => Some(self.kept.get_or_insert_default()),
            InUse::Own(copies) => Some(copies.get_or_insert_default()),
        }
    }
}

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
    around: InUse,
}

impl OfThisDump {
    #[inline]
    pub(crate) fn begin(whose: Copied) -> Self {
        let around = OF_THREAD.with_borrow_mut(|names| {
            let uses_kept = whose == Copied::Before && !names.kept_is_in_use;
            names.kept_is_in_use |= uses_kept;
            std::mem::replace(&mut names.in_use, if uses_kept { InUse::Kept } else { InUse::Own(None) })
        });
        Self { around }
    }
}

impl Drop for OfThisDump {
    #[inline]
    fn drop(&mut self) {
        let around = std::mem::replace(&mut self.around, InUse::None);
        // What is dropped is dropped when it is no longer borrowed.
        let _copies = OF_THREAD.with_borrow_mut(|names| match std::mem::replace(&mut names.in_use, around) {
            InUse::Kept => {
                names.kept_is_in_use = false;
                names.kept.take_if(|copies| copies.size > MOST_KEPT)
            }
            InUse::Own(copies) => copies,
            InUse::None => None,
        });
    }
}

/// A string equal to `name` and not the same object: the same one for all equal names in a dump.
///
/// (Strings of one character below 256 are the same object in every process, and stay so.)
#[inline]
pub(crate) fn copy_of<'py>(name: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    let known = OF_THREAD.with_borrow(|names| names.copies()?.by_name.get(name));
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
    let copy = OF_THREAD.with_borrow_mut(|names| {
        let copies = names.copies_mut()?;
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
