//! Calls: REDUCE, NEWOBJ, and the globals that are called.

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};
use python_objects::building::call;

use super::find_class::find_class;
use super::load::Stop;
use super::machine::Machine;

impl<'py> Machine<'py> {
    /// STACK_GLOBAL.
    pub(super) fn load_stack_global(&mut self) -> Result<(), Stop> {
        let height = self.below(2)?;
        let (Ok(module), Ok(name)) =
            (self.stack[height].cast_exact::<PyString>(), self.stack[height + 1].cast_exact::<PyString>())
        else {
            return Err(Stop::Doubt);
        };
        let found = find_class(module, name)?;
        self.fresh.forget_from(height);
        self.replace_from(height, found);
        Ok(())
    }

    /// REDUCE.
    pub(super) fn load_reduce(&mut self) -> Result<(), Stop> {
        let height = self.below(2)?;
        let Ok(arguments) = self.stack[height + 1].cast_exact::<PyTuple>() else { return Err(Stop::Doubt) };
        self.fresh.another_call();
        let result = call::call_with_tuple(&self.stack[height], arguments)?;
        self.fresh.forget_from(height);
        self.replace_from(height, result);
        Ok(())
    }

    /// Calls what is under `start` with everything above it.
    #[inline(always)]
    pub(super) fn reduce_from(&mut self, start: usize) -> Result<(), Stop> {
        self.fresh.another_call();
        let result = call::call(&self.stack[start - 1], &self.stack[start..])?;
        self.fresh.forget_from(start - 1);
        self.replace_from(start - 1, result);
        Ok(())
    }

    /// NEWOBJ.
    #[inline(always)]
    pub(super) fn load_newobj(&mut self) -> Result<(), Stop> {
        let height = self.below(2)?;
        let (Ok(class), Ok(arguments)) =
            (self.stack[height].cast::<PyType>(), self.stack[height + 1].cast_exact::<PyTuple>())
        else {
            return Err(Stop::Doubt);
        };
        if !arguments.is_empty() {
            self.fresh.another_call();
        }
        let instance = call::new_instance(class, arguments)?.ok_or(Stop::Doubt)?;
        // A class may have handed out something else.
        if instance.get_type().is(class) {
            self.fresh.note(height, &instance)?;
        } else {
            self.fresh.forget_from(height);
        }
        self.replace_from(height, instance);
        Ok(())
    }

    /// Puts `object` where the stack had everything from `height` on.
    #[inline(always)]
    fn replace_from(&mut self, height: usize, object: Bound<'py, PyAny>) {
        self.cut(height);
        self.stack.push(object);
    }
}
