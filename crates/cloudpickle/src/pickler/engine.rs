//! One dump in progress: its loop and the order of decisions.
//!
//! There is no recursion. [`Engine::save`] writes an object whole, or returns the [`Frame`] of one that has parts; the
//! loop in [`Engine::dump`] keeps the suspended frames on a stack of its own. Depth is bounded by memory alone.

use std::panic::{self, AssertUnwindSafe};

use pickle_format::{Encoder, FormatError, Protocol};
use pyo3::exceptions::{PyMemoryError, PyOverflowError, PyRecursionError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFunction, PyModule, PyString, PyTuple, PyType};
use python_objects::bytes::OutOfMemory;
use python_objects::compat::reduce::{Lacking, lacking};
use python_objects::identity;
use python_objects::kind::Kind;
use python_objects::lending::InUse;
use python_objects::reference_count::COUNTS_ARE_EXACT;

use super::canonical::Canonical;
use super::endless::EndlessGuard;
use super::frame::{Frame, Saved, Suspendable};
use super::hooks::{Hooks, ReducerOverride};
use super::made_of_code::MadeOfCode;
use super::memo::Memo;
use super::optimism::{Optimism, Shared};
use super::output::{Output, Written};
use super::save_at_once::{AtOnce, LAST_KEYS};
use super::save_found_global::LastModules;
use super::save_function::LastClosure;
use super::save_reduce::Postponed;
use super::strategy::{Natively, Strategies};
use super::trail;
use super::written_globals::{AlreadyWritten, WrittenGlobals};
use super::{BaseGlobals, Probe};
use crate::address::Addresses;
use crate::by_value::class_tracker::{Ids, WantedIds};
use crate::reduce::exception::with_causes;
use crate::reduce::reduction::{Reduction, type_name};
use crate::reduce::singleton::singleton_reduction;
use crate::reduce::{by_base, class, deferred, descriptor, function, has_harmless_reducer, module, names};
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
    /// From this length of the buffer on, a frame may be full, and it is time to look for signals such as Ctrl-C.
    attention_above: usize,
    /// Whether every object is to be looked at before it is written, atoms too: by a hook, or for a deterministic dump.
    looks_at_atoms: bool,
    pub(super) calls: CallsOfPython,
    pub(super) made_of_code: MadeOfCode,
    pub(super) last_closure: Option<LastClosure<'py>>,
    pub(super) last_modules: LastModules<'py>,
    pub(super) endless: EndlessGuard,
    /// The classes whose arguments are being written, the innermost last.
    pub(super) postponed: Vec<Postponed<'py>>,
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
    unwinding: Vec<Option<Frame<'py>>>,
    pub(super) optimism: Optimism,
    /// What the pickle is of; or 0, if something may refer to it when it is written, or frames were suspended.
    pub(super) root: usize,
    pub(super) strategies: Strategies<'py>,
    /// Whether the buffer is handed to the file though there are no frames.
    streams_without_frames: bool,
    /// How often Python code may have run when reducers for types of modules that were imported meanwhile were added.
    added_deferred: Option<CallsOfPython>,
    /// Which copies names are written as.
    pub(super) names: names::Copied,
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
        let streams_without_frames = matches!(output, Output::File(_)) && !settings.protocol.has_frames();
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
            attention_above: 0,
            looks_at_atoms,
            calls: CallsOfPython(0),
            made_of_code,
            last_closure: None,
            last_modules: [None, None],
            endless: EndlessGuard::default(),
            postponed: Vec::new(),
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
        self.encoder.start();
        self.watch_buffer();
        // Two references more than the caller has: what is pickled may refer to itself.
        let (obj, _held) = (&obj.clone(), obj.clone());
        let _wanted = WantedIds::set(self.settings.ids);
        let _names = names::OfThisDump::begin(self.names);
        let saved = panic::catch_unwind(AssertUnwindSafe(|| self.save_whole(obj))).unwrap_or_else(|panic| {
            if panic.is::<OutOfMemory>() { Err(PyMemoryError::new_err(())) } else { panic::resume_unwind(panic) }
        });
        saved.map_err(|error| {
            drop(self.memo.forget_since(self.py, remembered));
            self.explained(error)
        })
    }

    fn save_whole(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<()> {
        self.run(obj)?;
        self.encoder.finish();
        self.output.flush(self.py, &mut self.encoder)
    }

    /// Every exception passes as it is, except that where user code ran into the recursion limit upstream raises a
    /// `PicklingError`; the one raised here is a `RecursionError` as well.
    #[cold]
    fn explained(&self, error: PyErr) -> PyErr {
        let py = self.py;
        if !error.get_type(py).is(py.get_type::<PyRecursionError>()) {
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
                if self.optimism.must_start_over() || suspended.is_empty() {
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

    /// For a part that was begun and cannot be ended now: what is to be resumed.
    #[inline]
    pub(super) fn suspend<F: Suspendable<'py>>(&mut self, frame: F) {
        if self.unwinding.capacity() == 0 {
            self.unwinding.reserve(INLINE_LEVELS + 1);
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

    /// Saves `obj`, or begins to. The order of decisions is the C pickler's.
    #[inline]
    pub(super) fn save(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        match self.save_at_once(obj) {
            AtOnce::Done => Ok(Saved::Done),
            AtOnce::NotYet => self.save_any(obj),
            AtOnce::Interrupted => self.interrupted(),
        }
    }

    /// Saves a key of a dict, or begins to.
    #[inline(never)]
    pub(super) fn save_key(&mut self, key: &Bound<'py, PyAny>) -> PyResult<Saved> {
        if self.looks_at_atoms || Kind::of(key) != Kind::Str {
            return self.save(key);
        }
        if self.encoder.len() >= self.attention_above {
            self.attend()?;
        }
        match self.memo.get(key) {
            Some(index) => self.memo_fetch(index).map(|()| Saved::Done),
            None => self.save_str(key, Shared::Maybe),
        }
    }

    /// Saves `obj`, or begins to, whatever it is.
    #[inline(never)]
    pub(super) fn save_any(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        if self.encoder.len() >= self.attention_above {
            self.attend()?;
        }
        if self.looks_at_atoms {
            return self.save_looked_at(obj);
        }
        self.save_as_it_is(obj)
    }

    /// Ends a frame that is full and hands it to the file; looks for signals.
    #[cold]
    #[inline(never)]
    fn attend(&mut self) -> PyResult<()> {
        let is_long = || self.encoder.len() >= pickle_format::FRAME_SIZE_TARGET;
        if self.streams_without_frames && is_long() || self.encoder.boundary() {
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

    #[inline(never)]
    fn save_looked_at(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        if self.hooks.persistent_id.is_some()
            && let Some(saved) = self.save_persistent_id(obj)?
        {
            return Ok(saved);
        }
        self.save_object(obj)
    }

    /// Saves `obj` without asking `persistent_id`.
    pub(super) fn save_object(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        if self.is_deterministic() && Kind::of(obj) == Kind::Str {
            let first = self.canonical_string(obj)?;
            return match self.memo.get(&first) {
                Some(index) => self.memo_fetch(index).map(|()| Saved::Done),
                None => self.save_str(&first, Shared::Maybe),
            };
        }
        self.save_as_it_is(obj)
    }

    #[inline(always)]
    fn save_as_it_is(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        let kind = Kind::of(obj);
        // Atoms are not in the memo.
        match kind {
            Kind::None => {
                self.encoder.none();
                return Ok(Saved::Done);
            }
            Kind::Bool => return self.save_bool(obj),
            Kind::Int => return self.save_int(obj),
            Kind::Float => return self.save_float(obj),
            _ => {}
        }
        let shared = self.optimism.is_shared(obj);
        if shared == Shared::Maybe
            && let Some(index) = self.memo.get(obj)
        {
            self.memo_fetch(index)?;
            return Ok(Saved::Done);
        }
        match kind {
            Kind::Str => self.save_str(obj, shared),
            Kind::Bytes => self.save_bytes(obj, shared),
            Kind::Tuple => self.save_tuple(obj, shared),
            Kind::Dict => self.save_dict(obj, shared),
            Kind::List => self.save_list(obj, shared),
            Kind::Set => self.save_set(obj, shared),
            Kind::FrozenSet => self.save_frozenset(obj, shared),
            Kind::ByteArray => self.save_bytearray(obj, shared),
            Kind::Other => match self.save_like_last(obj, shared)? {
                Some(saved) => Ok(saved),
                None if obj.get_type().is(&self.runtime.pickle_buffer_type) => self.save_picklebuffer(obj),
                None => self.save_by_reduction(obj, shared),
            },
            Kind::None | Kind::Bool | Kind::Int | Kind::Float => unreachable!("written above"),
        }
    }

    /// An object without opcodes of its own: who reduces it?
    fn save_by_reduction(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Saved> {
        if self.made_of_code.may_be_native()
            && let Some(saved) = self.save_made_of_code(obj)?
        {
            return Ok(saved);
        }
        let mut is_harmless = false;
        if let ReducerOverride::Native = self.hooks.reducer_override {
            match self.save_natively(obj, shared)? {
                Natively::Done(saved) => return Ok(saved),
                Natively::Reduce => is_harmless = true,
                Natively::Ask => {}
            }
        }
        let py = self.py;
        if self.settings.ids == Ids::OfContents {
            self.give_id_of_contents(obj)?;
        }
        let reducer_override = match &self.hooks.reducer_override {
            ReducerOverride::Native => None,
            ReducerOverride::Method(method) => Some(method.clone()),
        };
        if reducer_override.is_none() && self.writes_natively()? && has_harmless_reducer(obj)? {
            // What was decided so far still holds.
            if let Some(saved) = self.save_harmless(obj)? {
                return Ok(saved);
            }
        } else if reducer_override.is_some() || !is_harmless && may_run_code_of_others(obj) {
            self.before_code_of_others()?;
        } else {
            self.calls.another();
        }
        match reducer_override {
            None => {
                let written = self.written_globals.as_seen_by(self.settings, &self.hooks, &self.memo);
                if let Some(reduction) = native_reduction(obj, self.base_globals, written.as_ref(), &mut self.probe)? {
                    return self.save_reduction(reduction, obj);
                }
            }
            Some(method) => {
                let value = self.memo.lend(py, || method.call(obj))?;
                if !value.is(py.NotImplemented()) {
                    return self.save_reduce_value(&value, obj);
                }
                if let Natively::Done(saved) = self.save_natively(obj, shared)? {
                    return Ok(saved);
                }
            }
        }
        let ty = obj.get_type();
        if ty.is(&self.runtime.type_type) {
            return self.save_type(obj);
        }
        if obj.is_exact_instance_of::<PyFunction>() {
            return self.save_global(obj, None);
        }
        let value = if let Some(reducer) = self.reducer_for(&ty)? {
            reducer.call1((obj,))?
        } else if obj.is_instance_of::<PyType>() {
            return self.save_global(obj, None);
        } else if let Some(lacking) = lacking(obj)? {
            match lacking {
                Lacking::Name => return self.save_global(obj, None),
                Lacking::Attribute => descriptor::getset_descriptor_reduce(obj)?.into_any(),
                Lacking::State => {
                    let message = format!("cannot pickle '{}' object", trail::full_type_name(&ty));
                    return Err(PyTypeError::new_err(message));
                }
            }
        } else if let Some(reduce_ex) = obj.getattr_opt(intern!(py, "__reduce_ex__"))? {
            let value = match reduce_ex.call1((self.settings.protocol.number(),)) {
                Err(error) if error.is_instance_of::<PyTypeError>(py) => match by_base(obj)? {
                    Some(reduction) => reduction.into_any(),
                    None => return Err(error),
                },
                value => value?,
            };
            if let Ok(name) = value.cast::<PyString>()
                && let Some(reduction) = singleton_reduction(obj, name)?
            {
                return self.save_reduction(reduction, obj);
            }
            with_causes(obj, value, &mut self.probe)?
        } else if let Some(reduce) = obj.getattr_opt(intern!(py, "__reduce__"))? {
            reduce.call0()?
        } else {
            let message = format!("can't pickle '{}' object: {}", type_name(&ty), obj.repr()?);
            return Err(self.runtime.pickling_error(py, message));
        };
        self.save_reduce_value(&value, obj)
    }

    /// The reducer registered for `ty`, if any.
    #[inline]
    pub(super) fn reducer_for(&mut self, ty: &Bound<'py, PyType>) -> PyResult<Option<Bound<'py, PyAny>>> {
        // Only Python code imports modules.
        if self.added_deferred != Some(self.calls) {
            deferred::add_types_of_imported(self.py)?;
            self.added_deferred = Some(self.calls);
        }
        self.hooks.reducer_for(ty)
    }

    /// What a reducer of Python code returned: the name of a global, or a reduce tuple.
    fn save_reduce_value(&mut self, value: &Bound<'py, PyAny>, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        if let Ok(name) = value.cast::<PyString>() {
            self.save_global(obj, Some(name))
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            let result = Reduction::from_tuple(tuple).and_then(|reduction| self.save_reduction(reduction, obj));
            // Where there are frames, they tell it.
            if self.unwinding.is_empty() {
                result.map_err(|error| trail::annotated_with_object(error, obj))
            } else {
                result
            }
        } else {
            let found = trail::full_type_name(&value.get_type());
            let message = format!("__reduce__ must return a string or tuple, not {found}");
            Err(trail::annotated_with_object(self.runtime.pickling_error(self.py, message), obj))
        }
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

/// Whether the reduction of `obj` may call code that is not known: everything but functions and classes, and classes
/// whose metaclass may do as it likes.
fn may_run_code_of_others(obj: &Bound<'_, PyAny>) -> bool {
    let ty = obj.get_type();
    let runtime = Runtime::get(obj.py());
    !(ty.is(&runtime.type_type)
        || ty.is(&runtime.function_type)
        || ty.is(&runtime.enum_meta)
        || ty.is(&runtime.abc_meta))
}

/// The reduction of a function or class that travels by value; `None` for everything else.
///
/// The Rust half of `Pickler.reducer_override`.
pub(super) fn native_reduction<'py>(
    obj: &Bound<'py, PyAny>,
    base_globals: &BaseGlobals,
    written: Option<&AlreadyWritten<'_, 'py>>,
    probe: &mut Probe,
) -> PyResult<Option<Reduction<'py>>> {
    if let Ok(class) = obj.cast::<PyType>() {
        class::class_reduction(class, probe)
    } else if let Ok(function) = obj.cast_exact::<PyFunction>() {
        function::function_reduction(function, base_globals, written, probe)
    } else if obj.is_instance_of::<PyModule>() {
        module::module_reduction(obj, base_globals)
    } else {
        Ok(None)
    }
}
