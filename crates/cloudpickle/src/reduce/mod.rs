//! Object to reduction: how the types that `pickle` refuses are taken apart. One file per family.

mod annotations;
mod builtin_type;
mod call;
mod cell;
pub(crate) mod class;
pub(crate) mod code;
mod context_var;
mod dataclass;
pub(crate) mod descriptor;
mod enumeration;
pub(crate) mod exception;
mod file;
pub(crate) mod function;
mod logger;
pub(crate) mod making;
mod method;
pub(crate) mod module;
pub(crate) mod reduction;
mod sentinel;
pub(crate) mod singleton;
mod typing;
mod view;
mod weak;
mod wrapper;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::runtime::{self, Runtime};

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
            typing::add_to(module, table)?;
            module.add("_dispatch_table", table)?;
            module.add("_default_dispatch_table", &runtime.state.dispatch_table)
        }
    };
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
    [logger_type] => logger::logger_reduce;
    [root_logger_type] => logger::root_logger_reduce;
    [text_file_type] => file::file_reduce;
    [type_var_type] => typing::typevar_reduce;
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

/// A string equal to `name` and not the same object.
///
/// CPython interns names, so that one string object is the name of many things; how many depends on what else the
/// process did. The memo goes by identity, so that the bytes of a pickle would depend on it too. (Strings of one
/// character below 256 are the same object in every process, and stay so.)
fn copy_of<'py>(name: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    match name.cast_exact::<PyString>().ok().and_then(|name| name.to_str().ok()) {
        Some(text) => PyString::new(name.py(), text).into_any(),
        // Not a plain string, or one with lone surrogates: left as it is.
        None => name.clone(),
    }
}

/// The interned string that equals `name`; what is no plain string is left as it is.
///
/// For names that belong to many functions and classes: of modules, files and classes. In the process that defined them
/// they are one object, so that the memo writes them once; in one that loaded them from several pickles they are several,
/// and the bytes would differ.
pub(crate) fn interned<'py>(name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = name.py();
    match name.cast_exact::<PyString>() {
        Ok(text) => Runtime::get(py).sys_intern.bind(py).call1((text,)),
        Err(_) => Ok(name.clone()),
    }
}

/// A tuple of the interned strings that equal `names`, not the same object; what is no tuple is left as it is.
///
/// The compiler makes one object of equal tuples of constants in a class body.
fn interned_names<'py>(names: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let Ok(tuple) = names.cast_exact::<PyTuple>() else { return Ok(names.clone()) };
    let names = tuple.iter().map(|name| interned(&name)).collect::<PyResult<Vec<_>>>()?;
    Ok(PyTuple::new(tuple.py(), names)?.into_any())
}
