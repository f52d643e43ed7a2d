//! Reductions: what a reduce tuple becomes on the wire.

use pickle_format::Opcode;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyString, PyTuple};
use python_objects::identity;

use super::endless::Level;
use super::engine::Engine;
use super::frame::{Saved, Suspendable, save_part};
use super::path::Hop;
use super::save_container::BATCH_SIZE;
use super::save_made::steps_of_state;
use super::trail::full_type_name;
use crate::by_value::lookup;
use crate::rebuild::Wire;
use crate::reduce::code;
use crate::reduce::function;
use crate::reduce::reduction::Reduction;
use crate::runtime;

/// A reduction on its way out.
pub(super) struct ReductionFrame<'py> {
    /// What the reduction makes.
    pub(super) obj: Bound<'py, PyAny>,
    /// What is still to be done, the next step last.
    steps: Vec<Step<'py>>,
    /// What is being saved.
    pub(super) saving: Option<Part>,
    /// Whether a reducer made the reduction, and not the pickler for a type that the protocol has no opcodes for.
    by_reducer: bool,
    level: Level,
}

/// The parts of a reduction, as the C pickler's notes name them.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Reconstructor,
    ReconstructorArguments,
    Class,
    NewArguments,
    StateSetter,
    State,
    /// What the notes do not name.
    Other,
}

/// One step in writing a reduction.
pub(super) enum Step<'py> {
    Save(Part, Bound<'py, PyAny>),
    Write(Opcode),
    /// GLOBAL, with a module and a name.
    Global(Bound<'py, PyAny>, Bound<'py, PyAny>),
    /// The unpickler must keep this object, which only a weak reference refers to: it may be needed until a container has
    /// its hash.
    Keep(Bound<'py, PyAny>),
    /// The object is on the unpickler's stack: from here on it can be referred to.
    Made,
    Items(Box<ItemsFrame<'py>>),
    /// The class is made: what was postponed until here is to be written.
    WritePostponed,
    /// The code object is made: what follows are no constants of it.
    LeaveCode,
    /// The state of a function is written: the globals of what stands for its namespace.
    GlobalsWritten(Bound<'py, PyAny>, Bound<'py, PyDict>),
}

/// The items of a reduction, batch by batch.
pub(super) struct ItemsFrame<'py> {
    /// Whose items they are.
    obj: Bound<'py, PyAny>,
    kind: Items,
    iterator: Bound<'py, PyIterator>,
    /// Taken from the iterator and not yet saved: a batch is opened only when there are two items.
    ahead: Option<Bound<'py, PyAny>>,
    /// Of the item in progress, what is still to be saved, the next one last.
    parts: Vec<Bound<'py, PyAny>>,
    /// What tells the item in progress from the others: its index, or its key.
    name: Option<Bound<'py, PyAny>>,
    /// How many items were begun.
    begun: usize,
    batch: Batch,
}

/// Where the items go.
#[derive(Clone, Copy)]
enum Items {
    /// Appended: `listitems`.
    List,
    /// Set, as pairs: `dictitems`.
    Dict,
}

enum Batch {
    /// Nothing of a batch is on the unpickler's stack.
    Closed,
    /// An item without MARK.
    Single,
    /// A MARK and this many items.
    Open(usize),
}

impl<'py> Suspendable<'py> for ReductionFrame<'py> {
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        while let Some(step) = self.steps.pop() {
            self.saving = None;
            match step {
                Step::Save(part, obj) => {
                    self.saving = Some(part);
                    save_part!(engine, &obj);
                }
                Step::Write(opcode) => engine.encoder.op(opcode),
                Step::Global(module_name, name) => engine.save_global_as_text(&module_name, &name)?,
                Step::Keep(referent) => {
                    if let Some(index) = engine.memo_get(&referent) {
                        engine.encoder.keep(index);
                    }
                }
                Step::Made => {
                    if let Some(index) = engine.memo_get(&self.obj) {
                        // It was reached again through its own arguments and is complete; what is on the stack is a
                        // second copy.
                        engine.encoder.op(Opcode::Pop);
                        engine.memo_fetch(index)?;
                        self.steps.retain(|step| matches!(step, Step::WritePostponed));
                        continue;
                    }
                    engine.memo_put(&self.obj)?;
                }
                Step::WritePostponed => {
                    let states = engine.made_whole().postponed.pop().map(|postponed| postponed.states);
                    self.steps.extend(states.into_iter().flatten().rev().flatten());
                }
                Step::LeaveCode => engine.canonical.in_code -= 1,
                Step::GlobalsWritten(base, globals) => engine.written_globals.add(&base, &globals)?,
                Step::Items(frame) => {
                    if engine.enter(*frame)? == Saved::Suspended {
                        return Ok(Saved::Suspended);
                    }
                }
            }
        }
        engine.end_of_care();
        engine.endless.leave(self.level);
        Ok(Saved::Done)
    }
}

impl<'py> ReductionFrame<'py> {
    pub(super) fn new(
        obj: &Bound<'py, PyAny>,
        steps: Vec<Step<'py>>,
        saving: Option<Part>,
        by_reducer: bool,
        level: Level,
    ) -> Self {
        Self { obj: obj.clone(), steps, saving, by_reducer, level }
    }

    pub(super) fn in_progress(&self) -> Vec<String> {
        let name = full_type_name(&self.obj.get_type());
        let part = match self.saving {
            Some(Part::Reconstructor) => Some("reconstructor"),
            Some(Part::ReconstructorArguments) => Some("reconstructor arguments"),
            Some(Part::Class) => Some("class"),
            Some(Part::NewArguments) => Some("__new__ arguments"),
            Some(Part::StateSetter) => Some("state setter"),
            Some(Part::State) => Some("state"),
            Some(Part::Other) | None => None,
        };
        part.into_iter().chain(self.by_reducer.then_some("object")).map(|part| format!("{name} {part}")).collect()
    }
}

impl<'py> Suspendable<'py> for ItemsFrame<'py> {
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        let (one, many) = match self.kind {
            Items::List => (Opcode::Append, Opcode::Appends),
            Items::Dict => (Opcode::SetItem, Opcode::SetItems),
        };
        loop {
            while let Some(part) = self.parts.pop() {
                save_part!(engine, &part);
            }
            match self.batch {
                Batch::Closed => {
                    let first = match self.ahead.take() {
                        Some(item) => Some(item),
                        None => self.next(engine)?,
                    };
                    let Some(first) = first else { return Ok(Saved::Done) };
                    self.batch = Batch::Single;
                    if engine.settings.protocol.is_binary() {
                        self.ahead = self.next(engine)?;
                        if self.ahead.is_some() {
                            engine.encoder.op(Opcode::Mark);
                            self.batch = Batch::Open(1);
                        }
                    }
                    self.begin(&first)?;
                }
                Batch::Single => {
                    engine.encoder.op(one);
                    self.batch = Batch::Closed;
                }
                Batch::Open(BATCH_SIZE) => {
                    engine.encoder.op(many);
                    self.batch = Batch::Closed;
                }
                Batch::Open(count) => {
                    let item = match self.ahead.take() {
                        Some(item) => Some(item),
                        None => self.next(engine)?,
                    };
                    if let Some(item) = item {
                        self.batch = Batch::Open(count + 1);
                        self.begin(&item)?;
                    } else {
                        engine.encoder.op(many);
                        return Ok(Saved::Done);
                    }
                }
            }
        }
    }
}

impl<'py> ItemsFrame<'py> {
    fn new(obj: &Bound<'py, PyAny>, kind: Items, iterator: Bound<'py, PyIterator>) -> Self {
        let (obj, parts) = (obj.clone(), Vec::new());
        Self { obj, kind, iterator, ahead: None, parts, name: None, begun: 0, batch: Batch::Closed }
    }

    pub(super) fn hop(&self) -> Option<Hop<'py>> {
        match (&self.kind, &self.name) {
            (Items::List, _) => Some(Hop::Index(self.begun.checked_sub(1)?)),
            (Items::Dict, Some(key)) if self.parts.is_empty() => Some(Hop::Value(key.clone(), None)),
            (Items::Dict, Some(key)) => Some(Hop::Key(key.clone())),
            (Items::Dict, None) => None,
        }
    }

    /// The item that is being saved; nothing for a key.
    pub(super) fn in_progress(&self) -> Option<String> {
        let owner = full_type_name(&self.obj.get_type());
        let saving_value = self.begun > 0 && self.parts.is_empty();
        match (&self.kind, &self.name) {
            (Items::List, _) if saving_value => Some(format!("{owner} item {}", self.begun - 1)),
            (Items::Dict, Some(key)) if saving_value => Some(format!("{owner} item {}", key.repr().ok()?)),
            _ => None,
        }
    }

    fn next(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Option<Bound<'py, PyAny>>> {
        engine.before_code_of_others()?;
        self.iterator.next().transpose()
    }

    fn begin(&mut self, item: &Bound<'py, PyAny>) -> PyResult<()> {
        self.begun += 1;
        match self.kind {
            Items::List => self.parts.push(item.clone()),
            Items::Dict => {
                let pair = item.cast::<PyTuple>().ok().filter(|pair| pair.len() == 2);
                let Some(pair) = pair else {
                    return Err(PyTypeError::new_err("dict items iterator must return 2-tuples"));
                };
                let key = pair.get_item(0)?;
                self.name = Some(key.clone());
                self.parts.extend([pair.get_item(1)?, key]);
            }
        }
        Ok(())
    }
}

impl<'py> Engine<'py, '_> {
    /// Begins to write a reduction of `obj` by a reducer. The object goes into the memo when it is made.
    pub(super) fn save_reduction(&mut self, reduction: Reduction<'py>, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        self.begin_reduction(reduction, obj, true)
    }

    /// Begins to write `obj` as a call, in a protocol that has no opcodes for its type.
    pub(super) fn save_as_call(&mut self, reduction: Reduction<'py>, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        self.begin_reduction(reduction, obj, false)
    }

    fn begin_reduction(
        &mut self,
        reduction: Reduction<'py>,
        obj: &Bound<'py, PyAny>,
        by_reducer: bool,
    ) -> PyResult<Saved> {
        self.careful();
        if !self.version_is_told && code::is_made_of_code(obj, &reduction) {
            let [module, name] = code::owner_of_code(obj)?;
            self.save_version(&module, &name)?;
        }
        let level = self.endless.enter(obj)?;
        let makes_class = self.postpone(&reduction, obj)?;
        let makes_code = obj.get_type().is(&self.runtime.code_type);
        let Reduction { callable, args, .. } = &reduction;
        let making = self.how_to_make(callable.clone(), args.clone(), obj)?;
        let has_more =
            reduction.list_items.is_some() || reduction.dict_items.is_some() || reduction.state_setter.is_some();
        let may_wait = makes_class || self.made_whole.is_some();
        if making.is_short() && !has_more && !may_wait && !makes_code && self.has_levels_left() {
            return self.save_made(making, reduction.state, obj, by_reducer, level);
        }
        let key = identity::of(obj);
        let mut postponed = self.made_whole.iter_mut().flat_map(|made_whole| made_whole.postponed.iter_mut().rev());
        let waiting = postponed.find(|postponed| postponed.waiting.contains(&key));
        let mut steps = Vec::with_capacity(12);
        // The steps stand in reverse.
        steps.extend(function::globals_in(&reduction).map(|(base, globals)| Step::GlobalsWritten(base, globals)));
        if let Some(state) = reduction.state {
            if let Some(setter) = reduction.state_setter {
                // setter(obj, state), whose result nobody wants. `_pickle` writes TUPLE2 whatever the protocol; readers
                // of protocols 0 and 1 need not know it.
                let short = self.settings.protocol.has_short_tuples();
                steps.extend([Step::Write(Opcode::Pop), Step::Write(Opcode::Reduce)]);
                steps.push(Step::Write(if short { Opcode::Tuple2 } else { Opcode::Tuple }));
                steps.extend([Step::Save(Part::State, state), Step::Save(Part::Other, obj.clone())]);
                steps.extend((!short).then_some(Step::Write(Opcode::Mark)));
                steps.push(Step::Save(Part::StateSetter, setter));
            } else {
                let alone = waiting.is_some();
                steps.extend(alone.then_some(Step::Write(Opcode::Pop)));
                steps.extend(steps_of_state(state));
                steps.extend(alone.then_some(Step::Save(Part::Other, obj.clone())));
            }
        }
        if let Some(postponed) = waiting {
            postponed.waiting.remove(&key);
            postponed.states.push(std::mem::take(&mut steps));
        }
        steps.extend(makes_class.then_some(Step::WritePostponed));
        steps.extend(reduction.dict_items.map(|items| Step::Items(Box::new(ItemsFrame::new(obj, Items::Dict, items)))));
        steps.extend(reduction.list_items.map(|items| Step::Items(Box::new(ItemsFrame::new(obj, Items::List, items)))));
        steps.push(Step::Made);
        if makes_code {
            self.canonical.in_code += 1;
            steps.push(Step::LeaveCode);
        }
        steps.extend(making.into_steps());
        self.enter(ReductionFrame::new(obj, steps, None, by_reducer, level))
    }

    /// `_make_cell((version, module, name))`, whose result nobody wants: it stands before the first code of a pickle, so
    /// that another Python refuses the pickle before it makes anything of that code. Upstream makes a cell and drops it.
    pub(super) fn save_version(&mut self, module: &Bound<'py, PyAny>, owner: &Bound<'py, PyAny>) -> PyResult<()> {
        self.version_is_told = true;
        let py = self.py;
        let (make_cell, name) = (&Wire::get(py).make_cell, intern!(py, "_make_cell"));
        if self.made_of_code.may_be_native() {
            self.save_wire_function(make_cell, name, "_make_cell")?;
        } else if let Some(index) = self.memo_get(make_cell.bind(py)) {
            self.memo_fetch(index)?;
        } else {
            let upstream = runtime::upstream_module(py).as_any();
            if self.settings.protocol.has_stack_global() {
                // Strings are written whole.
                self.save_object(upstream)?;
                self.save_object(name)?;
                self.encoder.op(Opcode::StackGlobal);
            } else {
                self.save_global_as_text(upstream, name)?;
            }
            self.memo_put(make_cell.bind(py))?;
        }
        let short = self.settings.protocol.has_short_tuples();
        if !short {
            self.encoder.op(Opcode::Mark);
            self.encoder.op(Opcode::Mark);
        }
        self.encoder.int(i64::from(self.runtime.state.bytecode_version.number()));
        self.save_object(module)?;
        self.save_object(owner)?;
        if short {
            self.encoder.op(Opcode::Tuple3);
            self.encoder.op(Opcode::Tuple1);
        } else {
            self.encoder.op(Opcode::Tuple);
            self.encoder.op(Opcode::Tuple);
        }
        self.encoder.op(Opcode::Reduce);
        self.encoder.op(Opcode::Pop);
        Ok(())
    }

    /// A global with a dotted name, for protocols that have no STACK_GLOBAL: `getattr(getattr(module.a, "b"), "c")`.
    ///
    /// The inner objects go by their names, as since Python 3.13, and not through `save`, as before: a class that is an
    /// attribute of itself would lead there again.
    pub(super) fn save_nested_global(
        &mut self,
        obj: &Bound<'py, PyAny>,
        module_name: Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<Saved> {
        let py = self.py;
        let level = self.endless.enter(obj)?;
        self.careful();
        let name = name.cast::<PyString>()?;
        let mut parts = lookup::name_parts(name)?.into_iter().map(Bound::into_any);
        let first = parts.next().unwrap_or_else(|| name.clone().into_any());
        let attributes: Vec<_> = parts.collect();
        let short = self.settings.protocol.has_short_tuples();
        let mut steps = vec![Step::Made];
        for attribute in attributes.iter().rev() {
            steps.push(Step::Write(Opcode::Reduce));
            steps.push(Step::Write(if short { Opcode::Tuple2 } else { Opcode::Tuple }));
            steps.push(Step::Save(Part::Other, attribute.clone()));
        }
        steps.push(Step::Global(module_name, first));
        for _ in &attributes {
            steps.extend((!short).then_some(Step::Write(Opcode::Mark)));
            steps.push(Step::Save(Part::Other, self.runtime.getattr.bind(py).clone()));
        }
        self.enter(ReductionFrame::new(obj, steps, None, false, level))
    }
}
