//! Reading and building CPython objects: what PyO3's safe API lacks or does slowly.
//!
//! This is the only crate of the workspace with `unsafe`, and the only one that knows which CPython it is compiled for.
//! Everything it exports is safe to call; SAFETY.md lists the invariants that make it so.
//!
//! - [`kind`]: which builtin type an object is of, exactly.
//! - [`int`], [`text`], [`buffer`], [`datetime`], [`ndarray`]: the contents of numbers, strings, buffers, dates and arrays as
//!   Rust values.
//! - [`bytes`]: a `bytes` object while it is being written.
//! - [`interpreter`]: which interpreter this is.
//! - [`dict`], [`list`], [`set`]: walking a container that user code or another thread may change under the walk; `walk`: what
//!   these have in common.
//! - [`function`], [`method`], [`code`], [`cell`], [`class`](mod@class), [`instance`], [`proxy`]: what they consist of.
//! - [`large_pages`], [`growing`]: memory for large contents, and for what is appended in the hot loops; `cache`: that of the
//!   processor.
//! - [`lending`]: a value that one changes, and lends for others to read.
//! - [`forward`]: functions that hand their arguments on as they came.
//! - [`building`]: what an unpickler makes objects with.
//! - [`raised`]: an exception that nobody has taken yet.
//! - [`identity`]: what `is` compares, as a number.
//! - [`reference_count`]: how many references there are to an object.
//! - [`exception`]: what an exception holds besides its arguments.
//! - [`existence`]: which objects exist at this moment.
//! - [`compat`]: what differs between versions of Python, one place per difference.

pub mod buffer;
pub mod building;
pub mod bytes;
mod cache;
pub mod cell;
pub mod class;
pub mod code;
pub mod compat;
pub mod datetime;
pub mod dict;
pub mod exception;
pub mod existence;
pub mod forward;
pub mod function;
pub mod growing;
pub mod identity;
pub mod instance;
pub mod int;
pub mod interpreter;
pub mod kind;
pub mod large_pages;
pub mod lending;
pub mod list;
pub mod method;
pub mod ndarray;
pub mod proxy;
pub mod raised;
pub mod reference_count;
pub mod set;
pub mod text;
mod walk;
