//! Functions, and the modules among their globals, written as their reductions would be.

use pickle_format::Opcode;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFunction, PyModule, PyString};
use python_objects::cell;
use python_objects::function::closure_where_all_else_is_of;

use super::endless::Level;
use super::engine::{CallsOfPython, Engine};
use super::frame::{Saved, Suspendable, save_part};
use super::made_of_code::{in_progress, save_wire_text};
use super::path::Hop;
use super::save_reduce::Part;
use crate::by_value::lookup;
use crate::rebuild::Wire;
use crate::reduce::code;
use crate::reduce::function::{Parts, Travelling};

/// A function with a closure and without a state. What made it may have made many, which are written alike.
pub(super) struct LastClosure<'py> {
    function: Bound<'py, PyFunction>,
    parts: Box<Parts<'py>>,
    /// How often Python code may have run by then: it may change the function and its globals.
    since: CallsOfPython,
}

/// `_make_function(code, globals, None, None, closure)`, then `_function_setstate(function, (attributes, slots))`.
pub(super) struct FunctionFrame<'py> {
    pub(super) function: Bound<'py, PyFunction>,
    parts: Box<Parts<'py>>,
    next: FunctionStep,
    level: Level,
}

/// What is written next.
#[derive(Clone, Copy)]
enum FunctionStep {
    Code,
    BaseGlobals,
    NameAndDefaults,
    Closure,
    Make,
    Attributes,
    Slots,
    /// One of `Parts::slots`.
    Slot(usize),
    Submodules,
    Globals,
    SetState,
    Done,
}

impl<'py> Suspendable<'py> for FunctionFrame<'py> {
    #[expect(clippy::too_many_lines, reason = "one arm for each step, in the order of the stream")]
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
                    self.next = Next::Slots;
                    match &self.parts.attributes {
                        Some(attributes) => save_part!(engine, attributes.as_any()),
                        None => engine.encoder.op(Opcode::EmptyDict),
                    }
                }
                Next::Slots => {
                    engine.encoder.op(Opcode::EmptyDict);
                    engine.encoder.op(Opcode::Mark);
                    self.next = Next::Slot(0);
                }
                Next::Slot(index) => match self.parts.slots.get(index) {
                    Some((name, value)) => {
                        self.next = Next::Slot(index + 1);
                        engine.save_text(name)?;
                        save_part!(engine, value);
                    }
                    None => self.next = Next::Submodules,
                },
                Next::Submodules => {
                    save_wire_text!(engine, "__closure__");
                    engine.encoder.none();
                    self.next = Next::Globals;
                    save_wire_text!(engine, "_cloudpickle_submodules");
                    match &self.parts.submodules {
                        Some(submodules) => save_part!(engine, submodules.as_any()),
                        None => engine.encoder.op(Opcode::EmptyList),
                    }
                }
                Next::Globals => {
                    self.next = Next::SetState;
                    save_wire_text!(engine, "__globals__");
                    match &self.parts.globals {
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
                    if let Some(globals) = &self.parts.globals {
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

        let argument = |index| (Some(Part::ReconstructorArguments), vec![Hop::Index(index)]);
        let slot = |name: &Bound<'py, PyString>| {
            let name = name.clone().into_any();
            (Some(Part::State), vec![Hop::Index(1), Hop::Value(name, None)])
        };
        let py = self.function.py();
        match self.next {
            Next::Code => (Some(Part::Reconstructor), vec![]),
            Next::BaseGlobals => argument(0),
            Next::NameAndDefaults => argument(1),
            Next::Closure => argument(3),
            Next::Make => argument(4),
            Next::Slots => (Some(Part::State), vec![Hop::Index(0)]),
            Next::Slot(next) => match next.checked_sub(1).and_then(|index| self.parts.slots.get(index)) {
                Some((name, _)) => slot(name),
                None => (None, vec![]),
            },
            Next::Globals => slot(intern!(py, "_cloudpickle_submodules")),
            Next::SetState => slot(intern!(py, "__globals__")),
            Next::Attributes | Next::Submodules | Next::Done => (None, vec![]),
        }
    }

    /// The same in the words of the C pickler's notes, from the inside out.
    pub(super) fn in_progress(&self) -> Vec<String> {
        let (part, hops) = self.place();
        in_progress("function", part, &hops)
    }
}

/// Whether a function cannot be found under its qualified name, whatever its module holds: another one of that name could
/// otherwise be the one that goes by reference.
fn is_local(function: &Bound<'_, PyFunction>) -> PyResult<bool> {
    let name = function.getattr(intern!(function.py(), "__qualname__"))?;
    Ok(name.cast::<PyString>()?.to_str().is_ok_and(|name| name.contains("<locals>")))
}

impl<'py> Engine<'py, '_> {
    /// Begins to write a function.
    pub(super) fn save_function(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
        let function = obj.cast::<PyFunction>()?;
        if let Some(parts) = self.parts_like_the_last(function)? {
            self.careful();
            return self.enter_function(function, parts).map(Some);
        }
        let written = self.written_globals.as_seen_by(self.settings, &self.hooks, &self.memo);
        match Travelling::of(function, self.base_globals, written.as_ref(), &mut self.probe)? {
            Travelling::ByReference => self.save_found_global(obj, &obj.getattr(intern!(self.py, "__qualname__"))?),
            Travelling::As(reduction) => self.save_reduction(reduction, obj).map(Some),
            Travelling::RecursiveRepr(parts) => self.save_recursive_repr(function, parts).map(Some),
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
        let (function, next) = (function.clone(), FunctionStep::Code);
        self.enter(FunctionFrame { function, parts, next, level })
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

    /// `subimport(name)`, for a module that is imported and not registered to travel by value.
    pub(super) fn save_module(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
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
}
