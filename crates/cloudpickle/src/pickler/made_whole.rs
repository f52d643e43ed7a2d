//! Classes that are made from all their attributes, because code of a program watches ([`making`]); and those that cannot
//! be: what they would be made from leads back to them.
//!
//! Such a class is made first and filled later, as all others are. That must be known before it is begun. Found out in the
//! middle, the containers between the class and itself are in the memo and still empty: whoever is made from them on the
//! way sees them so. So it is tried out ([`Engine::leads_back`]).

use std::collections::HashSet;

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};
use python_objects::identity;

use super::BaseGlobals;
use super::engine::{Engine, Settings};
use super::hooks::Hooks;
use super::optimism::Again;
use super::output::Output;
use super::save_reduce::Step;
use crate::address::ByAddress;
use crate::by_value::class_tracker::Ids;
use crate::reduce::making::{self, Leads};
use crate::reduce::reduction::Reduction;

/// What a dump knows of the classes that are made from all their attributes.
#[derive(Default)]
pub(super) struct MadeWhole<'py> {
    /// The classes whose arguments are being written, the innermost last.
    pub(super) postponed: Vec<Postponed<'py>>,
    /// The classes of which it is known whether they can be.
    known: ByAddress<Known<'py>>,
    /// In an attempt: what it is to find out.
    attempt: Option<Attempt<'py>>,
}

/// While the arguments that make a class are written: the states that are to be written when it is made.
pub(super) struct Postponed<'py> {
    /// The class.
    owner: usize,
    /// The functions and cells whose states wait, less those that were reached.
    pub(super) waiting: HashSet<usize>,
    /// The states of those that were reached, in that order.
    pub(super) states: Vec<Vec<Step<'py>>>,
}

impl MadeWhole<'_> {
    fn is_in_the_making(&self, class: usize) -> bool {
        self.postponed.iter().any(|postponed| postponed.owner == class)
    }
}

struct Known<'py> {
    /// Keeps the address.
    _class: Bound<'py, PyAny>,
    leads_back: bool,
}

/// An attempt to write what a class is made from.
struct Attempt<'py> {
    /// The class.
    of: usize,
    /// Other classes that are made from all their attributes, as they were met.
    met: Vec<Bound<'py, PyAny>>,
    /// Whether one of them was reached again while it was written.
    reached_another: bool,
}

impl<'py> Engine<'py, '_> {
    #[inline]
    pub(super) fn made_whole(&mut self) -> &mut MadeWhole<'py> {
        self.made_whole.get_or_insert_default()
    }

    /// Whether states wait for a class to be made.
    #[inline]
    pub(super) fn has_postponed(&self) -> bool {
        self.made_whole.as_ref().is_some_and(|made_whole| !made_whole.postponed.is_empty())
    }

    /// If the reduction makes a class, takes note of the states that must wait for it. Returns whether there may be any.
    ///
    /// A class whose attributes lead back to it is made without them, and so is every class in fast mode, where nothing can
    /// be referred to.
    ///
    /// # Errors
    /// In an attempt, if it found what it looks for.
    pub(super) fn postpone(&mut self, reduction: &Reduction<'py>, obj: &Bound<'py, PyAny>) -> PyResult<bool> {
        let Some(waiting) = making::postponable(&reduction.callable, &reduction.args)? else { return Ok(false) };
        let owner = identity::of(obj);
        let made_whole = self.made_whole.as_deref_mut();
        let is_again = made_whole.as_ref().is_some_and(|made_whole| made_whole.is_in_the_making(owner));
        if let Some(attempt) = made_whole.and_then(|made_whole| made_whole.attempt.as_mut()) {
            if is_again && owner == attempt.of {
                return Err(self.optimism.start_over(Again::Carefully));
            }
            attempt.reached_another |= is_again;
            attempt.met.push(obj.clone());
        }
        let is_made_whole = making::is_made_whole(reduction)?;
        if self.settings.fast || is_again || is_made_whole && self.leads_back(obj, &reduction.args, &waiting)? {
            if let Some(state) = &reduction.state {
                making::remove_attributes(&reduction.args, state)?;
            }
            return Ok(false);
        }
        let has_to_be_known = is_made_whole || !waiting.is_empty();
        if has_to_be_known {
            self.made_whole().postponed.push(Postponed { owner, waiting, states: Vec::new() });
        }
        Ok(has_to_be_known)
    }

    /// [`Engine::before_code_of_others`] that may reduce `obj`.
    ///
    /// # Errors
    /// If the dump is to start over; in an attempt, if the code may be the program's: it would run twice.
    pub(super) fn before_reducing(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<()> {
        let is_attempt = self.made_whole.as_ref().is_some_and(|made_whole| made_whole.attempt.is_some());
        if is_attempt && !obj.is_instance_of::<PyType>() && !is_of_library(&obj.get_type())? {
            return Err(self.optimism.start_over(Again::Carefully));
        }
        self.before_code_of_others()
    }

    /// Whether `class` would be reached again if what it is made from were written, as far as that can be found out
    /// without running a program's reducers, which would run twice. Where it cannot, it counts as reached.
    ///
    /// Attempts are not nested. What one meets on the way it goes through as the dump will, so that it finds out about
    /// other classes too: a chain of them takes one attempt.
    ///
    /// # Errors
    /// What is no `Exception`, such as a `KeyboardInterrupt`.
    fn leads_back(
        &mut self,
        class: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        waiting: &HashSet<usize>,
    ) -> PyResult<bool> {
        if self.probe.is_attempt() {
            return Ok(false);
        }
        match making::leads(class, args)? {
            Leads::Elsewhere => return Ok(false),
            Leads::Back => return Ok(true),
            Leads::Unknown => {}
        }
        let owner = identity::of(class);
        if let Some(known) = self.made_whole().known.get(&owner) {
            return Ok(known.leads_back);
        }
        let (result, attempt) = self.attempt_to_write(args, owner, waiting.clone());
        let leads_back = match result {
            Ok(()) => false,
            Err(error) if error.is_instance_of::<PyException>(self.py) => true,
            Err(error) => return Err(error),
        };
        let known = &mut self.made_whole().known;
        known.insert(owner, Known { _class: class.clone(), leads_back });
        if let Some(attempt) = attempt
            && !leads_back
            && !attempt.reached_another
        {
            let met = attempt.met.into_iter();
            known.extend(met.map(|class| (identity::of(&class), Known { _class: class, leads_back: false })));
        }
        Ok(leads_back)
    }

    /// Writes what a class is made from to nowhere, with the memo as it is.
    ///
    /// # Errors
    /// If the class is reached, or a program's reducer would run; and what is raised on the way.
    fn attempt_to_write(
        &mut self,
        args: &Bound<'py, PyTuple>,
        of: usize,
        waiting: HashSet<usize>,
    ) -> (PyResult<()>, Option<Attempt<'py>>) {
        let py = self.py;
        // Random ones are given for good, and will be wanted. Without them every string is looked at, which takes longer.
        let ids = if self.settings.ids == Ids::Random { Ids::Random } else { Ids::LeftOut };
        let settings = Settings { ids, ..self.settings };
        let base_globals = BaseGlobals::default();
        let mut memo = std::mem::take(&mut *self.memo);
        let remembered = memo.len();
        let mut engine = Engine::attempt(py, settings, Output::Nowhere, Hooks::plain(None), &mut memo, &base_globals);
        engine.made_whole = Some(Box::new(MadeWhole {
            postponed: vec![Postponed { owner: of, waiting, states: Vec::new() }],
            known: ByAddress::default(),
            attempt: Some(Attempt { of, met: Vec::new(), reached_another: false }),
        }));
        let result = engine.dump(args);
        let attempt = engine.made_whole().attempt.take();
        drop(engine);
        let forgotten = memo.forget_since(py, remembered);
        *self.memo = memo;
        drop(forgotten);
        (result, attempt)
    }
}

/// The modules of the standard library whose objects stand in classes most often, for Python 3.9, which does not say which
/// modules are its own.
const STANDARD: [&str; 10] =
    ["builtins", "types", "typing", "functools", "collections", "re", "datetime", "decimal", "enum", "weakref"];

/// Whether it is a type of the standard library or of this package.
fn is_of_library(ty: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = ty.py();
    let Ok(module) = ty.getattr(intern!(py, "__module__"))?.cast_into::<PyString>() else { return Ok(false) };
    let module = module.to_string_lossy();
    let package = module.split('.').next().unwrap_or_default();
    if package == "cloudpickle" {
        return Ok(true);
    }
    match py.import(intern!(py, "sys"))?.getattr_opt(intern!(py, "stdlib_module_names"))? {
        Some(names) => names.contains(package),
        None => Ok(STANDARD.contains(&package)),
    }
}
