//! Has a class changed since it last travelled? Fingerprints of its attributes tell, so that a process that has the class
//! keeps what it made of it, and still gets what its author edited.
//!
//! The sender takes them, one per attribute, and they travel in the second half of the class's state. A fingerprint is of
//! contents: of a method it covers the code, the defaults, the variables of its closure and the globals it names, and of
//! those that are functions the same again; of an instance its class, its `__dict__`, its slots, and what it inherits from
//! a type that is made in C. No code of the user's runs for it.
//!
//! What has contents that cannot be seen in this way has no fingerprint, but is [`UNKNOWN`], and counts as edited each time
//! that it arrives. So do attributes of more than a hundred thousand objects, and deeper ones than [`DEPTH`] levels.
//!
//! - [`walk`]: functions, containers, and what else is made in Python or is everywhere.
//! - [`instance`]: instances of classes.
//! - [`library`]: what instances of types that are made in C hold.
//! - [`digest`]: how numbers are made from all of that.

mod digest;
mod instance;
mod library;
mod walk;

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::address::AddressHasher;
use digest::{Digest, text};
use walk::Walk;
pub(super) use walk::number_of_names;

/// In place of a fingerprint: whether it was edited cannot be told. No two of these are equal.
pub(crate) const UNKNOWN: u64 = 0;

/// The fingerprints of a class's attributes, both name and contents as a number.
pub(crate) type Definition = HashMap<u64, u64, BuildHasherDefault<AddressHasher>>;

/// The number that stands for the name of an attribute.
pub(crate) fn name_number(name: &Bound<'_, PyAny>) -> u64 {
    match name.cast::<PyString>() {
        Ok(name) => text(const { Digest::of("") }, name),
        Err(_) => const { Digest::of("") }.bytes(name.to_string().as_bytes()).0,
    }
}

/// The fingerprints of some attributes, in their order.
pub(crate) fn fingerprints<'a, 'py: 'a>(
    values: impl ExactSizeIterator<Item = &'a Bound<'py, PyAny>>,
) -> PyResult<Vec<u64>> {
    let mut walk = Walk::new();
    let mut fingerprints = Vec::with_capacity(values.len());
    for value in values {
        fingerprints.push(walk.attribute(value)?);
    }
    Ok(fingerprints)
}

/// The fingerprint of one attribute, if it has one.
pub(crate) fn fingerprint(value: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    Ok(Some(Walk::new().attribute(value)?).filter(|fingerprint| *fingerprint != UNKNOWN))
}

/// Whether nothing tells an instance from others of its class but that it is another one.
pub(crate) fn is_without_contents(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Walk::new().is_without_contents(value)
}

/// The fingerprints as they travel: eight bytes each.
pub(crate) fn to_bytes<'py>(py: Python<'py>, fingerprints: &[u64]) -> Bound<'py, PyBytes> {
    let mut bytes = Vec::with_capacity(size_of_val(fingerprints));
    for fingerprint in fingerprints {
        bytes.extend_from_slice(&fingerprint.to_le_bytes());
    }
    PyBytes::new(py, &bytes)
}

/// The fingerprints of the attributes whose names are the keys of `state`, from what travelled.
pub(crate) fn from_bytes(state: &Bound<'_, PyDict>, bytes: &[u8]) -> Option<Definition> {
    let (fingerprints, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() || fingerprints.len() != state.len() {
        return None;
    }
    let names = state.keys();
    Some(
        names
            .iter()
            .map(|name| name_number(&name))
            .zip(fingerprints.iter().map(|one| u64::from_le_bytes(*one)))
            .collect(),
    )
}
