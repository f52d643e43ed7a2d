//! The module `types`.

/// Names in `types` that are another type's here: PyPy has no separate types for the methods of types that are not written
/// in Python. Under such a name, a pickle would lead elsewhere on CPython.
pub const NAMES_BY_ACCIDENT: &[&str] = if cfg!(PyPy) {
    &[
        "WrapperDescriptorType",
        "MethodWrapperType",
        "MethodDescriptorType",
        "ClassMethodDescriptorType",
        "BuiltinMethodType",
    ]
} else {
    &[]
};

/// Whether `enum` takes a function that is not written in Python for the `__new__` of an enumeration. On PyPy it takes
/// `object.__new__` in its place.
pub const ENUM_TAKES_NATIVE_NEW: bool = cfg!(not(PyPy));
