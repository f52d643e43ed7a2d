//! The memo: which objects the pickle already holds, and under which number.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use python_objects::bytes::out_of_memory;
use python_objects::growing::push_where_there_is_room;
use python_objects::identity;
use python_objects::large_pages;

/// Object identity to memo index: a hash table on addresses, and the objects themselves.
///
/// The memo owns what it has seen. An object that died during a dump could hand its address to the next one, which would
/// then pass for it; measured, the strong references cost 2 to 20 % against weak ones.
pub(crate) struct Memo {
    /// Open addressing; its length is a power of two, and at most two thirds of it are in use.
    table: Vec<Entry>,
    /// The number of the first object. Entries with smaller ones are free, also those of an earlier pickle: to free them one
    /// by one, or all, would take a fiftieth of the time of a small dump.
    first: u32,
    /// How many bits an index of the table has.
    bits: u32,
    /// How many objects there may be before it has to grow.
    room: usize,
    /// The same, but no more than have an index of four bytes.
    room_at_once: usize,
    objects: Vec<Py<PyAny>>,
    /// How many objects there were when the table grew last, which put all of them elsewhere.
    grown_with: usize,
    /// Whether the indexes are those of a dict that somebody assigned, which may be any.
    has_indexes_of_others: bool,
}

/// Twelve bytes, because a memo is as large as what is pickled: with the list of objects, that is what C pickle's takes.
#[derive(Clone, Copy)]
#[repr(C, packed(4))]
struct Entry {
    /// The object's address.
    address: usize,
    /// Its index, counted from the number of the first object; or the greatest number.
    number: u32,
}

impl Entry {
    /// Whether it is no object's.
    #[inline(always)]
    fn is_free(self, first: u32) -> bool {
        self.number < first
    }

    /// The index of its object. The binary format refers to fewer objects than four bytes can count: to one with the
    /// greatest index, the encoder refuses to.
    #[inline]
    fn index(self, first: u32) -> usize {
        if self.number == u32::MAX { usize::MAX } else { (self.number - first) as usize }
    }
}

/// Where an object belongs that the memo does not have, until it changes.
#[derive(Clone, Copy)]
pub(super) struct FreePlace(usize);

/// Free, whatever the number of the first object is.
const FREE: Entry = Entry { address: 0, number: 0 };
/// What a function needs, with room to spare: 3 KiB. The objects of everyday data collide half as often as in one of the
/// next smaller size.
const SMALLEST_TABLE: usize = 256;
/// For so many objects there is room at first.
const FEW_OBJECTS: usize = 64;

/// Tables up to this length are kept for the next pickle: 12 KiB.
const LARGEST_KEPT: usize = 1024;

/// From here on, the numbers of objects start anew: so many are not left to those of a large pickle.
const GREATEST_FIRST: u32 = 1 << 16;

/// Objects allocated one after the other land in neighbouring entries, which is kind to the cache. Those that are so far
/// apart that the table is too short for them land in the gaps: allocators give small objects of a size addresses that
/// differ in some bits only.
#[inline]
fn first_probe(address: usize, bits: u32) -> usize {
    let granule = address >> 4;
    granule ^ (granule >> bits)
}

/// Where to look after a collision, and in what steps. Without this mixing, linear probing collapses on objects allocated
/// at a stride, such as datetimes (measured: 20 times slower).
fn second_probe(address: usize) -> usize {
    ((address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 29) as usize
}

impl Default for Memo {
    fn default() -> Self {
        Self::new()
    }
}

impl Memo {
    pub(crate) fn new() -> Self {
        Self {
            table: Vec::new(),
            first: 1,
            bits: 0,
            room: 0,
            room_at_once: 0,
            objects: Vec::new(),
            grown_with: 0,
            has_indexes_of_others: false,
        }
    }

    /// Forgets everything, and gives up its memory if that is much.
    #[inline]
    pub(super) fn clear(&mut self, py: Python<'_>) {
        if self.table.len() > LARGEST_KEPT {
            *self = Self::new();
        } else if !self.objects.is_empty() {
            self.free_entries();
            // Each by itself, to be asked only once whether this thread is attached to the interpreter.
            self.objects.drain(..).for_each(|object| drop(object.into_bound(py)));
        }
    }

    fn free_entries(&mut self) {
        self.first = self.number(self.objects.len());
        if self.first > GREATEST_FIRST {
            self.table.fill(FREE);
            self.first = 1;
        }
    }

    /// The number of the object with this index.
    #[inline]
    fn number(&self, index: usize) -> u32 {
        u32::try_from(index).ok().and_then(|index| index.checked_add(self.first)).unwrap_or(u32::MAX)
    }

    /// The index of `obj`, if the pickle holds it.
    #[inline]
    pub(crate) fn get(&self, obj: &Bound<'_, PyAny>) -> Option<usize> {
        let address = identity::of(obj);
        // Without a table, there is no entry.
        let mask = self.table.len().wrapping_sub(1);
        let entry = self.table.get(first_probe(address, self.bits) & mask)?;
        if entry.is_free(self.first) {
            return None;
        }
        if entry.address == address { Some(entry.index(self.first)) } else { self.get_after_collision(address) }
    }

    /// The index of `obj` if the pickle holds it, else where it belongs.
    #[inline(always)]
    pub(super) fn look_up(&self, obj: &Bound<'_, PyAny>) -> Result<usize, FreePlace> {
        let address = identity::of(obj);
        let at = first_probe(address, self.bits) & self.table.len().wrapping_sub(1);
        if let Some(entry) = self.table.get(at) {
            if entry.is_free(self.first) {
                return Err(FreePlace(at));
            }
            if entry.address == address {
                return Ok(entry.index(self.first));
            }
        }
        self.look_up_after_collision(address)
    }

    #[cold]
    #[inline(never)]
    fn look_up_after_collision(&self, address: usize) -> Result<usize, FreePlace> {
        if self.table.is_empty() {
            // A place will be found when there is a table.
            return Err(FreePlace(0));
        }
        let at = self.find_after_collision(address);
        let entry = self.table[at];
        if entry.is_free(self.first) { Err(FreePlace(at)) } else { Ok(entry.index(self.first)) }
    }

    /// Adds `obj`, which was just looked up.
    #[inline(always)]
    pub(super) fn put_at(&mut self, place: FreePlace, obj: Bound<'_, PyAny>) {
        let index = self.objects.len();
        if index >= self.room_at_once {
            return self.put_without_room(obj);
        }
        #[expect(clippy::cast_possible_truncation, reason = "it was compared")]
        let number = self.first + index as u32;
        self.table[place.0] = Entry { address: identity::of(&obj), number };
        push_where_there_is_room(&mut self.objects, obj.unbind());
    }

    #[cold]
    #[inline(never)]
    fn put_without_room(&mut self, obj: Bound<'_, PyAny>) {
        self.put(&obj);
    }

    #[inline(never)]
    fn get_after_collision(&self, address: usize) -> Option<usize> {
        self.look_up_after_collision(address).ok()
    }

    /// Adds `obj`, which the memo does not have, and returns its index.
    #[inline]
    pub(crate) fn put(&mut self, obj: &Bound<'_, PyAny>) -> usize {
        let index = self.objects.len();
        let address = identity::of(obj);
        // Without a table, there is no place.
        let at = first_probe(address, self.bits) & self.table.len().wrapping_sub(1);
        let number = self.number(index);
        match self.table.get_mut(at) {
            Some(entry) if entry.is_free(self.first) && index < self.room => {
                *entry = Entry { address, number };
                self.objects.push(obj.clone().unbind());
            }
            _ => self.insert(obj, index),
        }
        index
    }

    /// The index of `obj`, which is added if the memo does not have it, and whether it was.
    #[inline]
    pub(crate) fn get_or_put(&mut self, obj: &Bound<'_, PyAny>) -> (usize, bool) {
        match self.look_up(obj) {
            Ok(index) => (index, false),
            Err(place) => {
                let index = self.objects.len();
                self.put_at(place, obj.clone());
                (index, true)
            }
        }
    }

    #[inline(never)]
    fn insert(&mut self, obj: &Bound<'_, PyAny>, index: usize) {
        if self.objects.len() >= self.room {
            self.grow();
        }
        let address = identity::of(obj);
        let at = self.find(address);
        self.table[at] = Entry { address, number: self.number(index) };
        self.objects.push(obj.clone().unbind());
    }

    /// The position of `address`, or of the free entry where it belongs.
    #[inline(always)]
    fn find(&self, address: usize) -> usize {
        let mask = self.table.len() - 1;
        let at = first_probe(address, self.bits) & mask;
        let found = self.table[at];
        if found.is_free(self.first) || found.address == address { at } else { self.find_after_collision(address) }
    }

    #[inline(never)]
    fn find_after_collision(&self, address: usize) -> usize {
        let mask = self.table.len() - 1;
        let mixed = second_probe(address);
        // An odd step visits every entry of a table whose length is a power of two.
        let step = (mixed >> 16) | 1;
        let mut at = mixed & mask;
        loop {
            let found = self.table[at];
            if found.is_free(self.first) || found.address == address {
                return at;
            }
            at = (at + step) & mask;
        }
    }

    #[cold]
    fn grow(&mut self) {
        // Large tables double, small ones quadruple, as CPython's memo does. The smallest doubles: ten thousand instances
        // took twice as long where the table of 32 768 was left out.
        let factor = if self.table.len() > 50_000 || self.table.len() == SMALLEST_TABLE { 2 } else { 4 };
        let len = (self.table.len() * factor).max(SMALLEST_TABLE);
        let room = len / 3 * 2;
        let most = if self.table.is_empty() { FEW_OBJECTS } else { room };
        let mut table = Vec::new();
        let additional = most - self.objects.len();
        if !large_pages::try_reserve(&mut table, len) || !large_pages::try_reserve(&mut self.objects, additional) {
            out_of_memory();
        }
        table.resize(len, FREE);
        let entries = std::mem::replace(&mut self.table, table);
        self.bits = len.trailing_zeros();
        self.room = room;
        self.grown_with = self.objects.len();
        self.room_at_once = room.min((u32::MAX - GREATEST_FIRST) as usize);
        for entry in entries {
            if !entry.is_free(self.first) {
                let at = self.find(entry.address);
                self.table[at] = entry;
            }
        }
    }

    /// Whether the first object that is added takes an allocation.
    pub(super) fn has_no_memory(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether there is memory that another memo can use, in which the entries of this one pass for free.
    pub(super) fn can_be_used_again(&self) -> bool {
        !self.has_no_memory() && !self.has_indexes_of_others
    }

    /// How many objects the memo has.
    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    /// Forgets all but the first `len` objects. Those forgotten are handed out, as by [`Memo::take_objects`].
    #[cold]
    #[must_use]
    pub(crate) fn forget_since(&mut self, py: Python<'_>, len: usize) -> Vec<Py<PyAny>> {
        if len == 0 {
            // Without an allocation: the dump may have failed for lack of memory.
            return self.take_objects();
        }
        if len >= self.grown_with {
            // The last one first: no entry was put behind it on its way.
            for index in (len..self.objects.len()).rev() {
                let at = self.find(identity::of(self.objects[index].bind(py)));
                self.table[at] = FREE;
            }
            return self.objects.split_off(len);
        }
        let forgotten = self.objects.split_off(len);
        let entry_of = |object: &Py<PyAny>| self.table[self.find(identity::of(object.bind(py)))];
        let indexes: Vec<_> = self.objects.iter().map(entry_of).collect();
        self.table.fill(FREE);
        for entry in indexes {
            let at = self.find(entry.address);
            self.table[at] = entry;
        }
        forgotten
    }

    /// Forgets everything. The objects are handed out rather than dropped: their destructors may run user code, which
    /// must not find the memo half empty.
    #[must_use]
    pub(crate) fn take_objects(&mut self) -> Vec<Py<PyAny>> {
        std::mem::take(self).objects
    }

    /// The objects, for the garbage collector.
    pub(crate) fn objects(&self) -> &[Py<PyAny>] {
        &self.objects
    }

    /// What `Pickler.memo.copy()` shows: `{id(object): (index, object)}`.
    pub(crate) fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for object in &self.objects {
            let address = identity::of(object.bind(py));
            dict.set_item(address, (self.table[self.find(address)].index(self.first), object))?;
        }
        Ok(dict)
    }

    /// The memo that [`Memo::to_dict`] shows as `dict`.
    ///
    /// # Errors
    /// `TypeError`, in the words of `_pickle`, if a value is not a pair. `OverflowError` for an index of more than four bytes.
    pub(crate) fn from_dict(dict: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut memo = Self { has_indexes_of_others: true, ..Self::new() };
        for value in dict.values() {
            let pair = value.cast::<PyTuple>().ok().filter(|pair| pair.len() == 2);
            let Some(pair) = pair else {
                return Err(pyo3::exceptions::PyTypeError::new_err("'memo' values must be 2-item tuples"));
            };
            let index = pair.get_item(0)?.extract::<u32>()? as usize;
            let object = pair.get_item(1)?;
            if memo.get(&object).is_none() {
                memo.insert(&object, index);
            }
        }
        Ok(memo)
    }

    /// A memo with the same contents.
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            table: self.table.clone(),
            first: self.first,
            bits: self.bits,
            room: self.room,
            room_at_once: self.room_at_once,
            grown_with: self.grown_with,
            has_indexes_of_others: self.has_indexes_of_others,
            objects: self.objects.iter().map(|object| object.clone_ref(py)).collect(),
        }
    }
}
