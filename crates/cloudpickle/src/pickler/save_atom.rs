//! Numbers, strings, bytes and buffers.

use pickle_format::{Opcode, Payload, ROOM_IS_MADE_FOR};
use pyo3::exceptions::PyBufferError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyFloat, PyFloatMethods, PyInt, PyString, PyTuple};
use python_objects::bytes::copy_of;
use python_objects::kind::exact;
use python_objects::{buffer, int, text};

use super::engine::Engine;
use super::frame::Saved;
use super::memo::FreePlace;
use super::optimism::Shared;
use super::output::{IS_LONG, Output};
use crate::reduce::reduction::Reduction;

impl<'py> Engine<'py, '_> {
    pub(super) fn save_bool(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        self.encoder.bool(obj.is_truthy()?);
        Ok(Saved::Done)
    }

    /// Saves an `int` of one digit, which is not to be text.
    #[inline(always)]
    pub(super) fn save_int_at_once(&mut self, obj: &Bound<'py, PyAny>) -> bool {
        match exact::<PyInt>(obj).and_then(int::of_one_digit) {
            Some(value) => {
                self.encoder.short_int(value);
                true
            }
            None => false,
        }
    }

    /// Saves a `float`, which is not to be text.
    #[inline(always)]
    pub(super) fn save_float_at_once(&mut self, obj: &Bound<'py, PyAny>) -> bool {
        match exact::<PyFloat>(obj) {
            Some(number) => {
                self.encoder.float(number.value());
                true
            }
            None => false,
        }
    }

    /// Saves a short `str` of ASCII, from protocol 4 on, or refers to it.
    #[inline(always)]
    pub(super) fn save_str_at_once(&mut self, string: &Bound<'py, PyString>, shared: Shared) -> bool {
        match shared {
            Shared::Never => self.save_new_str_alone(string),
            Shared::Maybe => match self.memo.look_up(string) {
                Ok(index) => self.encoder.refer(index),
                Err(place) => self.save_new_str_at_once(string, place),
            },
        }
    }

    /// The same where most strings are references, or alone: the loop over a list is quicker without the rest.
    #[inline(always)]
    pub(super) fn save_str_of_list_at_once(&mut self, string: &Bound<'py, PyString>, shared: Shared) -> bool {
        match shared {
            Shared::Never => self.save_new_str_alone(string) || self.save_new_text_alone(string),
            Shared::Maybe => match self.memo.look_up(string) {
                Ok(index) => self.encoder.refer(index),
                Err(place) => self.save_new_str_by_call(string, place),
            },
        }
    }

    #[inline(never)]
    fn save_new_str_by_call(&mut self, string: &Bound<'py, PyString>, place: FreePlace) -> bool {
        self.save_new_str_at_once(string, place) || self.save_new_text_at_once(string, place)
    }

    /// Remembers `obj`, which was just looked up and written, from protocol 4 on.
    #[inline(always)]
    fn memo_put_at(&mut self, place: FreePlace, obj: &Bound<'py, PyAny>) {
        self.memo.put_at(place, obj.clone());
        self.encoder.memoize_uncounted();
    }

    /// The same for one that is not ASCII, or not short.
    fn save_new_text_at_once(&mut self, string: &Bound<'py, PyString>, place: FreePlace) -> bool {
        let is_written = self.save_new_text_alone(string);
        if is_written {
            self.memo_put_at(place, string.as_any());
        }
        is_written
    }

    /// The same, and does not remember it.
    #[inline(never)]
    fn save_new_text_alone(&mut self, string: &Bound<'py, PyString>) -> bool {
        text::utf8(string).is_ok_and(|utf8| self.save_contents_at_once(Payload::Unicode, utf8.as_bytes()))
    }

    /// Saves a `bytes`, from protocol 4 on, or refers to it; not if it is long.
    #[inline(never)]
    pub(super) fn save_bytes_at_once(&mut self, bytes: &Bound<'py, PyBytes>) -> bool {
        let data = bytes.as_bytes();
        match self.optimism.is_shared(bytes) {
            Shared::Never => self.save_contents_at_once(Payload::Bytes, data),
            Shared::Maybe => match self.memo.look_up(bytes) {
                Ok(index) => self.encoder.refer(index),
                Err(place) => {
                    let is_written = self.save_contents_at_once(Payload::Bytes, data);
                    if is_written {
                        self.memo_put_at(place, bytes.as_any());
                    }
                    is_written
                }
            },
        }
    }

    /// Writes contents that are not so long that there is to be room for them beforehand.
    fn save_contents_at_once(&mut self, payload: Payload, data: &[u8]) -> bool {
        if self.encoder.short_payload_at_once(payload, data) {
            return true;
        }
        // Before protocol 4, what is memoized has its number written.
        let may_be = self.encoder.writes_at_once() && self.settings.protocol.has_memoize();
        if !may_be || data.len() >= ROOM_IS_MADE_FOR {
            return false;
        }
        self.count_contents(data.len());
        self.encoder.payload(payload, data).is_ok()
    }

    /// The same for one that the memo does not have.
    #[inline(always)]
    fn save_new_str_at_once(&mut self, string: &Bound<'py, PyString>, place: FreePlace) -> bool {
        let is_written = self.save_new_str_alone(string);
        if is_written {
            self.memo_put_at(place, string.as_any());
        }
        is_written
    }

    /// The same, and does not remember it.
    #[inline(always)]
    pub(super) fn save_new_str_alone(&mut self, string: &Bound<'py, PyString>) -> bool {
        text::ascii(string).is_some_and(|ascii| self.encoder.short_unicode_at_once(ascii))
    }

    pub(super) fn save_int(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        let number = obj.cast::<PyInt>()?;
        match int::as_i64(number) {
            Some(value) => self.encoder.int(value),
            None => self.save_long(number)?,
        }
        Ok(Saved::Done)
    }

    #[cold]
    fn save_long(&mut self, number: &Bound<'py, PyInt>) -> PyResult<()> {
        if self.settings.protocol.has_long_bytes() {
            let written = int::with_twos_complement(number, |bytes| {
                self.count_contents(bytes.len());
                self.encoder.long(bytes)
            })?;
            written.map_err(|error| self.refused(error))
        } else {
            // `repr` of an int of thousands of digits may raise ValueError, as it does in `pickle`.
            self.encoder.long_text(number.repr()?.to_str()?);
            Ok(())
        }
    }

    pub(super) fn save_float(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        if self.settings.binary {
            self.encoder.float(obj.cast::<PyFloat>()?.value());
        } else {
            self.encoder.float_text(obj.repr()?.to_str()?);
        }
        Ok(Saved::Done)
    }

    pub(super) fn save_str(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Saved> {
        if let Some(ascii) = text::ascii(obj.cast::<PyString>()?)
            && self.encoder.try_short_unicode(ascii)
        {
            self.memo_put_if(obj, shared)?;
            return Ok(Saved::Done);
        }
        self.save_any_str(obj, shared)
    }

    #[inline(never)]
    fn save_any_str(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Saved> {
        let string = obj.cast::<PyString>()?;
        if self.settings.binary {
            let utf8 = text::utf8(string)?;
            let utf8 = utf8.as_bytes();
            if self.output.takes_payload(utf8.len(), &mut self.optimism)? {
                let payload = copy_of(self.py, utf8)?;
                self.stream(Payload::Unicode, utf8.len(), payload.as_any())?;
            } else {
                self.count_contents(utf8.len());
                self.encoder.unicode(utf8).map_err(|error| self.refused(error))?;
            }
        } else {
            self.encoder.unicode_text(text::code_points(string)?.into_iter());
        }
        self.memo_put_if(obj, shared)?;
        Ok(Saved::Done)
    }

    pub(super) fn save_bytes(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Saved> {
        let bytes = obj.cast::<PyBytes>()?;
        if !self.settings.protocol.has_bytes() {
            return self.save_bytes_as_call(bytes);
        }
        let data = bytes.as_bytes();
        if self.output.takes_payload(data.len(), &mut self.optimism)? {
            self.stream(Payload::Bytes, data.len(), obj)?;
        } else {
            self.count_contents(data.len());
            self.encoder.bytes(data).map_err(|error| self.refused(error))?;
        }
        self.memo_put_if(obj, shared)?;
        Ok(Saved::Done)
    }

    /// Protocols 0 to 2 have no bytes: `codecs.encode(text, "latin1")`, which makes a `str` on Python 2.
    fn save_bytes_as_call(&mut self, bytes: &Bound<'py, PyBytes>) -> PyResult<Saved> {
        let py = self.py;
        let reduction = if bytes.as_bytes().is_empty() {
            Reduction::call(py.get_type::<PyBytes>().into_any(), PyTuple::empty(py))
        } else {
            let latin1 = intern!(py, "latin1");
            let text = bytes.call_method1(intern!(py, "decode"), (latin1,))?;
            let encode = self.runtime.codecs_encode.bind(py).clone();
            Reduction::call(encode, (text, latin1).into_pyobject(py)?)
        };
        self.save_as_call(reduction, bytes.as_any())
    }

    pub(super) fn save_bytearray(&mut self, obj: &Bound<'py, PyAny>, shared: Shared) -> PyResult<Saved> {
        let py = self.py;
        if self.settings.protocol.has_buffers() {
            self.save_buffer_in_band(obj, &buffer::Bytes::of(obj)?)?;
            self.memo_put_if(obj, shared)?;
            return Ok(Saved::Done);
        }
        let bytearray = py.get_type::<PyByteArray>();
        let args = if obj.is_empty()? {
            PyTuple::empty(py)
        } else {
            (py.get_type::<PyBytes>().call1((obj,))?,).into_pyobject(py)?
        };
        self.save_as_call(Reduction::call(bytearray.into_any(), args), obj)
    }

    /// A `PickleBuffer` (PEP 574): out of band if the callback takes it, else as bytes or bytearray.
    pub(super) fn save_picklebuffer(&mut self, obj: &Bound<'py, PyAny>) -> PyResult<Saved> {
        let py = self.py;
        if !self.settings.protocol.has_buffers() {
            let message = "PickleBuffer can only be pickled with protocol >= 5".into();
            return Err(self.runtime.pickling_error(py, message));
        }
        if self.hooks.buffer_callback.is_some() {
            self.before_code_of_others()?;
        }
        let runtime = self.runtime;
        let refused = |error: PyErr| {
            if error.is_instance_of::<PyBufferError>(py) {
                let message = "PickleBuffer can not be pickled when pointing to a non-contiguous buffer".into();
                runtime.pickling_error(py, message)
            } else {
                error
            }
        };
        // The raw bytes, whatever the item type; this refuses a released buffer with a ValueError.
        let raw = || obj.call_method0(intern!(py, "raw")).map_err(refused);
        let (view, raw) = match buffer::Bytes::of(obj) {
            Ok(view) if self.output.takes_payload(view.len(), &mut self.optimism)? => (view, Some(raw()?)),
            Ok(view) => (view, None),
            // Memory that is not contiguous, but also of no dimensions.
            Err(_) => {
                let raw = raw()?;
                (buffer::Bytes::of(&raw).map_err(refused)?, Some(raw))
            }
        };
        let in_band = match &self.hooks.buffer_callback {
            Some(callback) => callback.call1((obj,))?.is_truthy()?,
            None => true,
        };
        if in_band {
            self.save_buffer_in_band(raw.as_ref().unwrap_or(obj), &view)?;
            self.memo_put(obj)?;
        } else {
            self.encoder.op(Opcode::NextBuffer);
            if view.readonly() {
                self.encoder.op(Opcode::ReadonlyBuffer);
            }
        }
        Ok(Saved::Done)
    }

    /// The bytes of `source`: as bytes if nobody may write to them, else as a bytearray.
    fn save_buffer_in_band(&mut self, source: &Bound<'py, PyAny>, view: &buffer::Bytes) -> PyResult<()> {
        let payload = if view.readonly() { Payload::Bytes } else { Payload::ByteArray };
        if self.output.takes_payload(view.len(), &mut self.optimism)? {
            return self.stream(payload, view.len(), source);
        }
        let py = self.py;
        self.encoder
            .payload_with(payload, view.len(), |out| out.extend_from_buffer(py, view))
            .map_err(|error| self.refused(error))
    }

    #[inline]
    fn count_contents(&mut self, len: usize) {
        if len >= IS_LONG {
            self.long_contents += len;
        }
    }

    /// Writes a large payload to the file: what is buffered, then the object that holds the data.
    #[cold]
    fn stream(&mut self, payload: Payload, len: usize, source: &Bound<'py, PyAny>) -> PyResult<()> {
        self.encoder.payload_header(payload, len as u64).map_err(|error| self.refused(error))?;
        self.output.flush(self.py, &mut self.encoder)?;
        self.watch_buffer();
        if let Output::File(write) = &self.output {
            write.call1((source,))?;
        }
        Ok(())
    }
}
