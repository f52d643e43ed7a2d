//! Functions that `reprlib.recursive_repr` made, or what `dataclasses` has in its place before Python 3.13: around the
//! `__repr__` of every dataclass stands one.
//!
//! They are made anew by the same call, which is shorter than a function of the library's by value: without it, the pickle
//! of a small dataclass is a third longer and takes a sixth more time. Both makers are importable, so that plain `pickle`
//! loads this too.

use std::cell::RefCell;
use std::rc::Rc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyDict, PyFunction, PySet, PyString, PyTuple};
use python_objects::cell::contents;
use python_objects::compat::code::{CONSTANTS, NAME, NAMES};
use python_objects::function::{Annotations, FunctionParts};

use super::call::Call;
use super::function::is_atom;
use super::reduction::Reduction;
use super::{annotations, copy_of, interned};
use crate::by_value::known_code::KnownCode;
use crate::by_value::lookup;
use crate::runtime::Runtime;

/// What the inner function is called in both modules.
const INNER: &str = "wrapper";
/// How deep the code of the inner function stands in that of the maker: `reprlib`'s has a decorator in between.
const DEPTH: usize = 2;

/// Code that looks like that of the inner function.
pub(crate) struct InnerCode {
    /// Whether its maker is called with a `fillvalue`, and what that returns with the function; or with the function.
    has_fillvalue: bool,
    /// What was found last. It counts as long as it is found: a module may be reloaded.
    maker: RefCell<Option<Rc<Maker>>>,
}

/// What makes functions of one code.
struct Maker {
    module: Py<PyString>,
    name: Py<PyString>,
    function: Py<PyFunction>,
    /// Whether it leaves the function as `__wrapped__`.
    wraps: bool,
}

impl InnerCode {
    /// What is known of `code`, if it looks so.
    ///
    /// # Errors
    /// What reading the fields of the code raises, such as a `MemoryError`.
    pub(crate) fn of(code: &Bound<'_, PyCode>) -> PyResult<Option<Self>> {
        let py = code.py();
        let name = Runtime::get(py).state.code_fields.object(code, NAME)?;
        if !name.cast::<PyString>().is_ok_and(|name| *name == INNER) {
            return Ok(None);
        }
        let variables = code.getattr(intern!(py, "co_freevars"))?;
        let has_fillvalue = variables.eq(("fillvalue", "repr_running", "user_function"))?;
        let looks_so = has_fillvalue || variables.eq(("repr_running", "user_function"))?;
        Ok(looks_so.then(|| Self { has_fillvalue, maker: RefCell::new(None) }))
    }

    fn maker(&self, code: &Bound<'_, PyAny>) -> PyResult<Option<Rc<Maker>>> {
        let known = self.maker.borrow().clone();
        if let Some(known) = known
            && known.is_found(code.py())?
        {
            return Ok(Some(known));
        }
        let maker = Maker::of(code)?.map(Rc::new);
        self.maker.replace(maker.clone());
        Ok(maker)
    }
}

impl Maker {
    fn of(code: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let py = code.py();
        let makers = [
            (intern!(py, "dataclasses"), intern!(py, "_recursive_repr")),
            (intern!(py, "reprlib"), intern!(py, "recursive_repr")),
        ];
        for (module, name) in makers {
            let Some(function) = find(module, name)? else { continue };
            if let Some(around) = code_around(code, &function.getattr(intern!(py, "__code__"))?, DEPTH)? {
                let names = Runtime::get(py).state.code_fields.object(&around, NAMES)?;
                let wraps = names.contains(intern!(py, "__wrapped__"))? || names.contains(intern!(py, "wraps"))?;
                let (module, name) = (module.clone().unbind(), name.clone().unbind());
                return Ok(Some(Self { module, name, function: function.unbind(), wraps }));
            }
        }
        Ok(None)
    }

    fn is_found(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(find(self.module.bind(py), self.name.bind(py))?.is_some_and(|found| found.is(&self.function)))
    }
}

/// The function that a module has under a name.
fn find<'py>(module: &Bound<'py, PyString>, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyFunction>>> {
    let Some(module) = lookup::imported(module)? else { return Ok(None) };
    let found = module.getattr_opt(name)?;
    Ok(found.and_then(|found| found.cast_into_exact().ok()))
}

/// The code of which `code` is a constant, or a copy of one that travelled: `outer`, or a constant of it.
fn code_around<'py>(
    code: &Bound<'py, PyAny>,
    outer: &Bound<'py, PyAny>,
    depth: usize,
) -> PyResult<Option<Bound<'py, PyCode>>> {
    let Ok(outer) = outer.cast_exact::<PyCode>() else { return Ok(None) };
    let constants = Runtime::get(code.py()).state.code_fields.object(outer, CONSTANTS)?;
    for constant in constants.cast::<PyTuple>()?.iter_borrowed() {
        if constant.eq(code)? {
            return Ok(Some(outer.clone()));
        }
        if depth > 1
            && let Some(found) = code_around(code, &constant, depth - 1)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What such a function is made from, and what is set afterwards.
pub(crate) struct Parts<'py> {
    pub(crate) maker: Bound<'py, PyFunction>,
    pub(crate) fillvalue: Option<Bound<'py, PyAny>>,
    pub(crate) user_function: Bound<'py, PyAny>,
    /// The attributes that the maker copies from the user's function. `dataclasses` sets one of them anew, and a function
    /// that refers to the one around it is not whole yet when they are copied.
    pub(crate) attributes: [(&'py Bound<'py, PyString>, Bound<'py, PyAny>); 4],
}

impl<'py> Parts<'py> {
    /// Those of a function that has `own` parts and of whose code this is known, if a maker made it and left all else as it
    /// is: around another function than such a one, and with a `fillvalue` without parts. Neither can lead to the function
    /// itself before that is made, and what the function inside refers to can wait (`making.rs`).
    ///
    /// # Errors
    /// What looking at the function raises, such as a `MemoryError`.
    pub(crate) fn of(
        function: &Bound<'py, PyFunction>,
        own: &FunctionParts<'py>,
        known: &KnownCode,
    ) -> PyResult<Option<Self>> {
        let py = function.py();
        let (Some(inner), Some(closure)) = (&known.inner_of_recursive_repr, &own.closure) else { return Ok(None) };
        let mut variables = Vec::with_capacity(3);
        for cell in closure.iter_borrowed() {
            let Some(value) = contents(&cell)? else { return Ok(None) };
            variables.push(value);
        }
        let (Some(user_function), Some(running)) = (variables.pop(), variables.pop()) else { return Ok(None) };
        let Ok(users) = user_function.cast_exact::<PyFunction>() else { return Ok(None) };
        let fillvalue = variables.pop();
        let Some(maker) = inner.maker(&own.code)? else { return Ok(None) };
        let made_by = maker.function.bind(py);
        let users_own = FunctionParts::of(users)?;
        let is_as_made = fillvalue.is_some() == inner.has_fillvalue
            && fillvalue.as_ref().is_none_or(is_atom)
            && !is_inner(&users_own)?
            && running.cast_exact::<PySet>().is_ok_and(PySetMethods::is_empty)
            && has_only(own.attributes.as_ref(), maker.wraps.then_some(users))?
            && has_only(users_own.attributes.as_ref(), None)?
            && has_no_more(function, own)?
            && has_no_more(users, &users_own)?
            && has_same_globals(own, &FunctionParts::of(made_by)?, &known.globals)?;
        if !is_as_made {
            return Ok(None);
        }
        let attributes = [
            (intern!(py, "__module__"), interned(&lookup::travelling_name(own.module.clone()))?),
            (intern!(py, "__name__"), copy_of(&own.name)),
            (intern!(py, "__qualname__"), copy_of(&own.qualname)),
            (intern!(py, "__doc__"), own.doc.clone()),
        ];
        Ok(Some(Self { maker: made_by.clone(), fillvalue, user_function, attributes }))
    }

    /// `maker(function)`, or `maker(fillvalue)(function)`, and the attributes.
    ///
    /// # Errors
    /// A `MemoryError`.
    pub(crate) fn reduction(self) -> PyResult<Reduction<'py>> {
        let py = self.maker.py();
        let attributes = PyDict::new(py);
        for (name, value) in self.attributes {
            attributes.set_item(name, value)?;
        }
        let callable = match self.fillvalue {
            Some(fillvalue) => Call::new((self.maker, (fillvalue,)).into_pyobject(py)?)?.into_any(),
            None => self.maker.into_any(),
        };
        let state = Some((py.None(), attributes).into_pyobject(py)?.into_any());
        Ok(Reduction { state, ..Reduction::call(callable, (self.user_function,).into_pyobject(py)?) })
    }
}

/// The function that another one is made from, if that travels so.
///
/// # Errors
/// Those of [`Parts::of`].
pub(super) fn user_function_of<'py>(function: &Bound<'py, PyFunction>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let own = FunctionParts::of(function)?;
    let Ok(code) = own.code.cast_exact::<PyCode>() else { return Ok(None) };
    Ok(Parts::of(function, &own, &*KnownCode::of(code)?)?.map(|parts| parts.user_function))
}

/// Whether the code of a function looks like that of the inner one.
fn is_inner(function: &FunctionParts<'_>) -> PyResult<bool> {
    let Ok(code) = function.code.cast_exact::<PyCode>() else { return Ok(false) };
    Ok(KnownCode::of(code)?.inner_of_recursive_repr.is_some())
}

/// Whether the `__dict__` of a function holds this `__wrapped__`, or nothing.
fn has_only(attributes: Option<&Bound<'_, PyDict>>, wrapped: Option<&Bound<'_, PyFunction>>) -> PyResult<bool> {
    match (attributes, wrapped) {
        (None, wrapped) => Ok(wrapped.is_none()),
        (Some(attributes), None) => Ok(attributes.is_empty()),
        (Some(attributes), Some(wrapped)) => {
            let found = attributes.get_item(intern!(attributes.py(), "__wrapped__"))?;
            Ok(attributes.len() == 1 && found.is_some_and(|found| found.is(wrapped)))
        }
    }
}

/// Whether a function has nothing else that a maker copies in one version of Python or another, and no defaults.
fn has_no_more(function: &Bound<'_, PyFunction>, own: &FunctionParts<'_>) -> PyResult<bool> {
    let is_empty =
        |annotations: &Bound<'_, PyAny>| annotations.cast_exact::<PyDict>().is_ok_and(PyDictMethods::is_empty);
    let is_annotated = match &own.annotations {
        Annotations::Nothing => false,
        Annotations::Here(annotations) => !is_empty(annotations),
        Annotations::Ask => {
            let (name, annotations) = annotations::of_function(function)?;
            name != "__annotations__" || !is_empty(&annotations)
        }
    };
    Ok(!is_annotated && own.type_params.is_none() && own.defaults.is_none() && own.kwdefaults.is_none())
}

/// Whether these names stand for the same things in the globals of two functions. Those of one that travelled are others.
fn has_same_globals(one: &FunctionParts<'_>, other: &FunctionParts<'_>, names: &[Py<PyAny>]) -> PyResult<bool> {
    if one.globals.is(&other.globals) {
        return Ok(true);
    }
    for name in names {
        let (one, other) = (one.globals.get_item(name)?, other.globals.get_item(name)?);
        if one.as_ref().map(Bound::as_ptr) != other.as_ref().map(Bound::as_ptr) {
            return Ok(false);
        }
    }
    Ok(true)
}
