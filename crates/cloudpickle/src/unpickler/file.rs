//! A file that a pickle is read from: the same calls in the same order as `pickle` makes them.
//!
//! What comes behind the pickle is not to be read. So a file is asked for no more than an opcode needs, or a frame, unless it
//! has a method `peek`, which shows what comes and leaves it there: what was taken of that is read afterwards, and thrown away.
//! Where the file stands while a call of the pickle runs, or after an exception, is where `pickle` would have left it.

use pyo3::exceptions::PyNotImplementedError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use python_objects::building::{call, literal};
use python_objects::raised::Raised;

use super::load::Stop;

/// How much is asked for with `peek`, and from where on `read` alone is called.
const PREFETCH: usize = 128 << 10;

/// A file, by its methods.
pub(super) struct File<'py> {
    pub(super) peek: Option<Bound<'py, PyAny>>,
    pub(super) readinto: Option<Bound<'py, PyAny>>,
    pub(super) read: Bound<'py, PyAny>,
    pub(super) readline: Bound<'py, PyAny>,
    /// How far the file was read in what it gave last. The rest of that was shown by `peek`.
    pub(super) read_up_to: usize,
    /// Whether anything was read.
    pub(super) is_touched: bool,
    /// Whether the pickle was found to be of a protocol that is read here.
    pub(super) has_begun: bool,
    /// What the file gave before for the opcode that begins what it gave last.
    pub(super) carried: Vec<u8>,
}

impl<'py> File<'py> {
    /// The methods of `file`, or `None` if it is no such file.
    ///
    /// # Errors
    /// What looking for them raises.
    pub(super) fn of(file: &Bound<'py, PyAny>) -> Result<Option<Self>, Raised> {
        let py = file.py();
        let peek = call::attribute(file, intern!(py, "peek"))?;
        let readinto = call::attribute(file, intern!(py, "readinto"))?;
        let read = call::attribute(file, intern!(py, "read"))?;
        let readline = call::attribute(file, intern!(py, "readline"))?;
        let (Some(read), Some(readline)) = (read, readline) else { return Ok(None) };
        Ok(Some(Self {
            peek,
            readinto,
            read,
            readline,
            read_up_to: 0,
            is_touched: false,
            has_begun: false,
            carried: Vec::new(),
        }))
    }

    /// What comes next: at least `count` bytes, if the file has them. What it gave last is done with.
    pub(super) fn fetch(&mut self, py: Python<'py>, count: usize) -> Result<Bound<'py, PyBytes>, Stop> {
        if count < PREFETCH
            && let Some(shown) = self.look(py)?
        {
            self.read_up_to = 0;
            if shown.as_bytes().len() >= count {
                return Ok(shown);
            }
        }
        let data = contents(self.read(py, count)?)?;
        self.read_up_to = data.as_bytes().len();
        Ok(data)
    }

    /// What the file shows of what comes, if it does.
    fn look(&mut self, py: Python<'py>) -> Result<Option<Bound<'py, PyBytes>>, Stop> {
        let Some(peek) = &self.peek else { return Ok(None) };
        match call::call(peek, &[int_of(py, PREFETCH)?]) {
            // Otherwise `pickle` may ask again.
            Ok(shown) => contents(shown).map(Some).map_err(|raised| {
                raised.forget(py);
                Stop::Doubt
            }),
            Err(raised) => {
                let error = raised.take(py);
                if !error.is_instance_of::<PyNotImplementedError>(py) {
                    return Err(Raised::new(py, error).into());
                }
                self.peek = None;
                Ok(None)
            }
        }
    }

    /// Reads `count` bytes, or less.
    pub(super) fn read(&mut self, py: Python<'py>, count: usize) -> Result<Bound<'py, PyAny>, Raised> {
        self.is_touched = true;
        call::call(&self.read, &[int_of(py, count)?])
    }

    /// Reads what was only shown, up to `position` in what the file gave last.
    pub(super) fn catch_up(&mut self, py: Python<'py>, position: usize) -> Result<(), Raised> {
        if let Some(behind) = position.checked_sub(self.read_up_to).filter(|behind| *behind > 0) {
            self.read(py, behind)?;
            self.read_up_to = position;
        }
        Ok(())
    }
}

fn int_of(py: Python<'_>, count: usize) -> Result<Bound<'_, PyAny>, Raised> {
    literal::int_of(py, i64::try_from(count).unwrap_or(i64::MAX))
}

/// The bytes in what a file gave, which may be any buffer.
fn contents(data: Bound<'_, PyAny>) -> Result<Bound<'_, PyBytes>, Raised> {
    let py = data.py();
    match data.cast_into_exact::<PyBytes>() {
        Ok(bytes) => Ok(bytes),
        Err(other) => {
            let copy = literal::bytes_in(&other.into_inner())?;
            copy.cast_into_exact().map_err(|error| Raised::new(py, error.into()))
        }
    }
}
