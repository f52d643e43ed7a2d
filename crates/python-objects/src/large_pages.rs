//! Large pages for the contents of large objects: a fault for each page of 4 KiB takes longer than writing it.

/// From this size on it pays.
const LARGE: usize = 4 << 20;

/// Whether it is worth asking for large pages for so many bytes.
#[inline]
#[must_use]
pub fn pay(len: usize) -> bool {
    cfg!(target_os = "linux") && len >= LARGE
}

/// Makes room in `vec` for `additional` more, in large pages if that pays: time and again, what is looked for in a large table
/// is on a page that the processor knows nothing of. Returns false for lack of memory.
#[must_use]
pub fn try_reserve<T>(vec: &mut Vec<T>, additional: usize) -> bool {
    let has_room = vec.try_reserve_exact(additional).is_ok();
    advise(vec.as_mut_ptr().cast(), vec.capacity() * size_of::<T>());
    has_room
}

/// Asks for large pages for the `len` bytes from `start` on, which an object has, if that pays.
#[cfg(target_os = "linux")]
pub(crate) fn advise(start: *mut u8, len: usize) {
    const PAGE: usize = 4096;

    if pay(len) {
        // All pages that it has a part of. A piece of memory of which a part was advised of is two to the system, which moves
        // none of it: each time that a growing object was to be moved, it was copied.
        let before = start.addr() % PAGE;
        let all = (before + len).next_multiple_of(PAGE);
        // SAFETY: advice about memory that is the object's from `start` on, and the allocator's in the rest of the first page
        // and the last; it changes no contents. A refusal changes nothing.
        unsafe { libc::madvise(start.sub(before).cast(), all, libc::MADV_HUGEPAGE) };
    }
}

/// Nothing: the other systems have their own ways.
#[cfg(not(target_os = "linux"))]
pub(crate) fn advise(_start: *mut u8, _len: usize) {}
