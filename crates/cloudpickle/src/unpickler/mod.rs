//! Bytes to object: the pickles that are written today, read without `pickle`.
//!
//! - [`load`]: the loop over the opcodes.
//! - [`machine`]: what it works on: the pickle, the stack with its marks, the memo.
//! - [`names`]: the strings that code interns.
//! - [`find_class`](mod@find_class): globals.
//! - [`load_container`], [`load_reduce`], [`load_build`]: tuples and containers; calls; the state of an object.
//! - [`hand_over`]: what is not plain. At any doubt, an opcode that is seldom written or an operand that is not there,
//!   `pickle.loads` takes over where this stopped, so that whatever is wrong with a pickle is told in its words.

mod find_class;
mod hand_over;
mod load;
mod load_build;
mod load_container;
mod load_reduce;
mod machine;
mod names;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use python_objects::building::{self, call};
use python_objects::raised::Raised;

use self::load::Stop;
use self::machine::Machine;
use crate::runtime::Runtime;

/// The object in `pickle`, if it is of a protocol that is read here: 4 or 5. `buffers` is the argument of `loads`.
///
/// # Errors
/// Those of `pickle.loads`.
pub(crate) fn loads<'py>(
    pickle: &Bound<'py, PyBytes>,
    buffers: Option<&Bound<'py, PyAny>>,
) -> Option<Result<Bound<'py, PyAny>, Raised>> {
    let data = pickle.as_bytes();
    // PROTO and its argument.
    if !building::PAYS || !matches!(data, [0x80, 4 | 5, ..]) {
        return None;
    }
    let buffers = match buffers.filter(|buffers| !buffers.is_none()).map(call::iterator).transpose() {
        Ok(buffers) => buffers,
        Err(raised) => return Some(Err(raised)),
    };
    let mut machine = Machine::new(pickle.py(), data, buffers);
    Some(match machine.load() {
        Ok(object) => Ok(object),
        Err(Stop::Raised(raised)) => Err(raised),
        // As if nobody had looked at it, and without a copy of the pickle.
        Err(Stop::Doubt) if machine.is_untouched() => return None,
        Err(Stop::Doubt) => machine.hand_over(),
    })
}

/// An `UnpicklingError` in the words of `pickle`, where it cannot be asked for them: what was done would be done again.
#[cold]
fn refused(py: Python<'_>, text: &'static str) -> Raised {
    Raised::new(py, unpickling_error(py, text))
}

fn unpickling_error(py: Python<'_>, text: &'static str) -> PyErr {
    // Made when it is raised, which gives it the exception that is being handled for its context.
    PyErr::from_type(Runtime::get(py).unpickling_error.bind(py).clone(), (text,))
}
