//! What the opcodes work on: the stack with its marks, and the memo.

use pyo3::prelude::*;

use super::input::Input;
use super::load::Stop;
use super::load_build::Fresh;
use super::names::NamesInCode;
use python_objects::building::attributes::Attributes;
use python_objects::raised::Raised;

/// The machine that a pickle is a program for.
///
/// An opcode that meets a doubt leaves the stack, the marks and the memo as they were before it; the input knows where it
/// stands.
pub(super) struct Machine<'py> {
    pub(super) py: Python<'py>,
    /// The iterator of the buffers that are not in the pickle.
    pub(super) buffers: Option<Bound<'py, PyAny>>,
    pub(super) input: Input<'py>,
    pub(super) stack: Vec<Bound<'py, PyAny>>,
    /// How high the stack was at each mark.
    pub(super) marks: Vec<usize>,
    /// The last mark's height, or zero. What is below is not to be taken off.
    pub(super) fence: usize,
    pub(super) names: NamesInCode<'py>,
    pub(super) memo: Vec<Bound<'py, PyAny>>,
    pub(super) attributes: Attributes<'py>,
    pub(super) fresh: Fresh,
}

impl<'py> Machine<'py> {
    /// `buffers` is what the buffers come from that are not in the pickle, if there was an argument for them.
    pub(super) fn new(py: Python<'py>, input: Input<'py>, buffers: Option<Bound<'py, PyAny>>) -> Self {
        Self {
            py,
            buffers,
            input,
            stack: Vec::with_capacity(AT_FIRST),
            marks: Vec::new(),
            fence: 0,
            names: NamesInCode::none_yet(py),
            memo: Vec::new(),
            attributes: Attributes::default(),
            fresh: Fresh::default(),
        }
    }

    /// Whether nothing was done yet that anybody could have seen.
    pub(super) fn is_untouched(&self) -> bool {
        self.buffers.is_none() && self.input.is_untouched()
    }

    #[inline(always)]
    pub(super) fn push(&mut self, object: Bound<'py, PyAny>) -> Result<(), Stop> {
        put(self.py, &mut self.stack, object)
    }

    #[inline(always)]
    pub(super) fn memoize(&mut self, object: Bound<'py, PyAny>) -> Result<(), Stop> {
        put(self.py, &mut self.memo, object)
    }

    /// Takes everything from `height` on off the stack, the last object first, as `pickle` does: code may run when it goes.
    #[inline(always)]
    pub(super) fn cut(&mut self, height: usize) {
        while self.stack.len() > height {
            self.stack.pop();
        }
    }

    /// The height below the last `count` objects, all above the last mark.
    #[inline(always)]
    pub(super) fn below(&self, count: usize) -> Result<usize, Stop> {
        let height = self.stack.len().checked_sub(count).ok_or(Stop::Doubt)?;
        if height < self.fence { Err(Stop::Doubt) } else { Ok(height) }
    }

    /// The last object, above the last mark.
    #[inline(always)]
    pub(super) fn top(&self) -> Result<&Bound<'py, PyAny>, Stop> {
        let height = self.below(1)?;
        Ok(&self.stack[height])
    }

    #[inline(always)]
    pub(super) fn mark(&mut self) -> Result<(), Stop> {
        let height = self.stack.len();
        put(self.py, &mut self.marks, height)?;
        self.fence = height;
        if let Some(callable) = self.stack.last() {
            self.names.begin(callable, height);
        }
        Ok(())
    }

    /// How high the stack was at the last mark, if there are `count` objects under it, above the mark before.
    #[inline(always)]
    pub(super) fn marked_above(&self, count: usize) -> Result<usize, Stop> {
        if self.marks.is_empty() || self.fence < self.fence_below() + count { Err(Stop::Doubt) } else { Ok(self.fence) }
    }

    /// What the fence is without the last mark.
    #[inline(always)]
    pub(super) fn fence_below(&self) -> usize {
        match *self.marks.as_slice() {
            [.., below, _] => below,
            _ => 0,
        }
    }

    /// Whether nothing was put on the stack since the last mark.
    pub(super) fn has_mark_on_top(&self) -> bool {
        !self.marks.is_empty() && self.fence == self.stack.len()
    }

    /// Takes the last mark away.
    #[inline(always)]
    pub(super) fn unmark(&mut self) {
        self.fence = self.fence_below();
        self.marks.pop();
        self.names.end(self.fence);
    }
}

/// Appends to what a pickle can make as long as it likes: a `MemoryError` where there is no room, not the end of the process.
#[inline(always)]
pub(super) fn put<T>(py: Python<'_>, all: &mut Vec<T>, item: T) -> Result<(), Stop> {
    if all.len() == all.capacity() {
        make_room(py, all)?;
    }
    all.push(item);
    Ok(())
}

/// Room for so many at first: to let the stack and the memo of a function grow from four on took two instructions of a hundred.
const AT_FIRST: usize = 64;

#[cold]
#[inline(never)]
fn make_room<T>(py: Python<'_>, all: &mut Vec<T>) -> Result<(), Stop> {
    all.try_reserve(AT_FIRST.saturating_sub(all.len()).max(1)).map_err(|_| Raised::no_memory(py).into())
}

/// In the order of `pickle`: the stack, then the memo, the last object first.
impl Drop for Machine<'_> {
    fn drop(&mut self) {
        self.cut(0);
        while self.memo.pop().is_some() {}
    }
}
