//! What the opcodes are read from: a pickle in memory, or one in a file, of which some is in memory at a time.
//!
//! A pickle in a file is a row of frames, with large objects and some opcodes between them. Each is what the file is asked for
//! next, unless it was there already.

use pickle_format::Opcode;
use pyo3::exceptions::{PyEOFError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use python_objects::building::unfilled::{Kind, Unfilled};
use python_objects::building::window::Window;
use python_objects::raised::Raised;

use super::file::File;
use super::load::Stop;
use super::refused;
use crate::runtime::Runtime;

/// A length that is not believed before the bytes were seen: `pickle` reads what it is of, whose later versions do so in parts.
const HUGE: usize = 1 << 30;

/// A pickle that is read from front to back.
pub(super) struct Input<'py> {
    py: Python<'py>,
    /// The pickle, or what the file gave last. It shows no more than the frame that is being read, or all of it between
    /// frames. An opcode does not reach over the end of a frame: earlier Pythons do not care, later ones refuse it.
    window: Window<'py>,
    in_frame: bool,
    position: usize,
    /// Where the opcode stands that is being carried out.
    opcode_at: usize,
    file: Option<Box<File<'py>>>,
}

impl<'py> Input<'py> {
    const LENGTH_OF_PROTO: usize = 2;

    /// A pickle in memory, of a protocol that is read here.
    pub(super) fn of_bytes(pickle: &Bound<'py, PyBytes>) -> Self {
        Self {
            py: pickle.py(),
            window: Window::new(pickle.clone()),
            in_frame: false,
            position: 0,
            opcode_at: 0,
            file: None,
        }
    }

    /// The next pickle in a file.
    pub(super) fn of_file(py: Python<'py>, file: File<'py>) -> Self {
        Self { file: Some(Box::new(file)), ..Self::of_bytes(&PyBytes::new(py, b"")) }
    }

    /// Passes over the PROTO of the pickle in a file.
    pub(super) fn begin(&mut self) -> Result<(), Stop> {
        self.go_on()?;
        // Below 4, globals are looked for in another way.
        if self.byte()? != Opcode::Proto.byte() || !matches!(self.byte()?, 4 | 5) {
            return Err(Stop::Doubt);
        }
        if let Some(file) = &mut self.file {
            file.has_begun = true;
        }
        Ok(())
    }

    /// Whether the opcode that is being carried out comes behind the PROTO of the pickle.
    pub(super) fn has_begun(&self) -> bool {
        self.file.as_ref().is_none_or(|file| file.has_begun)
    }

    /// Whether nothing was done yet that anybody could have seen: no opcode was carried out but PROTO and FRAME, and nothing
    /// was read.
    pub(super) fn is_untouched(&self) -> bool {
        let after_frame = Self::LENGTH_OF_PROTO + 1 + size_of::<u64>();
        self.file.as_ref().is_none_or(|file| !file.is_touched)
            && match self.opcode_at {
                0 | Self::LENGTH_OF_PROTO => true,
                at => at == after_frame && self.window.all()[Self::LENGTH_OF_PROTO] == Opcode::Frame.byte(),
            }
    }

    /// The pickle from the opcode on that is being carried out, as far as it is in memory: what came before the window, and
    /// what is in it.
    pub(super) fn rest(&self) -> (&[u8], &[u8]) {
        let carried = match &self.file {
            Some(file) if self.opcode_at == 0 => file.carried.as_slice(),
            _ => &[],
        };
        (carried, &self.window.all()[self.opcode_at..])
    }

    /// The file, and where in what it gave last the opcode stands that is being carried out.
    pub(super) fn take_file(&mut self) -> Option<(File<'py>, usize)> {
        Some((*self.file.take()?, self.opcode_at))
    }

    /// How much of a frame there is from the opcode on that is being carried out, if it stands in one.
    pub(super) fn rest_of_frame(&self) -> Option<u64> {
        self.in_frame.then(|| (self.window.visible().len() - self.opcode_at) as u64)
    }

    /// The next `len` bytes are a frame.
    pub(super) fn enter_frame(&mut self, len: usize) -> Result<(), Stop> {
        if self.in_frame {
            return Err(Stop::Doubt);
        }
        if self.window.all().len() - self.position < len {
            self.refill(len)?;
        }
        if let Some(file) = &mut self.file {
            file.carried.clear();
        }
        self.window.show(self.position + len);
        self.in_frame = len > 0;
        Ok(())
    }

    /// Goes on behind the frame that ends here, if one does, or with what the file has next.
    #[cold]
    pub(super) fn go_on(&mut self) -> Result<(), Stop> {
        self.in_frame = false;
        self.window.show_all();
        if self.position < self.window.all().len() {
            return Ok(());
        }
        self.opcode_at = self.position;
        self.refill(1).map_err(|stop| match stop {
            Stop::Raised(raised) => end_of_input(self.py, raised).into(),
            Stop::Doubt => Stop::Doubt,
        })
    }

    /// Has the next `count` bytes at hand, which were not.
    #[cold]
    #[inline(never)]
    pub(super) fn refill(&mut self, count: usize) -> Result<(), Stop> {
        let py = self.py;
        let Some(file) = self.file.as_deref_mut().filter(|_| !self.in_frame && count < HUGE) else {
            return Err(Stop::Doubt);
        };
        if self.opcode_at > 0 {
            file.carried.clear();
        }
        let passed = &self.window.all()[self.opcode_at..self.position];
        file.carried.try_reserve(passed.len()).map_err(|_| Raised::no_memory(py))?;
        file.carried.extend(passed);
        file.catch_up(py, self.position)?;
        self.window = Window::new(PyBytes::new(py, b""));
        (self.position, self.opcode_at) = (0, 0);
        self.window = Window::new(file.fetch(py, count)?);
        if self.window.all().len() < count { Err(truncated(py).into()) } else { Ok(()) }
    }

    /// The file is left behind what was read of the pickle.
    pub(super) fn finish(&mut self) -> Result<(), Raised> {
        match &mut self.file {
            Some(file) => file.catch_up(self.py, self.position),
            None => Ok(()),
        }
    }

    /// The next opcode, or `None` at the end of a frame or of the window.
    #[inline(always)]
    pub(super) fn next_opcode(&mut self) -> Option<u8> {
        self.opcode_at = self.position;
        let byte = *self.window.visible().get(self.position)?;
        self.position += 1;
        Some(byte)
    }

    /// The next byte.
    #[inline(always)]
    pub(super) fn byte(&mut self) -> Result<u8, Stop> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// The next bytes, as many as the array has.
    #[inline(always)]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        if let Some(bytes) = self.window.visible()[self.position..].first_chunk::<N>() {
            self.position += N;
            return Ok(*bytes);
        }
        self.refill(N)?;
        let bytes = self.window.visible().first_chunk::<N>().ok_or(Stop::Doubt)?;
        self.position = N;
        Ok(*bytes)
    }

    /// The next `len` bytes, which are not passed over; nothing if the window does not have them.
    #[inline(always)]
    pub(super) fn at_hand(&self, len: usize) -> Option<&[u8]> {
        self.window.visible()[self.position..].get(..len)
    }

    /// The same of contents that are an object. The end of the window has none, not even of no length.
    #[inline(always)]
    pub(super) fn contents_at_hand(&self, len: usize) -> Option<&[u8]> {
        self.at_hand(len).filter(|bytes| !bytes.is_empty() || self.peek().is_some())
    }

    /// The next `len` bytes as an object, which the file writes into where it can.
    #[cold]
    pub(super) fn read_object(&mut self, kind: Kind, len: usize) -> Result<Bound<'py, PyAny>, Stop> {
        let py = self.py;
        let Some(file) = self.file.as_deref_mut().filter(|_| !self.in_frame && len < HUGE) else {
            return Err(Stop::Doubt);
        };
        let mut object = match Unfilled::new(py, kind, len) {
            Ok(object) => object,
            Err(raised) => {
                raised.forget(py);
                return Err(Stop::Doubt);
            }
        };
        object.extend(&self.window.visible()[self.position..]);
        self.position = self.window.all().len();
        file.catch_up(py, self.position)?;
        let object = if let Some(readinto) = &file.readinto {
            file.is_touched = true;
            object.read_with(readinto)?
        } else {
            let missing = object.missing();
            let data = file.read(py, missing)?;
            let Ok(data) = data.cast::<PyBytes>() else { return Err(no_bytes(&data).into()) };
            object.extend(data.as_bytes().get(..missing).unwrap_or_default());
            object.finish()
        };
        object.ok_or_else(|| truncated(py).into())
    }

    /// A length of four bytes.
    #[inline(always)]
    pub(super) fn len4(&mut self) -> Result<usize, Stop> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| Stop::Doubt)
    }

    /// A length of eight bytes.
    #[inline(always)]
    pub(super) fn len8(&mut self) -> Result<usize, Stop> {
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| Stop::Doubt)
    }

    /// The byte behind the opcode that is being carried out, where its arguments have been read.
    #[inline(always)]
    pub(super) fn peek(&self) -> Option<u8> {
        self.window.visible().get(self.position).copied()
    }

    /// Passes over `len` bytes that are [at hand](Self::at_hand).
    #[inline(always)]
    pub(super) fn pass(&mut self, len: usize) {
        self.position += len;
    }
}

#[cold]
fn truncated(py: Python<'_>) -> Raised {
    refused(py, "pickle data was truncated")
}

/// What `pickle` makes of an exception that the reading of an opcode ended in.
#[cold]
fn end_of_input(py: Python<'_>, raised: Raised) -> Raised {
    let error = raised.take(py);
    if error.get_type(py).is_subclass(Runtime::get(py).unpickling_error.bind(py)).unwrap_or(false) {
        return Raised::new(py, PyEOFError::new_err("Ran out of input"));
    }
    Raised::new(py, error)
}

#[cold]
fn no_bytes(data: &Bound<'_, PyAny>) -> Raised {
    let py = data.py();
    let text = || Ok::<_, PyErr>(format!("read() returned non-bytes object ({})", data.get_type().repr()?));
    Raised::new(py, text().map_or_else(|error| error, PyValueError::new_err))
}
