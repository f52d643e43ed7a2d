//! The six pickle protocols, and what each of them may use.
//!
//! Which protocol an opcode came with is a column of the table in [`crate::opcode`]; the predicates here give that
//! fact the name under which a pickler asks for it. Nothing is written here.

use crate::opcode::Opcode;

/// A version of the pickle format. Each one may use everything that those before it may.
///
/// The number is the argument of `PROTO`, the first opcode of a pickle from protocol 2 on. Protocols 0 and 1 do not
/// say which they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Protocol {
    /// Lines of text.
    V0 = 0,
    /// Binary arguments, and containers filled in batches.
    V1 = 1,
    /// `PROTO`, short tuples, `__newobj__`, the extension registry, binary integers of any size. Python 2.3, PEP 307.
    V2 = 2,
    /// `bytes` apart from `str`, and names that are not ASCII. Python 3.0.
    V3 = 3,
    /// Frames, an implicit memo index, sets, lengths over 4 GiB. Python 3.4, PEP 3154.
    V4 = 4,
    /// `bytearray`, and buffers that travel beside the pickle. Python 3.8, PEP 574.
    V5 = 5,
}

impl Protocol {
    /// The highest protocol there is, `pickle.HIGHEST_PROTOCOL`.
    pub const HIGHEST: Self = Self::V5;

    /// The protocol of this number, or `None` if there is no such protocol.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::V0),
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            3 => Some(Self::V3),
            4 => Some(Self::V4),
            5 => Some(Self::V5),
            _ => None,
        }
    }

    /// The number of this protocol, the argument of `PROTO`.
    #[inline]
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Whether a pickle of this protocol may contain the opcode.
    #[inline]
    #[must_use]
    pub const fn allows(self, opcode: Opcode) -> bool {
        self.number() >= opcode.protocol().number()
    }
}

/// One predicate per line, answered by the protocol that the opcode on its right came with.
macro_rules! allowed_with {
    ($($(#[$doc:meta])* $predicate:ident = $opcode:ident;)*) => {
        impl Protocol {
            $(
                $(#[$doc])*
                #[inline]
                #[must_use]
                pub const fn $predicate(self) -> bool {
                    self.allows(Opcode::$opcode)
                }
            )*
        }
    };
}

allowed_with! {
    /// From 1 on: arguments are binary, so that a pickle need not be ASCII, and containers are filled by batches.
    is_binary = BinInt;
    /// From 2 on: a pickle begins with `PROTO` and its own protocol number.
    has_proto_header = Proto;
    /// From 2 on: tuples of one, two and three elements need no mark (`TUPLE1`, `TUPLE2`, `TUPLE3`).
    has_short_tuples = Tuple1;
    /// From 2 on: an object is made by `cls.__new__(cls, *args)` (`NEWOBJ`) without naming a function that does so.
    has_newobj = NewObj;
    /// From 2 on: a global registered with `copyreg.add_extension` is a number (`EXT1`, `EXT2`, `EXT4`).
    has_extensions = Ext1;
    /// From 2 on: an int of any size is its bytes (`LONG1`, `LONG4`), which unlike digits are written in linear time.
    has_long_bytes = Long1;
    /// From 2 on: `True` and `False` are one byte each (`NEWTRUE`, `NEWFALSE`) and no longer ints spelt `01` and `00`.
    has_bool_opcodes = NewTrue;
    /// From 3 on: `bytes` have opcodes. Before, they travel as a call that encodes a `str`.
    has_bytes = BinBytes;
    /// From 4 on: frames tell the reader how much it can read at once (`FRAME`).
    has_frames = Frame;
    /// From 4 on: `MEMOIZE` gives the top of the stack the next free memo index, which need not be written.
    has_memoize = Memoize;
    /// From 4 on: `set` and `frozenset` have opcodes (`EMPTY_SET`, `ADDITEMS`, `FROZENSET`).
    has_sets = EmptySet;
    /// From 4 on: a global's module and name are two strings on the stack (`STACK_GLOBAL`), so both can be memoized
    /// and the name can be dotted.
    has_stack_global = StackGlobal;
    /// From 4 on: `NEWOBJ_EX` makes an object by `cls.__new__(cls, *args, **kwargs)`.
    has_newobj_ex = NewObjEx;
    /// From 4 on: the length of a `str` under 256 bytes takes one byte (`SHORT_BINUNICODE`).
    has_short_unicode = ShortBinUnicode;
    /// From 5 on: `bytearray` has an opcode (`BYTEARRAY8`).
    has_bytearray = ByteArray8;
    /// From 5 on: a buffer can be handed over out of band (`NEXT_BUFFER`, `READONLY_BUFFER`).
    has_buffers = NextBuffer;
}

impl Protocol {
    /// From 3 on: the two lines of a `GLOBAL` are UTF-8, where protocols 0 to 2 have ASCII.
    ///
    /// The opcode is the same, so no row of the table says this; it is a rule of `pickle.Pickler.save_global`.
    #[inline]
    #[must_use]
    pub const fn has_utf8_globals(self) -> bool {
        self.number() >= Self::V3.number()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Protocol; 6] = [Protocol::V0, Protocol::V1, Protocol::V2, Protocol::V3, Protocol::V4, Protocol::V5];

    #[test]
    fn numbers_go_both_ways() {
        for number in 0..=u8::MAX {
            assert_eq!(Protocol::from_number(number).map(Protocol::number), (number <= 5).then_some(number));
        }
        assert_eq!(ALL.last(), Some(&Protocol::HIGHEST));
    }

    #[test]
    fn each_predicate_begins_to_hold_with_its_protocol() {
        type Row = (&'static str, fn(Protocol) -> bool, Protocol);
        let rows: [Row; 17] = [
            ("is_binary", Protocol::is_binary, Protocol::V1),
            ("has_proto_header", Protocol::has_proto_header, Protocol::V2),
            ("has_short_tuples", Protocol::has_short_tuples, Protocol::V2),
            ("has_newobj", Protocol::has_newobj, Protocol::V2),
            ("has_extensions", Protocol::has_extensions, Protocol::V2),
            ("has_long_bytes", Protocol::has_long_bytes, Protocol::V2),
            ("has_bool_opcodes", Protocol::has_bool_opcodes, Protocol::V2),
            ("has_bytes", Protocol::has_bytes, Protocol::V3),
            ("has_utf8_globals", Protocol::has_utf8_globals, Protocol::V3),
            ("has_frames", Protocol::has_frames, Protocol::V4),
            ("has_memoize", Protocol::has_memoize, Protocol::V4),
            ("has_sets", Protocol::has_sets, Protocol::V4),
            ("has_stack_global", Protocol::has_stack_global, Protocol::V4),
            ("has_newobj_ex", Protocol::has_newobj_ex, Protocol::V4),
            ("has_short_unicode", Protocol::has_short_unicode, Protocol::V4),
            ("has_bytearray", Protocol::has_bytearray, Protocol::V5),
            ("has_buffers", Protocol::has_buffers, Protocol::V5),
        ];
        for (name, predicate, first) in rows {
            for protocol in ALL {
                assert_eq!(predicate(protocol), protocol >= first, "{name} of {protocol:?}");
            }
        }
    }
}
