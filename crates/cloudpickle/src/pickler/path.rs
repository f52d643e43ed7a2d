//! The way from what was to be pickled to what could not be, as one line for a person to read.
//!
//! It is made from the engine's frames, outermost first, and only when an error passes. The frames of one reduction and of
//! the containers inside it are a [`Stage`]; what the containers mean depends on what was reduced: the dict under
//! `"__globals__"` in a function's state is its globals. What has no meaning of its own is named as the part of the reduce
//! tuple that it is, so that its author finds it.

use pyo3::exceptions::PyBaseException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyDict, PyFunction, PyModule, PyString, PyTuple, PyType};
use python_objects::compat::code::FIELDS;

use super::frame::Frame;
use super::save_named_tuple::NamedTupleFrame;
use super::save_reduce::Part;
use crate::reduce::reduction::type_name;
use crate::runtime::Runtime;

/// How many levels are told at each end of a path. Nobody reads a million levels.
const LEVELS_AT_EACH_END: usize = 50;

/// How much of a key is shown.
const KEY_LENGTH: usize = 60;

/// Where in its object a frame is.
pub(super) enum Hop<'py> {
    /// At an item of a tuple, a list, or what is like a list.
    Index(usize),
    /// At the value of a key; with the dict, if it is one.
    Value(Bound<'py, PyAny>, Option<Bound<'py, PyDict>>),
    /// At a key.
    Key(Bound<'py, PyAny>),
    /// At an element of a set.
    Element,
    /// At the id that stands for an object.
    PersistentId,
}

/// A reduction, and where in it the error is.
struct Stage<'py> {
    /// What was reduced; nothing for containers that stand in no reduction.
    subject: Option<Bound<'py, PyAny>>,
    /// The part of the reduction that is being written.
    part: Option<Part>,
    /// From that part inwards.
    hops: Vec<Hop<'py>>,
}

/// The path that these frames stand for, outermost frame first; nothing if they do not lead anywhere.
#[cold]
pub(super) fn of_frames<'py>(py: Python<'py>, frames: &[&Frame<'py>]) -> Option<String> {
    let untold = frames.len().saturating_sub(2 * LEVELS_AT_EACH_END);
    if untold == 0 {
        return written(py, frames);
    }
    let (outer, inner) = (&frames[..LEVELS_AT_EACH_END], &frames[frames.len() - LEVELS_AT_EACH_END..]);
    let (outer, inner) = (written(py, outer)?, written(py, inner)?);
    Some(format!("{outer} -> ... {untold} more levels ... -> {inner}"))
}

/// Whether a path tells of functions, classes or modules that travel by value.
pub(super) fn leads_through_code(frames: &[Frame<'_>]) -> bool {
    frames.iter().any(|frame| {
        let Some(obj) = reduced(frame) else { return false };
        obj.cast_exact::<PyFunction>().is_ok() || obj.cast::<PyType>().is_ok() || obj.cast::<PyModule>().is_ok()
    })
}

fn written<'py>(py: Python<'py>, frames: &[&Frame<'py>]) -> Option<String> {
    let stages = stages(frames);
    let mut path = Path { py, segments: Vec::new(), at_attribute: false };
    if let Some(container) = frames.first().and_then(|frame| frame.object()) {
        path.push(type_name(&container.get_type()));
    }
    for (index, stage) in stages.iter().enumerate() {
        let next = stages.get(index + 1).and_then(|next| next.subject.as_ref());
        path.stage(stage, next, index + 1 == stages.len());
    }
    (!path.segments.is_empty()).then(|| path.segments.join(" -> "))
}

/// What a frame writes as a reduction would be written.
fn reduced<'a, 'py>(frame: &'a Frame<'py>) -> Option<&'a Bound<'py, PyAny>> {
    match frame {
        Frame::Reduction(frame) => Some(&frame.obj),
        Frame::Instance(frame) => Some(frame.obj()),
        Frame::NamedTuple(frame) => Some(frame.obj()),
        Frame::Function(frame) => Some(&frame.function),
        Frame::Code(frame) => Some(&frame.code),
        Frame::Class(frame) => Some(&frame.class),
        Frame::Cell(frame) => Some(&frame.cell),
        Frame::Descriptor(frame) => Some(&frame.obj),
        Frame::RecursiveRepr(frame) => Some(&frame.function),
        _ => None,
    }
}

fn stages<'py>(frames: &[&Frame<'py>]) -> Vec<Stage<'py>> {
    let mut stages = Vec::new();
    for frame in frames {
        let (part, hops) = match frame {
            Frame::Reduction(frame) => (frame.saving, Vec::new()),
            Frame::Instance(frame) => (Some(frame.saving()), frame.hops()),
            Frame::NamedTuple(frame) => (Some(NamedTupleFrame::saving()), frame.hops()),
            Frame::Function(frame) => frame.place(),
            Frame::Code(frame) => frame.place(),
            Frame::Class(frame) => frame.place(),
            Frame::Cell(frame) => frame.place(),
            Frame::Descriptor(frame) => frame.place(),
            Frame::RecursiveRepr(frame) => frame.place(),
            _ => (None, Vec::new()),
        };
        if let Some(obj) = reduced(frame) {
            stages.push(Stage { subject: Some(obj.clone()), part, hops });
        } else if let Some(hop) = frame.hop() {
            if stages.is_empty() {
                stages.push(Stage { subject: None, part: None, hops: Vec::new() });
            }
            stages.last_mut().expect("pushed above").hops.push(hop);
        }
    }
    stages
}

struct Path<'py> {
    py: Python<'py>,
    segments: Vec<String>,
    /// Whether the last segment ends at an attribute of an instance: what follows needs no introduction.
    at_attribute: bool,
}

impl<'py> Path<'py> {
    fn push(&mut self, segment: String) {
        self.segments.push(segment);
        self.at_attribute = false;
    }

    /// Goes on in the same segment.
    fn extend(&mut self, text: &str) {
        match self.segments.last_mut() {
            Some(last) => last.push_str(text),
            None => self.segments.push(text.to_owned()),
        }
    }

    /// Items of containers, which need no explanation.
    fn follow(&mut self, hops: &[Hop<'py>]) {
        for hop in hops {
            match hop {
                Hop::Index(index) => self.extend(&format!("[{index}]")),
                Hop::Value(key, _) => self.extend(&format!("[{}]", shown(key))),
                Hop::Key(key) => self.push(format!("key {}", shown(key))),
                Hop::Element => self.push("set element".to_owned()),
                Hop::PersistentId => self.push("persistent id".to_owned()),
            }
        }
    }

    fn step(&mut self, segment: String, rest: &[Hop<'py>]) {
        self.push(segment);
        self.follow(rest);
    }

    /// `next` is what the next stage is about; `is_last` says that the error is in this one.
    fn stage(&mut self, stage: &Stage<'py>, next: Option<&Bound<'py, PyAny>>, is_last: bool) {
        let hops = stage.hops.as_slice();
        let Some(subject) = &stage.subject else { return self.follow(hops) };
        let runtime = Runtime::get(self.py);
        let ty = subject.get_type();
        let wrappers = [
            &runtime.classmethod_type,
            &runtime.staticmethod_type,
            &runtime.abstract_classmethod_type,
            &runtime.abstract_staticmethod_type,
        ];
        if let Ok(function) = subject.cast_exact::<PyFunction>() {
            self.function(function, stage.part, hops);
            // What `recursive_repr` makes another function from.
            if let (Some(Part::ReconstructorArguments), [Hop::Index(0)]) = (stage.part, hops)
                && next.is_some_and(|next| next.cast_exact::<PyFunction>().is_ok())
            {
                self.push("closure variable 'user_function'".to_owned());
            }
        } else if let Ok(class) = subject.cast::<PyType>() {
            self.class(class, stage.part, hops);
        } else if ty.is(&runtime.cell_type) {
            // It was introduced as a variable of a closure.
            if let [Hop::Index(1), Hop::Value(..), rest @ ..] = hops {
                self.follow(rest);
            }
        } else if wrappers.iter().any(|wrapper| ty.is(*wrapper)) {
            // The function introduces itself.
        } else if let Ok(code) = subject.cast_exact::<PyCode>() {
            self.push(format!("code of {}", text_attribute(code, "co_name")));
            if let [Hop::Index(index), rest @ ..] = hops {
                self.step(format!(".{}", FIELDS.get(*index).unwrap_or(&"?")), rest);
            }
        } else if let Ok(module) = subject.cast::<PyModule>() {
            self.push(format!("module {}", text_attribute(module, "__name__")));
            if let [Hop::Value(name, _), rest @ ..] = hops {
                self.step(attribute(name), rest);
            }
        } else if ty.is(&runtime.method_type) {
            match hops {
                [Hop::Index(0), ..] if next.is_some_and(|next| next.cast_exact::<PyFunction>().is_ok()) => {}
                _ => self.step("bound method".to_owned(), &[]),
            }
        } else if ty.is(&runtime.property_type) || ty.is(&runtime.abstract_property_type) {
            if let [Hop::Index(index), ..] = hops {
                self.extend(["", ".fget", ".fset", ".fdel", ".__doc__"].get(index + 1).unwrap_or(&""));
            }
        } else if stage.part.is_none() || matches!(stage.part, Some(Part::Other)) {
            self.introduce(&ty);
            self.follow(hops);
        } else {
            self.instance(subject, stage, next, is_last);
        }
    }

    fn function(&mut self, function: &Bound<'py, PyFunction>, part: Option<Part>, hops: &[Hop<'py>]) {
        // A method was named by its class.
        let name = text_attribute(function, "__name__");
        if self.segments.last().is_none_or(|last| last.strip_prefix('.') != Some(&name)) {
            self.push(format!("function {}", qualified_name(function)));
        }
        let code = function.getattr(intern!(self.py, "__code__"));
        match (part, hops) {
            (Some(Part::State), [Hop::Index(0), Hop::Value(name, _), rest @ ..]) => self.step(attribute(name), rest),
            (Some(Part::State), [Hop::Index(1), Hop::Value(slot, _), rest @ ..]) => {
                let slot = slot.to_string();
                match (slot.as_str(), rest) {
                    ("__globals__", [Hop::Value(name, _), rest @ ..]) => {
                        self.step(format!("global {}", shown(name)), rest);
                    }
                    ("__defaults__", [Hop::Index(index), rest @ ..]) => {
                        let name = code.ok().and_then(|code| name_of_default(function, &code, *index));
                        self.step(format!("default of {}", name.unwrap_or_else(|| format!("argument {index}"))), rest);
                    }
                    ("__kwdefaults__", [Hop::Value(name, _), rest @ ..]) => {
                        self.step(format!("default of {}", shown(name)), rest);
                    }
                    ("__annotations__", [Hop::Value(name, _), rest @ ..]) => {
                        self.step(format!("annotation of {}", shown(name)), rest);
                    }
                    ("_cloudpickle_submodules", rest) => self.step("submodules in use".to_owned(), rest),
                    (_, rest) => self.step(format!(".{slot}"), rest),
                }
            }
            (Some(Part::ReconstructorArguments), [Hop::Index(4), Hop::Index(index), rest @ ..]) => {
                let name = code.and_then(|code| code.getattr(intern!(self.py, "co_freevars"))?.get_item(index));
                let name = name.map_or_else(|_| index.to_string(), |name| shown(&name));
                self.step(format!("closure variable {name}"), rest);
            }
            (Some(Part::ReconstructorArguments), [Hop::Index(1), Hop::Value(name, _), rest @ ..]) => {
                self.step(format!("global {}", shown(name)), rest);
            }
            _ => {}
        }
    }

    fn class(&mut self, class: &Bound<'py, PyType>, part: Option<Part>, hops: &[Hop<'py>]) {
        self.push(format!("class {}", qualified_name(class)));
        let is_enum = class.is_subclass(Runtime::get(self.py).enum_type.bind(self.py)).unwrap_or(false);
        match (part, hops) {
            (Some(Part::State), [Hop::Index(0), Hop::Value(name, _), rest @ ..])
            | (Some(Part::ReconstructorArguments), [Hop::Index(3), Hop::Value(name, _), rest @ ..]) => {
                self.step(attribute(name), rest);
            }
            (Some(Part::ReconstructorArguments), [Hop::Index(0)]) if !is_enum => {
                self.push("metaclass".to_owned());
            }
            (Some(Part::ReconstructorArguments), [Hop::Index(0 | 2), Hop::Index(index), rest @ ..]) => {
                self.step(format!("base {index}"), rest);
            }
            _ => {}
        }
    }

    /// Names the type of an instance, unless the attribute that holds it was named already.
    fn introduce(&mut self, ty: &Bound<'py, PyType>) {
        let name = if self.at_attribute { String::new() } else { type_name(ty) };
        self.push(name);
    }

    fn instance(
        &mut self,
        obj: &Bound<'py, PyAny>,
        stage: &Stage<'py>,
        next: Option<&Bound<'py, PyAny>>,
        is_last: bool,
    ) {
        let ty = obj.get_type();
        let hops = stage.hops.as_slice();
        // An instance's class is named by its own stage.
        let at_class = next.is_some_and(|next| next.is(&ty))
            && match stage.part {
                Some(Part::Class | Part::Reconstructor) => true,
                Some(Part::ReconstructorArguments | Part::NewArguments) => matches!(hops, [Hop::Index(0)]),
                _ => false,
            };
        if at_class {
            return;
        }
        let origin = Origin::of(&ty);
        if let Some(attribute) = self.attribute_of(obj, &origin, stage.part, hops) {
            let (slot, name, rest) = match attribute {
                Attribute::InDict(name, rest) if is_last => (false, format!(".__dict__[{}]", shown(&name)), rest),
                Attribute::InDict(name, rest) => (false, self::attribute(&name), rest),
                Attribute::InSlot(name, rest) => (true, self::attribute(&name), rest),
            };
            let type_name = if self.at_attribute { String::new() } else { type_name(&ty) };
            self.step(format!("{}{type_name}{name}", if slot { "slot " } else { "" }), rest);
            self.at_attribute = true;
            return;
        }
        self.introduce(&ty);
        let is_partial = ty.is(&Runtime::get(self.py).partial);
        match (stage.part, hops) {
            (Some(Part::ReconstructorArguments), [Hop::Index(0), rest @ ..]) if is_partial => {
                self.extend(".func");
                self.follow(rest);
            }
            (Some(Part::State), [Hop::Index(index), rest @ ..]) if is_partial => {
                self.extend([".func", ".args", ".keywords"].get(*index).unwrap_or(&".__dict__"));
                self.follow(rest);
            }
            (Some(Part::ReconstructorArguments | Part::NewArguments), hops)
                if obj.is_instance_of::<PyBaseException>() =>
            {
                self.extend(".args");
                self.follow(hops);
            }
            (Some(Part::NewArguments), hops) if obj.is_instance_of::<PyTuple>() => self.follow(hops),
            (Some(Part::NewArguments), hops) if matches!(origin, Origin::Default | Origin::GetState) => {
                self.extend(".__getnewargs__()");
                self.follow(hops);
            }
            (Some(Part::State), hops) if matches!(origin, Origin::GetState) => {
                self.extend(".__getstate__()");
                self.follow(hops);
            }
            (part, hops) => {
                let index = match part {
                    Some(Part::Reconstructor | Part::Class) => 0,
                    Some(Part::ReconstructorArguments | Part::NewArguments) => 1,
                    Some(Part::StateSetter) => 5,
                    _ => 2,
                };
                let origin = if let Origin::ReduceEx = origin { "__reduce_ex__" } else { "__reduce__" };
                self.extend(&format!(".{origin}()[{index}]"));
                self.follow(hops);
            }
        }
    }

    /// The attribute of the instance that the path goes to next, if it goes to one.
    fn attribute_of<'a>(
        &self,
        obj: &Bound<'py, PyAny>,
        origin: &Origin,
        part: Option<Part>,
        hops: &'a [Hop<'py>],
    ) -> Option<Attribute<'a, 'py>> {
        let Some(Part::State) = part else { return None };
        let default = matches!(origin, Origin::Default);
        let is_own = |dict: &Option<Bound<'py, PyDict>>| {
            default
                || dict
                    .as_ref()
                    .is_some_and(|dict| obj.getattr(intern!(self.py, "__dict__")).is_ok_and(|own| own.is(dict)))
        };
        match hops {
            [Hop::Value(name, dict), rest @ ..] | [Hop::Index(0), Hop::Value(name, dict), rest @ ..]
                if is_own(dict) =>
            {
                Some(Attribute::InDict(name.clone(), rest))
            }
            [Hop::Index(1), Hop::Value(name, _), rest @ ..] if default => Some(Attribute::InSlot(name.clone(), rest)),
            _ => None,
        }
    }
}

/// An attribute of an instance, and what of the path goes on inside it.
enum Attribute<'a, 'py> {
    InDict(Bound<'py, PyAny>, &'a [Hop<'py>]),
    InSlot(Bound<'py, PyAny>, &'a [Hop<'py>]),
}

/// Who made the reduction of an instance.
enum Origin {
    /// `object`, out of its `__dict__` and slots.
    Default,
    /// `object`, with a state from the class's own `__getstate__`.
    GetState,
    /// A `__reduce__` or a registered reducer.
    Reduce,
    /// A `__reduce_ex__`.
    ReduceEx,
}

impl Origin {
    fn of(ty: &Bound<'_, PyType>) -> Self {
        let py = ty.py();
        let object = py.get_type::<PyAny>();
        let is_default = |name: &str| match (ty.getattr_opt(name), object.getattr_opt(name)) {
            (Ok(Some(own)), Ok(Some(default))) => own.is(&default),
            // Before Python 3.11 `object` has no `__getstate__`.
            (Ok(own), _) => own.is_none(),
            (Err(_), _) => false,
        };
        if !is_default("__reduce_ex__") {
            Self::ReduceEx
        } else if !is_default("__reduce__") {
            Self::Reduce
        } else if is_default("__getstate__") {
            Self::Default
        } else {
            Self::GetState
        }
    }
}

/// `.name`, as it would be written in code where that is possible.
fn attribute(name: &Bound<'_, PyAny>) -> String {
    let text = name.to_string();
    match name.call_method0("isidentifier").and_then(|is| is.is_truthy()) {
        Ok(true) => format!(".{text}"),
        _ => format!(".__dict__[{}]", shown(name)),
    }
}

/// A key as Python writes it, cut where it is long; never an error of its own.
fn shown(key: &Bound<'_, PyAny>) -> String {
    let repr = key.repr().map_or_else(|_| format!("<{}>", type_name(&key.get_type())), |repr| repr.to_string());
    let repr = repr.replace('\n', " ");
    match repr.char_indices().nth(KEY_LENGTH) {
        Some((end, _)) => format!("{}...", &repr[..end]),
        None => repr,
    }
}

/// Module and qualified name; what is missing is left out.
fn qualified_name(obj: &Bound<'_, PyAny>) -> String {
    let text = |name| obj.getattr(name).ok().and_then(|value| value.cast_into::<PyString>().ok());
    let name =
        text("__qualname__").or_else(|| text("__name__")).map_or_else(|| "?".to_owned(), |name| name.to_string());
    match text("__module__") {
        Some(module) => format!("{module}.{name}"),
        None => name,
    }
}

fn text_attribute(obj: &Bound<'_, PyAny>, name: &str) -> String {
    obj.getattr(name).map_or_else(|_| "?".to_owned(), |value| value.to_string())
}

/// The name, as Python writes it, of the positional argument to which a default belongs.
fn name_of_default(function: &Bound<'_, PyFunction>, code: &Bound<'_, PyAny>, index: usize) -> Option<String> {
    let count: usize = code.getattr("co_argcount").ok()?.extract().ok()?;
    let defaults = function.getattr("__defaults__").ok()?.len().ok()?;
    let position = (count + index).checked_sub(defaults)?;
    Some(shown(&code.getattr("co_varnames").ok()?.get_item(position).ok()?))
}
