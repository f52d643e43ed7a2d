//! Where a dict has its items in memory. `PyDict_Next` finds an item in some 50 instructions, and the everyday dict is
//! mostly written in fewer.
//!
//! Known for CPython 3.11 to 3.13 with the global lock, for dicts all of whose keys are strings: tables of keys and
//! values, and those of instances, whose keys stand in a table that all instances of a class share.

/// What [`next`] found.
#[cfg_attr(
    not(all(Py_3_11, not(Py_3_14), not(Py_GIL_DISABLED), not(PyPy), target_pointer_width = "64")),
    allow(dead_code)
)]
pub(crate) enum Found<T> {
    /// An item.
    Item(T),
    /// There are no more.
    End,
    /// It is to be looked for with `PyDict_Next`.
    Unknown,
}

/// Where a walk stands.
#[derive(Default)]
#[cfg_attr(
    not(all(Py_3_11, not(Py_3_14), not(Py_GIL_DISABLED), not(PyPy), target_pointer_width = "64")),
    allow(dead_code)
)]
pub(crate) struct Position {
    /// What `PyDict_Next` counts.
    pub(crate) index: isize,
    /// What was found out about the table of keys, to be found out once.
    table: Table,
}

#[cfg(all(Py_3_11, not(Py_3_14), not(Py_GIL_DISABLED), not(PyPy), target_pointer_width = "64"))]
use known::Table;
#[cfg(not(all(Py_3_11, not(Py_3_14), not(Py_GIL_DISABLED), not(PyPy), target_pointer_width = "64")))]
use unknown::Table;

#[cfg(all(Py_3_11, not(Py_3_14), not(Py_GIL_DISABLED), not(PyPy), target_pointer_width = "64"))]
pub(crate) use known::{has_own_table, learn, next, shared_keys, shared_table};
#[cfg(not(all(Py_3_11, not(Py_3_14), not(Py_GIL_DISABLED), not(PyPy), target_pointer_width = "64")))]
#[cfg_attr(PyPy, allow(unused_imports, reason = "dicts are not walked through C there"))]
pub(crate) use unknown::{has_own_table, learn, next, shared_keys, shared_table};

#[cfg(all(Py_3_11, not(Py_3_14), not(Py_GIL_DISABLED), not(PyPy), target_pointer_width = "64"))]
mod known {
    use std::sync::atomic::{AtomicBool, Ordering};

    use pyo3::ffi;
    use pyo3::prelude::*;
    use pyo3::types::PyDict;

    use super::{Found, Position};

    /// Whether the layout is what it is taken for here.
    static KNOWN: AtomicBool = AtomicBool::new(false);

    /// `PyDictObject`.
    #[repr(C)]
    struct Dict {
        base: ffi::PyObject,
        used: isize,
        version: u64,
        keys: *const Keys,
        /// Null if the values stand beside the keys.
        values: *const u8,
    }

    /// `PyDictKeysObject`, up to its indices; behind those there are the entries.
    #[repr(C)]
    struct Keys {
        references: isize,
        log2_size: u8,
        shape: Shape,
        version: u32,
        usable: isize,
        entries: isize,
    }

    /// How the table is laid out: the logarithm of how many bytes its indices have, and the kind of its keys.
    type Shape = [u8; 2];

    /// `DICT_KEYS_GENERAL`: entries have hashes, for keys of any type.
    const GENERAL: u8 = 0;
    /// No table's.
    const NO_SHAPE: Shape = [u8::MAX; 2];

    /// Where the entries of tables of one shape begin, all of whose keys are strings.
    pub(crate) struct Table {
        shape: Shape,
        entries: usize,
    }

    impl Default for Table {
        fn default() -> Self {
            Self { shape: NO_SHAPE, entries: 0 }
        }
    }

    impl Table {
        /// That of the tables of this shape; nothing if it is not known.
        #[inline]
        fn of(shape: Shape) -> Option<Self> {
            let [log2_index_bytes, kind] = shape;
            (kind != GENERAL).then(|| Self { shape, entries: size_of::<Keys>() + (1 << log2_index_bytes) })
        }
    }

    /// An entry of a table whose keys are all strings.
    #[repr(C)]
    struct Entry {
        key: *mut ffi::PyObject,
        value: *mut ffi::PyObject,
    }

    /// The item at `position`, as borrowed references, with the position moved behind it.
    ///
    /// # Safety
    /// `dict` is a live dict that nobody changes meanwhile.
    #[inline]
    pub(crate) unsafe fn next(
        dict: *mut ffi::PyObject,
        position: &mut Position,
    ) -> Found<(*mut ffi::PyObject, *mut ffi::PyObject)> {
        if !KNOWN.load(Ordering::Relaxed) {
            return Found::Unknown;
        }
        // SAFETY: by the condition above and the layout, which `learn` tried out. The position is compared with the bounds
        // of what the dict has at this moment, and the shape of which something is known with that of its table.
        unsafe {
            let dict = dict.cast::<Dict>();
            let keys = (*dict).keys;
            if (*keys).shape != position.table.shape {
                let Some(table) = Table::of((*keys).shape) else { return Found::Unknown };
                position.table = table;
            }
            let entries = keys.byte_add(position.table.entries).cast::<Entry>();
            let values = (*dict).values;
            if !values.is_null() {
                if position.index.cast_unsigned() >= (*dict).used.cast_unsigned() {
                    return Found::End;
                }
                let index = shared::index_of(values, position.index);
                position.index += 1;
                return Found::Item(((*entries.add(index)).key, *shared::values(values).add(index)));
            }
            if position.index.cast_unsigned() >= (*keys).entries.cast_unsigned() {
                return Found::End;
            }
            let Entry { key, value } = *entries.offset(position.index);
            position.index += 1;
            if value.is_null() { next_behind_gap(keys, entries, position) } else { Found::Item((key, value)) }
        }
    }

    /// The next item behind one that was taken out.
    ///
    /// # Safety
    /// These are the keys of a live dict that nobody changes meanwhile, and their entries.
    #[cold]
    #[inline(never)]
    unsafe fn next_behind_gap(
        keys: *const Keys,
        entries: *const Entry,
        position: &mut Position,
    ) -> Found<(*mut ffi::PyObject, *mut ffi::PyObject)> {
        // SAFETY: by the condition above; the position is compared with the bounds.
        unsafe {
            while position.index.cast_unsigned() < (*keys).entries.cast_unsigned() {
                let Entry { key, value } = *entries.offset(position.index);
                position.index += 1;
                if !value.is_null() {
                    return Found::Item((key, value));
                }
            }
        }
        Found::End
    }

    /// The address of the table of keys that the dict shares with others, and how many keys it has.
    ///
    /// # Safety
    /// `dict` is a live dict that nobody changes meanwhile.
    #[inline]
    pub(crate) unsafe fn shared_table(dict: *mut ffi::PyObject) -> Option<(usize, isize)> {
        if !KNOWN.load(Ordering::Relaxed) {
            return None;
        }
        // SAFETY: by the condition above and the layout, which `learn` tried out.
        unsafe {
            let dict = dict.cast::<Dict>();
            (!(*dict).values.is_null()).then(|| ((*dict).keys.addr(), (*(*dict).keys).entries))
        }
    }

    /// Whether the dict has its table of keys to itself, as all have that do not share it with others of a class.
    ///
    /// # Safety
    /// `dict` is a live dict that nobody changes meanwhile.
    #[inline]
    pub(crate) unsafe fn has_own_table(dict: *mut ffi::PyObject) -> bool {
        // SAFETY: by the condition above and the layout, which `learn` tried out.
        KNOWN.load(Ordering::Relaxed) && unsafe { (*dict.cast::<Dict>()).values.is_null() }
    }

    /// The keys in the table that the dict shares with others, as borrowed references: also those that only others have.
    ///
    /// # Safety
    /// `dict` is a live dict that has such a table, and nobody changes it meanwhile.
    pub(crate) unsafe fn shared_keys(dict: *mut ffi::PyObject) -> Vec<*mut ffi::PyObject> {
        // SAFETY: by the condition above and the layout, which `learn` tried out. Keys are added at the end of such a
        // table, and never taken out.
        unsafe {
            let keys = (*dict.cast::<Dict>()).keys;
            let entries = keys.add(1).byte_add(1 << (*keys).shape[0]).cast::<Entry>();
            (0..(*keys).entries).map(|index| (*entries.offset(index)).key).collect()
        }
    }

    /// The values of a dict that shares its keys: `PyDictValues`.
    #[cfg(not(Py_3_13))]
    mod shared {
        use pyo3::ffi;

        /// The index of the item that was put in as number `position`. These numbers stand in front of the values, the
        /// first one last, behind two sizes.
        ///
        /// # Safety
        /// There are values, and as many items.
        #[inline]
        pub(super) unsafe fn index_of(values: *const u8, position: isize) -> usize {
            // SAFETY: by the condition above.
            usize::from(unsafe { *values.offset(-3 - position) })
        }

        /// The values, by index.
        #[inline]
        pub(super) fn values(values: *const u8) -> *const *mut ffi::PyObject {
            values.cast()
        }
    }

    /// The values of a dict that shares its keys: `PyDictValues`.
    #[cfg(Py_3_13)]
    mod shared {
        use pyo3::ffi;

        /// The index of the item that was put in as number `position`. These numbers stand behind all values; how many
        /// there is room for is in the first byte.
        ///
        /// # Safety
        /// There are values, and as many items.
        #[inline]
        pub(super) unsafe fn index_of(values: *const u8, position: isize) -> usize {
            // SAFETY: by the condition above.
            unsafe {
                let room = usize::from(*values);
                usize::from(*self::values(values).add(room).cast::<u8>().offset(position))
            }
        }

        /// The values, by index. They stand behind four sizes of a byte, and the rest of a word.
        #[inline]
        pub(super) fn values(values: *const u8) -> *const *mut ffi::PyObject {
            // SAFETY: the sizes are there.
            unsafe { values.add(size_of::<usize>()).cast() }
        }
    }

    /// Tries the layout out: dicts of both kinds, with items taken out and put in again, must have the items that
    /// `PyDict_Next` says they have.
    ///
    /// # Errors
    /// What making the dicts raises.
    pub(crate) fn learn(py: Python<'_>) -> PyResult<()> {
        let globals = PyDict::new(py);
        py.run(
            c"
class Sample: pass
def attributes(names):
    sample = Sample()
    for name in names: setattr(sample, name, [name])
    return sample.__dict__
samples = [attributes('abc'), attributes('cab'), attributes('bc'), {}, {'x': 1}]
samples.append({name: [name] for name in 'abcdefghijklmnopqrstuvwxyz'})
del samples[0]['a'], samples[5]['b'], samples[5]['z']
samples[5]['b'] = 2
",
            Some(&globals),
            None,
        )?;
        let samples = globals.get_item("samples")?.expect("it was just set");
        KNOWN.store(true, Ordering::Relaxed);
        for sample in samples.try_iter()? {
            let is_known = is_as_expected(sample?.cast::<PyDict>()?);
            KNOWN.fetch_and(is_known, Ordering::Relaxed);
        }
        Ok(())
    }

    fn is_as_expected(dict: &Bound<'_, PyDict>) -> bool {
        let (mut position, mut expected_index) = (Position::default(), 0);
        loop {
            let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
            // SAFETY: a live dict, which nobody changes: nothing runs meanwhile. The out-parameters are locals.
            let (found, expected) = unsafe {
                let found = next(dict.as_ptr(), &mut position);
                (found, ffi::PyDict_Next(dict.as_ptr(), &raw mut expected_index, &raw mut key, &raw mut value))
            };
            match found {
                Found::End => return expected == 0,
                Found::Item(item) if expected != 0 && item == (key, value) && position.index == expected_index => {}
                Found::Item(_) | Found::Unknown => return false,
            }
        }
    }
}

#[cfg(not(all(Py_3_11, not(Py_3_14), not(Py_GIL_DISABLED), not(PyPy), target_pointer_width = "64")))]
mod unknown {
    use pyo3::ffi;
    use pyo3::prelude::*;

    use super::{Found, Position};

    /// Nothing: the layout is not known here.
    #[derive(Default)]
    pub(crate) struct Table;

    /// Nothing: the layout is not known here.
    #[inline]
    #[cfg_attr(PyPy, allow(dead_code, reason = "dicts are not walked through C there"))]
    pub(crate) unsafe fn next(
        _dict: *mut ffi::PyObject,
        _position: &mut Position,
    ) -> Found<(*mut ffi::PyObject, *mut ffi::PyObject)> {
        Found::Unknown
    }

    /// Nothing: the layout is not known here.
    #[inline]
    pub(crate) unsafe fn shared_table(_dict: *mut ffi::PyObject) -> Option<(usize, isize)> {
        None
    }

    /// Not as far as is known.
    #[inline]
    pub(crate) unsafe fn has_own_table(_dict: *mut ffi::PyObject) -> bool {
        false
    }

    /// Nothing: the layout is not known here.
    pub(crate) unsafe fn shared_keys(_dict: *mut ffi::PyObject) -> Vec<*mut ffi::PyObject> {
        Vec::new()
    }

    /// Nothing to try out.
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere there are errors")]
    pub(crate) fn learn(_py: Python<'_>) -> PyResult<()> {
        Ok(())
    }
}
