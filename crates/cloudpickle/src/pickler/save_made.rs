//! How a reduction makes its object: REDUCE, NEWOBJ or NEWOBJ_EX.
//!
//! Most reductions are this, perhaps a state, and nothing else: they are written without a list of steps, which is made
//! where a part of them is suspended. That takes a tenth of the time of an object with a `__reduce__` of its own.

use pickle_format::Opcode;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use python_objects::{class, instance};

use super::endless::Level;
use super::engine::Engine;
use super::frame::Saved;
use super::save_reduce::{Part, ReductionFrame, Step};
use super::trail::full_type_name;

/// What is written to make an object.
pub(super) struct Making<'py> {
    /// In the order in which they are written.
    parts: [(Part, Bound<'py, PyAny>); 2],
    /// The keyword arguments of NEWOBJ_EX.
    third: Option<(Part, Bound<'py, PyAny>)>,
    opcode: Opcode,
    /// What only the new object refers to, and weakly.
    keep: Option<Bound<'py, PyAny>>,
}

impl<'py> Making<'py> {
    /// The steps, the first one last.
    pub(super) fn into_steps(self) -> impl Iterator<Item = Step<'py>> {
        let [first, second] = self.parts;
        let parts = [self.third, Some(second), Some(first)].into_iter().flatten();
        let keep = self.keep.map(Step::Keep);
        [Step::Write(self.opcode)].into_iter().chain(keep).chain(parts.map(|(part, obj)| Step::Save(part, obj)))
    }

    fn call(callable: Bound<'py, PyAny>, args: Bound<'py, PyTuple>) -> Self {
        let parts = [(Part::Reconstructor, callable), (Part::ReconstructorArguments, args.into_any())];
        Self { parts, third: None, opcode: Opcode::Reduce, keep: None }
    }

    /// Whether [`Engine::save_made`] writes it.
    pub(super) fn is_short(&self) -> bool {
        self.third.is_none() && self.keep.is_none()
    }
}

impl<'py> Engine<'py, '_> {
    /// REDUCE, or the opcode that calls `cls.__new__` where the reduction asks for that.
    pub(super) fn how_to_make(
        &self,
        callable: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        obj: &Bound<'py, PyAny>,
    ) -> PyResult<Making<'py>> {
        let py = self.py;
        if self.settings.protocol.has_newobj() && !has_another_name(&callable) {
            // `copyreg` marks the two cases by the name of a function that is never called.
            let name = callable.getattr_opt(intern!(py, "__name__"))?;
            let name = name.as_ref().and_then(|name| name.cast::<PyString>().ok());
            if let Some(name) = name {
                if *name == "__newobj_ex__" {
                    return self.by_newobj_ex(&args);
                }
                if *name == "__newobj__" {
                    return self.by_newobj(&args, obj);
                }
            }
        }
        let mut keep = None;
        if callable.is(obj.get_type())
            && let Ok(class) = callable.cast::<PyType>()
            && class.is_subclass(self.runtime.weak_reference_type.bind(py))?
        {
            keep = args.get_item(0).ok();
        }
        Ok(Making { keep, ..Making::call(callable, args) })
    }

    /// `copyreg.__newobj__(cls, *args)`: NEWOBJ.
    fn by_newobj(&self, args: &Bound<'py, PyTuple>, obj: &Bound<'py, PyAny>) -> PyResult<Making<'py>> {
        let py = self.py;
        let refuse = |message: String| Err(self.runtime.pickling_error(py, message));
        let Ok(class) = args.get_item(0) else {
            return refuse("__newobj__ expected at least 1 argument, got 0".into());
        };
        if !class.is_instance_of::<PyType>() {
            let found = full_type_name(&class.get_type());
            return refuse(format!("first argument to __newobj__() must be a class, not {found}"));
        }
        // A proxy shows the class of what it stands for, and is of its own.
        if !obj.get_type().is(&class) {
            let shown = obj.getattr_opt(intern!(py, "__class__"))?;
            let shown = shown.unwrap_or_else(|| obj.get_type().into_any());
            if !shown.is(&class) {
                let (expected, found) = (shown.repr()?, class.repr()?);
                return refuse(format!("first argument to __newobj__() must be {expected}, not {found}"));
            }
        }
        let args = args.get_slice(1, args.len()).into_any();
        let parts = [(Part::Class, class), (Part::NewArguments, args)];
        Ok(Making { parts, third: None, opcode: Opcode::NewObj, keep: None })
    }

    /// `copyreg.__newobj_ex__(cls, args, kwargs)`: NEWOBJ_EX, or a partial call of `cls.__new__` before protocol 4.
    fn by_newobj_ex(&self, operands: &Bound<'py, PyTuple>) -> PyResult<Making<'py>> {
        let py = self.py;
        let refuse = |message: String| Err(self.runtime.pickling_error(py, message));
        if operands.len() != 3 {
            let len = operands.len();
            return refuse(format!("__newobj_ex__ expected 3 arguments, got {len}"));
        }
        let wrong = |which: &str, expected: &str, item: &Bound<'py, PyAny>| {
            let found = full_type_name(&item.get_type());
            refuse(format!("{which} argument to __newobj_ex__() must be a {expected}, not {found}"))
        };
        let (class, args, kwargs) = (operands.get_item(0)?, operands.get_item(1)?, operands.get_item(2)?);
        if !class.is_instance_of::<PyType>() {
            return wrong("first", "class", &class);
        }
        let Ok(args) = args.cast::<PyTuple>() else { return wrong("second", "tuple", &args) };
        let Ok(kwargs) = kwargs.cast::<PyDict>() else { return wrong("third", "dict", &kwargs) };
        if self.settings.protocol.has_newobj_ex() {
            let parts = [(Part::Class, class), (Part::NewArguments, args.clone().into_any())];
            let third = Some((Part::NewArguments, kwargs.clone().into_any()));
            return Ok(Making { parts, third, opcode: Opcode::NewObjEx, keep: None });
        }
        let new = class.getattr(intern!(py, "__new__"))?;
        let partial_args = (new, class).into_pyobject(py)?.as_sequence().concat(args.as_sequence())?.to_tuple()?;
        let partial = self.runtime.partial.bind(py).call(partial_args, Some(kwargs))?;
        Ok(Making::call(partial, PyTuple::empty(py)))
    }

    /// Writes what makes `obj`, and its state if it has one, without a frame.
    pub(super) fn save_made(
        &mut self,
        making: Making<'py>,
        state: Option<Bound<'py, PyAny>>,
        obj: &Bound<'py, PyAny>,
        by_reducer: bool,
        level: Level,
    ) -> PyResult<Saved> {
        self.inline_levels += 1;
        for index in 0..making.parts.len() {
            if !self.save_part(&making.parts[index].1) {
                let rest = InProgress { obj, by_reducer, level, saving: making.parts[index].0 };
                // Those that are still to be written, with the object's own.
                let mut steps: Vec<_> = state.into_iter().flat_map(steps_of_state).chain([Step::Made]).collect();
                steps.extend(making.into_steps());
                steps.truncate(steps.len() - 1 - index);
                return self.break_off(steps, rest);
            }
        }
        self.encoder.op(making.opcode);
        if let Some(index) = self.memo_get(obj) {
            // As for `Step::Made`.
            self.encoder.op(Opcode::Pop);
            self.memo_fetch(index)?;
        } else {
            self.memo_put(obj)?;
            if let Some(state) = state {
                if !self.save_part(&state) {
                    let rest = InProgress { obj, by_reducer, level, saving: Part::State };
                    return self.break_off(vec![Step::Write(Opcode::Build)], rest);
                }
                self.encoder.op(Opcode::Build);
            }
        }
        self.inline_levels -= 1;
        self.end_of_care();
        self.endless.leave(level);
        Ok(Saved::Done)
    }

    /// Leaves the rest to a frame: a part was suspended, or failed.
    #[cold]
    fn break_off(&mut self, steps: Vec<Step<'py>>, rest: InProgress<'_, 'py>) -> PyResult<Saved> {
        self.inline_levels -= 1;
        let result = self.interrupted();
        let InProgress { obj, by_reducer, level, saving } = rest;
        self.suspend(ReductionFrame::new(obj, steps, Some(saving), by_reducer, level));
        result
    }
}

/// A reduction that is broken off.
struct InProgress<'a, 'py> {
    obj: &'a Bound<'py, PyAny>,
    by_reducer: bool,
    level: Level,
    saving: Part,
}

/// The steps for a state that BUILD sets, the first one last.
pub(super) fn steps_of_state(state: Bound<'_, PyAny>) -> [Step<'_>; 2] {
    [Step::Write(Opcode::Build), Step::Save(Part::State, state)]
}

/// Whether it is a type whose name is seen without asking for it, and is none that marks a case.
fn has_another_name(callable: &Bound<'_, PyAny>) -> bool {
    match callable.cast_exact::<PyType>() {
        Ok(class) => class::is_static(class) || !instance::name_of(class).starts_with("__newobj"),
        Err(_) => callable.cast::<PyType>().is_ok_and(class::is_static),
    }
}
