//! `dumps`, `dump`, and the native half of the class `Pickler`.

use pickle_format::Protocol;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use python_objects::identity;
use python_objects::reference_count::COUNTS_ARE_EXACT;

use super::at_hand::AtHand;
use super::decisions;
use super::engine::{Engine, Settings};
use super::hooks::Hooks;
use super::memo::Memo;
use super::memo_of_pickler::MemoOfPickler;
use super::optimism::Again;
use super::output::{Output, write_whole};
use super::{BaseGlobals, Probe};
use crate::by_value::class_tracker::{Ids, sha256};
use crate::by_value::registry::{OfThisDump, names_of_modules};
use crate::reduce::names::Copied;
use crate::runtime::{self, Runtime};

/// Adds the functions to the extension.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    runtime::add_function(module, wrap_pyfunction!(dumps, module)?)?;
    runtime::add_function(module, wrap_pyfunction!(dumps_without_shortcuts, module)?)?;
    runtime::add_function(module, wrap_pyfunction!(dump, module)?)?;
    runtime::add_function(module, wrap_pyfunction!(fingerprint, module)?)
}

/// Serialize `obj` to a bytes object.
///
/// Args:
///     obj: any object. Functions and classes that cannot be imported elsewhere travel by value.
///     protocol: 0 to 5, negative for the highest; None is `DEFAULT_PROTOCOL`, the highest.
///     buffer_callback: called with each `pickle.PickleBuffer`; if it returns a false value, the buffer's data stays
///         out of the result, and whoever loads it passes the buffers to `loads(..., buffers=)`.
///     fix_imports: whether protocols 0 to 2 name modules as Python 2 did.
///     deterministic: whether classes and context variables get ids made from their contents, not random ones, and sets
///         an order, so that every process of the same Python gives the same bytes; None is what the environment variable
///         `CLOUDPICKLE_DETERMINISTIC` said when cloudpickle was imported.
///     by_value: modules that count as registered by `register_pickle_by_value` for this call alone.
///
/// Returns:
///     A pickle, which plain `pickle.loads` loads where some `cloudpickle` is installed.
///
/// Raises:
///     PicklingError, TypeError: something in `obj` cannot be pickled.
///     ValueError: there is no such protocol, or it cannot have out-of-band buffers.
#[pyfunction]
#[pyo3(signature = (obj, protocol = None, buffer_callback = None, *, fix_imports = true, deterministic = None, by_value = None))]
pub(crate) fn dumps<'py>(
    obj: &Bound<'py, PyAny>,
    protocol: Option<&Bound<'py, PyAny>>,
    buffer_callback: Option<Bound<'py, PyAny>>,
    fix_imports: bool,
    deterministic: Option<bool>,
    by_value: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let settings = Settings::new(protocol, fix_imports, buffer_callback.is_some())?.with_ids(obj.py(), deterministic);
    let _by_value = OfThisDump::of(by_value)?;
    to_bytes(obj, settings, buffer_callback, Pass::first(settings))
}

/// `dumps` without its shortcuts, for tests: its bytes must be the same.
#[pyfunction]
#[pyo3(signature = (obj, protocol = None, buffer_callback = None))]
fn dumps_without_shortcuts<'py>(
    obj: &Bound<'py, PyAny>,
    protocol: Option<&Bound<'py, PyAny>>,
    buffer_callback: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let settings = Settings::new(protocol, true, buffer_callback.is_some())?;
    let _by_value = OfThisDump::set(Vec::new());
    to_bytes(obj, settings, buffer_callback, Pass::WithoutShortcuts)
}

/// Which ways a dump takes. They lead to the same bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// All that are quick. The dump may have to start over with the next one.
    Optimistic,
    /// Those that are right whatever code the objects call.
    Careful,
    /// The longest, which tests compare with the others.
    WithoutShortcuts,
}

impl Pass {
    /// The first one of a dump with these settings.
    fn first(settings: Settings) -> Self {
        // Where the memo's entries are written at once, they would depend on the counts of references.
        let can_be_optimistic = settings.ids == Ids::Random && settings.protocol.has_memoize();
        if can_be_optimistic { Self::Optimistic } else { Self::Careful }
    }
}

fn to_bytes<'py>(
    obj: &Bound<'py, PyAny>,
    settings: Settings,
    buffer_callback: Option<Bound<'py, PyAny>>,
    pass: Pass,
) -> PyResult<Bound<'py, PyBytes>> {
    let finish = |engine: &mut Engine<'py, '_>| engine.encoder.buffer_mut().finish(obj.py());
    match in_memory(obj, settings, buffer_callback.clone(), Output::Memory, pass, finish)? {
        Outcome::Done(pickle) => Ok(pickle),
        Outcome::StartsOver(_) => to_bytes(obj, settings, buffer_callback, Pass::Careful),
    }
}

/// How a pass ended.
enum Outcome<R> {
    Done(R),
    StartsOver(Again),
}

/// Pickles `obj` into memory, and has `finish` do what is to be done with it when it is whole.
fn in_memory<'py, R>(
    obj: &Bound<'py, PyAny>,
    settings: Settings,
    buffer_callback: Option<Bound<'py, PyAny>>,
    output: Output<'py>,
    pass: Pass,
    finish: impl FnOnce(&mut Engine<'py, '_>) -> PyResult<R>,
) -> PyResult<Outcome<R>> {
    let py = obj.py();
    let mut at_hand = AtHand::take().unwrap_or_default();
    let referenced = at_hand.referenced.take();
    let for_the_next;
    let for_code_of_others = matches!(output, Output::ShortMemory).then_some(Again::PieceByPiece);
    let (result, again);
    {
        let base_globals = BaseGlobals::default();
        let hooks = Hooks::plain(buffer_callback);
        let mut engine = Engine::new(py, settings, output, hooks, (&mut at_hand.memo).into(), &base_globals);
        engine.encoder.memoize_what_is_referenced(referenced.unwrap_or_default());
        if settings.protocol.has_memoize() {
            engine.root = identity::of(obj);
        }
        match pass {
            Pass::Optimistic => engine.optimism.be_optimistic_where_possible(),
            Pass::Careful => {}
            Pass::WithoutShortcuts => engine.take_no_shortcuts(),
        }
        engine.optimism.start_over_for_code_of_others(for_code_of_others);
        engine.keep_attempts_from_code_of_others();
        if pass != Pass::WithoutShortcuts && settings.ids == Ids::Random {
            engine.names = Copied::Before;
        }
        result = engine.dump(obj).and_then(|()| finish(&mut engine));
        again = engine.again();
        for_the_next = engine.encoder.take_referenced();
    }
    at_hand.referenced = for_the_next;
    at_hand.put_back(py);
    match again {
        Some(again) => Ok(Outcome::StartsOver(again)),
        None => result.map(Outcome::Done),
    }
}

/// Serialize `obj` into `file`, which needs a `write` method that takes bytes.
///
/// The file gets a pickle of plain data when it is whole, and any that is long or calls an object's own code piece by piece;
/// large strings and buffers are passed to `write` as they are.
///
/// Args:
///     obj: any object. Functions and classes that cannot be imported elsewhere travel by value.
///     file: what has a method `write` that takes bytes.
///     protocol, buffer_callback, fix_imports, deterministic, by_value: as for `dumps`.
///
/// Raises:
///     PicklingError, TypeError: something in `obj` cannot be pickled, or the file has no `write`. What was written is no
///         whole pickle.
///     ValueError: there is no such protocol, or it cannot have out-of-band buffers.
///     Exception: whatever `write` raises.
#[pyfunction]
#[pyo3(signature = (obj, file, protocol = None, buffer_callback = None, *, fix_imports = true, deterministic = None, by_value = None))]
pub(crate) fn dump<'py>(
    obj: &Bound<'py, PyAny>,
    file: &Bound<'py, PyAny>,
    protocol: Option<&Bound<'py, PyAny>>,
    buffer_callback: Option<Bound<'py, PyAny>>,
    fix_imports: bool,
    deterministic: Option<bool>,
    by_value: Option<&Bound<'py, PyAny>>,
) -> PyResult<()> {
    let py = obj.py();
    let _by_value = OfThisDump::of(by_value)?;
    let settings = Settings::new(protocol, fix_imports, buffer_callback.is_some())?.with_ids(py, deterministic);
    let write = write_of(file)?;
    if buffer_callback.is_none() && dumped_whole(obj, settings, &write)? {
        return Ok(());
    }
    let (mut memo, base_globals) = (AtHand::take_memo(py), BaseGlobals::default());
    let hooks = Hooks::plain(buffer_callback);
    let result = Engine::new(py, settings, Output::File(write), hooks, (&mut memo).into(), &base_globals).dump(obj);
    AtHand::put_back_memo(py, memo);
    result
}

/// Pickles `obj` in memory, and hands the pickle to a file when it is whole; or returns false, if it would be long or would run
/// code of others, which may look at the file or would run twice.
///
/// A pickle in memory is written several times as quickly as one piece by piece: there, every object that may be referred to
/// later has to be memoized, because nobody can add a MEMOIZE to what was handed over.
fn dumped_whole<'py>(obj: &Bound<'py, PyAny>, settings: Settings, write: &Bound<'py, PyAny>) -> PyResult<bool> {
    let mut pass = Pass::first(settings);
    if !COUNTS_ARE_EXACT || pass != Pass::Optimistic {
        return Ok(false);
    }
    loop {
        let hand_over = |engine: &mut Engine<'py, '_>| write_whole(write, &mut engine.encoder);
        match in_memory(obj, settings, None, Output::ShortMemory, pass, hand_over)? {
            Outcome::Done(()) => return Ok(true),
            Outcome::StartsOver(Again::Carefully) => pass = Pass::Careful,
            Outcome::StartsOver(Again::PieceByPiece) => return Ok(false),
        }
    }
}

/// What a pickle is written with.
fn write_of<'py>(file: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let write = file.getattr_opt(intern!(file.py(), "write"))?;
    write.ok_or_else(|| PyTypeError::new_err("file must have a 'write' attribute"))
}

/// A digest of `obj` for cache keys: 64 hexadecimal digits, the same in every process of the same Python.
///
/// It covers what `dumps` would write: the code of functions and classes that travel by value with the file and the line
/// where they stand, the globals they use, the contents of data. What travels by reference counts by its name. Nothing
/// can be loaded from it.
///
/// Raises:
///     PicklingError, TypeError: something in `obj` cannot be pickled.
#[pyfunction]
pub(crate) fn fingerprint(obj: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = obj.py();
    let protocol = Protocol::HIGHEST;
    let settings = Settings { protocol, fix_imports: true, binary: true, fast: false, ids: Ids::LeftOut };
    let (mut memo, base_globals) = (Memo::new(), BaseGlobals::default());
    let _by_value = OfThisDump::set(Vec::new());
    let mut engine = Engine::new(py, settings, Output::Memory, Hooks::plain(None), (&mut memo).into(), &base_globals);
    engine.dump(obj)?;
    sha256(py, engine.encoder.written())
}

impl Settings {
    /// Checks the arguments as `pickle` does, and with its messages.
    #[inline(always)]
    fn new(protocol: Option<&Bound<'_, PyAny>>, fix_imports: bool, out_of_band: bool) -> PyResult<Self> {
        let protocol = match protocol {
            None => Protocol::HIGHEST,
            Some(protocol) => match protocol.extract::<i64>()? {
                ..0 => Protocol::HIGHEST,
                number => u8::try_from(number).ok().and_then(Protocol::from_number).ok_or_else(|| {
                    let highest = Protocol::HIGHEST.number();
                    PyValueError::new_err(format!("pickle protocol must be <= {highest}"))
                })?,
            },
        };
        if out_of_band && !protocol.has_buffers() {
            return Err(PyValueError::new_err("buffer_callback needs protocol >= 5"));
        }
        Ok(Self { protocol, fix_imports, binary: protocol.is_binary(), fast: false, ids: Ids::Random })
    }

    /// With the ids that a deterministic dump needs, where one is wanted.
    fn with_ids(self, py: Python<'_>, deterministic: Option<bool>) -> Self {
        let deterministic = deterministic.unwrap_or_else(|| Runtime::get(py).state.deterministic_by_default);
        Self { ids: if deterministic { Ids::OfContents } else { Ids::Random }, ..self }
    }
}

/// The native half of a `Pickler`: its file, its settings, and what its dumps share.
#[pyclass(frozen, module = "cloudpickle._native")]
pub(crate) struct PicklerCore {
    settings: Settings,
    by_value: Vec<String>,
    write: Py<PyAny>,
    buffer_callback: Option<Py<PyAny>>,
    base_globals: BaseGlobals,
    memo: MemoOfPickler,
}

#[pymethods]
impl PicklerCore {
    /// All arguments are given by their places: by name, they would take longer than all that is done here.
    #[new]
    fn new(
        file: &Bound<'_, PyAny>,
        protocol: Option<&Bound<'_, PyAny>>,
        buffer_callback: Option<Bound<'_, PyAny>>,
        fix_imports: bool,
        deterministic: Option<bool>,
        by_value: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let by_value = names_of_modules(by_value)?;
        let settings =
            Settings::new(protocol, fix_imports, buffer_callback.is_some())?.with_ids(file.py(), deterministic);
        let write = write_of(file)?.unbind();
        let buffer_callback = buffer_callback.map(Bound::unbind);
        let (base_globals, memo) = (BaseGlobals::of_pickler(), MemoOfPickler::new());
        Ok(Self { settings, by_value, write, buffer_callback, base_globals, memo })
    }

    /// Writes one pickle of `obj`, with the hooks that `pickler`, the Python half, has at this moment.
    fn dump<'py>(&self, pickler: &Bound<'py, PyAny>, obj: &Bound<'py, PyAny>) -> PyResult<()> {
        let py = obj.py();
        let mut settings = self.settings;
        settings.fast = pickler.getattr(intern!(py, "fast"))?.is_truthy()?;
        // Text instead of binary opcodes is possible with every protocol, the reverse is not.
        // The base class of PyPy has no such attribute.
        if let Some(binary) = pickler.getattr_opt(intern!(py, "bin"))? {
            settings.binary &= binary.is_truthy()?;
        }
        let buffer_callback = self.buffer_callback.as_ref().map(|callback| callback.bind(py).clone());
        let hooks = Hooks::of_pickler(pickler, buffer_callback)?;
        let output = Output::File(self.write.bind(py).clone());
        let memo = self.memo.take_for_dump(py)?;
        let _by_value = OfThisDump::set(self.by_value.clone());
        Engine::new(py, settings, output, hooks, memo, &self.base_globals).dump(obj)
    }

    /// The reduce tuple of a function or class that travels by value, else `NotImplemented`.
    fn reduce<'py>(&self, obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = obj.py();
        match decisions::native_reduction(obj, &self.base_globals, None, &mut Probe::default())? {
            Some(reduction) => Ok(reduction.into_tuple(py)?.into_any()),
            None => Ok(py.NotImplemented().into_bound(py)),
        }
    }

    /// Forgets which objects were written.
    fn clear_memo(&self) -> PyResult<()> {
        let objects = self.memo.take()?.take_objects();
        drop(objects);
        Ok(())
    }

    /// `{id(object): (index, object)}`.
    fn copy_memo<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.memo.read(py, |memo| memo.to_dict(py))?
    }

    /// Takes over the memo of another pickler, or one in the form that `copy_memo` returns.
    fn set_memo(&self, memo: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = memo.py();
        let memo = if let Ok(proxy) = memo.cast::<PicklerMemoProxy>() {
            proxy.get().core.get().memo.read(py, |memo| memo.clone_ref(py))?
        } else if let Ok(dict) = memo.cast::<PyDict>() {
            Memo::from_dict(dict)?
        } else {
            let found = crate::reduce::reduction::type_name(&memo.get_type());
            let message = format!("'memo' attribute must be a PicklerMemoProxy object or dict, not {found}");
            return Err(PyTypeError::new_err(message));
        };
        let replaced = std::mem::replace(&mut *self.memo.take()?, memo);
        drop(replaced);
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.write)?;
        visit.call(&self.buffer_callback)?;
        self.base_globals.traverse(&visit)?;
        self.memo.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.base_globals.clear(py);
        self.memo.clear();
    }
}

/// `Pickler.memo`: a view of what the pickler remembers.
#[pyclass(frozen, module = "cloudpickle._native")]
pub(crate) struct PicklerMemoProxy {
    core: Py<PicklerCore>,
}

#[pymethods]
impl PicklerMemoProxy {
    #[new]
    fn new(core: Py<PicklerCore>) -> Self {
        Self { core }
    }

    /// Remove all items from memo.
    fn clear(&self) -> PyResult<()> {
        self.core.get().clear_memo()
    }

    /// Copy the memo to a new object.
    fn copy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.core.get().copy_memo(py)
    }

    /// A memo is pickled as the dict that `copy` returns.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        (Runtime::get(py).dict_type.bind(py), (self.copy(py)?,)).into_pyobject(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.core)
    }
}
