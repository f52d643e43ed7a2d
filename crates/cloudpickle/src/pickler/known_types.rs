//! Types of the library whose reductions are known: what they are and do, and that they call no code of others.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFunction, PyString, PyTuple, PyType};
use python_objects::datetime::DateTimeType;
use python_objects::{class, instance};

use crate::by_value::lookup;
use crate::runtime::Runtime;

/// Types that reduce themselves without a look at anything else, by module and name. All are made in C: the methods of
/// others may be replaced.
const HARMLESS: &[(&str, &str)] =
    &[("builtins", "complex"), ("builtins", "range"), ("datetime", "timedelta"), ("datetime", "timezone")];

/// Whether instances of `ty` are reduced without calling code of others.
pub(super) fn reduces_harmlessly(ty: &Bound<'_, PyType>) -> PyResult<bool> {
    if is_of_numpy(ty)? {
        return Ok(true);
    }
    let py = ty.py();
    let runtime = Runtime::get(py);
    if ty.get_type().is(&runtime.enum_meta) {
        let name = intern!(py, "__reduce_ex__");
        let own = ty.getattr(name)?;
        return Ok(own.is(&runtime.state.enum_reduce_ex) || own.is(&runtime.state.flag_reduce_ex));
    }
    let Ok(module) = ty.module() else { return Ok(false) };
    let name = ty.qualname()?;
    for &(known_module, known_name) in HARMLESS {
        if name == known_name {
            return Ok(module == known_module && found_in(ty, known_module)?);
        }
    }
    Ok(false)
}

/// Whether `ty` is the dtype of arrays, or the type of a scalar, of the numpy that is loaded, and reduces as numpy's own do.
pub(crate) fn is_of_numpy(ty: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = ty.py();
    // A subclass made in Python is asked.
    if !instance::name_of(ty).starts_with("numpy.") {
        return Ok(false);
    }
    let Some(numpy) = lookup::imported(intern!(py, "numpy").as_any())? else { return Ok(false) };
    for name in [intern!(py, "dtype"), intern!(py, "generic")] {
        let Some(base) = numpy.getattr_opt(name)? else { continue };
        let Ok(base) = base.cast_into::<PyType>() else { continue };
        if ty.is_subclass(&base)? {
            let same = |method| Ok::<_, PyErr>(ty.getattr(method)?.is(base.getattr(method)?));
            return Ok(same(intern!(py, "__reduce__"))? && same(intern!(py, "__reduce_ex__"))?);
        }
    }
    Ok(false)
}

/// Whether `ty` is the metaclass of the dtypes of the numpy that is loaded: its classes are imported by their names.
pub(super) fn makes_dtypes_of_numpy(ty: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = ty.py();
    if !instance::name_of(ty).starts_with("numpy.") {
        return Ok(false);
    }
    let Some(numpy) = lookup::imported(intern!(py, "numpy").as_any())? else { return Ok(false) };
    Ok(numpy.getattr_opt(intern!(py, "dtype"))?.is_some_and(|dtype| dtype.get_type().is(ty)))
}

/// `ty`, if it is one of the types of `datetime`, as they are written in C.
pub(crate) fn datetime_type(ty: &Bound<'_, PyType>) -> PyResult<Option<DateTimeType>> {
    match lookup::imported(intern!(ty.py(), "_datetime").as_any())? {
        Some(module) => DateTimeType::of(ty, &module),
        None => Ok(None),
    }
}

/// Whether `ty` is `decimal.Decimal`, as it is written in C.
pub(super) fn is_decimal(ty: &Bound<'_, PyType>) -> PyResult<bool> {
    Ok(ty.name()? == "Decimal" && found_in(ty, "_decimal")?)
}

/// Whether `ty` was made by `collections.namedtuple`, and nothing that concerns its reduction was changed since.
pub(super) fn is_named_tuple(ty: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = ty.py();
    if !ty.is_subclass_of::<PyTuple>()? || !instance::has_plain_attributes(ty) || !leaves_reducing_to_object(ty)? {
        return Ok(false);
    }
    if class::has_attribute(ty, intern!(py, "__getnewargs_ex__"))?
        || ty.getattr(intern!(py, "__dictoffset__"))?.extract::<isize>()? != 0
        || ty.getattr_opt(intern!(py, "__slots__"))?.is_none_or(|slots| slots.len().is_ok_and(|len| len != 0))
    {
        return Ok(false);
    }
    let Some(method) = ty.getattr_opt(intern!(py, "__getnewargs__"))? else { return Ok(false) };
    let Ok(function) = method.cast_into_exact::<PyFunction>() else { return Ok(false) };
    Ok(function.getattr(intern!(py, "__code__"))?.is(&Runtime::get(py).state.getnewargs_of_named_tuples))
}

/// Whether a class has none of the methods that reduce its instances, but those of `object`.
pub(crate) fn leaves_reducing_to_object(ty: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = ty.py();
    let object = py.get_type::<PyAny>();
    for name in [intern!(py, "__reduce_ex__"), intern!(py, "__reduce__"), intern!(py, "__getstate__")] {
        let same = match (ty.getattr_opt(name)?, object.getattr_opt(name)?) {
            (Some(own), Some(default)) => own.is(&default),
            (own, default) => own.is_none() && default.is_none(),
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether `ty` is what its name says in a module that is loaded.
fn found_in(ty: &Bound<'_, PyType>, module: &str) -> PyResult<bool> {
    let py = ty.py();
    match lookup::imported(PyString::new(py, module).as_any())? {
        Some(module) => Ok(module.getattr_opt(ty.name()?)?.is_some_and(|found| found.is(ty))),
        None => Ok(false),
    }
}
