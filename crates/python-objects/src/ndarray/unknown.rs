//! On PyPy, where an extension sees stand-ins.

use std::convert::Infallible;
use std::marker::PhantomData;

use pyo3::prelude::*;

/// No arrays.
pub struct PlainArrays<'py> {
    none: Infallible,
    attached: PhantomData<Python<'py>>,
}

/// No array.
pub struct PlainArray<'a, 'py> {
    none: Infallible,
    array: PhantomData<&'a Bound<'py, PyAny>>,
}

impl<'py> PlainArrays<'py> {
    /// None.
    pub fn like(_array: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        Ok(None)
    }

    /// None.
    pub fn plain<'a>(&mut self, _array: &'a Bound<'py, PyAny>) -> PyResult<Option<PlainArray<'a, 'py>>> {
        let _ = self.attached;
        match self.none {}
    }
}

impl<'py> PlainArray<'_, 'py> {
    /// None.
    #[must_use]
    pub fn dtype(&self) -> Bound<'py, PyAny> {
        let _ = self.array;
        match self.none {}
    }

    /// None.
    #[must_use]
    pub fn shape(&self) -> &[isize] {
        match self.none {}
    }

    /// None.
    #[must_use]
    pub fn readonly(&self) -> bool {
        match self.none {}
    }

    /// None.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.none {}
    }

    /// None.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self.none {}
    }
}
