//! Bytes to object: the pickles that are written today, read without `pickle`.
//!
//! - [`load`]: the loop over the opcodes.
//! - [`machine`]: what it works on: the stack with its marks, the memo.
//! - [`input`], [`file`](mod@file): what it reads: a pickle in memory, or one in a file.
//! - [`names`]: the strings that code interns.
//! - [`find_class`](mod@find_class): globals.
//! - [`load_container`], [`load_reduce`], [`load_build`]: tuples and containers; calls; the state of an object.
//! - [`hand_over`]: what is not plain. At any doubt, an opcode that is seldom written or an operand that is not there,
//!   `pickle` takes over where this stopped, so that whatever is wrong with a pickle is told in its words.

mod file;
mod find_class;
mod hand_over;
mod input;
mod load;
mod load_build;
mod load_container;
mod load_reduce;
mod machine;
mod names;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCFunction};
use python_objects::building::{self, call, unfilled};
use python_objects::raised::Raised;

use self::file::File;
use self::input::Input;
use self::load::Stop;
use self::machine::Machine;
use crate::runtime::Runtime;

/// To be called when the extension is imported.
pub(crate) fn make_types(py: Python<'_>) {
    hand_over::make_types(py);
    unfilled::make_type(py);
}

/// The object in `pickle`, if it is of a protocol that is read here: 4 or 5. `buffers` is the argument of `loads`.
///
/// # Errors
/// Those of `pickle.loads`.
pub(crate) fn loads<'py>(
    pickle: &Bound<'py, PyBytes>,
    buffers: Option<&Bound<'py, PyAny>>,
) -> Option<Result<Bound<'py, PyAny>, Raised>> {
    // PROTO and its argument.
    if !building::PAYS || !matches!(pickle.as_bytes(), [0x80, 4 | 5, ..]) {
        return None;
    }
    let buffers = match iterator_of(buffers) {
        Ok(buffers) => buffers,
        Err(raised) => return Some(Err(raised)),
    };
    let mut machine = Machine::new(pickle.py(), Input::of_bytes(pickle), buffers);
    let result = machine.load();
    finish(&mut machine, result)
}

/// The object in the next pickle of `file`, if that has the methods of a file, and it is of such a protocol or something was
/// read. `buffers` is the argument of `load`.
///
/// # Errors
/// Those of `pickle.load`.
pub(crate) fn load<'py>(
    file: &Bound<'py, PyAny>,
    buffers: Option<&Bound<'py, PyAny>>,
) -> Option<Result<Bound<'py, PyAny>, Raised>> {
    let py = file.py();
    // Handing over counts on how C code reads.
    if !building::PAYS || !Runtime::get(py).pickle_load.bind(py).is_exact_instance_of::<PyCFunction>() {
        return None;
    }
    let input = File::of(file).transpose()?.map(|file| Input::of_file(py, file));
    let (input, buffers) = match input.and_then(|input| Ok((input, iterator_of(buffers)?))) {
        Ok(both) => both,
        Err(raised) => return Some(Err(raised)),
    };
    let mut machine = Machine::new(py, input, buffers);
    let begun = machine.input.begin();
    if matches!(begun, Err(Stop::Doubt)) && machine.buffers.is_none() && is_given_back(file, &machine.input) {
        return None;
    }
    let result = begun.and_then(|()| machine.load());
    finish(&mut machine, result)
}

/// Gives back what was read, of which nobody can know: through our hands, each opcode of an old protocol would take twice as
/// long.
#[cold]
#[inline(never)]
fn is_given_back(file: &Bound<'_, PyAny>, input: &Input<'_>) -> bool {
    let py = file.py();
    let (before, rest) = input.rest();
    let count = (before.len() + rest.len()).cast_signed();
    file.get_type().is(&Runtime::get(py).bytes_io_type) && file.call_method1(intern!(py, "seek"), (-count, 1)).is_ok()
}

/// What the buffers come from that are not in a pickle.
fn iterator_of<'py>(buffers: Option<&Bound<'py, PyAny>>) -> Result<Option<Bound<'py, PyAny>>, Raised> {
    buffers.filter(|buffers| !buffers.is_none()).map(call::iterator).transpose()
}

/// What comes of a pickle that was carried out so far, or nothing if `pickle` is to begin with it.
#[inline(always)]
fn finish<'py>(
    machine: &mut Machine<'py>,
    result: Result<Bound<'py, PyAny>, Stop>,
) -> Option<Result<Bound<'py, PyAny>, Raised>> {
    Some(match result {
        Ok(object) => machine.input.finish().map(|()| object),
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
