//! Which objects exist at this moment.

use std::collections::HashSet;

use pyo3::prelude::*;

/// The identities of all objects that can hold references to others; the links of an endless chain do.
///
/// `gc.freeze`, which servers call before they fork, hides objects from `gc.get_objects`. Then those that `obj` leads to
/// are looked for one by one, which is slower.
///
/// # Errors
/// What the module `gc` raises, such as a `MemoryError`.
#[cfg(not(PyPy))]
pub fn existing_objects(obj: &Bound<'_, PyAny>) -> PyResult<HashSet<usize>> {
    use pyo3::intern;
    use pyo3::types::PyList;

    use crate::identity;

    let gc = obj.py().import(intern!(obj.py(), "gc"))?;
    let objects = gc.call_method0(intern!(obj.py(), "get_objects"))?.cast_into::<PyList>()?;
    let mut existing: HashSet<usize> = objects.iter().map(|object| identity::of(&object)).collect();
    let frozen = gc.getattr_opt(intern!(obj.py(), "get_freeze_count"))?;
    if frozen.is_some_and(|count| count.call0().is_ok_and(|count| count.is_truthy().unwrap_or(true))) {
        let get_referents = gc.getattr(intern!(obj.py(), "get_referents"))?;
        let mut visited = HashSet::new();
        let mut pending = vec![obj.clone()];
        while let Some(object) = pending.pop() {
            for referent in get_referents.call1((object,))?.cast_into::<PyList>()? {
                if visited.insert(identity::of(&referent)) {
                    pending.push(referent);
                }
            }
        }
        existing.extend(visited);
    }
    Ok(existing)
}

/// The identities of all objects that can hold references to others; the links of an endless chain do.
///
/// `gc.get_objects` does not know what only an extension holds, as the engine may hold `obj`; what `obj` leads to is
/// looked for one by one. All of it is done in Python: there are objects that PyPy's C API crashes at.
///
/// # Errors
/// What the module `gc` raises, such as a `MemoryError`.
#[cfg(PyPy)]
pub fn existing_objects(obj: &Bound<'_, PyAny>) -> PyResult<HashSet<usize>> {
    use pyo3::sync::PyOnceLock;
    use pyo3::types::PyDict;

    use crate::identity::pypy::{as_number, builtin};

    const SOURCE: &str = "
from gc import get_objects, get_referents

def existing_objects(obj):
    existing = set(map(id, get_objects()))
    pending = [obj]
    while pending:
        for referent in get_referents(pending.pop()):
            if id(referent) not in existing:
                existing.add(id(referent))
                pending.append(referent)
    existing.add(id(obj))
    return existing
";
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

    let py = obj.py();
    let function = FUNCTION.get_or_try_init(py, || {
        let namespace = PyDict::new(py);
        builtin(py, "exec")?.call1((SOURCE, &namespace))?;
        Ok::<_, PyErr>(namespace.as_any().get_item("existing_objects")?.unbind())
    })?;
    function.bind(py).call1((obj,))?.try_iter()?.map(|id| id.map(|id| as_number(&id, &id))).collect()
}
