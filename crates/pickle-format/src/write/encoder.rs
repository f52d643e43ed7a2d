//! [`Encoder`]: one method per kind of value, each writing the shortest opcode that the protocol has for it.
//!
//! Its bytes are those of the C pickler, `_pickle`, byte for byte. It knows no objects, keeps no memo and does no input
//! or output: whoever calls it decides what is written, numbers what is memoized, and flushes the buffer to a file.

use crate::argument::{self, ArgumentKind};
use crate::error::{Counted, FormatError, Result};
use crate::opcode::Opcode;
use crate::protocol::Protocol;
use crate::write::buffer::Buffer;
use crate::write::frame::{FRAME_HEADER_SIZE, FRAME_SIZE_TARGET, Framing, is_large};
use crate::write::referenced::{Referenced, SHORT as SHORT_REFERENCE};

/// What an encoder allocates at first. Most pickles are shorter, and general-purpose allocators are quick up to here.
const INITIAL_CAPACITY: usize = 1024;

/// What stands beside a large payload at most: its opcode and length, and the header of a frame.
const HEADERS: usize = 2 * FRAME_HEADER_SIZE;

/// Appends values to a buffer, as pickle opcodes of one protocol.
///
/// A pickle is what is written between [`start`](Self::start) and [`finish`](Self::finish). One encoder may write
/// several, one after another.
///
/// A method that returns a `Result` has written nothing if it returns an error. The others, given a value that the
/// protocol has no opcode for, write it all the same (and panic in debug builds): the caller is to ask
/// [`protocol`](Self::protocol) what it may use.
#[derive(Debug)]
pub struct Encoder<B = Vec<u8>> {
    buffer: B,
    framing: Framing,
    protocol: Protocol,
    /// Whether ints and memo indexes are binary; from protocol 1 on, unless the caller wants text.
    binary: bool,
    /// Whether there is an opcode for short strings, and strings are binary.
    has_short_unicode: bool,
    /// If only what is referred to is memoized: what must be known for that. Boxed, to be moved quickly.
    referenced: Option<Box<Referenced>>,
}

/// Beginning and end, and the buffer in between.
impl Encoder {
    /// An encoder for this protocol, with nothing written.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        Self::with_buffer(protocol, Vec::with_capacity(INITIAL_CAPACITY))
    }

    /// Hands over what is buffered, which must be final. See [`written`](Self::written).
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        debug_assert!(self.is_final(), "the length of the open frame is not filled in");
        std::mem::take(&mut self.buffer)
    }
}

/// What may be done with every buffer.
impl<B: Buffer> Encoder<B> {
    /// An encoder that appends to `buffer`, which is empty.
    #[must_use]
    pub fn with_buffer(protocol: Protocol, buffer: B) -> Self {
        debug_assert!(buffer.is_empty(), "positions in the pickle are positions in the buffer");
        Self {
            buffer,
            framing: Framing::Off,
            protocol,
            binary: protocol.is_binary(),
            has_short_unicode: protocol.allows(Opcode::ShortBinUnicode),
            referenced: None,
        }
    }

    /// The buffer, for what becomes of it when the pickle is whole.
    pub fn buffer_mut(&mut self) -> &mut B {
        &mut self.buffer
    }

    /// Hands over the memory for another encoder's [`memoize_what_is_referenced`](Self::memoize_what_is_referenced).
    #[must_use]
    pub fn take_referenced(&mut self) -> Option<Box<Referenced>> {
        self.referenced.take()
    }

    /// From now on, only what is referred to is memoized: of the calls of [`memoize`](Self::memoize), those have an effect
    /// whose index is passed to [`get`](Self::get) later in the pickle. Objects get the numbers that this leaves.
    ///
    /// The memo must be empty, and nothing can be flushed before the end of the pickle. Does nothing before protocol 4,
    /// where the index of each object is written beside it.
    ///
    /// What is to be known for that is written into `referenced`, which must be empty.
    pub fn memoize_what_is_referenced(&mut self, referenced: Box<Referenced>) {
        debug_assert!(referenced.is_empty(), "it belongs to another pickle");
        if self.protocol.has_memoize() && self.binary {
            self.referenced = Some(referenced);
        }
    }

    /// The protocol of what is written.
    #[inline]
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether ints and memo indexes are written in binary, which is otherwise a matter of the protocol.
    ///
    /// This is the attribute `bin` of picklers, which `_pickle` lets users set against the protocol.
    pub fn set_binary(&mut self, binary: bool) {
        self.binary = binary;
        self.has_short_unicode &= binary;
    }

    /// Begins a pickle: `PROTO` from protocol 2 on, and frames from protocol 4 on.
    ///
    /// `PROTO` stands before the first frame, for it tells the reader whether there are frames.
    pub fn start(&mut self) {
        debug_assert_eq!(self.framing, Framing::Off, "a pickle is being written");
        self.buffer.append_at_once_below(0);
        if self.protocol.has_proto_header() {
            self.write(&argument::uint1(Opcode::Proto, self.protocol.number()));
        }
        if self.protocol.has_frames() {
            self.framing = Framing::Due;
        }
    }

    /// Ends a pickle: `STOP`, which belongs to the last frame.
    pub fn finish(&mut self) {
        self.op(Opcode::Stop);
        self.close_frame();
        self.framing = Framing::Off;
        if let Some(referenced) = &mut self.referenced {
            referenced.settle(&mut self.buffer);
        }
    }

    fn close_frame(&mut self) {
        let Some(start) = self.framing.start_of_frame() else { return };
        self.buffer.append_at_once_below(0);
        let has_header = self.framing.close(&mut self.buffer);
        if let Some(referenced) = &mut self.referenced {
            if has_header {
                referenced.closed(start..self.buffer.len());
            } else {
                referenced.closed_without_header(start);
            }
        }
    }

    /// Gives up the pickle being written: drops all that is buffered, so that another pickle can be started.
    pub fn abandon(&mut self) {
        self.buffer.truncate(0);
        self.framing = Framing::Off;
        if let Some(referenced) = &mut self.referenced {
            **referenced = Referenced::default();
        }
    }

    /// To be called before each object: ends the current frame if it has reached its size, and says whether it did.
    ///
    /// If so, what is buffered is final, and may be flushed to a file and [`clear`](Self::clear)ed. A frame ends
    /// nowhere else, for a reader must find each opcode and its argument in one frame.
    #[inline]
    pub fn boundary(&mut self) -> bool {
        let full = self.framing.is_full(self.buffer.len());
        if full {
            self.close_frame();
            self.leave_room();
        }
        full
    }

    /// To be called between frames: leaves room for what will be put in before.
    fn leave_room(&mut self) {
        if let Some(referenced) = &mut self.referenced
            && referenced.room() > 0
        {
            let start = self.buffer.len();
            self.buffer.append_zeros(referenced.room());
            referenced.leave_room(start..self.buffer.len());
        }
    }

    /// To be called where an object begins: begins a frame, if one is due, and says until how many bytes are buffered atoms
    /// may be written at once, without asking [`boundary`](Self::boundary) before each.
    ///
    /// They are written so until the frame ends. Does nothing where values are text.
    pub fn write_at_once_below(&mut self, len: usize) {
        self.framing.enter(&mut self.buffer);
        if self.binary {
            self.buffer.append_short_data_at_once(self.has_short_unicode);
            self.buffer.append_at_once_below(len);
        }
    }

    /// Whether atoms may be written at once.
    #[inline(always)]
    #[must_use]
    pub fn writes_at_once(&self) -> bool {
        self.buffer.appends_at_once()
    }

    /// How many bytes will be buffered when [`boundary`](Self::boundary) may say so, if no large payload comes before.
    #[must_use]
    pub fn next_boundary(&self) -> usize {
        self.framing.start_of_frame().unwrap_or(self.buffer.len()) + FRAME_HEADER_SIZE + FRAME_SIZE_TARGET
    }

    /// What is buffered: all that was written since the buffer was last taken or cleared.
    ///
    /// It is final after [`finish`](Self::finish), after [`payload_header`](Self::payload_header), and when
    /// [`boundary`](Self::boundary) said so. At other times an open frame in it lacks its length.
    #[inline]
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.buffer.as_slice()
    }

    /// How many bytes are buffered.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing is buffered.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Empties the buffer, which must be final, and keeps its memory. To be called after a flush.
    pub fn clear(&mut self) {
        debug_assert!(self.is_final(), "the open frame would be lost");
        self.buffer.truncate(0);
    }

    const fn is_final(&self) -> bool {
        !matches!(self.framing, Framing::Open(_))
    }
}

/// Opcodes and atoms.
impl<B: Buffer> Encoder<B> {
    /// An opcode that has no argument.
    #[inline(always)]
    pub fn op(&mut self, opcode: Opcode) {
        self.expect(opcode);
        debug_assert_eq!(opcode.info().argument, ArgumentKind::None, "{} has an argument", opcode.name());
        if !self.buffer.append_array_at_once([opcode.byte()]) {
            self.write_one(opcode.byte());
        }
    }

    /// An opcode that has no argument, and perhaps a `MARK` behind it.
    #[inline(always)]
    pub fn op_and_mark_if(&mut self, opcode: Opcode, has_mark: bool) {
        self.expect(opcode);
        let both = u64::from(opcode.byte()) | u64::from(Opcode::Mark.byte()) << 8;
        self.write_word(both, 1 + usize::from(has_mark));
    }

    /// Whole opcodes that an encoder for the same protocol, or for an older one, wrote outside frames; no memo index is among
    /// them.
    #[inline]
    pub fn encoded(&mut self, opcodes: &[u8]) {
        if !opcodes.is_empty() {
            self.write(opcodes);
        }
    }

    /// What stands before the items of a tuple of this length, from protocol 2 on: `MARK` if they are more than three.
    #[inline(always)]
    pub fn begin_tuple(&mut self, len: usize) {
        if len > 3 {
            self.op(Opcode::Mark);
        }
    }

    /// A tuple of the `len` objects that were written since [`begin_tuple`](Self::begin_tuple).
    #[inline(always)]
    pub fn end_tuple(&mut self, len: usize) {
        self.op(match len {
            0 => Opcode::EmptyTuple,
            1 => Opcode::Tuple1,
            2 => Opcode::Tuple2,
            3 => Opcode::Tuple3,
            _ => Opcode::Tuple,
        });
    }

    /// An object made by the `__new__` of the class on top of the stack, without arguments: `EMPTY_TUPLE`, `NEWOBJ`.
    #[inline]
    pub fn new_without_arguments(&mut self) {
        self.expect(Opcode::NewObj);
        self.write(&[Opcode::EmptyTuple.byte(), Opcode::NewObj.byte()]);
    }

    /// `None`: `NONE`.
    #[inline]
    pub fn none(&mut self) {
        self.op(Opcode::None);
    }

    /// A `bool`: `NEWTRUE` or `NEWFALSE`. Before protocol 2, an `INT` in a spelling that no int has: `I01` or `I00`.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        if self.protocol.has_bool_opcodes() {
            self.op(if value { Opcode::NewTrue } else { Opcode::NewFalse });
        } else {
            self.line(Opcode::Int, if value { b"01" } else { b"00" });
        }
    }

    /// An `int` of at most 64 bits.
    ///
    /// `BININT1`, `BININT2` or `BININT` for what fits into 32 bits, `LONG1` for what does not. Protocol 0 has `INT` in
    /// decimal for the former, and protocols 0 and 1 have `LONG` in decimal for the latter.
    #[inline]
    pub fn int(&mut self, value: i64) {
        if !self.binary {
            self.int_as_text(value);
        } else if let Ok(value) = i32::try_from(value) {
            self.short_int(value);
        } else if self.protocol.has_long_bytes() {
            let len = argument::significant_bytes(value);
            self.write_with_data(&argument::uint1(Opcode::Long1, len), &value.to_le_bytes()[..usize::from(len)]);
        } else {
            self.int_as_text(value);
        }
    }

    /// An `int` of at most 32 bits, from protocol 1 on: `BININT1`, `BININT2` or `BININT`.
    #[inline(always)]
    pub fn short_int(&mut self, value: i32) {
        /// The opcodes, and how long they are with their arguments.
        const OPCODES: [(u8, u8); 3] =
            [(Opcode::BinInt1.byte(), 2), (Opcode::BinInt2.byte(), 3), (Opcode::BinInt.byte(), 5)];

        debug_assert!(self.binary, "the caller asks for that");
        let value = value.cast_unsigned();
        // Without branches, and one store of which a part counts: the lengths of ints in a row are hard to foresee.
        let (opcode, len) = OPCODES[usize::from(value > 0xff) + usize::from(value > 0xffff)];
        self.write_word(u64::from(opcode) | u64::from(value) << 8, len.into());
    }

    #[cold]
    fn int_as_text(&mut self, value: i64) {
        let digits = value.to_string();
        if i32::try_from(value).is_ok() {
            self.line(Opcode::Int, digits.as_bytes());
        } else {
            self.long_text(&digits);
        }
    }

    /// An `int` of any size, from protocol 2 on: `LONG1` or `LONG4`.
    ///
    /// The argument is its two's complement, little-endian, in as few bytes as hold it with its sign. This is for ints
    /// that [`int`](Self::int) cannot take; the others are shorter there. The length in `LONG4` is signed, so that no
    /// int has more than 2³¹ - 1 bytes.
    pub fn long(&mut self, twos_complement: &[u8]) -> Result<()> {
        debug_assert!(
            !matches!(twos_complement, [.., 0..=0x7f, 0] | [.., 0x80..=0xff, 0xff]),
            "the last byte says nothing that the one before it does not"
        );
        let len = twos_complement.len();
        self.require(Opcode::Long1)?;
        if let Ok(len) = u8::try_from(len) {
            self.write_with_data(&argument::uint1(Opcode::Long1, len), twos_complement);
        } else if let Ok(len) = i32::try_from(len) {
            // Unlike text and bytes, an int stays in its frame however long it is.
            self.write_with_data(&argument::int4(Opcode::Long4, len), twos_complement);
        } else {
            return Err(too_large(Counted::Int, len as u64));
        }
        Ok(())
    }

    /// An `int` of any size in decimal, for protocols 0 and 1: `LONG`, with the `L` of a Python 2 literal behind it.
    pub fn long_text(&mut self, digits: &str) {
        self.framing.enter(&mut self.buffer);
        self.buffer.push(Opcode::Long.byte());
        self.buffer.extend_from_slice(digits.as_bytes());
        self.buffer.extend_from_slice(b"L\n");
    }

    /// A `float`, from protocol 1 on: `BINFLOAT`, with all its bits, those of a NaN included.
    #[inline(always)]
    pub fn float(&mut self, value: f64) {
        self.expect(Opcode::BinFloat);
        let bytes = argument::float8(Opcode::BinFloat, value);
        if !self.buffer.append_array_at_once(bytes) {
            self.write_few(&bytes);
        }
    }

    /// A `float` as `repr` writes it, for protocol 0: `FLOAT`.
    ///
    /// The text is the caller's, for the digits must be those that Python chooses.
    pub fn float_text(&mut self, repr: &str) {
        self.line(Opcode::Float, repr.as_bytes());
    }
}

/// Text and bytes.
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
        self.buffer.append_short_at_once(Opcode::ShortBinUnicode.byte(), utf8)
            || self.try_short_unicode_not_at_once(utf8)
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
        if is_large(len) {
            self.reserve(len)?;
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

    #[inline]
    fn payload(&mut self, payload: Payload, data: &[u8]) -> Result<()> {
        if is_large(data.len()) {
            return self.large_payload(payload, data);
        }
        match payload.header(data.len() as u64, self.protocol)? {
            PayloadHeader::One(header) => self.write_with_data(&header, data),
            PayloadHeader::Four(header) => self.write_with_data(&header, data),
            PayloadHeader::Eight(header) => self.write_with_data(&header, data),
        }
        Ok(())
    }

    #[cold]
    fn large_payload(&mut self, payload: Payload, data: &[u8]) -> Result<()> {
        self.reserve(data.len())?;
        self.payload_header(payload, data.len() as u64)?;
        self.buffer.extend_from_slice(data);
        Ok(())
    }

    /// Makes room for a large payload. A process that runs out of memory does so here, where it can be told.
    fn reserve(&mut self, len: usize) -> Result<()> {
        let room = self.referenced.as_ref().map_or(0, |referenced| referenced.room());
        if self.buffer.try_reserve(len.saturating_add(HEADERS + room)) {
            Ok(())
        } else {
            Err(FormatError::OutOfMemory { len: len as u64 })
        }
    }
}

/// The memo.
impl<B: Buffer> Encoder<B> {
    /// Stores the object on top of the reader's stack in its memo: `MEMOIZE`, `BINPUT`, `LONG_BINPUT` or `PUT`.
    ///
    /// `index` is the number of objects memoized before. `MEMOIZE`, from protocol 4 on, does not write it: the reader
    /// counts along.
    #[inline]
    pub fn memoize(&mut self, index: usize) -> Result<()> {
        if self.protocol.has_memoize() {
            self.memoize_uncounted();
            Ok(())
        } else {
            self.memo_index(index, Opcode::Put, Opcode::BinPut, Opcode::LongBinPut)
        }
    }

    /// The same from protocol 4 on, where the reader counts along: `MEMOIZE`, now or at the end of the pickle.
    #[inline(always)]
    pub fn memoize_uncounted(&mut self) {
        if let Some(referenced) = &mut self.referenced {
            if !referenced.note(self.buffer.len()) {
                self.buffer.out_of_memory();
            }
        } else {
            self.op(Opcode::Memoize);
        }
    }

    /// Pushes the memo entry that was stored under `index`: `BINGET`, `LONG_BINGET` or `GET`.
    #[inline]
    pub fn get(&mut self, index: usize) -> Result<()> {
        if self.refer(index) {
            return Ok(());
        }
        self.memo_index(index, Opcode::Get, Opcode::BinGet, Opcode::LongBinGet)
    }

    /// Memoizes the object that was memoized under `index` even if nothing refers to it: a reader must keep it alive.
    pub fn keep(&mut self, index: usize) {
        if let Some(referenced) = &mut self.referenced
            && referenced.keep(index).is_none()
        {
            self.buffer.out_of_memory();
        }
    }

    /// The same as [`get`](Self::get), where that is settled at the end of the pickle. Elsewhere, and if the index is too
    /// large, it writes nothing and returns false.
    #[inline(never)]
    pub fn refer(&mut self, index: usize) -> bool {
        if let Some(referenced) = &mut self.referenced
            && !self.framing.is_due()
            && let Some(byte) = referenced.refer_at_once(self.buffer.len() + SHORT_REFERENCE, index)
        {
            self.write_word(u64::from(Opcode::BinGet.byte()) | u64::from(byte) << 8, SHORT_REFERENCE);
            return true;
        }
        self.refer_for_the_first_time(index)
    }

    /// The same, whatever there is to be done besides.
    #[inline(never)]
    fn refer_for_the_first_time(&mut self, index: usize) -> bool {
        let Some(referenced) = &mut self.referenced else { return false };
        // The greatest number stands for no object.
        let Some(target) = u32::try_from(index).ok().filter(|&index| index != u32::MAX) else { return false };
        self.framing.enter(&mut self.buffer);
        let Some(byte) = referenced.refer(self.buffer.len() + SHORT_REFERENCE, target) else {
            self.buffer.out_of_memory()
        };
        self.buffer.extend_from_slice(&argument::uint1(Opcode::BinGet, byte));
        true
    }

    #[inline]
    fn memo_index(&mut self, index: usize, text: Opcode, short: Opcode, long: Opcode) -> Result<()> {
        if !self.binary {
            self.line(text, index.to_string().as_bytes());
        } else if let Ok(index) = u8::try_from(index) {
            self.write(&argument::uint1(short, index));
        } else if let Ok(index) = u32::try_from(index)
            && self.referenced.is_none()
        {
            self.write(&argument::uint4(long, index));
        } else {
            return Err(memo_too_large(long, index));
        }
        Ok(())
    }
}

/// References to what is not in the pickle.
impl<B: Buffer> Encoder<B> {
    /// A global by its module and name, on two lines: `GLOBAL`.
    ///
    /// The names are ASCII, or UTF-8 from protocol 3 on, and contain no newline. Protocol 4 has `STACK_GLOBAL` besides,
    /// which finds them on the stack and which [`op`](Self::op) writes.
    pub fn global(&mut self, module: &[u8], name: &[u8]) {
        self.line(Opcode::Global, module);
        self.buffer.extend_from_slice(name);
        self.buffer.push(b'\n');
    }

    /// A global by its code in the registry of `copyreg`, from protocol 2 on: `EXT1`, `EXT2` or `EXT4`.
    ///
    /// `copyreg.add_extension` takes codes from 1 to 2³¹ - 1, the greatest that the signed argument of `EXT4` holds.
    pub fn extension(&mut self, code: u32) {
        self.expect(Opcode::Ext1);
        debug_assert!((1..1 << 31).contains(&code), "extension code {code} is out of range");
        if let Ok(code) = u8::try_from(code) {
            self.write(&argument::uint1(Opcode::Ext1, code));
        } else if let Ok(code) = u16::try_from(code) {
            self.write(&argument::uint2(Opcode::Ext2, code));
        } else {
            self.write(&argument::uint4(Opcode::Ext4, code));
        }
    }

    /// A persistent id on a line, for protocol 0: `PERSID`. The id is ASCII and contains no newline.
    ///
    /// The other protocols have `BINPERSID`, which finds the id on the stack and which [`op`](Self::op) writes.
    pub fn persistent_id_text(&mut self, id: &[u8]) {
        self.line(Opcode::PersId, id);
    }
}

/// What all of the above append with.
impl<B: Buffer> Encoder<B> {
    /// Appends bytes that belong in a frame. Called with arrays, whose length the compiler knows.
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) {
        self.framing.enter(&mut self.buffer);
        self.buffer.extend_from_slice(bytes);
    }

    /// Appends the first `len` of the bytes of a little-endian word.
    #[inline(always)]
    fn write_word(&mut self, word: u64, len: usize) {
        if !self.buffer.append_word_at_once(word, len) {
            self.write_start_of_word(word, len);
        }
    }

    #[inline(never)]
    fn write_start_of_word(&mut self, word: u64, len: usize) {
        self.write(&word.to_le_bytes()[..len]);
    }

    #[inline(never)]
    fn write_one(&mut self, byte: u8) {
        self.write(&[byte]);
    }

    #[inline(never)]
    fn write_few(&mut self, bytes: &[u8]) {
        self.write(bytes);
    }

    /// Appends an opcode with its length, and the data of that length.
    #[inline]
    fn write_with_data(&mut self, header: &[u8], data: &[u8]) {
        self.framing.enter(&mut self.buffer);
        self.buffer.extend_from_slices(header, data);
    }

    /// Appends an opcode with an argument that ends at a newline.
    fn line(&mut self, opcode: Opcode, text: &[u8]) {
        self.framing.enter(&mut self.buffer);
        self.buffer.push(opcode.byte());
        self.buffer.extend_from_slice(text);
        self.buffer.push(b'\n');
    }

    /// In debug builds, that the protocol has the opcode.
    #[inline]
    fn expect(&self, opcode: Opcode) {
        debug_assert!(self.protocol.allows(opcode), "{}", not_representable(opcode, self.protocol));
    }

    /// An error if the protocol does not have the opcode.
    #[inline]
    fn require(&self, opcode: Opcode) -> Result<()> {
        if self.protocol.allows(opcode) { Ok(()) } else { Err(not_representable(opcode, self.protocol)) }
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

#[cold]
const fn too_large(what: Counted, len: u64) -> FormatError {
    FormatError::TooLarge { what, len }
}

#[cold]
const fn memo_too_large(opcode: Opcode, index: usize) -> FormatError {
    FormatError::MemoTooLarge { opcode, index }
}

#[cold]
const fn not_representable(opcode: Opcode, protocol: Protocol) -> FormatError {
    FormatError::NotRepresentable { opcode, protocol }
}
