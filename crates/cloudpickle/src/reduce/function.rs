//! Functions: lambdas, closures, generators, coroutines, whatever `def` makes.

use pyo3::exceptions::{PyException, PyKeyError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyCFunction, PyCode, PyDict, PyFloat, PyFunction, PyInt, PyList, PyModule, PyString, PyTuple, PyType,
};
use python_objects::dict;

use super::module::{ModuleAttribute, imported};
use super::reduction::Reduction;
use super::{annotations, copy_of, interned};
use crate::by_value::{code_globals, lookup, registry, submodules};
use crate::pickler::{BaseGlobals, Probe};
use crate::rebuild::Wire;
use crate::rebuild::cell::contents;
use crate::runtime::Runtime;

/// How `function` travels: `None` if by reference.
///
/// By value it is `_make_function(code, globals, None, None, closure)`, then `_function_setstate(function, state)`. The
/// function is made before what may refer to it: its globals hold at first only what relative imports need, the others
/// are in the state. Its cells are the cells themselves, so that closures that share a variable still do; one that refers
/// to itself through a cell is cut short by the memo, like a tuple that contains itself.
pub(crate) fn function_reduction<'py>(
    function: &Bound<'py, PyFunction>,
    base_globals: &BaseGlobals,
    probe: &mut Probe,
) -> PyResult<Option<Reduction<'py>>> {
    if lookup::by_reference(function)? {
        return Ok(None);
    }
    let py = function.py();
    if !function.getattr(intern!(py, "__code__"))?.is_instance_of::<PyCode>() {
        return builtin_function_reduction(function).map(Some);
    }
    if let Some(wrapper) = lookup::wrapper_of(function)? {
        let getattr = Runtime::get(py).getattr.bind(py).clone();
        return Ok(Some(Reduction::call(getattr, (wrapper, intern!(py, "__wrapped__")).into_pyobject(py)?)));
    }
    let parts = FunctionParts::of(function)?;
    let wire = Wire::get(py);
    let base_globals = base_globals.of(&parts.globals)?;
    Ok(Some(Reduction {
        callable: wire.make_function.bind(py).clone().into_any(),
        args: (&parts.code, base_globals, py.None(), py.None(), &parts.closure).into_pyobject(py)?,
        state: Some(function_state(function, &parts, probe)?.into_any()),
        list_items: None,
        dict_items: None,
        state_setter: Some(wire.function_setstate.bind(py).clone().into_any()),
    }))
}

/// How a function travels whose code is not Python's. On PyPy, the methods of builtin types are functions of this kind, and
/// most are found in their module under their qualified names; this is for the others.
///
/// It is an attribute of its class, `getattr(class, name)`; or what a class method is bound from,
/// `getattr(class.name, "__func__")`; or a function made from the interpreter's code, which reduces itself.
fn builtin_function_reduction<'py>(function: &Bound<'py, PyFunction>) -> PyResult<Reduction<'py>> {
    let py = function.py();
    let runtime = Runtime::get(py);
    let getattr = runtime.getattr.bind(py);
    let name = function.getattr(intern!(py, "__name__"))?.cast_into::<PyString>()?;
    if let Some(class) = function.getattr_opt(intern!(py, "__objclass__"))?
        && let Some(found) = class.getattr_opt(&name)?
    {
        if found.is(function) {
            return Ok(Reduction::call(getattr.clone(), (class, name).into_pyobject(py)?));
        }
        let attribute = intern!(py, "__func__");
        // The bound method of a class that cannot be named would lead here again.
        if found.getattr_opt(attribute)?.is_some_and(|of_method| of_method.is(function))
            && lookup::by_reference(&class)?
        {
            return Ok(Reduction::call(getattr.clone(), (found, attribute).into_pyobject(py)?));
        }
    }
    let code = function.getattr(intern!(py, "__code__"))?;
    let function_type = runtime.function_type.bind(py).clone().into_any();
    Ok(Reduction::call(function_type, (code, PyDict::new(py), name).into_pyobject(py)?))
}

/// The parts of a function that decide what travels with it.
struct FunctionParts<'py> {
    code: Bound<'py, PyCode>,
    globals: Bound<'py, PyDict>,
    closure: Option<Bound<'py, PyTuple>>,
}

impl<'py> FunctionParts<'py> {
    fn of(function: &Bound<'py, PyFunction>) -> PyResult<Self> {
        let py = function.py();
        Ok(Self {
            code: function.getattr(intern!(py, "__code__"))?.cast_into()?,
            globals: function.getattr(intern!(py, "__globals__"))?.cast_into()?,
            closure: function.getattr(intern!(py, "__closure__"))?.cast_into().ok(),
        })
    }
}

/// The argument of `_function_setstate`: what goes into the function's `__dict__`, and what becomes its attributes,
/// globals and cells.
fn function_state<'py>(
    function: &Bound<'py, PyFunction>,
    parts: &FunctionParts<'py>,
    probe: &mut Probe,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = function.py();
    let slots = PyDict::new(py);
    for name in [intern!(py, "__name__"), intern!(py, "__qualname__")] {
        slots.set_item(name, copy_of(&function.getattr(name)?))?;
    }
    for name in [intern!(py, "__kwdefaults__"), intern!(py, "__defaults__")] {
        slots.set_item(name, function.getattr(name)?)?;
    }
    let module = intern!(py, "__module__");
    slots.set_item(module, interned(&lookup::travelling_name(function.getattr(module)?))?)?;
    let doc = intern!(py, "__doc__");
    slots.set_item(doc, function.getattr(doc)?)?;
    annotations::of_function(function, &slots)?;
    // `def f[T]()` (Python 3.12).
    let parameters = intern!(py, "__type_params__");
    if let Some(own) = function.getattr_opt(parameters)?
        && own.is_truthy()?
    {
        slots.set_item(parameters, own)?;
    }
    // Upstream's loader fills the function's cells from these; ours come filled.
    slots.set_item(intern!(py, "__closure__"), py.None())?;
    let globals = used_globals(function, parts, probe)?;
    let submodules = used_submodules(parts, &globals)?;
    if let Some(carried) = registry::carried_with(&parts.globals)? {
        submodules.append(carried)?;
    }
    slots.set_item(intern!(py, "_cloudpickle_submodules"), submodules)?;
    slots.set_item(intern!(py, "__globals__"), globals)?;

    let attributes = PyDict::new(py);
    // The items of one moment, because a name that is no string may run code of its own when it is hashed.
    for (name, value) in dict::items(&function.getattr(intern!(py, "__dict__"))?.cast_into()?)? {
        attributes.set_item(copy_of(&name), value)?;
    }
    (attributes, slots).into_pyobject(py)
}

/// Of the function's globals, those that its code names, and those that its annotations name in text, as far as they can
/// be pickled: the function runs without these.
fn used_globals<'py>(
    function: &Bound<'py, PyFunction>,
    parts: &FunctionParts<'py>,
    probe: &mut Probe,
) -> PyResult<Bound<'py, PyDict>> {
    let used = PyDict::new(parts.code.py());
    let module = lookup::importable_module_of(&parts.globals)?;
    for name in code_globals::global_names(&parts.code)?.keys() {
        if let Some(value) = global(&parts.globals, &name)? {
            let value = match &module {
                Some(module) if !travels(&value, probe)? => ModuleAttribute::of(module, &name)?,
                _ => value,
            };
            used.set_item(name, value)?;
        }
    }
    if probe.is_attempt() {
        return Ok(used);
    }
    for name in annotations::names_in_text(function)?.keys() {
        if used.contains(&name)? {
            continue;
        }
        match global(&parts.globals, &name) {
            Ok(Some(value)) if probe.can_be_pickled(&value)? => used.set_item(name, value)?,
            Ok(_) => {}
            // What was imported for type checkers need not be there.
            Err(error) if error.is_instance_of::<PyException>(name.py()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(used)
}

/// Whether a global of an importable module travels by value. One that cannot is referred to in that module: a worker that
/// has the module has the global too.
fn travels(value: &Bound<'_, PyAny>, probe: &mut Probe) -> PyResult<bool> {
    // What is a reference anyway, or has nothing in it, is not worth a trial.
    let plain = value.is_none()
        || value.is_instance_of::<PyType>()
        || value.is_instance_of::<PyModule>()
        || value.is_instance_of::<PyFunction>()
        || value.is_instance_of::<PyCFunction>()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>();
    Ok(plain || probe.can_be_pickled(value)?)
}

/// A global as the interpreter finds it: where the namespace is of a subclass of dict, by its `__getitem__`; imported
/// where that was put off.
fn global<'py>(globals: &Bound<'py, PyDict>, name: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let found = if globals.is_exact_instance_of::<PyDict>() {
        globals.get_item(name)?
    } else {
        match globals.as_any().get_item(name) {
            Err(error) if error.is_instance_of::<PyKeyError>(globals.py()) => None,
            found => Some(found?),
        }
    };
    found.map(imported).transpose()
}

/// The submodules that the code reaches through a package among its globals and closure variables. Being pickled is their
/// whole purpose: they are imported where the function is loaded.
fn used_submodules<'py>(parts: &FunctionParts<'py>, globals: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyList>> {
    let names = code_globals::names_of_submodules(&parts.code)?;
    let closure_values = parts.closure.iter().flatten().map(|cell| contents(&cell)).collect::<PyResult<Vec<_>>>()?;
    let closure_values = closure_values.into_iter().flatten();
    submodules::imported_submodules(&names, globals.values().into_iter().chain(closure_values))
}
