//! The Python objects this extension needs, looked up once, when it is imported.
//!
//! A failing lookup is an error of `import cloudpickle`, not a surprise in the middle of a dump. What else outlives a call, of
//! the process or of a thread, is listed in ARCHITECTURE.md.

use pyo3::exceptions::{PyImportError, PyRecursionError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyDict, PyModule, PySet, PyString, PyType};
use python_objects::code::CodeFields;
use python_objects::{compat, dict, int, interpreter};

use crate::by_value::class_tracker::ClassTracker;
use crate::by_value::code_globals::GlobalOpcodes;
use crate::by_value::lookup::StaticTypes;
use crate::by_value::submodules::DottedNames;
use crate::pickler::NumpyReductions;
use crate::rebuild::cell::EmptyCellValue;
use crate::rebuild::context_var::ContextVars;
use crate::reduce::code::BytecodeVersion;

/// Declares [`Runtime`]: one line per object, `field: Type = "module" . "attribute" . "attribute"`.
macro_rules! looked_up {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $module:literal $(. $attribute:literal)*;)*) => {
        /// What is looked up at import.
        pub(crate) struct Runtime {
            $($(#[$doc])* pub(crate) $field: Py<$type>,)*
            /// What is not looked up but made here.
            pub(crate) state: State,
        }

        impl Runtime {
            fn look_up(py: Python<'_>) -> PyResult<Self> {
                Ok(Self {
                    $($field: {
                        let object = py.import($module)?.into_any();
                        $(let object = object.getattr($attribute)?;)*
                        object.cast_into::<$type>()?.unbind()
                    },)*
                    state: State::new(py)?,
                })
            }
        }
    };
}

looked_up! {
    /// `types.CellType`, the type of the variables of a closure.
    cell_type: PyType = "types" . "CellType";
    /// `sys`, for what a program may replace in it: `modules`, `stdout`, `stderr`, `stdin`.
    sys: PyModule = "sys";
    /// `sys.audit`, which is told of globals that are looked for.
    audit: PyAny = "sys" . "audit";
    /// Where the ids of classes come from.
    urandom: PyAny = "os" . "urandom";
    /// `getattr`: what a pickle calls to find an attribute.
    getattr: PyAny = "builtins" . "getattr";
    /// The namespace of `builtins`, which every function's globals refer to.
    builtins: PyDict = "builtins" . "__dict__";
    /// `__import__` as it was when this package was imported.
    import: PyAny = "builtins" . "__import__";
    /// `types`, for `_builtin_type`.
    types: PyModule = "types";
    /// `types.resolve_bases`, for bases that are not classes (`__mro_entries__`).
    resolve_bases: PyAny = "types" . "resolve_bases";
    /// `types.prepare_class`, for metaclasses.
    prepare_class: PyAny = "types" . "prepare_class";
    /// The type of `list[int]`.
    generic_alias_type: PyType = "types" . "GenericAlias";
    /// The type of functions written in Python.
    function_type: PyType = "types" . "FunctionType";
    /// The type of modules.
    module_type: PyType = "types" . "ModuleType";
    /// The type of bound methods.
    method_type: PyType = "types" . "MethodType";
    /// The type of attributes that C code computes.
    getset_descriptor_type: PyType = "types" . "GetSetDescriptorType";
    /// The type of the attributes that `__slots__` makes.
    member_descriptor_type: PyType = "types" . "MemberDescriptorType";
    /// `inspect.getattr_static`, for attributes that `getattr` computes. Imported by `dataclasses` anyway.
    getattr_static: PyAny = "inspect" . "getattr_static";
    /// Read-only views of mappings, such as a class's `__dict__`.
    mapping_proxy_type: PyType = "types" . "MappingProxyType";
    /// `classmethod`.
    classmethod_type: PyType = "builtins" . "classmethod";
    /// `staticmethod`.
    staticmethod_type: PyType = "builtins" . "staticmethod";
    /// `functools.partialmethod`.
    partialmethod_type: PyType = "functools" . "partialmethod";
    /// `gc.get_referents`, for what an object holds and does not show.
    get_referents: PyAny = "gc" . "get_referents";
    /// What `functools.lru_cache` makes of a function.
    lru_cache_type: PyAny = "functools" . "_lru_cache_wrapper";
    /// `functools`, for what it names otherwise than it calls itself.
    functools: PyModule = "functools";
    /// The type of what `cache_info()` returns.
    cache_info_type: PyType = "functools" . "_CacheInfo";
    /// `functools.cached_property`.
    cached_property_type: PyType = "functools" . "cached_property";
    /// What a function decorated with `contextlib.contextmanager` returns.
    context_manager_type: PyType = "contextlib" . "_GeneratorContextManager";
    /// What a function decorated with `contextlib.asynccontextmanager` returns.
    async_context_manager_type: PyType = "contextlib" . "_AsyncGeneratorContextManager";
    /// `contextvars.ContextVar`.
    context_var_type: PyType = "contextvars" . "ContextVar";
    /// `contextvars.Context`.
    context_type: PyType = "contextvars" . "Context";
    /// Weak references.
    weak_reference_type: PyType = "weakref" . "ref";
    /// Dictionaries that do not keep their keys alive.
    weak_key_dictionary_type: PyType = "weakref" . "WeakKeyDictionary";
    /// Dictionaries that do not keep their values alive.
    weak_value_dictionary_type: PyType = "weakref" . "WeakValueDictionary";
    /// `property`.
    property_type: PyType = "builtins" . "property";
    /// `abc.abstractclassmethod`, deprecated but in use.
    abstract_classmethod_type: PyType = "abc" . "abstractclassmethod";
    /// `abc.abstractstaticmethod`, deprecated but in use.
    abstract_staticmethod_type: PyType = "abc" . "abstractstaticmethod";
    /// `abc.abstractproperty`, deprecated but in use.
    abstract_property_type: PyType = "abc" . "abstractproperty";
    /// `bytes`.
    bytes_type: PyType = "builtins" . "bytes";
    /// `memoryview`.
    memoryview_type: PyType = "builtins" . "memoryview";
    /// The type of `{}.keys()`.
    dict_keys_type: PyType = "_collections_abc" . "dict_keys";
    /// The type of `{}.values()`.
    dict_values_type: PyType = "_collections_abc" . "dict_values";
    /// The type of `{}.items()`.
    dict_items_type: PyType = "_collections_abc" . "dict_items";
    /// `collections.OrderedDict`.
    ordered_dict_type: PyType = "collections" . "OrderedDict";
    /// Sets of weak references.
    weak_set_type: PyType = "weakref" . "WeakSet";
    /// Text files.
    text_file_type: PyType = "io" . "TextIOWrapper";
    /// Text files in memory.
    string_io_type: PyType = "io" . "StringIO";
    /// Binary files in memory.
    bytes_io_type: PyType = "io" . "BytesIO";
    /// `pickle.PicklingError`.
    pickling_error: PyType = "pickle" . "PicklingError";
    /// `pickle.loads`.
    pickle_loads: PyAny = "pickle" . "loads";
    /// `pickle.load`.
    pickle_load: PyAny = "pickle" . "load";
    /// `pickle.UnpicklingError`.
    unpickling_error: PyType = "pickle" . "UnpicklingError";
    /// `dataclasses`, for the sentinels that tell its kinds of fields apart.
    dataclasses: PyModule = "dataclasses";
    /// The type of those sentinels.
    field_sentinel_type: PyType = "dataclasses" . "_FIELD_BASE";
    /// `contextvars.Token`.
    token_type: PyType = "contextvars" . "Token";
    /// Has names for types that do not say so.
    contextvars: PyModule = "contextvars";
    /// Has names for the types of iterators and views.
    collections_abc: PyModule = "_collections_abc";
    /// `type`.
    type_type: PyType = "builtins" . "type";
    /// `dict`.
    dict_type: PyType = "builtins" . "dict";
    /// The type of code objects.
    code_type: PyType = "types" . "CodeType";
    /// `enum.EnumMeta`.
    enum_meta: PyType = "enum" . "EnumMeta";
    /// `enum.Enum`.
    enum_type: PyType = "enum" . "Enum";
    /// `enum.Flag`.
    flag_type: PyType = "enum" . "Flag";
    /// `copyreg._slotnames`: the names of all slots that instances of a class have.
    slot_names: PyAny = "copyreg" . "_slotnames";
    /// The metaclass of abstract base classes.
    abc_meta: PyType = "abc" . "ABCMeta";
    /// What an abstract base class has registered and cached.
    abc_get_dump: PyAny = "abc" . "_get_dump";
    /// The pickler whose subclass `cloudpickle.Pickler` is.
    pickle_pickler: PyType = "pickle" . "Pickler";
    /// Buffers that may travel out of band.
    pickle_buffer_type: PyType = "pickle" . "PickleBuffer";
    /// `codecs.encode`, by which bytes are spelled before protocol 3.
    codecs_encode: PyAny = "codecs" . "encode";
    /// `functools.partial`, by which NEWOBJ_EX is spelled before protocol 4.
    partial: PyAny = "functools" . "partial";
    /// `(module, name)` to extension code: what `copyreg.add_extension` fills.
    extension_registry: PyDict = "copyreg" . "_extension_registry";
    /// `(module, name)` to the pair that Python 2 knew.
    reverse_name_mapping: PyDict = "_compat_pickle" . "REVERSE_NAME_MAPPING";
    /// The name of a module to the one that Python 2 knew.
    reverse_import_mapping: PyDict = "_compat_pickle" . "REVERSE_IMPORT_MAPPING";
    /// What `copyreg.pickle` fills: type to reducer, consulted after a pickler's own `dispatch_table`.
    copyreg_dispatch_table: PyDict = "copyreg" . "dispatch_table";
}

/// What the process remembers from one call to the next.
pub(crate) struct State {
    /// The names of the modules that `register_pickle_by_value` was called with.
    pub(crate) by_value_modules: Py<PySet>,
    /// The ids of the classes that travelled by value.
    pub(crate) classes: ClassTracker,
    /// The names of static types.
    pub(crate) static_types: StaticTypes,
    /// The ids of the context variables that travelled.
    pub(crate) context_vars: ContextVars,
    /// The type of an `OrderedDict`'s `keys()`. It has no name to be looked up by, nor have the next two.
    pub(crate) ordered_dict_keys_type: Py<PyType>,
    /// The type of an `OrderedDict`'s `values()`.
    pub(crate) ordered_dict_values_type: Py<PyType>,
    /// The type of an `OrderedDict`'s `items()`.
    pub(crate) ordered_dict_items_type: Py<PyType>,
    /// The type of `dataclasses.MISSING`.
    pub(crate) missing_type: Py<PyType>,
    /// The type of the default that `__init__` of a dataclass has for a field with a factory.
    pub(crate) default_factory_sentinel_type: Py<PyType>,
    /// The type of `dataclasses.KW_ONLY` (Python 3.10), or of `MISSING`.
    pub(crate) kw_only_type: Py<PyType>,
    /// The metadata of fields of dataclasses that were given none: a view of an empty dict.
    pub(crate) empty_metadata: Option<Py<PyAny>>,
    /// The type of `contextvars.Token.MISSING`.
    pub(crate) token_missing_type: Py<PyType>,
    /// What `_make_cell` and `_get_cell_contents` take for "no value".
    pub(crate) empty_cell_value: Py<EmptyCellValue>,
    /// Type to reducer: `Pickler._dispatch_table`, which users may extend.
    pub(crate) reducers: Py<PyDict>,
    /// `Pickler.dispatch_table`: a `ChainMap` of `reducers` and of `copyreg`'s table.
    pub(crate) dispatch_table: Py<PyAny>,
    /// The types that the module `types` names, to their names there.
    pub(crate) builtin_type_names: Py<PyDict>,
    /// The type of what an import statement marked `lazy` binds (PEP 810, Python 3.15) until the name is used.
    pub(crate) lazy_import_type: Option<Py<PyAny>>,
    /// The type of `int | str` (Python 3.10).
    pub(crate) union_type: Option<Py<PyAny>>,
    /// How the fields of code objects are read that `types.CodeType` takes.
    pub(crate) code_fields: CodeFields,
    /// Whether dumps are deterministic that do not say what they want: `CLOUDPICKLE_DETERMINISTIC=1`.
    pub(crate) deterministic_by_default: bool,
    /// The running Python, as pickles name it that hold code for it.
    pub(crate) bytecode_version: BytecodeVersion,
    /// The code of `__getnewargs__`, which all classes share that `collections.namedtuple` makes.
    pub(crate) getnewargs_of_named_tuples: Py<PyAny>,
    /// `enum.Enum.__reduce_ex__`, as it was when this package was imported.
    pub(crate) enum_reduce_ex: Py<PyAny>,
    /// `enum.Flag.__reduce_ex__`, as it was then.
    pub(crate) flag_reduce_ex: Py<PyAny>,
    /// The opcodes that name globals.
    pub(crate) global_opcodes: GlobalOpcodes,
    /// The names of submodules that were looked for before.
    pub(crate) dotted_names: DottedNames,
    /// The module `cloudpickle.cloudpickle`, once an unpickler saw that its import has ended.
    pub(crate) upstream_module: PyOnceLock<Py<PyModule>>,
    /// What numpy's reductions hold.
    pub(crate) numpy_reductions: NumpyReductions,
    /// `DeepRecursionError`: a `PicklingError`, which is what upstream raises where the recursion limit is hit, and a
    /// `RecursionError`, which is what `pickle` raises there.
    pub(crate) deep_recursion_error: Py<PyType>,
}

impl State {
    fn new(py: Python<'_>) -> PyResult<Self> {
        let ordered_dict = py.import("collections")?.getattr("OrderedDict")?.call0()?;
        let reducers = PyDict::new(py);
        let type_of_view = |method: &str| Ok::<_, PyErr>(ordered_dict.call_method0(method)?.get_type().unbind());
        let dataclasses = py.import("dataclasses")?;
        let missing = dataclasses.getattr("MISSING")?;
        let kw_only = dataclasses.getattr_opt("KW_ONLY")?;
        let token_missing = py.import("contextvars")?.getattr("Token")?.getattr("MISSING")?;
        Ok(Self {
            by_value_modules: PySet::empty(py)?.unbind(),
            classes: ClassTracker::new(),
            static_types: StaticTypes::new(),
            context_vars: ContextVars::new(),
            ordered_dict_keys_type: type_of_view("keys")?,
            ordered_dict_values_type: type_of_view("values")?,
            ordered_dict_items_type: type_of_view("items")?,
            missing_type: missing.get_type().unbind(),
            default_factory_sentinel_type: dataclasses.getattr("_HAS_DEFAULT_FACTORY")?.get_type().unbind(),
            kw_only_type: kw_only.unwrap_or(missing).get_type().unbind(),
            empty_metadata: empty_metadata(&dataclasses)?,
            token_missing_type: token_missing.get_type().unbind(),
            empty_cell_value: Py::new(py, EmptyCellValue)?,
            dispatch_table: py
                .import("collections")?
                .getattr("ChainMap")?
                .call1((&reducers, py.import("copyreg")?.getattr("dispatch_table")?))?
                .unbind(),
            reducers: reducers.unbind(),
            builtin_type_names: builtin_type_names(py)?.unbind(),
            lazy_import_type: py.import("types")?.getattr_opt("LazyImportType")?.map(Bound::unbind),
            union_type: py.import("types")?.getattr_opt("UnionType")?.map(Bound::unbind),
            code_fields: CodeFields::look_up(py)?,
            deterministic_by_default: py
                .import("os")?
                .getattr("environ")?
                .call_method1("get", ("CLOUDPICKLE_DETERMINISTIC",))?
                .eq("1")?,
            bytecode_version: BytecodeVersion::of_this_python(py)?,
            getnewargs_of_named_tuples: py
                .import("functools")?
                .getattr("_CacheInfo")?
                .getattr("__getnewargs__")?
                .getattr("__code__")?
                .unbind(),
            enum_reduce_ex: py.import("enum")?.getattr("Enum")?.getattr("__reduce_ex__")?.unbind(),
            flag_reduce_ex: py.import("enum")?.getattr("Flag")?.getattr("__reduce_ex__")?.unbind(),
            global_opcodes: GlobalOpcodes::look_up(py)?,
            dotted_names: DottedNames::new(),
            upstream_module: PyOnceLock::new(),
            numpy_reductions: NumpyReductions::none_yet(),
            deep_recursion_error: deep_recursion_error(py)?,
        })
    }
}

/// The metadata of a field that was given none, if all such fields have the same, and it shows a plain dict.
fn empty_metadata(dataclasses: &Bound<'_, PyModule>) -> PyResult<Option<Py<PyAny>>> {
    let py = dataclasses.py();
    let Some(metadata) = dataclasses.getattr_opt("_EMPTY_METADATA")? else { return Ok(None) };
    let shown = py.import("gc")?.getattr("get_referents")?.call1((&metadata,))?;
    let is_view_of_dict = metadata.get_type().name()? == "mappingproxy"
        && shown.len()? == 1
        && shown.get_item(0)?.is_exact_instance_of::<PyDict>();
    Ok(is_view_of_dict.then(|| metadata.unbind()))
}

/// What the module `types` names. Where it has two names for a type, the second one counts, as it does upstream.
fn builtin_type_names(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let names = PyDict::new(py);
    for (name, value) in dict::items(&py.import("types")?.dict())? {
        if value.is_exact_instance_of::<PyType>()
            && !compat::types::NAMES_BY_ACCIDENT.iter().any(|other| name.eq(other).unwrap_or(false))
        {
            names.set_item(value, name)?;
        }
    }
    Ok(names)
}

fn deep_recursion_error(py: Python<'_>) -> PyResult<Py<PyType>> {
    let bases = (py.import("pickle")?.getattr("PicklingError")?, py.get_type::<PyRecursionError>());
    let namespace = PyDict::new(py);
    namespace.set_item("__module__", "cloudpickle.cloudpickle")?;
    namespace.set_item(
        "__doc__",
        "Pickling an object recursed without end, in its own code or in what its reducers make.",
    )?;
    Ok(py.get_type::<PyType>().call1(("DeepRecursionError", bases, namespace))?.cast_into::<PyType>()?.unbind())
}

static RUNTIME: PyOnceLock<Runtime> = PyOnceLock::new();

/// `cloudpickle.Pickler.reducer_override`, of which the engine knows the Rust half.
static REDUCER_OVERRIDE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Looks everything up. Called once, by the module's initialisation.
///
/// # Errors
/// `ImportError` in a sub-interpreter: what is process-wide here would mix the objects of two interpreters.
pub(crate) fn load(py: Python<'_>) -> PyResult<()> {
    if !interpreter::is_main(py) {
        return Err(PyImportError::new_err("cloudpickle cannot be imported in a sub-interpreter"));
    }
    // PyO3 checks once, when a detached thread first attaches, that the interpreter is initialised. A finaliser that
    // pickles at shutdown could be the first, when it is not any more.
    py.detach(|| Python::attach(|_| ()));
    int::learn_layout(py)?;
    dict::learn_layout(py)?;
    RUNTIME.get_or_try_init(py, || Runtime::look_up(py)).map(|_| ())
}

impl Runtime {
    /// The process's runtime.
    ///
    /// # Panics
    /// If the extension was not imported, which no Python code can bring about.
    pub(crate) fn get(py: Python<'_>) -> &'static Runtime {
        RUNTIME.get(py).expect("loaded when the module was imported")
    }

    /// A `pickle.PicklingError`.
    #[cold]
    pub(crate) fn pickling_error(&self, py: Python<'_>, message: String) -> PyErr {
        PyErr::from_type(self.pickling_error.bind(py).clone(), (message,))
    }

    /// A `DeepRecursionError`.
    #[cold]
    pub(crate) fn deep_recursion_error(&self, py: Python<'_>, message: String) -> PyErr {
        PyErr::from_type(self.state.deep_recursion_error.bind(py).clone(), (message,))
    }

    /// The name under which `types` has a class.
    pub(crate) fn builtin_type_name<'py>(&self, class: &Bound<'py, PyType>) -> PyResult<Option<Bound<'py, PyAny>>> {
        // A class with a metaclass of its own is not in there, and may not be hashable.
        if !class.is_exact_instance_of::<PyType>() {
            return Ok(None);
        }
        self.state.builtin_type_names.bind(class.py()).get_item(class)
    }
}

/// The module in which upstream defines everything: the one that pickles name, and from which users import.
pub(crate) fn upstream_module(py: Python<'_>) -> &Bound<'_, PyString> {
    intern!(py, "cloudpickle.cloudpickle")
}

/// Adds a function to the extension as one of `cloudpickle.cloudpickle`, where `save_global` finds it and upstream has it.
pub(crate) fn add_function<'py>(extension: &Bound<'py, PyModule>, function: Bound<'py, PyCFunction>) -> PyResult<()> {
    add_function_of(upstream_module(extension.py()), extension, function)
}

/// Adds a function to the extension as one of the module of this name.
pub(crate) fn add_function_of<'py>(
    name: &Bound<'py, PyString>,
    extension: &Bound<'py, PyModule>,
    function: Bound<'py, PyCFunction>,
) -> PyResult<()> {
    // One string object for all, so that a pickle that names several of them holds it once.
    function.setattr(intern!(extension.py(), "__module__"), name)?;
    extension.add_function(function)
}

/// Called once by the module that defines `cloudpickle.Pickler`, with its `reducer_override`.
#[pyfunction]
#[pyo3(name = "_set_reducer_override")]
pub(crate) fn set_reducer_override(method: &Bound<'_, PyAny>) {
    // A reload of the Python module keeps the first one.
    let _ = REDUCER_OVERRIDE.set(method.py(), method.clone().unbind());
}

/// Whether `function` is `cloudpickle.Pickler.reducer_override` as it was defined, not what a user put in its place.
pub(crate) fn is_own_reducer_override(function: &Bound<'_, PyAny>) -> bool {
    REDUCER_OVERRIDE.get(function.py()).is_some_and(|own| function.is(own))
}
