//! The rest of a pickle is for `pickle.loads`.
//!
//! It gets a pickle that first makes its stack, marks and memo what they are here, of objects that it is given as buffers
//! (NEXT_BUFFER puts anything on the stack), and goes on with the opcode that raised the doubt.

use pickle_format::Opcode;
use pyo3::exceptions::PyMemoryError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use python_objects::building::call;
use python_objects::raised::Raised;

use super::machine::Machine;
use super::unpickling_error;
use crate::runtime::Runtime;

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

impl<'py> Machine<'_, 'py> {
    /// The result of the whole pickle, if `pickle` finishes it.
    ///
    /// # Errors
    /// What `pickle.loads` raises.
    #[cold]
    pub(super) fn hand_over(mut self) -> Result<Bound<'py, PyAny>, Raised> {
        let py = self.py;
        self.hand_over_to(&Runtime::get(py).pickle_loads).map_err(|error| Raised::new(py, error))
    }

    fn hand_over_to(&mut self, loads: &Py<PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let no_memory = |_| PyMemoryError::new_err(());
        let mut pickle = Vec::new();
        let framing = 2 + 1 + size_of::<u64>();
        let objects = 3 * self.memo.len() + self.marks.len() + self.stack.len();
        pickle.try_reserve_exact(framing + objects).map_err(no_memory)?;
        pickle.extend([Opcode::Proto.byte(), 5]);
        for _ in &self.memo {
            pickle.extend([Opcode::NextBuffer.byte(), Opcode::Memoize.byte(), Opcode::Pop.byte()]);
        }
        let mut marks = self.marks.iter().peekable();
        for height in 0..=self.stack.len() {
            while marks.next_if_eq(&&height).is_some() {
                pickle.push(Opcode::Mark.byte());
            }
            if height < self.stack.len() {
                pickle.push(Opcode::NextBuffer.byte());
            }
        }
        if let Some(len) = self.rest_of_frame() {
            pickle.push(Opcode::Frame.byte());
            pickle.extend(len.to_le_bytes());
        }
        let rest = self.rest();
        let pickle = PyBytes::new_with(py, pickle.len() + rest.len(), |room| {
            let (first, room) = room.split_at_mut(pickle.len());
            first.copy_from_slice(&pickle);
            room.copy_from_slice(rest);
            Ok(())
        })?;
        let mut objects = Vec::new();
        objects.try_reserve_exact(self.memo.len() + self.stack.len()).map_err(no_memory)?;
        objects.extend(self.memo.drain(..).chain(self.stack.drain(..)).map(Bound::unbind));
        let keywords = PyDict::new(py);
        let buffers = HandedOver { objects: objects.into_iter(), buffers: self.buffers.take().map(Bound::unbind) };
        keywords.set_item(intern!(py, "buffers"), Bound::new(py, buffers)?)?;
        loads.bind(py).call((pickle,), Some(&keywords))
    }
}
