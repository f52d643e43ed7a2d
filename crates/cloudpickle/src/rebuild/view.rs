//! Views of dictionaries: what `keys()`, `values()` and `items()` return.
//!
//! A view travels with what it shows and no more: the values behind `keys()` may be none of the receiver's business.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::runtime::Runtime;

/// `dict` or `OrderedDict`.
fn dict_type(py: Python<'_>, is_ordered: bool) -> Bound<'_, PyType> {
    if is_ordered { Runtime::get(py).ordered_dict_type.bind(py).clone() } else { py.get_type::<PyDict>() }
}

/// The keys of a dict (an `OrderedDict` if `is_ordered`) whose keys are those in `obj`.
#[pyfunction]
#[pyo3(name = "_make_dict_keys", signature = (obj, is_ordered = false))]
pub(crate) fn make_dict_keys<'py>(obj: &Bound<'py, PyAny>, is_ordered: bool) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    dict_type(py, is_ordered).call_method1(intern!(py, "fromkeys"), (obj,))?.call_method0(intern!(py, "keys"))
}

/// The values of a dict (an `OrderedDict` if `is_ordered`) whose values are those in `obj`.
#[pyfunction]
#[pyo3(name = "_make_dict_values", signature = (obj, is_ordered = false))]
pub(crate) fn make_dict_values<'py>(obj: &Bound<'py, PyAny>, is_ordered: bool) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    let dict = dict_type(py, is_ordered).call0()?;
    for (key, value) in obj.try_iter()?.enumerate() {
        dict.set_item(key, value?)?;
    }
    dict.call_method0(intern!(py, "values"))
}

/// The items of the dict `obj` (of an `OrderedDict` made from it if `is_ordered`).
#[pyfunction]
#[pyo3(name = "_make_dict_items", signature = (obj, is_ordered = false))]
pub(crate) fn make_dict_items(obj: Bound<'_, PyAny>, is_ordered: bool) -> PyResult<Bound<'_, PyAny>> {
    let py = obj.py();
    let dict = if is_ordered { dict_type(py, true).call1((obj,))? } else { obj };
    dict.call_method0(intern!(py, "items"))
}
