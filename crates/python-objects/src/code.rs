//! The fields of code objects, read where they stand.
//!
//! CPython describes them itself: the type has a table of the fields that are attributes, and one of the functions that
//! compute others. Both are read once; so no layout is written down here that another version may change.

use pyo3::prelude::*;
use pyo3::types::{PyCode, PyString, PyTuple};

use crate::compat::code::FIELDS;

/// The value of a field.
pub enum Field<'py> {
    /// A number.
    Int(i64),
    /// Anything else, and numbers where the type does not say that it has them as such.
    Object(Bound<'py, PyAny>),
}

/// How to read each of [`FIELDS`].
pub struct CodeFields {
    readers: Vec<Reader>,
    names: Py<PyTuple>,
}

enum Reader {
    #[cfg(not(PyPy))]
    Int(usize),
    #[cfg(not(PyPy))]
    Object(usize),
    #[cfg(not(PyPy))]
    Computed(pyo3::ffi::getter, usize),
    /// By its name.
    Attribute,
}

impl CodeFields {
    /// Reads the tables.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn look_up(py: Python<'_>) -> PyResult<Self> {
        let names = PyTuple::new(py, FIELDS.iter().map(|name| PyString::intern(py, name)))?.unbind();
        Ok(Self { readers: FIELDS.iter().map(|name| reader(py, name)).collect(), names })
    }

    /// The attributes, in the order of [`FIELDS`].
    #[must_use]
    pub fn names<'py>(&self, py: Python<'py>) -> &Bound<'py, PyTuple> {
        self.names.bind(py)
    }

    /// The field of this number.
    ///
    /// # Errors
    /// What computing it raises, such as a `MemoryError`.
    #[inline]
    pub fn get<'py>(&self, code: &Bound<'py, PyCode>, index: usize) -> PyResult<Field<'py>> {
        match &self.readers[index] {
            #[cfg(not(PyPy))]
            Reader::Int(offset) => Ok(Field::Int(native::int(code, *offset))),
            #[cfg(not(PyPy))]
            Reader::Object(offset) => Ok(Field::Object(native::object(code, *offset))),
            #[cfg(not(PyPy))]
            Reader::Computed(getter, closure) => native::computed(code, *getter, *closure).map(Field::Object),
            Reader::Attribute => {
                code.getattr(self.names.bind(code.py()).get_item(index)?.cast::<PyString>()?).map(Field::Object)
            }
        }
    }

    /// The field of this number as an object.
    ///
    /// # Errors
    /// As [`Self::get`].
    #[inline]
    pub fn object<'py>(&self, code: &Bound<'py, PyCode>, index: usize) -> PyResult<Bound<'py, PyAny>> {
        match self.get(code, index)? {
            Field::Int(value) => Ok(value.into_pyobject(code.py())?.into_any()),
            Field::Object(value) => Ok(value),
        }
    }
}

#[cfg(PyPy)]
fn reader(_: Python<'_>, _: &str) -> Reader {
    Reader::Attribute
}

#[cfg(not(PyPy))]
use native::reader;

#[cfg(not(PyPy))]
mod native {
    use std::ffi::{CStr, c_char, c_int};

    use pyo3::ffi;
    use pyo3::prelude::*;
    use pyo3::types::PyCode;

    use super::Reader;

    /// `T_INT` and `T_OBJECT` of CPython's Include/structmember.h.
    const T_OBJECT: c_int = 6;
    const T_INT: c_int = 1;

    fn is(name: *const c_char, wanted: &str) -> bool {
        // SAFETY: the tables of a type hold C strings that live as long as the type.
        unsafe { CStr::from_ptr(name) }.to_bytes() == wanted.as_bytes()
    }

    /// How to read the field of this name.
    pub(super) fn reader(py: Python<'_>, wanted: &str) -> Reader {
        let ty = py.get_type::<PyCode>();
        // SAFETY: the type object is alive, and of this layout on a build for this version.
        let (mut member, mut getset) = unsafe {
            let ty = &*ty.as_ptr().cast::<ffi::PyTypeObject>();
            (ty.tp_members, ty.tp_getset)
        };
        // SAFETY: both are null or tables that end with an entry without a name, and live as long as the type.
        unsafe {
            while !member.is_null() && !(*member).name.is_null() {
                let entry = &*member;
                if is(entry.name, wanted) {
                    return match (entry.type_code, usize::try_from(entry.offset)) {
                        (T_INT, Ok(offset)) => Reader::Int(offset),
                        (T_OBJECT, Ok(offset)) => Reader::Object(offset),
                        _ => Reader::Attribute,
                    };
                }
                member = member.add(1);
            }
            while !getset.is_null() && !(*getset).name.is_null() {
                let entry = &*getset;
                if is(entry.name, wanted) {
                    return match entry.get {
                        Some(getter) => Reader::Computed(getter, entry.closure as usize),
                        None => Reader::Attribute,
                    };
                }
                getset = getset.add(1);
            }
        }
        Reader::Attribute
    }

    #[inline]
    pub(super) fn int(code: &Bound<'_, PyCode>, offset: usize) -> i64 {
        // SAFETY: the type of code objects, of which there are no subclasses, says that they have an `int` at this offset.
        let value = unsafe { code.as_ptr().byte_add(offset).cast::<c_int>().read() };
        i64::from(value)
    }

    #[inline]
    pub(super) fn object<'py>(code: &Bound<'py, PyCode>, offset: usize) -> Bound<'py, PyAny> {
        let py = code.py();
        // SAFETY: as for `int`; what is there is null, which reads as None, or a reference that the code object keeps as
        // long as it lives, for code objects do not change.
        let value = unsafe {
            let field = code.as_ptr().byte_add(offset).cast::<*mut ffi::PyObject>().read();
            Bound::from_borrowed_ptr_or_opt(py, field)
        };
        value.unwrap_or_else(|| py.None().into_bound(py))
    }

    #[inline]
    pub(super) fn computed<'py>(
        code: &Bound<'py, PyCode>,
        getter: ffi::getter,
        closure: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: the getter is from the table of the type of code objects, and is given one and the closure that stands
        // beside it. It returns a new reference, or null with an exception set.
        unsafe { Bound::from_owned_ptr_or_err(code.py(), getter(code.as_ptr(), closure as *mut _)) }
    }
}
