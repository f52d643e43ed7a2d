//! One dump in progress, and its loop.
//!
//! There is no recursion without a bound. [`Engine::save`] (`decisions.rs`) writes an object whole, or returns
//! [`Saved::Suspended`] if it is nested too deeply; the loop in [`Engine::run`] has the suspended [`Frame`]s on a stack of its
//! own, and resumes them. Depth is bounded by memory alone.

use std::panic::{self, AssertUnwindSafe};

use pickle_format::{Encoder, FormatError, Protocol};
use pyo3::exceptions::{PyMemoryError, PyOverflowError, PyRecursionError, PyValueError};
use pyo3::prelude::*;
use python_objects::bytes::{OutOfMemory, out_of_memory};
use python_objects::identity;
use python_objects::lending::InUse;
use python_objects::reference_count::COUNTS_ARE_EXACT;

use super::canonical::Canonical;
use super::endless::EndlessGuard;
use super::frame::{Frame, Saved, Suspendable};
use super::hooks::Hooks;
use super::made_of_code::MadeOfCode;
use super::made_whole::MadeWhole;
use super::memo::Memo;
use super::optimism::Optimism;
use super::output::{Output, Written};
use super::save_at_once::LAST_KEYS;
use super::save_found_global::LastModules;
use super::save_function::LastClosure;
use super::strategy::Strategies;
use super::trail;
use super::written_globals::WrittenGlobals;
use super::{BaseGlobals, Probe};
use crate::address::Addresses;
use crate::by_value::class_tracker::{Ids, WantedIds};
use crate::reduce::names;
use crate::reduce::reduction::type_name;
use crate::runtime::Runtime;

/// How many frames may be resumed inside each other. Most data is less deep, and the native stack must hold it also where
/// reducers call `dumps` again and again.
pub(super) const INLINE_LEVELS: usize = 16;

/// The settings of one dump.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) protocol: Protocol,
    /// Whether protocols 0 to 2 name modules as Python 2 did.
    pub(crate) fix_imports: bool,
    /// `Pickler.bin`: whether values are written in binary opcodes. Usually what the protocol says.
    pub(crate) binary: bool,
    /// `Pickler.fast`: no memo.
    pub(crate) fast: bool,
    /// Which ids classes get. Random ones, unless the pickle is to be deterministic.
    pub(crate) ids: Ids,
}

/// One dump in progress.
pub(super) struct Engine<'py, 's> {
    pub(super) py: Python<'py>,
    pub(super) runtime: &'static Runtime,
    pub(super) settings: Settings,
    pub(super) encoder: Encoder<Written<'py>>,
    pub(super) output: Output<'py>,
    pub(super) hooks: Hooks<'py>,
    /// Hooks may look at it, if it is a pickler's.
    pub(super) memo: InUse<'s, Memo>,
    pub(super) base_globals: &'s BaseGlobals,
    pub(super) written_globals: WrittenGlobals<'py>,
    /// Whether the pickle says already on which Python its code runs.
    pub(super) version_is_told: bool,
    pub(super) canonical: Canonical<'py>,
    /// Whether what may be left out can be pickled.
    pub(super) probe: Probe,
    /// How many bytes are the contents of long texts and the like.
    pub(super) long_contents: usize,
    /// From this length of the buffer on, a frame may be full, and it is time to look for signals such as Ctrl-C.
    pub(super) attention_above: usize,
    /// Whether every object is to be looked at before it is written, atoms too: by a hook, or for a deterministic dump.
    pub(super) looks_at_atoms: bool,
    pub(super) calls: CallsOfPython,
    pub(super) made_of_code: MadeOfCode,
    pub(super) last_closure: Option<LastClosure<'py>>,
    pub(super) last_modules: LastModules<'py>,
    pub(super) endless: EndlessGuard,
    /// Boxed, because few dumps need it.
    pub(super) made_whole: Option<Box<MadeWhole<'py>>>,
    /// In fast mode, the objects whose frames are on the stack: without a memo, only they reveal a cycle.
    in_progress: Option<Box<Addresses>>,
    /// How many frames are being resumed on the native stack.
    pub(super) inline_levels: usize,
    /// Below how many levels containers are written without a frame: 0 where that is not done.
    pub(super) levels_at_once: usize,
    /// The addresses of keys that the memo has, and their indexes there: the last ones at each place in a dict.
    pub(super) last_keys: [(usize, usize); LAST_KEYS],
    /// Why the part that is being left failed, if it is not suspended.
    pub(super) failure: Option<PyErr>,
    /// The frames that are being moved to the stack of `run`, the innermost first.
    pub(super) unwinding: Vec<Option<Frame<'py>>>,
    pub(super) optimism: Optimism,
    /// What the pickle is of; or 0, if something may refer to it when it is written, or frames were suspended.
    pub(super) root: usize,
    pub(super) strategies: Strategies<'py>,
    /// Whether the buffer is handed to the file though there are no frames.
    streams_without_frames: bool,
    /// How often Python code may have run when reducers for types of modules that were imported meanwhile were added.
    pub(super) added_deferred: Option<CallsOfPython>,
    /// Which copies names are written as, and those in use, from the first object on that may have any.
    pub(super) names: names::Copied,
    names_in_use: Option<names::OfThisDump>,
}

/// How often Python code may have run in this dump: reducers, `persistent_id`, `buffer_callback`. What it changed counts,
/// as it does in `pickle`; what other threads change counts only then.
///
/// The `write` of a file is not among them, nor are handlers of signals and finalisers: they have no business with what is
/// being pickled.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CallsOfPython(u64);

impl CallsOfPython {
    pub(super) fn another(&mut self) {
        self.0 += 1;
    }
}

impl<'py, 's> Engine<'py, 's> {
    /// Inlined: large as an engine is, to move it takes a tenth of the time of a small dump.
    #[inline(always)]
    pub(super) fn new(
        py: Python<'py>,
        settings: Settings,
        output: Output<'py>,
        hooks: Hooks<'py>,
        memo: InUse<'s, Memo>,
        base_globals: &'s BaseGlobals,
    ) -> Self {
        let runtime = Runtime::get(py);
        let mut encoder = Encoder::with_buffer(settings.protocol, Written::nothing(py));
        encoder.set_binary(settings.binary);
        let looks_at_atoms = hooks.persistent_id.is_some() || settings.ids != Ids::Random;
        let made_of_code = MadeOfCode::new(settings, &hooks);
        let has_short_way = COUNTS_ARE_EXACT && settings.binary && !settings.fast && settings.protocol.has_memoize();
        let streams_without_frames = !output.is_memory() && !settings.protocol.has_frames();
        Self {
            py,
            runtime,
            settings,
            encoder,
            output,
            hooks,
            written_globals: WrittenGlobals::since(memo.len()),
            memo,
            base_globals,
            version_is_told: false,
            canonical: Canonical::default(),
            probe: Probe::default(),
            long_contents: 0,
            attention_above: 0,
            looks_at_atoms,
            calls: CallsOfPython(0),
            made_of_code,
            last_closure: None,
            last_modules: [None, None],
            endless: EndlessGuard::default(),
            made_whole: None,
            in_progress: None,
            inline_levels: 0,
            levels_at_once: if has_short_way { INLINE_LEVELS } else { 0 },
            last_keys: [(0, 0); LAST_KEYS],
            failure: None,
            unwinding: Vec::new(),
            optimism: Optimism::none(),
            root: 0,
            strategies: Strategies::new(true),
            streams_without_frames,
            added_deferred: None,
            names: names::Copied::InThisDump,
            names_in_use: None,
        }
    }

    /// From here on, everything takes the longest way.
    pub(super) fn take_no_shortcuts(&mut self) {
        self.strategies = Strategies::new(false);
        self.levels_at_once = 0;
    }

    /// A dump that only finds out whether it can be done.
    pub(super) fn attempt(
        py: Python<'py>,
        settings: Settings,
        output: Output<'py>,
        hooks: Hooks<'py>,
        memo: &'s mut Memo,
        base_globals: &'s BaseGlobals,
    ) -> Self {
        let mut engine = Self::new(py, settings, output, hooks, memo.into(), base_globals);
        engine.probe = Probe::Attempt;
        engine
    }

    /// Writes one whole pickle of `obj`. With [`Output::Memory`], its bytes are in the encoder afterwards.
    ///
    /// If it fails, the memo is as it was before, so that a later dump of the same pickler refers to nothing that no
    /// reader has.
    pub(super) fn dump(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<()> {
        let remembered = self.memo.len();
        // Two references more than the caller has: what is pickled may refer to itself.
        let (obj, _held) = (&obj.clone(), obj.clone());
        let _wanted = WantedIds::set(self.settings.ids);
        let saved = panic::catch_unwind(AssertUnwindSafe(|| self.save_whole(obj))).unwrap_or_else(|panic| {
            if panic.is::<OutOfMemory>() { Err(PyMemoryError::new_err(())) } else { panic::resume_unwind(panic) }
        });
        self.names_in_use = None;
        saved.map_err(|error| {
            drop(self.memo.forget_since(self.py, remembered));
            self.explained(error)
        })
    }

    /// To be called before anything that may have names is written.
    #[inline]
    pub(super) fn use_names(&mut self) {
        if self.names_in_use.is_none() {
            self.names_in_use = Some(names::OfThisDump::begin(self.names));
        }
    }

    fn save_whole(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<()> {
        self.encoder.start();
        self.watch_buffer();
        self.run(obj)?;
        self.encoder.finish();
        self.output.flush(self.py, &mut self.encoder)
    }

    /// Every exception passes as it is, except that where user code ran into the recursion limit upstream raises a
    /// `PicklingError`; the one raised here is a `RecursionError` as well.
    #[cold]
    fn explained(&self, error: PyErr) -> PyErr {
        let py = self.py;
        if self.again().is_some() || !error.get_type(py).is(py.get_type::<PyRecursionError>()) {
            return error;
        }
        let message =
            "Could not pickle object: deep recursion in the object's own code, see the exception above".into();
        let explained = self.runtime.deep_recursion_error(py, message);
        explained.set_cause(py, Some(error));
        explained
    }

    /// The loop: resumes the innermost suspended frame until there is none.
    fn run(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<()> {
        let mut failed = match self.save(obj) {
            Ok(Saved::Done) => return Ok(()),
            Ok(Saved::Suspended) => None,
            Err(error) => Some(error),
        };
        // Those that were moved here together, of which the innermost comes first. The innermost of all are the last. Each
        // stays where it is until it is done: large as a frame is, to move it takes longer than the rest.
        let mut suspended: Vec<Vec<Option<Frame<'py>>>> = Vec::new();
        // How many of the last ones are known to be done.
        let mut done = 0;
        loop {
            if !self.unwinding.is_empty() {
                suspended.push(std::mem::take(&mut self.unwinding));
                done = 0;
            }
            if let Some(error) = failed {
                if self.again().is_some() || suspended.is_empty() {
                    return Err(error);
                }
                let outermost_first: Vec<_> =
                    suspended.into_iter().flat_map(|frames| frames.into_iter().rev().flatten()).collect();
                let error = trail::with_notes(self.py, error, &outermost_first);
                return Err(trail::with_path(self.py, self.explained(error), &outermost_first));
            }
            let Some(frames) = suspended.last_mut() else { return Ok(()) };
            let Some(innermost) = frames.get_mut(done) else {
                suspended.pop();
                done = 0;
                continue;
            };
            let Some(frame) = innermost else {
                done += 1;
                continue;
            };
            match frame.resume(self) {
                Ok(Saved::Suspended) => {}
                Ok(Saved::Done) => {
                    if self.settings.fast {
                        self.left(frame.object());
                    }
                    *innermost = None;
                    done += 1;
                }
                Err(error) => failed = Some(error),
            }
        }
    }

    /// Begins to write what `frame` stands for, and ends it if it is not nested too deeply.
    ///
    /// Frames are resumed on the native stack as long as there are less than [`INLINE_LEVELS`] of them. One level more, and
    /// all are moved to the stack of [`Engine::run`]: the price of a level is paid by the few that are that deep.
    #[inline]
    pub(super) fn enter<F: Suspendable<'py>>(&mut self, mut frame: F) -> PyResult<Saved> {
        if self.settings.fast {
            self.entered(frame.object())?;
        }
        if self.inline_levels == INLINE_LEVELS {
            self.suspend(frame);
            return Ok(Saved::Suspended);
        }
        self.inline_levels += 1;
        let result = frame.resume(self);
        self.inline_levels -= 1;
        match result {
            // Made anew: large as a result is, to copy one that was just returned takes longer than all the rest.
            Ok(Saved::Done) => {
                if self.settings.fast {
                    self.left(frame.object());
                }
                Ok(Saved::Done)
            }
            Ok(Saved::Suspended) => {
                self.suspend(frame);
                Ok(Saved::Suspended)
            }
            // The frames are the way to the error.
            Err(error) => {
                self.suspend(frame);
                Err(error)
            }
        }
    }

    /// Whether parts may be written inside a call that resumes no frame.
    pub(super) fn has_levels_left(&self) -> bool {
        self.inline_levels < INLINE_LEVELS
    }

    /// For a part that was begun and cannot be ended now: what is to be resumed.
    #[inline]
    pub(super) fn suspend<F: Suspendable<'py>>(&mut self, frame: F) {
        if self.unwinding.capacity() == 0 && self.unwinding.try_reserve(INLINE_LEVELS + 1).is_err() {
            out_of_memory();
        }
        self.root = 0;
        // Made where it is to be: large as a frame is, to move it takes longer than the rest.
        self.unwinding.push(None);
        if let Some(place) = self.unwinding.last_mut() {
            *place = Some(frame.into());
        }
    }

    /// In fast mode, refuses an object whose frame is already on the stack: it would be written for ever.
    #[cold]
    fn entered(&mut self, container: Option<&Bound<'py, PyAny>>) -> PyResult<()> {
        if let Some(obj) = container
            && !self.in_progress.get_or_insert_default().insert(identity::of(obj))
        {
            return Err(PyValueError::new_err(format!(
                "fast mode: can't pickle cyclic objects including object type {} at {:p}",
                type_name(&obj.get_type()),
                obj.as_ptr()
            )));
        }
        Ok(())
    }

    fn left(&mut self, container: Option<&Bound<'py, PyAny>>) {
        if let Some(obj) = container {
            self.in_progress.get_or_insert_default().remove(&identity::of(obj));
        }
    }

    /// Ends a frame that is full and hands it to the file; looks for signals.
    #[cold]
    #[inline(never)]
    pub(super) fn attend(&mut self) -> PyResult<()> {
        let is_long = || self.encoder.len() >= pickle_format::FRAME_SIZE_TARGET;
        if self.streams_without_frames && is_long() || self.encoder.boundary() {
            let (len, references) = (self.encoder.len(), self.encoder.memory_of_references());
            self.output.may_go_on(len, self.long_contents, references, &mut self.optimism)?;
            self.output.flush(self.py, &mut self.encoder)?;
        }
        self.watch_buffer();
        self.py.check_signals()
    }

    /// To be called when the buffer was emptied.
    pub(super) fn watch_buffer(&mut self) {
        self.attention_above = self.encoder.next_boundary();
        let at_once = !self.looks_at_atoms && !self.settings.fast;
        self.encoder.write_at_once_below(if at_once { self.attention_above } else { 0 });
    }

    /// The memo's index of `obj`, if it has one.
    #[inline]
    pub(super) fn memo_get(&self, obj: &Bound<'py, PyAny>) -> Option<usize> {
        self.memo.get(obj)
    }

    /// The memo's index of `obj`, which it has from here on, and whether it did not have it. Not for fast mode.
    #[inline]
    pub(super) fn memo_get_or_put(&mut self, obj: &Bound<'py, PyAny>) -> (usize, bool) {
        debug_assert!(!self.settings.fast, "there is no memo");
        self.memo.get_or_put(obj)
    }

    /// Writes a reference to what the memo has under `index`.
    #[inline(always)]
    pub(super) fn memo_fetch(&mut self, index: usize) -> PyResult<()> {
        if self.encoder.refer(index) { Ok(()) } else { self.memo_fetch_at_once(index) }
    }

    #[inline(never)]
    fn memo_fetch_at_once(&mut self, index: usize) -> PyResult<()> {
        self.encoder.get(index).map_err(|error| self.refused(error))
    }

    /// Remembers `obj`, whose opcodes were just written.
    #[inline]
    pub(super) fn memo_put(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<()> {
        if self.settings.fast || !self.settings.protocol.has_memoize() {
            return self.memo_put_by_number(obj);
        }
        self.memo.put(obj);
        self.encoder.memoize_uncounted();
        Ok(())
    }

    #[inline(never)]
    fn memo_put_by_number(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<()> {
        if self.settings.fast {
            return Ok(());
        }
        let index = self.memo.put(obj);
        self.encoder.memoize(index).map_err(|error| self.refused(error))
    }

    /// A limit of the format, as the exception that `pickle` raises for it.
    #[cold]
    pub(super) fn refused(&self, error: FormatError) -> PyErr {
        match error {
            FormatError::TooLarge { .. } => PyOverflowError::new_err(error.to_string()),
            FormatError::OutOfMemory { .. } => PyMemoryError::new_err(error.to_string()),
            FormatError::MemoTooLarge { .. } | FormatError::NotRepresentable { .. } => {
                self.runtime.pickling_error(self.py, error.to_string())
            }
        }
    }
}
