//! Whether something that is sent along could be left out: the cause of an exception, what the text of annotations names.
//! Such an addition must not be the reason why the object itself cannot be sent.

use pickle_format::Protocol;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use super::BaseGlobals;
use super::engine::{Engine, Settings};
use super::hooks::Hooks;
use super::memo::Memo;
use super::optimism::Again;
use super::output::Output;
use crate::by_value::class_tracker::Ids;

/// What one dump has found out about additions, or that the dump itself is an attempt.
///
/// An attempt makes no additions of its own. So attempts are not nested however long a chain of causes is, nor where it
/// comes round to its beginning; each cause is tried when its turn to be written comes.
pub(crate) enum Probe {
    /// A dump in which additions are made.
    Dump(Additions),
    /// A dump that is an attempt.
    Attempt,
}

/// The additions of one dump.
#[derive(Default)]
pub(crate) struct Additions {
    /// What was written in an attempt, if there was one: it need not be tried again.
    tried: Option<Box<Memo>>,
    /// How the dump is to start over where an attempt would run code of others, which would run twice then.
    for_code_of_others: Option<Again>,
    /// Whether it is to start over for that.
    starts_over: bool,
}

impl Default for Probe {
    fn default() -> Self {
        Self::Dump(Additions::default())
    }
}

impl Probe {
    pub(crate) fn is_attempt(&self) -> bool {
        matches!(self, Self::Attempt)
    }

    /// Says how the dump starts over before an attempt runs code of others, if it does.
    pub(super) fn start_over_for_code_of_others(&mut self, again: Option<Again>) {
        if let Self::Dump(additions) = self {
            additions.for_code_of_others = again;
        }
    }

    /// Whether the dump failed only because it is to start over, and how.
    pub(super) fn again(&self) -> Option<Again> {
        match self {
            Self::Dump(additions) if additions.starts_over => additions.for_code_of_others,
            Self::Dump(_) | Self::Attempt => None,
        }
    }

    /// Whether `obj` can be pickled without additions, found out by doing it; always false in an attempt.
    ///
    /// # Errors
    /// What is no `Exception`, such as a `KeyboardInterrupt`. If the dump is to start over.
    pub(crate) fn can_be_pickled(&mut self, obj: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Self::Dump(additions) = self else { return Ok(false) };
        let memo = &mut **additions.tried.get_or_insert_default();
        if memo.get(obj).is_some() {
            return Ok(true);
        }
        let py = obj.py();
        let settings =
            Settings { protocol: Protocol::HIGHEST, fix_imports: true, binary: true, fast: false, ids: Ids::LeftOut };
        let base_globals = BaseGlobals::default();
        let mut attempt = Engine::attempt(py, settings, Output::Nowhere, Hooks::plain(None), memo, &base_globals);
        attempt.optimism.start_over_for_code_of_others(additions.for_code_of_others);
        match attempt.dump(obj) {
            Ok(()) => Ok(true),
            Err(error) if attempt.optimism.again().is_some() => {
                additions.starts_over = true;
                Err(error)
            }
            Err(error) if error.is_instance_of::<PyException>(py) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
