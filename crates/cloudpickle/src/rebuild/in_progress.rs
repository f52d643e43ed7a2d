//! Which functions and classes are being loaded: made, and still without their state.
//!
//! What they need is loaded in between. When that fails for a module that is not there, the last one is the one that
//! needs it. A load that failed leaves its entries behind; what they stand for is gone then, or the next pickle with code
//! clears them away.

use std::cell::{Cell, RefCell};

use pyo3::prelude::*;
use pyo3::types::{PyWeakref, PyWeakrefMethods, PyWeakrefReference};

use crate::exception_note;

/// More than that are left over from reconstructors that somebody called without giving a state.
const MOST: usize = 1 << 20;

struct InProgress {
    address: usize,
    made: Py<PyWeakref>,
    /// What has the name when the function or class is gone: its code object, or the name itself.
    named_by: Py<PyAny>,
}

struct Noted {
    /// The address of the exception that was explained last.
    explained: Cell<usize>,
    /// How many entries there are.
    count: Cell<usize>,
}

thread_local! {
    /// Apart from the entries, because every load asks for it and needs nothing else.
    static NOTED: Noted = const { Noted { explained: Cell::new(0), count: Cell::new(0) } };
    static IN_PROGRESS: RefCell<Vec<InProgress>> = const { RefCell::new(Vec::new()) };
}

/// `made` has no state yet.
///
/// # Errors
/// `TypeError` if there are no weak references to it, which functions and classes have.
pub(super) fn begin(made: &Bound<'_, PyAny>, named_by: &Bound<'_, PyAny>) -> PyResult<()> {
    let reference = PyWeakrefReference::new(made)?.into_any().cast_into::<PyWeakref>()?.unbind();
    let entry = InProgress { address: made.as_ptr().addr(), made: reference, named_by: named_by.clone().unbind() };
    // What is let go of is dropped when the stack is not borrowed any more.
    let dropped = IN_PROGRESS.with_borrow_mut(|stack| {
        let dropped = if stack.len() < MOST { Vec::new() } else { std::mem::take(stack) };
        stack.push(entry);
        note_count(stack);
        dropped
    });
    drop(dropped);
    Ok(())
}

/// `made` has its state, or is about to get it.
pub(super) fn end(made: &Bound<'_, PyAny>) {
    let address = made.as_ptr().addr();
    let dropped = IN_PROGRESS.with_borrow_mut(|stack| {
        // The last one, as a rule.
        let dropped = if stack.last().is_some_and(|entry| entry.address == address) {
            (stack.pop(), Vec::new())
        } else {
            let position = stack.iter().rposition(|entry| entry.address == address);
            (None, position.map(|position| stack.split_off(position)).unwrap_or_default())
        };
        note_count(stack);
        dropped
    });
    drop(dropped);
}

/// A pickle begins.
pub(super) fn clear() {
    let dropped = IN_PROGRESS.take();
    note_count(&[]);
    drop(dropped);
}

fn note_count(entries: &[InProgress]) {
    NOTED.with(|noted| noted.count.set(entries.len()));
}

/// How many there are when a load begins. What is above that later on is of a load that began in between.
pub(super) fn count() -> usize {
    NOTED.with(|noted| {
        // An address may be that of an exception that is gone.
        noted.explained.set(0);
        noted.count.get()
    })
}

/// Adds to an error what needs that which is `missing`, and the remedy. The load is over with it.
///
/// Entries from `since` on are of this load for sure; those before only if what they stand for is alive.
#[cold]
pub(super) fn explain(py: Python<'_>, error: &PyErr, missing: &str, since: Option<usize>) {
    let address = error.value(py).as_ptr().addr();
    // An exception that passes the second time, through `loads`, was explained on the way.
    if NOTED.with(|noted| noted.explained.replace(address)) != address || since.is_none() {
        let object = last(py, since).unwrap_or_else(|| "the pickle".to_owned());
        let remedy = "install it where the pickle is loaded, or have its code travel: \
                      cloudpickle.register_pickle_by_value(module) where the pickle is made";
        exception_note::add_line(py, error, &format!("{object} needs {missing}: {remedy}"));
    }
    clear();
}

/// What needs that which is loaded at this moment: `function train`, `class Model`.
fn last(py: Python<'_>, since: Option<usize>) -> Option<String> {
    let entries: Vec<_> = IN_PROGRESS.with_borrow(|stack| {
        // The next pickle with code starts from nothing.
        let since = since.map(|since| if stack.len() < since { 0 } else { since });
        let entries = stack.iter().enumerate().rev();
        entries
            .map(|(index, entry)| {
                let is_of_this_load = since.is_some_and(|since| since <= index);
                (is_of_this_load, entry.made.clone_ref(py), entry.named_by.clone_ref(py))
            })
            .collect()
    });
    let is_there =
        |(is_of_this_load, made, _): &(bool, Py<PyWeakref>, _)| *is_of_this_load || made.bind(py).upgrade().is_some();
    let (_, _, named_by) = entries.into_iter().find(is_there)?;
    let named_by = named_by.bind(py);
    // Code objects have their qualified name since Python 3.11.
    for name in ["co_qualname", "co_name"] {
        if let Ok(name) = named_by.getattr(name) {
            return Some(format!("function {name}"));
        }
    }
    Some(format!("class {named_by}"))
}
