//! What the opcodes work on: the pickle, the stack with its marks, and the memo.

use pickle_format::Opcode;
use pyo3::prelude::*;

use super::load::Stop;
use super::load_build::Fresh;
use super::names::NamesInCode;
use python_objects::building::attributes::Attributes;
use python_objects::raised::Raised;

/// The machine that a pickle is a program for.
///
/// An opcode that meets a doubt leaves the stack, the marks and the memo as they were before it; `opcode_at` says where it
/// stands.
pub(super) struct Machine<'a, 'py> {
    pub(super) py: Python<'py>,
    /// The iterator of the buffers that are not in the pickle.
    pub(super) buffers: Option<Bound<'py, PyAny>>,
    data: &'a [u8],
    /// The pickle up to the end of the frame that is being read, or the whole of it between frames. An opcode does not
    /// reach over the end of a frame: earlier Pythons do not care, later ones refuse it.
    visible: &'a [u8],
    in_frame: bool,
    position: usize,
    /// Where the opcode stands that is being carried out.
    pub(super) opcode_at: usize,
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

impl<'a, 'py> Machine<'a, 'py> {
    const LENGTH_OF_PROTO: usize = 2;

    /// `buffers` is what the buffers come from that are not in the pickle, if `loads` was given any.
    pub(super) fn new(py: Python<'py>, data: &'a [u8], buffers: Option<Bound<'py, PyAny>>) -> Self {
        Self {
            py,
            buffers,
            data,
            visible: data,
            in_frame: false,
            position: 0,
            opcode_at: 0,
            stack: Vec::with_capacity(AT_FIRST),
            marks: Vec::new(),
            fence: 0,
            names: NamesInCode::none_yet(py),
            memo: Vec::new(),
            attributes: Attributes::default(),
            fresh: Fresh::default(),
        }
    }

    /// Whether nothing was done yet that anybody could have seen: no opcode was carried out but PROTO and FRAME.
    pub(super) fn is_untouched(&self) -> bool {
        let after_frame = Self::LENGTH_OF_PROTO + 1 + size_of::<u64>();
        self.buffers.is_none()
            && match self.opcode_at {
                0 | Self::LENGTH_OF_PROTO => true,
                at => at == after_frame && self.data[Self::LENGTH_OF_PROTO] == Opcode::Frame.byte(),
            }
    }

    /// The pickle from the opcode on that is being carried out.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.data[self.opcode_at..]
    }

    /// How much of a frame there is from the opcode on that is being carried out, if it stands in one.
    pub(super) fn rest_of_frame(&self) -> Option<u64> {
        self.in_frame.then(|| (self.visible.len() - self.opcode_at) as u64)
    }

    /// The next `len` bytes are a frame. False if there are not so many, or if this is within one.
    pub(super) fn enter_frame(&mut self, len: usize) -> bool {
        let left = self.data.len() - self.position;
        if self.in_frame || left < len {
            return false;
        }
        (self.visible, self.in_frame) = (&self.data[..self.position + len], len > 0);
        true
    }

    /// Goes on behind the frame that ends here, if one does and there is more.
    #[cold]
    pub(super) fn leave_frame(&mut self) -> bool {
        (self.visible, self.in_frame) = (self.data, false);
        self.position < self.data.len()
    }

    /// The next opcode, or `None` at the end of a frame or of the pickle.
    #[inline(always)]
    pub(super) fn next_opcode(&mut self) -> Option<u8> {
        self.opcode_at = self.position;
        let byte = *self.visible.get(self.position)?;
        self.position += 1;
        Some(byte)
    }

    /// The next byte.
    #[inline(always)]
    pub(super) fn byte(&mut self) -> Result<u8, Stop> {
        let byte = *self.visible.get(self.position).ok_or(Stop::Doubt)?;
        self.position += 1;
        Ok(byte)
    }

    /// The next bytes, as many as the array has.
    #[inline(always)]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let bytes = *self.visible[self.position..].first_chunk::<N>().ok_or(Stop::Doubt)?;
        self.position += N;
        Ok(bytes)
    }

    /// The next `len` bytes.
    #[inline(always)]
    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Stop> {
        let bytes = self.visible[self.position..].get(..len).ok_or(Stop::Doubt)?;
        self.position += len;
        Ok(bytes)
    }

    /// A length of four bytes.
    #[inline(always)]
    pub(super) fn len4(&mut self) -> Result<usize, Stop> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| Stop::Doubt)
    }

    /// A length of eight bytes.
    #[inline(always)]
    pub(super) fn len8(&mut self) -> Result<usize, Stop> {
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| Stop::Doubt)
    }

    /// The byte behind the opcode that is being carried out, where its arguments have been read.
    #[inline(always)]
    pub(super) fn peek(&self) -> Option<u8> {
        self.visible.get(self.position).copied()
    }

    /// Passes over the byte that [`peek`](Self::peek) gave.
    #[inline(always)]
    pub(super) fn pass(&mut self) {
        self.position += 1;
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
impl Drop for Machine<'_, '_> {
    fn drop(&mut self) {
        self.cut(0);
        while self.memo.pop().is_some() {}
    }
}
