//! What `object` takes for the state of an instance.

/// Whether an empty `__dict__` is a state. Since Python 3.11 it is none.
pub const EMPTY_DICT_IS_STATE: bool = cfg!(not(Py_3_11));
