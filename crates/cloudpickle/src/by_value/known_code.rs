//! What was found out about code, remembered for as long as a code object lives: code objects do not change.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use pyo3::prelude::*;
use pyo3::types::{PyCode, PyString, PyWeakref, PyWeakrefMethods, PyWeakrefReference};
use python_objects::identity;

use super::code_globals::{global_names, names_of_submodules};
use crate::pickler::CodeRecipe;
use crate::reduce::recursive_repr::InnerCode;

/// How many code objects are remembered. Another one takes the place of the one with which it shares it.
const PLACES: usize = 256;
/// Code with more names than that is generated, and read anew each time: what is remembered is not to be large.
const MOST_NAMES: usize = 128;

/// The names that a code object uses, its fingerprint, and what is written for it.
pub(crate) struct KnownCode {
    /// See [`global_names`].
    pub(crate) globals: Vec<Py<PyAny>>,
    /// If it looks like the code of what the standard library puts around a `__repr__`: what makes such functions.
    pub(crate) inner_of_recursive_repr: Option<InnerCode>,
    /// See [`names_of_submodules`]; few functions need them.
    submodules: OnceCell<Vec<Py<PyString>>>,
    /// Where `definition.rs` asked for it; methods of classes need it each time.
    pub(super) fingerprint: OnceCell<Fingerprint>,
    recipe: OnceCell<Option<CodeRecipe>>,
    /// Whether the code was written before.
    is_written: Cell<bool>,
}

/// What tells the contents of code from those of other code.
pub(super) struct Fingerprint {
    pub(super) value: u64,
    /// How many objects it is made of.
    pub(super) objects: usize,
}

impl KnownCode {
    /// What is known of `code`, found out now if it is not known yet.
    ///
    /// # Errors
    /// What reading the fields of the code raises, such as a `MemoryError`.
    pub(crate) fn of(code: &Bound<'_, PyCode>) -> PyResult<Rc<Self>> {
        if let Some(known) = Self::of_known(code) {
            return Ok(known);
        }
        let globals = global_names(code)?.into_iter().map(Bound::unbind).collect();
        let known = Rc::new(Self {
            globals,
            inner_of_recursive_repr: InnerCode::of(code)?,
            submodules: OnceCell::new(),
            fingerprint: OnceCell::new(),
            recipe: OnceCell::new(),
            is_written: Cell::new(false),
        });
        remember(code, &known);
        Ok(known)
    }

    /// What is known of `code`, if anything is.
    #[inline]
    pub(crate) fn of_known(code: &Bound<'_, PyCode>) -> Option<Rc<Self>> {
        let address = identity::of(code);
        let known = KNOWN_CODES.try_with(|known| {
            let known = known.try_borrow().ok()?;
            let entry = known.get(place_of(address))?.as_ref().filter(|entry| entry.address == address)?;
            entry.code.bind(code.py()).upgrade().filter(|known| known.is(code)).map(|_| entry.known.clone())
        });
        // At the end of a thread nothing is.
        known.ok().flatten()
    }

    /// What is written for code that is written again, if that can be said once and for all. `make` says it: not the first
    /// time, for most code is written once.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn recipe(&self, make: impl FnOnce() -> PyResult<Option<CodeRecipe>>) -> PyResult<Option<&CodeRecipe>> {
        if let Some(recipe) = self.recipe.get() {
            return Ok(recipe.as_ref());
        }
        if !self.is_written.replace(true) {
            return Ok(None);
        }
        let recipe = make()?;
        // What makes it may have come here before, with the same.
        Ok(self.recipe.get_or_init(|| recipe).as_ref())
    }

    /// The recipe that [`Self::recipe`] gave.
    pub(crate) fn known_recipe(&self) -> Option<&CodeRecipe> {
        self.recipe.get()?.as_ref()
    }

    /// The names under which `code`, whose names these are, may reach a submodule.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(crate) fn names_of_submodules(&self, code: &Bound<'_, PyCode>) -> PyResult<&[Py<PyString>]> {
        if let Some(names) = self.submodules.get() {
            return Ok(names);
        }
        let names = names_of_submodules(code)?.iter().map(|name| Ok(name.cast_into()?.unbind()));
        let names = names.collect::<PyResult<_>>()?;
        Ok(self.submodules.get_or_init(|| names))
    }
}

thread_local! {
    /// The code objects that are known, by their addresses. A table that is being looked at, by what runs when an object
    /// goes, is not changed.
    ///
    /// Each thread has its own: a lock, and counts that threads share, took two per cent of the time of a class.
    static KNOWN_CODES: RefCell<Vec<Option<Entry>>> = const { RefCell::new(Vec::new()) };
}

struct Entry {
    address: usize,
    /// Nothing is kept alive; an address may be another object's afterwards.
    code: Py<PyWeakref>,
    known: Rc<KnownCode>,
}

fn remember(code: &Bound<'_, PyCode>, known: &Rc<KnownCode>) {
    if known.globals.len() > MOST_NAMES {
        return;
    }
    // No weak references, no entry.
    let Ok(reference) = PyWeakrefReference::new(code) else { return };
    let address = identity::of(code);
    let entry =
        Entry { address, code: reference.into_any().cast_into().expect("it is one").unbind(), known: known.clone() };
    let replaced = KNOWN_CODES.try_with(|known| match known.try_borrow_mut() {
        Ok(mut known) => {
            if known.is_empty() {
                if known.try_reserve_exact(PLACES).is_err() {
                    return Some(entry);
                }
                known.resize_with(PLACES, || None);
            }
            known[place_of(address)].replace(entry)
        }
        Err(_) => Some(entry),
    });
    drop(replaced);
}

/// Code objects are some hundred bytes long.
fn place_of(address: usize) -> usize {
    ((address >> 4) ^ (address >> 12)) % PLACES
}
