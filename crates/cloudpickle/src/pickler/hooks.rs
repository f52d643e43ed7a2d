//! What users hang into a pickler: `persistent_id`, `reducer_override`, `dispatch_table`, `buffer_callback`.

use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyFunction, PyType};
use python_objects::building::call;
use python_objects::method;

use crate::runtime::{self, Runtime};

/// The hooks of one dump.
#[derive(Clone)]
pub(super) struct Hooks<'py> {
    /// Asked for every object, first of all.
    pub(super) persistent_id: Option<Hook<'py>>,
    pub(super) reducer_override: ReducerOverride<'py>,
    pub(super) dispatch_table: DispatchTable<'py>,
    /// Takes the buffers that travel out of band.
    pub(super) buffer_callback: Option<Bound<'py, PyAny>>,
}

/// Who reduces functions and classes.
#[derive(Clone)]
pub(super) enum ReducerOverride<'py> {
    /// `Pickler.reducer_override`, whose Rust half the engine calls directly.
    Native,
    /// A subclass's or an instance's own; it may call `super().reducer_override`.
    Method(Hook<'py>),
}

/// What is called with one object after the other.
#[derive(Clone)]
pub(super) enum Hook<'py> {
    /// A function, and the pickler that it gets first: what a method makes of a call, made once, not for each object (a
    /// twentieth of the time of such a dump).
    Function(Bound<'py, PyFunction>, Bound<'py, PyAny>),
    Other(Bound<'py, PyAny>),
}

impl<'py> From<Bound<'py, PyAny>> for Hook<'py> {
    fn from(callable: Bound<'py, PyAny>) -> Self {
        if let Some([function, owner]) = method::parts_of(&callable)
            && let Ok(function) = function.cast_into_exact()
        {
            return Self::Function(function, owner);
        }
        Self::Other(callable)
    }
}

impl<'py> Hook<'py> {
    /// # Errors
    /// What the hook raises.
    #[inline]
    pub(super) fn call(&self, obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Function(function, owner) => function.call1((owner, obj)),
            Self::Other(callable) => callable.call1((obj,)),
        }
    }
}

/// Where reducers are looked up by type.
#[derive(Clone)]
pub(super) enum DispatchTable<'py> {
    /// `Pickler.dispatch_table`: the table of the class, then `copyreg`'s.
    Default,
    /// What an instance or a subclass put in its place.
    Custom(Bound<'py, PyAny>),
}

impl<'py> Hooks<'py> {
    /// The hooks of `cloudpickle.dumps` and `dump`.
    pub(super) fn plain(buffer_callback: Option<Bound<'py, PyAny>>) -> Self {
        Self {
            persistent_id: None,
            reducer_override: ReducerOverride::Native,
            dispatch_table: DispatchTable::Default,
            buffer_callback,
        }
    }

    /// The hooks of an instance of `Pickler`, or of a subclass, as they are when its dump begins.
    pub(super) fn of_pickler(
        pickler: &Bound<'py, PyAny>,
        buffer_callback: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        let py = pickler.py();
        let runtime = Runtime::get(py);
        let reducer_override = pickler.getattr(intern!(py, "reducer_override"))?;
        let native = method::parts_of(&reducer_override)
            .is_some_and(|[function, _]| runtime::is_own_reducer_override(&function));
        let dispatch_table = pickler.getattr(intern!(py, "dispatch_table"))?;
        Ok(Self {
            persistent_id: persistent_id(pickler)?.map(Hook::from),
            reducer_override: if native {
                ReducerOverride::Native
            } else {
                ReducerOverride::Method(reducer_override.into())
            },
            dispatch_table: if dispatch_table.is(&runtime.state.dispatch_table) {
                DispatchTable::Default
            } else {
                DispatchTable::Custom(dispatch_table)
            },
            buffer_callback,
        })
    }

    /// Whether nobody but this package says how objects are written.
    pub(super) fn are_plain(&self) -> bool {
        self.persistent_id.is_none()
            && matches!(self.reducer_override, ReducerOverride::Native)
            && matches!(self.dispatch_table, DispatchTable::Default)
    }

    /// The reducer registered for `ty`, if any, among those of modules that are [known](deferred) to be imported.
    pub(super) fn reducer_for(&self, ty: &Bound<'py, PyType>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = ty.py();
        let found = match &self.dispatch_table {
            DispatchTable::Default => {
                let runtime = Runtime::get(py);
                match runtime.state.reducers.bind(py).get_item(ty) {
                    Ok(None) => runtime.copyreg_dispatch_table.bind(py).get_item(ty),
                    found => found,
                }
            }
            DispatchTable::Custom(table) => match table.get_item(ty) {
                Err(error) if error.is_instance_of::<PyKeyError>(py) => Ok(None),
                found => found.map(Some),
            },
        };
        match found {
            // A class whose metaclass is not hashable cannot be a key of the table, so it is not in there.
            Err(error) if error.is_instance_of::<PyTypeError>(py) && ty.hash().is_err() => Ok(None),
            found => found,
        }
    }
}

/// `pickler.persistent_id`, unless it is the base class's, which never has an id to give.
fn persistent_id<'py>(pickler: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = pickler.py();
    let name = intern!(py, "persistent_id");
    // Up to 3.12 the base class has a slot that is either filled by the user or raises AttributeError.
    let found = call::attribute(pickler, name).map_err(|raised| raised.take(py))?;
    let Some(found) = found else { return Ok(None) };
    let is_of_base = if let Ok(function) = found.cast_exact::<PyCFunction>() {
        // Since 3.13 the base class has a method that returns None.
        function.getattr(intern!(py, "__self__"))?.is(pickler) && function.getattr(intern!(py, "__name__"))?.eq(name)?
    } else if let Some([function, _]) = method::parts_of(&found) {
        // PyPy's base class is written in Python.
        Runtime::get(py).pickle_pickler.bind(py).getattr_opt(name)?.is_some_and(|of_base| of_base.is(&function))
    } else {
        false
    };
    Ok((!is_of_base).then_some(found))
}
