//! Code objects: the arguments of `types.CodeType` and the encoding of its instructions.

/// The attributes of a code object, in the order in which `types.CodeType` takes their values.
#[cfg(Py_3_11)]
pub const FIELDS: &[&str] = &[
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_nlocals",
    "co_stacksize",
    "co_flags",
    "co_code",
    "co_consts",
    "co_names",
    "co_varnames",
    "co_filename",
    "co_name",
    "co_qualname",
    "co_firstlineno",
    "co_linetable",
    "co_exceptiontable",
    "co_freevars",
    "co_cellvars",
];

/// The attributes of a code object, in the order in which `types.CodeType` takes their values.
#[cfg(not(Py_3_11))]
pub const FIELDS: &[&str] = &[
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_nlocals",
    "co_stacksize",
    "co_flags",
    "co_code",
    "co_consts",
    "co_names",
    "co_varnames",
    "co_filename",
    "co_name",
    "co_firstlineno",
    // PEP 626 replaced the line number table in 3.10; the constructor takes what the version has.
    if cfg!(Py_3_10) { "co_linetable" } else { "co_lnotab" },
    "co_freevars",
    "co_cellvars",
];

/// Whether a function made from code is known to have what the code says of it: its name, qualified name and docstring.
pub const NAMES_FUNCTIONS: bool = cfg!(not(PyPy));

/// The flag of code whose first constant is the docstring of its function; before Python 3.14 it is if it is a string.
pub const HAS_DOCSTRING: Option<i64> = if cfg!(Py_3_14) { Some(0x0400_0000) } else { None };

/// Where `co_flags` stands in [`FIELDS`].
pub const FLAGS: usize = 5;
/// Where `co_name` stands in [`FIELDS`].
pub const NAME: usize = 11;
/// Where the qualified name of a function made from code stands in [`FIELDS`]: before Python 3.11, that is the name.
pub const QUALNAME: usize = if cfg!(Py_3_11) { 12 } else { NAME };

/// Where `co_code`, `co_consts` and `co_names` stand in [`FIELDS`].
pub const INSTRUCTIONS: usize = 6;
/// See [`INSTRUCTIONS`].
pub const CONSTANTS: usize = 7;
/// See [`INSTRUCTIONS`].
pub const NAMES: usize = 8;

/// How far to shift the argument of `LOAD_GLOBAL` for the index into `co_names`: since 3.11 its lowest bit says whether a
/// NULL is pushed for the call that follows.
pub const LOAD_GLOBAL_SHIFT: u32 = if cfg!(all(Py_3_11, not(PyPy))) { 1 } else { 0 };
