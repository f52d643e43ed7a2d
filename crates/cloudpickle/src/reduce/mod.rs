//! Object to reduction: how the types that `pickle` refuses are taken apart. One file per family.

mod annotations;
mod attribute_names;
mod builtin_type;
mod call;
mod cell;
pub(crate) mod class;
pub(crate) mod code;
pub(crate) mod context_var;
mod dataclass;
pub(crate) mod deferred;
pub(crate) mod descriptor;
mod enumeration;
pub(crate) mod exception;
mod file;
pub(crate) mod function;
mod logger;
pub(crate) mod making;
mod method;
pub(crate) mod module;
pub(crate) mod names;
pub(crate) mod recursive_repr;
pub(crate) mod reduction;
pub(crate) mod sentinel;
pub(crate) mod singleton;
mod typing;
mod view;
mod weak;
mod wrapper;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyDict, PyList, PyTuple, PyType};

use crate::runtime::{self, Runtime};
pub(crate) use names::interned;
use names::{copy_of, interned_names};

/// Declares which types go to which reducer: one line each, `[fields of Runtime] => family::function;`. A function that
/// no type goes to has `[]`: it is added under its name only.
macro_rules! reducers {
    ($([$($($type:ident).+),*] => $family:ident :: $function:ident;)*) => {
        /// Adds the reducers to the extension, each under upstream's name, and the table `_dispatch_table` that
        /// `Pickler.dispatch_table` shows its users.
        pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
            let py = module.py();
            let runtime = Runtime::get(py);
            let table = runtime.state.reducers.bind(py);
            $({
                let function = wrap_pyfunction!($family::$function, module)?;
                $(table.set_item(&runtime.$($type).+, &function)?;)*
                runtime::add_function(module, function)?;
            })*
            deferred::add_to(module)?;
            // Made now: a dump may have no memory for it.
            py.get_type::<call::Call>();
            let own = harmless_types(runtime).map(|ty| table.as_any().get_item(ty).map(Bound::unbind));
            // A second import of the extension keeps the first one's objects.
            let _ = OWN_REDUCERS.set(py, own.into_iter().collect::<PyResult<Vec<_>>>()?);
            module.add("_dispatch_table", table)?;
            module.add("_default_dispatch_table", &runtime.state.dispatch_table)
        }
    };
}

/// The types whose reducers, of those declared below, run no code that is not known.
fn harmless_types(runtime: &Runtime) -> [&Py<PyType>; 13] {
    let state = &runtime.state;
    [
        &runtime.code_type,
        &runtime.cell_type,
        &runtime.module_type,
        &runtime.classmethod_type,
        &runtime.staticmethod_type,
        &runtime.property_type,
        &runtime.getset_descriptor_type,
        &runtime.method_type,
        &runtime.field_sentinel_type,
        &state.missing_type,
        &state.default_factory_sentinel_type,
        &state.kw_only_type,
        &runtime.mapping_proxy_type,
    ]
}

/// Whether [`has_harmless_reducer`] may be true, which takes longer to find out.
pub(crate) fn may_have_harmless_reducer(obj: &Bound<'_, PyAny>) -> bool {
    let ty = obj.get_type_ptr();
    harmless_types(Runtime::get(obj.py())).into_iter().any(|harmless| ty == harmless.as_ptr().cast())
}

/// Whether one of the reducers below that run no code that is not known reduces `obj`.
pub(crate) fn has_harmless_reducer(obj: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = obj.py();
    let (ty, runtime) = (obj.get_type_ptr(), Runtime::get(py));
    let position = harmless_types(runtime).into_iter().position(|harmless| ty == harmless.as_ptr().cast());
    match position {
        Some(position) if ty == runtime.mapping_proxy_type.as_ptr().cast() => {
            Ok(is_view_of_dict(obj, runtime)? && is_untouched(py, position)?)
        }
        Some(position) => is_untouched(py, position),
        None => Ok(false),
    }
}

/// What a property, a method of a class that is no plain function, or a read-only view is made from: a call of its type.
pub(crate) enum Descriptor<'py> {
    Property([Bound<'py, PyAny>; 4]),
    /// The function, or the dict.
    Of(Bound<'py, PyAny>),
}

/// Places in [`harmless_types`].
const CLASSMETHOD: usize = 3;
const STATICMETHOD: usize = 4;
const PROPERTY: usize = 5;
const FIELD_SENTINEL: usize = 8;
const MISSING: usize = 9;
const DEFAULT_FACTORY: usize = 10;
const MAPPING_PROXY: usize = 12;

/// What `obj` is made from, if it is such an object and its reducer is the one below.
pub(crate) fn untouched_descriptor<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Option<Descriptor<'py>>> {
    let py = obj.py();
    let (ty, runtime) = (obj.get_type_ptr(), Runtime::get(py));
    let is = |other: &Py<PyType>| ty == other.as_ptr().cast();
    let position = if is(&runtime.property_type) {
        PROPERTY
    } else if is(&runtime.classmethod_type) {
        CLASSMETHOD
    } else if is(&runtime.staticmethod_type) {
        STATICMETHOD
    } else if is(&runtime.mapping_proxy_type) {
        MAPPING_PROXY
    } else {
        return Ok(None);
    };
    if !is_untouched(py, position)? {
        return Ok(None);
    }
    match position {
        PROPERTY => descriptor::parts(obj).map(|parts| Some(Descriptor::Property(parts))),
        // Of another mapping, the methods are somebody's.
        MAPPING_PROXY if !is_view_of_dict(obj, runtime)? => Ok(None),
        MAPPING_PROXY => {
            let is_empty =
                runtime.state.empty_metadata.as_ref().is_some_and(|empty| obj.is(empty)) && obj.is_empty()?;
            let copy = if is_empty { PyDict::new(py) } else { view::copy_of_mapping(obj.cast()?)? };
            Ok(Some(Descriptor::Of(copy.into_any())))
        }
        _ => method::function_of(obj).map(|function| Some(Descriptor::Of(function))),
    }
}

/// Whether a read-only view is of a plain dict, and not of a mapping whose methods are a program's.
fn is_view_of_dict(view: &Bound<'_, PyAny>, runtime: &Runtime) -> PyResult<bool> {
    if runtime.state.empty_metadata.as_ref().is_some_and(|empty| view.is(empty)) {
        return Ok(true);
    }
    let shown = runtime.get_referents.bind(view.py()).call1((view,))?.cast_into::<PyList>()?;
    Ok(shown.len() == 1 && shown.get_item(0)?.is_exact_instance_of::<PyDict>())
}

/// The reducers of [`harmless_types`].
static OWN_REDUCERS: PyOnceLock<Vec<Py<PyAny>>> = PyOnceLock::new();

/// Whether the type of this number among [`harmless_types`] has the reducer that it was given here. The table is open to
/// everybody.
fn is_untouched(py: Python<'_>, position: usize) -> PyResult<bool> {
    let runtime = Runtime::get(py);
    let Some(own) = OWN_REDUCERS.get(py).and_then(|own| own.get(position)) else { return Ok(false) };
    let found = runtime.state.reducers.bind(py).get_item(harmless_types(runtime)[position])?;
    Ok(found.is_some_and(|reducer| reducer.is(own)))
}

/// How many of [`harmless_types`] functions consist of: code, cells, modules.
const MADE_OF: usize = 3;

/// Whether functions, and what they consist of, are reduced by nobody else's reducers.
pub(crate) fn are_untouched(py: Python<'_>) -> PyResult<bool> {
    for position in 0..MADE_OF {
        if !is_untouched(py, position)? {
            return Ok(false);
        }
    }
    nobody_reduces(&py.get_type::<PyCFunction>())
}

/// Whether no table has a reducer for objects of this type.
pub(crate) fn nobody_reduces(ty: &Bound<'_, PyType>) -> PyResult<bool> {
    let runtime = Runtime::get(ty.py());
    let (own, others) = (runtime.state.reducers.bind(ty.py()), runtime.copyreg_dispatch_table.bind(ty.py()));
    Ok(!own.contains(ty)? && !others.contains(ty)?)
}

reducers! {
    [code_type] => code::code_reduce;
    [cell_type] => cell::cell_reduce;
    [module_type] => module::module_reduce;
    [method_type] => method::method_reduce;
    [partialmethod_type] => wrapper::partialmethod_reduce;
    [lru_cache_type] => wrapper::lru_cache_reduce;
    [cached_property_type] => wrapper::cached_property_reduce;
    [context_manager_type, async_context_manager_type] => wrapper::context_manager_reduce;
    [classmethod_type, staticmethod_type, abstract_classmethod_type, abstract_staticmethod_type]
        => method::classmethod_reduce;
    [property_type, abstract_property_type] => descriptor::property_reduce;
    [getset_descriptor_type] => descriptor::getset_descriptor_reduce;
    [dict_keys_type] => view::dict_keys_reduce;
    [dict_values_type] => view::dict_values_reduce;
    [dict_items_type] => view::dict_items_reduce;
    [state.ordered_dict_keys_type] => view::odict_keys_reduce;
    [state.ordered_dict_values_type] => view::odict_values_reduce;
    [state.ordered_dict_items_type] => view::odict_items_reduce;
    [mapping_proxy_type] => view::mappingproxy_reduce;
    [memoryview_type] => view::memoryview_reduce;
    [weak_set_type] => weak::weakset_reduce;
    [weak_key_dictionary_type, weak_value_dictionary_type] => weak::weak_dictionary_reduce;
    [weak_reference_type] => weak::weak_reference_reduce;
    [context_var_type] => context_var::context_var_reduce;
    [] => logger::logger_reduce;
    [] => logger::root_logger_reduce;
    [text_file_type] => file::file_reduce;
    [] => typing::typevar_reduce;
    [] => typing::type_parameter_reduce;
    [] => typing::type_parameter_part_reduce;
    [] => typing::new_type_reduce;
    [] => typing::type_alias_reduce;
    [] => typing::decompose_typevar;
    [field_sentinel_type] => dataclass::dataclass_field_base_reduce;
    [state.missing_type, state.default_factory_sentinel_type, state.kw_only_type]
        => sentinel::dataclass_sentinel_reduce;
    [state.token_missing_type] => sentinel::token_missing_reduce;
}

/// The reduce tuple of an object whose type reduces like one of its bases, though not by that base's own methods.
///
/// Asked when `object.__reduce_ex__` refused `obj` with a `TypeError`, which spares all others the question.
#[cold]
pub(crate) fn by_base<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let py = obj.py();
    let runtime = Runtime::get(py);
    let ty = obj.get_type();
    // On some versions text files refuse by a method of their own.
    let name = intern!(py, "__reduce_ex__");
    let own = ty.getattr(name)?;
    if !own.is(&py.get_type::<PyAny>().getattr(name)?) && !own.is(&runtime.text_file_type.bind(py).getattr(name)?) {
        return Ok(None);
    }
    if ty.is_subclass(runtime.property_type.bind(py))? {
        return descriptor::property_subclass_reduce(obj).map(Some);
    }
    if ty.is_subclass(runtime.module_type.bind(py))? {
        return module::module_reduce(obj).map(Some);
    }
    if ty.is_subclass(runtime.text_file_type.bind(py))? {
        return file::file_reduce(obj).map(Some);
    }
    Ok(None)
}
