//! Context variables, and the ids by which they are recognized.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyString, PyTuple};
use python_objects::identity;

use crate::by_value::class_tracker::fresh_id;
use crate::runtime::Runtime;

/// The process's table of context variables that travelled.
///
/// It holds them for ever: they take no weak references, and a program has few, each for as long as it runs.
pub(crate) struct ContextVars(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    by_id: HashMap<String, Py<PyAny>>,
    /// By address, which stays theirs because they are held.
    ids: HashMap<usize, Id>,
    /// How many had the contents with this digest.
    by_contents: HashMap<String, usize>,
}

struct Id {
    text: Py<PyString>,
    /// Whether it is not random, or was given by another process.
    is_lasting: bool,
}

impl ContextVars {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Tables::default()))
    }

    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, Tables> {
        self.0.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of `variable`, a fresh one if it has none.
    pub(crate) fn id<'py>(&self, variable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        let py = variable.py();
        let address = identity::of(variable);
        if let Some(id) = self.lock(py).ids.get(&address) {
            return Ok(id.text.bind(py).clone());
        }
        let id = fresh_id(py)?;
        let key = id.to_str()?.to_owned();
        let mut tables = self.lock(py);
        if let Some(id) = tables.ids.get(&address) {
            // Another thread was faster.
            return Ok(id.text.bind(py).clone());
        }
        tables.ids.insert(address, Id { text: id.clone().unbind(), is_lasting: false });
        tables.by_id.insert(key, variable.clone().unbind());
        Ok(id)
    }

    /// Whether `variable` has an id that is as good for a deterministic pickle.
    pub(crate) fn has_lasting_id(&self, variable: &Bound<'_, PyAny>) -> bool {
        self.lock(variable.py()).ids.get(&identity::of(variable)).is_some_and(|id| id.is_lasting)
    }

    /// Gives `variable` an id made from the digest of its contents. Of several with the same contents, each gets one of
    /// its own. Under an id that it had before, it stays known.
    pub(crate) fn give_id_of_contents(&self, variable: &Bound<'_, PyAny>, digest: &str) {
        let py = variable.py();
        let mut tables = self.lock(py);
        let tables = &mut *tables;
        let address = identity::of(variable);
        if tables.ids.get(&address).is_some_and(|id| id.is_lasting) {
            // Another thread was faster.
            return;
        }
        let count = tables.by_contents.entry(digest.to_owned()).or_default();
        let id = loop {
            *count += 1;
            let id = if *count == 1 { digest.to_owned() } else { format!("{digest}-{count}") };
            // A variable that came here from another process may have it.
            if !tables.by_id.contains_key(&id) {
                break id;
            }
        };
        let text = PyString::new(py, &id).unbind();
        tables.ids.insert(address, Id { text, is_lasting: true });
        tables.by_id.insert(id, variable.clone().unbind());
    }

    /// The variable known under `id`; if there is none, `variable`, known under `id` from here on.
    fn find_or_keep<'py>(&self, id: &Bound<'py, PyString>, variable: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = id.py();
        let key = id.to_str()?.to_owned();
        let mut tables = self.lock(py);
        let address = identity::of(&variable);
        let kept = tables.by_id.entry(key).or_insert_with(|| variable.clone().unbind()).clone_ref(py);
        if kept.is(&variable) {
            tables.ids.insert(address, Id { text: id.clone().unbind(), is_lasting: true });
        }
        drop(tables);
        Ok(kept.into_bound(py))
    }
}

/// The context variable known under an id, or else one that is made like it.
///
/// Args:
///     id: its id.
///     name: its name.
///     default: its default, left out if it has none.
#[pyfunction]
#[pyo3(signature = (id, name, *default))]
pub(crate) fn make_context_var<'py>(
    id: &Bound<'py, PyString>,
    name: &Bound<'py, PyString>,
    default: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = id.py();
    let runtime = Runtime::get(py);
    let keywords = pyo3::types::PyDict::new(py);
    if let Ok(default) = default.get_item(0) {
        keywords.set_item("default", default)?;
    }
    let variable = runtime.context_var_type.bind(py).call((name,), Some(&keywords))?;
    runtime.state.context_vars.find_or_keep(id, variable)
}
