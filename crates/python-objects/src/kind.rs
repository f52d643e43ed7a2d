//! Which builtin type an object is of, exactly: subclasses are [`Kind::Other`].

use pyo3::prelude::*;
use pyo3::type_object::PyTypeInfo;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType,
};

/// Whether an instance of a subclass is read without asking its class. PyPy's API calls `__iter__` and the like.
pub const KNOWS_CONTENTS_OF_SUBCLASSES: bool = cfg!(not(PyPy));

/// The types that have opcodes of their own in the pickle format, and the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `None`
    None,
    /// `True` or `False`
    Bool,
    /// `int`
    Int,
    /// `float`
    Float,
    /// `str`
    Str,
    /// `bytes`
    Bytes,
    /// `bytearray`
    ByteArray,
    /// `tuple`
    Tuple,
    /// `list`
    List,
    /// `dict`
    Dict,
    /// `set`
    Set,
    /// `frozenset`
    FrozenSet,
    /// Everything else, subclasses of the above included.
    Other,
}

/// `obj` as what it is, if it is exactly a `T`. (`cast_exact` says why not, which takes longer than the question.)
#[inline(always)]
#[must_use]
pub fn exact<'a, 'py, T: PyTypeInfo>(obj: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, T>> {
    // SAFETY: it is one.
    obj.is_exact_instance_of::<T>().then(|| unsafe { obj.cast_unchecked() })
}

impl Kind {
    /// The kind of `obj`. What counts is `type(obj)`; a `__class__` that says otherwise is not believed.
    #[inline]
    #[must_use]
    pub fn of(obj: &Bound<'_, PyAny>) -> Kind {
        let py = obj.py();
        let ty = obj.get_type_ptr();
        // One comparison chain, the types of everyday data first.
        if ty == PyString::type_object_raw(py) {
            Kind::Str
        } else if let Some(atom) = Kind::of_atom(obj) {
            atom
        } else if ty == PyTuple::type_object_raw(py) {
            Kind::Tuple
        } else if ty == PyDict::type_object_raw(py) {
            Kind::Dict
        } else if ty == PyList::type_object_raw(py) {
            Kind::List
        } else if ty == PyBytes::type_object_raw(py) {
            Kind::Bytes
        } else if ty == PySet::type_object_raw(py) {
            Kind::Set
        } else if ty == PyFrozenSet::type_object_raw(py) {
            Kind::FrozenSet
        } else if ty == PyByteArray::type_object_raw(py) {
            Kind::ByteArray
        } else {
            Kind::Other
        }
    }

    /// The kind of the instances of exactly this type, if it is a builtin one from which others may be derived.
    #[must_use]
    pub fn of_type(ty: &Bound<'_, PyType>) -> Option<Kind> {
        let py = ty.py();
        let types = [
            (PyInt::type_object_raw(py), Kind::Int),
            (PyFloat::type_object_raw(py), Kind::Float),
            (PyString::type_object_raw(py), Kind::Str),
            (PyBytes::type_object_raw(py), Kind::Bytes),
            (PyByteArray::type_object_raw(py), Kind::ByteArray),
            (PyTuple::type_object_raw(py), Kind::Tuple),
            (PyList::type_object_raw(py), Kind::List),
            (PyDict::type_object_raw(py), Kind::Dict),
            (PySet::type_object_raw(py), Kind::Set),
            (PyFrozenSet::type_object_raw(py), Kind::FrozenSet),
        ];
        types.iter().find(|(known, _)| *known == ty.as_type_ptr()).map(|(_, kind)| *kind)
    }

    /// The kind of an object that is written whenever it is met: of `None`, a `bool`, `int` or `float`.
    #[inline]
    #[must_use]
    pub fn of_atom(obj: &Bound<'_, PyAny>) -> Option<Kind> {
        let py = obj.py();
        let ty = obj.get_type_ptr();
        if ty == PyInt::type_object_raw(py) {
            Some(Kind::Int)
        } else if ty == PyFloat::type_object_raw(py) {
            Some(Kind::Float)
        } else if obj.is_none() {
            Some(Kind::None)
        } else if ty == PyBool::type_object_raw(py) {
            Some(Kind::Bool)
        } else {
            None
        }
    }
}
