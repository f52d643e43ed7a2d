//! The globals of functions that the pickle holds already: the next function of the same namespace need not bring them.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use python_objects::identity;

use super::engine::Settings;
use super::hooks::Hooks;
use super::memo::Memo;
use crate::address::FirstByAddress;

/// What the functions of one dump brought, by the address of what stands for their namespace, which the pickler keeps alive.
///
/// Only what is written to the end counts: from there on, whoever loads the pickle has it, before anything that follows is
/// made. What an earlier dump of the same pickler wrote does not count, for the reader may have changed it since.
pub(super) struct WrittenGlobals<'py> {
    by_base: FirstByAddress<Bound<'py, PyDict>>,
    /// How many objects the memo had when the dump began.
    remembered: usize,
}

impl<'py> WrittenGlobals<'py> {
    pub(super) fn since(remembered: usize) -> Self {
        Self { by_base: FirstByAddress::default(), remembered }
    }

    /// What functions may leave out; nothing where hooks are to see all that a function has, or where there is no memo, so
    /// that each function has globals of its own.
    pub(super) fn as_seen_by<'a>(
        &'a self,
        settings: Settings,
        hooks: &Hooks<'py>,
        memo: &'a Memo,
    ) -> Option<AlreadyWritten<'a, 'py>> {
        (hooks.are_plain() && !settings.fast).then_some(AlreadyWritten { globals: self, memo })
    }

    /// The state of a function with these globals is written.
    pub(super) fn add(&mut self, base: &Bound<'py, PyAny>, globals: &Bound<'py, PyDict>) -> PyResult<()> {
        if globals.is_empty() {
            return Ok(());
        }
        if let Some(known) = self.by_base.get(identity::of(base)) {
            return known.update(globals.as_mapping());
        }
        self.by_base.insert(identity::of(base), globals.clone());
        Ok(())
    }
}

/// What a function that is about to be written may rely on.
pub(crate) struct AlreadyWritten<'a, 'py> {
    pub(super) globals: &'a WrittenGlobals<'py>,
    pub(super) memo: &'a Memo,
}

impl<'py> AlreadyWritten<'_, 'py> {
    /// Whether `name` has this very value in the namespace that `base` stands for, as far as the pickle is written.
    pub(crate) fn holds(
        &self,
        base: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        if let Some(known) = self.globals.by_base.get(identity::of(base))
            && let Some(known) = known.get_item(name)?
        {
            return is_same(&known, value);
        }
        // The dict itself has atoms only, and goes into the memo before them.
        let is_written = || self.memo.get(base).is_some_and(|index| index >= self.globals.remembered);
        match base.cast_exact::<PyDict>().ok().map(|base| base.get_item(name)).transpose()?.flatten() {
            Some(known) if is_written() => is_same(&known, value),
            _ => Ok(false),
        }
    }
}

/// Whether two values are one object. Strings need only be equal: which of those are one object depends on what the
/// interpreter interned.
pub(crate) fn is_same<'py>(one: &Bound<'py, PyAny>, other: &Bound<'py, PyAny>) -> PyResult<bool> {
    if one.is(other) {
        return Ok(true);
    }
    match (one.cast_exact::<PyString>(), other.cast_exact::<PyString>()) {
        (Ok(one), Ok(other)) => one.as_any().eq(other),
        _ => Ok(false),
    }
}
