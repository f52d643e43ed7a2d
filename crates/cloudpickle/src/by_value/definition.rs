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
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyByteArray, PyBytes, PyCode, PyDict, PyFrozenSet, PyFunction, PyList, PyModule, PySet, PyString, PyTuple, PyType,
};
use python_objects::identity;
use python_objects::kind::Kind;

use super::class_tracker::{Ids, tracker, wanted};
use super::{code_globals, lookup};
use crate::rebuild::cell::contents;
use crate::runtime::Runtime;

/// How deep the contents of an attribute are looked into. Below, one object is as good as another.
const DEPTH: usize = 64;

/// How many objects below one attribute are looked at.
const OBJECTS: usize = 100_000;

/// The fingerprints of a class's attributes, both name and contents as a number.
pub(crate) type Definition = HashMap<u64, u64>;

/// The number that stands for the name of an attribute.
pub(crate) fn name_number(name: &Bound<'_, PyAny>) -> u64 {
    number(|hasher| name.to_string().hash(hasher))
}

/// The fingerprints of the attributes in `state`, in their order. `identities` are the addresses of the objects that were
/// told apart by identity so far.
pub(crate) fn fingerprints(state: &Bound<'_, PyDict>, identities: &mut Vec<usize>) -> PyResult<Vec<u64>> {
    state.iter().map(|(_, value)| Walk::new(identities).fingerprint(&value, 0)).collect()
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

fn number(write: impl FnOnce(&mut DefaultHasher)) -> u64 {
    // Its keys are constants: the same contents have the same number in every process.
    let mut hasher = DefaultHasher::new();
    write(&mut hasher);
    hasher.finish()
}

/// The way through what one attribute holds.
struct Walk<'py, 'a> {
    /// Address to the number of the visit, for what may contain itself.
    visited: HashMap<usize, usize>,
    /// Keeps alive what was made on the way, whose addresses are in `visited`.
    kept: Vec<Bound<'py, PyAny>>,
    left: usize,
    identities: &'a mut Vec<usize>,
}

impl<'py, 'a> Walk<'py, 'a> {
    fn new(identities: &'a mut Vec<usize>) -> Self {
        Self { visited: HashMap::new(), kept: Vec::new(), left: OBJECTS, identities }
    }

    fn fingerprint(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<u64> {
        if depth > DEPTH || self.left == 0 {
            return Ok(0);
        }
        self.left -= 1;
        let kind = Kind::of(value);
        let tag = kind as u8;
        Ok(match kind {
            Kind::None => 1,
            Kind::Bool => 2 + u64::from(value.is_truthy()?),
            Kind::Int | Kind::Float => number(|hasher| (tag, value.to_string()).hash(hasher)),
            Kind::Str => text(tag, value.cast::<PyString>()?),
            Kind::Bytes => {
                number(|hasher| (tag, value.cast::<PyBytes>().map(PyBytesMethods::as_bytes).ok()).hash(hasher))
            }
            Kind::ByteArray => {
                let bytes = value.cast::<PyByteArray>()?.to_vec();
                number(|hasher| (tag, bytes).hash(hasher))
            }
            Kind::Tuple => self.sequence(tag, value, value.cast::<PyTuple>()?.iter(), depth)?,
            Kind::List => {
                // A copy: another thread may change it.
                let items = value.cast::<PyList>()?.to_tuple();
                self.sequence(tag, value, items.iter(), depth)?
            }
            Kind::Dict => {
                let items = value.cast::<PyDict>()?.items();
                let items: Vec<_> = items.iter().collect();
                self.sequence(tag, value, items.into_iter(), depth)?
            }
            Kind::Set => self.unordered(tag, value.cast::<PySet>()?.iter(), depth)?,
            Kind::FrozenSet => self.unordered(tag, value.cast::<PyFrozenSet>()?.iter(), depth)?,
            Kind::Other => self.other(value, depth)?,
        })
    }

    /// The number of an earlier visit; if this is the first one, it is remembered.
    fn revisited(&mut self, value: &Bound<'py, PyAny>) -> Option<u64> {
        let count = self.visited.len();
        let address = identity::of(value);
        if let Some(earlier) = self.visited.get(&address) {
            return Some(number(|hasher| ("visited", earlier).hash(hasher)));
        }
        self.visited.insert(address, count);
        self.kept.push(value.clone());
        None
    }

    fn sequence(
        &mut self,
        tag: u8,
        value: &Bound<'py, PyAny>,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
    ) -> PyResult<u64> {
        if let Some(earlier) = self.revisited(value) {
            return Ok(earlier);
        }
        let items = items.map(|item| self.fingerprint(&item, depth + 1)).collect::<PyResult<Vec<_>>>()?;
        Ok(number(|hasher| (tag, items).hash(hasher)))
    }

    fn unordered(&mut self, tag: u8, items: impl Iterator<Item = Bound<'py, PyAny>>, depth: usize) -> PyResult<u64> {
        let mut sum = u64::from(tag);
        for item in items {
            sum = sum.wrapping_add(self.fingerprint(&item, depth + 1)?);
        }
        Ok(sum)
    }

    fn parts(&mut self, kind: &str, parts: &[Option<Bound<'py, PyAny>>], depth: usize) -> PyResult<u64> {
        let parts = parts
            .iter()
            .map(|part| part.as_ref().map(|part| self.fingerprint(part, depth + 1)).transpose())
            .collect::<PyResult<Vec<_>>>()?;
        Ok(number(|hasher| (kind, parts).hash(hasher)))
    }

    fn other(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<u64> {
        let py = value.py();
        let runtime = Runtime::get(py);
        let get = |name: &Bound<'py, PyString>| value.getattr(name).ok();
        if let Ok(function) = value.cast_exact::<PyFunction>() {
            return self.function(function, depth);
        }
        if let Ok(class) = value.cast::<PyType>() {
            return Ok(class_number(class));
        }
        if value.cast::<PyModule>().is_ok() {
            return Ok(number(|hasher| {
                ("module", get(intern!(py, "__name__")).map(|name| name.to_string())).hash(hasher);
            }));
        }
        if let Ok(code) = value.cast_exact::<PyCode>() {
            return self.code(code, depth);
        }
        let of_type = |ty: &Py<PyType>| value.get_type().is(ty);
        if of_type(&runtime.classmethod_type) || of_type(&runtime.staticmethod_type) {
            return self.parts("method", &[get(intern!(py, "__func__"))], depth);
        }
        if of_type(&runtime.method_type) {
            return self.parts("bound", &[get(intern!(py, "__func__")), get(intern!(py, "__self__"))], depth);
        }
        if of_type(&runtime.property_type) {
            let names = [intern!(py, "fget"), intern!(py, "fset"), intern!(py, "fdel"), intern!(py, "__doc__")];
            return self.parts("property", &names.map(get), depth);
        }
        if of_type(&runtime.cell_type) {
            if let Some(earlier) = self.revisited(value) {
                return Ok(earlier);
            }
            let contents = contents(value)?;
            return self.parts("cell", &[contents], depth);
        }
        // Its module is another one where it arrived, and nothing else of it can be edited.
        if of_type(&runtime.type_var_type) {
            return self.parts("type variable", &[get(intern!(py, "__name__"))], depth);
        }
        self.instance(value, depth)
    }

    /// The class and the attributes, where a plain dict holds them. Reading that runs no code of the user's.
    fn instance(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<u64> {
        let py = value.py();
        if let Some(earlier) = self.revisited(value) {
            return Ok(earlier);
        }
        let class = class_number(&value.get_type());
        let object = py.get_type::<PyAny>();
        let attributes = object.call_method1(intern!(py, "__getattribute__"), (value, intern!(py, "__dict__")));
        match attributes.ok().and_then(|attributes| attributes.cast_into_exact::<PyDict>().ok()) {
            Some(attributes) if !attributes.is_empty() => {
                let attributes = self.fingerprint(attributes.as_any(), depth + 1)?;
                Ok(number(|hasher| ("instance", class, attributes).hash(hasher)))
            }
            _ => {
                let identity = self.identity(value);
                Ok(number(|hasher| ("identity", class, identity).hash(hasher)))
            }
        }
    }

    fn identity(&mut self, value: &Bound<'py, PyAny>) -> usize {
        let address = identity::of(value);
        self.identities.iter().position(|known| *known == address).unwrap_or_else(|| {
            self.identities.push(address);
            self.identities.len() - 1
        })
    }

    fn function(&mut self, function: &Bound<'py, PyFunction>, depth: usize) -> PyResult<u64> {
        let py = function.py();
        if lookup::by_reference(function).unwrap_or(false) {
            return Ok(qualified_name(function));
        }
        if let Some(earlier) = self.revisited(function) {
            return Ok(earlier);
        }
        let code = function.getattr(intern!(py, "__code__"))?.cast_into::<PyCode>()?;
        let globals = function.getattr(intern!(py, "__globals__"))?.cast_into::<PyDict>()?;
        let mut parts = vec![Some(code.clone().into_any())];
        for name in [
            intern!(py, "__name__"),
            intern!(py, "__defaults__"),
            intern!(py, "__kwdefaults__"),
            intern!(py, "__closure__"),
            intern!(py, "__dict__"),
        ] {
            parts.push(function.getattr_opt(name)?);
        }
        for name in code_globals::global_names(&code)?.keys() {
            parts.push(globals.get_item(name)?);
        }
        self.parts("function", &parts, depth)
    }

    fn code(&mut self, code: &Bound<'py, PyCode>, depth: usize) -> PyResult<u64> {
        let py = code.py();
        let names = [
            intern!(py, "co_code"),
            intern!(py, "co_consts"),
            intern!(py, "co_names"),
            intern!(py, "co_varnames"),
            intern!(py, "co_freevars"),
            intern!(py, "co_cellvars"),
            intern!(py, "co_flags"),
            intern!(py, "co_argcount"),
            intern!(py, "co_posonlyargcount"),
            intern!(py, "co_kwonlyargcount"),
        ];
        let parts = names.into_iter().map(|name| code.getattr(name).map(Some)).collect::<PyResult<Vec<_>>>()?;
        self.parts("code", &parts, depth)
    }
}

fn text(tag: u8, text: &Bound<'_, PyString>) -> u64 {
    match text.to_str() {
        Ok(text) => number(|hasher| (tag, text).hash(hasher)),
        // Lone surrogates.
        Err(_) => number(|hasher| (tag, text.repr().map(|text| text.to_string()).ok()).hash(hasher)),
    }
}

/// A class by reference is its name, one by value its id; its name too in a deterministic dump, whose bytes must not
/// depend on which classes had an id before.
fn class_number(class: &Bound<'_, PyType>) -> u64 {
    let py = class.py();
    if wanted() == Ids::Random
        && !lookup::by_reference(class).unwrap_or(true)
        && let Ok(id) = tracker(py).tracker_id(class)
    {
        return number(|hasher| ("class", id.to_string()).hash(hasher));
    }
    qualified_name(class)
}

fn qualified_name(named: &Bound<'_, PyAny>) -> u64 {
    let py = named.py();
    let part = |name: &Bound<'_, PyString>| named.getattr(name).map(|part| part.to_string()).ok();
    number(|hasher| (part(intern!(py, "__module__")), part(intern!(py, "__qualname__"))).hash(hasher))
}
