//! What the walks over lists, dicts and sets have in common.

#[cfg(not(Py_GIL_DISABLED))]
use std::marker::PhantomData;

/// Whether other threads may change a container while no Python code runs in this one: on a build without the global lock.
pub(crate) const WALKS_COPIES: bool = cfg!(Py_GIL_DISABLED);

/// The copy that is walked in the place of a container, as long as no Python code has run. Nothing, and nothing to be
/// dropped, on a build with the global lock.
pub(crate) struct Walked<T> {
    #[cfg(Py_GIL_DISABLED)]
    copy: Option<T>,
    #[cfg(not(Py_GIL_DISABLED))]
    copy: PhantomData<T>,
}

#[cfg(Py_GIL_DISABLED)]
impl<T> Walked<T> {
    /// What this makes.
    #[inline]
    pub(crate) fn copy<E>(make: impl FnOnce() -> Result<T, E>) -> Result<Self, E> {
        Ok(Self { copy: Some(make()?) })
    }

    /// The copy, until it is given up.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        self.copy.as_ref()
    }

    /// From here on, the container itself is walked.
    #[inline]
    pub(crate) fn give_up(&mut self) {
        self.copy = None;
    }
}

#[cfg(not(Py_GIL_DISABLED))]
#[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "without the global lock, there is a copy")]
impl<T> Walked<T> {
    /// Nothing.
    #[inline(always)]
    pub(crate) fn copy<E>(_make: impl FnOnce() -> Result<T, E>) -> Result<Self, E> {
        Ok(Self { copy: PhantomData })
    }

    /// Nothing.
    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&T> {
        None
    }

    /// Nothing.
    #[inline(always)]
    pub(crate) fn give_up(&mut self) {}
}
