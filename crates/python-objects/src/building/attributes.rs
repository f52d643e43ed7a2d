//! The attributes of an instance.

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::{call, done};
use crate::class::{is_static, own_dict};
use crate::instance::{TYPES_ARE_OPEN, has_plain_attributes, lacks_dict, version_of};
use crate::raised::Raised;
use crate::text;

/// Sets attributes of instances as if they were put into their `__dict__`, without making that dict.
///
/// The interpreter keeps the attributes of an instance in an array beside it as long as nobody asks for the dict, since
/// Python 3.11. What was found out about a class is kept until an instance of another one comes.
#[derive(Default)]
pub struct Attributes<'py> {
    class: Option<Known<'py>>,
}

/// A class whose instances are plain, at one version of it.
struct Known<'py> {
    class: Bound<'py, PyType>,
    version: u32,
    /// Names that the class has nothing to say about, in the order in which they came: as they came, and interned.
    names: Vec<(Bound<'py, PyAny>, Bound<'py, PyString>)>,
}

impl<'py> Attributes<'py> {
    /// Puts `items`, names and values in turn, into the `__dict__` of `instance`. False, with nothing done, if that is not
    /// known to be the same as setting attributes.
    ///
    /// # Errors
    /// `MemoryError`.
    #[inline]
    pub fn store(&mut self, instance: &Bound<'py, PyAny>, items: &[Bound<'py, PyAny>]) -> Result<bool, Raised> {
        let ty = instance.get_type_ptr();
        let same =
            |known: &Known<'py>| known.class.as_type_ptr() == ty && version_of(&known.class) == Some(known.version);
        if !self.class.as_ref().is_some_and(same) {
            self.class = Known::of(instance);
        }
        let Some(known) = &mut self.class else { return Ok(false) };
        // The class has no `__setstate__`, but the instance may have been given one.
        if call::attribute(instance, intern!(instance.py(), "__setstate__"))?.is_some() {
            return Ok(false);
        }
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() || !known.has_names(pairs) {
            return Ok(false);
        }
        for ([_, value], (_, name)) in pairs.iter().zip(&known.names) {
            // SAFETY: three live objects; the name is a `str`. The type's attributes are plain, and none of this name
            // takes the value.
            done(unsafe { ffi::PyObject_GenericSetAttr(instance.as_ptr(), name.as_ptr(), value.as_ptr()) })?;
        }
        Ok(true)
    }
}

impl<'py> Known<'py> {
    /// What is known of the class of `instance`, if its instances hold their attributes in a `__dict__` that nobody stands
    /// before, and take their state without a `__setstate__`.
    #[cold]
    #[inline(never)]
    fn of(instance: &Bound<'py, PyAny>) -> Option<Self> {
        let py = instance.py();
        let class = instance.get_type();
        if !TYPES_ARE_OPEN
            || lacks_dict(&class)
            || !has_plain_attributes(&class)
            || !makes_instances_as_object_does(&class)
        {
            return None;
        }
        let mut dict = None;
        for base in bases(&class)? {
            let namespace = own_dict(&base)?;
            if namespace.contains(intern!(py, "__setstate__")).ok()? {
                return None;
            }
            if dict.is_none()
                && let Some(descriptor) = namespace.get_item(intern!(py, "__dict__")).ok()?
            {
                dict = Some((descriptor, base));
            }
        }
        let (descriptor, base) = dict?;
        if !is_computed_by_interpreter(&descriptor, &base) {
            return None;
        }
        // A type gets its number when something is looked up in it.
        let of_instance = call::attribute(instance, intern!(py, "__setstate__"));
        if of_instance.map_err(|raised| raised.forget(py)).ok()?.is_some() {
            return None;
        }
        Some(Self { version: version_of(&class)?, class, names: Vec::new() })
    }

    /// Whether these are the names of `self`, in this order, after those that are new have been looked at.
    #[inline]
    fn has_names(&mut self, pairs: &[[Bound<'py, PyAny>; 2]]) -> bool {
        for (index, [name, _]) in pairs.iter().enumerate() {
            let known = self.names.get(index).is_some_and(|(known, _)| known.is(name));
            if !known && !self.learn(index, name) {
                return false;
            }
        }
        true
    }

    /// Enters a name at a place, if no class has an attribute of it that takes the value.
    #[cold]
    #[inline(never)]
    fn learn(&mut self, index: usize, name: &Bound<'py, PyAny>) -> bool {
        self.names.truncate(index);
        let Ok(text) = name.cast_exact::<PyString>() else { return false };
        // `object` has attributes of such names, which are not looked at.
        if text.to_str().is_ok_and(|text| text.starts_with("__")) {
            return false;
        }
        let free = bases(&self.class).is_some_and(|bases| {
            bases.iter().all(|base| {
                own_dict(base).is_some_and(|dict| match dict.get_item(text) {
                    Ok(found) => found.is_none_or(|found| !takes_values(&found)),
                    Err(_) => false,
                })
            })
        });
        let free = free && self.names.try_reserve(1).is_ok();
        let interned = text::interned(text).ok().filter(|_| free);
        interned.is_some_and(|interned| {
            self.names.push((name.clone(), interned));
            true
        })
    }
}

/// The classes where the attributes of instances of `class` are looked up, except for `object`; nothing where C code makes
/// one of them.
fn bases<'py>(class: &Bound<'py, PyType>) -> Option<Vec<Bound<'py, PyType>>> {
    let mut bases: Vec<_> = class.mro().iter().map(|base| base.cast_into::<PyType>().ok()).collect::<Option<_>>()?;
    let last = bases.pop()?;
    let plain = last.is(class.py().get_type::<PyAny>()) && bases.iter().all(|base| own_dict(base).is_some());
    plain.then_some(bases)
}

fn makes_instances_as_object_does(class: &Bound<'_, PyType>) -> bool {
    // SAFETY: two live types, one of them static.
    let (own, of_object) = unsafe { ((*class.as_type_ptr()).tp_new, ffi::PyBaseObject_Type.tp_new) };
    match (own, of_object) {
        (Some(own), Some(of_object)) => std::ptr::fn_addr_eq(own, of_object),
        _ => false,
    }
}

/// Whether this is the `__dict__` that the interpreter gave to `class`. Since Python 3.15 it gives the same to all, as
/// `object`'s.
fn is_computed_by_interpreter(descriptor: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> bool {
    let py = class.py();
    let owner = descriptor.getattr(intern!(py, "__objclass__"));
    descriptor.get_type_ptr() == &raw mut ffi::PyGetSetDescr_Type
        && owner.is_ok_and(|owner| owner.is(class) || owner.is(py.get_type::<PyAny>()))
}

/// Whether an attribute of a class is a descriptor that is told when its name is set on an instance, or may become one: the
/// version of a class does not change with the types of its attributes.
fn takes_values(attribute: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the type of a live object.
    let is_told = unsafe { (*attribute.get_type_ptr()).tp_descr_set.is_some() };
    is_told || !is_static(&attribute.get_type())
}
