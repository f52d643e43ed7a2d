//! Where numpy's structs can be read.

use std::ffi::c_int;
use std::sync::{Mutex, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::{MutexExt, PyOnceLock};
use pyo3::types::{PyMemoryView, PyTuple, PyType};

/// What comes first in numpy's `PyArrayObject_fields`.
#[repr(C)]
struct Fields {
    base: ffi::PyObject,
    data: *const u8,
    dimensions_count: c_int,
    dimensions: *const isize,
    strides: *const isize,
    owner: *mut ffi::PyObject,
    dtype: *mut ffi::PyObject,
    flags: c_int,
}

/// `NPY_ARRAY_C_CONTIGUOUS`.
const C_CONTIGUOUS: c_int = 0x0001;
/// `NPY_ARRAY_WRITEABLE`.
const WRITEABLE: c_int = 0x0400;

/// `numpy.ndarray`, once its layout was found to be as expected.
static KNOWN: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The dtypes that are built in, of which there are two dozen, as far as they were met, and how many bytes an item of theirs
/// has. Nobody can change them.
static BUILT_IN: Mutex<Vec<(Py<PyAny>, Option<usize>)>> = Mutex::new(Vec::new());

/// The arrays of the numpy that is loaded.
///
/// Invariant: instances of `ty` are laid out as [`Fields`], and have items of the size that belongs to their dtype.
pub struct PlainArrays<'py> {
    ty: Bound<'py, PyType>,
    /// The dtypes that were met, and how many bytes an item of theirs has; none for items that are Python objects.
    dtypes: Vec<(Bound<'py, PyAny>, Option<usize>)>,
}

/// An array of plain bytes that lie in memory in the order of C.
///
/// Invariant: it is one of a [`PlainArrays`], is contiguous, and `len` bytes long.
pub struct PlainArray<'a, 'py> {
    array: &'a Bound<'py, PyAny>,
    len: usize,
}

impl<'py> PlainArrays<'py> {
    /// The arrays of the same type as `array`, if that is `numpy.ndarray` and laid out as expected.
    ///
    /// # Errors
    /// What numpy raises when it is asked.
    pub fn like(array: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let ty = array.get_type();
        if KNOWN.get(array.py()).is_some_and(|known| known.is(&ty)) {
            return Ok(Some(Self { ty, dtypes: Vec::new() }));
        }
        let modules = array.py().import("sys")?.getattr("modules")?;
        let Ok(numpy) = modules.get_item("numpy") else { return Ok(None) };
        if !numpy.getattr_opt("ndarray")?.is_some_and(|found| found.is(&ty)) {
            return Ok(None);
        }
        if !is_laid_out_as_expected(array)? {
            return Ok(None);
        }
        // Another thread may have been quicker, with the same type.
        let _ = KNOWN.set(array.py(), ty.clone().unbind());
        Ok(Some(Self { ty, dtypes: Vec::new() }))
    }

    /// `array`, if it is one of these, and plain.
    ///
    /// # Errors
    /// What numpy raises when it is asked about a dtype.
    #[inline]
    pub fn plain<'a>(&mut self, array: &'a Bound<'py, PyAny>) -> PyResult<Option<PlainArray<'a, 'py>>> {
        if array.get_type_ptr().cast() != self.ty.as_ptr() {
            return Ok(None);
        }
        let candidate = PlainArray { array, len: 0 };
        if candidate.fields().flags & C_CONTIGUOUS == 0 {
            return Ok(None);
        }
        let Some(item_size) = self.item_size(&candidate)? else { return Ok(None) };
        // The lengths are those of an array that exists, none is negative, and the product fits.
        let len = candidate.shape().iter().fold(item_size, |len, dimension| len * dimension.cast_unsigned());
        Ok(Some(PlainArray { array, len }))
    }

    fn item_size(&mut self, array: &PlainArray<'_, 'py>) -> PyResult<Option<usize>> {
        let dtype = &array.dtype();
        if let Some((_, size)) = self.dtypes.iter().find(|(known, _)| known.is(dtype)) {
            return Ok(*size);
        }
        let py = dtype.py();
        let built_in = || BUILT_IN.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        let met_before = built_in().iter().find(|(known, _)| known.is(dtype)).map(|(_, size)| *size);
        let size = if let Some(size) = met_before {
            size
        } else {
            let size = ask_for_item_size(array)?;
            if dtype.getattr("isbuiltin")?.eq(1)? {
                built_in().push((dtype.clone().unbind(), size));
            }
            size
        };
        self.dtypes.push((dtype.clone(), size));
        Ok(size)
    }
}

impl<'py> PlainArray<'_, 'py> {
    fn fields(&self) -> &Fields {
        // SAFETY: the array is alive and has this layout, by the invariant of the type. Nothing writes the fields while
        // the reference lives: no Python code runs.
        unsafe { &*self.array.as_ptr().cast::<Fields>() }
    }

    /// The dtype.
    #[must_use]
    pub fn dtype(&self) -> Bound<'py, PyAny> {
        // SAFETY: an array holds a reference to its dtype.
        unsafe { Bound::from_borrowed_ptr(self.array.py(), self.fields().dtype) }
    }

    /// The lengths of the dimensions.
    #[must_use]
    pub fn shape(&self) -> &[isize] {
        let fields = self.fields();
        if fields.dimensions_count == 0 {
            return &[];
        }
        // SAFETY: the array has so many dimensions, and their lengths stand there; they change only by Python code.
        unsafe { std::slice::from_raw_parts(fields.dimensions, fields.dimensions_count.cast_unsigned() as usize) }
    }

    /// Whether the memory may only be read.
    #[must_use]
    pub fn readonly(&self) -> bool {
        self.fields().flags & WRITEABLE == 0
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies the bytes.
    ///
    /// # Safety
    /// At `to` there is room for `len()` bytes, which nobody else refers to.
    pub(crate) unsafe fn copy_to(&self, to: *mut u8) {
        // SAFETY: the array's memory holds `len` bytes by the invariant, and there is room by the condition above. No
        // reference to the source is formed.
        unsafe { to.copy_from_nonoverlapping(self.fields().data, self.len) };
    }
}

fn ask_for_item_size(array: &PlainArray<'_, '_>) -> PyResult<Option<usize>> {
    let dtype = array.dtype();
    // Of dates and times numpy gives out no buffer, and reduces them otherwise. (PyO3's buffers need a dimension, which not
    // all arrays have; what is found out holds for all of the dtype.)
    let has_buffer = PyMemoryView::from(array.array).is_ok();
    if !has_buffer || dtype.getattr("hasobject")?.is_truthy()? {
        return Ok(None);
    }
    Ok(Some(dtype.getattr("itemsize")?.extract()?).filter(|&size| size > 0))
}

fn is_laid_out_as_expected(array: &Bound<'_, PyAny>) -> PyResult<bool> {
    let size: usize = array.get_type().getattr("__basicsize__")?.extract()?;
    if size < size_of::<Fields>() {
        return Ok(false);
    }
    let shape = array.getattr("shape")?.cast_into::<PyTuple>()?;
    let dtype = array.getattr("dtype")?;
    let address: usize = array.getattr("__array_interface__")?.get_item("data")?.get_item(0)?.extract()?;
    let flags = array.getattr("flags")?;
    let contiguous = flags.getattr("c_contiguous")?.is_truthy()?;
    let writeable = flags.getattr("writeable")?.is_truthy()?;
    // SAFETY: `array` is alive and at least as large as the struct. What is behind a pointer is read only when the fields
    // before it turned out to be as expected.
    Ok(unsafe {
        let fields = array.as_ptr().cast::<Fields>();
        (*fields).data.addr() == address
            && (*fields).dimensions_count.cast_unsigned() as usize == shape.len()
            && (*fields).dtype == dtype.as_ptr()
            && ((*fields).flags & C_CONTIGUOUS != 0) == contiguous
            && ((*fields).flags & WRITEABLE != 0) == writeable
            && shape
                .iter()
                .enumerate()
                .all(|(index, len)| len.extract::<isize>().is_ok_and(|len| *(*fields).dimensions.add(index) == len))
    })
}
