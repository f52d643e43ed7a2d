//! Ints of any size as little-endian two's complement.

#[cfg(all(not(PyPy), not(Py_3_13)))]
pub(crate) use private::{fill, made_of};
#[cfg(all(not(PyPy), Py_3_13))]
pub(crate) use public::{fill, made_of};
#[cfg(PyPy)]
pub(crate) use through_python::{fill, made_of};

/// The functions that there are since Python 3.13.
#[cfg(all(not(PyPy), Py_3_13))]
mod public {
    use pyo3::ffi;
    use pyo3::prelude::*;
    use pyo3::types::PyInt;

    const LITTLE_ENDIAN: std::ffi::c_int = 1;

    /// Fills the beginning of `bytes`, and says how many are enough; if there are fewer, that is all that it does.
    pub(crate) fn fill(number: &Bound<'_, PyInt>, bytes: &mut [u8]) -> PyResult<usize> {
        let (start, len) = (bytes.as_mut_ptr().cast(), bytes.len().cast_signed());
        // SAFETY: a live int, and a buffer of so many bytes, which are written; negative with an exception.
        let size = unsafe { ffi::PyLong_AsNativeBytes(number.as_ptr(), start, len, LITTLE_ENDIAN) };
        usize::try_from(size).map_err(|_| PyErr::fetch(number.py()))
    }

    /// The number whose bytes these are.
    pub(crate) fn made_of<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: so many bytes, which are read; the result is a new reference, or null with an exception.
        unsafe {
            let number = ffi::PyLong_FromNativeBytes(bytes.as_ptr().cast(), bytes.len(), LITTLE_ENDIAN);
            Bound::from_owned_ptr_or_err(py, number)
        }
    }
}

/// What there was before, which is not public. The C pickler uses it.
#[cfg(all(not(PyPy), not(Py_3_13)))]
mod private {
    use pyo3::ffi;
    use pyo3::prelude::*;
    use pyo3::types::PyInt;

    unsafe extern "C" {
        // Not in `pyo3::ffi`.
        fn _PyLong_NumBits(number: *mut ffi::PyObject) -> usize;
    }

    const LITTLE_ENDIAN: std::ffi::c_int = 1;
    const SIGNED: std::ffi::c_int = 1;

    /// Fills the beginning of `bytes`, and says how many are enough; if there are fewer, that is all that it does.
    pub(crate) fn fill(number: &Bound<'_, PyInt>, bytes: &mut [u8]) -> PyResult<usize> {
        // SAFETY: a live int; the result is the number of bits of its magnitude, or the greatest one with an exception.
        let bits = unsafe { _PyLong_NumBits(number.as_ptr()) };
        if bits == usize::MAX {
            return Err(PyErr::fetch(number.py()));
        }
        // The sign needs a bit of its own.
        let size = bits / 8 + 1;
        let Some(bytes) = bytes.get_mut(..size) else { return Ok(size) };
        let start = bytes.as_mut_ptr();
        // SAFETY: a live int, and a buffer of so many bytes, all of which are written; negative with an exception.
        let status = unsafe { ffi::_PyLong_AsByteArray(number.as_ptr().cast(), start, size, LITTLE_ENDIAN, SIGNED) };
        if status < 0 { Err(PyErr::fetch(number.py())) } else { Ok(size) }
    }

    /// The number whose bytes these are.
    pub(crate) fn made_of<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: so many bytes, which are read; the result is a new reference, or null with an exception.
        unsafe {
            let number = ffi::_PyLong_FromByteArray(bytes.as_ptr(), bytes.len(), LITTLE_ENDIAN, SIGNED);
            Bound::from_owned_ptr_or_err(py, number)
        }
    }
}

/// The methods, which take several times as long as the functions.
#[cfg(PyPy)]
mod through_python {
    use pyo3::intern;
    use pyo3::prelude::*;
    use pyo3::types::{PyBytes, PyDict, PyInt};

    fn signed(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let options = PyDict::new(py);
        options.set_item(intern!(py, "signed"), true)?;
        Ok(options)
    }

    /// Fills the beginning of `bytes`, and says how many are enough; if there are fewer, that is all that it does.
    pub(crate) fn fill(number: &Bound<'_, PyInt>, bytes: &mut [u8]) -> PyResult<usize> {
        let py = number.py();
        let bits: usize = number.call_method0(intern!(py, "bit_length"))?.extract()?;
        // The sign needs a bit of its own.
        let size = bits / 8 + 1;
        if let Some(bytes) = bytes.get_mut(..size) {
            let arguments = (size, intern!(py, "little"));
            let made = number.call_method(intern!(py, "to_bytes"), arguments, Some(&signed(py)?))?;
            bytes.copy_from_slice(made.cast::<PyBytes>()?.as_bytes());
        }
        Ok(size)
    }

    /// The number whose bytes these are.
    pub(crate) fn made_of<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let arguments = (PyBytes::new(py, bytes), intern!(py, "little"));
        py.get_type::<PyInt>().call_method(intern!(py, "from_bytes"), arguments, Some(&signed(py)?))
    }
}
