//! What makes a pickle depend on its object alone: sets in order, ids made from contents, strings that are equal written as
//! one.
//!
//! All of it happens in deterministic dumps only, but for the sets among the constants of code, which have an order in
//! every dump.

use super::BaseGlobals;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType};
use python_objects::identity;
use python_objects::set::items_of;

use super::engine::{Engine, Settings};
use super::hooks::Hooks;
use super::memo::Memo;
use super::output::Output;
use crate::address::ByAddress;
use crate::by_value::class_tracker::{Ids, digest_of, tracker};
use crate::by_value::lookup;
use crate::reduce::context_var;
use crate::reduce::deferred::is_type_var;
use crate::runtime::Runtime;

/// How many sets may stand inside each other for the innermost still to be told apart by their contents.
const DEEPEST_SET: usize = 50;

/// What a dump remembers to be deterministic.
#[derive(Default)]
pub(super) struct Canonical<'py> {
    /// How many code objects are being written, one inside the other.
    pub(super) in_code: usize,
    /// Boxed, because few dumps need it.
    met: Option<Box<Met<'py>>>,
}

/// What was met.
#[derive(Default)]
struct Met<'py> {
    /// Text to the string that was met first.
    strings: Option<Bound<'py, PyDict>>,
    /// The sets, by address, whose elements are being put in order, the outermost first.
    in_order_of: Vec<usize>,
    /// The elements, in order, of sets that were done: each set of a nest is looked at once, not once per level above it.
    ordered: ByAddress<(Bound<'py, PyAny>, Bound<'py, PyList>)>,
}

impl<'py> Canonical<'py> {
    fn met_mut(&mut self) -> &mut Met<'py> {
        self.met.get_or_insert_default()
    }
}

impl<'py> Engine<'py, '_> {
    /// Whether this dump is to be the same in every process.
    #[inline]
    pub(super) fn is_deterministic(&self) -> bool {
        self.settings.ids != Ids::Random
    }

    /// The string that stands for all that are equal to `string`: which of them are one object depends on what the
    /// interpreter interned.
    pub(super) fn canonical_string(&mut self, string: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let strings = self.canonical.met_mut().strings.get_or_insert_with(|| PyDict::new(string.py()));
        if let Some(first) = strings.get_item(string)? {
            return Ok(first);
        }
        strings.set_item(string, string)?;
        Ok(string.clone())
    }

    /// Whether the elements of sets are to be put in order. Not in an attempt, whose bytes nobody sees: their pickles would
    /// have attempts of their own, and so without an end where a class is made from a set of its instances.
    #[inline]
    pub(super) fn orders_sets(&self) -> bool {
        (self.canonical.in_code > 0 || self.is_deterministic()) && !self.probe.is_attempt()
    }

    /// Whether a set is being put in order at this moment, so that it is in the midst of itself.
    pub(super) fn is_being_ordered(&self, set: &Bound<'py, PyAny>) -> bool {
        self.canonical.met.as_ref().is_some_and(|met| met.in_order_of.contains(&identity::of(set)))
    }

    /// The elements of a set, in an order that does not depend on their hashes.
    ///
    /// Plain strings, bytes and ints go by their values. Other elements go by their pickles. Elements with equal pickles
    /// go as they come: what they would be told apart by is their place in the rest of the graph.
    pub(super) fn ordered(&mut self, set: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let py = self.py;
        let address = identity::of(set);
        if let Some((_, elements)) = self.canonical.met_mut().ordered.get(&address)
            && elements.len() == set.len()?
        {
            return Ok(elements.clone());
        }
        let elements = items_of(set)?;
        let all = |is: fn(&Bound<'py, PyAny>) -> bool| elements.iter().all(|element| is(&element));
        let elements = if elements.len() < 2 {
            elements
        } else if all(Bound::is_exact_instance_of::<PyString>)
            || all(Bound::is_exact_instance_of::<PyInt>)
            || all(Bound::is_exact_instance_of::<PyBytes>)
        {
            elements.call_method0(intern!(py, "sort"))?;
            elements
        } else {
            self.ordered_by_pickles(address, &elements)?
        };
        self.canonical.met_mut().ordered.insert(address, (set.clone(), elements.clone()));
        Ok(elements)
    }

    fn ordered_by_pickles(&mut self, set: usize, elements: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
        self.before_code_of_others()?;
        let mut keyed = Vec::with_capacity(elements.len());
        self.canonical.met_mut().in_order_of.push(set);
        for element in elements.iter() {
            // What cannot be pickled is refused in its place, where the error knows the way to it.
            let pickle = if self.canonical.met_mut().in_order_of.len() > DEEPEST_SET {
                Vec::new()
            } else {
                self.contents_of(&element).unwrap_or_default()
            };
            keyed.push((pickle, element));
        }
        self.canonical.met_mut().in_order_of.pop();
        keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
        PyList::new(self.py, keyed.into_iter().map(|(_, element)| element))
    }

    /// `value`, which reduces a set of another type than `set` and `frozenset`, with its list of the elements in order.
    ///
    /// A subclass that has an `__iter__` or a `__reduce__` of its own says itself in which order its elements travel.
    pub(super) fn reduced_in_order(
        &mut self,
        set: &Bound<'py, PyAny>,
        value: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if !lists_elements_as_they_come(set)? {
            return Ok(value);
        }
        let Ok(tuple) = value.cast::<PyTuple>() else { return Ok(value) };
        // It is in the midst of itself.
        let elements = if self.is_being_ordered(set) { PyList::empty(self.py) } else { self.ordered(set)? };
        let mut parts: Vec<_> = tuple.iter().collect();
        if let Some(args) = parts.get_mut(1) {
            *args = (elements,).into_pyobject(self.py)?.into_any();
        }
        Ok(PyTuple::new(self.py, parts)?.into_any())
    }

    /// Sees to it that a class that travels by value, a type variable or a context variable has an id made from its
    /// contents.
    pub(super) fn give_id_of_contents(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<()> {
        let py = self.py;
        let context_vars = &self.runtime.state.context_vars;
        if context_var::travels_by_value(obj)? && !context_vars.has_lasting_id(obj) {
            let digest = digest_of(py, &self.contents_of(obj)?)?;
            context_vars.give_id_of_contents(obj, &digest);
            return Ok(());
        }
        let has_id = match obj.cast::<PyType>() {
            Ok(class) => !lookup::by_reference(class)?,
            Err(_) => is_type_var(obj),
        };
        if has_id && !tracker(py).has_lasting_id(obj) {
            let digest = digest_of(py, &self.contents_of(obj)?)?;
            // The pickle of the contents ran code of the user's, which may have been quicker.
            if !tracker(py).has_lasting_id(obj) {
                tracker(py).give_id_of_contents(obj, &digest)?;
            }
        }
        Ok(())
    }

    /// A pickle of `obj` alone, without ids. It is compared, never loaded.
    fn contents_of(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Vec<u8>> {
        let settings = Settings { ids: Ids::LeftOut, ..self.settings };
        // Buffers stay in: what is beside a pickle does not count.
        let hooks = Hooks { buffer_callback: None, ..self.hooks.clone() };
        let (mut memo, base_globals) = (Memo::new(), BaseGlobals::default());
        let mut engine = Engine::new(self.py, settings, Output::Memory, hooks, (&mut memo).into(), &base_globals);
        let met = self.canonical.met_mut();
        let inner = engine.canonical.met_mut();
        inner.in_order_of.clone_from(&met.in_order_of);
        inner.ordered = std::mem::take(&mut met.ordered);
        // The hooks called meanwhile are the pickler's, which has written no more than until here.
        let result = self.memo.lend(self.py, || engine.dump(obj));
        self.canonical.met_mut().ordered = std::mem::take(&mut engine.canonical.met_mut().ordered);
        result.map(|()| engine.encoder.written().to_vec())
    }
}

/// Whether the reduction of a set lists the elements in the order of their hashes or addresses: that of a `WeakSet`, and of
/// a subclass of any kind of set that leaves it to that.
fn lists_elements_as_they_come(obj: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = obj.py();
    let weak_set_type = Runtime::get(py).weak_set_type.bind(py);
    let bases = [&py.get_type::<PySet>(), &py.get_type::<PyFrozenSet>(), weak_set_type];
    let ty = obj.get_type();
    let Some(base) = bases.into_iter().find(|base| ty.is_subclass(base).unwrap_or(false)) else { return Ok(false) };
    for method in [intern!(py, "__reduce_ex__"), intern!(py, "__reduce__"), intern!(py, "__iter__")] {
        if !ty.getattr(method)?.is(&base.getattr(method)?) {
            return Ok(false);
        }
    }
    Ok(true)
}
