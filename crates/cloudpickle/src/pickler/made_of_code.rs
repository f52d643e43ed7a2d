//! What is made of Python code: whether it is written as its reductions would be, and what all of it is written with.
//!
//! A reduction is made of Python objects: tuples of arguments, dicts of state. Where nobody looks at them, neither a hook
//! nor a pickler with a protocol that has other opcodes, these frames write what they would hold, opcode by opcode.

use pickle_format::Opcode;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyCode, PyString};
use python_objects::function::HAS_PARTS_AT_HAND;
use python_objects::text;

use super::engine::{CallsOfPython, Engine, Settings};
use super::frame::Saved;
use super::hooks::Hooks;
use super::optimism::Shared;
use super::path::Hop;
use super::save_reduce::Part;
use crate::by_value::class_tracker::Ids;
use crate::rebuild::Wire;
use crate::reduce;
use crate::runtime;

/// Writes a string that every pickle of its kind has.
macro_rules! save_wire_text {
    ($engine:expr, $text:literal) => {
        $engine.save_wire_text(intern!($engine.py, $text), $text)?
    };
}
pub(super) use save_wire_text;

/// Whether functions and what they consist of are written without reductions in this dump.
pub(super) struct MadeOfCode {
    /// As far as the settings and hooks go.
    allowed: bool,
    /// As far as the tables of reducers go.
    untouched: bool,
    /// How often Python code may have run when the tables were looked at.
    since: Option<CallsOfPython>,
}

impl MadeOfCode {
    pub(super) fn new(settings: Settings, hooks: &Hooks<'_>) -> Self {
        let allowed = HAS_PARTS_AT_HAND
            && hooks.are_plain()
            && settings.protocol.has_stack_global()
            && settings.binary
            && !settings.fast
            && settings.ids == Ids::Random;
        Self { allowed, untouched: false, since: None }
    }

    /// Whether it is worth asking further.
    #[inline]
    pub(super) fn may_be_native(&self) -> bool {
        self.allowed
    }
}

impl<'py> Engine<'py, '_> {
    /// Begins to write a function, a code object or a cell, if it is one and can be written without a reduction.
    #[inline]
    pub(super) fn save_made_of_code(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
        let ty = obj.get_type_ptr();
        let runtime = self.runtime;
        if ty == runtime.function_type.as_ptr().cast() {
            if self.writes_natively()? {
                return self.save_function(obj);
            }
        } else if ty == runtime.code_type.as_ptr().cast() {
            if self.writes_natively()? {
                return self.save_code(obj.cast::<PyCode>()?).map(Some);
            }
        } else if ty == runtime.cell_type.as_ptr().cast() {
            if self.writes_natively()? {
                return self.save_cell(obj).map(Some);
            }
        } else if ty == runtime.module_type.as_ptr().cast() {
            if self.writes_natively()? {
                return self.save_module(obj);
            }
        } else if ty == runtime.type_type.as_ptr().cast() {
            if self.writes_natively()? {
                return self.save_class(obj);
            }
        } else if ty == runtime.enum_meta.as_ptr().cast() || ty == runtime.abc_meta.as_ptr().cast() {
            if self.writes_natively()? && reduce::nobody_reduces(&obj.get_type())? {
                return self.save_class(obj);
            }
        } else if self.is_held_by_classes(obj) {
            if self.writes_natively()? {
                if let Some(parts) = reduce::untouched_descriptor(obj)? {
                    return self.save_descriptor(obj, parts).map(Some);
                }
                if let Some(name) = reduce::sentinel::untouched_sentinel(obj)? {
                    return self.save_found_global(obj, &name);
                }
            }
        } else if obj.is_exact_instance_of::<PyCFunction>() && self.writes_natively()? {
            return match Wire::get(self.py).find(obj) {
                Some((function, name, text)) => {
                    self.save_wire_function(function, name, text).map(|()| Some(Saved::Done))
                }
                None => self.save_builtin_function(obj),
            };
        }
        Ok(None)
    }

    /// Whether an object is of a type that classes are full of, besides functions.
    #[inline]
    fn is_held_by_classes(&self, obj: &Bound<'py, PyAny>) -> bool {
        let (ty, runtime, state) = (obj.get_type_ptr(), self.runtime, &self.runtime.state);
        let types = [
            &runtime.property_type,
            &runtime.classmethod_type,
            &runtime.staticmethod_type,
            &runtime.field_sentinel_type,
            &state.missing_type,
            &state.default_factory_sentinel_type,
            &runtime.mapping_proxy_type,
        ];
        types.into_iter().any(|other| ty == other.as_ptr().cast())
    }

    /// Begins to write an object whose reducer is this package's and harmless, if it need not be called through Python.
    pub(super) fn save_harmless(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
        match reduce::sentinel::found_under(obj)? {
            Some(name) => self.save_found_global(obj, &name),
            None => Ok(None),
        }
    }

    /// Whether functions and what they consist of may be written without a reduction, which a reducer of somebody else's
    /// could have changed.
    pub(super) fn writes_natively(&mut self) -> PyResult<bool> {
        if !self.made_of_code.allowed || !self.strategies.in_use || self.has_postponed() {
            return Ok(false);
        }
        if self.made_of_code.since != Some(self.calls) {
            let is_empty = self.runtime.extension_registry.bind(self.py).is_empty();
            self.made_of_code.untouched = is_empty && reduce::are_untouched(self.py)?;
            self.made_of_code.since = Some(self.calls);
        }
        Ok(self.made_of_code.untouched)
    }

    /// One of the reconstructors that upstream has, as `save_global` writes it.
    pub(super) fn save_wire_function(
        &mut self,
        function: &'static Py<PyCFunction>,
        name: &Bound<'py, PyString>,
        text: &'static str,
    ) -> PyResult<()> {
        let function = function.bind(self.py);
        if let Some(index) = self.memo_get(function) {
            return self.memo_fetch(index);
        }
        self.save_wire_text(runtime::upstream_module(self.py), "cloudpickle.cloudpickle")?;
        self.save_wire_text(name, text)?;
        self.encoder.op(Opcode::StackGlobal);
        self.memo_put(function)
    }

    /// A string that every pickle of its kind has, as the object and as what is written.
    #[inline]
    pub(super) fn save_wire_text(&mut self, object: &Bound<'py, PyString>, text: &'static str) -> PyResult<()> {
        let (index, is_new) = self.memo_get_or_put(object);
        if !is_new {
            return self.memo_fetch(index);
        }
        self.encoder.short_unicode(text);
        self.encoder.memoize_uncounted();
        Ok(())
    }

    /// A string, which is written in place.
    #[inline]
    pub(super) fn save_text(&mut self, text: &Bound<'py, PyString>) -> PyResult<()> {
        // Most are short, and a single look into the memo finds them or their place.
        if let Some(ascii) = text::ascii(text).filter(|ascii| u8::try_from(ascii.len()).is_ok()) {
            let (index, is_new) = self.memo_get_or_put(text);
            if !is_new {
                return self.memo_fetch(index);
            }
            let is_written = self.encoder.try_short_unicode(ascii);
            debug_assert!(is_written, "what is made of code is written from protocol 4 on");
            self.encoder.memoize_uncounted();
            return Ok(());
        }
        match self.memo_get(text) {
            Some(index) => self.memo_fetch(index),
            None => self.save_str(text, Shared::Maybe).map(|_| ()),
        }
    }
}

/// The notes of the C pickler on a part of an object, and on the way to what is being written in it.
pub(super) fn in_progress(type_name: &str, part: Option<Part>, hops: &[Hop<'_>]) -> Vec<String> {
    let mut notes = Vec::new();
    for hop in hops.iter().rev() {
        match hop {
            Hop::Index(index) => notes.push(format!("tuple item {index}")),
            Hop::Value(key, _) => notes.extend(key.repr().ok().map(|key| format!("dict item {key}"))),
            Hop::Key(_) | Hop::Element | Hop::PersistentId => {}
        }
    }
    let part = match part {
        Some(Part::Reconstructor) => Some("reconstructor"),
        Some(Part::ReconstructorArguments) => Some("reconstructor arguments"),
        Some(Part::StateSetter) => Some("state setter"),
        Some(Part::State) => Some("state"),
        _ => None,
    };
    notes.extend(part.into_iter().chain(["object"]).map(|part| format!("{type_name} {part}")));
    notes
}
