//! Instances of classes: their class, their `__dict__`, their slots, and what they inherit from a type that is made in C.

use std::cell::RefCell;
use std::rc::Rc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBoolMethods, PyType};
use python_objects::instance::{self, KnownSlots, Slot};
use python_objects::kind::exact;
use python_objects::{class, identity};

use super::digest::Digest;
use super::library::Contents;
use super::walk::Walk;
use crate::address::{ByAddress, FewByAddress};

/// What instances of a class consist of.
pub(super) struct Shape<'py> {
    /// See [`Walk::class_number`].
    number: u64,
    /// The type that is made in C.
    base: Bound<'py, PyType>,
    /// What they have as instances of that.
    contents: Contents,
    /// What the classes below that added.
    slots: Slots<'py>,
    has_dict: bool,
}

enum Slots<'py> {
    /// As an earlier dump found them.
    Known(Rc<KnownSlots>),
    Found(Vec<Slot<'py>>),
}

impl<'py> Slots<'py> {
    fn len(&self) -> usize {
        match self {
            Self::Known(slots) => slots.len(),
            Self::Found(slots) => slots.len(),
        }
    }

    #[inline]
    fn value(&self, index: usize, obj: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self {
            Self::Known(slots) => Ok(slots.value(index, obj)),
            Self::Found(slots) => slots[index].get_stored(obj),
        }
    }
}

/// The shapes of the classes that were met, which are kept alive here.
#[derive(Default)]
pub(super) struct Shapes<'py>(FewByAddress<(Bound<'py, PyType>, Rc<Shape<'py>>)>);

impl<'py> Shapes<'py> {
    /// The shape of `ty`, if one of its instances was met.
    #[inline]
    pub(super) fn get(&self, ty: &Bound<'py, PyType>) -> Option<Rc<Shape<'py>>> {
        if self.0.len() == 0 {
            return None;
        }
        self.0.get(identity::of(ty)).map(|(_, shape)| shape.clone())
    }
}

/// What stands before the flags, which have two bits each.
const FLAGS: u64 = 1;

/// How many classes are remembered.
const MOST_KNOWN: usize = 1024;

thread_local! {
    /// The slots of classes that have `object` for the type that is made in C, by their addresses: what an earlier dump found.
    /// [`KnownSlots`] tells them from others that had the address before.
    static KNOWN: RefCell<ByAddress<Rc<KnownSlots>>> = RefCell::default();
}

impl<'py> Walk<'py> {
    pub(super) fn instance(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<u64> {
        let shape = self.shape_of(&value.get_type())?;
        self.instance_of(&shape, value, depth)
    }

    /// The same of a class whose shape is known.
    pub(super) fn instance_of(&mut self, shape: &Shape<'py>, value: &Bound<'py, PyAny>, depth: usize) -> PyResult<u64> {
        if shape.contents.are_atoms() && shape.slots.len() == 0 && !shape.has_dict {
            let inherited = self.inherited(&shape.contents, &shape.base, value, depth)?;
            return Ok(const { Digest::of("instance") }.word(shape.number).word(inherited).0);
        }
        if let Some(earlier) = self.revisited(value) {
            return Ok(earlier);
        }
        let mut digest = const { Digest::of("instance") }.word(shape.number);
        if shape.has_dict {
            // One that cannot be had will not travel.
            let attributes = instance::dict_of(value).ok().flatten();
            digest = digest.word(match attributes.filter(|attributes| !attributes.is_empty()) {
                Some(attributes) => self.fingerprint(attributes.as_any(), depth + 1)?,
                None => 0,
            });
        }
        // Flags in a row are one word.
        let mut flags = FLAGS;
        for index in 0..shape.slots.len() {
            let stored = shape.slots.value(index, value)?;
            let flag = match &stored {
                None => Some(0),
                Some(stored) if stored.is_none() => Some(1),
                Some(stored) => exact::<PyBool>(stored).map(|flag| 2 + u64::from(flag.is_true())),
            };
            if let (None, Some(stored)) = (flag, &stored) {
                digest = digest.word(flags).word(self.fingerprint(stored, depth + 1)?);
                flags = FLAGS;
                continue;
            }
            flags = flags << 2 | flag.unwrap_or(0);
            if flags >= FLAGS << 60 {
                digest = digest.word(flags);
                flags = FLAGS;
            }
        }
        digest = digest.word(flags);
        Ok(digest.word(self.inherited(&shape.contents, &shape.base, value, depth)?).0)
    }

    /// See [`super::is_without_contents`].
    pub(super) fn is_without_contents(&mut self, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        let ty = value.get_type();
        // What is made in C is compared by what it says.
        if !ty.is(value.py().get_type::<PyAny>()) && (class::is_static(&ty) || value.is_instance_of::<PyType>()) {
            return Ok(false);
        }
        let shape = self.shape_of(&ty)?;
        if !matches!(shape.contents, Contents::Nothing) || !shape.base.is(value.py().get_type::<PyAny>()) {
            return Ok(false);
        }
        for index in 0..shape.slots.len() {
            if shape.slots.value(index, value)?.is_some() {
                return Ok(false);
            }
        }
        Ok(!shape.has_dict || instance::dict_of(value)?.is_none_or(|attributes| attributes.is_empty()))
    }

    fn shape_of(&mut self, ty: &Bound<'py, PyType>) -> PyResult<Rc<Shape<'py>>> {
        if let Some(shape) = self.shapes.get(ty) {
            return Ok(shape);
        }
        let number = self.class_number(ty);
        let has_dict = !instance::lacks_dict(ty);
        let shape = if let Some(slots) = known_slots(ty) {
            let (base, slots) = (ty.py().get_type::<PyAny>(), Slots::Known(slots));
            Shape { number, base, contents: Contents::Nothing, slots, has_dict }
        } else {
            let shape = look_at(ty)?;
            Shape { number, has_dict: has_dict && !shape.contents.are_all(), ..shape }
        };
        let shape = Rc::new(shape);
        self.shapes.0.insert(identity::of(ty), (ty.clone(), shape.clone()));
        Ok(shape)
    }
}

fn known_slots(ty: &Bound<'_, PyType>) -> Option<Rc<KnownSlots>> {
    let find = |known: &RefCell<ByAddress<Rc<KnownSlots>>>| {
        let known = known.try_borrow().ok()?;
        known.get(&identity::of(ty)).filter(|slots| slots.are_of(ty)).cloned()
    };
    KNOWN.try_with(find).ok().flatten()
}

fn look_at<'py>(ty: &Bound<'py, PyType>) -> PyResult<Shape<'py>> {
    let base = instance::made_in_c(ty)?;
    let slots = instance::slots_added(ty, &base)?;
    let contents =
        if instance::is_extended_by(&base, ty, slots.len()) { Contents::of(&base, ty)? } else { Contents::Unknown };
    let is_ordinary = base.is(ty.py().get_type::<PyAny>()) && matches!(contents, Contents::Nothing);
    // To look something up gives the class a version.
    if is_ordinary
        && class::attribute(ty, intern!(ty.py(), "__init__")).is_ok()
        && let Some(slots) = KnownSlots::of(ty, &slots)
    {
        let replaced = KNOWN.try_with(|known| {
            let mut known = known.try_borrow_mut().ok()?;
            // Of types that are gone, too.
            let dropped = if known.len() >= MOST_KNOWN { std::mem::take(&mut *known) } else { ByAddress::default() };
            Some((known.insert(identity::of(ty), Rc::new(slots)), dropped))
        });
        drop(replaced);
    }
    let slots = Slots::Found(if contents.are_all() { Vec::new() } else { slots });
    Ok(Shape { number: 0, base, contents, slots, has_dict: false })
}
