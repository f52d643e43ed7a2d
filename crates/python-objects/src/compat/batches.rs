//! How the C pickler cuts long containers into batches.

/// Since 3.15 the C pickler writes no empty batch behind a full one, and a single item that is left over stands alone:
/// APPEND or SETITEM instead of a MARK with APPENDS or SETITEMS.
pub const REST_IS_SHORT: bool = cfg!(Py_3_15);
