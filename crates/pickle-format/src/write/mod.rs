//! Writing pickles: values to bytes.
//!
//! - [`encoder`]: one method per kind of value, which picks the shortest opcode that the protocol has for it.
//! - [`buffer`]: what it appends to.
//! - [`frame`]: where frames begin and end, from protocol 4 on.
//! - `referenced`: which objects are memoized, where only those are that something refers to.
//!
//! Nothing here knows what the stack and the memo hold: that the opcodes make sense together is the caller's part.

pub mod buffer;
pub mod encoder;
pub mod frame;
mod referenced;

pub use buffer::Buffer;
pub use encoder::{Encoder, Payload, ROOM_IS_MADE_FOR};
pub use frame::{FRAME_SIZE_TARGET, is_large, pieces};
pub use referenced::Referenced;
