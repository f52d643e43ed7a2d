//! Object to reduction: how the types that `pickle` refuses are taken apart. One file per family.

mod cell;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::runtime::Runtime;

/// The module upstream's reducers live in.
const REDUCER_MODULE: &str = "cloudpickle.cloudpickle";

/// Declares which type goes to which reducer: one line each, `field of Runtime => family::function;`.
macro_rules! reducers {
    ($($type:ident => $family:ident :: $function:ident;)*) => {
        /// Adds the reducers to the extension, each under upstream's name, and the table `_dispatch_table` that
        /// `Pickler.dispatch_table` shows its users.
        pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
            let py = module.py();
            let runtime = Runtime::get(py);
            let table = PyDict::new(py);
            $({
                let function = wrap_pyfunction!($family::$function, module)?;
                function.setattr(intern!(py, "__module__"), REDUCER_MODULE)?;
                table.set_item(&runtime.$type, &function)?;
                module.add_function(function)?;
            })*
            module.add("_dispatch_table", table)
        }
    };
}

reducers! {
    cell_type => cell::cell_reduce;
}
