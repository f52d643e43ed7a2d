//! Globals that are found where they say they are, written without asking further.

use pickle_format::Opcode;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyModule, PyString};

use super::engine::{CallsOfPython, Engine};
use super::frame::Saved;
use crate::by_value::lookup;

/// The modules that were looked for last: classes and what they hold are found in two by turns.
pub(super) type LastModules<'py> = [Option<LastModule<'py>>; 2];

/// A module that was imported.
pub(super) struct LastModule<'py> {
    name: Bound<'py, PyAny>,
    module: Bound<'py, PyAny>,
    /// How often Python code may have run by then.
    since: CallsOfPython,
}

impl<'py> Engine<'py, '_> {
    /// A function of an extension as a global, if it is one.
    pub(super) fn save_builtin_function(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Saved>> {
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
    pub(super) fn save_found_global(
        &mut self,
        obj: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Saved>> {
        let module_name = obj.getattr(intern!(self.py, "__module__"))?;
        if !module_name.is_exact_instance_of::<PyString>() || self.is_found(obj, &module_name, name)? != Some(true) {
            return Ok(None);
        }
        self.save_global_under(obj, module_name.cast()?, name.cast()?)?;
        Ok(Some(Saved::Done))
    }
}
