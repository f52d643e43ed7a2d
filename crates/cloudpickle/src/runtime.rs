//! The Python objects this extension needs, looked up once, when it is imported.
//!
//! One struct holds every static of the crate: what is process-wide is seen in one place, and a failing lookup is an
//! ImportError of `cloudpickle`, not a surprise in the middle of a dump.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

/// Declares [`Runtime`]: one line per object, `field: Type = "module" . "attribute" . "attribute"`.
macro_rules! looked_up {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $module:literal $(. $attribute:literal)*;)*) => {
        /// What is looked up at import.
        pub(crate) struct Runtime {
            $($(#[$doc])* pub(crate) $field: Py<$type>,)*
        }

        impl Runtime {
            fn look_up(py: Python<'_>) -> PyResult<Self> {
                Ok(Self {
                    $($field: {
                        let object = py.import($module)?.into_any();
                        $(let object = object.getattr($attribute)?;)*
                        object.cast_into::<$type>()?.unbind()
                    },)*
                })
            }
        }
    };
}

looked_up! {
    /// `types.CellType`, the type of the variables of a closure.
    cell_type: PyType = "types" . "CellType";
    /// What `copyreg.pickle` fills: type to reducer, consulted after a pickler's own `dispatch_table`.
    copyreg_dispatch_table: PyDict = "copyreg" . "dispatch_table";
}

static RUNTIME: PyOnceLock<Runtime> = PyOnceLock::new();

/// Looks everything up. Called once, by the module's initialisation.
pub(crate) fn load(py: Python<'_>) -> PyResult<()> {
    RUNTIME.get_or_try_init(py, || Runtime::look_up(py)).map(|_| ())
}

impl Runtime {
    /// The process's runtime.
    ///
    /// # Panics
    /// If the extension was not imported, which no Python code can bring about.
    pub(crate) fn get(py: Python<'_>) -> &'static Runtime {
        RUNTIME.get(py).expect("loaded when the module was imported")
    }
}
