//! What differs between versions of Python, one place per difference.

/// Code objects.
pub mod code;
/// Exceptions.
pub mod errors;
