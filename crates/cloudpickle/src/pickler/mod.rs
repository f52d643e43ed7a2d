//! Object to bytes.
//!
//! - [`engine`]: one dump in progress, its loop; [`decisions`]: who writes an object, and who reduces it.
//! - [`mod@frame`]: what has parts, while they are written.
//! - [`memo`]: which objects the pickle already holds.
//! - [`at_hand`]: memory for the next dump.
//! - [`memo_of_pickler`]: the memo that the dumps of one `Pickler` share.
//! - [`optimism`]: what needs no memo.
//! - [`hooks`]: what users hang into a pickler.
//! - [`output`]: one `bytes` object, or a file.
//! - [`save_atom`], [`save_container`], [`save_global`], [`save_reduce`] with [`save_made`], [`save_persistent_id`]: how each
//!   kind of object is written; [`save_at_once`]: the short way of everyday data.
//! - [`strategy`]: which objects are written without asking them, and [`known_types`]; how: [`save_instance`],
//!   [`save_named_tuple`], [`save_value`], [`save_array`] with [`numpy_reductions`].
//! - [`made_of_code`]: what is written without a detour through reductions: [`save_function`], [`save_cell`], [`save_code`],
//!   [`save_class`], [`save_descriptor`], [`save_recursive_repr`], [`save_found_global`]; [`code_recipe`]: what of it never
//!   changes.
//! - [`made_whole`]: classes that are made from all their attributes.
//! - [`base_globals`], [`written_globals`]: the namespaces that functions share, and what the pickle holds of them.
//! - [`canonical`]: what makes a pickle depend on its object alone.
//! - [`probe`]: whether what may be left out can be pickled.
//! - [`endless`]: telling data that is deep from data that never ends.
//! - [`trail`]: where in the graph an error happened; [`path`]: the same as one line.
//! - [`python_api`]: `dumps`, `dump`, and the native half of the class `Pickler`.

mod at_hand;
mod base_globals;
mod canonical;
mod code_recipe;
mod decisions;
mod endless;
mod engine;
mod frame;
mod hooks;
pub(crate) mod known_types;
mod made_of_code;
mod made_whole;
mod memo;
mod memo_of_pickler;
mod numpy_reductions;
mod optimism;
mod output;
mod path;
mod probe;
pub(crate) mod python_api;
mod save_array;
mod save_at_once;
mod save_atom;
mod save_cell;
mod save_class;
mod save_code;
mod save_container;
mod save_descriptor;
mod save_found_global;
mod save_function;
mod save_global;
mod save_instance;
mod save_made;
mod save_named_tuple;
mod save_persistent_id;
mod save_recursive_repr;
mod save_reduce;
mod save_value;
mod strategy;
mod trail;
mod written_globals;

pub(crate) use base_globals::{BaseGlobals, SharedGlobals};
pub(crate) use code_recipe::CodeRecipe;
pub(crate) use numpy_reductions::NumpyReductions;
pub(crate) use probe::Probe;
pub(crate) use trail::full_type_name;
pub(crate) use written_globals::{AlreadyWritten, is_same};
