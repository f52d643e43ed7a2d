//! The optimistic pass: what only its container refers to is not looked up in the memo, nor entered into it.
//!
//! An object with one reference can be met only once, as long as nobody hands out further references to it. The code of
//! others may do that: a `__reduce__` that returns a child which was written long before. So the pass ends where such
//! code would be called for the first time. Nothing that can be observed has happened until then, and the dump starts over
//! with every object in the memo. If nothing was passed over yet, it simply goes on that way.
//!
//! The bytes do not depend on any of this: only what is referred to is memoized, see `pickle_format`'s encoder.
//!
//! Handlers of signals, finalisers that the garbage collector runs and `__getattr__` of modules are code of others too, but
//! have no business with what is being pickled: they are not reckoned with.

use std::num::NonZeroUsize;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use python_objects::identity;
use python_objects::reference_count::{self, COUNTS_ARE_EXACT};

use super::engine::Engine;

/// How many shared tuples may be in the making inside each other in an optimistic pass, which looks through them one by
/// one.
const MOST_IN_THE_MAKING: usize = 32;

/// Whether an object may be met again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shared {
    /// It may, and belongs into the memo.
    Maybe,
    /// Only its container refers to it.
    Never,
}

/// How a dump starts over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// With every object in the memo.
    Carefully,
    /// With all that is written going to the file: it cannot be kept in memory until it is whole.
    PieceByPiece,
}

/// What the optimistic pass needs to know.
pub(super) struct Optimism {
    /// An object with more references than this may be met again. Two, its container's and the engine's; or none, where
    /// every object is to be in the memo.
    sole: isize,
    /// Whether this is an optimistic pass.
    optimistic: bool,
    /// Whether an object was passed over.
    passed_over: bool,
    /// How the dump starts over before code of others runs, though nothing was passed over.
    for_code_of_others: Option<Again>,
    /// Whether the dump is to start over, and how.
    start_over: Option<Again>,
    /// How many reductions are being written, one inside the other. Their parts were made for the pickle: what they are
    /// referred to by says nothing.
    care: usize,
    /// The addresses of the shared objects that go into the memo only after their parts, and whose parts are being
    /// written. Met again among their own parts, they would be written again, and their parts with them.
    in_the_making: InTheMaking,
}

/// Addresses, of which there is mostly none or one: that one needs no allocation.
#[derive(Default)]
struct InTheMaking {
    innermost: Option<NonZeroUsize>,
    outer: Vec<NonZeroUsize>,
}

impl InTheMaking {
    /// Adds an address, unless it is there already or there are too many; says whether it did.
    #[inline]
    fn push(&mut self, address: usize) -> bool {
        let address = NonZeroUsize::new(address);
        let Some(outer) = self.innermost else { return self.put(address) };
        let is_known = self.innermost == address || address.is_some_and(|address| self.outer.contains(&address));
        if is_known || self.outer.len() + 1 == MOST_IN_THE_MAKING {
            return false;
        }
        self.outer.push(outer);
        self.put(address)
    }

    #[inline]
    fn put(&mut self, address: Option<NonZeroUsize>) -> bool {
        self.innermost = address;
        true
    }

    #[inline]
    fn pop(&mut self) {
        self.innermost = self.outer.pop();
    }
}

/// Two references: the container's and the one that the engine holds.
const SOLE: isize = 2;
/// Fewer references than any object has.
const NONE_IS_SOLE: isize = -1;

impl Optimism {
    /// A pass in which every object is in the memo.
    pub(super) fn none() -> Self {
        Self {
            sole: NONE_IS_SOLE,
            optimistic: false,
            passed_over: false,
            for_code_of_others: None,
            start_over: None,
            care: 0,
            in_the_making: InTheMaking::default(),
        }
    }

    /// Makes it an optimistic pass, where the counts of references can be relied on. To be called at the beginning.
    pub(super) fn be_optimistic_where_possible(&mut self) {
        if COUNTS_ARE_EXACT {
            (self.sole, self.optimistic) = (SOLE, true);
        }
    }

    /// Makes the dump start over before code of others runs, in any case. To be called at the beginning.
    pub(super) fn start_over_for_code_of_others(&mut self, again: Option<Again>) {
        self.for_code_of_others = again;
    }

    /// How the dump starts over before code of others runs, if it may do so.
    fn before_code_of_others(&self) -> Option<Again> {
        self.for_code_of_others.or(self.optimistic.then_some(Again::Carefully))
    }

    /// Whether the dump failed only because it is to start over, and how.
    pub(super) fn again(&self) -> Option<Again> {
        self.start_over
    }

    /// Whether `obj`, to which the engine holds one reference, has others than its container's. It is not passed over yet.
    #[inline]
    pub(super) fn may_be_met_again(&self, obj: &Bound<'_, PyAny>) -> bool {
        reference_count::of(obj) > self.sole
    }

    /// Whether `obj`, to which the engine holds one reference, may be met again.
    #[inline]
    pub(super) fn is_shared(&mut self, obj: &Bound<'_, PyAny>) -> Shared {
        if reference_count::of(obj) > self.sole {
            Shared::Maybe
        } else {
            self.passed_over = true;
            Shared::Never
        }
    }

    /// How many references an object has at least that may be met again, without one of the engine.
    #[inline]
    pub(super) fn references_of_shared(&self) -> isize {
        self.sole
    }

    /// Whether `obj`, to which the engine holds no reference, has others than its container's. It is not passed over yet.
    #[inline]
    pub(super) fn may_be_met_again_borrowed(&self, obj: &Bound<'_, PyAny>) -> bool {
        reference_count::of(obj) >= self.references_of_shared()
    }

    /// An object that cannot be met again is written.
    #[inline]
    pub(super) fn pass_over(&mut self) -> Shared {
        self.passed_over = true;
        Shared::Never
    }

    #[cold]
    pub(super) fn start_over(&mut self, again: Again) -> PyErr {
        self.start_over = Some(again);
        PyRuntimeError::new_err("the dump starts over")
    }
}

impl<'py> Engine<'py, '_> {
    /// Whether the dump failed only because it is to start over, and how.
    pub(super) fn again(&self) -> Option<Again> {
        self.optimism.again().or_else(|| self.probe.again())
    }

    /// To be called when it is known how the dump starts over before code of others runs: attempts run none then.
    pub(super) fn keep_attempts_from_code_of_others(&mut self) {
        self.probe.start_over_for_code_of_others(self.optimism.before_code_of_others());
    }

    /// To be called before code runs that is not known: reducers, hooks, iterators of reductions.
    ///
    /// # Errors
    /// If the dump is to start over.
    #[inline]
    pub(super) fn before_code_of_others(&mut self) -> PyResult<()> {
        self.calls.another();
        let optimism = &mut self.optimism;
        if let Some(again) = optimism.for_code_of_others {
            return Err(optimism.start_over(again));
        }
        if optimism.optimistic {
            if optimism.passed_over {
                return Err(optimism.start_over(Again::Carefully));
            }
            optimism.optimistic = false;
            optimism.sole = NONE_IS_SOLE;
            self.keep_attempts_from_code_of_others();
        }
        Ok(())
    }

    /// Whether the dump starts over before code of others runs: what is read now does not change until then.
    #[inline]
    pub(super) fn starts_over_for_others(&mut self) -> bool {
        self.optimism.passed_over |= self.optimism.optimistic;
        self.optimism.optimistic
    }

    /// From here to the end of a reduction or a global, every object belongs into the memo.
    #[inline]
    pub(super) fn careful(&mut self) {
        self.optimism.care += 1;
        self.optimism.sole = NONE_IS_SOLE;
    }

    /// The reduction or global is written.
    #[inline]
    pub(super) fn end_of_care(&mut self) {
        self.optimism.care -= 1;
        if self.optimism.optimistic && self.optimism.care == 0 {
            self.optimism.sole = SOLE;
        }
    }

    /// To be called before the parts of an object that goes into the memo only after them.
    ///
    /// # Errors
    /// If it is in the making already, and the dump therefore to start over.
    #[inline]
    pub(super) fn begin_making(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<()> {
        let optimism = &mut self.optimism;
        if optimism.optimistic && shared == Shared::Maybe && !optimism.in_the_making.push(identity::of(obj)) {
            return Err(optimism.start_over(Again::Carefully));
        }
        Ok(())
    }

    /// After the parts: the memo's index of `obj`, if it was met again among them and is complete.
    #[inline]
    pub(super) fn memo_get_made(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> Option<usize> {
        match shared {
            Shared::Maybe => self.memo_get(obj),
            Shared::Never => None,
        }
    }

    /// Remembers `obj`, whose parts are written, if it may be met again.
    #[inline]
    pub(super) fn memo_put_made(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<()> {
        if self.optimism.optimistic && shared == Shared::Maybe {
            self.optimism.in_the_making.pop();
        }
        self.memo_put_if(obj, shared)
    }

    /// Remembers `obj`, whose opcodes were just written, if it may be met again.
    #[inline]
    pub(super) fn memo_put_if(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<()> {
        match shared {
            Shared::Maybe => self.memo_put(obj),
            Shared::Never => Ok(()),
        }
    }
}
