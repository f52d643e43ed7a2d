//! What instances of types that are made in C hold, as far as the library's own code shows it.

use std::rc::Rc;

use pyo3::exceptions::{PyBaseException, PyException};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple, PyType, PyWeakrefMethods, PyWeakrefReference};
use python_objects::datetime::DateTimeType;
use python_objects::instance;
use python_objects::kind::Kind;
use python_objects::{class, dict};

use super::digest::{Digest, text};
use super::walk::Walk;
use crate::by_value::lookup;
use crate::pickler::known_types;
use crate::runtime::Runtime;

/// How many bytes of a buffer that can be changed are looked at. A larger one is unknown: to look at it would take longer
/// than to pickle it.
const BUFFER: usize = 1 << 20;

/// What instances of a type that is made in C hold besides a `__dict__`, and how to see it.
pub(super) enum Contents {
    /// They hold nothing, or nothing that travels.
    Nothing,
    /// What the builtin type of this kind has.
    Builtin(Kind),
    DateTime(Rc<DateTimeType>),
    /// An array of numpy.
    Array,
    /// See [`ROWS`].
    Row(&'static Row),
    /// What it was made from, and its state.
    Reduction,
    /// The name of a function that is made in C, by which it travels.
    Named,
    /// The name of a logger, by which it travels. Its handlers and levels, and those of the loggers above, are the receiver's.
    Logger,
    /// The text of a path of `pathlib`. Its slots are caches.
    Path,
    Unknown,
}

/// A type of the library: its name, the attributes that are looked at, and what else is.
pub(super) struct Row {
    name: &'static str,
    attributes: &'static [&'static str],
    more: More,
}

/// What is looked at besides attributes.
#[derive(Clone, Copy)]
enum More {
    Nothing,
    /// The items of the dict that it is.
    Dict,
    /// The same, in its own order.
    OrderedDict,
    /// What its iterator gives.
    Items,
    /// What a method returns.
    Call(&'static str),
    /// The same of a tuple but for its first item, the class: `__reduce__`.
    Reduce,
    /// The same of `__reduce_ex__`, for which it has no `__reduce__`.
    ReduceEx,
    /// Its bytes.
    Bytes,
    /// What it refers to, in the eyes of the garbage collector.
    Referents,
    /// What a weak reference leads to.
    Referent,
    /// The text that stands for it, if what it refers to are numbers.
    Text,
}

/// The types whose instances show what they hold. None of these attributes and methods runs code of others.
const ROWS: &[Row] = &[
    row("complex", &["real", "imag"], More::Nothing),
    row("range", &["start", "stop", "step"], More::Nothing),
    row("slice", &["start", "stop", "step"], More::Nothing),
    row("ellipsis", &[], More::Nothing),
    row("NotImplementedType", &[], More::Nothing),
    row("mappingproxy", &[], More::Referents),
    row("dict_keys", &[], More::Referents),
    row("dict_values", &[], More::Referents),
    row("dict_items", &[], More::Referents),
    row("builtin_function_or_method", &["__module__", "__qualname__", "__self__"], More::Nothing),
    row("method-wrapper", &["__name__", "__self__"], More::Nothing),
    row("method_descriptor", &["__name__", "__objclass__"], More::Nothing),
    row("classmethod_descriptor", &["__name__", "__objclass__"], More::Nothing),
    row("wrapper_descriptor", &["__name__", "__objclass__"], More::Nothing),
    row("getset_descriptor", &["__name__", "__objclass__"], More::Nothing),
    row("member_descriptor", &["__name__", "__objclass__"], More::Nothing),
    row("property", &["fget", "fset", "fdel"], More::Nothing),
    row("classmethod", &["__func__"], More::Nothing),
    row("staticmethod", &["__func__"], More::Nothing),
    row("types.SimpleNamespace", &[], More::Nothing),
    row("types.GenericAlias", &["__origin__", "__args__"], More::Nothing),
    row("collections.deque", &["maxlen"], More::Items),
    row("collections.defaultdict", &["default_factory"], More::Dict),
    row("collections.OrderedDict", &[], More::OrderedDict),
    row("array.array", &["typecode"], More::Bytes),
    row("datetime.date", &[], More::Reduce),
    row("datetime.time", &[], More::ReduceEx),
    row("datetime.datetime", &[], More::ReduceEx),
    row("datetime.timedelta", &["days", "seconds", "microseconds"], More::Nothing),
    row("datetime.timezone", &[], More::Call("__getinitargs__")),
    row("zoneinfo.ZoneInfo", &["key"], More::Nothing),
    row("decimal.Decimal", &[], More::Call("as_tuple")),
    row("re.Pattern", &["pattern", "flags"], More::Nothing),
    row("functools.partial", &["func", "args", "keywords"], More::Nothing),
    // A cache does not travel.
    row("functools._lru_cache_wrapper", &[], More::Nothing),
    row("operator.itemgetter", &[], More::Reduce),
    row("operator.attrgetter", &[], More::Reduce),
    row("operator.methodcaller", &[], More::Reduce),
    row("itertools.count", &[], More::Text),
    row("_random.Random", &[], More::Call("getstate")),
    row("weakref.ReferenceType", &[], More::Referent),
    row("weakref", &[], More::Referent),
    row("typing.ParamSpec", &["__name__"], More::Nothing),
    row("typing.TypeVarTuple", &["__name__"], More::Nothing),
    row("typing.TypeAliasType", &["__name__"], More::Nothing),
    row("typing.ParamSpecArgs", &["__origin__"], More::Nothing),
    row("typing.ParamSpecKwargs", &["__origin__"], More::Nothing),
];

/// Types of functions of packages.
const NAMED: [&str; 2] = ["numpy.ufunc", "numpy._ArrayFunctionDispatcher"];

/// What an exception holds that travels. Types that hold more are larger.
const EXCEPTION: Row = row("BaseException", &["args", "__cause__", "__context__"], More::Nothing);

const fn row(name: &'static str, attributes: &'static [&'static str], more: More) -> Row {
    Row { name, attributes, more }
}

impl Contents {
    /// What instances of `ty` hold as instances of `base`, the type made in C that it is derived from.
    pub(super) fn of<'py>(base: &Bound<'py, PyType>, ty: &Bound<'py, PyType>) -> PyResult<Self> {
        let py = ty.py();
        if base.is(py.get_type::<PyAny>()) {
            return Self::of_library(ty);
        }
        if let Some(kind) = Kind::of_type(base) {
            return Ok(Self::Builtin(kind));
        }
        let name = instance::name_of(base);
        if name.starts_with("datetime.")
            && let Some(datetime) = known_types::datetime_type(ty)?
        {
            return Ok(Self::DateTime(Rc::new(datetime)));
        }
        if name == "numpy.ndarray" {
            return Ok(Self::Array);
        }
        if let Some(row) = ROWS.iter().find(|row| row.name == name) {
            return Ok(Self::Row(row));
        }
        if NAMED.contains(&name) || name.ends_with(".cython_function_or_method") {
            return Ok(Self::Named);
        }
        if known_types::is_of_numpy(base)? {
            return Ok(Self::Reduction);
        }
        let exception = py.get_type::<PyBaseException>();
        if class::is_derived(base, &exception) && instance::is_extended_by(&exception, base, 0) {
            return Ok(Self::Row(&EXCEPTION));
        }
        // What nobody knows how to reduce does not travel. An object that holds it, such as a lock, leaves it out.
        let runtime = Runtime::get(py);
        let is_registered = |table: &Bound<'py, PyDict>| table.contains(ty);
        let stays = known_types::leaves_reducing_to_object(ty)?
            && !is_registered(runtime.state.reducers.bind(py))?
            && !is_registered(runtime.copyreg_dispatch_table.bind(py))?;
        Ok(if stays { Self::Nothing } else { Self::Unknown })
    }

    /// What is to be known of a class that is made in Python: of the library's own, a few do not show by their attributes what
    /// travels.
    fn of_library(ty: &Bound<'_, PyType>) -> PyResult<Self> {
        let (py, name) = (ty.py(), instance::name_of(ty));
        if name.ends_with("Logger")
            && class_in(intern!(py, "logging"), "Logger")?.is_some_and(|logger| class::is_derived(ty, &logger))
        {
            return Ok(Self::Logger);
        }
        // Of a class derived from it, the text may be what a program says.
        if name.ends_with("Path") && class_in(intern!(py, "pathlib"), name)?.is_some_and(|path| path.is(ty)) {
            return Ok(Self::Path);
        }
        Ok(Self::Nothing)
    }

    /// Whether they are made of nothing that may contain what they are part of.
    pub(super) fn are_atoms(&self) -> bool {
        matches!(
            self,
            Self::DateTime(_)
                | Self::Builtin(Kind::Int | Kind::Float | Kind::Str | Kind::Bytes)
                | Self::Array
                | Self::Named
                | Self::Logger
                | Self::Path
        )
    }

    /// Whether they are all that is looked at, and not the attributes.
    pub(super) fn are_all(&self) -> bool {
        matches!(self, Self::Named | Self::Logger | Self::Path)
    }
}

/// The class that a module has under a name, if it was imported.
fn class_in<'py>(module: &Bound<'py, PyString>, name: &str) -> PyResult<Option<Bound<'py, PyType>>> {
    let Some(module) = lookup::imported(module)? else { return Ok(None) };
    Ok(module.getattr_opt(name)?.and_then(|found| found.cast_into::<PyType>().ok()))
}

impl<'py> Walk<'py> {
    /// The number of what `value` has as an instance of `base`.
    pub(super) fn inherited(
        &mut self,
        contents: &Contents,
        base: &Bound<'py, PyType>,
        value: &Bound<'py, PyAny>,
        depth: usize,
    ) -> PyResult<u64> {
        match contents {
            Contents::Nothing => Ok(0),
            Contents::Unknown => Ok(self.give_up()),
            Contents::Builtin(kind) => self.builtin(*kind, value, depth, true),
            Contents::DateTime(ty) if let Some(state) = ty.state(value) => {
                Ok(const { Digest::of("date") }.bytes(state.as_bytes()).0)
            }
            contents => match self.shown(contents, base, value, depth) {
                Ok(number) => Ok(number),
                // A container that another thread is changing, for one.
                Err(error) if error.is_instance_of::<PyException>(value.py()) => Ok(self.give_up()),
                Err(error) => Err(error),
            },
        }
    }

    fn shown(
        &mut self,
        contents: &Contents,
        base: &Bound<'py, PyType>,
        value: &Bound<'py, PyAny>,
        depth: usize,
    ) -> PyResult<u64> {
        let py = value.py();
        match contents {
            Contents::Row(row) => self.row(row, base, value, depth),
            Contents::Array => self.array(base, value, depth),
            Contents::Logger => {
                let attributes = instance::dict_of(value)?;
                let name = attributes.and_then(|attributes| attributes.get_item(intern!(py, "name")).ok().flatten());
                self.parts(const { Digest::of("logger") }, [name.as_ref()], depth)
            }
            Contents::Path => Ok(text(const { Digest::of("path") }, &value.str()?)),
            // It has a time zone.
            Contents::DateTime(_) => self.more(More::ReduceEx, base, value, depth),
            Contents::Named => {
                let names = [intern!(py, "__module__"), intern!(py, "__name__")].map(|name| value.getattr(name).ok());
                self.parts(const { Digest::of("named") }, names.iter().map(Option::as_ref), depth)
            }
            Contents::Reduction => self.more(More::Reduce, base, value, depth),
            Contents::Nothing | Contents::Builtin(_) | Contents::Unknown => Ok(self.give_up()),
        }
    }

    fn row(&mut self, row: &Row, base: &Bound<'py, PyType>, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<u64> {
        let mut digest = const { Digest::of("row") };
        for name in row.attributes {
            digest = digest.word(self.fingerprint(&attribute(base, value, name)?, depth + 1)?);
        }
        Ok(digest.word(self.more(row.more, base, value, depth)?).0)
    }

    fn more(
        &mut self,
        more: More,
        base: &Bound<'py, PyType>,
        value: &Bound<'py, PyAny>,
        depth: usize,
    ) -> PyResult<u64> {
        let py = value.py();
        let items = |iterator: Bound<'py, PyAny>| {
            Ok::<_, PyErr>(py.get_type::<PyList>().call1((iterator,))?.cast_into::<PyList>()?)
        };
        let returned = match more {
            More::Nothing => return Ok(0),
            More::Dict => return self.builtin(Kind::Dict, value, depth, true),
            More::OrderedDict => {
                let contents = self.builtin(Kind::Dict, value, depth, true)?;
                // Its iterator looks each key up.
                if !dict::items(value.cast::<PyDict>()?)?.iter().all(|(key, _)| has_plain_hash(key)) {
                    return Ok(self.give_up());
                }
                let keys = items(base.call_method1(intern!(py, "__iter__"), (value,))?)?;
                let order = self.sequence(const { Digest::of("order") }, None, keys.iter(), depth)?;
                return Ok(const { Digest::of("ordered") }.word(contents).word(order).0);
            }
            More::Items => {
                let items = items(base.call_method1(intern!(py, "__iter__"), (value,))?)?;
                return self.sequence(const { Digest::of("items") }, None, items.iter(), depth);
            }
            More::Call(name) => base.call_method1(name, (value,))?,
            More::Reduce => base.call_method1(intern!(py, "__reduce__"), (value,))?,
            More::ReduceEx => base.call_method1(intern!(py, "__reduce_ex__"), (value, 4))?,
            More::Bytes => {
                let size: usize = attribute(base, value, "itemsize")?.extract()?;
                let len: usize = base.call_method1(intern!(py, "__len__"), (value,))?.extract()?;
                return self.bytes(size.saturating_mul(len), base, value);
            }
            More::Referents => {
                let referents = Runtime::get(py).get_referents.bind(py).call1((value,))?.cast_into::<PyList>()?;
                return self.sequence(const { Digest::of("referents") }, None, referents.iter(), depth);
            }
            More::Referent => {
                let referent = value.cast::<PyWeakrefReference>()?.upgrade();
                return self.parts(const { Digest::of("weak reference") }, [referent.as_ref()], depth);
            }
            More::Text => {
                let referents = Runtime::get(py).get_referents.bind(py).call1((value,))?.cast_into::<PyList>()?;
                // Its type is one of them, if that is made at run time.
                let ty = value.get_type();
                if !referents.iter().all(|referent| referent.is(&ty) || Kind::of_atom(&referent).is_some()) {
                    return Ok(self.give_up());
                }
                base.call_method1(intern!(py, "__repr__"), (value,))?
            }
        };
        let skipped = usize::from(matches!(more, More::Reduce | More::ReduceEx));
        match returned.cast::<PyTuple>() {
            // Made for this, as a rule.
            Ok(parts) => self.sequence(const { Digest::of("parts") }, None, parts.iter().skip(skipped), depth),
            Err(_) => self.fingerprint(&returned, depth + 1),
        }
    }

    fn array(&mut self, base: &Bound<'py, PyType>, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<u64> {
        let py = value.py();
        let dtype = attribute(base, value, "dtype")?;
        let kind = dtype.getattr(intern!(py, "kind"))?.extract::<char>()?;
        // Items that are objects, or keep theirs elsewhere.
        if !"biufcmMSU".contains(kind) {
            return Ok(self.give_up());
        }
        let size = attribute(base, value, "nbytes")?.extract()?;
        let (shape, dtype) = (attribute(base, value, "shape")?, dtype.getattr(intern!(py, "str"))?);
        let form = self.parts(const { Digest::of("array") }, [Some(&shape), Some(&dtype)], depth)?;
        Ok(const { Digest::of("array") }.word(form).word(self.bytes(size, base, value)?).0)
    }

    /// The number of as many bytes, unless they are too many.
    fn bytes(&mut self, size: usize, base: &Bound<'py, PyType>, value: &Bound<'py, PyAny>) -> PyResult<u64> {
        if size > BUFFER {
            return Ok(self.give_up());
        }
        let bytes = base.call_method1(intern!(value.py(), "tobytes"), (value,))?;
        Ok(const { Digest::of("buffer") }.bytes(bytes.cast::<PyBytes>()?.as_bytes()).0)
    }
}

/// An attribute as `base` has it: a class that is derived from it may have another under that name.
fn attribute<'py>(base: &Bound<'py, PyType>, value: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    if value.get_type_ptr().cast() == base.as_ptr() {
        return value.getattr(name);
    }
    base.getattr(name)?.call_method1(intern!(value.py(), "__get__"), (value,))
}

/// Whether to look `key` up runs no code of others.
fn has_plain_hash(key: &Bound<'_, PyAny>) -> bool {
    match Kind::of(key) {
        Kind::Tuple => key.cast::<PyTuple>().is_ok_and(|key| key.iter_borrowed().all(|item| has_plain_hash(&item))),
        Kind::None | Kind::Bool | Kind::Int | Kind::Float | Kind::Str | Kind::Bytes => true,
        _ => false,
    }
}
