//! Copying out of objects whose bytes Python code may change.

#[cfg(not(PyPy))]
mod native;
#[cfg(not(PyPy))]
pub use native::Bytes;

#[cfg(PyPy)]
mod copied;
#[cfg(PyPy)]
pub use copied::Bytes;
