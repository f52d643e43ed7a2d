//! The fields of `datetime` objects, as their pickles have them.

#[cfg(not(PyPy))]
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// Which of the four types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateTimeKind {
    /// `datetime.date`
    Date,
    /// `datetime.time`
    Time,
    /// `datetime.datetime`
    DateTime,
}

/// What a date or time is made from again: up to ten bytes.
#[derive(Clone, Copy, Debug)]
pub struct State {
    bytes: [u8; 10],
    len: usize,
}

impl State {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A type of the module `datetime` that is written in C, whose instances this file can read.
#[derive(Debug)]
pub struct DateTimeType {
    ty: Py<PyType>,
    kind: DateTimeKind,
}

impl DateTimeType {
    /// `ty`, if it is one of the types of `module`, `_datetime`: the half of `datetime` that is in C.
    ///
    /// # Errors
    /// What looking into the module raises.
    pub fn of(ty: &Bound<'_, PyType>, module: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        if cfg!(PyPy) {
            return Ok(None);
        }
        let py = ty.py();
        for (name, kind) in [
            (intern!(py, "date"), DateTimeKind::Date),
            (intern!(py, "time"), DateTimeKind::Time),
            (intern!(py, "datetime"), DateTimeKind::DateTime),
        ] {
            if module.getattr_opt(name)?.is_some_and(|found| found.is(ty)) {
                return Ok(Some(Self { ty: ty.clone().unbind(), kind }));
            }
        }
        Ok(None)
    }

    /// The state of `obj`, or `None` if it has a time zone or is no instance of this very type.
    #[cfg(not(PyPy))]
    #[must_use]
    pub fn state(&self, obj: &Bound<'_, PyAny>) -> Option<State> {
        /// The highest bit of the first field that cannot need it says that this is the second of two equal times.
        const FOLD: u8 = 0x80;

        if obj.get_type_ptr().cast() != self.ty.as_ptr() {
            return None;
        }
        let mut bytes = [0; 10];
        let object = obj.as_ptr();
        // SAFETY: `obj` is an instance of a type of `_datetime`, whose structs these are on every version; the kind says
        // which one. An instance without a time zone is allocated without that field, which is not read.
        let len = unsafe {
            match self.kind {
                DateTimeKind::Date => {
                    bytes[..4].copy_from_slice(&(*object.cast::<ffi::PyDateTime_Date>()).data);
                    4
                }
                DateTimeKind::Time => {
                    let time = object.cast::<ffi::PyDateTime_Time>();
                    if (*time).hastzinfo != 0 {
                        return None;
                    }
                    bytes[..6].copy_from_slice(&(*time).data);
                    bytes[0] |= if (*time).fold != 0 { FOLD } else { 0 };
                    6
                }
                DateTimeKind::DateTime => {
                    let time = object.cast::<ffi::PyDateTime_DateTime>();
                    if (*time).hastzinfo != 0 {
                        return None;
                    }
                    bytes.copy_from_slice(&(*time).data);
                    bytes[2] |= if (*time).fold != 0 { FOLD } else { 0 };
                    10
                }
            }
        };
        Some(State { bytes, len })
    }

    /// Nothing: the objects of PyPy are of another make.
    #[cfg(PyPy)]
    #[must_use]
    pub fn state(&self, _obj: &Bound<'_, PyAny>) -> Option<State> {
        let _ = (&self.ty, self.kind);
        None
    }
}
