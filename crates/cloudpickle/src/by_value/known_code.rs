//! What was found out about code, remembered for as long as a code object lives: code objects do not change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use pyo3::prelude::*;
use pyo3::types::{PyCode, PyString, PyWeakref, PyWeakrefMethods, PyWeakrefReference};
use python_objects::identity;

use super::code_globals::{global_names, names_of_submodules};
use crate::pickler::CodeRecipe;
use crate::runtime::Runtime;

/// How many code objects are remembered. Another one takes the place of the one with which it shares it.
const PLACES: usize = 256;
/// Code with more names than that is generated, and read anew each time: what is remembered is not to be large.
const MOST_NAMES: usize = 128;

/// The names that a code object uses, its fingerprint, and what is written for it.
pub(crate) struct KnownCode {
    /// See [`global_names`].
    pub(crate) globals: Vec<Py<PyAny>>,
    /// See [`names_of_submodules`]; few functions need them.
    submodules: OnceLock<Vec<Py<PyString>>>,
    /// Where `definition.rs` asked for it; methods of classes need it each time.
    pub(super) fingerprint: OnceLock<Fingerprint>,
    recipe: OnceLock<Option<CodeRecipe>>,
    /// Whether the code was written before.
    is_written: AtomicBool,
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
    pub(crate) fn of(code: &Bound<'_, PyCode>) -> PyResult<Arc<Self>> {
        let known_codes = &Runtime::get(code.py()).state.known_codes;
        if let Some(known) = known_codes.get(code) {
            return Ok(known);
        }
        let globals = global_names(code)?.into_iter().map(Bound::unbind).collect();
        let known = Arc::new(Self {
            globals,
            submodules: OnceLock::new(),
            fingerprint: OnceLock::new(),
            recipe: OnceLock::new(),
            is_written: AtomicBool::new(false),
        });
        known_codes.put(code, &known);
        Ok(known)
    }

    /// What is known of `code`, if anything is.
    pub(crate) fn of_known(code: &Bound<'_, PyCode>) -> Option<Arc<Self>> {
        Runtime::get(code.py()).state.known_codes.get(code)
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
        if !self.is_written.swap(true, Ordering::Relaxed) {
            return Ok(None);
        }
        let recipe = make()?;
        // Another thread may have been quicker, with the same.
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
        // Another thread may have been quicker, with the same names.
        Ok(self.submodules.get_or_init(|| names))
    }
}

/// The code objects that are known, by their addresses.
///
/// Nobody waits for the lock: while another thread has it, code counts as unknown.
pub(crate) struct KnownCodes(Mutex<Vec<Option<Entry>>>);

struct Entry {
    address: usize,
    /// Nothing is kept alive; an address may be another object's afterwards.
    code: Py<PyWeakref>,
    known: Arc<KnownCode>,
}

impl KnownCodes {
    pub(crate) fn new() -> Self {
        Self(Mutex::new((0..PLACES).map(|_| None).collect()))
    }

    fn get(&self, code: &Bound<'_, PyCode>) -> Option<Arc<KnownCode>> {
        let address = identity::of(code);
        let entries = self.0.try_lock().ok()?;
        let entry = entries[place_of(address)].as_ref().filter(|entry| entry.address == address)?;
        entry.code.bind(code.py()).upgrade().filter(|known| known.is(code)).map(|_| entry.known.clone())
    }

    fn put(&self, code: &Bound<'_, PyCode>, known: &Arc<KnownCode>) {
        if known.globals.len() > MOST_NAMES {
            return;
        }
        // No weak references, no entry.
        let Ok(reference) = PyWeakrefReference::new(code) else { return };
        let address = identity::of(code);
        let entry = Entry {
            address,
            code: reference.into_any().cast_into().expect("it is one").unbind(),
            known: known.clone(),
        };
        let replaced = match self.0.try_lock() {
            Ok(mut entries) => entries[place_of(address)].replace(entry),
            Err(_) => Some(entry),
        };
        drop(replaced);
    }
}

/// Code objects are some hundred bytes long.
fn place_of(address: usize) -> usize {
    ((address >> 4) ^ (address >> 12)) % PLACES
}
