//! What the names in the namespace of a class say: in which order its attributes travel, and which are special.
//!
//! Most classes have the same names in the next dump, as the same string objects, in which case nothing about them has to
//! be found out again.

use std::cell::RefCell;
use std::rc::Rc;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyType};
use python_objects::identity;

use super::class::Attribute;
use crate::by_value::definition;

/// How many classes are remembered. Another one takes the place of the one with which it shares it.
const PLACES: usize = 64;
/// With how many names at most.
const MOST_NAMES: usize = 128;

thread_local! {
    /// Each at the place that the address of its class has. It may be another class that has these very names: then what
    /// they say is the same.
    static KNOWN: RefCell<[Option<Rc<Names>>; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

/// Classes are about a thousand bytes long.
fn place_of(class: &Bound<'_, PyType>) -> usize {
    let address = identity::of(class);
    ((address >> 4) ^ (address >> 10) ^ (address >> 16)) % PLACES
}

/// Attributes that are not like all others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// Every class gets its own.
    NotTravelling,
    Doc,
    Slots,
    Annotations,
    /// What annotations are kept in since Python 3.14.
    Evaluator,
    /// A tuple of names.
    OfNames,
    /// What the metaclass of an enumeration derives from the members; the same if it is a plain one. For other classes like
    /// all others.
    DerivedByEnum,
    DerivedByPlainEnum,
    Other,
}

impl Named {
    fn of(name: &str) -> Self {
        match name {
            // The class is made with it, or with one of its own. `copyreg` remembers the slots under the last name once an
            // instance was pickled.
            "__weakref__" | "__class__" | "__dict__" | "__module__" | "__slotnames__" => Self::NotTravelling,
            "__doc__" => Self::Doc,
            "__slots__" => Self::Slots,
            "__annotations__" => Self::Annotations,
            "__annotate_func__" | "__annotations_cache__" => Self::Evaluator,
            "__match_args__" | "__static_attributes__" => Self::OfNames,
            "_generate_next_value_" | "_member_names_" | "_member_map_" | "_member_type_" | "_value2member_map_" => {
                Self::DerivedByEnum
            }
            "__new__"
            | "_new_member_"
            | "_use_args_"
            | "_value_repr_"
            | "_unhashable_values_"
            | "_unhashable_values_map_"
            | "_hashable_values_"
            | "_boundary_" => Self::DerivedByPlainEnum,
            _ => Self::Other,
        }
    }
}

/// Where in a class's namespace the names stand that mean something to how it is made.
#[derive(Default)]
pub(super) struct Special {
    pub(super) module: Option<usize>,
    pub(super) slots: bool,
    pub(super) pretended: Option<usize>,
    pub(super) dict: Option<usize>,
    pub(super) original_bases: Option<usize>,
}

/// The names in a namespace, in its order.
pub(super) struct Names {
    in_namespace: Vec<Py<PyAny>>,
    /// The attributes in alphabetical order.
    pub(super) in_order: Vec<Place>,
    pub(super) special: Special,
}

/// An attribute in the namespace.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) index: usize,
    pub(super) named: Named,
    /// What stands for the name in the class's definition, where it is a plain string.
    pub(super) number: Option<u64>,
}

impl Names {
    /// Those of the class's `attributes`.
    ///
    /// # Errors
    /// What comparing names raises that are no plain strings.
    pub(super) fn of(class: &Bound<'_, PyType>, attributes: &[Attribute<'_>]) -> PyResult<Rc<Self>> {
        let place = place_of(class);
        let known = KNOWN.with_borrow(|known| known[place].as_ref().filter(|known| known.are_of(attributes)).cloned());
        if let Some(known) = known {
            return Ok(known);
        }
        let are_plain = attributes.iter().all(|(name, _)| is_plain(name));
        let names = Rc::new(Self::found(attributes, are_plain)?);
        if are_plain && attributes.len() <= MOST_NAMES {
            let replaced = KNOWN.with_borrow_mut(|known| known[place].replace(names.clone()));
            drop(replaced);
        }
        Ok(names)
    }

    /// Whether these are the names of `attributes`, as objects: strings do not change, and they are kept alive here.
    #[inline]
    fn are_of(&self, attributes: &[Attribute<'_>]) -> bool {
        self.in_namespace.len() == attributes.len()
            && self.in_namespace.iter().zip(attributes).all(|(known, (name, _))| name.is(known))
    }

    fn found(attributes: &[Attribute<'_>], are_plain: bool) -> PyResult<Self> {
        let texts: Vec<&str> = attributes.iter().map(|(name, _)| text_of(name)).collect();
        let mut special = Special::default();
        for (index, text) in texts.iter().enumerate() {
            match *text {
                "__module__" => special.module = Some(index),
                "__slots__" => special.slots = true,
                "__class__" => special.pretended = Some(index),
                "__dict__" => special.dict = Some(index),
                // A subclass inherits the attribute; only the class's own counts.
                "__orig_bases__" => special.original_bases = Some(index),
                _ => {}
            }
        }
        let mut order: Vec<usize> = (0..texts.len()).collect();
        if are_plain {
            // UTF-8 has the order of code points, which is Python's.
            order.sort_unstable_by_key(|index| texts[*index]);
        } else {
            order = order_of_python(attributes)?;
        }
        let place = |index: usize| Place {
            index,
            named: Named::of(texts[index]),
            number: are_plain.then(|| definition::name_number(&attributes[index].0)),
        };
        let in_order = order.into_iter().map(place).collect();
        let in_namespace = attributes.iter().map(|(name, _)| name.clone().unbind()).collect();
        Ok(Self { in_namespace, in_order, special })
    }
}

fn is_plain(name: &Bound<'_, PyAny>) -> bool {
    name.cast_exact::<PyString>().is_ok_and(|name| name.to_str().is_ok())
}

/// The characters of a string; none for anything else.
fn text_of<'a>(name: &'a Bound<'_, PyAny>) -> &'a str {
    name.cast::<PyString>().ok().and_then(|name| name.to_str().ok()).unwrap_or_default()
}

/// The alphabetical order of names that are not all plain strings.
#[cold]
fn order_of_python(attributes: &[Attribute<'_>]) -> PyResult<Vec<usize>> {
    let Some((first, _)) = attributes.first() else { return Ok(Vec::new()) };
    let names = PyList::new(first.py(), attributes.iter().map(|(name, _)| name))?;
    names.sort()?;
    // The keys of a namespace are one object each.
    Ok(names.iter().filter_map(|name| attributes.iter().position(|(other, _)| other.is(&name))).collect())
}
