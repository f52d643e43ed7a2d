//! Names that stand in code: interned when they are read, and remembered.
//!
//! A code object interns its names, and the constants that look like names. To make a string for that, to find the interned
//! one by it and to drop it was a fifth of loading a function; most functions share most of their names with others.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};
use python_objects::building::literal;
use python_objects::raised::Raised;
use python_objects::text;

use crate::runtime::Runtime;

thread_local! {
    static KEPT: Cell<Option<Names>> = const { Cell::new(None) };
}

/// The interned strings that were asked for last, each at the place that its text has.
///
/// Loads leave them to the next one of the thread. One inside another has its own.
struct Names(Vec<Name>);

#[derive(Default)]
struct Name {
    len: u8,
    text: [u8; Names::LONGEST],
    interned: Option<Py<PyString>>,
}

impl Names {
    /// With its length and the object, a name fills 32 bytes.
    const LONGEST: usize = 23;
    const PLACES: usize = 512;

    /// Those that an earlier load left. Without memory there are none, nor any places.
    fn take() -> Self {
        KEPT.take().unwrap_or_else(|| {
            let mut places = Vec::new();
            if places.try_reserve_exact(Self::PLACES).is_ok() {
                places.resize_with(Self::PLACES, Name::default);
            }
            Self(places)
        })
    }

    fn put_back(self) {
        if !self.0.is_empty() {
            drop(KEPT.replace(Some(self)));
        }
    }

    /// The interned string of this text, or `None` if code would not intern it, or it is too long to be remembered.
    ///
    /// # Errors
    /// `MemoryError`.
    #[inline]
    fn get<'py>(&mut self, py: Python<'py>, text: &[u8]) -> Result<Option<Bound<'py, PyAny>>, Raised> {
        let Some(known) = self.0.get_mut(Self::place_of(text)) else { return Ok(None) };
        if let Some(interned) = &known.interned
            && known.text.get(..known.len.into()) == Some(text)
        {
            return Ok(Some(interned.bind(py).clone().into_any()));
        }
        known.remember(py, text)
    }

    /// By its beginning, its end and its length.
    #[inline]
    fn place_of(text: &[u8]) -> usize {
        const SPREADS: u64 = 0x9e37_79b9_7f4a_7c15;
        let word = |bytes: [u8; 4]| u64::from(u32::from_le_bytes(bytes));
        let ends = match (text.first_chunk(), text.last_chunk()) {
            (Some(first), Some(last)) => word(*first) | word(*last) << 32,
            _ => text.iter().fold(0, |all, &byte| all << 8 | u64::from(byte)),
        };
        let spread = (ends ^ (text.len() as u64) << 29).wrapping_mul(SPREADS);
        // Of a product, the upper bits depend on all of the factor's.
        let [.., low, high] = spread.to_le_bytes();
        usize::from(u16::from_le_bytes([low, high])) % Self::PLACES
    }
}

/// Where on the stack the arguments of a code object are.
pub(super) struct NamesInCode<'py> {
    code_type: &'py Bound<'py, PyType>,
    /// How high the stack was at the mark in front of them, the outermost one; zero where there is none.
    mark: usize,
    names: Option<Names>,
}

impl<'py> NamesInCode<'py> {
    pub(super) fn none_yet(py: Python<'py>) -> Self {
        Self { code_type: Runtime::get(py).code_type.bind(py), mark: 0, names: None }
    }

    /// There is a mark now above `callable`, where the stack is so high.
    #[inline(always)]
    pub(super) fn begin(&mut self, callable: &Bound<'py, PyAny>, height: usize) {
        if callable.is(self.code_type) && self.mark == 0 {
            self.mark = height;
        }
    }

    /// The last mark is at this height now.
    #[inline(always)]
    pub(super) fn end(&mut self, fence: usize) {
        if fence < self.mark {
            self.mark = 0;
        }
    }

    /// Whether what is read now is part of code.
    #[inline(always)]
    pub(super) fn are_read(&self) -> bool {
        self.mark != 0
    }

    /// The interned string of this text, or `None` if it is to be made as any other.
    ///
    /// # Errors
    /// `MemoryError`.
    pub(super) fn get(&mut self, py: Python<'py>, text: &[u8]) -> Result<Option<Bound<'py, PyAny>>, Raised> {
        self.names.get_or_insert_with(Names::take).get(py, text)
    }
}

impl Drop for NamesInCode<'_> {
    fn drop(&mut self) {
        if let Some(names) = self.names.take() {
            names.put_back();
        }
    }
}

impl Name {
    #[inline(never)]
    fn remember<'py>(&mut self, py: Python<'py>, text: &[u8]) -> Result<Option<Bound<'py, PyAny>>, Raised> {
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        if text.is_empty() || text.len() > Names::LONGEST || !text.iter().all(is_name) {
            return Ok(None);
        }
        let made = literal::str_of(py, text)?;
        let Ok(interned) = made.cast_exact::<PyString>().map_err(PyErr::from).and_then(text::interned) else {
            return Ok(None);
        };
        self.len = u8::try_from(text.len()).unwrap_or(0);
        self.text[..text.len()].copy_from_slice(text);
        // What it takes the place of is a string, whose end runs no code.
        self.interned = Some(interned.clone().unbind());
        Ok(Some(interned.into_any()))
    }
}
