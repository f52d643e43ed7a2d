//! The functions that a pickle calls when it is loaded, under the names upstream puts on the wire.
//!
//! One file per family; `rebuild/x.rs` undoes what `reduce/x.rs` wrote.

mod cell;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyCFunction;

/// The module that pickles name; upstream workers have it too.
const WIRE_MODULE: &str = "cloudpickle.cloudpickle";

/// Declares [`Wire`]: one line per reconstructor, `family::function;`. The name on the wire is the one its
/// `#[pyo3(name = ...)]` gives.
macro_rules! reconstructors {
    ($($family:ident :: $function:ident;)*) => {
        /// The reconstructors as Python objects, as reductions name them.
        pub(crate) struct Wire {
            $(pub(crate) $function: Py<PyCFunction>,)*
        }

        /// Adds the reconstructors to the extension.
        pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
            let py = module.py();
            let wire = Wire {
                $($function: wrap_pyfunction!($family::$function, module)?.unbind(),)*
            };
            for function in [$(&wire.$function),*] {
                let function = function.bind(py).clone();
                // `save_global` finds them, and writes them, as upstream's.
                function.setattr(intern!(py, "__module__"), WIRE_MODULE)?;
                module.add_function(function)?;
            }
            // A second import of the extension keeps the first one's objects.
            let _ = WIRE.set(py, wire);
            Ok(())
        }
    };
}

reconstructors! {
    cell::make_cell;
    cell::make_empty_cell;
}

static WIRE: PyOnceLock<Wire> = PyOnceLock::new();

impl Wire {
    /// The process's reconstructors.
    ///
    /// # Panics
    /// If the extension was not imported, which no Python code can bring about.
    pub(crate) fn get(py: Python<'_>) -> &'static Wire {
        WIRE.get(py).expect("set when the module was imported")
    }
}
