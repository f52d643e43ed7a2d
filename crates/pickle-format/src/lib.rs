//! The pickle format, and nothing of Python: what the opcodes are, what each protocol may use, how values are written.
//!
//! The crate knows bytes, integers and offsets. Which object becomes which opcode is decided in `crates/cloudpickle`.
#![forbid(unsafe_code)]
