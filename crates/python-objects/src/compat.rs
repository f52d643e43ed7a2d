//! What differs between versions of Python, one place per difference.

/// Looking for an attribute.
pub(crate) mod attribute;
/// Batches of items.
pub mod batches;
/// The variables of closures.
pub mod cell;
/// Code objects.
pub mod code;
/// The memory of dicts.
pub mod dict_table;
/// Exceptions.
pub mod errors;
/// Ints of any size as bytes.
pub(crate) mod int_bytes;
/// Objects that do not reduce themselves as CPython's do.
pub mod reduce;
/// The module `types`.
pub mod types;
