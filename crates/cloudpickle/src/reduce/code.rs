//! Code objects: the bytecode of functions.

use std::fmt;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyString, PyTuple};
use python_objects::compat::code::FIELDS;

use super::reduction::Reduction;
use super::{copy_of, interned};
use crate::by_value::lookup;
use crate::rebuild::Wire;
use crate::runtime::Runtime;

/// How a field of a code object travels.
///
/// Names, and tuples of names, are written as copies. CPython interns and shares the originals, so whether two of them
/// are one object depends on what else the process did, and with it the bytes of the pickle.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Travels {
    Whole,
    Name,
    FileName,
    /// A tuple of names, of which there is one for each time it is asked for.
    Names,
}

/// By the number of the field.
pub(crate) const TRAVELS: [Travels; FIELDS.len()] = {
    let mut travels = [Travels::Whole; FIELDS.len()];
    let mut index = 0;
    while index < FIELDS.len() {
        travels[index] = match FIELDS[index].as_bytes() {
            b"co_name" | b"co_qualname" => Travels::Name,
            b"co_filename" => Travels::FileName,
            b"co_names" | b"co_varnames" | b"co_freevars" | b"co_cellvars" => Travels::Names,
            _ => Travels::Whole,
        };
        index += 1;
    }
    travels
};

/// `types.CodeType(...)` with every field, in the order of the running version.
#[pyfunction]
#[pyo3(name = "_code_reduce")]
pub(crate) fn code_reduce<'py>(obj: &Bound<'py, PyCode>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    let fields = &Runtime::get(py).state.code_fields;
    let mut args = Vec::with_capacity(FIELDS.len());
    for (index, travels) in TRAVELS.iter().enumerate() {
        let value = fields.object(obj, index)?;
        args.push(match travels {
            Travels::Whole => value,
            Travels::Name => copy_of(&value),
            Travels::FileName => interned(&file_name(value)?)?,
            Travels::Names => PyTuple::new(py, value.cast::<PyTuple>()?.iter_borrowed())?.into_any(),
        });
    }
    (&Runtime::get(py).code_type, PyTuple::new(py, args)?).into_pyobject(py)
}

/// The file that the code comes from. What is typed at a prompt or into a notebook has a name that counts the inputs or
/// holds the number of the process, and would make other bytes of the same function each time.
pub(crate) fn file_name(name: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = name.py();
    let Some(lasting) = name.cast_exact::<PyString>().ok().and_then(|name| lasting_file_name(name.to_str().ok()?))
    else {
        return Ok(name);
    };
    let lasting = PyString::new(py, &lasting).into_any();
    // Where the code was typed, and may come back to, tracebacks go on to show its lines.
    let lines = py.import(intern!(py, "linecache"))?.getattr(intern!(py, "cache"))?;
    if let Ok(known) = lines.get_item(&name) {
        lines.set_item(&lasting, known)?;
    }
    Ok(lasting)
}

/// Whether the file of this name is called so in pickles, too.
pub(crate) fn lasts(name: &Bound<'_, PyAny>) -> bool {
    let text = name.cast_exact::<PyString>().ok().and_then(|name| name.to_str().ok());
    text.is_some_and(|name| lasting_file_name(name).is_none())
}

/// What stands for a file name that does not last; None for one that does. Notebooks name their cells by a digest of the
/// contents as well, which is kept.
fn lasting_file_name(name: &str) -> Option<String> {
    if name.starts_with('<') {
        // Of the interactive interpreter since 3.13.
        for (counted, lasting) in [("<stdin-", "<stdin>"), ("<python-input-", "<python-input>")] {
            if name.starts_with(counted) {
                return Some(lasting.to_owned());
            }
        }
        // `<ipython-input-4-0123abcd>`
        if let Some(counted) = name.strip_prefix("<ipython-input-") {
            return counted.split_once('-').map(|(_, digest)| format!("<ipython-input-{digest}>"));
        }
    }
    // `/tmp/ipykernel_1234/5678.py`
    let (folder, file) = name.rsplit_once(['/', '\\'])?;
    let digest = file.strip_suffix(".py")?;
    let process = folder.rsplit(['/', '\\']).next()?.strip_prefix("ipykernel_")?;
    (!process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| format!("<ipython-input-{digest}>"))
}

/// The Python that bytecode is for: implementation and minor version.
///
/// In a pickle it is a number of four bytes, of which the first is `c`, for code, the second tells the implementation and
/// the last two are the version.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct BytecodeVersion(u32);

const IMPLEMENTATIONS: [(u8, &str); 2] = [(b'C', "CPython"), (b'P', "PyPy")];

impl BytecodeVersion {
    pub(crate) fn of_this_python(py: Python<'_>) -> PyResult<Self> {
        let implementation: String = py.import("sys")?.getattr("implementation")?.getattr("name")?.extract()?;
        let known = IMPLEMENTATIONS.iter().find(|(_, name)| name.eq_ignore_ascii_case(&implementation));
        let version = py.version_info();
        Ok(Self(u32::from_be_bytes([b'c', known.map_or(b'?', |(letter, _)| *letter), version.major, version.minor])))
    }

    /// The version that a number in a pickle stands for, if it stands for one.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        (number >> 24 == u32::from(b'c')).then_some(Self(number))
    }

    pub(crate) const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for BytecodeVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, letter, major, minor] = self.0.to_be_bytes();
        let known = IMPLEMENTATIONS.iter().find(|(other, _)| *other == letter);
        write!(out, "{} {major}.{minor}", known.map_or("another Python", |(_, name)| name))
    }
}

/// Whether an object is written as, or around, a code object.
#[inline]
pub(crate) fn is_made_of_code<'py>(obj: &Bound<'py, PyAny>, reduction: &Reduction<'py>) -> bool {
    let py = obj.py();
    obj.get_type().is(&Runtime::get(py).code_type) || reduction.callable.is(&Wire::get(py).make_function)
}

/// What a pickle says before its first code object, besides the version: whose code it is. A function's module and
/// qualified name, or None and the name of a code object. The strings are those that are written anyway.
pub(crate) fn owner_of_code<'py>(obj: &Bound<'py, PyAny>) -> PyResult<[Bound<'py, PyAny>; 2]> {
    let py = obj.py();
    let text = |name| obj.getattr_opt(name).ok().flatten().filter(Bound::is_instance_of::<PyString>);
    match (text(intern!(py, "__module__")), text(intern!(py, "__qualname__"))) {
        (Some(module), Some(name)) => Ok([interned(&lookup::travelling_name(module))?, copy_of(&name)]),
        (None, Some(name)) => Ok([intern!(py, "").clone().into_any(), copy_of(&name)]),
        _ => {
            let name = text(intern!(py, "co_name")).unwrap_or_else(|| intern!(py, "").clone().into_any());
            Ok([py.None().into_bound(py), copy_of(&name)])
        }
    }
}
