//! What has parts, while they are written: one frame per kind of object.

use pyo3::prelude::*;

use super::engine::Engine;
use super::path::Hop;
use super::save_cell::CellFrame;
use super::save_class::ClassFrame;
use super::save_code::CodeFrame;
use super::save_container::{DictFrame, FrozenSetFrame, ListFrame, SetFrame, TupleFrame};
use super::save_descriptor::DescriptorFrame;
use super::save_function::FunctionFrame;
use super::save_global::GlobalFrame;
use super::save_instance::InstanceFrame;
use super::save_named_tuple::NamedTupleFrame;
use super::save_persistent_id::PersistentIdFrame;
use super::save_recursive_repr::RecursiveReprFrame;
use super::save_reduce::{ItemsFrame, ReductionFrame};

/// The result of saving an object, or of resuming a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Saved {
    /// It is written.
    Done,
    /// Parts of it are still to be written. Its frame, and those of the parts in progress, are in `Engine::unwinding`.
    Suspended,
}

/// What has parts: it is resumed until it is done.
pub(super) trait Suspendable<'py>: Into<Frame<'py>> {
    /// Goes on to the end, or to a part that is suspended.
    fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved>;

    /// The container that is being written. Reductions are the endless guard's affair.
    fn object(&self) -> Option<&Bound<'py, PyAny>> {
        None
    }
}

/// A suspended object.
pub(super) enum Frame<'py> {
    Tuple(TupleFrame<'py>),
    List(ListFrame<'py>),
    Dict(DictFrame<'py>),
    Set(SetFrame<'py>),
    FrozenSet(FrozenSetFrame<'py>),
    Global(Box<GlobalFrame<'py>>),
    Instance(Box<InstanceFrame<'py>>),
    NamedTuple(NamedTupleFrame<'py>),
    Reduction(Box<ReductionFrame<'py>>),
    Function(Box<FunctionFrame<'py>>),
    Code(Box<CodeFrame<'py>>),
    Class(Box<ClassFrame<'py>>),
    Cell(Box<CellFrame<'py>>),
    Descriptor(Box<DescriptorFrame<'py>>),
    RecursiveRepr(Box<RecursiveReprFrame<'py>>),
    Items(Box<ItemsFrame<'py>>),
    PersistentId(PersistentIdFrame<'py>),
}

impl<'py> Frame<'py> {
    /// Goes on to the next part that needs a frame of its own, or to the end.
    pub(super) fn resume(&mut self, engine: &mut Engine<'py, '_>) -> PyResult<Saved> {
        match self {
            Frame::Tuple(frame) => frame.resume(engine),
            Frame::List(frame) => frame.resume(engine),
            Frame::Dict(frame) => frame.resume(engine),
            Frame::Set(frame) => frame.resume(engine),
            Frame::FrozenSet(frame) => frame.resume(engine),
            Frame::Global(frame) => frame.resume(engine),
            Frame::Instance(frame) => frame.resume(engine),
            Frame::NamedTuple(frame) => frame.resume(engine),
            Frame::Reduction(frame) => frame.resume(engine),
            Frame::Function(frame) => frame.resume(engine),
            Frame::Code(frame) => frame.resume(engine),
            Frame::Class(frame) => frame.resume(engine),
            Frame::Cell(frame) => frame.resume(engine),
            Frame::Descriptor(frame) => frame.resume(engine),
            Frame::RecursiveRepr(frame) => frame.resume(engine),
            Frame::Items(frame) => frame.resume(engine),
            Frame::PersistentId(frame) => frame.resume(engine),
        }
    }

    /// The container that is being written.
    pub(super) fn object(&self) -> Option<&Bound<'py, PyAny>> {
        match self {
            Frame::Tuple(frame) => frame.object(),
            Frame::List(frame) => frame.object(),
            Frame::Dict(frame) => frame.object(),
            Frame::Set(frame) => frame.object(),
            Frame::FrozenSet(frame) => frame.object(),
            Frame::Instance(_)
            | Frame::NamedTuple(_)
            | Frame::Reduction(_)
            | Frame::Function(_)
            | Frame::Code(_)
            | Frame::Class(_)
            | Frame::Cell(_)
            | Frame::Descriptor(_)
            | Frame::RecursiveRepr(_)
            | Frame::Global(_)
            | Frame::Items(_)
            | Frame::PersistentId(_) => None,
        }
    }
}

/// Frames of which each kind is of its own size; the large ones are boxed.
macro_rules! frames {
    ($($kind:ident($frame:ident) $boxed:expr;)*) => {
        $(impl<'py> From<$frame<'py>> for Frame<'py> {
            fn from(frame: $frame<'py>) -> Self {
                Frame::$kind($boxed(frame))
            }
        })*
    };
}

frames! {
    Tuple(TupleFrame) std::convert::identity;
    List(ListFrame) std::convert::identity;
    Dict(DictFrame) std::convert::identity;
    Set(SetFrame) std::convert::identity;
    FrozenSet(FrozenSetFrame) std::convert::identity;
    Global(GlobalFrame) Box::new;
    Instance(InstanceFrame) Box::new;
    NamedTuple(NamedTupleFrame) std::convert::identity;
    Reduction(ReductionFrame) Box::new;
    Function(FunctionFrame) Box::new;
    Code(CodeFrame) Box::new;
    Class(ClassFrame) Box::new;
    Cell(CellFrame) Box::new;
    Descriptor(DescriptorFrame) Box::new;
    RecursiveRepr(RecursiveReprFrame) Box::new;
    Items(ItemsFrame) Box::new;
    PersistentId(PersistentIdFrame) std::convert::identity;
}

impl<'py> Frame<'py> {
    /// Where in its object the frame is. Reductions have parts instead.
    pub(super) fn hop(&self) -> Option<Hop<'py>> {
        match self {
            Frame::Tuple(frame) => Some(frame.hop()),
            Frame::List(frame) => Some(frame.hop()),
            Frame::Dict(frame) => frame.hop(),
            Frame::Set(_) | Frame::FrozenSet(_) => Some(Hop::Element),
            Frame::Items(frame) => frame.hop(),
            Frame::PersistentId(_) => Some(Hop::PersistentId),
            Frame::Function(_)
            | Frame::Code(_)
            | Frame::Class(_)
            | Frame::Cell(_)
            | Frame::Descriptor(_)
            | Frame::RecursiveRepr(_)
            | Frame::Global(_)
            | Frame::Instance(_)
            | Frame::NamedTuple(_)
            | Frame::Reduction(_) => None,
        }
    }
}

impl Frame<'_> {
    /// What is being written of the object, in the words of the C pickler's notes: nothing, a part, or the part and the
    /// object.
    pub(super) fn in_progress(&self) -> Vec<String> {
        match self {
            Frame::Tuple(frame) => vec![frame.in_progress()],
            Frame::List(frame) => vec![frame.in_progress()],
            Frame::Dict(frame) => frame.in_progress().into_iter().collect(),
            Frame::Set(_) => vec!["set element".to_owned()],
            Frame::FrozenSet(_) => vec!["frozenset element".to_owned()],
            Frame::Instance(frame) => frame.in_progress(),
            Frame::NamedTuple(frame) => frame.in_progress(),
            Frame::Reduction(frame) => frame.in_progress(),
            Frame::Function(frame) => frame.in_progress(),
            Frame::Code(frame) => frame.in_progress(),
            Frame::Class(frame) => frame.in_progress(),
            Frame::Cell(frame) => frame.in_progress(),
            Frame::Descriptor(frame) => frame.in_progress(),
            Frame::RecursiveRepr(frame) => frame.in_progress(),
            Frame::Items(frame) => frame.in_progress().into_iter().collect(),
            Frame::Global(_) | Frame::PersistentId(_) => Vec::new(),
        }
    }
}

/// Saves a part of a frame; if the part is suspended, suspends the frame.
macro_rules! save_part {
    ($engine:expr, $part:expr) => {
        if $engine.save($part)? == Saved::Suspended {
            return Ok(Saved::Suspended);
        }
    };
}
pub(super) use save_part;
