//! [`Encoder`]: one method per kind of value, each writing the shortest opcode that the protocol has for it.
//!
//! Its bytes are those of the C pickler, `_pickle`, byte for byte. It knows no objects, keeps no memo and does no input
//! or output: whoever calls it decides what is written, numbers what is memoized, and flushes the buffer to a file.
//!
//! - `number`: `None`, truth values and numbers.
//! - `data`: text and bytes.
//! - `memo`: MEMOIZE, PUT and GET.

mod data;
mod memo;
mod number;

pub use data::{Payload, ROOM_IS_MADE_FOR};

use crate::argument::{self, ArgumentKind};
use crate::error::{Counted, FormatError, Result};
use crate::opcode::Opcode;
use crate::protocol::Protocol;
use crate::write::buffer::Buffer;
use crate::write::frame::{FRAME_HEADER_SIZE, FRAME_SIZE_TARGET, Framing};
use crate::write::referenced::Referenced;

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

/// Opcodes.
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
