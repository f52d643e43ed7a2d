//! What a reducer returns: how to call for the object, and how to fill it.

use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple, PyType};

use crate::runtime::Runtime;

/// The reduce tuple of `object.__reduce__`, checked: two to six items.
/// <https://docs.python.org/3/library/pickle.html#object.__reduce__>
pub(crate) struct Reduction<'py> {
    /// Makes the object.
    pub(crate) callable: Bound<'py, PyAny>,
    /// Its arguments.
    pub(crate) args: Bound<'py, PyTuple>,
    /// What BUILD, or the state setter, gives to the object.
    pub(crate) state: Option<Bound<'py, PyAny>>,
    /// An iterator of items to append.
    pub(crate) list_items: Option<Bound<'py, PyIterator>>,
    /// An iterator of pairs to set.
    pub(crate) dict_items: Option<Bound<'py, PyIterator>>,
    /// Called with the object and its state instead of BUILD (Python 3.8).
    pub(crate) state_setter: Option<Bound<'py, PyAny>>,
}

impl<'py> Reduction<'py> {
    /// `callable(*args)`, and nothing to fill in.
    pub(crate) fn call(callable: Bound<'py, PyAny>, args: Bound<'py, PyTuple>) -> Self {
        Self { callable, args, state: None, list_items: None, dict_items: None, state_setter: None }
    }

    /// Reads the tuple that a reducer of Python code returned.
    ///
    /// # Errors
    /// `PicklingError`, in the words of `_pickle`, if the tuple has another shape than documented.
    pub(crate) fn from_tuple(tuple: &Bound<'py, PyTuple>) -> PyResult<Self> {
        let py = tuple.py();
        let refused = |message: String| Runtime::get(py).pickling_error(py, message);
        if !(2..=6).contains(&tuple.len()) {
            return Err(refused("tuple returned by __reduce__ must contain 2 through 6 elements".into()));
        }
        // Asked for what is not there, the tuple makes an exception.
        let item = |index| {
            if index < tuple.len() { tuple.get_item(index).ok().filter(|item| !item.is_none()) } else { None }
        };
        let callable = tuple.get_item(0)?;
        if !callable.is_callable() {
            let found = type_name(&callable.get_type());
            return Err(refused(format!(
                "first item of the tuple returned by __reduce__ must be callable, not {found}"
            )));
        }
        let args = tuple.get_item(1)?.cast_into::<PyTuple>().map_err(|error| {
            let found = type_name(&error.into_inner().get_type());
            refused(format!("second item of the tuple returned by __reduce__ must be a tuple, not {found}"))
        })?;
        let iterator = |index, which| {
            item(index).map(Bound::cast_into::<PyIterator>).transpose().map_err(|error| {
                let found = type_name(&error.into_inner().get_type());
                refused(format!("{which} item of the tuple returned by __reduce__ must be an iterator, not {found}"))
            })
        };
        let list_items = iterator(3, "fourth")?;
        let dict_items = iterator(4, "fifth")?;
        let state_setter = item(5);
        if let Some(setter) = state_setter.as_ref().filter(|setter| !setter.is_callable()) {
            return Err(refused(format!(
                "sixth item of the tuple returned by __reduce__ must be callable, not {}",
                type_name(&setter.get_type())
            )));
        }
        Ok(Self { callable, args, state: item(2), list_items, dict_items, state_setter })
    }

    /// The tuple, as `Pickler.reducer_override` returns it to Python code.
    pub(crate) fn into_tuple(self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        if self.state.is_none() && self.state_setter.is_none() {
            return (self.callable, self.args).into_pyobject(py);
        }
        (self.callable, self.args, self.state, self.list_items, self.dict_items, self.state_setter).into_pyobject(py)
    }
}

/// The name of a type as it stands in messages; never an error of its own.
pub(crate) fn type_name(ty: &Bound<'_, PyType>) -> String {
    ty.name().map_or_else(|_| "?".to_owned(), |name| name.to_string())
}
