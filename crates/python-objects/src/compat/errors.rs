//! Exceptions whose type depends on the version of Python.

/// Whether exceptions have `add_note` (PEP 678).
pub const EXCEPTIONS_TAKE_NOTES: bool = cfg!(Py_3_11);

/// Whether `pickle` itself says in notes on an exception where in the graph it happened.
pub const HAVE_PICKLER_NOTES: bool = cfg!(Py_3_14);

/// Whether a name with `<locals>` in it is refused with a `PicklingError`, as since 3.14, or with an `AttributeError`.
pub const LOCAL_OBJECT_IS_PICKLING_ERROR: bool = cfg!(Py_3_14);

/// Whether an unpickler that misses a global hands on what the module says, as since 3.14, or has words of its own.
pub const MODULES_SAY_WHAT_THEY_LACK: bool = cfg!(Py_3_14);
