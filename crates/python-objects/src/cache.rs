//! The processor's caches.

/// Lets the processor begin to bring what is at `address` into its caches, without waiting for it. Any address will do:
/// where nothing is, nothing happens.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn begin_to_read(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

    // SAFETY: a hint, which reads nothing that the program sees and does not fault.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
}

/// Nothing: it is not known how to say that here.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn begin_to_read(_address: *const u8) {}
