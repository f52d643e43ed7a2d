//! The way through what one attribute holds.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyByteArray, PyBytes, PyCode, PyDict, PyFloat, PyFunction, PyInt, PyList, PyModule, PyString, PyTuple, PyType,
};
use python_objects::code::Field;
use python_objects::compat::code::FIELDS;
use python_objects::function::FunctionParts;
use python_objects::kind::{KNOWS_CONTENTS_OF_SUBCLASSES, Kind, exact};
use python_objects::set::stored_items_of;
use python_objects::text::characters;
use python_objects::{class, identity, int, proxy};

use super::UNKNOWN;
use super::digest::{Digest, text};
use super::instance::Shapes;
use crate::address::FewByAddress;
use crate::by_value::class_tracker::{Ids, tracker, wanted};
use crate::by_value::known_code::{Fingerprint, KnownCode};
use crate::by_value::{lookup, registry};
use crate::rebuild::cell::contents;
use crate::reduce::deferred::is_type_var;
use crate::reduce::recursive_repr;
use crate::runtime::Runtime;

/// How deep the contents of an attribute are looked into.
const DEPTH: usize = 64;

/// How many objects below one attribute are looked at, less one.
const OBJECTS: usize = 100_000;

/// The way through what one attribute holds.
pub(super) struct Walk<'py> {
    /// What was visited of what may contain itself. It is kept alive, for some of it was made on the way.
    visited: FewByAddress<Bound<'py, PyAny>>,
    /// How many objects may still be looked at. None, once it is known that the contents cannot be told.
    left: usize,
    /// The numbers of the classes that were met, which are kept alive here.
    classes: FewByAddress<(Bound<'py, PyType>, u64)>,
    /// The name of the module in which a class was found last, and that module.
    last_module: Option<(Bound<'py, PyString>, Bound<'py, PyAny>)>,
    pub(super) shapes: Shapes<'py>,
    /// What says of which kind a field of a dataclass is, and its number.
    last_sentinel: Option<(Bound<'py, PyAny>, u64)>,
}

impl<'py> Walk<'py> {
    pub(super) fn new() -> Self {
        Self {
            visited: FewByAddress::with_room(),
            left: OBJECTS,
            classes: FewByAddress::with_room(),
            last_module: None,
            shapes: Shapes::default(),
            last_sentinel: None,
        }
    }

    /// The fingerprint of another attribute, or [`UNKNOWN`].
    pub(super) fn attribute(&mut self, value: &Bound<'py, PyAny>) -> PyResult<u64> {
        self.visited.clear();
        self.left = OBJECTS;
        let fingerprint = self.fingerprint(value, 0)?;
        Ok(if self.left == 0 { UNKNOWN } else { fingerprint })
    }

    /// Says that the contents of the attribute cannot be told.
    pub(super) fn give_up(&mut self) -> u64 {
        self.left = 0;
        UNKNOWN
    }

    /// The number of what is part of the attribute, so many levels below it. It says nothing once the walk was given up.
    pub(super) fn fingerprint(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<u64> {
        if depth > DEPTH || self.left == 0 {
            return Ok(self.give_up());
        }
        self.left -= 1;
        match Kind::of(value) {
            Kind::None => Ok(1),
            Kind::Bool => Ok(2 + u64::from(value.is_truthy()?)),
            // By far the most of what classes hold.
            Kind::Str => Ok(text(const { Digest::of("str") }, value.cast::<PyString>()?)),
            Kind::Other => self.other(value, depth),
            kind => self.builtin(kind, value, depth, false),
        }
    }

    /// The number of what an instance of a builtin type, or of a class derived from it, has as such a one. `is_entered` says
    /// that it is among what was visited.
    pub(super) fn builtin(
        &mut self,
        kind: Kind,
        value: &Bound<'py, PyAny>,
        depth: usize,
        is_entered: bool,
    ) -> PyResult<u64> {
        if is_entered && !KNOWS_CONTENTS_OF_SUBCLASSES {
            return Ok(self.give_up());
        }
        let entered = |value| if is_entered { None } else { Some(value) };
        Ok(match kind {
            Kind::Int => number(value.cast::<PyInt>()?)?,
            Kind::Float => const { Digest::of("float") }.word(value.cast::<PyFloat>()?.value().to_bits()).0,
            Kind::Str => text(const { Digest::of("str") }, value.cast::<PyString>()?),
            Kind::Bytes => const { Digest::of("bytes") }.bytes(value.cast::<PyBytes>()?.as_bytes()).0,
            Kind::ByteArray => const { Digest::of("bytearray") }.bytes(&value.cast::<PyByteArray>()?.to_vec()).0,
            Kind::Tuple => {
                let items = value.cast::<PyTuple>()?.iter();
                self.sequence(const { Digest::of("tuple") }, entered(value), items, depth)?
            }
            Kind::List => {
                let list = value.cast::<PyList>()?;
                if list.len() > self.left {
                    return Ok(self.give_up());
                }
                // A copy: another thread may change it.
                let items = list.to_tuple();
                self.sequence(const { Digest::of("list") }, entered(value), items.iter(), depth)?
            }
            Kind::Dict => {
                let dict = value.cast::<PyDict>()?;
                if dict.len() > self.left {
                    return Ok(self.give_up());
                }
                let items = python_objects::dict::items(dict)?;
                let mut digest = const { Digest::of("dict") };
                if !items.is_empty() {
                    if let Some(earlier) = entered(value).and_then(|value| self.revisited(value)) {
                        return Ok(earlier);
                    }
                    for (name, value) in &items {
                        digest = digest.word(self.fingerprint(name, depth + 1)?);
                        digest = digest.word(self.fingerprint(value, depth + 1)?);
                    }
                }
                digest.0
            }
            Kind::Set => self.unordered(const { Digest::of("set") }, stored_items_of(value)?.iter(), depth)?,
            Kind::FrozenSet => {
                self.unordered(const { Digest::of("frozenset") }, stored_items_of(value)?.iter(), depth)?
            }
            // Nobody derives from these.
            Kind::None | Kind::Bool | Kind::Other => self.give_up(),
        })
    }

    /// The number of an earlier visit; if this is the first one, it is remembered.
    pub(super) fn revisited(&mut self, value: &Bound<'py, PyAny>) -> Option<u64> {
        let address = identity::of(value);
        if let Some(earlier) = self.visited.number(address) {
            return Some(const { Digest::of("visited") }.word(earlier as u64).0);
        }
        self.visited.insert(address, value.clone());
        None
    }

    /// The number of something with these items. `value`, which they are items of, may be among what was visited.
    pub(super) fn sequence(
        &mut self,
        kind: Digest,
        value: Option<&Bound<'py, PyAny>>,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
    ) -> PyResult<u64> {
        let mut digest = kind;
        let mut items = items.peekable();
        if items.peek().is_none() {
            return Ok(digest.0);
        }
        if let Some(earlier) = value.and_then(|value| self.revisited(value)) {
            return Ok(earlier);
        }
        for item in items {
            digest = digest.word(self.fingerprint(&item, depth + 1)?);
        }
        Ok(digest.0)
    }

    fn unordered(
        &mut self,
        kind: Digest,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
    ) -> PyResult<u64> {
        let mut sum = 0u64;
        for item in items {
            sum = sum.wrapping_add(self.fingerprint(&item, depth + 1)?);
        }
        Ok(kind.word(sum).0)
    }

    pub(super) fn parts<'b>(
        &mut self,
        kind: Digest,
        parts: impl IntoIterator<Item = Option<&'b Bound<'py, PyAny>>>,
        depth: usize,
    ) -> PyResult<u64>
    where
        'py: 'b,
    {
        let mut digest = kind;
        for part in parts {
            digest = digest.word(part.map_or(Ok(0), |part| self.fingerprint(part, depth + 1))?);
        }
        Ok(digest.0)
    }

    fn other(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<u64> {
        if let Some(shape) = self.shapes.get(&value.get_type()) {
            return self.instance_of(&shape, value, depth);
        }
        let py = value.py();
        let runtime = Runtime::get(py);
        let get = |name: &Bound<'py, PyString>| value.getattr(name).ok();
        let ty = value.get_type_ptr();
        let of_type = |other: &Py<PyType>| ty == other.as_ptr().cast();
        if of_type(&runtime.function_type) {
            return self.function(value.cast::<PyFunction>()?, depth);
        }
        // The sentinels of `dataclasses` travel by name. Each of its fields has four.
        if of_type(&runtime.state.missing_type) {
            return Ok(const { Digest::of("MISSING") }.0);
        }
        if of_type(&runtime.field_sentinel_type) {
            return self.field_sentinel(value, depth);
        }
        if of_type(&runtime.mapping_proxy_type)
            && let Some(shown) = proxy::shown_by(value.cast()?)
        {
            // That of most fields of dataclasses.
            if exact::<PyDict>(&shown).is_some_and(PyDictMethods::is_empty) {
                return Ok(const { Digest::of("empty mappingproxy") }.0);
            }
            return self.parts(const { Digest::of("mappingproxy") }, [Some(&shown)], depth);
        }
        if let Ok(class) = value.cast::<PyType>() {
            return Ok(self.class_number(class));
        }
        if of_type(&runtime.cell_type) {
            if let Some(earlier) = self.revisited(value) {
                return Ok(earlier);
            }
            return self.parts(const { Digest::of("cell") }, [contents(value)?.as_ref()], depth);
        }
        if value.cast::<PyModule>().is_ok() {
            let name = get(intern!(py, "__name__")).map_or_else(String::new, |name| name.to_string());
            return Ok(const { Digest::of("module") }.bytes(name.as_bytes()).0);
        }
        if let Ok(code) = value.cast_exact::<PyCode>() {
            return self.code(code, depth);
        }
        if of_type(&runtime.classmethod_type) || of_type(&runtime.staticmethod_type) {
            return self.parts(const { Digest::of("method") }, [get(intern!(py, "__func__")).as_ref()], depth);
        }
        if of_type(&runtime.method_type) {
            let (function, owner) = (get(intern!(py, "__func__")), get(intern!(py, "__self__")));
            return self.parts(const { Digest::of("bound") }, [function.as_ref(), owner.as_ref()], depth);
        }
        if of_type(&runtime.property_type) {
            let names = [intern!(py, "fget"), intern!(py, "fset"), intern!(py, "fdel"), intern!(py, "__doc__")];
            return self.parts(const { Digest::of("property") }, names.map(get).iter().map(Option::as_ref), depth);
        }
        // Its module is another one where it arrived, and nothing else of it can be edited.
        if is_type_var(value) {
            return self.parts(const { Digest::of("type variable") }, [get(intern!(py, "__name__")).as_ref()], depth);
        }
        // Text in annotations is evaluated for each dump, which makes other objects of these types each time.
        if is_type_of_types(value)? {
            let names = [intern!(py, "__origin__"), intern!(py, "__args__")];
            return self.parts(const { Digest::of("type of types") }, names.map(get).iter().map(Option::as_ref), depth);
        }
        self.instance(value, depth)
    }

    fn field_sentinel(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<u64> {
        if let Some((last, number)) = &self.last_sentinel
            && last.is(value)
        {
            return Ok(*number);
        }
        let name = value.getattr(intern!(value.py(), "name"))?;
        let number = self.parts(const { Digest::of("field sentinel") }, [Some(&name)], depth)?;
        if self.left > 0 {
            self.last_sentinel = Some((value.clone(), number));
        }
        Ok(number)
    }

    pub(super) fn class_number(&mut self, class: &Bound<'py, PyType>) -> u64 {
        if let Some(number) = lookup::number_of_static_type(class) {
            return number;
        }
        let address = identity::of(class);
        if let Some((_, number)) = self.classes.get(address) {
            return *number;
        }
        let number = self.number_of_plain_class(class).unwrap_or_else(|| class_number(class));
        self.classes.insert(address, (class.clone(), number));
        number
    }

    /// [`class_number`] of a class that is found in its module, where no module is registered.
    fn number_of_plain_class(&mut self, class: &Bound<'py, PyType>) -> Option<u64> {
        let (module_name, name) = lookup::plain_names(class)?;
        characters(&module_name)?;
        if !registry::nothing_is_registered(class.py()) {
            return None;
        }
        if self.last_module.as_ref().is_none_or(|(last, _)| !last.is(&module_name)) {
            let module = lookup::imported(&module_name).ok()??;
            self.last_module = Some((module_name.clone(), module));
        }
        let (_, module) = self.last_module.as_ref()?;
        let is_found = lookup::is_found_in(module, class, &name).ok()??;
        is_found.then(|| number_of_names([&module_name, &name]))
    }

    fn function(&mut self, function: &Bound<'py, PyFunction>, depth: usize) -> PyResult<u64> {
        let parts = FunctionParts::of(function)?;
        if !lookup::is_name_of_main(&parts.module) && lookup::by_reference(function).unwrap_or(false) {
            return Ok(qualified_name(function));
        }
        if let Some(earlier) = self.revisited(function) {
            return Ok(earlier);
        }
        // Functions that are built in are functions, too, on PyPy.
        let Ok(code) = parts.code.cast_exact::<PyCode>() else { return Ok(qualified_name(function)) };
        let known = KnownCode::of(code)?;
        if let Some(made) = recursive_repr::Parts::of(function, &parts, &known)? {
            let parts = [made.fillvalue.as_ref(), Some(&made.user_function), Some(&parts.name)];
            return self.parts(const { Digest::of("recursive_repr") }, parts, depth);
        }
        let of_code = self.code_of_function(code, &known)?;
        let mut digest = const { Digest::of("function") }.word(of_code);
        let closure = parts.closure.map(Bound::into_any);
        let attributes = parts.attributes.filter(|attributes| !attributes.is_empty()).map(Bound::into_any);
        for part in
            [Some(&parts.name), Some(&parts.defaults), Some(&parts.kwdefaults), closure.as_ref(), attributes.as_ref()]
        {
            digest = digest.word(part.map_or(Ok(0), |part| self.fingerprint(part, depth + 1))?);
        }
        for name in &known.globals {
            let value = parts.globals.get_item(name)?;
            digest = digest.word(value.map_or(Ok(0), |value| self.fingerprint(&value, depth + 1))?);
        }
        Ok(digest.0)
    }

    /// The fingerprint of a function's code. Code does not change: what was found out once is remembered, if nothing of it
    /// depends on where the code was met.
    fn code_of_function(&mut self, code: &Bound<'py, PyCode>, known: &KnownCode) -> PyResult<u64> {
        if let Some(&Fingerprint { value, objects }) = known.fingerprint.get()
            && objects <= self.left
        {
            self.left -= objects;
            return Ok(value);
        }
        let (before, seen) = (self.left, self.visited.len());
        // Code cannot contain itself, so its depth counts from here.
        let value = self.code(code, 1)?;
        if self.left > 0 && self.visited.len() == seen {
            // Another thread may have been quicker, with the same.
            known.fingerprint.get_or_init(|| Fingerprint { value, objects: before - self.left });
        }
        Ok(value)
    }

    /// Code does not change, and cannot contain itself.
    fn code(&mut self, code: &Bound<'py, PyCode>, depth: usize) -> PyResult<u64> {
        if depth > DEPTH || self.left == 0 {
            return Ok(self.give_up());
        }
        let fields = &Runtime::get(code.py()).state.code_fields;
        let mut digest = const { Digest::of("code") };
        for (index, wanted) in FINGERPRINTED.iter().enumerate() {
            if *wanted {
                digest = match fields.get(code, index)? {
                    Field::Int(number) => digest.word(number.cast_unsigned()),
                    Field::Object(value) => digest.word(self.constant(&value, depth + 1)?),
                };
            }
        }
        Ok(digest.0)
    }

    /// A constant of code: like any other value, but for tuples, which need no memory of where they were seen.
    fn constant(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<u64> {
        let Ok(tuple) = value.cast_exact::<PyTuple>() else { return self.fingerprint(value, depth) };
        let mut digest = const { Digest::of("tuple") };
        for item in tuple.iter_borrowed() {
            let number = if depth > DEPTH { self.give_up() } else { self.constant(&item, depth + 1)? };
            digest = digest.word(number);
        }
        Ok(digest.0)
    }
}

/// Whether it is like `list[int]` or `int | str`. Those that `typing` makes are instances with a dict.
fn is_type_of_types(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = value.py();
    let (ty, runtime) = (value.get_type(), Runtime::get(py));
    let generic_alias = runtime.generic_alias_type.bind(py);
    if ty.is(generic_alias) || runtime.state.union_type.as_ref().is_some_and(|union| ty.is(union)) {
        return Ok(true);
    }
    // `collections.abc.Callable[[int], str]` is of a type of the library's own. What others derive may compute its parts.
    Ok(class::is_derived(&ty, generic_alias)
        && runtime
            .collections_abc
            .bind(py)
            .getattr_opt(intern!(py, "_CallableGenericAlias"))?
            .is_some_and(|own| ty.is(own)))
}

/// By the number of the field of a code object: whether it says something about what the code does. Where it stands does
/// not.
const FINGERPRINTED: [bool; FIELDS.len()] = {
    let mut fingerprinted = [false; FIELDS.len()];
    let mut index = 0;
    while index < FIELDS.len() {
        fingerprinted[index] = matches!(
            FIELDS[index].as_bytes(),
            b"co_code"
                | b"co_consts"
                | b"co_names"
                | b"co_varnames"
                | b"co_freevars"
                | b"co_cellvars"
                | b"co_flags"
                | b"co_argcount"
                | b"co_posonlyargcount"
                | b"co_kwonlyargcount"
        );
        index += 1;
    }
    fingerprinted
};

fn number(number: &Bound<'_, PyInt>) -> PyResult<u64> {
    if let Some(number) = int::as_i64(number) {
        return Ok(const { Digest::of("int") }.word(number.cast_unsigned()).0);
    }
    // A subclass may have a method of its own.
    let written = number.py().get_type::<PyInt>().call_method1(intern!(number.py(), "__repr__"), (number,))?;
    Ok(const { Digest::of("long") }.bytes(written.to_string().as_bytes()).0)
}

/// A class by reference is its name, and so is a type made in C that no module has; one by value its id; its name too in a
/// deterministic dump, whose bytes must not depend on which classes had an id before.
fn class_number(class: &Bound<'_, PyType>) -> u64 {
    let py = class.py();
    // Nobody can change or remove a static type, nor could it travel by value.
    if let Some(number) = lookup::number_of_static_type(class) {
        return number;
    }
    if wanted() == Ids::Random
        && !lookup::by_reference(class).unwrap_or(true)
        && !lookup::is_made_by_c(class).unwrap_or(true)
        && let Ok(id) = tracker(py).tracker_id(class)
    {
        return text(const { Digest::of("class") }, &id);
    }
    qualified_name(class)
}

/// [`qualified_name`] of what has such a module and name.
pub(in crate::by_value) fn number_of_names(names: [&Bound<'_, PyString>; 2]) -> u64 {
    let digest = names.into_iter().fold(const { Digest::of("name") }, |digest, part| match characters(part) {
        Some(part) => digest.bytes(part.as_bytes()),
        None => digest.bytes(b""),
    });
    digest.0
}

fn qualified_name(named: &Bound<'_, PyAny>) -> u64 {
    let py = named.py();
    let class = named.cast::<PyType>().ok();
    let at_hand = [class.and_then(class::module), class.and_then(class::names).map(|names| names.qualname.into_any())];
    at_hand
        .into_iter()
        .zip([intern!(py, "__module__"), intern!(py, "__qualname__")])
        .fold(const { Digest::of("name") }, |digest, (found, name)| {
            match found.map_or_else(|| named.getattr(name), Ok) {
                Ok(part) => match part.cast_exact::<PyString>().ok().and_then(|part| characters(part)) {
                    Some(part) => digest.bytes(part.as_bytes()),
                    None => digest.bytes(part.to_string().as_bytes()),
                },
                Err(_) => digest.bytes(b""),
            }
        })
        .0
}
