//! What code becomes in a pickle, worked out once: code does not change, so that of what is written for it only the
//! references to what the pickle has already differ from one dump to the next.

use pickle_format::{Encoder, Protocol};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCode, PyFloat, PyFrozenSet, PyInt, PyString, PyTuple};
use python_objects::code::Field;
use python_objects::compat::code::FIELDS;
use python_objects::kind::Kind;
use python_objects::{int, text};

use crate::by_value::known_code::KnownCode;
use crate::reduce::code::{TRAVELS, Travels, lasts};
use crate::reduce::names::interned;
use crate::runtime::Runtime;

/// Longer code is written from its fields: what is remembered is not to be large.
const MOST_BYTES: usize = 4096;

/// Longer strings and bytes are not copied into a recipe.
const LONGEST_COPIED: usize = 1024;
/// How many bytes there are at most in the constants that are not copied. Code with more has no recipe: it would keep them
/// alive when the code is gone.
const MOST_KEPT: usize = 16 * 1024;
/// About how many bytes an object takes, without what it holds.
const SIZE_OF_OBJECT: usize = 32;

/// How deep tuples of constants are looked into, and code in code.
const DEPTH: usize = 8;

/// The arguments of `types.CodeType`, as opcodes and what stands between them.
pub(crate) struct CodeRecipe {
    /// Those of all steps, one behind the other.
    pub(super) opcodes: Vec<u8>,
    steps: Vec<Step>,
}

/// An object that the pickle may have already, and what is written before it whatever the pickle has.
pub(super) struct Step {
    /// Where the opcodes before it end, which begin where those of the last step end.
    pub(super) before: usize,
    /// Where the opcodes of the object itself end; it is written if the pickle does not have it.
    pub(super) end: usize,
    pub(super) kind: StepKind,
}

pub(super) enum StepKind {
    /// A string, or bytes.
    Object(Py<PyAny>),
    /// A string that is written as its copy.
    Name(Py<PyAny>),
    /// If the pickle has this tuple, it goes on at the step of this number.
    Tuple(Py<PyTuple>, usize),
    /// A tuple that is on the unpickler's stack.
    Made(Py<PyTuple>),
    /// What is saved like any object.
    Part(Py<PyAny>),
}

impl CodeRecipe {
    /// What is written for `code` with protocol 4 and up; nothing for code that is long, or has constants that no compiler
    /// makes: those are objects of somebody's.
    pub(super) fn of(code: &Bound<'_, PyCode>) -> PyResult<Option<Self>> {
        let mut recipe =
            Maker { encoder: Encoder::new(Protocol::V4), steps: Vec::new(), end: 0, kept: Kept(MOST_KEPT) };
        let fields = &Runtime::get(code.py()).state.code_fields;
        for (index, travels) in TRAVELS.iter().enumerate() {
            let is_written = match fields.get(code, index)? {
                Field::Int(value) => {
                    recipe.encoder.int(value);
                    true
                }
                Field::Object(value) => match travels {
                    Travels::Whole => recipe.value(&value, 0)?,
                    Travels::Name => recipe.name(&value),
                    // Where the file counts something, its name is another one in the pickle, and is noted elsewhere.
                    Travels::FileName => lasts(&value) && recipe.object(&interned(&value)?),
                    Travels::Names => recipe.names(value.cast::<PyTuple>()?),
                },
            };
            if !is_written || recipe.encoder.len() > MOST_BYTES {
                return Ok(None);
            }
        }
        debug_assert_eq!(TRAVELS.len(), FIELDS.len(), "there is a way for each field");
        let Maker { mut encoder, steps, .. } = recipe;
        Ok(Some(Self { opcodes: encoder.take(), steps }))
    }

    /// The steps from this number on, and where the opcodes of the one before end.
    #[inline]
    pub(super) fn steps_from(&self, number: usize) -> (&[Step], usize) {
        (&self.steps[number..], number.checked_sub(1).map_or(0, |last| self.steps[last].end))
    }
}

/// A recipe in the making. What a method cannot add to it, it answers with false.
struct Maker {
    encoder: Encoder,
    steps: Vec<Step>,
    /// Where the opcodes of the last step end.
    end: usize,
    kept: Kept,
}

impl Maker {
    fn step(&mut self, before: usize, kind: StepKind) {
        self.end = self.encoder.len();
        self.steps.push(Step { before, end: self.end, kind });
    }

    fn part(&mut self, value: &Bound<'_, PyAny>) -> bool {
        self.step(self.encoder.len(), StepKind::Part(value.clone().unbind()));
        true
    }

    /// A string that is written as its copy.
    fn name(&mut self, value: &Bound<'_, PyAny>) -> bool {
        self.text(value, StepKind::Name)
    }

    /// A string or bytes.
    fn object(&mut self, value: &Bound<'_, PyAny>) -> bool {
        match length(value) {
            Some(0..=LONGEST_COPIED) => {}
            Some(length) => return self.kept.has_room(length) && self.part(value),
            None => return false,
        }
        let Ok(bytes) = value.cast_exact::<PyBytes>() else { return self.text(value, StepKind::Object) };
        let before = self.encoder.len();
        let is_written = self.encoder.bytes(bytes.as_bytes()).is_ok();
        self.step(before, StepKind::Object(value.clone().unbind()));
        is_written
    }

    /// A string, unless it is long.
    fn text(&mut self, value: &Bound<'_, PyAny>, kind: fn(Py<PyAny>) -> StepKind) -> bool {
        let Ok(Ok(utf8)) = value.cast_exact::<PyString>().map(text::utf8) else { return false };
        let (before, utf8) = (self.encoder.len(), utf8.as_bytes());
        if utf8.len() > LONGEST_COPIED || self.encoder.unicode(utf8).is_err() {
            return false;
        }
        self.step(before, kind(value.clone().unbind()));
        true
    }

    /// A tuple of names that nobody else has.
    fn names(&mut self, names: &Bound<'_, PyTuple>) -> bool {
        self.encoder.begin_tuple(names.len());
        let are_written = names.iter_borrowed().all(|name| self.text(&name, StepKind::Object));
        self.encoder.end_tuple(names.len());
        are_written
    }

    /// A constant.
    fn value(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<bool> {
        if depth > DEPTH {
            return Ok(false);
        }
        match Kind::of(value) {
            Kind::None => self.encoder.none(),
            Kind::Bool => self.encoder.bool(value.is_truthy()?),
            Kind::Int => match int::as_i64(value.cast::<PyInt>()?) {
                Some(number) => self.encoder.int(number),
                None => return Ok(self.kept.has_room_for(value, depth)? && self.part(value)),
            },
            Kind::Float => self.encoder.float(value.cast::<PyFloat>()?.value()),
            Kind::Str | Kind::Bytes => return Ok(self.object(value)),
            Kind::Tuple => {
                let tuple = value.cast::<PyTuple>()?;
                if tuple.is_empty() {
                    self.encoder.end_tuple(tuple.len());
                    return Ok(true);
                }
                let number = self.steps.len();
                self.step(self.encoder.len(), StepKind::Tuple(tuple.clone().unbind(), number));
                self.encoder.begin_tuple(tuple.len());
                for item in tuple.iter_borrowed() {
                    if !self.value(&item, depth + 1)? {
                        return Ok(false);
                    }
                }
                self.encoder.end_tuple(tuple.len());
                self.step(self.encoder.len(), StepKind::Made(tuple.clone().unbind()));
                let behind = self.steps.len();
                self.steps[number].kind = StepKind::Tuple(tuple.clone().unbind(), behind);
            }
            _ => return Ok(self.kept.has_room_for(value, depth)? && self.part(value)),
        }
        Ok(true)
    }
}

/// How many bytes a string, or bytes, have in a pickle.
fn length(value: &Bound<'_, PyAny>) -> Option<usize> {
    match value.cast_exact::<PyBytes>() {
        Ok(bytes) => Some(bytes.as_bytes().len()),
        Err(_) => text::utf8(value.cast_exact::<PyString>().ok()?).ok().map(|utf8| utf8.as_bytes().len()),
    }
}

/// How many bytes more the constants of a recipe may have that are not copied into it.
struct Kept(usize);

impl Kept {
    fn has_room(&mut self, size: usize) -> bool {
        let left = self.0.checked_sub(size + SIZE_OF_OBJECT);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }

    /// Whether there is room for a constant, and it is one that a compiler makes, so that nothing can go wrong when it is
    /// saved.
    fn has_room_for(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<bool> {
        if depth > DEPTH {
            return Ok(false);
        }
        Ok(match Kind::of(value) {
            Kind::None | Kind::Bool | Kind::Float => self.has_room(0),
            Kind::Int => {
                let bits: usize = value.call_method0(intern!(value.py(), "bit_length"))?.extract()?;
                self.has_room(bits / 8)
            }
            Kind::Str | Kind::Bytes => length(value).is_some_and(|length| self.has_room(length)),
            Kind::Tuple => self.has_room_for_all(value.cast::<PyTuple>()?.iter(), depth)?,
            Kind::FrozenSet => self.has_room_for_all(value.cast::<PyFrozenSet>()?.iter(), depth)?,
            _ => match value.cast_exact::<PyCode>() {
                Ok(code) => self.has_room_for_code(code, depth)?,
                Err(_) => false,
            },
        })
    }

    fn has_room_for_all<'py>(
        &mut self,
        values: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
    ) -> PyResult<bool> {
        for value in values {
            if !self.has_room_for(&value, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(self.has_room(0))
    }

    fn has_room_for_code(&mut self, code: &Bound<'_, PyCode>, depth: usize) -> PyResult<bool> {
        // From here on it is known, and gets a recipe of its own when it is written again.
        KnownCode::of(code)?;
        let fields = &Runtime::get(code.py()).state.code_fields;
        for (index, travels) in TRAVELS.iter().enumerate() {
            if *travels == Travels::Whole
                && let Field::Object(value) = fields.get(code, index)?
                && !self.has_room_for(&value, depth + 1)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
