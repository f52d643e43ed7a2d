//! A `bytes` object while it is being written.

#[cfg(not(PyPy))]
mod in_place;
#[cfg(not(PyPy))]
pub use in_place::BytesBuilder;

#[cfg(PyPy)]
mod copied;
#[cfg(PyPy)]
pub use copied::BytesBuilder;
