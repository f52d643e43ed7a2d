//! Tables by the address of an object.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// What is known of objects, by their addresses. Somebody must keep them alive.
pub(crate) type ByAddress<T> = HashMap<usize, T, BuildHasherDefault<AddressHasher>>;

/// Objects, by their addresses. Somebody must keep them alive.
pub(crate) type Addresses = HashSet<usize, BuildHasherDefault<AddressHasher>>;

/// The same where there is one object as a rule, which needs no table.
pub(crate) struct FirstByAddress<T> {
    first: Option<(usize, T)>,
    /// Boxed, because every dump makes such a table, and few put anything in.
    others: Option<Box<ByAddress<T>>>,
}

impl<T> Default for FirstByAddress<T> {
    fn default() -> Self {
        Self { first: None, others: None }
    }
}

impl<T> FirstByAddress<T> {
    #[inline]
    pub(crate) fn get(&self, address: usize) -> Option<&T> {
        match &self.first {
            Some((first, value)) if *first == address => Some(value),
            _ => self.others.as_ref()?.get(&address),
        }
    }

    /// Adds an object that is not there.
    pub(crate) fn insert(&mut self, address: usize, value: T) {
        if self.first.is_none() {
            self.first = Some((address, value));
        } else {
            self.others.get_or_insert_default().insert(address, value);
        }
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.first.iter().map(|(_, value)| value).chain(self.others.iter().flat_map(|others| others.values()))
    }
}

/// The same where there are a few as a rule, which are found by looking at each. They have numbers in their order.
pub(crate) struct FewByAddress<T> {
    entries: Vec<(usize, T)>,
    /// Their numbers, as soon as there are more than [`FEW`].
    numbers: ByAddress<usize>,
}

/// Up to how many addresses are looked at one by one.
const FEW: usize = 16;

impl<T> Default for FewByAddress<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), numbers: ByAddress::default() }
    }
}

impl<T> FewByAddress<T> {
    /// With room for a few.
    pub(crate) fn with_room() -> Self {
        Self { entries: Vec::with_capacity(FEW), numbers: ByAddress::default() }
    }

    /// The number of an object that is there.
    #[inline]
    pub(crate) fn number(&self, address: usize) -> Option<usize> {
        if self.entries.len() <= FEW {
            self.entries.iter().position(|(known, _)| *known == address)
        } else {
            self.numbers.get(&address).copied()
        }
    }

    #[inline]
    pub(crate) fn get(&self, address: usize) -> Option<&T> {
        self.number(address).map(|number| &self.entries[number].1)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, address: usize) -> Option<&mut T> {
        self.number(address).map(|number| &mut self.entries[number].1)
    }

    /// Adds an object that is not there.
    #[inline]
    pub(crate) fn insert(&mut self, address: usize, value: T) {
        self.entries.push((address, value));
        if self.entries.len() > FEW {
            self.index();
        }
    }

    #[inline(never)]
    fn index(&mut self) {
        let known = self.numbers.len();
        let new = self.entries.iter().enumerate().skip(known);
        self.numbers.extend(new.map(|(number, (address, _))| (*address, number)));
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        if !self.numbers.is_empty() {
            self.numbers.clear();
        }
    }
}

/// Addresses are no attacker's choice: a multiplication spreads them well enough.
#[derive(Default)]
pub(crate) struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
