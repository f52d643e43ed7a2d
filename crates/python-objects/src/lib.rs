//! Reading and building CPython objects: what PyO3's safe API lacks or does slowly.
//!
//! This is the only crate of the workspace with `unsafe`, and the only one that knows which CPython it is compiled for.
//! Everything it exports is safe to call; SAFETY.md lists the invariants that make it so.
