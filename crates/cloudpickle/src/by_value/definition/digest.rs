//! Numbers made from contents.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use python_objects::text::characters;

/// A number made from contents: the same in every process, and another one for other contents as far as chance goes.
#[derive(Clone, Copy)]
pub(super) struct Digest(pub(super) u64);

impl Digest {
    pub(super) const fn of(kind: &str) -> Self {
        Self(0x243F_6A88_85A3_08D3).bytes(kind.as_bytes())
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
    pub(super) const fn word(self, word: u64) -> Self {
        let product = (self.0.rotate_left(5) ^ word ^ 0x1319_8A2E_0370_7344) as u128 * 0x9E37_79B9_7F4A_7C15_u128;
        Self((product as u64) ^ ((product >> 64) as u64) ^ word.rotate_left(32))
    }

    #[inline]
    pub(super) const fn bytes(mut self, bytes: &[u8]) -> Self {
        self = self.word(bytes.len() as u64);
        let mut rest = bytes;
        while let Some((word, behind)) = rest.split_first_chunk() {
            self = self.word(u64::from_le_bytes(*word));
            rest = behind;
        }
        if let Some((first, behind)) = rest.split_first() {
            let (mut last, mut behind, mut shift) = (*first as u64, behind, 0);
            while let Some((byte, others)) = behind.split_first() {
                shift += u8::BITS;
                last |= (*byte as u64) << shift;
                behind = others;
            }
            self = self.word(last);
        }
        self
    }
}

pub(super) fn text(kind: Digest, text: &Bound<'_, PyString>) -> u64 {
    if let Some(text) = characters(text) {
        return kind.bytes(text.as_bytes()).0;
    }
    // Lone surrogates. A subclass may have a method of its own.
    let written = text.py().get_type::<PyString>().call_method1(intern!(text.py(), "__repr__"), (text,));
    kind.bytes(written.map(|text| text.to_string()).unwrap_or_default().as_bytes()).0
}
