//! Where the bytes go: into one `bytes` object, or to the `write` of a file.

use pickle_format::Encoder;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The destination of a dump.
pub(super) enum Output<'py> {
    /// The encoder's buffer, which becomes the result of `dumps`.
    Memory,
    /// The `write` method of a file: it gets each frame when it is full, and large payloads as they are.
    File(Bound<'py, PyAny>),
}

impl<'py> Output<'py> {
    /// Hands what the encoder holds to the file.
    pub(super) fn flush(&self, py: Python<'py>, encoder: &mut Encoder) -> PyResult<()> {
        if let Output::File(write) = self
            && !encoder.is_empty()
        {
            let bytes = PyBytes::new(py, encoder.written());
            encoder.clear();
            write.call1((bytes,))?;
        }
        Ok(())
    }
}
