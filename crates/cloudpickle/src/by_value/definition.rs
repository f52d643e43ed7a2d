//! Has a class changed since it last travelled? Fingerprints of its attributes tell, so that a process that has the class
//! keeps what it made of it, and still gets what its author edited.
//!
//! The sender takes them, one per attribute, and they travel in the second half of the class's state. A fingerprint is of
//! contents: of a method it covers the code, the defaults, the variables of its closure and the globals it names, and of
//! those that are functions the same again. No code of the user's runs for it. What has contents that only such code
//! could tell is told apart by identity: it is the first, second… such object that was seen in this class.
//!
//! Fingerprints are compared with those of the same sender. Another one may number objects in another order, and has
//! its attributes set anew for that.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyByteArray, PyBytes, PyCode, PyDict, PyFloat, PyFrozenSet, PyFunction, PyInt, PyList, PyModule, PyString, PyTuple,
    PyType,
};
use python_objects::code::Field;
use python_objects::compat::code::FIELDS;
use python_objects::function::FunctionParts;
use python_objects::kind::Kind;
use python_objects::set::items_of;
use python_objects::text::characters;
use python_objects::{class, identity, instance, int};

use super::class_tracker::{Ids, tracker, wanted};
use super::known_code::{Fingerprint, KnownCode};
use super::{lookup, registry};
use crate::address::{AddressHasher, FewByAddress};
use crate::rebuild::cell::contents;
use crate::reduce::deferred::is_type_var;
use crate::reduce::recursive_repr;
use crate::runtime::Runtime;

/// How deep the contents of an attribute are looked into. Below, one object is as good as another.
const DEPTH: usize = 64;

/// How many objects below one attribute are looked at.
const OBJECTS: usize = 100_000;

/// The fingerprints of a class's attributes, both name and contents as a number.
pub(crate) type Definition = HashMap<u64, u64, BuildHasherDefault<AddressHasher>>;

/// The number that stands for the name of an attribute.
pub(crate) fn name_number(name: &Bound<'_, PyAny>) -> u64 {
    match name.cast::<PyString>() {
        Ok(name) => text(const { Digest::of("") }, name),
        Err(_) => const { Digest::of("") }.bytes(name.to_string().as_bytes()).0,
    }
}

/// The fingerprints of some attributes, in their order. `identities` are the addresses of the objects that were
/// told apart by identity so far.
pub(crate) fn fingerprints<'a, 'py: 'a>(
    values: impl ExactSizeIterator<Item = &'a Bound<'py, PyAny>>,
    identities: &mut Vec<usize>,
) -> PyResult<Vec<u64>> {
    let mut walk = Walk::new(identities);
    let mut fingerprints = Vec::with_capacity(values.len());
    for value in values {
        walk.begin_anew();
        fingerprints.push(walk.fingerprint(value, 0)?);
    }
    Ok(fingerprints)
}

/// The fingerprint of one attribute; of no use for what is told apart by identity.
pub(crate) fn fingerprint(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    Walk::new(&mut Vec::new()).fingerprint(value, 0)
}

/// The fingerprints as they travel: eight bytes each.
pub(crate) fn to_bytes<'py>(py: Python<'py>, fingerprints: &[u64]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &fingerprints.iter().flat_map(|one| one.to_le_bytes()).collect::<Vec<_>>())
}

/// The fingerprints of the attributes whose names are the keys of `state`, from what travelled.
pub(crate) fn from_bytes(state: &Bound<'_, PyDict>, bytes: &[u8]) -> Option<Definition> {
    let (fingerprints, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() || fingerprints.len() != state.len() {
        return None;
    }
    let names = state.keys();
    Some(
        names
            .iter()
            .map(|name| name_number(&name))
            .zip(fingerprints.iter().map(|one| u64::from_le_bytes(*one)))
            .collect(),
    )
}

/// A number made from contents: the same in every process, and another one for other contents as far as chance goes.
#[derive(Clone, Copy)]
struct Digest(u64);

impl Digest {
    const fn of(kind: &str) -> Self {
        Self(0x243F_6A88_85A3_08D3).bytes(kind.as_bytes())
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
    const fn word(self, word: u64) -> Self {
        let product = (self.0.rotate_left(5) ^ word ^ 0x1319_8A2E_0370_7344) as u128 * 0x9E37_79B9_7F4A_7C15_u128;
        Self((product as u64) ^ ((product >> 64) as u64) ^ word.rotate_left(32))
    }

    #[inline]
    const fn bytes(mut self, bytes: &[u8]) -> Self {
        self = self.word(bytes.len() as u64);
        let mut rest = bytes;
        while let Some((word, behind)) = rest.split_first_chunk() {
            self = self.word(u64::from_le_bytes(*word));
            rest = behind;
        }
        if let Some((first, behind)) = rest.split_first() {
            let (mut last, mut behind, mut shift) = (*first as u64, behind, 0);
            while let Some((byte, others)) = behind.split_first() {
                shift += u8::BITS;
                last |= (*byte as u64) << shift;
                behind = others;
            }
            self = self.word(last);
        }
        self
    }
}

/// The way through what one attribute holds.
struct Walk<'py, 'a> {
    /// What was visited of what may contain itself. It is kept alive, for some of it was made on the way.
    visited: FewByAddress<Bound<'py, PyAny>>,
    left: usize,
    /// The numbers of the classes that were met, which are kept alive here.
    classes: FewByAddress<(Bound<'py, PyType>, u64)>,
    /// The name of the module in which a class was found last, and that module.
    last_module: Option<(Bound<'py, PyString>, Bound<'py, PyAny>)>,
    identities: &'a mut Vec<usize>,
}

impl<'py, 'a> Walk<'py, 'a> {
    fn new(identities: &'a mut Vec<usize>) -> Self {
        Self {
            visited: FewByAddress::with_room(),
            left: OBJECTS,
            classes: FewByAddress::with_room(),
            last_module: None,
            identities,
        }
    }

    /// Goes on to another attribute.
    fn begin_anew(&mut self) {
        self.visited.clear();
        self.left = OBJECTS;
    }

    fn fingerprint(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<u64> {
        if depth > DEPTH || self.left == 0 {
            return Ok(0);
        }
        self.left -= 1;
        Ok(match Kind::of(value) {
            Kind::None => 1,
            Kind::Bool => 2 + u64::from(value.is_truthy()?),
            Kind::Int => match int::as_i64(value.cast::<PyInt>()?) {
                Some(number) => const { Digest::of("int") }.word(number.cast_unsigned()).0,
                None => const { Digest::of("long") }.bytes(value.repr()?.to_string_lossy().as_bytes()).0,
            },
            Kind::Float => const { Digest::of("float") }.word(value.cast::<PyFloat>()?.value().to_bits()).0,
            Kind::Str => text(const { Digest::of("str") }, value.cast::<PyString>()?),
            Kind::Bytes => const { Digest::of("bytes") }.bytes(value.cast::<PyBytes>()?.as_bytes()).0,
            Kind::ByteArray => const { Digest::of("bytearray") }.bytes(&value.cast::<PyByteArray>()?.to_vec()).0,
            Kind::Tuple => {
                self.sequence(const { Digest::of("tuple") }, value, value.cast::<PyTuple>()?.iter(), depth)?
            }
            Kind::List => {
                // A copy: another thread may change it.
                let items = value.cast::<PyList>()?.to_tuple();
                self.sequence(const { Digest::of("list") }, value, items.iter(), depth)?
            }
            Kind::Dict => {
                let items = python_objects::dict::items(value.cast::<PyDict>()?)?;
                let mut digest = const { Digest::of("dict") };
                if !items.is_empty() {
                    if let Some(earlier) = self.revisited(value) {
                        return Ok(earlier);
                    }
                    for (name, value) in &items {
                        digest = digest.word(self.fingerprint(name, depth + 1)?);
                        digest = digest.word(self.fingerprint(value, depth + 1)?);
                    }
                }
                digest.0
            }
            Kind::Set => self.unordered(const { Digest::of("set") }, items_of(value)?.iter(), depth)?,
            Kind::FrozenSet => {
                self.unordered(const { Digest::of("frozenset") }, value.cast::<PyFrozenSet>()?.iter(), depth)?
            }
            Kind::Other => self.other(value, depth)?,
        })
    }

    /// The number of an earlier visit; if this is the first one, it is remembered.
    fn revisited(&mut self, value: &Bound<'py, PyAny>) -> Option<u64> {
        let address = identity::of(value);
        if let Some(earlier) = self.visited.number(address) {
            return Some(const { Digest::of("visited") }.word(earlier as u64).0);
        }
        self.visited.insert(address, value.clone());
        None
    }

    fn sequence(
        &mut self,
        kind: Digest,
        value: &Bound<'py, PyAny>,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
    ) -> PyResult<u64> {
        let mut digest = kind;
        let mut items = items.peekable();
        if items.peek().is_none() {
            return Ok(digest.0);
        }
        if let Some(earlier) = self.revisited(value) {
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

    fn parts<'b>(
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
        let py = value.py();
        let runtime = Runtime::get(py);
        let get = |name: &Bound<'py, PyString>| value.getattr(name).ok();
        let ty = value.get_type_ptr();
        let of_type = |other: &Py<PyType>| ty == other.as_ptr().cast();
        if of_type(&runtime.function_type) {
            return self.function(value.cast::<PyFunction>()?, depth);
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

    /// The class and the attributes, where a plain dict holds them. Reading that runs no code of the user's.
    fn instance(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<u64> {
        if let Some(earlier) = self.revisited(value) {
            return Ok(earlier);
        }
        let ty = value.get_type();
        let class = self.class_number(&ty);
        // What has no `__dict__` would say so by an exception.
        let attributes = if instance::lacks_dict(&ty) {
            None
        } else {
            let attributes = instance::dict_of(value).ok().flatten();
            attributes.filter(|attributes| attributes.is_exact_instance_of::<PyDict>())
        };
        match attributes {
            Some(attributes) if !attributes.is_empty() => {
                let attributes = self.fingerprint(attributes.as_any(), depth + 1)?;
                Ok(const { Digest::of("instance") }.word(class).word(attributes).0)
            }
            _ => Ok(const { Digest::of("identity") }.word(class).word(self.identity(value)).0),
        }
    }

    fn class_number(&mut self, class: &Bound<'py, PyType>) -> u64 {
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

    fn identity(&mut self, value: &Bound<'py, PyAny>) -> u64 {
        let address = identity::of(value);
        let number = self.identities.iter().position(|known| *known == address).unwrap_or_else(|| {
            self.identities.push(address);
            self.identities.len() - 1
        });
        number as u64
    }

    fn function(&mut self, function: &Bound<'py, PyFunction>, depth: usize) -> PyResult<u64> {
        let parts = FunctionParts::of(function)?;
        if !lookup::is_name_of_main(&parts.module) && lookup::by_reference(function).unwrap_or(false) {
            return Ok(qualified_name(function));
        }
        if let Some(earlier) = self.revisited(function) {
            return Ok(earlier);
        }
        let code = parts.code.cast_exact::<PyCode>()?;
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
            return Ok(0);
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
            digest = digest.word(if depth > DEPTH { 0 } else { self.constant(&item, depth + 1)? });
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

fn text(kind: Digest, text: &Bound<'_, PyString>) -> u64 {
    match characters(text) {
        Some(text) => kind.bytes(text.as_bytes()).0,
        // Lone surrogates.
        None => kind.bytes(text.repr().map(|text| text.to_string()).unwrap_or_default().as_bytes()).0,
    }
}

/// A class by reference is its name, one by value its id; its name too in a deterministic dump, whose bytes must not
/// depend on which classes had an id before.
fn class_number(class: &Bound<'_, PyType>) -> u64 {
    let py = class.py();
    // Nobody can change or remove a static type, nor could it travel by value.
    if let Some(number) = lookup::number_of_static_type(class) {
        return number;
    }
    if wanted() == Ids::Random
        && !lookup::by_reference(class).unwrap_or(true)
        && let Ok(id) = tracker(py).tracker_id(class)
    {
        return text(const { Digest::of("class") }, &id);
    }
    qualified_name(class)
}

/// [`qualified_name`] of what has such a module and name.
pub(super) fn number_of_names(names: [&Bound<'_, PyString>; 2]) -> u64 {
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
