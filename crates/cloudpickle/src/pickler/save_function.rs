//! Functions, the variables of their closures, and the modules among their globals, written as their reductions would be.
//!
//! A reduction is made of Python objects: tuples of arguments, dicts of state. Where nobody looks at them, neither a hook
//! nor a pickler with a protocol that has other opcodes, these frames write what they would hold, opcode by opcode.

use pickle_format::Opcode;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyCode, PyFunction, PyModule, PyString, PyType};
use python_objects::function::{HAS_PARTS_AT_HAND, closure_where_all_else_is_of};
use python_objects::text;
use python_objects::{cell, class};

use super::endless::Level;
use super::engine::{CallsOfPython, Engine, Settings};
use super::frame::{Saved, Suspendable, save_part};
use super::hooks::Hooks;
use super::optimism::Shared;
use super::path::Hop;
use super::save_reduce::Part;
use crate::by_value::class_tracker::Ids;
use crate::by_value::{lookup, registry};
use crate::rebuild::Wire;
use crate::reduce;
use crate::reduce::code;
use crate::reduce::function::{Parts, Travelling};
use crate::runtime;

/// Writes a string that every pickle of its kind has.
macro_rules! save_wire_text {
    ($engine:expr, $text:literal) => {
        $engine.save_wire_text(intern!($engine.py, $text), $text)?
    };
}
pub(super) use save_wire_text;

/// Whether functions and what they consist of are written without reductions in this dump.
pub(super) struct MadeOfCode {
    /// As far as the settings and hooks go.
    allowed: bool,
    /// As far as the tables of reducers go.
    untouched: bool,
    /// How often Python code may have run when the tables were looked at.
    since: Option<CallsOfPython>,
}

impl MadeOfCode {
    pub(super) fn new(settings: Settings, hooks: &Hooks<'_>) -> Self {
        let allowed = HAS_PARTS_AT_HAND
            && hooks.are_plain()
            && settings.protocol.has_stack_global()
            && settings.binary
            && !settings.fast
            && settings.ids == Ids::Random;
        Self { allowed, untouched: false, since: None }
    }

    /// Whether it is worth asking further.
    #[inline]
    pub(super) fn may_be_native(&self) -> bool {
        self.allowed
    }
}

/// A function with a closure and without a state. What made it may have made many, which are written alike.
pub(super) struct LastClosure<'py> {
    function: Bound<'py, PyFunction>,
    parts: Box<Parts<'py>>,
    /// How often Python code may have run by then: it may change the function and its globals.
    since: CallsOfPython,
}

/// The modules that were looked for last: classes and what they hold are found in two by turns.
pub(super) type LastModules<'py> = [Option<LastModule<'py>>; 2];

/// A module that was imported.
pub(super) struct LastModule<'py> {
    name: Bound<'py, PyAny>,
    module: Bound<'py, PyAny>,
    /// How often Python code may have run by then.
    since: CallsOfPython,
}

/// `_make_function(code, globals, None, None, closure)`, then `_function_setstate(function, (attributes, slots))`.
pub(super) struct FunctionFrame<'py> {
    pub(super) function: Bound<'py, PyFunction>,
    parts: Box<Parts<'py>>,
    next: FunctionStep,
    /// The slot whose value is being written.
    slot: Option<&'static str>,
    level: Level,
}

/// What is written next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum FunctionStep {
    Code,
    BaseGlobals,
    NameAndDefaults,
    Closure,
    Make,
    Attributes,
    Name,
    Qualname,
    KeywordDefaults,
    Defaults,
    Module,
    Doc,
    Annotations,
    TypeParams,
    Submodules,
    Globals,
    SetState,
    Done,
}

impl<'py> Suspendable<'py> for FunctionFrame<'py> {
    #[expect(clippy::too_many_lines, reason = "one arm for each slot, in the order of the stream")]
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        use FunctionStep as Next;

        let py = engine.py;
        loop {
            match self.next {
                Next::Code => {
                    engine.save_wire_function(
                        &Wire::get(py).make_function,
                        intern!(py, "_make_function"),
                        "_make_function",
                    )?;
                    engine.encoder.op(Opcode::Mark);
                    self.next = Next::BaseGlobals;
                    match engine.memo_get(&self.parts.code) {
                        Some(index) => engine.memo_fetch(index)?,
                        None if engine.writes_natively()? => {
                            if engine.save_known_code(&self.parts.code, Some(self.parts.known_code.clone()))?
                                == Saved::Suspended
                            {
                                return Ok(Saved::Suspended);
                            }
                        }
                        None => save_part!(engine, self.parts.code.as_any()),
                    }
                }
                Next::BaseGlobals => {
                    self.next = Next::NameAndDefaults;
                    match engine.memo_get(&self.parts.base_globals) {
                        Some(index) => engine.memo_fetch(index)?,
                        None => save_part!(engine, &self.parts.base_globals),
                    }
                }
                Next::NameAndDefaults => {
                    if self.parts.have_state() {
                        engine.encoder.none();
                    } else {
                        // What tells the loader that no state follows.
                        engine.save_text(self.parts.name.cast()?)?;
                    }
                    self.next = Next::Closure;
                    match &self.parts.argdefs {
                        Some(defaults) => save_part!(engine, defaults),
                        None => engine.encoder.none(),
                    }
                }
                Next::Closure => {
                    self.next = Next::Make;
                    match &self.parts.closure {
                        Some(closure) => save_part!(engine, closure.as_any()),
                        None => engine.encoder.none(),
                    }
                }
                Next::Make => {
                    engine.encoder.op(Opcode::Tuple);
                    engine.encoder.op(Opcode::Reduce);
                    if let Some(index) = engine.memo_get(&self.function) {
                        // It was reached again through its own closure and is complete; what is on the stack is a second
                        // copy.
                        engine.encoder.op(Opcode::Pop);
                        engine.memo_fetch(index)?;
                        self.next = Next::Done;
                        continue;
                    }
                    engine.memo_put(&self.function)?;
                    if !self.parts.have_state() {
                        self.next = Next::Done;
                        continue;
                    }
                    engine.save_wire_function(
                        &Wire::get(py).function_setstate,
                        intern!(py, "_function_setstate"),
                        "_function_setstate",
                    )?;
                    self.fetch(engine)?;
                    self.next = Next::Attributes;
                }
                Next::Attributes => {
                    self.next = Next::Name;
                    match &self.parts.attributes {
                        Some(attributes) => save_part!(engine, attributes.as_any()),
                        None => engine.encoder.op(Opcode::EmptyDict),
                    }
                }
                Next::Name => {
                    engine.encoder.op(Opcode::EmptyDict);
                    engine.encoder.op(Opcode::Mark);
                    self.next = Next::Qualname;
                    if let Some(value) = self.parts.slots.name.take() {
                        self.slot = Some("__name__");
                        save_wire_text!(engine, "__name__");
                        save_part!(engine, &value);
                    }
                }
                Next::Qualname => {
                    self.next = Next::KeywordDefaults;
                    if let Some(value) = self.parts.slots.qualname.take() {
                        self.slot = Some("__qualname__");
                        save_wire_text!(engine, "__qualname__");
                        save_part!(engine, &value);
                    }
                }
                Next::KeywordDefaults => {
                    self.next = Next::Defaults;
                    if let Some(value) = self.parts.slots.kwdefaults.take() {
                        self.slot = Some("__kwdefaults__");
                        save_wire_text!(engine, "__kwdefaults__");
                        save_part!(engine, &value);
                    }
                }
                Next::Defaults => {
                    self.next = Next::Module;
                    if let Some(value) = self.parts.slots.defaults.take() {
                        self.slot = Some("__defaults__");
                        save_wire_text!(engine, "__defaults__");
                        save_part!(engine, &value);
                    }
                }
                Next::Module => {
                    self.next = Next::Doc;
                    if let Some(value) = self.parts.slots.module.take() {
                        self.slot = Some("__module__");
                        save_wire_text!(engine, "__module__");
                        save_part!(engine, &value);
                    }
                }
                Next::Doc => {
                    self.next = Next::Annotations;
                    if let Some(value) = self.parts.slots.doc.take() {
                        self.slot = Some("__doc__");
                        save_wire_text!(engine, "__doc__");
                        save_part!(engine, &value);
                    }
                }
                Next::Annotations => {
                    self.next = Next::TypeParams;
                    if let Some((name, annotations)) = self.parts.slots.annotations.take() {
                        // `__annotations__`, or what evaluates them.
                        self.slot = Some("__annotations__");
                        engine.save_text(&name)?;
                        save_part!(engine, &annotations);
                    }
                }
                Next::TypeParams => {
                    self.next = Next::Submodules;
                    if let Some(parameters) = self.parts.slots.type_params.take() {
                        self.slot = Some("__type_params__");
                        save_wire_text!(engine, "__type_params__");
                        save_part!(engine, &parameters);
                    }
                }
                Next::Submodules => {
                    save_wire_text!(engine, "__closure__");
                    engine.encoder.none();
                    self.next = Next::Globals;
                    self.slot = Some("_cloudpickle_submodules");
                    save_wire_text!(engine, "_cloudpickle_submodules");
                    match &self.parts.slots.submodules {
                        Some(submodules) => save_part!(engine, submodules.as_any()),
                        None => engine.encoder.op(Opcode::EmptyList),
                    }
                }
                Next::Globals => {
                    self.next = Next::SetState;
                    self.slot = Some("__globals__");
                    save_wire_text!(engine, "__globals__");
                    match &self.parts.slots.globals {
                        Some(globals) => save_part!(engine, globals.as_any()),
                        None => engine.encoder.op(Opcode::EmptyDict),
                    }
                }
                Next::SetState => {
                    engine.encoder.op(Opcode::SetItems);
                    engine.encoder.op(Opcode::Tuple2);
                    engine.encoder.op(Opcode::Tuple2);
                    engine.encoder.op(Opcode::Reduce);
                    engine.encoder.op(Opcode::Pop);
                    if let Some(globals) = &self.parts.slots.globals {
                        engine.written_globals.add(&self.parts.base_globals, globals)?;
                    }
                    self.next = Next::Done;
                }
                Next::Done => {
                    engine.end_of_care();
                    engine.endless.leave(self.level);
                    return Ok(Saved::Done);
                }
            }
        }
    }
}

impl<'py> FunctionFrame<'py> {
    fn fetch(&self, engine: &mut Engine<'py, '_>) -> PyResult<()> {
        match engine.memo_get(&self.function) {
            Some(index) => engine.memo_fetch(index),
            None => unreachable!("there is a memo, for no frame of this kind is made without one"),
        }
    }

    /// The part of the reduction that is being written, and the way to what is being written in it.
    pub(super) fn place(&self) -> (Option<Part>, Vec<Hop<'py>>) {
        use FunctionStep as Next;

        match (self.next, &self.slot) {
            (Next::Code, _) => (Some(Part::Reconstructor), vec![]),
            (Next::BaseGlobals, _) => (Some(Part::ReconstructorArguments), vec![Hop::Index(0)]),
            (Next::NameAndDefaults, _) => (Some(Part::ReconstructorArguments), vec![Hop::Index(1)]),
            (Next::Closure, _) => (Some(Part::ReconstructorArguments), vec![Hop::Index(3)]),
            (Next::Make, _) => (Some(Part::ReconstructorArguments), vec![Hop::Index(4)]),
            (_, Some(slot)) => {
                let slot = PyString::new(self.function.py(), slot).into_any();
                (Some(Part::State), vec![Hop::Index(1), Hop::Value(slot, None)])
            }
            (Next::Name, _) => (Some(Part::State), vec![Hop::Index(0)]),
            (..) => (None, vec![]),
        }
    }

    /// The same in the words of the C pickler's notes, from the inside out.
    pub(super) fn in_progress(&self) -> Vec<String> {
        let (part, hops) = self.place();
        in_progress("function", part, &hops)
    }
}

/// The notes of the C pickler on a part of an object, and on the way to what is being written in it.
pub(super) fn in_progress(type_name: &str, part: Option<Part>, hops: &[Hop<'_>]) -> Vec<String> {
    let mut notes = Vec::new();
    for hop in hops.iter().rev() {
        match hop {
            Hop::Index(index) => notes.push(format!("tuple item {index}")),
            Hop::Value(key, _) => notes.extend(key.repr().ok().map(|key| format!("dict item {key}"))),
            Hop::Key(_) | Hop::Element | Hop::PersistentId => {}
        }
    }
    let part = match part {
        Some(Part::Reconstructor) => Some("reconstructor"),
        Some(Part::ReconstructorArguments) => Some("reconstructor arguments"),
        Some(Part::StateSetter) => Some("state setter"),
        Some(Part::State) => Some("state"),
        _ => None,
    };
    notes.extend(part.into_iter().chain(["object"]).map(|part| format!("{type_name} {part}")));
    notes
}

/// `_make_cell()`, then the contents as state for BUILD.
pub(super) struct CellFrame<'py> {
    pub(super) cell: Bound<'py, PyAny>,
    /// Taken when its writing begins.
    contents: Option<Bound<'py, PyAny>>,
    level: Level,
}

impl<'py> Suspendable<'py> for CellFrame<'py> {
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        if let Some(contents) = self.contents.take() {
            engine.encoder.none();
            engine.encoder.op(Opcode::EmptyDict);
            save_wire_text!(engine, "cell_contents");
            save_part!(engine, &contents);
        }
        engine.encoder.op(Opcode::SetItem);
        engine.encoder.op(Opcode::Tuple2);
        engine.encoder.op(Opcode::Build);
        engine.end_of_care();
        engine.endless.leave(self.level);
        Ok(Saved::Done)
    }
}

impl<'py> CellFrame<'py> {
    pub(super) fn place(&self) -> (Option<Part>, Vec<Hop<'py>>) {
        let name = intern!(self.cell.py(), "cell_contents").clone().into_any();
        (Some(Part::State), vec![Hop::Index(1), Hop::Value(name, None)])
    }

    pub(super) fn in_progress(&self) -> Vec<String> {
        let (part, hops) = self.place();
        in_progress("cell", part, &hops)
    }
}

/// Whether a function cannot be found under its qualified name, whatever its module holds: another one of that name could
/// otherwise be the one that goes by reference.
fn is_local(function: &Bound<'_, PyFunction>) -> PyResult<bool> {
    let name = function.getattr(intern!(function.py(), "__qualname__"))?;
    Ok(name.cast::<PyString>()?.to_str().is_ok_and(|name| name.contains("<locals>")))
}

impl<'py> Engine<'py, '_> {
    /// Begins to write a function, a code object or a cell, if it is one and can be written without a reduction.
    #[inline]
    pub(super) fn save_made_of_code(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
        let ty = obj.get_type_ptr();
        let runtime = self.runtime;
        if ty == runtime.function_type.as_ptr().cast() {
            if self.writes_natively()? {
                return self.save_function(obj);
            }
        } else if ty == runtime.code_type.as_ptr().cast() {
            if self.writes_natively()? {
                return self.save_code(obj.cast::<PyCode>()?).map(Some);
            }
        } else if ty == runtime.cell_type.as_ptr().cast() {
            if self.writes_natively()? {
                return self.save_cell(obj).map(Some);
            }
        } else if ty == runtime.module_type.as_ptr().cast() {
            if self.writes_natively()? {
                return self.save_module(obj);
            }
        } else if ty == runtime.type_type.as_ptr().cast() {
            if self.writes_natively()? {
                return self.save_class(obj);
            }
        } else if ty == runtime.enum_meta.as_ptr().cast() || ty == runtime.abc_meta.as_ptr().cast() {
            if self.writes_natively()? && reduce::nobody_reduces(&obj.get_type())? {
                return self.save_class(obj);
            }
        } else if self.is_held_by_classes(obj) {
            if self.writes_natively()? {
                if let Some(parts) = reduce::untouched_descriptor(obj)? {
                    return self.save_descriptor(obj, parts).map(Some);
                }
                if let Some(name) = reduce::sentinel::untouched_sentinel(obj)? {
                    return self.save_found_global(obj, &name);
                }
            }
        } else if obj.is_exact_instance_of::<PyCFunction>() && self.writes_natively()? {
            return match Wire::get(self.py).find(obj) {
                Some((function, name, text)) => {
                    self.save_wire_function(function, name, text).map(|()| Some(Saved::Done))
                }
                None => self.save_builtin_function(obj),
            };
        }
        Ok(None)
    }

    /// Whether an object is of a type that classes are full of, besides functions.
    #[inline]
    fn is_held_by_classes(&self, obj: &Bound<'py, PyAny>) -> bool {
        let (ty, runtime, state) = (obj.get_type_ptr(), self.runtime, &self.runtime.state);
        let types = [
            &runtime.property_type,
            &runtime.classmethod_type,
            &runtime.staticmethod_type,
            &runtime.field_sentinel_type,
            &state.missing_type,
            &state.default_factory_sentinel_type,
            &runtime.mapping_proxy_type,
        ];
        types.into_iter().any(|other| ty == other.as_ptr().cast())
    }

    /// Begins to write an object whose reducer is this package's and harmless, if it need not be called through Python.
    pub(super) fn save_harmless(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
        match reduce::sentinel::found_under(obj)? {
            Some(name) => self.save_found_global(obj, &name),
            None => Ok(None),
        }
    }

    /// Whether functions and what they consist of may be written without a reduction, which a reducer of somebody else's
    /// could have changed.
    pub(super) fn writes_natively(&mut self) -> PyResult<bool> {
        if !self.made_of_code.allowed || !self.strategies.in_use || !self.postponed.is_empty() {
            return Ok(false);
        }
        if self.made_of_code.since != Some(self.calls) {
            let is_empty = self.runtime.extension_registry.bind(self.py).is_empty();
            self.made_of_code.untouched = is_empty && reduce::are_untouched(self.py)?;
            self.made_of_code.since = Some(self.calls);
        }
        Ok(self.made_of_code.untouched)
    }

    fn save_function(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
        let function = obj.cast::<PyFunction>()?;
        if let Some(parts) = self.parts_like_the_last(function)? {
            self.careful();
            return self.enter_function(function, parts).map(Some);
        }
        let written = self.written_globals.as_seen_by(self.settings, &self.hooks, &self.memo);
        match Travelling::of(function, self.base_globals, written.as_ref(), &mut self.probe)? {
            Travelling::ByReference => self.save_found_global(obj, &obj.getattr(intern!(self.py, "__qualname__"))?),
            Travelling::As(reduction) => self.save_reduction(reduction, obj).map(Some),
            Travelling::ByValue(parts) => {
                if parts.closure.is_some() && !parts.have_state() && is_local(function)? {
                    let (function, parts, since) = (function.clone(), parts.clone(), self.calls);
                    self.last_closure = Some(LastClosure { function, parts, since });
                }
                self.careful();
                if !self.version_is_told {
                    if parts.owner.iter().all(Bound::is_instance_of::<PyString>) {
                        let [module, name] = &parts.owner;
                        self.save_version(module, name)?;
                    } else {
                        let [module, name] = code::owner_of_code(obj)?;
                        self.save_version(&module, &name)?;
                    }
                }
                self.enter_function(function, parts).map(Some)
            }
        }
    }

    fn enter_function(&mut self, function: &Bound<'py, PyFunction>, parts: Box<Parts<'py>>) -> PyResult<Saved> {
        let level = self.endless.enter(function)?;
        let (function, next, slot) = (function.clone(), FunctionStep::Code, None);
        self.enter(FunctionFrame { function, parts, next, slot, level })
    }

    /// The parts of `function`, if it differs from the last one without a state by its closure alone.
    fn parts_like_the_last(&self, function: &Bound<'py, PyFunction>) -> PyResult<Option<Box<Parts<'py>>>> {
        let Some(last) = &self.last_closure else { return Ok(None) };
        // Its globals are those that the last one found in the pickle, if that one is whole.
        if last.since != self.calls || self.memo_get(&last.function).is_none() {
            return Ok(None);
        }
        let Some(closure) = closure_where_all_else_is_of(function, &last.function) else { return Ok(None) };
        for cell in closure.iter_borrowed() {
            // One that brings submodules with it.
            if cell::contents(&cell)?.is_some_and(|value| value.is_instance_of::<PyModule>()) {
                return Ok(None);
            }
        }
        let mut parts = last.parts.clone();
        parts.closure = Some(closure);
        Ok(Some(parts))
    }

    fn save_cell(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        let contents = cell::contents(obj)?;
        self.save_wire_function(&Wire::get(self.py).make_cell, intern!(self.py, "_make_cell"), "_make_cell")?;
        self.encoder.op(Opcode::EmptyTuple);
        self.encoder.op(Opcode::Reduce);
        self.memo_put(obj)?;
        if contents.is_none() {
            return Ok(Saved::Done);
        }
        let level = self.endless.enter(obj)?;
        self.careful();
        self.enter(CellFrame { cell: obj.clone(), contents, level })
    }

    /// A class whose metaclass is `type` or another that does not say how its classes are written.
    fn save_class(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
        let py = self.py;
        // The types of the singletons are written as what they are the types of.
        let singletons = [py.None().into_bound(py), py.Ellipsis().into_bound(py), py.NotImplemented().into_bound(py)];
        if singletons.iter().any(|singleton| obj.as_ptr() == singleton.get_type_ptr().cast()) {
            return Ok(None);
        }
        // What C code defines travels as a global also where its module is registered.
        let class = obj.cast::<PyType>()?;
        let names = lookup::names_of_static_type(class)
            .or_else(|| registry::nothing_is_registered(py).then(|| lookup::plain_names(class))?);
        let is_found = match &names {
            Some((module_name, name)) => self.is_found(obj, module_name.as_any(), name.as_any())?,
            None => None,
        };
        let by_reference = match (is_found, names) {
            (Some(true), Some((module_name, name))) => {
                self.save_global_under(obj, &module_name, &name)?;
                return Ok(Some(Saved::Done));
            }
            // Something else is there, or nothing.
            (Some(false), _) => None,
            _ => match lookup::importable(obj, None)? {
                Some((module, name)) if !registry::is_registered(&module)? => Some(name),
                // What C code defines travels as a global also where its module is registered.
                Some(_) => return Ok(None),
                None => None,
            },
        };
        let Some(name) = by_reference else {
            let class = obj.cast::<PyType>()?;
            if class::is_static(class)
                && let Some(name) = self.runtime.builtin_type_name(class)?
            {
                self.save_wire_function(&Wire::get(py).builtin_type, intern!(py, "_builtin_type"), "_builtin_type")?;
                self.save_text(name.cast()?)?;
                self.encoder.op(Opcode::Tuple1);
                self.encoder.op(Opcode::Reduce);
                self.memo_put(obj)?;
                return Ok(Some(Saved::Done));
            }
            return self.save_class_by_value(class).map(Some);
        };
        let Some(module_name) = obj.getattr_opt(intern!(py, "__module__"))? else { return Ok(None) };
        if !name.is_exact_instance_of::<PyString>() || !module_name.is_exact_instance_of::<PyString>() {
            return Ok(None);
        }
        self.save_global_under(obj, module_name.cast()?, name.cast()?)?;
        Ok(Some(Saved::Done))
    }

    /// A function of an extension as a global, if it is one.
    fn save_builtin_function(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
        let py = self.py;
        let owner = obj.getattr(intern!(py, "__self__"))?;
        if !owner.is_none() && !owner.is_exact_instance_of::<PyModule>() {
            return Ok(None);
        }
        let name = obj.getattr(intern!(py, "__name__"))?;
        self.save_found_global(obj, &name)
    }

    /// Whether `obj` is found under a plain name in an imported module; None where that is not plain. The modules that were
    /// looked for last are remembered: as long as no Python code runs, their names lead to the same.
    pub(super) fn is_found(
        &mut self,
        obj: &Bound<'py, PyAny>,
        module_name: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<Option<bool>> {
        for last in self.last_modules.iter().flatten() {
            if last.name.is(module_name) && last.since == self.calls {
                return lookup::is_found_in(&last.module, obj, name);
            }
        }
        let Some(module) = lookup::imported(module_name)? else { return Ok(None) };
        let is_found = lookup::is_found_in(&module, obj, name);
        self.last_modules.swap(0, 1);
        self.last_modules[0] = Some(LastModule { name: module_name.clone(), module, since: self.calls });
        is_found
    }

    /// An object as the global of these two names, under which it was found.
    pub(super) fn save_global_under(
        &mut self,
        obj: &Bound<'py, PyAny>,
        module_name: &Bound<'py, PyString>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<()> {
        self.save_text(module_name)?;
        self.save_text(name)?;
        self.encoder.op(Opcode::StackGlobal);
        self.memo_put(obj)
    }

    /// An object as a global under `name`, if it is found there in its module.
    fn save_found_global(&mut self, obj: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
        let module_name = obj.getattr(intern!(self.py, "__module__"))?;
        if !module_name.is_exact_instance_of::<PyString>() || self.is_found(obj, &module_name, name)? != Some(true) {
            return Ok(None);
        }
        self.save_global_under(obj, module_name.cast()?, name.cast()?)?;
        Ok(Some(Saved::Done))
    }

    /// `subimport(name)`, for a module that is imported and not registered to travel by value.
    fn save_module(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
        let py = self.py;
        let Some(name) = obj.cast::<PyModule>()?.dict().get_item(intern!(py, "__name__"))? else { return Ok(None) };
        if !name.is_exact_instance_of::<PyString>() || !lookup::module_by_reference(obj, &name)? {
            return Ok(None);
        }
        self.save_wire_function(&Wire::get(py).subimport, intern!(py, "subimport"), "subimport")?;
        self.save_text(name.cast::<PyString>()?)?;
        self.encoder.op(Opcode::Tuple1);
        self.encoder.op(Opcode::Reduce);
        self.memo_put(obj)?;
        Ok(Some(Saved::Done))
    }

    /// One of the reconstructors that upstream has, as `save_global` writes it.
    pub(super) fn save_wire_function(
        &mut self,
        function: &'static Py<PyCFunction>,
        name: &Bound<'py, PyString>,
        text: &'static str,
    ) -> PyResult<()> {
        let function = function.bind(self.py);
        if let Some(index) = self.memo_get(function) {
            return self.memo_fetch(index);
        }
        self.save_wire_text(runtime::upstream_module(self.py), "cloudpickle.cloudpickle")?;
        self.save_wire_text(name, text)?;
        self.encoder.op(Opcode::StackGlobal);
        self.memo_put(function)
    }

    /// A string that every pickle of its kind has, as the object and as what is written.
    #[inline]
    pub(super) fn save_wire_text(&mut self, object: &Bound<'py, PyString>, text: &'static str) -> PyResult<()> {
        let (index, is_new) = self.memo_get_or_put(object);
        if !is_new {
            return self.memo_fetch(index);
        }
        self.encoder.short_unicode(text);
        self.encoder.memoize_uncounted();
        Ok(())
    }

    /// A string, which is written in place.
    #[inline]
    pub(super) fn save_text(&mut self, text: &Bound<'py, PyString>) -> PyResult<()> {
        // Most are short, and a single look into the memo finds them or their place.
        if let Some(ascii) = text::ascii(text).filter(|ascii| u8::try_from(ascii.len()).is_ok()) {
            let (index, is_new) = self.memo_get_or_put(text);
            if !is_new {
                return self.memo_fetch(index);
            }
            let is_written = self.encoder.try_short_unicode(ascii);
            debug_assert!(is_written, "what is made of code is written from protocol 4 on");
            self.encoder.memoize_uncounted();
            return Ok(());
        }
        match self.memo_get(text) {
            Some(index) => self.memo_fetch(index),
            None => self.save_str(text, Shared::Maybe).map(|_| ()),
        }
    }
}
