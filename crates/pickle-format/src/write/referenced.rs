//! MEMOIZE exactly where something is referred to later, which is known only when the pickle is whole.
//!
//! While a pickle is written, nothing is memoized: what is noted is where each MEMOIZE would stand. References are two
//! bytes long at first. [`Referenced::settle`] then numbers the objects that are referred to, puts a MEMOIZE behind each,
//! and gives the references their numbers, unless they have them: as long as each object that is referred to for the first
//! time stands behind the one before it, as in records with the same keys, its number is known at once. The result is what
//! `pickletools.optimize` would make of a pickle in which everything is memoized, and does not depend on how the writer
//! found out what might be referred to.

use std::ops::Range;

use crate::argument;
use crate::opcode::Opcode;
use crate::write::buffer::Buffer;
use crate::write::frame::FRAME_HEADER_SIZE;

/// How long a reference is until it has its number, and in the end if that is less than 256.
pub(super) const SHORT: usize = 2;
/// How long it is with a greater number.
pub(super) const LONG: usize = 5;
/// How many objects have numbers that a short reference holds.
const NUMBERS_OF_A_BYTE: usize = 1 << u8::BITS;

/// Marks, in [`Referenced::places`], an object that is referred to.
const IS_REFERENCED: usize = 1 << (usize::BITS - 1);

/// What is to be settled at the end of a pickle. Positions are offsets in the buffer.
///
/// It can be used again, which spares allocations.
#[derive(Debug, Default)]
pub struct Referenced {
    /// By the number of the object among all that might be referred to: where its MEMOIZE would stand. Ascending. For one
    /// that is referred to, as long as all of those were in order: which of them it is.
    places: Vec<usize>,
    /// Whether an object was referred to for the first time after one behind it.
    out_of_order: bool,
    /// Up to here, an object that is referred to for the first time is out of order.
    in_order_from: usize,
    /// Whether anything is to be memoized.
    any: bool,
    /// How many objects are referred to for which no room was left yet.
    without_room: usize,
    /// The room that was left, before large payloads.
    room: Vec<Range<usize>>,
    references: References,
    /// The places of those that are referred to, when they are numbered: at once as long as they are in order.
    memoized: Vec<usize>,
    /// The frames that are closed, from their headers to their ends.
    frames: Vec<Range<usize>>,
}

/// What a function needs.
const FEW_REFERENCES: usize = 64;

/// How many numbers are kept for another pickle: 512 KiB. To touch new pages takes longer than to write references.
const MOST_KEPT: usize = 64 << 10;

impl Referenced {
    /// The object whose opcodes end at this offset might be referred to. Returns false for lack of memory.
    #[inline(always)]
    #[must_use]
    pub(super) fn note(&mut self, end: usize) -> bool {
        if !has_room(&mut self.places) {
            return false;
        }
        self.places.push(end);
        true
    }

    /// The two bytes before this offset are to be a reference to the object that was noted as number `target`. Returns the
    /// second of them, or `None` for lack of memory.
    #[inline]
    pub(super) fn refer(&mut self, end: usize, target: u32) -> Option<u8> {
        let number = self.keep(target as usize)?;
        self.references.push(end, target).then(|| lowest_byte(number))
    }

    /// The same, unless the reference takes more than a word, more memory is needed, or this is the first one out of order.
    #[inline(always)]
    pub(super) fn refer_at_once(&mut self, end: usize, target: usize) -> Option<u8> {
        let number = *self.places.get(target)?;
        if number & IS_REFERENCED == 0 {
            return self.refer_first(end, target);
        }
        self.references.push_within_capacity(end, target).then_some(lowest_byte(number))
    }

    /// The same for the first reference to an object.
    #[inline(never)]
    fn refer_first(&mut self, end: usize, target: usize) -> Option<u8> {
        let gives_up_order = !self.out_of_order && target < self.in_order_from;
        if gives_up_order || self.memoized.len() == self.memoized.capacity() {
            return None;
        }
        self.references.begin_at(end);
        if !self.references.push_within_capacity(end, target) {
            return None;
        }
        self.any = true;
        self.without_room += 1;
        let number = self.number_of(target) | IS_REFERENCED;
        self.places[target] = number;
        Some(lowest_byte(number))
    }

    /// The number of an object that is referred to for the first time, or its place if numbers are given out in the end.
    #[inline]
    fn number_of(&mut self, target: usize) -> usize {
        let place = self.places[target];
        if self.out_of_order {
            return place;
        }
        self.in_order_from = target + 1;
        self.memoized.push(place);
        self.memoized.len() - 1
    }

    /// The object that was noted as number `target` is memoized, whatever refers to it.
    ///
    /// What is returned has the lowest bits of its number, if that is known; or is `None` for lack of memory.
    #[inline]
    pub(super) fn keep(&mut self, target: usize) -> Option<usize> {
        let place = self.places[target];
        if place & IS_REFERENCED != 0 {
            return Some(place);
        }
        if !has_room(&mut self.memoized) {
            return None;
        }
        self.without_room += 1;
        if !std::mem::replace(&mut self.any, true) {
            self.references.words.reserve(FEW_REFERENCES);
        }
        if target < self.in_order_from {
            self.give_up_order();
        }
        let number = self.number_of(target) | IS_REFERENCED;
        self.places[target] = number;
        Some(number)
    }

    /// From here on, objects are numbered when the pickle is whole.
    #[cold]
    fn give_up_order(&mut self) {
        if !std::mem::replace(&mut self.out_of_order, true) {
            for place in self.places.iter_mut().filter(|place| **place & IS_REFERENCED != 0) {
                *place = self.memoized[*place & !IS_REFERENCED] | IS_REFERENCED;
            }
            self.memoized.clear();
        }
    }

    /// How many bytes are to be left between two frames or before a large payload. What stands before will be longer by as
    /// much, and what follows need not be moved for that.
    pub(super) fn room(&self) -> usize {
        self.without_room
    }

    /// The room was left here.
    pub(super) fn leave_room(&mut self, room: Range<usize>) {
        self.without_room = 0;
        self.room.push(room);
    }

    /// A frame is closed, and has a header.
    pub(super) fn closed(&mut self, frame: Range<usize>) {
        self.frames.push(frame);
    }

    /// A frame is closed whose header, at `start`, was taken out: it held some few bytes.
    pub(super) fn closed_without_header(&mut self, start: usize) {
        self.give_up_order();
        for place in self.places.iter_mut().rev().take_while(|place| **place & !IS_REFERENCED > start) {
            *place -= FRAME_HEADER_SIZE;
        }
        // There was room for a single reference.
        if self.references.last_end > start
            && let Some((end, target)) = self.references.pop()
        {
            // There is room: it was just taken out.
            let _ = self.references.push(end - FRAME_HEADER_SIZE, target);
        }
    }

    /// Makes the pickle what it is to be, and forgets everything.
    pub(super) fn settle(&mut self, buffer: &mut impl Buffer) {
        if std::mem::take(&mut self.any) {
            let mut memoized = std::mem::take(&mut self.memoized);
            if self.out_of_order && !self.number(&mut memoized) {
                buffer.out_of_memory();
            }
            let numbers_are_short = memoized.len() <= NUMBERS_OF_A_BYTE;
            if numbers_are_short && self.out_of_order {
                self.references.write_short_numbers(&self.places, buffer.as_mut_slice());
            }
            let longer = if numbers_are_short { 0 } else { self.references.count_long(&self.places) };
            self.insert(buffer, &memoized, longer);
            self.memoized = memoized;
        }
        // Before the pickle is copied: much memory is in use once and not twice.
        self.clear();
    }

    /// How many bytes of memory the references take.
    pub(super) fn memory_of_references(&self) -> usize {
        size_of_val(self.references.words.as_slice())
    }

    /// Whether nothing is to be settled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && self.references.words.is_empty() && self.frames.is_empty()
    }

    /// Forgets everything, and gives up its memory if that is much.
    pub fn clear(&mut self) {
        let kept = self.places.capacity() + self.references.words.capacity() / 2 + self.memoized.capacity();
        if kept > MOST_KEPT {
            *self = Self::default();
        } else {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.places.clear();
        self.out_of_order = false;
        self.in_order_from = 0;
        self.any = false;
        self.without_room = 0;
        self.room.clear();
        self.references.clear();
        self.memoized.clear();
        self.frames.clear();
    }

    /// Numbers the objects that are referred to, in the order of their places, which are replaced by the numbers.
    /// Returns false for lack of memory.
    fn number(&mut self, memoized: &mut Vec<usize>) -> bool {
        for place in &mut self.places {
            if *place & IS_REFERENCED != 0 {
                if !has_room(memoized) {
                    return false;
                }
                memoized.push(*place & !IS_REFERENCED);
                *place = (memoized.len() - 1) | IS_REFERENCED;
            }
        }
        true
    }

    /// Puts a MEMOIZE at each of the places, and if `longer` references have no room for their numbers, gives all references
    /// theirs. From the last one to the first: each byte moves once at most.
    fn insert(&mut self, buffer: &mut impl Buffer, memoized: &[usize], longer: usize) {
        let end = buffer.len();
        let room: usize = self.room.iter().map(ExactSizeIterator::len).sum();
        buffer.append_zeros(memoized.len() + longer * (LONG - SHORT) - room);
        let bytes = buffer.as_mut_slice();
        let mut move_up = MoveUp { from: end, to: bytes.len(), bytes, room: &self.room };
        let mut frames = LengthsOfFrames { frames: &self.frames, growth: 0 };
        let mut memoized = memoized.iter().copied().rev().peekable();
        while longer > 0
            && let Some((end, target)) = self.references.pop()
        {
            let number = self.places[target as usize] & !IS_REFERENCED;
            if number < NUMBERS_OF_A_BYTE {
                // It is moved with what is around it.
                move_up.bytes[end - 1] = lowest_byte(number);
                continue;
            }
            // What was just referred to can be memoized, not the reverse.
            while let Some(place) = memoized.next_if(|place| *place >= end) {
                frames.will_grow(place, 1, move_up.bytes);
                move_up.insert(place, 0, [Opcode::Memoize.byte()]);
            }
            frames.will_grow(end, LONG - SHORT, move_up.bytes);
            move_up.insert(end, SHORT, argument::uint4(Opcode::LongBinGet, u32::try_from(number).expect(FEWER)));
            let down_to = frames.same_down_to(end).max(memoized.peek().copied().unwrap_or(0));
            let growth = move_up.insert_run(&mut self.references, &self.places, down_to);
            frames.will_grow(end, growth, move_up.bytes);
        }
        for place in memoized {
            frames.will_grow(place, 1, move_up.bytes);
            move_up.insert(place, 0, [Opcode::Memoize.byte()]);
        }
        frames.finish(move_up.bytes);
        debug_assert_eq!(move_up.from, move_up.to, "all insertions together are the growth");
    }
}

/// The references, in the order of the stream. Four bytes for most of them: data may have as many references as objects.
#[derive(Debug, Default)]
struct References {
    /// For each: how far behind the end of the one before it ends, below its target; or, where that is too much for one
    /// word, four between two of [`WIDE`].
    words: Vec<u32>,
    /// From where the distance of the first one counts.
    begin: usize,
    /// Where the last one ends.
    last_end: usize,
}

/// How many bits of a word are a distance.
const DISTANCE_BITS: u32 = 8;
/// The greatest distance in a word. None is 0.
const FARTHEST: usize = (1 << DISTANCE_BITS) - 1;
/// How many words a reference takes at most.
const WORDS_OF_WIDE: usize = 5;
/// A word that is no reference, for it has no distance.
const WIDE: u32 = 0;

impl References {
    /// To be called before a reference that ends here is added, which may be the first one: its distance is to be short.
    #[inline(always)]
    fn begin_at(&mut self, end: usize) {
        if self.words.is_empty() {
            self.begin = end - 1;
            self.last_end = self.begin;
        }
    }

    #[inline(always)]
    fn push_within_capacity(&mut self, end: usize, target: usize) -> bool {
        let distance = end - self.last_end;
        if distance > FARTHEST
            || target >= 1 << (u32::BITS - DISTANCE_BITS)
            || self.words.len() == self.words.capacity()
        {
            return false;
        }
        self.last_end = end;
        #[expect(clippy::cast_possible_truncation, reason = "it has eight bits more than the target")]
        self.words.push((target << DISTANCE_BITS | distance) as u32);
        true
    }

    /// Returns false for lack of memory.
    fn push(&mut self, end: usize, target: u32) -> bool {
        if self.words.try_reserve(WORDS_OF_WIDE).is_err() {
            return false;
        }
        self.begin_at(end);
        if !self.push_within_capacity(end, target as usize) {
            self.push_wide(end, target);
        }
        true
    }

    #[cold]
    #[inline(never)]
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a number")]
    fn push_wide(&mut self, end: usize, target: u32) {
        let distance = (end - self.last_end) as u64;
        self.last_end = end;
        self.words.extend([WIDE, distance as u32, (distance >> u32::BITS) as u32, target, WIDE]);
    }

    /// Takes the last one out: where it ends, and its target.
    #[inline]
    fn pop(&mut self) -> Option<(usize, u32)> {
        let word = self.words.pop()?;
        let end = self.last_end;
        if word == WIDE {
            return self.pop_wide(end);
        }
        self.last_end = end - (word as usize & FARTHEST);
        Some((end, word >> DISTANCE_BITS))
    }

    /// Takes the last one out if it ends here and takes one word, and returns its target.
    #[inline(always)]
    fn pop_at(&mut self, end: usize) -> Option<u32> {
        let word = *self.words.last()?;
        if self.last_end != end || word == WIDE {
            return None;
        }
        self.words.pop();
        self.last_end = end - (word as usize & FARTHEST);
        Some(word >> DISTANCE_BITS)
    }

    #[cold]
    #[inline(never)]
    fn pop_wide(&mut self, end: usize) -> Option<(usize, u32)> {
        let (target, high, low) = (self.words.pop()?, self.words.pop()?, self.words.pop()?);
        self.words.pop();
        self.last_end = end - distance(low, high);
        Some((end, target))
    }

    /// Gives the references their numbers where all are less than 256.
    fn write_short_numbers(&self, numbers: &[usize], buffer: &mut [u8]) {
        let mut end = self.begin;
        let mut words = self.words.iter();
        while let Some(word) = words.next() {
            let mut target = *word >> DISTANCE_BITS;
            if *word == WIDE {
                let (Some(low), Some(high), Some(wide)) = (words.next(), words.next(), words.next()) else { break };
                words.next();
                end += distance(*low, *high);
                target = *wide;
            } else {
                end += *word as usize & FARTHEST;
            }
            buffer[end - 1] = lowest_byte(numbers[target as usize]);
        }
    }

    /// How many references do not have room for their numbers.
    fn count_long(&self, numbers: &[usize]) -> usize {
        let mut long = 0;
        let mut words = self.words.iter();
        while let Some(word) = words.next() {
            let mut target = *word >> DISTANCE_BITS;
            if *word == WIDE {
                let Some(wide) = words.nth(2) else { break };
                target = *wide;
                words.next();
            }
            // Without a branch, which nobody could predict.
            long += usize::from(numbers[target as usize] & !IS_REFERENCED >= NUMBERS_OF_A_BYTE);
        }
        long
    }

    fn clear(&mut self) {
        self.words.clear();
        self.last_end = 0;
    }
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "what it does not hold is written when the pickle is settled")]
const fn lowest_byte(number: usize) -> u8 {
    number as u8
}

/// Why a number fits where its target did.
const FEWER: &str = "there are no more numbers than targets";

/// Makes room for one more, or returns false for lack of memory.
#[inline(always)]
fn has_room(numbers: &mut Vec<usize>) -> bool {
    #[cold]
    #[inline(never)]
    fn grow(numbers: &mut Vec<usize>) -> bool {
        numbers.try_reserve(1).is_ok()
    }

    numbers.len() < numbers.capacity() || grow(numbers)
}

/// A distance from its halves.
#[expect(clippy::cast_possible_truncation, reason = "it was a `usize` when it was cut")]
fn distance(low: u32, high: u32) -> usize {
    (u64::from(low) | u64::from(high) << u32::BITS) as usize
}

/// A buffer whose bytes move towards its end, the last ones first.
struct MoveUp<'a> {
    bytes: &'a mut [u8],
    /// What was before this offset is to be moved.
    from: usize,
    /// To before this one.
    to: usize,
    /// What is not to be moved, but written over.
    room: &'a [Range<usize>],
}

impl MoveUp<'_> {
    /// Moves what is behind `at`, and puts `inserted` there, in place of the last `replaced` bytes before.
    #[inline]
    fn insert<const N: usize>(&mut self, at: usize, replaced: usize, inserted: [u8; N]) {
        while let Some((room, others)) = self.room.split_last()
            && room.start >= at
        {
            self.room = others;
            self.move_from(room.end);
            self.from = room.start;
        }
        self.move_from(at);
        let end = self.to;
        self.from = at - replaced;
        self.to = end - N;
        self.bytes[self.to..end].copy_from_slice(&inserted);
    }

    /// Puts references in place of the short ones that end where what was moved last begins, one before the other: as many
    /// as follow each other without anything between, and end behind `down_to`. Returns how much longer they are.
    fn insert_run(&mut self, references: &mut References, numbers: &[usize], down_to: usize) -> usize {
        const WORD: usize = size_of::<u64>();

        let (from, to) = (self.from, self.to);
        // A word is written for each: what is before the reference is to be still free.
        while self.to - self.from >= WORD
            && self.from > down_to
            && let Some(target) = references.pop_at(self.from)
        {
            // Without a branch, which nobody could predict.
            let number = numbers[target as usize] & !IS_REFERENCED;
            let (opcode, len) =
                if number < NUMBERS_OF_A_BYTE { (Opcode::BinGet, SHORT) } else { (Opcode::LongBinGet, LONG) };
            let reference = u64::from(opcode.byte()) | (number as u64) << u8::BITS;
            let word = reference << (u8::BITS as usize * (WORD - len));
            self.bytes[self.to - WORD..self.to].copy_from_slice(&word.to_le_bytes());
            self.from -= SHORT;
            self.to -= len;
        }
        (to - self.to) - (from - self.from)
    }

    #[inline]
    fn move_from(&mut self, at: usize) {
        /// Fewer bytes than these are moved one by one: a call takes longer.
        const FEW: usize = 8;

        let len = self.from - at;
        let to = self.to - len;
        if len < FEW {
            for offset in (0..len).rev() {
                self.bytes[to + offset] = self.bytes[at + offset];
            }
        } else if to != at {
            self.bytes.copy_within(at..self.from, to);
        }
        (self.from, self.to) = (at, to);
    }
}

/// Corrects the lengths of the frames that will be longer, from the last one to the first, before they are moved.
struct LengthsOfFrames<'a> {
    /// Those that are not behind what was inserted last.
    frames: &'a [Range<usize>],
    /// How much longer the last of these will be.
    growth: usize,
}

impl LengthsOfFrames<'_> {
    /// There will be so many bytes more at this offset. At the end of a frame they belong to it.
    #[inline]
    fn will_grow(&mut self, at: usize, growth: usize, bytes: &mut [u8]) {
        while let Some(last) = self.frames.last() {
            if at > last.start {
                if at <= last.end {
                    self.growth += growth;
                }
                break;
            }
            self.finish_last(bytes);
        }
    }

    /// Down to which offset all that is inserted before `at`, where something just was, belongs to the same frame.
    #[inline]
    fn same_down_to(&self, at: usize) -> usize {
        self.frames.last().map_or(0, |last| if at > last.end { last.end } else { last.start })
    }

    #[cold]
    #[inline(never)]
    fn finish_last(&mut self, bytes: &mut [u8]) {
        let Some((last, others)) = self.frames.split_last() else { return };
        self.frames = others;
        let growth = std::mem::take(&mut self.growth);
        let payload = last.start + FRAME_HEADER_SIZE;
        let length = last.end - payload + growth;
        bytes[last.start..payload].copy_from_slice(&argument::uint8(Opcode::Frame, length as u64));
    }

    /// There is nothing more to be inserted.
    fn finish(&mut self, bytes: &mut [u8]) {
        if self.growth > 0 {
            self.finish_last(bytes);
        }
    }
}
