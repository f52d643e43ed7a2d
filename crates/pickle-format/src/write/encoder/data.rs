//! Text and bytes: what is written with its length in front, and outside frames if it [`is_large`].

use super::{Encoder, HEADERS, not_representable, too_large};
use crate::argument;
use crate::error::{Counted, FormatError, Result};
use crate::opcode::Opcode;
use crate::protocol::Protocol;
use crate::write::buffer::Buffer;
use crate::write::frame::is_large;

/// For data of this length, room is made beforehand: the buffer may have a better place for it than where it is now.
pub const ROOM_IS_MADE_FOR: usize = 8 << 10;

impl<B: Buffer> Encoder<B> {
    /// A `str`, from protocol 1 on: `SHORT_BINUNICODE`, `BINUNICODE` or `BINUNICODE8`.
    ///
    /// Its argument is UTF-8 to which lone surrogates are no exception (Python's error handler `surrogatepass`), and
    /// therefore not a `&str`. If it [`is_large`], it stands outside frames.
    #[inline]
    pub fn unicode(&mut self, utf8: &[u8]) -> Result<()> {
        self.payload(Payload::Unicode, utf8)
    }

    /// A short `str` that is the same in many pickles, from protocol 4 on: `SHORT_BINUNICODE`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the caller's texts are short")]
    pub fn short_unicode(&mut self, text: &'static str) {
        self.expect(Opcode::ShortBinUnicode);
        debug_assert!(text.len() < 256, "it has a length of one byte");
        self.write_with_data(&argument::uint1(Opcode::ShortBinUnicode, text.len() as u8), text.as_bytes());
    }

    /// A `str` of at most 255 bytes, from protocol 4 on: `SHORT_BINUNICODE`. For others it writes nothing and returns false.
    #[inline(always)]
    pub fn try_short_unicode(&mut self, utf8: &[u8]) -> bool {
        self.short_unicode_at_once(utf8) || self.try_short_unicode_not_at_once(utf8)
    }

    /// The same, if that may be done [at once](Self::writes_at_once).
    #[inline(always)]
    pub fn short_unicode_at_once(&mut self, utf8: &[u8]) -> bool {
        self.buffer.append_short_at_once(Opcode::ShortBinUnicode.byte(), utf8)
    }

    /// A payload of at most 255 bytes, from protocol 4 on, if it has an opcode for short ones and that may be done
    /// [at once](Self::writes_at_once).
    #[inline]
    pub fn short_payload_at_once(&mut self, payload: Payload, data: &[u8]) -> bool {
        let opcode = match payload {
            Payload::Unicode => Opcode::ShortBinUnicode,
            Payload::Bytes => Opcode::ShortBinBytes,
            Payload::ByteArray => return false,
        };
        self.buffer.append_short_at_once(opcode.byte(), data)
    }

    #[inline(never)]
    fn try_short_unicode_not_at_once(&mut self, utf8: &[u8]) -> bool {
        let Ok(len) = u8::try_from(utf8.len()) else { return false };
        if !self.has_short_unicode {
            return false;
        }
        self.write_with_data(&argument::uint1(Opcode::ShortBinUnicode, len), utf8);
        true
    }

    /// A `str`, for protocol 0: `UNICODE`, on one line, in `raw-unicode-escape`.
    pub fn unicode_text(&mut self, code_points: impl Iterator<Item = u32>) {
        self.framing.enter(&mut self.buffer);
        self.buffer.push(Opcode::Unicode.byte());
        argument::raw_unicode_escape(&mut self.buffer, code_points);
        self.buffer.push(b'\n');
    }

    /// A `bytes`, from protocol 3 on: `SHORT_BINBYTES`, `BINBYTES` or `BINBYTES8`. If it [`is_large`], it stands
    /// outside frames.
    #[inline]
    pub fn bytes(&mut self, data: &[u8]) -> Result<()> {
        self.payload(Payload::Bytes, data)
    }

    /// A `bytearray`, from protocol 5 on: `BYTEARRAY8`. If it [`is_large`], it stands outside frames.
    #[inline]
    pub fn bytearray(&mut self, data: &[u8]) -> Result<()> {
        self.payload(Payload::ByteArray, data)
    }

    /// The opcode and length of a payload whose data the caller writes to the file itself, without copying it here.
    ///
    /// They stand outside frames, and so must the data: the current frame is ended, and what follows the data begins
    /// another one. This is for payloads that are [large](is_large), but the length is not checked. The caller is to
    /// flush what is buffered, [`clear`](Self::clear) it, and write the data, before anything else is encoded.
    pub fn payload_header(&mut self, payload: Payload, len: u64) -> Result<()> {
        let header = payload.header(len, self.protocol)?;
        self.close_frame();
        self.leave_room();
        self.buffer.extend_from_slice(header.as_slice());
        Ok(())
    }

    /// A payload of `len` bytes, which `append` adds to the buffer: for data that is not in one slice.
    pub fn payload_with(&mut self, payload: Payload, len: usize, append: impl FnOnce(&mut B)) -> Result<()> {
        if len >= ROOM_IS_MADE_FOR {
            self.reserve(len)?;
        }
        if is_large(len) {
            self.payload_header(payload, len as u64)?;
        } else {
            let header = payload.header(len as u64, self.protocol)?;
            self.write(header.as_slice());
        }
        let end = self.buffer.len() + len;
        append(&mut self.buffer);
        debug_assert_eq!(self.buffer.len(), end, "the header says {len} bytes");
        Ok(())
    }

    /// A payload. If it [`is_large`], it stands outside frames.
    #[inline]
    pub fn payload(&mut self, payload: Payload, data: &[u8]) -> Result<()> {
        if data.len() >= ROOM_IS_MADE_FOR {
            return self.payload_with(payload, data.len(), |buffer| buffer.extend_from_slice(data));
        }
        match payload.header(data.len() as u64, self.protocol)? {
            PayloadHeader::One(header) => self.write_with_data(&header, data),
            PayloadHeader::Four(header) => self.write_with_data(&header, data),
            PayloadHeader::Eight(header) => self.write_with_data(&header, data),
        }
        Ok(())
    }

    /// Makes room for a long payload. A process that runs out of memory does so here, where it can be told.
    fn reserve(&mut self, len: usize) -> Result<()> {
        let room = self.referenced.as_ref().map_or(0, |referenced| referenced.room());
        if self.buffer.try_reserve(len.saturating_add(HEADERS + room)) {
            Ok(())
        } else {
            Err(FormatError::OutOfMemory { len: len as u64 })
        }
    }
}

/// A kind of data that is written with its length in front, and outside frames if it [`is_large`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A `str`, as UTF-8 with lone surrogates passed through.
    Unicode,
    /// A `bytes`.
    Bytes,
    /// A `bytearray`.
    ByteArray,
}

/// An opcode and the length that follows it, by the width of that length.
enum PayloadHeader {
    One([u8; 2]),
    Four([u8; 5]),
    Eight([u8; 9]),
}

impl Payload {
    /// The shortest opcode and length for this many bytes.
    #[inline]
    fn header(self, len: u64, protocol: Protocol) -> Result<PayloadHeader> {
        let (one, four, eight, counted) = match self {
            Self::Unicode => (Opcode::ShortBinUnicode, Opcode::BinUnicode, Opcode::BinUnicode8, Counted::Str),
            Self::Bytes => (Opcode::ShortBinBytes, Opcode::BinBytes, Opcode::BinBytes8, Counted::Bytes),
            // PEP 574 gave it a single opcode: an object meant for large data loses little by eight bytes.
            Self::ByteArray if protocol.has_bytearray() => {
                return Ok(PayloadHeader::Eight(argument::uint8(Opcode::ByteArray8, len)));
            }
            Self::ByteArray => return Err(not_representable(Opcode::ByteArray8, protocol)),
        };
        match (u8::try_from(len), u32::try_from(len)) {
            (Ok(len), _) if protocol.allows(one) => Ok(PayloadHeader::One(argument::uint1(one, len))),
            (_, Ok(len)) if protocol.allows(four) => Ok(PayloadHeader::Four(argument::uint4(four, len))),
            _ if protocol.allows(eight) => Ok(PayloadHeader::Eight(argument::uint8(eight, len))),
            _ if protocol.allows(four) => Err(too_large(counted, len)),
            _ => Err(not_representable(four, protocol)),
        }
    }
}

impl PayloadHeader {
    const fn as_slice(&self) -> &[u8] {
        match self {
            Self::One(bytes) => bytes,
            Self::Four(bytes) => bytes,
            Self::Eight(bytes) => bytes,
        }
    }
}
