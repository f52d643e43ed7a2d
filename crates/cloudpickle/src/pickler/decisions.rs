//! The order of decisions: who writes an object, and who reduces it. It is the C pickler's.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFunction, PyModule, PyString, PyTuple, PyType};
use python_objects::class::is_static;
use python_objects::compat::reduce::{Lacking, lacking};
use python_objects::kind::Kind;

use super::engine::Engine;
use super::frame::Saved;
use super::hooks::{Hook, ReducerOverride};
use super::optimism::Shared;
use super::save_at_once::AtOnce;
use super::strategy::Natively;
use super::trail;
use super::written_globals::AlreadyWritten;
use super::{BaseGlobals, Probe};
use crate::by_value::class_tracker::Ids;
use crate::reduce::exception::with_causes;
use crate::reduce::reduction::{Reduction, type_name};
use crate::reduce::singleton::singleton_reduction;
use crate::reduce::{
    by_base, class, deferred, descriptor, function, has_harmless_reducer, may_have_harmless_reducer, module,
};
use crate::runtime::Runtime;

impl<'py> Engine<'py, '_> {
    /// Saves `obj`, or begins to.
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

    /// An object without opcodes of its own: who reduces it? The steps have the numbers that they have in ARCHITECTURE.md,
    /// "Order of decisions". Before them stand shortcuts.
    fn save_by_reduction(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Saved> {
        self.use_names();
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
        if self.settings.ids == Ids::OfContents {
            self.give_id_of_contents(obj)?;
        }
        let overridden = match &self.hooks.reducer_override {
            ReducerOverride::Native => self.save_by_native_override(obj, is_harmless)?,
            ReducerOverride::Method(method) => {
                let method = method.clone();
                self.save_by_override(obj, &method, shared)?
            }
        };
        if let Some(saved) = overridden {
            return Ok(saved);
        }
        let ty = obj.get_type();
        if let Some(saved) = self.save_what_was_left_alone(obj, &ty)? {
            return Ok(saved);
        }
        if let Some(reducer) = self.reducer_for(&ty)? {
            return self.save_by_table(obj, &ty, &reducer);
        }
        // Step 8: a class with a metaclass.
        if obj.is_instance_of::<PyType>() {
            return self.save_global(obj, None);
        }
        self.save_by_own_reduction(obj, &ty)
    }

    /// Step 5: `reducer_override`, where nobody overrode it.
    #[inline]
    fn save_by_native_override(&mut self, obj: &Bound<'py, PyAny>, is_harmless: bool) -> PyResult<Option<Saved>> {
        if may_have_harmless_reducer(obj) && self.writes_natively()? && has_harmless_reducer(obj)? {
            // What was decided so far still holds.
            if let Some(saved) = self.save_harmless(obj)? {
                return Ok(Some(saved));
            }
        } else if !is_harmless && may_run_code_of_others(obj) {
            self.before_reducing(obj)?;
        } else {
            self.calls.another();
        }
        let written = self.written_globals.as_seen_by(self.settings, &self.hooks, &self.memo);
        match native_reduction(obj, self.base_globals, written.as_ref(), &mut self.probe)? {
            Some(reduction) => self.save_reduction(reduction, obj).map(Some),
            None => Ok(None),
        }
    }

    /// Step 5: `reducer_override` of a subclass or an instance.
    fn save_by_override(
        &mut self,
        obj: &Bound<'py, PyAny>,
        method: &Hook<'py>,
        shared: Shared,
    ) -> PyResult<Option<Saved>> {
        self.before_code_of_others()?;
        let py = self.py;
        let value = self.memo.lend(py, || method.call(obj))?;
        if !value.is(py.NotImplemented()) {
            return self.save_reduce_value(&value, obj).map(Some);
        }
        match self.save_natively(obj, shared)? {
            Natively::Done(saved) => Ok(Some(saved)),
            Natively::Reduce | Natively::Ask => Ok(None),
        }
    }

    /// Step 6: a class without a metaclass, or a function, that nobody reduced.
    #[inline]
    fn save_what_was_left_alone(
        &mut self,
        obj: &Bound<'py, PyAny>,
        ty: &Bound<'py, PyType>,
    ) -> PyResult<Option<Saved>> {
        if ty.is(&self.runtime.type_type) {
            return self.save_type(obj).map(Some);
        }
        if obj.is_exact_instance_of::<PyFunction>() {
            return self.save_global(obj, None).map(Some);
        }
        Ok(None)
    }

    /// Step 7: a reducer of `dispatch_table`.
    #[inline]
    fn save_by_table(
        &mut self,
        obj: &Bound<'py, PyAny>,
        ty: &Bound<'py, PyType>,
        reducer: &Bound<'py, PyAny>,
    ) -> PyResult<Saved> {
        let mut value = reducer.call1((obj,))?;
        if self.is_deterministic() && ty.is(&self.runtime.weak_set_type) {
            value = self.reduced_in_order(obj, value)?;
        }
        self.save_reduce_value(&value, obj)
    }

    /// Step 9: `__reduce_ex__`, else `__reduce__`.
    #[inline]
    fn save_by_own_reduction(&mut self, obj: &Bound<'py, PyAny>, ty: &Bound<'py, PyType>) -> PyResult<Saved> {
        let py = self.py;
        let value = if let Some(lacking) = lacking(obj)? {
            match lacking {
                Lacking::Name => return self.save_global(obj, None),
                Lacking::Attribute => descriptor::getset_descriptor_reduce(obj)?.into_any(),
                Lacking::State => {
                    let message = format!("cannot pickle '{}' object", trail::full_type_name(ty));
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
            // Of a type of C code there are Ellipsis and its like, which are in `builtins`.
            if let Ok(name) = value.cast::<PyString>()
                && !is_static(ty)
                && let Some(reduction) = singleton_reduction(obj, name)?
            {
                return self.save_reduction(reduction, obj);
            }
            let value = with_causes(obj, value, &mut self.probe)?;
            if self.is_deterministic() { self.reduced_in_order(obj, value)? } else { value }
        } else if let Some(reduce) = obj.getattr_opt(intern!(py, "__reduce__"))? {
            reduce.call0()?
        } else {
            let message = format!("can't pickle '{}' object: {}", type_name(ty), obj.repr()?);
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

/// The reduction of a function or class that travels by value, or of a module made at run time; `None` for everything else.
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
