//! MEMOIZE exactly where something is referred to later, which is known only when the pickle is whole.
//!
//! While a pickle is written, nothing is memoized: what is noted is where each MEMOIZE would stand. References are two
//! bytes long at first. [`Referenced::settle`] then numbers the objects that are referred to, puts a MEMOIZE behind each,
//! and gives the references their numbers. The result is what `pickletools.optimize` would make of a pickle in which
//! everything is memoized, and does not depend on how the writer found out what might be referred to.

use std::ops::Range;

use crate::argument;
use crate::opcode::Opcode;
use crate::write::buffer::Buffer;
use crate::write::frame::FRAME_HEADER_SIZE;

/// How long a reference is until it has its number, and in the end if that is less than 256.
const SHORT: usize = 2;
/// How long it is with a greater number.
const LONG: usize = 5;

/// Marks, in [`Referenced::places`], an object that is referred to.
const IS_REFERENCED: usize = 1 << (usize::BITS - 1);

/// What is to be settled at the end of a pickle. Positions are offsets in the buffer.
#[derive(Debug, Default)]
pub(super) struct Referenced {
    /// By the number of the object among all that might be referred to: where its MEMOIZE would stand. Ascending.
    places: Vec<usize>,
    /// Whether anything is to be memoized.
    any: bool,
    /// The references, in the order of the stream.
    references: Vec<Reference>,
    /// Where the last one ends.
    last_end: usize,
    /// The frames that are closed, from their headers to their ends.
    frames: Vec<Range<usize>>,
}

/// A reference to an object. Eight bytes: data may have as many references as objects.
#[derive(Clone, Copy, Debug)]
struct Reference {
    /// How far behind the end of the one before it ends.
    distance: u32,
    /// The number of the object among all that might be referred to, or [`NO_TARGET`].
    target: u32,
}

/// Stands for no reference, but for a part of the way to the next one.
const NO_TARGET: u32 = u32::MAX;

/// What makes the pickle longer in the end.
enum Insertion {
    /// A MEMOIZE at this position.
    Memoize(usize),
    /// A reference that ends at this position gets a number of four bytes.
    LongReference(usize, u32),
}

impl Insertion {
    fn position(&self) -> usize {
        match *self {
            Self::Memoize(position) | Self::LongReference(position, _) => position,
        }
    }

    fn growth(&self) -> usize {
        match self {
            Self::Memoize(_) => 1,
            Self::LongReference(..) => LONG - SHORT,
        }
    }
}

impl Referenced {
    /// The object whose opcodes end at this offset might be referred to.
    #[inline]
    pub(super) fn note(&mut self, end: usize) {
        if self.places.capacity() == 0 {
            // What a function needs.
            self.places.reserve(64);
        }
        self.places.push(end);
    }

    /// The two bytes before this offset are a reference to the object that was noted as number `target`.
    #[inline]
    pub(super) fn refer(&mut self, end: usize, target: u32) {
        if self.places[target as usize] & IS_REFERENCED == 0 {
            self.keep(target as usize);
        }
        let distance = end - self.last_end;
        self.last_end = end;
        match u32::try_from(distance) {
            Ok(distance) => self.references.push(Reference { distance, target }),
            Err(_) => self.refer_from_afar(distance, target),
        }
    }

    #[cold]
    fn refer_from_afar(&mut self, mut distance: usize, target: u32) {
        const STEP: u32 = u32::MAX;
        let rest = loop {
            match u32::try_from(distance) {
                Ok(rest) => break rest,
                Err(_) => distance -= STEP as usize,
            }
            self.references.push(Reference { distance: STEP, target: NO_TARGET });
        };
        self.references.push(Reference { distance: rest, target });
    }

    /// The object that was noted as number `target` is memoized, whatever refers to it.
    #[cold]
    pub(super) fn keep(&mut self, target: usize) {
        self.places[target] |= IS_REFERENCED;
        self.any = true;
    }

    /// A frame is closed, and has a header.
    pub(super) fn closed(&mut self, frame: Range<usize>) {
        self.frames.push(frame);
    }

    /// The length of a frame's header, where lengths have 32 bits.
    #[expect(clippy::cast_possible_truncation, reason = "it is nine")]
    const HEADER: u32 = FRAME_HEADER_SIZE as u32;

    /// A frame is closed whose header, at `start`, was taken out: it held some few bytes.
    pub(super) fn closed_without_header(&mut self, start: usize) {
        for place in self.places.iter_mut().rev().take_while(|place| **place & !IS_REFERENCED > start) {
            *place -= FRAME_HEADER_SIZE;
        }
        // There was room for a single reference.
        if self.last_end > start {
            self.last_end -= FRAME_HEADER_SIZE;
            if let Some(last) = self.references.last_mut() {
                last.distance -= Self::HEADER;
            }
        }
    }

    /// Makes the pickle what it is to be, and forgets everything.
    pub(super) fn settle(&mut self, buffer: &mut impl Buffer) {
        if std::mem::take(&mut self.any) {
            let memoized = self.number();
            let long_references = self.write_short_references(buffer.as_mut_slice());
            let insertions = in_order(memoized, long_references);
            self.write_frame_lengths(buffer.as_mut_slice(), &insertions);
            insert(buffer, &insertions);
        }
        self.places.clear();
        self.references.clear();
        self.last_end = 0;
        self.frames.clear();
    }

    /// Numbers the objects that are referred to, in the order of their places, which are replaced by the numbers.
    fn number(&mut self) -> Vec<usize> {
        let mut memoized = Vec::new();
        for place in &mut self.places {
            if *place & IS_REFERENCED != 0 {
                memoized.push(*place & !IS_REFERENCED);
                *place = memoized.len() - 1;
            }
        }
        memoized
    }

    /// Gives the references to the first 256 objects their numbers. The others are returned: by position, with number.
    fn write_short_references(&self, buffer: &mut [u8]) -> Vec<(usize, u32)> {
        let mut long = Vec::new();
        let mut end = 0;
        for &Reference { distance, target } in &self.references {
            end += distance as usize;
            if target == NO_TARGET {
                continue;
            }
            let number = self.places[target as usize];
            if let Ok(number) = u8::try_from(number) {
                buffer[end - 1] = number;
            } else {
                let number = u32::try_from(number).expect("fewer numbers than targets, which have 32 bits");
                long.push((end, number));
            }
        }
        long
    }

    /// Corrects the lengths of the frames that will be longer. What is inserted at the end of a frame belongs to it.
    fn write_frame_lengths(&self, buffer: &mut [u8], insertions: &[Insertion]) {
        let mut insertions = insertions.iter().peekable();
        let mut growth_until = |position: usize| {
            let mut growth = 0;
            while let Some(insertion) = insertions.next_if(|insertion| insertion.position() <= position) {
                growth += insertion.growth();
            }
            growth
        };
        for frame in &self.frames {
            growth_until(frame.start);
            let growth = growth_until(frame.end);
            let payload = frame.start + FRAME_HEADER_SIZE;
            let length = frame.end - payload + growth;
            buffer[frame.start..payload].copy_from_slice(&argument::uint8(Opcode::Frame, length as u64));
        }
    }
}

/// The insertions in the order of the stream. What was just referred to can be memoized, not the reverse.
fn in_order(memoized: Vec<usize>, long_references: Vec<(usize, u32)>) -> Vec<Insertion> {
    let mut insertions = Vec::with_capacity(memoized.len() + long_references.len());
    let mut long_references = long_references.into_iter().peekable();
    for place in memoized {
        while let Some((end, number)) = long_references.next_if(|(end, _)| *end <= place) {
            insertions.push(Insertion::LongReference(end, number));
        }
        insertions.push(Insertion::Memoize(place));
    }
    insertions.extend(long_references.map(|(end, number)| Insertion::LongReference(end, number)));
    insertions
}

/// Makes room for the insertions, from the last one to the first: each byte moves once.
fn insert(buffer: &mut impl Buffer, insertions: &[Insertion]) {
    let mut from = buffer.len();
    buffer.append_zeros(insertions.iter().map(Insertion::growth).sum());
    let mut to = buffer.len();
    let buffer = buffer.as_mut_slice();
    for insertion in insertions.iter().rev() {
        let at = insertion.position();
        to -= from - at;
        buffer.copy_within(at..from, to);
        from = at;
        match *insertion {
            Insertion::Memoize(_) => {
                to -= 1;
                buffer[to] = Opcode::Memoize.byte();
            }
            Insertion::LongReference(_, number) => {
                from -= SHORT;
                to -= LONG;
                buffer[to..to + LONG].copy_from_slice(&argument::uint4(Opcode::LongBinGet, number));
            }
        }
    }
    debug_assert_eq!(from, to, "all insertions together are the growth");
}
