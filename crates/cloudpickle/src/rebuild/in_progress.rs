//! Which functions and classes are being loaded: made, and still without their state.
//!
//! What they need is loaded in between. When that fails for a module that is not there, the last one is the one that
//! needs it. A load that failed leaves its entries behind; what they stand for is gone then, or the next pickle with code
//! clears them away.

use std::cell::RefCell;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyType, PyWeakref, PyWeakrefMethods, PyWeakrefReference};

/// More than that are left over from reconstructors that somebody called without giving a state.
const MOST: usize = 1 << 20;

struct InProgress {
    address: usize,
    made: Py<PyWeakref>,
}

thread_local! {
    static IN_PROGRESS: RefCell<Vec<InProgress>> = const { RefCell::new(Vec::new()) };
}

/// `made` has no state yet.
///
/// # Errors
/// `TypeError` if there are no weak references to it, which functions and classes have.
pub(super) fn begin(made: &Bound<'_, PyAny>) -> PyResult<()> {
    let reference = PyWeakrefReference::new(made)?.into_any().cast_into::<PyWeakref>()?.unbind();
    let entry = InProgress { address: made.as_ptr().addr(), made: reference };
    // What is let go of is dropped when the stack is not borrowed any more.
    let dropped = IN_PROGRESS.with_borrow_mut(|stack| {
        let dropped = if stack.len() < MOST { Vec::new() } else { std::mem::take(stack) };
        stack.push(entry);
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
        if stack.last().is_some_and(|entry| entry.address == address) {
            return (stack.pop(), Vec::new());
        }
        let position = stack.iter().rposition(|entry| entry.address == address);
        (None, position.map(|position| stack.split_off(position)).unwrap_or_default())
    });
    drop(dropped);
}

/// A pickle begins.
pub(super) fn clear() {
    let dropped = IN_PROGRESS.take();
    drop(dropped);
}

/// What needs that which is loaded at this moment: `function __main__.train`, `class __main__.Model`.
pub(super) fn last(py: Python<'_>) -> Option<String> {
    let references =
        IN_PROGRESS.with_borrow(|stack| stack.iter().rev().map(|entry| entry.made.clone_ref(py)).collect::<Vec<_>>());
    let made = references.into_iter().find_map(|reference| reference.bind(py).upgrade())?;
    let kind = if made.is_instance_of::<PyType>() { "class" } else { "function" };
    let name = made.getattr(intern!(py, "__qualname__")).ok()?;
    match made.getattr(intern!(py, "__module__")) {
        Ok(module) if !module.is_none() => Some(format!("{kind} {module}.{name}")),
        _ => Some(format!("{kind} {name}")),
    }
}
