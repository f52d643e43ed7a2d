//! Tuples, lists, dicts and sets.

use pickle_format::Opcode;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet};
use python_objects::building::{call, container};
use python_objects::reference_count;

use super::load::Stop;
use super::machine::Machine;

impl<'py> Machine<'py> {
    /// TUPLE1, TUPLE2, TUPLE3.
    #[inline(always)]
    pub(super) fn load_last_as_tuple(&mut self, len: usize) -> Result<(), Stop> {
        let height = self.below(len)?;
        self.load_tuple_from(height, self.fence)
    }

    /// A tuple of everything above `start`. The one that a call follows, of what is under it and above `fence`, is not made:
    /// its items are the arguments.
    #[inline(always)]
    pub(super) fn load_tuple_from(&mut self, start: usize, fence: usize) -> Result<(), Stop> {
        if self.input.peek() == Some(Opcode::Reduce.byte()) && start > fence {
            self.input.pass(1);
            return self.reduce_from(start);
        }
        let len = self.stack.len() - start;
        let tuple = container::tuple_of_last(self.py, &mut self.stack, len)?;
        self.push(tuple)
    }

    /// A frozenset of everything above `start`.
    pub(super) fn load_frozenset_from(&mut self, start: usize) -> Result<(), Stop> {
        let len = self.stack.len() - start;
        let items = container::tuple_of_last(self.py, &mut self.stack, len)?;
        let set = container::frozenset_of(&items)?;
        self.push(set)
    }

    /// Appends everything above `start` to what is under it.
    #[inline(always)]
    pub(super) fn append_from(&mut self, start: usize) -> Result<(), Stop> {
        let items = self.stack.len() - start;
        if items == 0 {
            return Ok(());
        }
        let Ok(list) = self.stack[start - 1].cast_exact::<PyList>() else { return self.extend_from(start) };
        // A list that nobody else has seen is made in its size, instead of the empty one.
        if list.is_empty() && reference_count::of(list) == 1 && reference_count::COUNTS_ARE_EXACT {
            let list = container::list_of_last(self.py, &mut self.stack, items)?;
            self.stack[start - 1] = list;
            return Ok(());
        }
        if let [object] = &self.stack[start..] {
            container::append(list, object)?;
            self.cut(start);
            return Ok(());
        }
        let list = list.clone();
        let items = container::list_of_last(self.py, &mut self.stack, items)?;
        container::extend(&list, &items)?;
        Ok(())
    }

    /// The same for what is no list, or of a subclass.
    #[cold]
    fn extend_from(&mut self, start: usize) -> Result<(), Stop> {
        let py = self.py;
        self.fresh.another_call();
        let Some(extend) = call::attribute(&self.stack[start - 1], intern!(py, "extend"))? else {
            let append = call::attribute_or_error(&self.stack[start - 1], intern!(py, "append"))?;
            return self.call_with_each_from(start, &append);
        };
        let len = self.stack.len() - start;
        let list = container::list_of_last(py, &mut self.stack, len)?;
        call::call(&extend, &[list])?;
        Ok(())
    }

    /// Puts everything above `start`, keys and values in turn, into what is under it, which is above `fence`.
    #[inline(always)]
    pub(super) fn set_items_from(&mut self, start: usize, fence: usize) -> Result<(), Stop> {
        if self.input.peek() == Some(Opcode::Build.byte()) && self.build_from(start, fence)? {
            self.input.pass(1);
            return Ok(());
        }
        let (pairs, rest) = self.stack[start..].as_chunks::<2>();
        if !rest.is_empty() {
            return Err(Stop::Doubt);
        }
        if let Ok(dict) = self.stack[start - 1].cast_exact::<PyDict>() {
            for [key, value] in pairs {
                container::set_item(dict, key, value)?;
            }
        } else {
            self.fresh.another_call();
            for [key, value] in pairs {
                call::set_item(&self.stack[start - 1], key, value)?;
            }
        }
        self.cut(start);
        Ok(())
    }

    /// Adds everything above `start` to what is under it.
    pub(super) fn add_items_from(&mut self, start: usize) -> Result<(), Stop> {
        let items = &self.stack[start..];
        if let Ok(set) = self.stack[start - 1].cast::<PySet>() {
            for item in items {
                container::add(set, item)?;
            }
            self.cut(start);
        } else if !items.is_empty() {
            self.fresh.another_call();
            let add = call::attribute_or_error(&self.stack[start - 1], intern!(self.py, "add"))?;
            self.call_with_each_from(start, &add)?;
        }
        Ok(())
    }

    /// Calls `method` with each object above `start`, which is let go of behind the call.
    fn call_with_each_from(&mut self, start: usize, method: &Bound<'py, PyAny>) -> Result<(), Stop> {
        for object in self.stack.drain(start..) {
            call::call(method, &[object])?;
        }
        Ok(())
    }
}
