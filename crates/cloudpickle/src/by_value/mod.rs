//! By reference or by value? What can be imported where the pickle is loaded is named; everything else travels whole.
//!
//! - [`lookup`]: can an object be found by importing the module it says it comes from?
//! - [`registry`]: the modules whose functions and classes the user wants to travel whole all the same.
//! - [`code_globals`], [`submodules`]: what the code of a function that travels whole refers to.
//! - [`known_code`]: the same, remembered for as long as the code lives.
//! - [`spawned`]: classes of the script that a spawned child runs a second time.
//! - [`class_tracker`]: a class that travels by value several times stays one class.
//! - [`definition`]: what of such a class was edited since it last travelled.

pub(crate) mod class_tracker;
pub(crate) mod code_globals;
pub(crate) mod definition;
pub(crate) mod known_code;
pub(crate) mod lookup;
pub(crate) mod registry;
pub(crate) mod spawned;
pub(crate) mod submodules;

use pyo3::prelude::*;
use pyo3::types::PyCFunction;

use crate::reduce::class;
use crate::runtime::{self, Runtime};

/// Adds this module's functions to the extension, each under upstream's name.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let functions: [Bound<'_, PyCFunction>; 12] = [
        wrap_pyfunction!(registry::register_pickle_by_value, module)?,
        wrap_pyfunction!(registry::unregister_pickle_by_value, module)?,
        wrap_pyfunction!(registry::list_registry_pickle_by_value, module)?,
        wrap_pyfunction!(registry::is_registered_pickle_by_value, module)?,
        wrap_pyfunction!(lookup::getattribute, module)?,
        wrap_pyfunction!(lookup::whichmodule, module)?,
        wrap_pyfunction!(lookup::lookup_module_and_qualname, module)?,
        wrap_pyfunction!(lookup::should_pickle_by_reference, module)?,
        wrap_pyfunction!(code_globals::extract_code_globals, module)?,
        wrap_pyfunction!(class::extract_class_dict, module)?,
        wrap_pyfunction!(class_tracker::get_or_create_tracker_id, module)?,
        wrap_pyfunction!(class_tracker::count_tracked_classes, module)?,
    ];
    for function in functions {
        runtime::add_function(module, function)?;
    }
    module.add("_BUILTIN_TYPE_NAMES", &Runtime::get(module.py()).state.builtin_type_names)?;
    registry::add_to(module)
}
