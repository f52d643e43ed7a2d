//! Integers of any size as Rust values.

use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyInt;

use crate::compat::int_bytes;

/// The value of `number`, or `None` if it needs more than 64 bits.
///
/// PyO3's `extract::<i64>()` raises an `OverflowError` for the large ones; here they are an everyday case.
#[inline]
#[must_use]
pub fn as_i64(number: &Bound<'_, PyInt>) -> Option<i64> {
    match digits::of_one_digit(number) {
        Some(value) => Some(value.into()),
        None => as_i64_by_call(number),
    }
}

/// The value of `number` if it has at most one digit, which most ints have, and if that can be read without a call.
#[inline]
#[must_use]
pub fn of_one_digit(number: &Bound<'_, PyInt>) -> Option<i32> {
    digits::of_one_digit(number)
}

fn as_i64_by_call(number: &Bound<'_, PyInt>) -> Option<i64> {
    let mut overflow = 0;
    // SAFETY: `number` is a live `int` (the type of the reference says so) and `overflow` is a local out-parameter. For
    // an `int` the call runs no Python code and sets no exception.
    let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(number.as_ptr(), &raw mut overflow) };
    (overflow == 0).then_some(value)
}

/// Numbers of so many bytes need no allocation.
const FEW: usize = 64;

/// What `with` makes of `number` as the shortest little-endian two's complement, the argument of LONG1 and LONG4.
///
/// # Errors
/// `MemoryError`, and `OverflowError` for a number of more bits than can be counted.
pub fn with_twos_complement<R>(number: &Bound<'_, PyInt>, with: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
    let mut few = [0; FEW];
    let size = int_bytes::fill(number, &mut few)?;
    if size <= FEW {
        return Ok(with(shortest(&few[..size])));
    }
    let mut many = Vec::new();
    many.try_reserve_exact(size).map_err(|_| PyMemoryError::new_err(()))?;
    many.resize(size, 0);
    int_bytes::fill(number, &mut many)?;
    Ok(with(shortest(&many)))
}

/// The bytes without those at the end that only repeat the sign, of which there may be more on some versions than on others.
fn shortest(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., last @ (0 | u8::MAX)] = bytes
        && rest.last().is_some_and(|below| (*last == u8::MAX) == (*below >= 1 << 7))
    {
        bytes = rest;
    }
    bytes
}

/// The number whose little-endian two's complement this is.
///
/// # Errors
/// `MemoryError`.
pub fn from_twos_complement<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    int_bytes::made_of(py, bytes)
}

/// Finds out whether the digits of an `int` are what [`as_i64`] can read without a call. To be called once, at import.
///
/// # Errors
/// What looking up `sys.int_info` raises.
pub fn learn_layout(py: Python<'_>) -> PyResult<()> {
    let info = py.import("sys")?.getattr("int_info")?;
    let bits: u32 = info.getattr("bits_per_digit")?.extract()?;
    let bytes: usize = info.getattr("sizeof_digit")?.extract()?;
    digits::set_known(cfg!(not(PyPy)) && bits == 30 && bytes == size_of::<u32>());
    Ok(())
}

mod digits {
    use std::sync::atomic::{AtomicBool, Ordering};

    use pyo3::ffi;
    use pyo3::prelude::*;
    use pyo3::types::PyInt;

    /// Whether a digit has 30 bits, as all usual builds have it.
    static KNOWN: AtomicBool = AtomicBool::new(false);

    pub(super) fn set_known(known: bool) {
        KNOWN.store(known, Ordering::Relaxed);
    }

    /// `PyLongObject`, up to its first digit.
    #[repr(C)]
    struct Int {
        base: ffi::PyObject,
        /// Up to 3.11 the number of digits, negative for negative numbers. Since 3.12 that number without its sign in the
        /// upper bits, and in the lowest two 0 for positive numbers, 1 for zero, 2 for negative ones.
        size: isize,
        first: u32,
    }

    /// The value of `number` if it has at most one digit: most ints.
    #[inline]
    pub(super) fn of_one_digit(number: &Bound<'_, PyInt>) -> Option<i32> {
        if cfg!(PyPy) || !KNOWN.load(Ordering::Relaxed) {
            return None;
        }
        // SAFETY: a live `int`, which does not change, and whose layout this is on this version and build. There is room
        // for a digit in zero too.
        let (size, digit) = unsafe {
            let int = number.as_ptr().cast::<Int>();
            ((*int).size, (*int).first)
        };
        // Without branches: the signs of ints in a row are hard to foresee.
        let sign = if cfg!(Py_3_12) {
            // The third bit says that a small int is immortal (3.14).
            (size.cast_unsigned() < 2 << 3).then(|| 1 - (size & 0b11))?
        } else {
            (-1..=1).contains(&size).then_some(size)?
        };
        #[expect(clippy::cast_possible_truncation, reason = "a sign, and a digit of 15 or 30 bits")]
        Some(sign as i32 * digit.cast_signed())
    }
}
