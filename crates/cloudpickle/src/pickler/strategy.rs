//! Which objects are written natively, found out once per type: those whose reduction is known without asking them.
//!
//! When the code of others has run, which may change a class or register a reducer, a decision holds if it can be seen that
//! nothing of that kind happened.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFunction, PyList, PyString, PyType};
use python_objects::class;
use python_objects::datetime::DateTimeType;
use python_objects::dict::SharedKeys;
use python_objects::identity;
use python_objects::instance::{self, KnownSlots, Slot, TYPES_ARE_OPEN};
use python_objects::ndarray::PlainArrays;

use super::engine::{CallsOfPython, Engine};
use super::frame::Saved;
use super::hooks::{DispatchTable, ReducerOverride};
use super::known_types;
use super::numpy_reductions;
use super::optimism::Shared;
use super::save_container::BATCH_SIZE;
use crate::address::{ByAddress, FewByAddress};
use crate::runtime::Runtime;

/// How instances of a type are written.
#[derive(Clone)]
enum Strategy<'py> {
    /// By a reduction: they are asked for it.
    Reduction,
    /// By a reduction that is known to run no code of others.
    KnownReduction,
    Ordinary(Rc<Ordinary<'py>>),
    NamedTuple,
    DateTime(Rc<DateTimeType>),
    Decimal,
    Array,
    /// A dtype of numpy.
    Dtype,
}

/// What became of an object that may be written natively.
pub(super) enum Natively {
    /// It is written.
    Done(Saved),
    /// It is to be reduced, which runs no code of others.
    Reduce,
    /// It is to be asked how it is reduced.
    Ask,
}

/// A class that leaves reducing to `object`.
pub(super) struct Ordinary<'py> {
    pub(super) class: Bound<'py, PyType>,
    /// Its slots, as `copyreg` lists them.
    pub(super) slots: Vec<Slot<'py>>,
    pub(super) has_dict: bool,
    /// A table of keys, shared by instances, in which no name stands that says how an instance is reduced; and when that
    /// was found out.
    pub(super) harmless_keys: Cell<Option<(SharedKeys, CallsOfPython)>>,
}

/// What an earlier dump found out about a class that leaves reducing to `object`.
struct FoundBefore {
    slots: KnownSlots,
    has_dict: bool,
}

/// How many classes are remembered.
const MOST_FOUND: usize = 1024;

thread_local! {
    /// By the address of the class, which [`KnownSlots`] tells from others that had the address before.
    static FOUND_BEFORE: RefCell<ByAddress<FoundBefore>> = RefCell::default();
}

/// What was decided of a type, and when.
struct Decision<'py> {
    ty: Bound<'py, PyType>,
    version: Option<u32>,
    calls: CallsOfPython,
    strategy: Strategy<'py>,
}

/// What is to be known of numpy's arrays.
pub(super) struct KnownArrays<'py> {
    pub(super) fields: PlainArrays<'py>,
    /// The function that makes them.
    pub(super) from_buffer: Bound<'py, PyAny>,
    /// How often Python code may have run when the function was looked for: it may put another one in its place.
    pub(super) since: CallsOfPython,
}

/// The decisions of one dump.
pub(super) struct Strategies<'py> {
    /// Whether anything is written natively.
    pub(super) in_use: bool,
    /// By the address of the type. Boxed like the arrays: most dumps meet neither.
    by_type: Option<Box<FewByAddress<Decision<'py>>>>,
    /// The one that was asked for last: many objects of one type follow each other.
    last: Option<(usize, CallsOfPython, Strategy<'py>)>,
    /// The arrays of the numpy that is loaded, if one was met.
    pub(super) arrays: Option<Box<KnownArrays<'py>>>,
}

impl Strategies<'_> {
    #[inline]
    pub(super) fn new(in_use: bool) -> Self {
        let in_use = in_use && TYPES_ARE_OPEN;
        Self { in_use, by_type: None, last: None, arrays: None }
    }
}

impl<'py> Engine<'py, '_> {
    /// Writes `obj` natively, if that can be done.
    ///
    /// What is made by calls of a class refers to that class: the first instance in a pickle is reduced as usual, which
    /// writes the class, and the others follow here.
    pub(super) fn save_natively(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Natively> {
        if !self.strategies.in_use {
            return Ok(Natively::Ask);
        }
        let saved = match self.strategy_of(obj)? {
            Strategy::Reduction => return Ok(Natively::Ask),
            Strategy::KnownReduction => return Ok(Natively::Reduce),
            Strategy::Ordinary(class) => match self.save_instance(obj, &class, shared)? {
                Some(saved) => return Ok(Natively::Done(saved)),
                None => return Ok(Natively::Ask),
            },
            Strategy::NamedTuple => self.save_named_tuple(obj, shared)?,
            Strategy::DateTime(ty) => self.save_datetime(obj, &ty, shared)?,
            Strategy::Decimal => self.save_decimal(obj, shared)?,
            Strategy::Array => self.save_array(obj, shared)?,
            Strategy::Dtype => self.save_dtype(obj)?,
        };
        Ok(saved.map_or(Natively::Reduce, Natively::Done))
    }

    /// Writes an instance of the ordinary class that was asked for last. Many objects of one class follow each other.
    #[inline]
    pub(super) fn save_like_last(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Option<Saved>> {
        match &self.strategies.last {
            Some((last, calls, Strategy::Ordinary(class)))
                if *last == obj.get_type_ptr() as usize
                    && *calls == self.calls
                    && matches!(self.hooks.reducer_override, ReducerOverride::Native) =>
            {
                let class = class.clone();
                self.save_instance(obj, &class, shared)
            }
            _ => Ok(None),
        }
    }

    #[inline]
    fn strategy_of(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Strategy<'py>> {
        let address = obj.get_type_ptr() as usize;
        if let Some((last, calls, strategy)) = &self.strategies.last
            && *last == address
            && *calls == self.calls
        {
            return Ok(strategy.clone());
        }
        let strategy = self.strategy_of_another_type(obj)?;
        self.strategies.last = Some((address, self.calls, strategy.clone()));
        Ok(strategy)
    }

    fn strategy_of_another_type(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Strategy<'py>> {
        let address = obj.get_type_ptr() as usize;
        let ty = obj.get_type();
        if let Some(decision) = self.strategies.by_type.as_ref().and_then(|decisions| decisions.get(address)) {
            // Asking an object for its reduction is always right.
            let holds = decision.calls == self.calls
                || matches!(decision.strategy, Strategy::Reduction)
                || decision.version.is_some()
                    && decision.version == instance::version_of(&decision.ty)
                    && self.reducer_for(&ty)?.is_none();
            if holds && let Some(decision) = self.strategies.by_type.get_or_insert_default().get_mut(address) {
                decision.calls = self.calls;
                return Ok(decision.strategy.clone());
            }
        }
        let strategy = self.decide(obj, &ty)?;
        // Asking the type for its attributes has given it a version.
        let decision =
            Decision { version: instance::version_of(&ty), ty, calls: self.calls, strategy: strategy.clone() };
        let decisions = self.strategies.by_type.get_or_insert_default();
        match decisions.get_mut(address) {
            Some(known) => *known = decision,
            None => decisions.insert(address, decision),
        }
        Ok(strategy)
    }

    fn decide(&mut self, obj: &Bound<'py, PyAny>, ty: &Bound<'py, PyType>) -> PyResult<Strategy<'py>> {
        // The hook is asked about the parts of a reduction, which are not made here; a table may be code of others.
        if self.hooks.persistent_id.is_some()
            || !matches!(self.hooks.dispatch_table, DispatchTable::Default)
            || !self.settings.protocol.has_newobj()
        {
            return Ok(Strategy::Reduction);
        }
        let runtime = self.runtime;
        // Neither is written from its fields, and they would not be found out by the questions below.
        if obj.is_exact_instance_of::<PyFunction>() {
            return Ok(Strategy::Reduction);
        }
        if obj.is_instance_of::<PyType>() {
            let is_harmless = self.settings.protocol.has_frames() && known_types::makes_dtypes_of_numpy(ty)?;
            return Ok(if is_harmless { Strategy::KnownReduction } else { Strategy::Reduction });
        }
        let metaclass = ty.get_type();
        let is_plain = metaclass.is(&runtime.type_type) || metaclass.is(&runtime.abc_meta);
        let is_dtype = !is_plain && !metaclass.is(&runtime.enum_meta);
        if is_dtype && !numpy_reductions::is_known_dtype(obj) && !known_types::is_of_numpy(ty)?
            || self.reducer_for(ty)?.is_some()
        {
            return Ok(Strategy::Reduction);
        }
        if is_dtype && self.settings.protocol.has_buffers() {
            return Ok(Strategy::Dtype);
        }
        if is_dtype && self.settings.protocol.has_frames() {
            return Ok(Strategy::KnownReduction);
        }
        if let Some(strategy) = self.by_name(obj, ty)? {
            return Ok(strategy);
        }
        if is_plain && let Some(class) = self.ordinary(ty)? {
            return Ok(Strategy::Ordinary(Rc::new(class)));
        }
        if is_plain && self.settings.protocol.has_frames() && known_types::is_named_tuple(ty)? {
            return Ok(Strategy::NamedTuple);
        }
        Ok(if self.settings.protocol.has_frames() && known_types::reduces_harmlessly(ty)? {
            Strategy::KnownReduction
        } else {
            Strategy::Reduction
        })
    }

    /// The strategy for a type of the library or of numpy. Its name decides which question is asked, not how it is answered.
    fn by_name(&mut self, obj: &Bound<'py, PyAny>, ty: &Bound<'py, PyType>) -> PyResult<Option<Strategy<'py>>> {
        // Such objects need opcodes that not all protocols have.
        if !self.settings.protocol.has_frames() {
            return Ok(None);
        }
        Ok(match instance::name_of(ty) {
            "datetime.date" | "datetime.time" | "datetime.datetime" => {
                known_types::datetime_type(ty)?.map(|ty| Strategy::DateTime(Rc::new(ty)))
            }
            "decimal.Decimal" if known_types::is_decimal(ty)? => Some(Strategy::Decimal),
            "numpy.ndarray" => PlainArrays::like(obj)?.map_or(Ok(None), |fields| {
                if self.settings.protocol.has_buffers() {
                    let from_buffer = numpy_reductions::from_buffer(ty)?;
                    let since = self.calls;
                    self.strategies.arrays =
                        from_buffer.map(|from_buffer| Box::new(KnownArrays { fields, from_buffer, since }));
                }
                Ok::<_, PyErr>(Some(Strategy::Array))
            })?,
            _ => None,
        })
    }

    /// What is to be known of a class that leaves reducing to `object`.
    fn ordinary(&self, ty: &Bound<'py, PyType>) -> PyResult<Option<Ordinary<'py>>> {
        let found = FOUND_BEFORE.with_borrow(|found| {
            let found = found.get(&identity::of(ty))?;
            let slots = found.slots.get(ty)?;
            Some(Ordinary { class: ty.clone(), slots, has_dict: found.has_dict, harmless_keys: Cell::default() })
        });
        if found.is_some() {
            return Ok(found);
        }
        let found = self.look_at_ordinary(ty)?;
        if let Some(Ordinary { slots, has_dict, .. }) = &found
            && let Some(slots) = KnownSlots::of(ty, slots)
        {
            let replaced = FOUND_BEFORE.with_borrow_mut(|before| {
                // Of types that are gone, too.
                let dropped = if before.len() >= MOST_FOUND { std::mem::take(before) } else { ByAddress::default() };
                (before.insert(identity::of(ty), FoundBefore { slots, has_dict: *has_dict }), dropped)
            });
            drop(replaced);
        }
        Ok(found)
    }

    fn look_at_ordinary(&self, ty: &Bound<'py, PyType>) -> PyResult<Option<Ordinary<'py>>> {
        let py = self.py;
        // What is derived from a type of C code other than `object` holds what that type holds, as a rule: asked for first,
        // because what follows takes as long as a small dump.
        if !instance::has_plain_attributes(ty) || !instance::made_in_c(ty)?.is(py.get_type::<PyAny>()) {
            return Ok(None);
        }
        if !known_types::leaves_reducing_to_object(ty)? {
            return Ok(None);
        }
        for name in [intern!(py, "__getnewargs_ex__"), intern!(py, "__getnewargs__")] {
            if class::has_attribute(ty, name)? {
                return Ok(None);
            }
        }
        let Some(slots) = slots(ty)? else { return Ok(None) };
        if slots.len() >= BATCH_SIZE || !instance::is_made_of_dict_and_slots(ty, slots.len()) {
            return Ok(None);
        }
        let has_dict = ty.getattr(intern!(py, "__dictoffset__"))?.extract::<isize>()? != 0;
        Ok(Some(Ordinary { class: ty.clone(), slots, has_dict, harmless_keys: Cell::new(None) }))
    }
}

/// The slots that make up the state, or `None` if one of them is not what it was made as: something in a
/// subclass may hide it.
fn slots<'py>(ty: &Bound<'py, PyType>) -> PyResult<Option<Vec<Slot<'py>>>> {
    let py = ty.py();
    let runtime = Runtime::get(py);
    let names = runtime.slot_names.bind(py).call1((ty,))?;
    let Ok(names) = names.cast_into::<PyList>() else { return Ok(None) };
    let mut slots = Vec::with_capacity(names.len());
    for name in names {
        let Ok(name) = name.cast_into::<PyString>() else { return Ok(None) };
        let Some(slot) = Slot::of(ty, name)? else { return Ok(None) };
        slots.push(slot);
    }
    Ok(Some(slots))
}
