//! Instances of classes that leave it to `object` how they are reduced: a `__dict__`, slots, and nothing else.

use std::ffi::c_ulong;

use pyo3::exceptions::PyAttributeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

/// Whether types can be looked at as this file does. PyPy's are of another make.
pub const TYPES_ARE_OPEN: bool = cfg!(not(PyPy));

/// `Py_TPFLAGS_MANAGED_DICT`, since Python 3.11: the `__dict__` stands before the object. No flag before.
const MANAGED_DICT: c_ulong = 1 << 4;

/// Whether instances of `ty` hold nothing but a `__dict__`, weak references and `slots` slots. This is the condition under
/// which `object.__reduce_ex__` reduces them.
#[must_use]
pub fn is_made_of_dict_and_slots(ty: &Bound<'_, PyType>, slots: usize) -> bool {
    let word = size_of::<*mut ffi::PyObject>();
    // SAFETY: a type object that is alive.
    let flags = unsafe { ffi::PyType_GetFlags(ty.as_type_ptr()) };
    let known = |ty: &ffi::PyTypeObject| {
        let has_dict = ty.tp_dictoffset != 0 && flags & MANAGED_DICT == 0;
        let has_weak_references = ty.tp_weaklistoffset > 0;
        size_of::<ffi::PyObject>() + word * (usize::from(has_dict) + usize::from(has_weak_references) + slots)
    };
    // SAFETY: a type object that is alive; its layout is that of the version of Python that this is built for, and what is
    // read does not change once a type is made.
    let ty = unsafe { &*ty.as_type_ptr() };
    ty.tp_new.is_some() && ty.tp_itemsize == 0 && usize::try_from(ty.tp_basicsize).is_ok_and(|size| size <= known(ty))
}

/// Whether instances of `ty` hold nothing but what those of `base` hold, from which it is derived, a `__dict__`, weak
/// references and `slots` slots.
#[cfg(not(PyPy))]
#[must_use]
pub fn is_extended_by(base: &Bound<'_, PyType>, ty: &Bound<'_, PyType>, slots: usize) -> bool {
    let word = size_of::<*mut ffi::PyObject>().cast_signed();
    // SAFETY: type objects that are alive; their layout is that of the version of Python that this is built for, and what is
    // read does not change once a type is made.
    let (of_base, of_type, flags) =
        unsafe { (&*base.as_type_ptr(), &*ty.as_type_ptr(), ffi::PyType_GetFlags(ty.as_type_ptr())) };
    // What is managed stands before the object.
    let adds_dict = of_type.tp_dictoffset != of_base.tp_dictoffset && flags & MANAGED_DICT == 0;
    let adds_weak_references = of_type.tp_weaklistoffset > 0 && of_base.tp_weaklistoffset == 0;
    let words = slots.cast_signed() + isize::from(adds_dict) + isize::from(adds_weak_references);
    of_type.tp_itemsize == of_base.tp_itemsize && of_type.tp_basicsize <= of_base.tp_basicsize + word * words
}

/// Whether instances of `ty` hold nothing but what those of `base` hold, and attributes. All do that are made in Python.
#[cfg(PyPy)]
#[must_use]
pub fn is_extended_by(_base: &Bound<'_, PyType>, _ty: &Bound<'_, PyType>, _slots: usize) -> bool {
    true
}

/// The nearest type that is made in C, of `ty` and what it is derived from.
///
/// # Errors
/// None on CPython.
#[cfg(not(PyPy))]
pub fn made_in_c<'py>(ty: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyType>> {
    let mut found = ty.clone();
    while !crate::class::is_static(&found) && !name_of(&found).contains('.') {
        // SAFETY: a live type, which holds the one below it; all but `object`, which is static, have one.
        let base = unsafe {
            let base = (*found.as_type_ptr()).tp_base;
            Bound::from_borrowed_ptr_or_opt(ty.py(), base.cast())
        };
        match base.and_then(|base| base.cast_into::<PyType>().ok()) {
            Some(base) => found = base,
            None => break,
        }
    }
    Ok(found)
}

/// The nearest type that is not written in Python, of `ty` and what it is derived from.
///
/// # Errors
/// What looking at the types raises.
#[cfg(PyPy)]
pub fn made_in_c<'py>(ty: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyType>> {
    /// `Py_TPFLAGS_HEAPTYPE`: made by a `class` statement.
    const HEAP_TYPE: u64 = 1 << 9;

    let object = ty.py().get_type::<PyAny>();
    let mut found = object.clone();
    for base in ty.mro() {
        if !base.is(&object) && base.getattr("__flags__")?.extract::<u64>()? & HEAP_TYPE == 0 {
            found = base.cast_into()?;
            break;
        }
    }
    Ok(found)
}

/// The slots that instances of `ty` have and those of `base`, from which it is derived, have not. Their classes are not
/// asked: they are taken from where they stand.
///
/// # Errors
/// `MemoryError`, and on PyPy what looking at the classes raises.
pub fn slots_added<'py>(ty: &Bound<'py, PyType>, base: &Bound<'py, PyType>) -> PyResult<Vec<Slot<'py>>> {
    let mut slots = Vec::new();
    for class in ty.mro() {
        let class = class.cast_into::<PyType>()?;
        if crate::class::is_derived(base, &class) {
            continue;
        }
        for (name, descriptor) in layout::descriptors_of(&class)? {
            if let Some(offset) = layout::offset_of(&descriptor, ty)
                && let Ok(name) = name.cast_into::<PyString>()
            {
                let descriptor = Some(descriptor).filter(|_| matches!(offset, Offset::Unknown));
                slots.push(Slot { name, class: ty.clone(), offset, descriptor });
            }
        }
    }
    Ok(slots)
}

/// Whether attributes of instances of `ty` are looked up as `object` does, so that no code of the class runs.
#[must_use]
pub fn has_plain_attributes(ty: &Bound<'_, PyType>) -> bool {
    let plain: ffi::getattrofunc = ffi::PyObject_GenericGetAttr;
    // SAFETY: a type object that is alive, as above.
    let found = unsafe { (*ty.as_type_ptr()).tp_getattro };
    found.is_some_and(|found| std::ptr::fn_addr_eq(found, plain))
}

/// Whether it is plain that instances of `ty` have no `__dict__`.
#[must_use]
pub fn lacks_dict(ty: &Bound<'_, PyType>) -> bool {
    // SAFETY: a type object that is alive, as above.
    let (offset, flags) = unsafe { ((*ty.as_type_ptr()).tp_dictoffset, ffi::PyType_GetFlags(ty.as_type_ptr())) };
    TYPES_ARE_OPEN && offset == 0 && flags & MANAGED_DICT == 0
}

/// The name that a type was made with: with its module if it was made in C, without it if by a `class` statement.
#[must_use]
pub fn name_of<'a>(ty: &'a Bound<'_, PyType>) -> &'a str {
    // SAFETY: a type object that is alive, whose name is a C string that lives as long; it is not changed for types made
    // in C, and for others only by Python code, which does not run while the type is borrowed.
    let name = unsafe { std::ffi::CStr::from_ptr((*ty.as_type_ptr()).tp_name) };
    name.to_str().unwrap_or("")
}

/// Whether [`name_of`] ends like this.
#[must_use]
pub fn name_ends_with(ty: &Bound<'_, PyType>, end: &str) -> bool {
    // SAFETY: as in `name_of`.
    let name = unsafe { std::ffi::CStr::from_ptr((*ty.as_type_ptr()).tp_name) };
    name.to_bytes().ends_with(end.as_bytes())
}

/// A number that changes when `ty` or a base of it is changed, or `None` if changes cannot be seen that way.
#[must_use]
pub fn version_of(ty: &Bound<'_, PyType>) -> Option<u32> {
    /// `Py_TPFLAGS_VALID_VERSION_TAG`. Up to Python 3.11 the number of a type that was changed stays what it was, and this
    /// flag goes; later it becomes zero.
    const VALID: std::ffi::c_ulong = 1 << 19;
    const HAVE_FLAG: bool = cfg!(not(Py_3_12));

    if cfg!(any(PyPy, Py_GIL_DISABLED)) {
        return None;
    }
    // SAFETY: a type object that is alive, read with the global lock held.
    let (flags, version) = unsafe { (ffi::PyType_GetFlags(ty.as_type_ptr()), (*ty.as_type_ptr()).tp_version_tag) };
    let valid = !HAVE_FLAG || flags & VALID != 0;
    (valid && version != 0).then_some(version)
}

/// The `__dict__` of an instance, if it has one, without asking its class.
///
/// # Errors
/// `MemoryError`: the dict is made when it is asked for first.
#[inline]
pub fn dict_of<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let py = obj.py();
    // SAFETY: `obj` is alive; the result is a new reference, or null with an exception.
    let dict =
        unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyObject_GenericGetDict(obj.as_ptr(), std::ptr::null_mut())) };
    match dict {
        Ok(dict) => Ok(dict.cast_into().ok()),
        Err(error) if error.is_instance_of::<PyAttributeError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A slot of a class, as its instances have it in memory.
pub struct Slot<'py> {
    name: Bound<'py, PyString>,
    class: Bound<'py, PyType>,
    offset: Offset,
    /// What reads a slot of [`slots_added`] whose offset is not known.
    descriptor: Option<Bound<'py, PyAny>>,
}

impl<'py> Slot<'py> {
    /// The slot that instances of `class` have under this name, or `None` if what stands there is no slot.
    ///
    /// # Errors
    /// What looking the attribute up raises.
    pub fn of(class: &Bound<'py, PyType>, name: Bound<'py, PyString>) -> PyResult<Option<Self>> {
        let Some(descriptor) = class.getattr_opt(&name)? else { return Ok(None) };
        let Some(offset) = layout::offset_of(&descriptor, class) else { return Ok(None) };
        Ok(Some(Self { name, class: class.clone(), offset, descriptor: None }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Bound<'py, PyString> {
        &self.name
    }

    /// The value that `obj` has in it, if any.
    ///
    /// # Errors
    /// What looking the attribute up raises, if it must be looked up.
    #[inline]
    pub fn get(&self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.offset {
            Offset::Known(offset) if obj.get_type_ptr().cast() == self.class.as_ptr() => Ok(layout::read(obj, offset)),
            _ => obj.getattr_opt(&self.name),
        }
    }

    /// The value that `obj`, an instance of the class that the slot was found in, has in it, if any. Its class is not asked.
    ///
    /// # Errors
    /// `MemoryError`.
    #[inline]
    pub fn get_stored(&self, obj: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(descriptor) = &self.descriptor else { return self.get(obj) };
        match descriptor.call_method1(pyo3::intern!(obj.py(), "__get__"), (obj,)) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_instance_of::<PyAttributeError>(obj.py()) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The slots of a type, to be had again as long as it is the same: what [`Slot::of`] found, without a reference to the type.
pub struct KnownSlots {
    /// Since Python 3.11 no two types, and no two states of one, ever have the same version: the interpreter's own
    /// specialised instructions rely on it.
    version: u32,
    slots: Vec<(Py<PyString>, Offset)>,
}

impl KnownSlots {
    /// What is to be remembered of `slots`, if they are all that of `ty` as it is, and changes of it can be seen.
    #[must_use]
    pub fn of(ty: &Bound<'_, PyType>, slots: &[Slot<'_>]) -> Option<Self> {
        let version = version_of(ty).filter(|_| cfg!(Py_3_11))?;
        let of_type = slots.iter().all(|slot| slot.class.is(ty) && matches!(slot.offset, Offset::Known(_)));
        let slots = slots.iter().map(|slot| (slot.name.clone().unbind(), slot.offset)).collect();
        of_type.then_some(Self { version, slots })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether they are those of `ty`, which is unchanged.
    #[inline]
    #[must_use]
    pub fn are_of(&self, ty: &Bound<'_, PyType>) -> bool {
        version_of(ty) == Some(self.version)
    }

    /// The value that `obj` has in one of them, if any; as if it had none, if it is of another type than that.
    #[inline]
    #[must_use]
    pub fn value<'py>(&self, index: usize, obj: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        match self.slots.get(index)?.1 {
            Offset::Known(offset) if self.are_of(&obj.get_type()) => layout::read(obj, offset),
            _ => None,
        }
    }

    /// The slots of `ty`, if it is the type that they were found in, and unchanged.
    #[must_use]
    pub fn get<'py>(&self, ty: &Bound<'py, PyType>) -> Option<Vec<Slot<'py>>> {
        if !self.are_of(ty) {
            return None;
        }
        let slot = |(name, offset): &(Py<PyString>, Offset)| Slot {
            name: name.bind(ty.py()).clone(),
            class: ty.clone(),
            offset: *offset,
            descriptor: None,
        };
        Some(self.slots.iter().map(slot).collect())
    }
}

/// Where the value of a slot is in an instance.
#[derive(Clone, Copy)]
enum Offset {
    #[cfg_attr(PyPy, allow(dead_code, reason = "slots are not read from memory there"))]
    Known(usize),
    /// It cannot be read without a lock.
    #[cfg_attr(PyPy, allow(dead_code, reason = "slots are not read from memory there"))]
    Unknown,
}

#[cfg(not(PyPy))]
mod layout {
    use super::Offset;
    use crate::{class, dict};
    use pyo3::ffi;
    use pyo3::prelude::*;
    use pyo3::types::PyType;

    /// `PyMemberDescrObject`, the same on all versions.
    #[repr(C)]
    struct MemberDescriptor {
        base: ffi::PyObject,
        class: *mut ffi::PyTypeObject,
        name: *mut ffi::PyObject,
        qualified_name: *mut ffi::PyObject,
        member: *const ffi::PyMemberDef,
    }

    /// `Py_T_OBJECT_EX`: a reference, or null while there is no value. What `__slots__` makes.
    const OBJECT_OR_NOTHING: i32 = 16;

    /// What stands in the namespace of a class.
    pub(super) fn descriptors_of<'py>(class: &Bound<'py, PyType>) -> PyResult<Vec<dict::Item<'py>>> {
        Ok(class::attributes(class)?.unwrap_or_default())
    }

    /// Where the value is, if `descriptor` is a slot that instances of `class` have.
    pub(super) fn offset_of(descriptor: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> Option<Offset> {
        let is_slot = descriptor.get_type_ptr() == &raw mut ffi::PyMemberDescr_Type;
        if !is_slot {
            return None;
        }
        // SAFETY: the type says that this is the layout; a descriptor holds its class, and its member is a part of the
        // class or static.
        let (owner, kind, offset) = unsafe {
            let descriptor = descriptor.as_ptr().cast::<MemberDescriptor>();
            ((*descriptor).class, (*(*descriptor).member).type_code, (*(*descriptor).member).offset)
        };
        // SAFETY: two type objects that are alive.
        let belongs = unsafe { ffi::PyType_IsSubtype(class.as_type_ptr(), owner) != 0 };
        if kind != OBJECT_OR_NOTHING || !belongs {
            return None;
        }
        Some(match usize::try_from(offset) {
            Ok(offset) if !cfg!(Py_GIL_DISABLED) => Offset::Known(offset),
            _ => Offset::Unknown,
        })
    }

    /// The value at an offset that [`offset_of`] gave for the type of `obj`.
    #[inline]
    pub(super) fn read<'py>(obj: &Bound<'py, PyAny>, offset: usize) -> Option<Bound<'py, PyAny>> {
        // SAFETY: instances of the type have a reference or null there, see `offset_of`; the caller compared the type. With
        // the global lock held nobody takes the value out before it has a reference more.
        unsafe {
            let value = obj.as_ptr().byte_add(offset).cast::<*mut ffi::PyObject>().read();
            Bound::from_borrowed_ptr_or_opt(obj.py(), value)
        }
    }
}

#[cfg(PyPy)]
mod layout {
    use super::Offset;
    use crate::dict;
    use pyo3::prelude::*;
    use pyo3::types::PyType;

    /// What stands in the namespace of a class.
    pub(super) fn descriptors_of<'py>(class: &Bound<'py, PyType>) -> PyResult<Vec<dict::Item<'py>>> {
        let items = class.getattr("__dict__")?.call_method0("items")?;
        items.try_iter()?.map(|item| item?.extract()).collect()
    }

    /// Nothing is known of the layout; slots are read through their descriptors.
    pub(super) fn offset_of(descriptor: &Bound<'_, PyAny>, _class: &Bound<'_, PyType>) -> Option<Offset> {
        let is_slot = descriptor.get_type().name().is_ok_and(|name| name == "member_descriptor");
        is_slot.then_some(Offset::Unknown)
    }

    pub(super) fn read<'py>(_obj: &Bound<'py, PyAny>, _offset: usize) -> Option<Bound<'py, PyAny>> {
        None
    }
}
