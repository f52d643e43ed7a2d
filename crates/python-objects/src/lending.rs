//! A value that one user at a time changes, and lends for others to read.
//!
//! For the memo of a pickler: a dump has it to itself, but for the time of a hook, which comes round once per object. A
//! lock around a value that moves in and out would take half of the time of such a dump; here lending it is a store, and
//! so is taking it back, where a global lock keeps readers away meanwhile. An exchange there took a twentieth of the time.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::Python;

/// The value is in somebody's [`InUse`].
const USED: usize = 1;
/// Its user lends it.
const LENT: usize = 2;
/// One who reads it; the bits from here on count them.
const READER: usize = 4;

/// A value that is used by one, or read by many. Nobody waits for its user: others are told that it is in use.
///
/// Invariant: while `state` has `USED` and not `LENT`, the value is reached through the one [`InUse`] alone, and there are
/// no readers. Otherwise nobody changes it.
#[derive(Debug, Default)]
pub struct Lending<T> {
    state: AtomicUsize,
    value: UnsafeCell<T>,
}

// SAFETY: the state lets either one thread at the value, or several that only read it.
unsafe impl<T: Send + Sync> Sync for Lending<T> {}

/// The value, for its one user.
#[derive(Debug)]
pub struct InUse<'a, T> {
    value: NonNull<T>,
    /// Of the [`Lending`] that it is from.
    state: Option<&'a AtomicUsize>,
    borrowed: PhantomData<&'a mut T>,
}

impl<T> Lending<T> {
    /// A value that is not in use.
    pub const fn new(value: T) -> Self {
        Self { state: AtomicUsize::new(0), value: UnsafeCell::new(value) }
    }

    /// Takes the value, until the result is dropped; nothing if it is in use.
    pub fn take(&self) -> Option<InUse<'_, T>> {
        loop {
            match self.state.compare_exchange(0, USED, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => break,
                Err(state) if state & USED != 0 => return None,
                Err(_) => wait_for_readers(),
            }
        }
        Some(InUse { value: NonNull::new(self.value.get())?, state: Some(&self.state), borrowed: PhantomData })
    }

    /// Reads the value; nothing if it is in use and not lent. Its user may wait for the end of `read`, which must not run
    /// code of others.
    pub fn read<R>(&self, _attached: Python<'_>, read: impl FnOnce(&T) -> R) -> Option<R> {
        self.read_if(|state| state & (USED | LENT) != USED, read)
    }

    /// Reads the value; nothing if it is in use, lent or not.
    pub fn read_unused<R>(&self, read: impl FnOnce(&T) -> R) -> Option<R> {
        self.read_if(|state| state & USED == 0, read)
    }

    fn read_if<R>(&self, may_be_read: impl Fn(usize) -> bool, read: impl FnOnce(&T) -> R) -> Option<R> {
        /// Counts itself out, also when `read` panics.
        struct Reader<'a>(&'a AtomicUsize);
        impl Drop for Reader<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(READER, Ordering::Release);
            }
        }

        let another = |state| may_be_read(state).then_some(state + READER);
        self.state.fetch_update(Ordering::Acquire, Ordering::Relaxed, another).ok()?;
        let _reader = Reader(&self.state);
        // SAFETY: by the invariant, nobody changes the value as long as there is a reader: a user waits for the count to
        // become zero, at the beginning and when what was lent is taken back.
        Some(read(unsafe { &*self.value.get() }))
    }
}

/// Ends the lending, unless there are readers. To be called by a thread that is attached to the interpreter.
#[inline(always)]
fn take_back(state: &AtomicUsize) -> bool {
    if cfg!(Py_GIL_DISABLED) {
        return state.compare_exchange(USED | LENT, USED, Ordering::Acquire, Ordering::Relaxed).is_ok();
    }
    // Readers of what is lent are attached when they count themselves in or out: nobody does so in between.
    let has_no_readers = state.load(Ordering::Acquire) == USED | LENT;
    if has_no_readers {
        state.store(USED, Ordering::Relaxed);
    }
    has_no_readers
}

/// Another thread is reading, which takes as long as a copy.
#[cold]
fn wait_for_readers() {
    std::thread::yield_now();
}

impl<'a, T> From<&'a mut T> for InUse<'a, T> {
    /// A value that nobody else could read when it is lent.
    fn from(value: &'a mut T) -> Self {
        Self { value: NonNull::from(value), state: None, borrowed: PhantomData }
    }
}

impl<T> InUse<'_, T> {
    /// Runs `code` while others may read the value.
    #[inline]
    pub fn lend<R>(&mut self, _attached: Python<'_>, code: impl FnOnce() -> R) -> R {
        /// Takes the value back, also when the code panics.
        struct Lent<'a>(&'a AtomicUsize);
        impl Drop for Lent<'_> {
            #[inline]
            fn drop(&mut self) {
                while !take_back(self.0) {
                    wait_for_readers();
                }
            }
        }

        let Some(state) = self.state else { return code() };
        // Without readers so far: nothing is lost.
        state.store(USED | LENT, Ordering::Release);
        let _lent = Lent(state);
        code()
    }
}

impl<T> Deref for InUse<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: a pointer that was made from an exclusive reference, or of a `Lending` whose state is `USED`. It is not
        // lent, for `lend` has an exclusive reference to `self` until it has the value back.
        unsafe { self.value.as_ref() }
    }
}

impl<T> DerefMut for InUse<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the reference to `self` is exclusive.
        unsafe { self.value.as_mut() }
    }
}

impl<T> Drop for InUse<'_, T> {
    fn drop(&mut self) {
        if let Some(state) = self.state {
            state.store(0, Ordering::Release);
        }
    }
}
