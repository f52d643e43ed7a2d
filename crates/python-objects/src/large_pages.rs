//! Large pages for the contents of large objects: a fault for each page of 4 KiB takes longer than writing it.

/// From this size on it pays.
const LARGE: usize = 4 << 20;

/// Whether it is worth asking for large pages for so many bytes.
#[inline]
#[must_use]
pub fn pay(len: usize) -> bool {
    cfg!(target_os = "linux") && len >= LARGE
}

/// Asks for large pages for the `len` bytes from `start` on, which an object has, if that pays.
#[cfg(target_os = "linux")]
pub(crate) fn advise(start: *mut u8, len: usize) {
    const PAGE: usize = 4096;

    if pay(len) {
        let before = start.addr() % PAGE;
        // SAFETY: advice about memory that is the object's from `start` on, and that the allocator has in the page before it;
        // it changes no contents. A refusal changes nothing.
        unsafe { libc::madvise(start.sub(before).cast(), len, libc::MADV_HUGEPAGE) };
    }
}

/// Nothing: the other systems have their own ways.
#[cfg(not(target_os = "linux"))]
pub(crate) fn advise(_start: *mut u8, _len: usize) {}
