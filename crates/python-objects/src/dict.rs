//! Walking a dict that user code or another thread may change under the walk.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::compat::dict_table;
use crate::walk::Walked;

/// A position in a dict.
///
/// PyO3's own iterator panics when the dict changes size; for a pickler, whose every item may run user code, that is an
/// everyday error.
///
/// On a build with the global lock nobody else changes the dict until Python code runs. On one without, the cursor walks
/// a copy as long as no Python code has run: another thread that takes a key out and puts one in, between two steps, would
/// otherwise make the walk pass over a key that was there all the time. From then on it walks the dict itself on both,
/// because what that code changed counts.
pub struct DictCursor<'py> {
    place: Place<'py>,
    expected_len: usize,
    copy: Walked<Bound<'py, PyDict>>,
    /// How many items the copy gave.
    taken: usize,
}

/// A key and its value.
pub type Item<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

impl<'py> DictCursor<'py> {
    /// Before the first item of `dict`.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn new(dict: &Bound<'py, PyDict>) -> PyResult<Self> {
        let copy = Walked::copy(|| dict.copy())?;
        Ok(Self { place: Place::default(), expected_len: copy.get().unwrap_or(dict).len(), copy, taken: 0 })
    }

    /// How many items there were at the start.
    #[must_use]
    pub fn len_at_start(&self) -> usize {
        self.expected_len
    }

    /// The next item, or `None` behind the last. `undisturbed` says that no Python code has run since the start.
    ///
    /// # Errors
    /// `RuntimeError`, in the words of Python's own iterator, if the dict has another size than at the start.
    #[inline]
    pub fn next(&mut self, dict: &Bound<'py, PyDict>, undisturbed: bool) -> PyResult<Option<Item<'py>>> {
        if let Some(copy) = self.copy.get() {
            if undisturbed {
                self.taken += 1;
                return self.place.step(copy, None);
            }
            self.leave_copy(dict)?;
        }
        self.place.step(dict, Some(self.expected_len))
    }

    /// Goes on in the dict itself, behind as many items as the copy gave.
    #[cold]
    fn leave_copy(&mut self, dict: &Bound<'py, PyDict>) -> PyResult<()> {
        self.copy.give_up();
        self.place = Place::default();
        for _ in 0..self.taken {
            self.place.step(dict, None)?;
        }
        Ok(())
    }
}

/// The items of one moment, whatever happens to `dict` while they are looked at.
///
/// # Errors
/// `MemoryError`.
pub fn items<'py>(dict: &Bound<'py, PyDict>) -> PyResult<Vec<Item<'py>>> {
    // Nothing runs between the steps. On a build without the global lock, the cursor walks a copy.
    let mut cursor = DictCursor::new(dict)?;
    let mut items = Vec::with_capacity(cursor.len_at_start());
    while let Some(item) = cursor.next(dict, true)? {
        items.push(item);
    }
    Ok(items)
}

/// A table of keys that the dicts of instances of a class share, as it is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedKeys {
    address: usize,
    len: isize,
}

impl SharedKeys {
    /// The table that `dict` shares with others, if it has one and that is known. As long as it lives and its length is
    /// the same, it has the same keys, and a dict that shares it has none but those.
    #[inline]
    #[must_use]
    pub fn of(dict: &Bound<'_, PyDict>) -> Option<Self> {
        // SAFETY: a live dict, which nobody changes: this is only known with the global lock.
        let (address, len) = unsafe { dict_table::shared_table(dict.as_ptr()) }?;
        Some(Self { address, len })
    }
}

/// Whether the keys of `dict` stand in a table that no other dict has, as far as that is known.
#[inline]
#[must_use]
pub fn has_keys_of_its_own(dict: &Bound<'_, PyDict>) -> bool {
    // SAFETY: a live dict, which nobody changes: this is only known with the global lock.
    unsafe { dict_table::has_own_table(dict.as_ptr()) }
}

/// The keys in the table that `dict` shares with others, also those that only the others have. None if it shares none.
#[must_use]
pub fn shared_keys<'py>(dict: &Bound<'py, PyDict>) -> Vec<Bound<'py, PyAny>> {
    if SharedKeys::of(dict).is_none() {
        return Vec::new();
    }
    // SAFETY: a live dict that shares its keys, which nobody changes: this is only known with the global lock. The keys live
    // as long as the table, and are owned before anything can run.
    unsafe {
        let keys = dict_table::shared_keys(dict.as_ptr()).into_iter();
        keys.filter_map(|key| Bound::from_borrowed_ptr_or_opt(dict.py(), key)).collect()
    }
}

/// Finds out whether the memory of dicts is what it is taken for. To be called once, at import.
///
/// # Errors
/// What making a few dicts raises.
pub fn learn_layout(py: Python<'_>) -> PyResult<()> {
    dict_table::learn(py)
}

#[cold]
fn changed_size() -> PyErr {
    PyRuntimeError::new_err("dictionary changed size during iteration")
}

#[cfg(not(PyPy))]
use native::Place;
#[cfg(PyPy)]
use through_python::Place;

#[cfg(not(PyPy))]
mod native {
    use std::marker::PhantomData;

    use pyo3::ffi;
    use pyo3::prelude::*;
    use pyo3::sync::critical_section::with_critical_section;
    use pyo3::types::PyDict;

    use super::{Item, changed_size};
    use crate::compat::dict_table::{self, Found, Position};

    /// An item of a dict.
    #[derive(Default)]
    pub(super) struct Place<'py> {
        position: Position,
        attached: PhantomData<Python<'py>>,
    }

    impl<'py> Place<'py> {
        /// The item of `dict` here, and moves on; an error if the dict has not the size that is expected.
        #[inline(always)]
        pub(super) fn step(
            &mut self,
            dict: &Bound<'py, PyDict>,
            expected_len: Option<usize>,
        ) -> PyResult<Option<Item<'py>>> {
            if cfg!(Py_GIL_DISABLED) {
                with_critical_section(dict, || self.step_undisturbed(dict, expected_len))
            } else {
                self.step_undisturbed(dict, expected_len)
            }
        }

        /// The same while no other thread changes the dict: under its lock, or the global one.
        #[inline(always)]
        fn step_undisturbed(
            &mut self,
            dict: &Bound<'py, PyDict>,
            expected_len: Option<usize>,
        ) -> PyResult<Option<Item<'py>>> {
            let py = dict.py();
            if expected_len.is_some_and(|len| len != dict.len()) {
                return Err(changed_size());
            }
            // SAFETY: `dict` is a live dict. The position is checked against the dict's present table, so one from before a
            // change is harmless.
            let (key, value) = match unsafe { dict_table::next(dict.as_ptr(), &mut self.position) } {
                Found::Item(item) => item,
                Found::End => return Ok(None),
                Found::Unknown => match self.step_by_call(dict) {
                    Some(item) => item,
                    None => return Ok(None),
                },
            };
            // SAFETY: both are borrowed references to live objects; they become owned before anything can run that changes
            // the dict. An item has a key and a value.
            Ok(Some(unsafe {
                std::hint::assert_unchecked(!key.is_null() && !value.is_null());
                (Bound::from_borrowed_ptr(py, key), Bound::from_borrowed_ptr(py, value))
            }))
        }

        #[inline(never)]
        fn step_by_call(&mut self, dict: &Bound<'py, PyDict>) -> Option<(*mut ffi::PyObject, *mut ffi::PyObject)> {
            let mut key = std::ptr::null_mut();
            let mut value = std::ptr::null_mut();
            // SAFETY: `dict` is a live dict, the out-parameters are locals. `PyDict_Next` checks the position against the
            // dict's present table, so a position from before a change is harmless.
            let found =
                unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut self.position.index, &raw mut key, &raw mut value) };
            (found != 0).then_some((key, value))
        }
    }
}

#[cfg(PyPy)]
mod through_python {
    use pyo3::intern;
    use pyo3::prelude::*;
    use pyo3::types::{PyDict, PyIterator};

    use super::{Item, changed_size};

    /// The iterator of `dict.items(dict)`, from the first step on. PyPy's `PyDict_Next` keeps its place in the dict itself,
    /// where a walk inside the walk loses it, and cannot raise what a key's comparison raises.
    #[derive(Default)]
    pub(super) struct Place<'py> {
        items: Option<Bound<'py, PyIterator>>,
    }

    impl<'py> Place<'py> {
        /// The next item of `dict`; an error if the dict has not the size that is expected.
        pub(super) fn step(
            &mut self,
            dict: &Bound<'py, PyDict>,
            expected_len: Option<usize>,
        ) -> PyResult<Option<Item<'py>>> {
            if expected_len.is_some_and(|len| len != dict.len()) {
                return Err(changed_size());
            }
            let py = dict.py();
            let items = match &mut self.items {
                Some(items) => items,
                None => {
                    let view = py.get_type::<PyDict>().call_method1(intern!(py, "items"), (dict,))?;
                    self.items.insert(view.try_iter()?)
                }
            };
            items.next().map(|item| item?.extract()).transpose()
        }
    }
}
