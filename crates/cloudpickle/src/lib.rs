//! `cloudpickle._native`: the pickler, its reducers, and the reconstructors that its pickles name.
//!
//! - [`pickler`]: object to bytes. The engine, its memo, its hooks, one `save_*` per kind of object.
//! - [`by_value`]: by reference or by value? The registry, the lookup, the names that code uses, class identity.
//! - [`reduce`]: object to [`reduce::Reduction`]. One file per family.
//! - [`rebuild`]: the functions a pickle calls when it is loaded. One file per family, the other half of `reduce`.
//! - [`unpickler`]: bytes to object, for `loads` and `load`.
//! - [`exception_note`]: a line that is added to an exception.
//! - [`address`]: tables by the address of an object.
//! - [`runtime`]: the Python objects that all of these need, looked up once at import.
#![forbid(unsafe_code)]

mod address;
mod by_value;
mod exception_note;
mod pickler;
mod rebuild;
mod reduce;
mod runtime;
mod unpickler;

use pyo3::prelude::*;

// Importing it does not switch the global lock on where there is none: SAFETY.md says what that relies on.
#[pymodule(name = "_native", gil_used = false)]
mod native {
    #[pymodule_export]
    use super::pickler::python_api::{PicklerCore, PicklerMemoProxy};
    #[pymodule_export]
    use super::runtime::set_reducer_override;
    use super::{Bound, PyModule, PyModuleMethods, PyResult, by_value, pickler, rebuild, reduce, runtime, unpickler};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        runtime::load(module.py())?;
        unpickler::make_types(module.py());
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("DeepRecursionError", &runtime::Runtime::get(module.py()).state.deep_recursion_error)?;
        pickler::python_api::add_to(module)?;
        by_value::add_to(module)?;
        rebuild::add_to(module)?;
        reduce::add_to(module)
    }
}
