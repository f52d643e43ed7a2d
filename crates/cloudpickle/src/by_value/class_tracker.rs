//! Class identity: a class that travels by value carries an id, so that it is one class however often it arrives.
//!
//! The ids of this process's classes and the classes of the ids it has loaded are kept in two tables. Both hold weak
//! references only. A class is found by its address, never by hashing or comparing it: a metaclass may be unhashable, or
//! may call two classes equal that are not the same. An address is reused after a class dies, so an entry counts only
//! while its weak reference leads back to that very class.
//!
//! `TypeVar`s are tracked in the same way.
//!
//! Ids are random, or made from the contents of a class where a deterministic pickle was asked for: [`Ids`]. That one is
//! given when the class is first written so, and stays with it: a class that changes is still the same class.
//!
//! No Python code runs while the lock is held: under it there are only table operations and reference counts going up.
//! Weak references are made, followed and dropped outside; what a table no longer needs is carried out of the lock
//! first. A thread that waits for the lock is detached from the interpreter meanwhile.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyString, PyWeakref, PyWeakrefMethods, PyWeakrefReference};
use python_objects::identity;

use super::definition::{Definition, UNKNOWN};
use super::spawned;
use crate::address::ByAddress;
use crate::runtime::Runtime;

/// How many entries a table may have before the first search for dead ones.
const FIRST_SWEEP: usize = 128;

/// The process's table of classes that travel by value.
pub(crate) struct ClassTracker(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    by_address: ByAddress<Tracked>,
    by_id: HashMap<String, Py<PyWeakref>>,
    /// How many classes had the contents with this digest. Never forgotten: the next one is another class, even when
    /// those before are gone here, for they may live where they were sent to.
    by_contents: HashMap<String, usize>,
    /// The number of entries at which dead ones are looked for.
    sweep_at: usize,
}

/// A class and its id.
struct Tracked {
    class: Py<PyWeakref>,
    id: Py<PyString>,
    /// Whether the id is as good for a deterministic pickle: made from the class's contents, or given by the process
    /// that the class came from, which has to recognize it.
    is_lasting: bool,
    /// The process that gave the class its id, if it did not arrive with one. A forked child is another process.
    home: Option<u32>,
    /// The definition that was last sent from here, as pairs of numbers for name and contents.
    sent: Option<Vec<(u64, u64)>>,
    /// The definition that was last applied here.
    applied: Option<Definition>,
}

impl Tracked {
    fn new(class: Py<PyWeakref>, id: Py<PyString>, home: Option<u32>) -> Self {
        Self { class, id, is_lasting: home.is_none(), home, sent: None, applied: None }
    }
}

/// What to do with a definition of a class that arrived.
pub(crate) enum Arrival {
    /// Everything is to be set.
    Unknown,
    /// Nothing is to be set: the class is at home here.
    Home,
    /// The class is known. Of its attributes, by the numbers of their names, only those that were edited are to be set,
    /// and those that are gone deleted.
    Known { edited: HashSet<u64>, gone: HashSet<u64> },
}

/// Which ids the classes get that travel by value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ids {
    /// What they have; random ones for those that have none.
    Random,
    /// Made from their contents, so that another process finds the same ones.
    OfContents,
    /// None at all: what is written is compared, and never loaded.
    LeftOut,
}

thread_local! {
    /// What the dump in progress on this thread wants: reducers are called without being told.
    static WANTED: Cell<Ids> = const { Cell::new(Ids::Random) };
}

/// How many dumps in progress, on all threads, want others than random ones. While there is none, nobody needs to look at
/// what the thread wants.
static DUMPS_WITH_WISHES: AtomicUsize = AtomicUsize::new(0);

/// Which ids the dump in progress on this thread wants.
pub(crate) fn wanted() -> Ids {
    if DUMPS_WITH_WISHES.load(Ordering::Relaxed) == 0 { Ids::Random } else { WANTED.get() }
}

/// For as long as this lives, the dump on this thread wants these ids.
pub(crate) struct WantedIds {
    /// What the dump around this one wants, if that was looked at.
    around: Option<Ids>,
    has_wishes: bool,
}

impl WantedIds {
    pub(crate) fn set(ids: Ids) -> Self {
        let has_wishes = ids != Ids::Random;
        if has_wishes {
            DUMPS_WITH_WISHES.fetch_add(1, Ordering::Relaxed);
        } else if DUMPS_WITH_WISHES.load(Ordering::Relaxed) == 0 {
            return Self { around: None, has_wishes };
        }
        Self { around: Some(WANTED.replace(ids)), has_wishes }
    }
}

impl Drop for WantedIds {
    fn drop(&mut self) {
        if let Some(around) = self.around {
            WANTED.set(around);
        }
        if self.has_wishes {
            DUMPS_WITH_WISHES.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What is stored where something is about to be written: the writer's view must still hold when it writes.
enum Seen {
    Nothing,
    /// This reference, wherever it leads.
    Reference(Py<PyWeakref>),
}

impl Seen {
    fn still_holds(&self, found: Option<&Py<PyWeakref>>) -> bool {
        match (self, found) {
            (Self::Nothing, None) => true,
            (Self::Reference(seen), Some(found)) => seen.is(found),
            _ => false,
        }
    }
}

impl ClassTracker {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Tables { sweep_at: FIRST_SWEEP, ..Tables::default() }))
    }

    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, Tables> {
        // The tables are whole after every statement under the lock: a panic elsewhere leaves them usable.
        self.0.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    /// The id under which `class` goes into the dump in progress on this thread, if it wants ids.
    pub(crate) fn wanted_id<'py>(&self, class: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyString>>> {
        match WANTED.get() {
            Ids::Random => self.tracker_id(class).map(Some),
            Ids::LeftOut => Ok(None),
            Ids::OfContents => {
                // The pickler saw to it for classes. What else has an id is told by its name.
                if !self.has_lasting_id(class) {
                    let name = class.getattr_opt("__name__")?.map(|name| name.to_string()).unwrap_or_default();
                    let digest = digest_of(class.py(), format!("{} {name}", class.get_type().name()?).as_bytes())?;
                    self.give_id_of_contents(class, &digest)?;
                }
                self.tracker_id(class).map(Some)
            }
        }
    }

    /// Whether `class` has an id that is not random, or that another process gave it.
    pub(crate) fn has_lasting_id(&self, class: &Bound<'_, PyAny>) -> bool {
        let py = class.py();
        let found = self
            .lock(py)
            .by_address
            .get(&identity::of(class))
            .filter(|entry| entry.is_lasting)
            .map(|entry| entry.class.clone_ref(py));
        found.is_some_and(|reference| leads_to(reference.bind(py), class))
    }

    /// Gives `class` an id made from the digest of its contents. Of several classes with the same contents, each gets
    /// one of its own. Under an id that it had before, it stays known.
    pub(crate) fn give_id_of_contents(&self, class: &Bound<'_, PyAny>, digest: &str) -> PyResult<()> {
        let py = class.py();
        let reference = weak_reference(class)?;
        // What is remembered under the id that it had stays.
        let sent = self.entry(class, |entry| entry.sent.take()).flatten();
        let mut tables = self.lock(py);
        let id = loop {
            let count = tables.by_contents.entry(digest.to_owned()).or_default();
            *count += 1;
            let id = if *count == 1 { digest.to_owned() } else { format!("{digest}-{count}") };
            // A class that came here from another process may have it.
            if !tables.by_id.contains_key(&id) {
                break id;
            }
        };
        let text = PyString::new(py, &id).unbind();
        let tracked = Tracked::new(reference.clone_ref(py), text, Some(process::id()));
        let tracked = Tracked { is_lasting: true, sent, ..tracked };
        let replaced = tables.by_address.insert(identity::of(class), tracked);
        let replaced_id = tables.by_id.insert(id, reference);
        drop(tables);
        drop((replaced, replaced_id));
        self.sweep_when_due(py);
        Ok(())
    }

    /// The id of `class`, a fresh one if it has none.
    pub(crate) fn tracker_id<'py>(&self, class: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        let py = class.py();
        let address = identity::of(class);
        loop {
            let found =
                self.lock(py).by_address.get(&address).map(|entry| (entry.class.clone_ref(py), entry.id.clone_ref(py)));
            let seen = match found {
                Some((reference, id)) if leads_to(reference.bind(py), class) => return Ok(id.into_bound(py)),
                Some((reference, _)) => Seen::Reference(reference),
                None => Seen::Nothing,
            };
            let reference = weak_reference(class)?;
            let id = match spawned::id_of(class)? {
                Some(id) => id,
                None => fresh_id(py)?,
            };
            let key = id.to_str()?.to_owned();
            let tracked = Tracked::new(reference.clone_ref(py), id.clone().unbind(), Some(process::id()));

            let mut tables = self.lock(py);
            if !seen.still_holds(tables.by_address.get(&address).map(|entry| &entry.class)) {
                // Another thread was faster: look again.
                drop(tables);
                continue;
            }
            let replaced = tables.by_address.insert(address, tracked);
            let replaced_id = tables.by_id.insert(key, reference);
            drop(tables);
            drop((replaced, replaced_id));
            self.sweep_when_due(py);
            return Ok(id);
        }
    }

    /// Whether `class` has an id.
    pub(crate) fn knows(&self, class: &Bound<'_, PyAny>) -> bool {
        let py = class.py();
        let found = self.lock(py).by_address.get(&identity::of(class)).map(|entry| entry.class.clone_ref(py));
        found.is_some_and(|reference| leads_to(reference.bind(py), class))
    }

    /// Lets `class`, which is at home here, be known under another id than its own as well.
    pub(crate) fn adopt(&self, id: &str, class: &Bound<'_, PyAny>) -> PyResult<()> {
        self.tracker_id(class)?;
        let reference = weak_reference(class)?;
        let replaced = self.lock(class.py()).by_id.insert(id.to_owned(), reference);
        drop(replaced);
        Ok(())
    }

    /// The class known under `id`, if it is alive.
    pub(crate) fn find<'py>(&self, py: Python<'py>, id: &str) -> Option<Bound<'py, PyAny>> {
        let reference = self.lock(py).by_id.get(id).map(|reference| reference.clone_ref(py));
        reference.and_then(|reference| reference.bind(py).upgrade())
    }

    /// The class known under `id`; if there is none, `class`, known under `id` from here on. Without an `id`, `class`.
    pub(crate) fn lookup_or_track<'py>(
        &self,
        id: Option<&Bound<'py, PyString>>,
        class: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Some(id) = id else { return Ok(class) };
        let py = class.py();
        let key = id.to_str()?;
        loop {
            let found = self.lock(py).by_id.get(key).map(|reference| reference.clone_ref(py));
            let (known, seen) = match found {
                Some(reference) => (reference.bind(py).upgrade(), Seen::Reference(reference)),
                None => (None, Seen::Nothing),
            };
            // Known under its address too, unless it goes by several ids. What is remembered of it there stays.
            if let Some(known) = known.as_ref().filter(|known| self.knows(known)) {
                return Ok(known.clone());
            }
            let class = known.unwrap_or_else(|| class.clone());
            let reference = weak_reference(&class)?;
            let key = key.to_owned();
            let tracked = Tracked::new(reference.clone_ref(py), id.clone().unbind(), None);

            let mut tables = self.lock(py);
            if !seen.still_holds(tables.by_id.get(&key)) {
                // Another thread was faster: look again.
                drop(tables);
                continue;
            }
            // Both at once: whoever finds the class by its id sends it on under that id, and under no other.
            let replaced_id = tables.by_id.insert(key, reference);
            let replaced = tables.by_address.insert(identity::of(&class), tracked);
            drop(tables);
            drop((replaced, replaced_id));
            self.sweep_when_due(py);
            return Ok(class);
        }
    }

    /// Remembers the definition with which a class leaves this process.
    pub(crate) fn note_sent(&self, class: &Bound<'_, PyAny>, definition: Vec<(u64, u64)>) {
        self.entry(class, |entry| entry.sent = Some(definition));
    }

    /// What to do with a definition with which a class arrived. Pickles of upstream have none.
    pub(crate) fn arrival(&self, class: &Bound<'_, PyAny>, definition: Option<&Definition>) -> Arrival {
        self.entry(class, |entry| {
            if entry.home == Some(process::id()) {
                return Arrival::Home;
            }
            let Some(definition) = definition else { return Arrival::Unknown };
            if entry.applied.is_none() && entry.sent.is_none() {
                return Arrival::Unknown;
            }
            let sent: Option<Definition> = entry.sent.as_ref().map(|sent| sent.iter().copied().collect());
            let is_known = |(name, value): (&u64, &u64)| {
                *value != UNKNOWN
                    && [&entry.applied, &sent].into_iter().flatten().any(|known| known.get(name) == Some(value))
            };
            let edited = definition.iter().filter(|entry| !is_known(*entry)).map(|(name, _)| *name).collect();
            let gone = entry.applied.iter().flat_map(HashMap::keys);
            let gone = gone.filter(|name| !definition.contains_key(name)).copied().collect();
            Arrival::Known { edited, gone }
        })
        .unwrap_or(Arrival::Unknown)
    }

    /// Remembers the definition that a class has. To be called when the class has it: another thread that loads the class
    /// meanwhile finds it unknown, and sets everything itself.
    pub(crate) fn note_applied(&self, class: &Bound<'_, PyAny>, definition: Definition) {
        self.entry(class, |entry| entry.applied = Some(definition));
    }

    /// What `with` makes of the entry of `class`, if it has one. `with` runs under the lock, and no Python code in it.
    fn entry<T>(&self, class: &Bound<'_, PyAny>, with: impl FnOnce(&mut Tracked) -> T) -> Option<T> {
        let py = class.py();
        let address = identity::of(class);
        let reference = self.lock(py).by_address.get(&address).map(|entry| entry.class.clone_ref(py))?;
        if !leads_to(reference.bind(py), class) {
            return None;
        }
        self.lock(py).by_address.get_mut(&address).map(with)
    }

    /// Drops the entries of dead classes when the tables have doubled since the last time: constant cost per class.
    fn sweep_when_due(&self, py: Python<'_>) {
        let mut tables = self.lock(py);
        if tables.by_id.len().max(tables.by_address.len()) < tables.sweep_at {
            return;
        }
        // No second sweep meanwhile.
        tables.sweep_at = usize::MAX;
        drop(tables);
        self.sweep(py);
    }

    /// Drops the entries of dead classes. Returns how many classes are left.
    fn sweep(&self, py: Python<'_>) -> usize {
        let tables = self.lock(py);
        let ids: Vec<_> = tables.by_id.iter().map(|(id, class)| (id.clone(), class.clone_ref(py))).collect();
        let addresses: Vec<_> =
            tables.by_address.iter().map(|(address, entry)| (*address, entry.class.clone_ref(py))).collect();
        drop(tables);

        let is_dead = |class: &Py<PyWeakref>| class.bind(py).upgrade().is_none();
        let dead_ids: Vec<_> = ids.into_iter().filter(|(_, class)| is_dead(class)).collect();
        let dead_addresses: Vec<_> = addresses.into_iter().filter(|(_, class)| is_dead(class)).collect();

        // What is taken out is dropped after the lock: a reference that goes away may free its weak reference.
        let mut removed_classes = Vec::with_capacity(dead_ids.len());
        let mut removed_entries = Vec::with_capacity(dead_addresses.len());
        let mut tables = self.lock(py);
        for (id, class) in &dead_ids {
            if tables.by_id.get(id).is_some_and(|found| found.is(class)) {
                removed_classes.extend(tables.by_id.remove(id));
            }
        }
        for (address, class) in &dead_addresses {
            if tables.by_address.get(address).is_some_and(|found| found.class.is(class)) {
                removed_entries.extend(tables.by_address.remove(address));
            }
        }
        let left = tables.by_id.len().max(tables.by_address.len());
        tables.sweep_at = FIRST_SWEEP.max(2 * left);
        drop(tables);
        left
    }
}

/// Does `reference` lead to `class` itself?
fn leads_to<'py>(reference: &Bound<'py, PyWeakref>, class: &Bound<'py, PyAny>) -> bool {
    reference.upgrade().is_some_and(|found| found.is(class))
}

fn weak_reference(class: &Bound<'_, PyAny>) -> PyResult<Py<PyWeakref>> {
    Ok(PyWeakrefReference::new(class)?.into_any().cast_into::<PyWeakref>()?.unbind())
}

/// A random id, written as `uuid.uuid4().hex` writes one: 32 hexadecimal digits with the version and variant bits set.
///
/// Ids are random, not derived from the class: two classes that one factory made may be equal in everything and are two
/// classes all the same.
pub(crate) fn fresh_id(py: Python<'_>) -> PyResult<Bound<'_, PyString>> {
    let random = Runtime::get(py).urandom.bind(py).call1((16,))?.cast_into::<PyBytes>()?;
    let mut bytes: [u8; 16] = random.extract()?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    Ok(PyString::new(py, &format!("{:032x}", u128::from_be_bytes(bytes))))
}

/// The first 32 hexadecimal digits of the SHA-256 of some contents: an id as long as a random one.
pub(crate) fn digest_of(py: Python<'_>, contents: &[u8]) -> PyResult<String> {
    let mut digest = sha256(py, contents)?;
    digest.truncate(32);
    Ok(digest)
}

/// The SHA-256 of some bytes, in hexadecimal digits.
pub(crate) fn sha256(py: Python<'_>, bytes: &[u8]) -> PyResult<String> {
    let hash = py.import(intern!(py, "hashlib"))?.call_method1(intern!(py, "sha256"), (PyBytes::new(py, bytes),))?;
    hash.call_method0(intern!(py, "hexdigest"))?.extract()
}

/// The process's tracker.
pub(crate) fn tracker(py: Python<'_>) -> &'static ClassTracker {
    &Runtime::get(py).state.classes
}

/// The id under which a class (or a type variable) travels by value, a fresh one if it has none yet.
#[pyfunction]
#[pyo3(name = "_get_or_create_tracker_id")]
pub(crate) fn get_or_create_tracker_id<'py>(class_def: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    tracker(class_def.py()).tracker_id(class_def)
}

/// How many living classes and type variables have an id, after those of dead ones were let go of.
///
/// They are let go of in the course of things too. This is for who looks for leaks.
#[pyfunction]
#[pyo3(name = "_count_tracked_classes")]
pub(crate) fn count_tracked_classes(py: Python<'_>) -> usize {
    tracker(py).sweep(py)
}

/// The class already known under an id; if there is none, the given class, which is known under that id from here on.
///
/// Without an id (None) nothing is looked up and nothing is remembered.
#[pyfunction]
#[pyo3(name = "_lookup_class_or_track", signature = (class_tracker_id, class_def))]
pub(crate) fn lookup_class_or_track<'py>(
    class_tracker_id: Option<Bound<'py, PyString>>,
    class_def: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    tracker(class_def.py()).lookup_or_track(class_tracker_id.as_ref(), class_def)
}
