//! The 68 opcodes of the pickle format: one table, one row each, and the lookups made from it.
//!
//! A row says what `Lib/pickletools.py` says in its `opcodes` list, and `tests/format` holds the one against the
//! other. How an argument is laid out is in [`crate::argument`]; when which opcode is chosen, in [`crate::write`].

use crate::argument::ArgumentKind;
use crate::protocol::Protocol;

/// What one opcode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpcodeInfo {
    /// Its name in `pickletools`, such as `SHORT_BINUNICODE`.
    pub name: &'static str,
    /// What follows it in the pickle.
    pub argument: ArgumentKind,
    /// The first protocol that has it.
    pub protocol: Protocol,
    /// What it takes off the stack, the deepest first.
    pub before: &'static [StackItem],
    /// What it leaves in their place.
    pub after: &'static [StackItem],
    /// What it does, in one line.
    pub doc: &'static str,
}

/// What an opcode expects on the stack of the machine that loads a pickle, or leaves on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackItem {
    /// Any object.
    Any,
    /// The mark, which is not an object: it remembers how high the stack was.
    Mark,
    /// All objects above the topmost mark; none is allowed.
    StackSlice,
    /// The object `None`.
    None,
    /// A `bool`.
    Bool,
    /// An `int`.
    Int,
    /// An `int`, or one of the two `bool`s in their spelling before protocol 2.
    IntOrBool,
    /// A `float`.
    Float,
    /// A `str`.
    Str,
    /// A `bytes`.
    Bytes,
    /// A string of Python 2, which becomes `str` or `bytes` as the reader's `encoding` says.
    BytesOrStr,
    /// A `bytearray`.
    ByteArray,
    /// An object with the buffer protocol, handed over beside the pickle.
    Buffer,
    /// A `tuple`.
    Tuple,
    /// A `list`.
    List,
    /// A `dict`.
    Dict,
    /// A `set`.
    Set,
    /// A `frozenset`.
    FrozenSet,
}

impl StackItem {
    /// Its name in `pickletools`, such as `int_or_bool`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Mark => "mark",
            Self::StackSlice => "stackslice",
            Self::None => "None",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::IntOrBool => "int_or_bool",
            Self::Float => "float",
            Self::Str => "str",
            Self::Bytes => "bytes",
            Self::BytesOrStr => "bytes_or_str",
            Self::ByteArray => "bytearray",
            Self::Buffer => "buffer",
            Self::Tuple => "tuple",
            Self::List => "list",
            Self::Dict => "dict",
            Self::Set => "set",
            Self::FrozenSet => "frozenset",
        }
    }
}

/// Declares [`Opcode`]: `Variant NAME byte protocol argument [what it takes] -> [what it leaves] "what it does"`.
macro_rules! opcodes {
    ($($variant:ident $name:ident $byte:literal $protocol:ident $argument:ident
       [$($before:ident)*] -> [$($after:ident)*] $doc:literal;)*) => {
        /// An opcode: the byte with which each instruction of a pickle begins.
        ///
        /// The value of a variant is that byte. The order is that of `pickletools`, by what the opcode is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Opcode {
            $(
                #[doc = concat!("`", stringify!($name), "`, from protocol ", stringify!($protocol), " on: ", $doc)]
                $variant = $byte,
            )*
        }

        impl Opcode {
            /// Every opcode, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The opcode that this byte stands for, or `None` if it stands for none.
            #[must_use]
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte {
                    $($byte => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Everything the table says about this opcode.
            #[inline]
            #[must_use]
            pub const fn info(self) -> &'static OpcodeInfo {
                match self {
                    $(
                        Self::$variant => &OpcodeInfo {
                            name: stringify!($name),
                            argument: ArgumentKind::$argument,
                            protocol: Protocol::$protocol,
                            before: &[$(StackItem::$before,)*],
                            after: &[$(StackItem::$after,)*],
                            doc: $doc,
                        },
                    )*
                }
            }

            /// The first protocol that has this opcode.
            // Not `self.info().protocol`: for an opcode known at compile time this is a constant without any
            // optimization, and the encoder asks it for every value.
            #[inline]
            #[must_use]
            pub const fn protocol(self) -> Protocol {
                match self {
                    $(Self::$variant => Protocol::$protocol,)*
                }
            }
        }
    };
}

opcodes! {
    // Integers.
    Int INT b'I' V0 DecimalNlShort [] -> [IntOrBool] "An int in decimal; `01` and `00` are True and False.";
    BinInt BININT b'J' V1 Int4 [] -> [Int] "An int of four bytes, signed.";
    BinInt1 BININT1 b'K' V1 UInt1 [] -> [Int] "An int from 0 to 255.";
    BinInt2 BININT2 b'M' V1 UInt2 [] -> [Int] "An int from 0 to 65535.";
    Long LONG b'L' V0 DecimalNlLong [] -> [Int] "An int of any size in decimal, with an `L` behind it.";
    Long1 LONG1 0x8a V2 Long1 [] -> [Int] "An int of at most 255 bytes.";
    Long4 LONG4 0x8b V2 Long4 [] -> [Int] "An int of at most 2147483647 bytes.";

    // Strings of Python 2.
    String STRING b'S' V0 StringNl [] -> [BytesOrStr] "A Python 2 string, as the text of a literal.";
    BinString BINSTRING b'T' V1 String4 [] -> [BytesOrStr] "A Python 2 string of at most 2147483647 bytes.";
    ShortBinString SHORT_BINSTRING b'U' V1 String1 [] -> [BytesOrStr] "A Python 2 string of at most 255 bytes.";

    // Bytes.
    BinBytes BINBYTES b'B' V3 Bytes4 [] -> [Bytes] "A bytes object of less than 4 GiB.";
    ShortBinBytes SHORT_BINBYTES b'C' V3 Bytes1 [] -> [Bytes] "A bytes object of at most 255 bytes.";
    BinBytes8 BINBYTES8 0x8e V4 Bytes8 [] -> [Bytes] "A bytes object of any length.";

    // Byte arrays, and buffers handed over beside the pickle.
    ByteArray8 BYTEARRAY8 0x96 V5 ByteArray8 [] -> [ByteArray] "A bytearray of any length.";
    NextBuffer NEXT_BUFFER 0x97 V5 None [] -> [Buffer] "The next of the buffers given to the reader.";
    ReadonlyBuffer READONLY_BUFFER 0x98 V5 None [Buffer] -> [Buffer] "Makes the buffer on top of the stack read-only.";

    // None and the booleans.
    None NONE b'N' V0 None [] -> [None] "None.";
    NewTrue NEWTRUE 0x88 V2 None [] -> [Bool] "True.";
    NewFalse NEWFALSE 0x89 V2 None [] -> [Bool] "False.";

    // Text.
    Unicode UNICODE b'V' V0 UnicodeStringNl [] -> [Str] "A str on one line, escaped.";
    ShortBinUnicode SHORT_BINUNICODE 0x8c V4 UnicodeString1 [] -> [Str] "A str of at most 255 bytes of UTF-8.";
    BinUnicode BINUNICODE b'X' V1 UnicodeString4 [] -> [Str] "A str of less than 4 GiB of UTF-8.";
    BinUnicode8 BINUNICODE8 0x8d V4 UnicodeString8 [] -> [Str] "A str of any length.";

    // Floats.
    Float FLOAT b'F' V0 FloatNl [] -> [Float] "A float in decimal.";
    BinFloat BINFLOAT b'G' V1 Float8 [] -> [Float] "A float in its eight bytes.";

    // Lists.
    EmptyList EMPTY_LIST b']' V1 None [] -> [List] "An empty list.";
    Append APPEND b'a' V0 None [List Any] -> [List] "Appends one object to a list.";
    Appends APPENDS b'e' V1 None [List Mark StackSlice] -> [List] "Appends all objects above the mark to a list.";
    List LIST b'l' V0 None [Mark StackSlice] -> [List] "A list of all objects above the mark.";

    // Tuples.
    EmptyTuple EMPTY_TUPLE b')' V1 None [] -> [Tuple] "The empty tuple.";
    Tuple TUPLE b't' V0 None [Mark StackSlice] -> [Tuple] "A tuple of all objects above the mark.";
    Tuple1 TUPLE1 0x85 V2 None [Any] -> [Tuple] "A tuple of the topmost object.";
    Tuple2 TUPLE2 0x86 V2 None [Any Any] -> [Tuple] "A tuple of the two topmost objects.";
    Tuple3 TUPLE3 0x87 V2 None [Any Any Any] -> [Tuple] "A tuple of the three topmost objects.";

    // Dicts.
    EmptyDict EMPTY_DICT b'}' V1 None [] -> [Dict] "An empty dict.";
    Dict DICT b'd' V0 None [Mark StackSlice] -> [Dict] "A dict of the keys and values above the mark, by turns.";
    SetItem SETITEM b's' V0 None [Dict Any Any] -> [Dict] "Adds one key and its value to a dict.";
    SetItems SETITEMS b'u' V1 None [Dict Mark StackSlice] -> [Dict] "Adds keys and values above the mark to a dict.";

    // Sets.
    EmptySet EMPTY_SET 0x8f V4 None [] -> [Set] "An empty set.";
    AddItems ADDITEMS 0x90 V4 None [Set Mark StackSlice] -> [Set] "Adds all objects above the mark to a set.";
    FrozenSet FROZENSET 0x91 V4 None [Mark StackSlice] -> [FrozenSet] "A frozenset of all objects above the mark.";

    // The stack itself.
    Pop POP b'0' V0 None [Any] -> [] "Drops the topmost object, or the mark if that is topmost.";
    Dup DUP b'2' V0 None [Any] -> [Any Any] "Pushes the topmost object once more.";
    Mark MARK b'(' V0 None [] -> [Mark] "Pushes the mark.";
    PopMark POP_MARK b'1' V1 None [Mark StackSlice] -> [] "Drops everything down to the mark, and the mark.";

    // The memo.
    Get GET b'g' V0 DecimalNlShort [] -> [Any] "The memo entry of an index in decimal.";
    BinGet BINGET b'h' V1 UInt1 [] -> [Any] "The memo entry of an index under 256.";
    LongBinGet LONG_BINGET b'j' V1 UInt4 [] -> [Any] "The memo entry of an index of four bytes.";
    Put PUT b'p' V0 DecimalNlShort [] -> [] "Memoizes the topmost object, under an index in decimal.";
    BinPut BINPUT b'q' V1 UInt1 [] -> [] "Memoizes the topmost object, under an index below 256.";
    LongBinPut LONG_BINPUT b'r' V1 UInt4 [] -> [] "Memoizes the topmost object, under an index of four bytes.";
    Memoize MEMOIZE 0x94 V4 None [Any] -> [Any] "Memoizes the topmost object, under the next index.";

    // The extension registry of `copyreg`.
    Ext1 EXT1 0x82 V2 UInt1 [] -> [Any] "The global registered under a code from 1 to 255.";
    Ext2 EXT2 0x83 V2 UInt2 [] -> [Any] "The global registered under a code of two bytes.";
    Ext4 EXT4 0x84 V2 Int4 [] -> [Any] "The global registered under a code of four bytes.";

    // Globals, and objects made with them.
    Global GLOBAL b'c' V0 StringNlNoEscapePair [] -> [Any] "The global of the module and name on the two lines.";
    StackGlobal STACK_GLOBAL 0x93 V4 None [Str Str] -> [Any] "The global of the module and name on the stack.";
    Reduce REDUCE b'R' V0 None [Any Any] -> [Any] "Calls a callable with a tuple of arguments.";
    Build BUILD b'b' V0 None [Any Any] -> [Any] "Gives an object its state.";
    Inst INST b'i' V0 StringNlNoEscapePair [Mark StackSlice] -> [Any] "Calls the class named with all above the mark.";
    Obj OBJ b'o' V1 None [Mark Any StackSlice] -> [Any] "Calls the class just above the mark with what is above it.";
    NewObj NEWOBJ 0x81 V2 None [Any Any] -> [Any] "Calls cls.__new__(cls, *args).";
    NewObjEx NEWOBJ_EX 0x92 V4 None [Any Any Any] -> [Any] "Calls cls.__new__(cls, *args, **kwargs).";

    // The pickle as a whole.
    Proto PROTO 0x80 V2 UInt1 [] -> [] "Says which protocol the pickle has.";
    Stop STOP b'.' V0 None [Any] -> [] "Ends the pickle; the object on the stack is the result.";
    Frame FRAME 0x95 V4 UInt8 [] -> [] "Says how many bytes the frame that begins behind it has.";

    // Objects that the pickle leaves to its surroundings.
    PersId PERSID b'P' V0 StringNlNoEscape [] -> [Any] "What persistent_load returns for the id on the line.";
    BinPersId BINPERSID b'Q' V1 None [Any] -> [Any] "What persistent_load returns for the id on the stack.";
}

impl Opcode {
    /// The byte that stands for this opcode.
    #[inline]
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Its name in `pickletools`, such as `SHORT_BINUNICODE`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.info().name
    }
}
