//! The fields of a `numpy.ndarray`, without numpy's help.
//!
//! The struct is a part of numpy's binary interface and the same in all releases that run on a supported Python. It is
//! compared with what numpy says of an array before it is relied on.

#[cfg(not(PyPy))]
mod fields;
#[cfg(not(PyPy))]
pub use fields::{PlainArray, PlainArrays};

#[cfg(PyPy)]
mod unknown;
#[cfg(PyPy)]
pub use unknown::{PlainArray, PlainArrays};
