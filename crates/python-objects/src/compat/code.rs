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

/// Where `co_code`, `co_consts` and `co_names` stand in [`FIELDS`].
pub const INSTRUCTIONS: usize = 6;
/// See [`INSTRUCTIONS`].
pub const CONSTANTS: usize = 7;
/// See [`INSTRUCTIONS`].
pub const NAMES: usize = 8;

/// How far to shift the argument of `LOAD_GLOBAL` for the index into `co_names`: since 3.11 its lowest bit says whether a
/// NULL is pushed for the call that follows.
pub const LOAD_GLOBAL_SHIFT: u32 = if cfg!(all(Py_3_11, not(PyPy))) { 1 } else { 0 };
