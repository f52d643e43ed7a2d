//! BUILD: the state of an object.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use python_objects::building::{call, container};
use python_objects::raised::Raised;
use python_objects::{dict, identity, reference_count, text};

use super::load::Stop;
use super::machine::{Machine, put};
use super::refused;

/// Which objects on the stack come from NEWOBJ and were not given a state.
#[derive(Default)]
pub(super) struct Fresh {
    instances: Vec<New>,
    /// How often something was called that may have been given one of them, by way of the memo.
    calls: u64,
}

/// Where such an object stands, which it is, and how often something was called before.
struct New {
    height: usize,
    address: usize,
    calls: u64,
}

impl Fresh {
    /// `instance` is put at `height`. One that stands directly below is not to be given a state any more: what it would be
    /// given is this instance, and no dict.
    #[inline(always)]
    pub(super) fn note(&mut self, height: usize, instance: &Bound<'_, PyAny>) -> Result<(), Stop> {
        self.forget_from(height.saturating_sub(1));
        let new = New { height, address: identity::of(instance), calls: self.calls };
        put(instance.py(), &mut self.instances, new)
    }

    /// Something is put at `height` that may be anything, and have the address of an object that is gone.
    #[inline(always)]
    pub(super) fn forget_from(&mut self, height: usize) {
        while self.instances.last().is_some_and(|last| last.height >= height) {
            self.instances.pop();
        }
    }

    /// Something is called with objects of the pickle.
    #[inline(always)]
    pub(super) fn another_call(&mut self) {
        self.calls += 1;
    }

    /// Whether this is what NEWOBJ put at `height`, as it was: what others have, they may have given another `__dict__`.
    #[inline(always)]
    fn is_at(&self, height: usize, instance: &Bound<'_, PyAny>) -> bool {
        self.instances.last().is_some_and(|last| {
            last.height == height
                && last.address == identity::of(instance)
                && (last.calls == self.calls || reference_count::of(instance) == 1)
        })
    }
}

impl Machine<'_> {
    /// Carries out SETITEMS, or SETITEM, and the BUILD behind it in one: what would be put into the dict under `start`, and
    /// from there into that of the instance under it, is set on the instance. False, with nothing done, where somebody could
    /// tell the difference.
    #[inline(always)]
    pub(super) fn build_from(&mut self, start: usize, fence: usize) -> Result<bool, Stop> {
        let Some(height) = start.checked_sub(2).filter(|height| *height >= fence) else { return Ok(false) };
        let [instance, state] = [&self.stack[height], &self.stack[height + 1]];
        let nobody_has_seen_it = reference_count::COUNTS_ARE_EXACT
            && reference_count::of(state) == 1
            && state.cast_exact::<PyDict>().is_ok_and(PyDictMethods::is_empty);
        if !nobody_has_seen_it || !self.fresh.is_at(height, instance) {
            return Ok(false);
        }
        if !self.attributes.store(instance, &self.stack[start..])? {
            return Ok(false);
        }
        self.fresh.forget_from(height);
        self.cut(height + 1);
        Ok(true)
    }

    /// BUILD.
    pub(super) fn load_build(&mut self) -> Result<(), Stop> {
        let py = self.py;
        let height = self.below(2)?;
        self.fresh.forget_from(height);
        let [instance, state] = [&self.stack[height], &self.stack[height + 1]];
        if let Some(set_state) = call::attribute(instance, intern!(py, "__setstate__"))? {
            self.fresh.another_call();
            call::call(&set_state, std::slice::from_ref(state))?;
            self.cut(height + 1);
            return Ok(());
        }
        let (state, slots) = match state.cast::<PyTuple>() {
            Ok(both) if both.len() == 2 => (both.get_borrowed_item(0), Some(both.get_borrowed_item(1))),
            _ => (Ok(state.as_borrowed()), None),
        };
        let [state, slots] = [Some(state), slots].map(|part| part.and_then(Result::ok));
        // Of the two, only the first may be missing.
        if let Some(state) = state.filter(|state| !state.is_none()) {
            let state = state.cast::<PyDict>().map_err(|_| refused(py, "state is not a dictionary"))?;
            let dict = call::attribute_or_error(instance, intern!(py, "__dict__"))?;
            for (name, value) in items_of(&state, py)? {
                let name = interned(name);
                match dict.cast_exact::<PyDict>() {
                    Ok(dict) => container::set_item(dict, &name, &value)?,
                    Err(_) => call::set_item(&dict, &name, &value)?,
                }
            }
        }
        if let Some(slots) = slots {
            let slots = slots.cast::<PyDict>().map_err(|_| refused(py, "slot state is not a dictionary"))?;
            for (name, value) in items_of(&slots, py)? {
                call::set_attribute(instance, &name, &value)?;
            }
        }
        self.cut(height + 1);
        Ok(())
    }
}

/// Of one moment: what is set may be anything, and change the dict.
fn items_of<'py>(dict: &Bound<'py, PyDict>, py: Python<'py>) -> Result<Vec<dict::Item<'py>>, Raised> {
    dict::items(dict).map_err(|error| Raised::new(py, error))
}

/// The names of attributes are interned, as those in source are.
fn interned(name: Bound<'_, PyAny>) -> Bound<'_, PyAny> {
    match name.cast::<PyString>().ok().and_then(|name| text::interned(name).ok()) {
        Some(interned) => interned.into_any(),
        None => name,
    }
}
