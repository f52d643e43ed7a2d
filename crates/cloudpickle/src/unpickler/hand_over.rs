//! The rest of a pickle is for `pickle.loads`, or `pickle.load`.
//!
//! It gets a pickle that first makes its stack, marks and memo what they are here, of objects that it is given as buffers
//! (NEXT_BUFFER puts anything on the stack), and goes on with the opcode that raised the doubt.

use std::collections::TryReserveError;

use pickle_format::Opcode;
use pyo3::exceptions::{PyAttributeError, PyMemoryError, PyNotImplementedError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use python_objects::building::call;
use python_objects::raised::Raised;

use super::machine::Machine;
use super::unpickling_error;
use crate::runtime::Runtime;

/// Makes the types of what is handed over, which at the first use would end in a panic if there were no memory.
pub(super) fn make_types(py: Python<'_>) {
    py.get_type::<HandedOver>();
    py.get_type::<RestOfFile>();
}

/// What `pickle.loads` takes for its buffers: the objects of the machine.
#[pyclass(module = "cloudpickle._native", name = "_HandedOver")]
struct HandedOver {
    objects: std::vec::IntoIter<Py<PyAny>>,
    buffers: Option<Py<PyAny>>,
}

#[pymethods]
impl HandedOver {
    fn __iter__(itself: Py<Self>) -> Py<Self> {
        itself
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Some(object) = self.objects.next() {
            return Ok(Some(object.into_bound(py)));
        }
        // From here on, the pickle itself asks for buffers.
        if let Some(buffers) = &self.buffers {
            return call::next(buffers.bind(py)).map_err(|raised| raised.take(py));
        }
        let text = "pickle stream refers to out-of-band data but no *buffers* argument was given";
        Err(unpickling_error(py, text))
    }
}

/// What `pickle.load` takes for its file: what is in memory of the pickle, and behind it the file itself.
///
/// `pickle` looks at what comes before it reads, and then says how far it read: this is how the file is read as far, no
/// further, and not before.
#[pyclass(module = "cloudpickle._native", name = "_RestOfFile")]
struct RestOfFile {
    beginning: Option<Beginning>,
    peek: Option<Py<PyAny>>,
    readinto: Option<Py<PyAny>>,
    read: Py<PyAny>,
    readline: Py<PyAny>,
}

struct Beginning {
    pickle: Py<PyBytes>,
    /// How much of it was not given by the file, or was read long ago.
    before: usize,
    /// Where what follows stands in what the file gave last, and how far the file was read in that.
    position: usize,
    read_up_to: usize,
}

#[pymethods]
impl RestOfFile {
    fn peek<'py>(itself: &Bound<'py, Self>, count: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = itself.py();
        let peek = {
            let rest = itself.try_borrow()?;
            if let Some(beginning) = &rest.beginning {
                return Ok(beginning.pickle.bind(py).clone().into_any());
            }
            // A file that shows nothing says so.
            rest.peek.as_ref().ok_or_else(|| PyNotImplementedError::new_err(()))?.bind(py).clone()
        };
        peek.call1((count,))
    }

    fn read<'py>(itself: &Bound<'py, Self>, count: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = itself.py();
        let (beginning, read) = {
            let mut rest = itself.try_borrow_mut()?;
            (rest.beginning.take(), rest.read.bind(py).clone())
        };
        let Some(beginning) = beginning else { return read.call1((count,)) };
        // It has what it reads here.
        let taken = count.extract::<usize>()?.saturating_sub(beginning.before);
        match (beginning.position + taken).checked_sub(beginning.read_up_to) {
            None | Some(0) => Ok(py.None().into_bound(py)),
            Some(behind) => read.call1((behind,)),
        }
    }

    // Not before it has called `read`.
    #[getter]
    fn readinto<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let readinto = self.readinto.as_ref().ok_or_else(|| PyAttributeError::new_err("readinto"))?;
        Ok(readinto.bind(py).clone())
    }

    #[getter]
    fn readline<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.readline.bind(py).clone()
    }
}

impl<'py> Machine<'py> {
    /// The result of the whole pickle, if `pickle` finishes it.
    ///
    /// # Errors
    /// What `pickle.loads` or `pickle.load` raises.
    #[cold]
    pub(super) fn hand_over(&mut self) -> Result<Bound<'py, PyAny>, Raised> {
        let py = self.py;
        self.hand_over_to(Runtime::get(py)).map_err(|error| Raised::new(py, error))
    }

    fn hand_over_to(&mut self, runtime: &Runtime) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let no_memory = |_| PyMemoryError::new_err(());
        let opcodes = self.opcodes_for_what_is_here().map_err(no_memory)?;
        let (carried, rest) = self.input.rest();
        let before = opcodes.len() + carried.len();
        let pickle = PyBytes::new_with(py, before + rest.len(), |mut room| {
            for part in [opcodes.as_slice(), carried, rest] {
                let (place, left) = room.split_at_mut(part.len());
                place.copy_from_slice(part);
                room = left;
            }
            Ok(())
        })?;
        let mut objects = Vec::new();
        objects.try_reserve_exact(self.memo.len() + self.stack.len()).map_err(no_memory)?;
        objects.extend(self.memo.drain(..).chain(self.stack.drain(..)).map(Bound::unbind));
        let keywords = PyDict::new(py);
        let buffers = HandedOver { objects: objects.into_iter(), buffers: self.buffers.take().map(Bound::unbind) };
        keywords.set_item(intern!(py, "buffers"), Bound::new(py, buffers)?)?;
        let Some((file, position)) = self.input.take_file() else {
            return runtime.pickle_loads.bind(py).call((pickle,), Some(&keywords));
        };
        let beginning = Beginning { pickle: pickle.unbind(), before, position, read_up_to: file.read_up_to };
        let rest = RestOfFile {
            beginning: Some(beginning),
            peek: file.peek.map(Bound::unbind),
            readinto: file.readinto.map(Bound::unbind),
            read: file.read.unbind(),
            readline: file.readline.unbind(),
        };
        runtime.pickle_load.bind(py).call((Bound::new(py, rest)?,), Some(&keywords))
    }

    /// What makes the stack, the marks and the memo of `pickle` what they are here.
    fn opcodes_for_what_is_here(&self) -> Result<Vec<u8>, TryReserveError> {
        let mut opcodes = Vec::new();
        if !self.input.has_begun() {
            return Ok(opcodes);
        }
        let framing = 2 + 1 + size_of::<u64>();
        let objects = 3 * self.memo.len() + self.marks.len() + self.stack.len();
        opcodes.try_reserve_exact(framing + objects)?;
        opcodes.extend([Opcode::Proto.byte(), 5]);
        for _ in &self.memo {
            opcodes.extend([Opcode::NextBuffer.byte(), Opcode::Memoize.byte(), Opcode::Pop.byte()]);
        }
        let mut marks = self.marks.iter().peekable();
        for height in 0..=self.stack.len() {
            while marks.next_if_eq(&&height).is_some() {
                opcodes.push(Opcode::Mark.byte());
            }
            if height < self.stack.len() {
                opcodes.push(Opcode::NextBuffer.byte());
            }
        }
        if let Some(len) = self.input.rest_of_frame() {
            opcodes.push(Opcode::Frame.byte());
            opcodes.extend(len.to_le_bytes());
        }
        Ok(opcodes)
    }
}
