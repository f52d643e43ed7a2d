//! A `bytes` object while it is being written.

/// What a [`BytesBuilder`] unwinds with where it has no memory left, without the message of a panic: whoever writes the
/// object is to catch it, and to raise a `MemoryError`.
pub struct OutOfMemory;

/// Unwinds with [`OutOfMemory`]: for what grows beside the object, and has no more memory than that.
#[cold]
pub fn out_of_memory() -> ! {
    std::panic::resume_unwind(Box::new(OutOfMemory))
}

#[cfg(not(PyPy))]
mod in_place;
#[cfg(not(PyPy))]
pub use in_place::BytesBuilder;

#[cfg(PyPy)]
mod copied;
#[cfg(PyPy)]
pub use copied::BytesBuilder;
