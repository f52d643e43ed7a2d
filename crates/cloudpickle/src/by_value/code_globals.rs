//! The global names that code uses: what of a function's globals has to travel with it.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCode, PyDict, PyList, PyString, PyTuple};
use python_objects::compat::code::{CONSTANTS, INSTRUCTIONS, LOAD_GLOBAL_SHIFT, NAMES};
use python_objects::identity;

use crate::address::Addresses;
use crate::runtime::Runtime;

/// What the opcodes of the running interpreter say of globals, by their numbers.
pub(crate) struct GlobalOpcodes([Says; 256]);

/// What an opcode says of globals.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    /// Its argument is the index of a name.
    Name,
    /// The same, with bits of another meaning below.
    ShiftedName,
    /// Its argument belongs before that of the next instruction.
    Extends,
}

impl GlobalOpcodes {
    /// Reads them from the module `opcode`.
    pub(crate) fn look_up(py: Python<'_>) -> PyResult<Self> {
        let opmap = py.import(intern!(py, "opcode"))?.getattr(intern!(py, "opmap"))?;
        let number = |name| opmap.get_item(name)?.extract::<u8>().map(usize::from);
        let mut table = [Says::Nothing; 256];
        table[number("LOAD_GLOBAL")?] = Says::ShiftedName;
        table[number("STORE_GLOBAL")?] = Says::Name;
        table[number("DELETE_GLOBAL")?] = Says::Name;
        table[number("EXTENDED_ARG")?] = Says::Extends;
        // These look in another namespace first, as the body of a class does. Not every version has both.
        for name in ["LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"] {
            if let Ok(number) = number(name) {
                table[number] = Says::Name;
            }
        }
        Ok(Self(table))
    }
}

/// The names of all globals that `code`, or a function defined in it, reads, sets or deletes, in the order of their first
/// use: a set would make the bytes of a pickle depend on the hash seed.
pub(crate) fn global_names<'py>(code: &Bound<'py, PyCode>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut names = Names::default();
    each_nested(code, |code| {
        let state = &Runtime::get(code.py()).state;
        let co_names = state.code_fields.object(code, NAMES)?.cast_into::<PyTuple>()?;
        if co_names.is_empty() {
            return Ok(());
        }
        let instructions = state.code_fields.object(code, INSTRUCTIONS)?.cast_into::<PyBytes>()?;
        each_global_index(instructions.as_bytes(), &state.global_opcodes, |index| {
            co_names.get_borrowed_item(index).map(|name| names.add(&name))
        })
    })?;
    Ok(names.in_order)
}

/// Names without repetitions. The names of code are interned: equal ones are the same object.
#[derive(Default)]
struct Names<'py> {
    in_order: Vec<Bound<'py, PyAny>>,
    /// Where there are many.
    by_address: Addresses,
}

impl<'py> Names<'py> {
    /// Up to this many are looked through one by one.
    const FEW: usize = 16;

    fn add(&mut self, name: &Bound<'py, PyAny>) {
        let is_known = if self.in_order.len() < Self::FEW {
            self.in_order.iter().any(|known| known.is(name))
        } else {
            if self.by_address.is_empty() {
                self.by_address.extend(self.in_order.iter().map(identity::of));
            }
            !self.by_address.insert(identity::of(name))
        };
        if !is_known {
            self.in_order.push(name.clone());
        }
    }
}

/// All names in `code` and in functions defined in it, of globals and of attributes alike.
pub(crate) fn all_names<'py>(code: &Bound<'py, PyCode>) -> PyResult<Bound<'py, PyDict>> {
    let py = code.py();
    let names = PyDict::new(py);
    each_nested(code, |code| {
        let co_names = Runtime::get(py).state.code_fields.object(code, NAMES)?.cast_into::<PyTuple>()?;
        co_names.iter_borrowed().try_for_each(|name| names.set_item(name, py.None()))
    })?;
    Ok(names)
}

/// The names under which `code`, or code nested in it, may reach a submodule: all its names, and where it calls `getattr`
/// its strings.
pub(crate) fn names_of_submodules<'py>(code: &Bound<'py, PyCode>) -> PyResult<Bound<'py, PyList>> {
    let py = code.py();
    let names = all_names(code)?;
    if names.contains(intern!(py, "getattr"))? {
        each_nested(code, |code| {
            let constants = Runtime::get(py).state.code_fields.object(code, CONSTANTS)?.cast_into::<PyTuple>()?;
            let strings = constants.iter_borrowed().filter(|constant| constant.is_exact_instance_of::<PyString>());
            strings.into_iter().try_for_each(|constant| names.set_item(constant, py.None()))
        })?;
    }
    Ok(names.keys())
}

/// `_extract_code_globals`, which upstream's tests and users import.
#[pyfunction]
#[pyo3(name = "_extract_code_globals")]
pub(crate) fn extract_code_globals<'py>(co: &Bound<'py, PyCode>) -> PyResult<Bound<'py, PyDict>> {
    let names = PyDict::new(co.py());
    for name in global_names(co)? {
        names.set_item(name, co.py().None())?;
    }
    Ok(names)
}

/// Calls `with` for `code`, and for the code of the functions defined in it, in the order in which they stand.
fn each_nested<'py>(
    code: &Bound<'py, PyCode>,
    mut with: impl FnMut(&Bound<'py, PyCode>) -> PyResult<()>,
) -> PyResult<()> {
    let fields = &Runtime::get(code.py()).state.code_fields;
    with(code)?;
    // Code nested in code nested in code…, on a stack of its own: generated code may nest deeply.
    let mut pending = Vec::new();
    let mut constants = fields.object(code, CONSTANTS)?.cast_into::<PyTuple>()?;
    loop {
        // The first nested function is the next to be read.
        let nested = constants.iter_borrowed().rev();
        pending.extend(nested.filter_map(|constant| constant.cast_exact::<PyCode>().ok().map(|code| (*code).clone())));
        let Some(code) = pending.pop() else { return Ok(()) };
        with(&code)?;
        constants = fields.object(&code, CONSTANTS)?.cast_into::<PyTuple>()?;
    }
}

/// Calls `with` for the indexes into `co_names` of the globals that the instructions name.
///
/// Instructions are pairs of bytes, opcode and argument; EXTENDED_ARG prefixes the argument of the next one. Inline caches
/// (3.11) follow their instruction as CACHE with argument 0 in `co_code`, and name nothing.
///
/// By a table: most instructions name nothing, and are passed over in a few steps.
fn each_global_index(
    instructions: &[u8],
    opcodes: &GlobalOpcodes,
    mut with: impl FnMut(usize) -> PyResult<()>,
) -> PyResult<()> {
    let mut extension = 0usize;
    for instruction in instructions.chunks_exact(2) {
        let says = opcodes.0[usize::from(instruction[0])];
        if says == Says::Nothing {
            extension = 0;
            continue;
        }
        let argument = extension << 8 | usize::from(instruction[1]);
        extension = 0;
        match says {
            Says::Nothing => {}
            Says::Extends => extension = argument,
            Says::Name => with(argument)?,
            Says::ShiftedName => with(argument >> LOAD_GLOBAL_SHIFT)?,
        }
    }
    Ok(())
}
