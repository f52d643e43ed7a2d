//! Whether something that is sent along could be left out: the cause of an exception, what the text of annotations names.
//! Such an addition must not be the reason why the object itself cannot be sent.

use pickle_format::Protocol;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use super::BaseGlobals;
use super::engine::{Engine, Settings};
use super::hooks::Hooks;
use super::memo::Memo;
use super::output::Output;
use crate::by_value::class_tracker::Ids;

/// What one dump has found out about additions, or that the dump itself is an attempt.
///
/// An attempt makes no additions of its own. So attempts are not nested however long a chain of causes is, nor where it
/// comes round to its beginning; each cause is tried when its turn to be written comes.
pub(crate) enum Probe {
    /// A dump in which additions are made. What was written in an attempt, if there was one, need not be tried again.
    Dump(Option<Box<Memo>>),
    /// A dump that is an attempt.
    Attempt,
}

impl Default for Probe {
    fn default() -> Self {
        Self::Dump(None)
    }
}

impl Probe {
    pub(crate) fn is_attempt(&self) -> bool {
        matches!(self, Self::Attempt)
    }

    /// Whether `obj` can be pickled without additions, found out by doing it; always false in an attempt.
    ///
    /// # Errors
    /// What is no `Exception`, such as a `KeyboardInterrupt`.
    pub(crate) fn can_be_pickled(&mut self, obj: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Self::Dump(memo) = self else { return Ok(false) };
        let memo = &mut **memo.get_or_insert_default();
        if memo.get(obj).is_some() {
            return Ok(true);
        }
        let py = obj.py();
        let settings =
            Settings { protocol: Protocol::HIGHEST, fix_imports: true, binary: true, fast: false, ids: Ids::LeftOut };
        let base_globals = BaseGlobals::default();
        match Engine::attempt(py, settings, Output::Nowhere, Hooks::plain(None), memo, &base_globals).dump(obj) {
            Ok(()) => Ok(true),
            Err(error) if error.is_instance_of::<PyException>(py) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
