//! Exceptions whose type depends on the version of Python.

/// Whether a name with `<locals>` in it is refused with a `PicklingError`, as since 3.14, or with an `AttributeError`.
pub const LOCAL_OBJECT_IS_PICKLING_ERROR: bool = cfg!(Py_3_14);
