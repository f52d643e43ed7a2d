//! What numpy's own reductions of arrays and dtypes hold, learned from numpy once in the process: to ask it each time takes
//! longer than all else that a dump of an array does.
//!
//! What was learned counts as long as the types are the same, by their versions, and what it names is still found there.
//! Whether a reducer is registered for them is asked in each dump.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::{MutexExt, PyOnceLock};
use pyo3::types::{PyFunction, PyModule, PyString, PyTuple, PyType};
use python_objects::kind::Kind;
use python_objects::{identity, instance};

use crate::address::ByAddress;
use crate::by_value::lookup;
use crate::reduce::reduction::Reduction;
use crate::runtime::Runtime;

/// What was learned.
pub(crate) struct NumpyReductions {
    /// Nothing, if numpy's reduction was not as expected.
    arrays: PyOnceLock<Option<Arrays>>,
    dtypes: Mutex<Dtypes>,
}

/// By the address of a dtype, which is kept. There are two dozen that are built in.
type Dtypes = ByAddress<(Py<PyAny>, Option<Arc<Dtype>>)>;

impl NumpyReductions {
    pub(crate) fn none_yet() -> Self {
        Self { arrays: PyOnceLock::new(), dtypes: Mutex::default() }
    }
}

/// `from_buffer(PickleBuffer(array), dtype, shape, "C")`
struct Arrays {
    from_buffer: Py<PyAny>,
    /// The name of the module that has it: another one since numpy 2.
    module: Py<PyString>,
    version: Option<u32>,
}

/// The reduction of a dtype that cannot be changed: `class(*args)` and a state.
pub(super) struct Dtype {
    pub(super) class: Py<PyAny>,
    /// The names of the module of the class, and its own.
    pub(super) names: [Py<PyString>; 2],
    /// What numpy has registered with `copyreg` for its classes of dtypes, and returns the name of this one.
    reducer_of_class: Option<Py<PyAny>>,
    /// Strings and atoms.
    pub(super) args: Py<PyTuple>,
    /// The same.
    pub(super) state: Py<PyTuple>,
    version: Option<u32>,
}

/// The protocol that has buffers.
const PROTOCOL: u8 = 5;

/// The function that numpy names in the pickles of arrays of type `ty`, which is `numpy.ndarray`.
pub(super) fn from_buffer<'py>(ty: &Bound<'py, PyType>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = ty.py();
    let arrays = &Runtime::get(py).state.numpy_reductions.arrays;
    let Some(known) = arrays.get_or_try_init(py, || learn_arrays(ty))? else { return Ok(None) };
    let from_buffer = known.from_buffer.bind(py);
    let Some(module) = lookup::imported(known.module.bind(py))? else { return Ok(None) };
    let holds = known.version == instance::version_of(ty)
        && lookup::is_found_in(&module, from_buffer, intern!(py, "_frombuffer"))? == Some(true);
    Ok(holds.then(|| from_buffer.clone()))
}

/// Has an array reduced.
#[cold]
fn learn_arrays(ty: &Bound<'_, PyType>) -> PyResult<Option<Arrays>> {
    let py = ty.py();
    let array = ty.call1(((1,),))?;
    let value = array.call_method1(intern!(py, "__reduce_ex__"), (PROTOCOL,))?;
    let Ok((function, args)) = value.extract::<(Bound<'_, PyAny>, Bound<'_, PyTuple>)>() else { return Ok(None) };
    let Ok((buffer, dtype, shape, order)) =
        args.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyTuple>, Bound<'_, PyString>)>()
    else {
        return Ok(None);
    };
    let Ok(module) = function.getattr(intern!(py, "__module__"))?.cast_into_exact::<PyString>() else {
        return Ok(None);
    };
    let is_as_expected = function.is_exact_instance_of::<PyFunction>()
        && buffer.get_type().is(&Runtime::get(py).pickle_buffer_type)
        && dtype.is(array.getattr(intern!(py, "dtype"))?)
        && shape.eq((1,))?
        && order == "C";
    let version = instance::version_of(ty);
    Ok(is_as_expected.then(|| Arrays { from_buffer: function.unbind(), module: module.unbind(), version }))
}

/// The reduction of an array of plain bytes.
///
/// # Errors
/// `BufferError`, if numpy gives out no buffer of it.
pub(super) fn of_array<'py>(
    array: &Bound<'py, PyAny>,
    from_buffer: &Bound<'py, PyAny>,
    dtype: Bound<'py, PyAny>,
    shape: Vec<isize>,
) -> PyResult<Reduction<'py>> {
    let py = array.py();
    let buffer = Runtime::get(py).pickle_buffer_type.bind(py).call1((array,))?;
    let args = (buffer, dtype, PyTuple::new(py, shape)?, PyString::new(py, "C")).into_pyobject(py)?;
    Ok(Reduction::call(from_buffer.clone(), args))
}

/// The reduction of a dtype, if it is one that is built in: the others can be changed.
pub(super) fn of_dtype(dtype: &Bound<'_, PyAny>) -> PyResult<Option<Arc<Dtype>>> {
    if let Some(known) = learned_before(dtype) {
        return Ok(known);
    }
    if !dtype.getattr(intern!(dtype.py(), "isbuiltin"))?.eq(1)? {
        return Ok(None);
    }
    let known = learn_dtype(dtype)?.map(Arc::new);
    let entry = (dtype.clone().unbind(), known.clone());
    let replaced = dtypes(dtype.py()).insert(identity::of(dtype), entry);
    drop(replaced);
    Ok(known)
}

/// Whether `obj` is a dtype that is built in, and reduced as numpy's are.
pub(super) fn is_known_dtype(obj: &Bound<'_, PyAny>) -> bool {
    learned_before(obj).flatten().is_some()
}

/// What was learned of a dtype, if it was looked at.
#[expect(clippy::option_option, reason = "nothing may have been learned")]
fn learned_before(dtype: &Bound<'_, PyAny>) -> Option<Option<Arc<Dtype>>> {
    let dtypes = dtypes(dtype.py());
    let (_, known) = dtypes.get(&identity::of(dtype))?;
    let version = instance::version_of(&dtype.get_type());
    Some(known.as_ref().filter(|known| known.version == version).cloned())
}

fn dtypes(py: Python<'_>) -> MutexGuard<'_, Dtypes> {
    let dtypes = &Runtime::get(py).state.numpy_reductions.dtypes;
    dtypes.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
}

impl Dtype {
    /// Whether the class, whose reducer is now this one, is written by its name.
    pub(super) fn goes_by_name(&self, reducer_of_class: Option<&Bound<'_, PyAny>>) -> bool {
        match (&self.reducer_of_class, reducer_of_class) {
            (Some(known), Some(reducer)) => reducer.is(known),
            (None, None) => true,
            _ => false,
        }
    }

    pub(super) fn reduction<'py>(&self, py: Python<'py>) -> Reduction<'py> {
        let state = Some(self.state.bind(py).clone().into_any());
        Reduction { state, ..Reduction::call(self.class.bind(py).clone(), self.args.bind(py).clone()) }
    }
}

#[cold]
fn learn_dtype(dtype: &Bound<'_, PyAny>) -> PyResult<Option<Dtype>> {
    let py = dtype.py();
    let value = dtype.call_method1(intern!(py, "__reduce_ex__"), (PROTOCOL,))?;
    let Ok((class, args, state)) = value.extract::<(Bound<'_, PyAny>, Bound<'_, PyTuple>, Bound<'_, PyTuple>)>() else {
        return Ok(None);
    };
    let reducer_of_class = Runtime::get(py).copyreg_dispatch_table.bind(py).get_item(class.get_type())?;
    let names = names(&class, reducer_of_class.as_ref())?;
    let are_atoms =
        args.iter().chain(state.iter()).all(|item| Kind::of_atom(&item).is_some() || Kind::of(&item) == Kind::Str);
    let Some(names) = names.filter(|_| class.is_instance_of::<PyType>() && are_atoms) else { return Ok(None) };
    let version = instance::version_of(&dtype.get_type());
    Ok(Some(Dtype {
        class: class.unbind(),
        names: names.map(Bound::unbind),
        reducer_of_class: reducer_of_class.map(Bound::unbind),
        args: args.unbind(),
        state: state.unbind(),
        version,
    }))
}

/// The module and the name that a class of dtypes is written with.
fn names<'py>(
    class: &Bound<'py, PyAny>,
    reducer: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<[Bound<'py, PyString>; 2]>> {
    let py = class.py();
    let text = |name| Ok::<_, PyErr>(class.getattr(name)?.cast_into_exact::<PyString>().ok());
    let (Some(module), Some(name)) = (text(intern!(py, "__module__"))?, text(intern!(py, "__qualname__"))?) else {
        return Ok(None);
    };
    if let Some(reducer) = reducer
        && (!is_of_numpy(reducer)? || !reducer.call1((class,))?.eq(&name)?)
    {
        return Ok(None);
    }
    Ok(Some([module, name]))
}

/// Whether a function was defined in numpy's own code, which need not keep it under its name.
fn is_of_numpy(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = function.py();
    if !function.is_exact_instance_of::<PyFunction>() {
        return Ok(false);
    }
    let module_name = function.getattr(intern!(py, "__module__"))?;
    let of_numpy = module_name.extract::<String>().is_ok_and(|name| name.starts_with("numpy."));
    let globals = function.getattr(intern!(py, "__globals__"))?;
    Ok(of_numpy
        && lookup::imported(&module_name)?
            .is_some_and(|module| module.cast::<PyModule>().is_ok_and(|module| module.dict().is(&globals))))
}
