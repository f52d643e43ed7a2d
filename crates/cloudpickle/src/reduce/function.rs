//! Functions: lambdas, closures, generators, coroutines, whatever `def` makes.

use std::rc::Rc;

use pyo3::exceptions::{PyException, PyKeyError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyCFunction, PyCode, PyDict, PyFloat, PyFunction, PyInt, PyList, PyModule, PyString, PyTuple,
    PyType,
};
use python_objects::code::Field;
use python_objects::compat::code::{CONSTANTS, FLAGS, HAS_DOCSTRING, NAME, NAMES_FUNCTIONS, QUALNAME};
use python_objects::dict;
use python_objects::function::{Annotations, FunctionParts};
use python_objects::text;

use super::module::{ModuleAttribute, imported};
use super::reduction::Reduction;
use super::{annotations, copy_of, interned, recursive_repr};
use crate::by_value::known_code::KnownCode;
use crate::by_value::{lookup, registry, submodules};
use crate::pickler::{AlreadyWritten, BaseGlobals, Probe, SharedGlobals, is_same};
use crate::rebuild::Wire;
use crate::rebuild::cell::contents;
use crate::runtime::Runtime;

/// How `function` travels: `None` if by reference.
pub(crate) fn function_reduction<'py>(
    function: &Bound<'py, PyFunction>,
    base_globals: &BaseGlobals,
    written: Option<&AlreadyWritten<'_, 'py>>,
    probe: &mut Probe,
) -> PyResult<Option<Reduction<'py>>> {
    match Travelling::of(function, base_globals, written, probe)? {
        Travelling::ByReference => Ok(None),
        Travelling::As(reduction) => Ok(Some(reduction)),
        Travelling::RecursiveRepr(parts) => parts.reduction().map(Some),
        Travelling::ByValue(parts) => parts.reduction().map(Some),
    }
}

/// How a function travels.
pub(crate) enum Travelling<'py> {
    ByReference,
    ByValue(Box<Parts<'py>>),
    /// As something that is neither.
    As(Reduction<'py>),
    /// As what the standard library makes of another function.
    RecursiveRepr(Box<recursive_repr::Parts<'py>>),
}

/// The parts of a function by value.
///
/// It is `_make_function(code, globals, None, None, closure)`, then `_function_setstate(function, (attributes, slots))`. A
/// function that needs no state, because it is what its code says, is `_make_function(code, globals, name, None, closure)`:
/// the name, which the code has too, tells the loader that nothing follows.
/// The function is made before what may refer to it: its globals hold at first only what relative imports need, the
/// others are in the state. Its cells are the cells themselves, so that closures that share a variable still do; one that
/// refers to itself through a cell is cut short by the memo, like a tuple that contains itself.
#[derive(Clone)]
pub(crate) struct Parts<'py> {
    pub(crate) code: Bound<'py, PyCode>,
    /// What is known of it.
    pub(crate) known_code: Rc<KnownCode>,
    /// What stands for the namespace that the function shares with others.
    pub(crate) base_globals: Bound<'py, PyAny>,
    /// The defaults of its arguments, if those are atoms, which do not refer to the function.
    pub(crate) argdefs: Option<Bound<'py, PyAny>>,
    pub(crate) closure: Option<Bound<'py, PyTuple>>,
    pub(crate) name: Bound<'py, PyAny>,
    /// Its module, as pickles name it, and its qualified name.
    pub(crate) owner: [Bound<'py, PyAny>; 2],
    /// What goes into its `__dict__`; nothing where that is empty.
    pub(crate) attributes: Option<Bound<'py, PyDict>>,
    /// What the loader sets as attributes of it, by their names and in the order in which they travel, as far as the function
    /// has not been made with these values.
    pub(crate) slots: Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>,
    /// Submodules in use, and the sources of modules; nothing where there are none.
    pub(crate) submodules: Option<Bound<'py, PyList>>,
    /// The globals in use; nothing where there are none.
    pub(crate) globals: Option<Bound<'py, PyDict>>,
}

impl<'py> Travelling<'py> {
    /// Decides how `function` travels.
    pub(crate) fn of(
        function: &Bound<'py, PyFunction>,
        base_globals: &BaseGlobals,
        written: Option<&AlreadyWritten<'_, 'py>>,
        probe: &mut Probe,
    ) -> PyResult<Self> {
        let py = function.py();
        let own = FunctionParts::of(function)?;
        // Nothing in the script is found by a name elsewhere.
        let of_main = lookup::is_name_of_main(&own.module);
        if !of_main && lookup::by_reference(function)? {
            return Ok(Self::ByReference);
        }
        let Ok(code) = own.code.cast_exact::<PyCode>() else {
            return builtin_function_reduction(function).map(Self::As);
        };
        if !of_main && let Some(wrapper) = lookup::wrapper_of(function)? {
            let getattr = Runtime::get(py).getattr.bind(py).clone();
            let args = (wrapper, intern!(py, "__wrapped__")).into_pyobject(py)?;
            return Ok(Self::As(Reduction::call(getattr, args)));
        }
        let known = KnownCode::of(code)?;
        if let Some(parts) = recursive_repr::Parts::of(function, &own, &known)? {
            return Ok(Self::RecursiveRepr(Box::new(parts)));
        }
        let shared = base_globals.of(&own.globals)?;
        let module = if of_main { intern!(py, "__main__").clone().into_any() } else { interned(&own.module)? };
        let annotations = match own.annotations {
            Annotations::Nothing => None,
            Annotations::Here(here) => Some((intern!(py, "__annotations__").clone(), here.into_any())),
            Annotations::Ask => Some(annotations::of_function(function)?),
        };
        let mut packages = Vec::new();
        let evaluated = annotations.as_ref().map(|(_, value)| value);
        let receiver = Receiver { shared: &shared, written };
        let globals = used_globals(&known.globals, &own.globals, evaluated, &receiver, &mut packages, probe)?;
        let mut submodules = used_submodules(code, &known, own.closure.as_ref(), packages)?;
        if let Some(carried) = registry::carried_with(&own.globals)? {
            submodules.get_or_insert_with(|| PyList::empty(py)).append(carried)?;
        }
        let annotations = annotations.filter(|(name, value)| {
            name != "__annotations__" || !value.cast_exact::<PyDict>().is_ok_and(PyDictMethods::is_empty)
        });
        let (name, qualname) = (copy_of(&own.name), copy_of(&own.qualname));
        let base_globals = shared.base;
        let argdefs = own.defaults.cast_exact::<PyTuple>().ok();
        let argdefs = argdefs.filter(|values| values.iter_borrowed().all(|value| is_atom(&value))).cloned();
        let given = |value: Bound<'py, PyAny>| (!value.is_none()).then_some(value);
        let mut slots = Vec::new();
        let mut slot = |name: &Bound<'py, PyString>, value: Option<Bound<'py, PyAny>>| {
            if let Some(value) = value {
                slots.push((name.clone(), value));
            }
        };
        slot(intern!(py, "__name__"), (!is_named(code, NAME, &own.name)?).then(|| name.clone()));
        slot(intern!(py, "__qualname__"), (!is_named(code, QUALNAME, &own.qualname)?).then(|| qualname.clone()));
        slot(intern!(py, "__kwdefaults__"), given(own.kwdefaults));
        slot(intern!(py, "__defaults__"), given(own.defaults).filter(|_| argdefs.is_none()));
        slot(intern!(py, "__module__"), (!is_module_of(&base_globals, &module)?).then(|| module.clone()));
        slot(intern!(py, "__doc__"), (!is_doc_of(code, &own.doc)?).then_some(own.doc));
        if let Some((name, value)) = annotations {
            slot(&name, Some(value));
        }
        // `def f[T]()` (Python 3.12).
        slot(intern!(py, "__type_params__"), own.type_params);
        Ok(Self::ByValue(Box::new(Parts {
            code: code.clone(),
            known_code: known,
            name,
            owner: [module, qualname],
            attributes: own.attributes.map(|own| attributes(&own)).transpose()?.flatten(),
            slots,
            submodules,
            globals,
            argdefs: argdefs.map(Bound::into_any),
            base_globals,
            closure: own.closure,
        })))
    }
}

/// Whether two strings are equal, and no more than strings.
fn is_same_text(one: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
    let (Ok(one), Ok(other)) = (one.cast_exact::<PyString>(), other.cast_exact::<PyString>()) else { return Ok(false) };
    if one.is(other) {
        return Ok(true);
    }
    match (text::ascii(one), text::ascii(other)) {
        (Some(one), Some(other)) => Ok(one == other),
        _ => one.as_any().eq(other),
    }
}

/// Whether a function made from `code` has this name, of those that are fields of code.
fn is_named<'py>(code: &Bound<'py, PyCode>, field: usize, name: &Bound<'py, PyAny>) -> PyResult<bool> {
    let fields = &Runtime::get(code.py()).state.code_fields;
    Ok(NAMES_FUNCTIONS && is_same_text(&fields.object(code, field)?, name)?)
}

/// Whether a function with these globals is of this module.
fn is_module_of<'py>(base_globals: &Bound<'py, PyAny>, module: &Bound<'py, PyAny>) -> PyResult<bool> {
    let Ok(globals) = base_globals.cast_exact::<PyDict>() else { return Ok(false) };
    match globals.get_item(intern!(module.py(), "__name__"))? {
        Some(name) if NAMES_FUNCTIONS => is_same_text(&name, module),
        _ => Ok(false),
    }
}

/// Whether a function made from `code` has this docstring, or has None if this is none.
fn is_doc_of<'py>(code: &Bound<'py, PyCode>, doc: &Bound<'py, PyAny>) -> PyResult<bool> {
    let fields = &Runtime::get(code.py()).state.code_fields;
    let constants = fields.object(code, CONSTANTS)?.cast_into::<PyTuple>()?;
    let first = constants.get_item(0).ok().filter(PyAnyMethods::is_exact_instance_of::<PyString>);
    let is_flagged = match (HAS_DOCSTRING, fields.get(code, FLAGS)?) {
        (Some(flag), Field::Int(flags)) => flags & flag != 0,
        (Some(flag), Field::Object(flags)) => flags.extract::<i64>()? & flag != 0,
        (None, _) => true,
    };
    Ok(NAMES_FUNCTIONS
        && match first.filter(|_| is_flagged) {
            Some(first) => is_same_text(&first, doc)?,
            None => doc.is_none(),
        })
}

/// What goes into a function's `__dict__`.
fn attributes<'py>(own: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyDict>>> {
    if own.is_empty() {
        return Ok(None);
    }
    let attributes = PyDict::new(own.py());
    // The items of one moment, because a name that is no string may run code of its own when it is hashed.
    for (name, value) in dict::items(own)? {
        attributes.set_item(copy_of(&name), value)?;
    }
    Ok(Some(attributes))
}

impl<'py> Parts<'py> {
    /// Whether the function is not all that it is to be when it was made.
    pub(crate) fn have_state(&self) -> bool {
        !self.slots.is_empty() || self.attributes.is_some() || self.submodules.is_some() || self.globals.is_some()
    }

    fn reduction(self) -> PyResult<Reduction<'py>> {
        let py = self.code.py();
        let wire = Wire::get(py);
        if !self.have_state() {
            let args = (&self.code, &self.base_globals, &self.name, &self.argdefs, &self.closure).into_pyobject(py)?;
            return Ok(Reduction::call(wire.make_function.bind(py).clone().into_any(), args));
        }
        let args = (&self.code, &self.base_globals, py.None(), &self.argdefs, &self.closure).into_pyobject(py)?;
        Ok(Reduction {
            callable: wire.make_function.bind(py).clone().into_any(),
            args,
            state: Some(self.state()?.into_any()),
            list_items: None,
            dict_items: None,
            state_setter: Some(wire.function_setstate.bind(py).clone().into_any()),
        })
    }

    /// The argument of `_function_setstate`: what goes into the function's `__dict__`, and what becomes its attributes,
    /// globals and cells.
    fn state(self) -> PyResult<Bound<'py, PyTuple>> {
        let py = self.code.py();
        let dict = PyDict::new(py);
        for (name, value) in self.slots {
            dict.set_item(name, value)?;
        }
        // Upstream's loader fills the function's cells from these; ours come filled.
        dict.set_item(intern!(py, "__closure__"), py.None())?;
        let submodules = self.submodules.unwrap_or_else(|| PyList::empty(py));
        dict.set_item(intern!(py, "_cloudpickle_submodules"), submodules)?;
        dict.set_item(intern!(py, "__globals__"), self.globals.unwrap_or_else(|| PyDict::new(py)))?;
        (self.attributes.unwrap_or_else(|| PyDict::new(py)), dict).into_pyobject(py)
    }
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

/// Where the globals of a function go, besides its state.
struct Receiver<'a, 'py> {
    shared: &'a SharedGlobals<'py>,
    written: Option<&'a AlreadyWritten<'a, 'py>>,
}

impl<'py> Receiver<'_, 'py> {
    /// Whether a global is there when the function is made.
    fn holds(&self, name: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        let Some(written) = self.written else { return Ok(false) };
        if !self.shared.is_new {
            return written.holds(&self.shared.base, name, value);
        }
        let Ok(base) = self.shared.base.cast_exact::<PyDict>() else { return Ok(false) };
        base.get_item(name)?.map_or(Ok(false), |known| is_same(&known, value))
    }

    /// The same, but for a namespace that is not written yet, which takes atoms in: they do not refer to the function.
    fn takes(&self, name: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        if self.holds(name, value)? {
            return Ok(true);
        }
        if self.shared.outlives_dump {
            return Ok(false);
        }
        match self.shared.base.cast_exact::<PyDict>() {
            Ok(base) if self.shared.is_new && self.written.is_some() && is_atom(value) && !base.contains(name)? => {
                base.set_item(name, value).map(|()| true)
            }
            _ => Ok(false),
        }
    }
}

/// Whether a value has no parts and nothing that its pickling could call.
pub(super) fn is_atom(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyBytes>()
}

/// What the state in a reduction adds to the globals of a function: what stands for its namespace, and these.
pub(crate) fn globals_in<'py>(reduction: &Reduction<'py>) -> Option<(Bound<'py, PyAny>, Bound<'py, PyDict>)> {
    let py = reduction.callable.py();
    let wire = Wire::get(py);
    let setter = reduction.state_setter.as_ref()?;
    if !setter.is(&wire.function_setstate) || !reduction.callable.is(&wire.make_function) {
        return None;
    }
    let base = reduction.args.get_item(1).ok()?;
    let state = reduction.state.as_ref()?.cast_exact::<PyTuple>().ok()?.get_item(1).ok()?;
    let globals = state.cast_exact::<PyDict>().ok()?.get_item(intern!(py, "__globals__")).ok()??;
    Some((base, globals.cast_into_exact().ok()?))
}

/// Of the function's globals, those that its code names, and those that its annotations name in text, as far as they can
/// be pickled: the function runs without these. What the receiver holds is left out. The packages among them go into
/// `packages`.
fn used_globals<'py>(
    names: &[Py<PyAny>],
    globals: &Bound<'py, PyDict>,
    annotations: Option<&Bound<'py, PyAny>>,
    receiver: &Receiver<'_, 'py>,
    packages: &mut Vec<Bound<'py, PyModule>>,
    probe: &mut Probe,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let py = globals.py();
    let in_text = match annotations {
        Some(annotations) if !probe.is_attempt() => annotations::names_in_text(annotations)?,
        _ => None,
    };
    if names.is_empty() && in_text.is_none() {
        return Ok(None);
    }
    let mut used: Option<Bound<'py, PyDict>> = None;
    let module = lookup::importable_module_of(globals)?;
    for name in names {
        let name = name.bind(py);
        if let Some(value) = global(globals, name)? {
            packages.extend(submodules::package(&value)?);
            if receiver.takes(name, &value)? {
                continue;
            }
            let value = match &module {
                Some(module) if !travels(&value, probe)? => ModuleAttribute::of(module, name)?,
                _ => value,
            };
            used.get_or_insert_with(|| PyDict::new(py)).set_item(name, value)?;
        }
    }
    for name in in_text.iter().flat_map(PyDictMethods::keys) {
        if used.as_ref().map_or(Ok(false), |used| used.contains(&name))? {
            continue;
        }
        match global(globals, &name) {
            Ok(Some(value)) if receiver.holds(&name, &value)? => packages.extend(submodules::package(&value)?),
            Ok(Some(value)) if probe.can_be_pickled(&value)? => {
                packages.extend(submodules::package(&value)?);
                used.get_or_insert_with(|| PyDict::new(py)).set_item(name, value)?;
            }
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
fn used_submodules<'py>(
    code: &Bound<'py, PyCode>,
    known: &KnownCode,
    closure: Option<&Bound<'py, PyTuple>>,
    mut packages: Vec<Bound<'py, PyModule>>,
) -> PyResult<Option<Bound<'py, PyList>>> {
    for cell in closure.into_iter().flat_map(|closure| closure.iter_borrowed()) {
        if let Some(value) = contents(&cell)? {
            packages.extend(submodules::package(&value)?);
        }
    }
    if packages.is_empty() {
        return Ok(None);
    }
    submodules::imported_submodules(code.py(), known.names_of_submodules(code)?, packages)
}
