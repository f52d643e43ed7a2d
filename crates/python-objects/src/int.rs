//! Integers of any size as Rust values.

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt};

/// The value of `number`, or `None` if it needs more than 64 bits.
///
/// PyO3's `extract::<i64>()` raises an `OverflowError` for the large ones; here they are an everyday case.
#[inline]
#[must_use]
pub fn as_i64(number: &Bound<'_, PyInt>) -> Option<i64> {
    let mut overflow = 0;
    // SAFETY: `number` is a live `int` (the type of the reference says so) and `overflow` is a local out-parameter. For
    // an `int` the call runs no Python code and sets no exception.
    let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(number.as_ptr(), &raw mut overflow) };
    (overflow == 0).then_some(value)
}

/// `number` as the shortest little-endian two's complement, the argument of LONG1 and LONG4.
pub fn to_twos_complement<'py>(number: &Bound<'py, PyInt>) -> PyResult<Bound<'py, PyBytes>> {
    let py = number.py();
    // The sign needs a bit of its own. The magnitude of -2**(8k-1) needs one bit fewer than `bit_length` says, which is
    // the bit length of its complement.
    let magnitude = if number.lt(0)? { number.bitnot()? } else { number.clone().into_any() };
    let bits: usize = magnitude.call_method0(intern!(py, "bit_length"))?.extract()?;
    let kwargs = pyo3::types::PyDict::new(py);
    kwargs.set_item(intern!(py, "signed"), true)?;
    let bytes = number.call_method(intern!(py, "to_bytes"), (bits / 8 + 1, intern!(py, "little")), Some(&kwargs))?;
    Ok(bytes.cast_into::<PyBytes>()?)
}
