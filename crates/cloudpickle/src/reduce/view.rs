//! Views: of dictionaries, of mappings, of memory. A view travels with a copy of what it shows and no more.

use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMappingProxy, PyTuple};

use crate::rebuild::Wire;
use crate::runtime::Runtime;

/// `list(object)`
fn list_of<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    object.py().get_type::<PyList>().call1((object,))
}

/// `dict(list(object))`. A list is made of a dict's items in one go, also where other threads change the dict meanwhile.
fn dict_of_items<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    object.py().get_type::<PyDict>().call1((list_of(object)?,))
}

/// `dict(proxy)`
///
/// A dict is copied as a whole. The call would ask for the keys and then for the value of each, which another thread may
/// have taken out in between.
pub(super) fn copy_of_mapping<'py>(proxy: &Bound<'py, PyMappingProxy>) -> PyResult<Bound<'py, PyDict>> {
    let py = proxy.py();
    match proxy.call_method0(intern!(py, "copy")) {
        Ok(copy) => {
            if let Ok(copy) = copy.cast_into_exact::<PyDict>() {
                return Ok(copy);
            }
        }
        Err(error) if error.is_instance_of::<PyAttributeError>(py) => {}
        Err(error) => return Err(error),
    }
    // Of a mapping that is no dict.
    Ok(py.get_type::<PyDict>().call1((proxy,))?.cast_into::<PyDict>()?)
}

/// `_make_dict_keys(list of keys)`
#[pyfunction]
#[pyo3(name = "_dict_keys_reduce")]
pub(crate) fn dict_keys_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    (&Wire::get(obj.py()).make_dict_keys, (list_of(obj)?,)).into_pyobject(obj.py())
}

/// `_make_dict_values(list of values)`
#[pyfunction]
#[pyo3(name = "_dict_values_reduce")]
pub(crate) fn dict_values_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    (&Wire::get(obj.py()).make_dict_values, (list_of(obj)?,)).into_pyobject(obj.py())
}

/// `_make_dict_items(dict)`
#[pyfunction]
#[pyo3(name = "_dict_items_reduce")]
pub(crate) fn dict_items_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    (&Wire::get(obj.py()).make_dict_items, (dict_of_items(obj)?,)).into_pyobject(obj.py())
}

/// `_make_dict_keys(list of keys, True)`: the keys of an `OrderedDict`.
#[pyfunction]
#[pyo3(name = "_odict_keys_reduce")]
pub(crate) fn odict_keys_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    (&Wire::get(obj.py()).make_dict_keys, (list_of(obj)?, true)).into_pyobject(obj.py())
}

/// `_make_dict_values(list of values, True)`: the values of an `OrderedDict`.
#[pyfunction]
#[pyo3(name = "_odict_values_reduce")]
pub(crate) fn odict_values_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    (&Wire::get(obj.py()).make_dict_values, (list_of(obj)?, true)).into_pyobject(obj.py())
}

/// `_make_dict_items(dict, True)`: the items of an `OrderedDict`.
#[pyfunction]
#[pyo3(name = "_odict_items_reduce")]
pub(crate) fn odict_items_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    (&Wire::get(obj.py()).make_dict_items, (dict_of_items(obj)?, true)).into_pyobject(obj.py())
}

/// `MappingProxyType(dict)`
#[pyfunction]
#[pyo3(name = "_mappingproxy_reduce")]
pub(crate) fn mappingproxy_reduce<'py>(obj: &Bound<'py, PyMappingProxy>) -> PyResult<Bound<'py, PyTuple>> {
    (&Runtime::get(obj.py()).mapping_proxy_type, (copy_of_mapping(obj)?,)).into_pyobject(obj.py())
}

/// `bytes(contents)`: a `memoryview` arrives as bytes.
#[pyfunction]
#[pyo3(name = "_memoryview_reduce")]
pub(crate) fn memoryview_reduce<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = obj.py();
    (&Runtime::get(py).bytes_type, (obj.call_method0(intern!(py, "tobytes"))?,)).into_pyobject(py)
}
