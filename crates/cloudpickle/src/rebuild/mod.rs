//! The functions that a pickle calls when it is loaded, under the names upstream puts on the wire.
//!
//! One file per family; `rebuild/x.rs` undoes what `reduce/x.rs` wrote.

pub(crate) mod cell;
mod class;
mod code;
pub(crate) mod context_var;
mod dataclass;
mod descriptor;
mod enumeration;
mod file;
mod function;
mod in_progress;
mod loads;
mod module;
mod singleton;
mod typing;
mod view;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyDict, PyString, PyTuple};

use crate::by_value::class_tracker;
use crate::reduce::interned;
use crate::runtime::{self, Runtime};

/// Declares [`Wire`]: one line per reconstructor, `family::function;`, under the module that pickles name. The name on
/// the wire is the one its `#[pyo3(name = ...)]` gives.
macro_rules! reconstructors {
    ($($wire_module:literal: { $($family:ident :: $function:ident;)* })*) => {
        /// The reconstructors as Python objects, as reductions name them.
        pub(crate) struct Wire {
            $($(pub(crate) $function: Py<PyCFunction>,)*)*
        }

        impl Wire {
            /// Which of the reconstructors that classes and types are written with `obj` is, and its name: as an object, and
            /// as it is written.
            pub(crate) fn find<'py>(
                &self,
                obj: &Bound<'py, PyAny>,
            ) -> Option<(&Py<PyCFunction>, &'py Bound<'py, PyString>, &'static str)> {
                let py = obj.py();
                if obj.is(&self.make_skeleton_class) {
                    let name = intern!(py, "_make_skeleton_class");
                    Some((&self.make_skeleton_class, name, "_make_skeleton_class"))
                } else if obj.is(&self.class_setstate) {
                    Some((&self.class_setstate, intern!(py, "_class_setstate"), "_class_setstate"))
                } else if obj.is(&self.make_skeleton_enum) {
                    Some((&self.make_skeleton_enum, intern!(py, "_make_skeleton_enum"), "_make_skeleton_enum"))
                } else if obj.is(&self.builtin_type) {
                    Some((&self.builtin_type, intern!(py, "_builtin_type"), "_builtin_type"))
                } else {
                    None
                }
            }
        }

        /// Adds the reconstructors to the extension.
        pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
            let py = module.py();
            let wire = Wire {
                $($($function: wrap_pyfunction!($family::$function, module)?.unbind(),)*)*
            };
            $(for function in [$(&wire.$function),*] {
                runtime::add_function_of(intern!(py, $wire_module), module, function.bind(py).clone())?;
            })*
            loads::add_to(module)?;
            module.add("_empty_cell_value", &Runtime::get(py).state.empty_cell_value)?;
            // A second import of the extension keeps the first one's objects.
            let _ = WIRE.set(py, wire);
            Ok(())
        }
    };
}

reconstructors! {
    "cloudpickle.cloudpickle": {
        cell::make_cell;
        cell::make_empty_cell;
        cell::get_cell_contents;
        function::make_function;
        function::function_setstate;
        class::make_skeleton_class;
        class::class_setstate;
        class::builtin_type;
        class::instance;
        class_tracker::lookup_class_or_track;
        enumeration::make_skeleton_enum;
        module::subimport;
        module::dynamic_subimport;
        typing::make_typevar;
        view::make_dict_keys;
        view::make_dict_values;
        view::make_dict_items;
        file::file_reconstructor;
        dataclass::get_dataclass_field_type_sentinel;

        // Written by versions before 2.0 only.
        function::make_skel_func;
        function::fill_function;
        class::rehydrate_skeleton_class;
        singleton::gen_ellipsis;
        singleton::gen_not_implemented;
    }

    // What upstream cannot send at all. Where only upstream is installed, loading fails with a ModuleNotFoundError that
    // names this module.
    "cloudpickle.reconstructors": {
        context_var::make_context_var;
        descriptor::make_property;
        singleton::make_singleton;
        singleton::singleton_setstate;
    }
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

/// The two halves of the state of a function or class: its attributes, and what must be set otherwise.
fn state_pair<'py>(state: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>)> {
    match state.cast::<PyTuple>() {
        Ok(state) => Ok(state.extract()?),
        Err(_) => Ok(state
            .try_iter()?
            .collect::<PyResult<Vec<_>>>()
            .and_then(|both| PyTuple::new(state.py(), both))?
            .extract()?),
    }
}

/// `target.update(entries)` for a namespace, which is a dict as a rule.
fn update<'py>(target: &Bound<'py, PyAny>, entries: &Bound<'py, PyAny>) -> PyResult<()> {
    match (target.cast_exact::<PyDict>(), entries.cast::<PyDict>()) {
        (Ok(_), Ok(entries)) if entries.is_exact_instance_of::<PyDict>() && entries.is_empty() => Ok(()),
        (Ok(target), Ok(entries)) => target.update(entries.as_mapping()),
        _ => target.call_method1(intern!(target.py(), "update"), (entries,)).map(|_| ()),
    }
}

/// Adds `__builtins__` to a namespace, which is a dict as a rule.
fn add_builtins(namespace: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = namespace.py();
    let (name, builtins) = (intern!(py, "__builtins__"), &Runtime::get(py).builtins);
    match namespace.cast_exact::<PyDict>() {
        Ok(namespace) => namespace.set_item(name, builtins),
        Err(_) => namespace.set_item(name, builtins),
    }
}

/// Makes the keys of annotations interned strings, as the compiler does: their identity decides what a later dump
/// memoizes. Anything but a dict of strings is left as it is.
fn intern_keys(annotations: &Bound<'_, PyAny>) -> PyResult<()> {
    let Ok(annotations) = annotations.cast_exact::<PyDict>() else { return Ok(()) };
    if annotations.is_empty() {
        return Ok(());
    }
    let items: Vec<_> = annotations.iter().collect();
    if items.iter().all(|(name, _)| name.is_exact_instance_of::<PyString>()) {
        annotations.clear();
        for (name, value) in items {
            annotations.set_item(interned(&name)?, value)?;
        }
    }
    Ok(())
}
