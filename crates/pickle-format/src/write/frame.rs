//! Frames: pieces of a pickle that begin with their length, so that a reader fetches each with one read (PEP 3154).
//!
//! This is where frames begin and end, and how large they become. What stands in them is no matter of this file.

use crate::argument;
use crate::opcode::Opcode;
use crate::write::buffer::Buffer;

/// A frame is closed at the first object that begins when it holds this many bytes, and a payload of this length or
/// more stands outside frames. The C pickler's `FRAME_SIZE_TARGET`.
pub const FRAME_SIZE_TARGET: usize = 64 * 1024;

/// Fewer bytes than this are no frame: they stand in the pickle as they are. The C pickler's `FRAME_SIZE_MIN`.
pub const FRAME_SIZE_MIN: usize = 4;

/// `FRAME` and the length of the frame.
pub const FRAME_HEADER_SIZE: usize = 9;

/// `PROTO` and the number of the protocol.
const PROTO_SIZE: usize = 2;

/// Whether a payload of this length stands outside frames, and is worth handing to a file without copying it.
#[inline]
#[must_use]
pub const fn is_large(len: usize) -> bool {
    len >= FRAME_SIZE_TARGET
}

/// A pickle cut where its frames end. What stands between two of them comes with the second one, and what stands behind the
/// last one by itself.
pub fn pieces(pickle: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = pickle;
    std::iter::from_fn(move || {
        let (piece, others) = rest.split_at(end_of_first_frame(rest).unwrap_or(rest.len()));
        rest = others;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Where the first frame ends, if one begins here or behind `PROTO`.
fn end_of_first_frame(bytes: &[u8]) -> Option<usize> {
    let start = if *bytes.first()? == Opcode::Proto.byte() { PROTO_SIZE } else { 0 };
    let header = bytes.get(start..)?.first_chunk::<FRAME_HEADER_SIZE>()?;
    let [opcode, len @ ..] = *header;
    let len = usize::try_from(u64::from_le_bytes(len)).ok()?;
    let end = (start + FRAME_HEADER_SIZE).checked_add(len)?;
    (opcode == Opcode::Frame.byte() && end <= bytes.len()).then_some(end)
}

/// Where the pickle being written stands with regard to frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// No frames: before and after a pickle, and in protocols 0 to 3.
    Off,
    /// The next byte begins a frame. An empty frame is thus never written.
    Due,
    /// A frame is being written; its header is at this offset of the buffer, not filled in yet.
    Open(usize),
}

impl Framing {
    /// Called before anything is appended that belongs in a frame: opens one if one is due.
    #[inline]
    pub(super) fn enter(&mut self, buffer: &mut impl Buffer) {
        if matches!(self, Self::Due) {
            self.open(buffer);
        }
    }

    /// Whether the next byte begins a frame.
    #[inline(always)]
    pub(super) const fn is_due(self) -> bool {
        matches!(self, Self::Due)
    }

    /// Out of line: once in 64 KiB.
    #[cold]
    #[inline(never)]
    fn open(&mut self, buffer: &mut impl Buffer) {
        *self = Self::Open(buffer.len());
        buffer.extend_from_slice(&argument::uint8(Opcode::Frame, 0));
    }

    /// Whether a frame is open that has reached its target size.
    #[inline]
    pub(super) const fn is_full(self, len: usize) -> bool {
        match self {
            Self::Open(start) => len - start >= FRAME_HEADER_SIZE + FRAME_SIZE_TARGET,
            Self::Off | Self::Due => false,
        }
    }

    /// Where the frame that is being written begins.
    pub(super) const fn start_of_frame(self) -> Option<usize> {
        match self {
            Self::Open(start) => Some(start),
            Self::Off | Self::Due => None,
        }
    }

    /// Ends the frame that is open, if one is: fills in its length, or takes its header out if it is too short. Returns
    /// whether it has a header.
    pub(super) fn close(&mut self, buffer: &mut impl Buffer) -> bool {
        let Self::Open(start) = *self else { return false };
        *self = Self::Due;
        let payload = start + FRAME_HEADER_SIZE;
        let size = buffer.len() - payload;
        if size < FRAME_SIZE_MIN {
            buffer.as_mut_slice().copy_within(payload.., start);
            buffer.truncate(start + size);
            return false;
        }
        buffer.as_mut_slice()[start..payload].copy_from_slice(&argument::uint8(Opcode::Frame, size as u64));
        true
    }
}
