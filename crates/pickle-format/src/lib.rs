//! The pickle format, and nothing of Python: what the opcodes are, what each protocol may use, how values are written.
//!
//! The crate knows bytes, integers and offsets. Which object becomes which opcode is decided in `crates/cloudpickle`.
//!
//! - [`opcode`]: the 68 opcodes, one row each.
//! - [`argument`]: what stands between one opcode and the next.
//! - [`protocol`]: protocols 0 to 5, and what each may use.
//! - [`mod@write`]: values to bytes, in the shortest form that the protocol has, cut into frames.
//! - [`error`]: what the format cannot hold.
//!
//! ```
//! use pickle_format::{Encoder, Opcode, Protocol};
//!
//! let mut encoder = Encoder::new(Protocol::V4);
//! encoder.start();
//! encoder.int(1);
//! encoder.unicode(b"one")?;
//! encoder.memoize(0)?;
//! encoder.op(Opcode::Tuple2);
//! encoder.finish();
//! assert_eq!(encoder.take(), b"\x80\x04\x95\x0a\0\0\0\0\0\0\0K\x01\x8c\x03one\x94\x86.");
//! # Ok::<(), pickle_format::FormatError>(())
//! ```
#![forbid(unsafe_code)]

pub mod argument;
pub mod error;
pub mod opcode;
pub mod protocol;
pub mod write;

pub use argument::ArgumentKind;
pub use error::{FormatError, Result};
pub use opcode::Opcode;
pub use protocol::Protocol;
pub use write::{Buffer, Encoder, FRAME_SIZE_TARGET, Payload, ROOM_IS_MADE_FOR, Referenced, is_large, pieces};
