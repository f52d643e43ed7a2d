//! Which objects are written natively, found out once per type: those whose reduction is known without asking them.
//!
//! A decision holds until the code of others runs, which may change a class or register a reducer.

use std::collections::HashMap;
use std::rc::Rc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyType};
use python_objects::identity;
use python_objects::instance::{self, TYPES_ARE_OPEN};

use super::engine::{CallsOfPython, Engine, Saved};
use super::hooks::DispatchTable;
use super::optimism::Shared;
use super::save_container::BATCH_SIZE;
use crate::runtime::Runtime;

/// How instances of a type are written.
#[derive(Clone)]
enum Strategy<'py> {
    /// By a reduction: they are asked for it.
    Reduction,
    Ordinary(Rc<Ordinary<'py>>),
}

/// A class that leaves reducing to `object`.
pub(super) struct Ordinary<'py> {
    pub(super) class: Bound<'py, PyType>,
    /// The names of its slots, as `copyreg` lists them.
    pub(super) slots: Vec<Bound<'py, PyString>>,
    pub(super) has_dict: bool,
}

/// The decisions of one dump.
pub(super) struct Strategies<'py> {
    /// Whether anything is written natively.
    in_use: bool,
    /// When the decisions were made.
    calls: CallsOfPython,
    /// By the address of the type, which is held.
    by_type: HashMap<usize, (Bound<'py, PyType>, Strategy<'py>)>,
    /// The one that was asked for last: many objects of one type follow each other.
    last: Option<(usize, Strategy<'py>)>,
}

impl<'py> Strategies<'py> {
    pub(super) fn new(in_use: bool) -> Self {
        let in_use = in_use && TYPES_ARE_OPEN;
        Self { in_use, calls: CallsOfPython::default(), by_type: HashMap::new(), last: None }
    }
}

impl<'py> Engine<'py, '_> {
    /// Writes `obj` natively, or returns `None`.
    #[inline]
    pub(super) fn save_natively(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Option<Saved>> {
        if !self.strategies.in_use {
            return Ok(None);
        }
        match self.strategy_of(obj)? {
            Strategy::Reduction => Ok(None),
            Strategy::Ordinary(class) => self.save_instance(obj, &class, shared),
        }
    }

    #[inline]
    fn strategy_of(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Strategy<'py>> {
        let address = obj.get_type_ptr() as usize;
        let is_current = self.strategies.calls == self.calls;
        if is_current
            && let Some((last, strategy)) = &self.strategies.last
            && *last == address
        {
            return Ok(strategy.clone());
        }
        if !is_current {
            self.strategies.by_type.clear();
            self.strategies.calls = self.calls;
        }
        let strategy = match self.strategies.by_type.get(&address) {
            Some((_, strategy)) => strategy.clone(),
            None => {
                let ty = obj.get_type();
                let strategy = self.decide(&ty)?;
                self.strategies.by_type.insert(identity::of(&ty), (ty, strategy.clone()));
                strategy
            }
        };
        self.strategies.last = Some((address, strategy.clone()));
        Ok(strategy)
    }

    fn decide(&self, ty: &Bound<'py, PyType>) -> PyResult<Strategy<'py>> {
        // The hook is asked about the parts of a reduction, which are not made here; a table may be code of others.
        if self.hooks.persistent_id.is_some()
            || !matches!(self.hooks.dispatch_table, DispatchTable::Default)
            || !self.settings.protocol.has_newobj()
        {
            return Ok(Strategy::Reduction);
        }
        let runtime = self.runtime;
        let metaclass = ty.get_type();
        if !metaclass.is(&runtime.type_type) && !metaclass.is(&runtime.abc_meta) {
            return Ok(Strategy::Reduction);
        }
        if self.hooks.reducer_for(ty)?.is_some() {
            return Ok(Strategy::Reduction);
        }
        Ok(match self.ordinary(ty)? {
            Some(class) => Strategy::Ordinary(Rc::new(class)),
            None => Strategy::Reduction,
        })
    }

    /// What is to be known of a class that leaves reducing to `object`.
    fn ordinary(&self, ty: &Bound<'py, PyType>) -> PyResult<Option<Ordinary<'py>>> {
        let py = self.py;
        let object = py.get_type::<PyAny>();
        if !instance::has_plain_attributes(ty) {
            return Ok(None);
        }
        for name in [intern!(py, "__reduce_ex__"), intern!(py, "__reduce__"), intern!(py, "__getstate__")] {
            let same = match (ty.getattr_opt(name)?, object.getattr_opt(name)?) {
                (Some(own), Some(default)) => own.is(&default),
                (own, default) => own.is_none() && default.is_none(),
            };
            if !same {
                return Ok(None);
            }
        }
        for name in [intern!(py, "__getnewargs_ex__"), intern!(py, "__getnewargs__")] {
            if ty.hasattr(name)? {
                return Ok(None);
            }
        }
        let Some(slots) = slots(ty)? else { return Ok(None) };
        if slots.len() > BATCH_SIZE || !instance::is_made_of_dict_and_slots(ty, slots.len()) {
            return Ok(None);
        }
        let has_dict = ty.getattr(intern!(py, "__dictoffset__"))?.extract::<isize>()? != 0;
        Ok(Some(Ordinary { class: ty.clone(), slots, has_dict }))
    }
}

/// The names of the slots that make up the state, or `None` if one of them is not what it was made as: something in a
/// subclass may hide it.
fn slots<'py>(ty: &Bound<'py, PyType>) -> PyResult<Option<Vec<Bound<'py, PyString>>>> {
    let py = ty.py();
    let runtime = Runtime::get(py);
    let names = runtime.slot_names.bind(py).call1((ty,))?;
    let Ok(names) = names.cast_into::<PyList>() else { return Ok(None) };
    let mut slots = Vec::with_capacity(names.len());
    for name in names {
        let Ok(name) = name.cast_into::<PyString>() else { return Ok(None) };
        match ty.getattr_opt(&name)? {
            Some(slot) if slot.get_type().is(&runtime.member_descriptor_type) => slots.push(name),
            _ => return Ok(None),
        }
    }
    Ok(Some(slots))
}
