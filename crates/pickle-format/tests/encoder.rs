//! What the golden encodings leave out: the memo, globals, ints of any size, errors, and one encoder used again.

use pickle_format::error::Counted;
use pickle_format::write::frame::{FRAME_HEADER_SIZE, FRAME_SIZE_TARGET};
use pickle_format::{Encoder, FormatError, Opcode, Payload, Protocol};

const ALL: [Protocol; 6] = [Protocol::V0, Protocol::V1, Protocol::V2, Protocol::V3, Protocol::V4, Protocol::V5];

/// What `write` writes outside any pickle, and therefore outside frames.
fn written(protocol: Protocol, write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut encoder = Encoder::new(protocol);
    write(&mut encoder);
    encoder.take()
}

/// The pickle of what `write` writes.
fn pickle(protocol: Protocol, write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    written(protocol, |encoder| {
        encoder.start();
        write(encoder);
        encoder.finish();
    })
}

/// FRAME with this length.
fn frame(len: usize) -> Vec<u8> {
    [b"\x95", &(len as u64).to_le_bytes()[..]].concat()
}

#[test]
fn a_pickle_begins_with_its_protocol_from_2_on() {
    assert_eq!(pickle(Protocol::V0, Encoder::none), b"N.");
    assert_eq!(pickle(Protocol::V1, Encoder::none), b"N.");
    assert_eq!(pickle(Protocol::V2, Encoder::none), b"\x80\x02N.");
    assert_eq!(pickle(Protocol::V3, Encoder::none), b"\x80\x03N.");
    assert_eq!(pickle(Protocol::V4, Encoder::none), b"\x80\x04N.");
    assert_eq!(pickle(Protocol::V5, Encoder::none), b"\x80\x05N.");
}

#[test]
fn memo_indices_are_text_then_one_byte_then_four() {
    let memoize = |protocol, index| written(protocol, |encoder| encoder.memoize(index).unwrap());
    let get = |protocol, index| written(protocol, |encoder| encoder.get(index).unwrap());

    assert_eq!(memoize(Protocol::V0, 256), b"p256\n");
    assert_eq!(get(Protocol::V0, 0), b"g0\n");
    for protocol in [Protocol::V1, Protocol::V2, Protocol::V3] {
        assert_eq!(memoize(protocol, 255), b"q\xff");
        assert_eq!(memoize(protocol, 256), b"r\0\x01\0\0");
        assert_eq!(memoize(protocol, 0xffff_ffff), b"r\xff\xff\xff\xff");
    }
    for protocol in [Protocol::V4, Protocol::V5] {
        assert_eq!(memoize(protocol, 0), b"\x94");
        assert_eq!(memoize(protocol, usize::MAX), b"\x94");
    }
    for protocol in &ALL[1..] {
        assert_eq!(get(*protocol, 255), b"h\xff");
        assert_eq!(get(*protocol, 256), b"j\0\x01\0\0");
        assert_eq!(get(*protocol, 0xffff_ffff), b"j\xff\xff\xff\xff");
    }
}

#[test]
fn what_was_just_referred_to_can_be_memoized_once_more() {
    let many = 257;
    let pickle = pickle(Protocol::V4, |encoder| {
        encoder.memoize_what_is_referenced(Box::default());
        for index in 0..many {
            encoder.none();
            encoder.memoize(index).unwrap();
        }
        for index in 0..many {
            encoder.get(index).unwrap();
        }
        encoder.memoize(many).unwrap();
        encoder.get(many).unwrap();
    });
    let mut contents = b"N\x94".repeat(many);
    contents.extend((0..=u8::MAX).flat_map(|index| [b'h', index]));
    contents.extend(b"j\0\x01\0\0\x94j\x01\x01\0\0.");
    assert_eq!(pickle, [b"\x80\x04", &frame(contents.len())[..], &contents].concat());
}

#[cfg(target_pointer_width = "64")]
#[test]
fn memo_indices_over_four_bytes_are_an_error_where_they_would_be_written() {
    let index = 1 << 32;
    let error = |opcode| Err(FormatError::MemoTooLarge { opcode, index });
    let mut encoder = Encoder::new(Protocol::V3);
    assert_eq!(encoder.memoize(index), error(Opcode::LongBinPut));
    assert_eq!(encoder.get(index), error(Opcode::LongBinGet));
    assert!(encoder.is_empty());
    assert_eq!(Encoder::new(Protocol::V4).memoize(index), Ok(()));
    assert_eq!(written(Protocol::V0, |encoder| encoder.memoize(index).unwrap()), b"p4294967296\n");
}

#[test]
fn long_counts_its_bytes_in_one_byte_then_in_four() {
    let long = |bytes: &[u8]| written(Protocol::V2, |encoder| encoder.long(bytes).unwrap());
    assert_eq!(long(&[]), b"\x8a\0");
    assert_eq!(long(&[1; 255]), [b"\x8a\xff", &[1; 255][..]].concat());
    assert_eq!(long(&[1; 256]), [b"\x8b\0\x01\0\0", &[1; 256][..]].concat());
    assert_eq!(written(Protocol::V1, |encoder| encoder.long_text("-12345678901")), b"L-12345678901L\n");
    assert_eq!(
        Encoder::new(Protocol::V1).long(&[1]),
        Err(FormatError::NotRepresentable { opcode: Opcode::Long1, protocol: Protocol::V1 })
    );
}

#[test]
fn a_long_stays_in_its_frame_however_long_it_is() {
    let bytes = vec![1; FRAME_SIZE_TARGET];
    let pickle = pickle(Protocol::V4, |encoder| encoder.long(&bytes).unwrap());
    assert_eq!(pickle, [b"\x80\x04", &frame(5 + bytes.len() + 1)[..], b"\x8b\0\0\x01\0", &bytes, b"."].concat());
}

#[test]
fn globals_extensions_and_persistent_ids() {
    assert_eq!(written(Protocol::V0, |encoder| encoder.global(b"a.b", b"c")), b"ca.b\nc\n");
    assert_eq!(written(Protocol::V0, |encoder| encoder.persistent_id_text(b"id 1")), b"Pid 1\n");
    let extension = |code| written(Protocol::V2, |encoder| encoder.extension(code));
    assert_eq!(extension(1), b"\x82\x01");
    assert_eq!(extension(0xff), b"\x82\xff");
    assert_eq!(extension(0x100), b"\x83\0\x01");
    assert_eq!(extension(0xffff), b"\x83\xff\xff");
    assert_eq!(extension(0x1_0000), b"\x84\0\0\x01\0");
    assert_eq!(extension(0x7fff_ffff), b"\x84\xff\xff\xff\x7f");
}

#[test]
fn lengths_take_as_many_bytes_as_they_need() {
    let header = |protocol, payload, len| written(protocol, |encoder| encoder.payload_header(payload, len).unwrap());
    let four_gib = 1 << 32;

    assert_eq!(header(Protocol::V4, Payload::Unicode, 255), b"\x8c\xff");
    assert_eq!(header(Protocol::V4, Payload::Unicode, 256), b"X\0\x01\0\0");
    assert_eq!(header(Protocol::V4, Payload::Unicode, four_gib - 1), b"X\xff\xff\xff\xff");
    assert_eq!(header(Protocol::V4, Payload::Unicode, four_gib), b"\x8d\0\0\0\0\x01\0\0\0");
    assert_eq!(header(Protocol::V1, Payload::Unicode, 0), b"X\0\0\0\0");

    assert_eq!(header(Protocol::V3, Payload::Bytes, 255), b"C\xff");
    assert_eq!(header(Protocol::V3, Payload::Bytes, 256), b"B\0\x01\0\0");
    assert_eq!(header(Protocol::V3, Payload::Bytes, four_gib - 1), b"B\xff\xff\xff\xff");
    assert_eq!(header(Protocol::V4, Payload::Bytes, four_gib), b"\x8e\0\0\0\0\x01\0\0\0");

    assert_eq!(header(Protocol::V5, Payload::ByteArray, 0), b"\x96\0\0\0\0\0\0\0\0");
    assert_eq!(header(Protocol::V5, Payload::ByteArray, four_gib), b"\x96\0\0\0\0\x01\0\0\0");
}

#[test]
fn what_the_protocol_cannot_hold_is_an_error_and_writes_nothing() {
    let len = 1 << 32;
    let too_large = |what| FormatError::TooLarge { what, len };
    let lacks = |opcode, protocol| FormatError::NotRepresentable { opcode, protocol };
    let rows = [
        (Protocol::V0, Payload::Unicode, lacks(Opcode::BinUnicode, Protocol::V0)),
        (Protocol::V1, Payload::Unicode, too_large(Counted::Str)),
        (Protocol::V3, Payload::Unicode, too_large(Counted::Str)),
        (Protocol::V2, Payload::Bytes, lacks(Opcode::BinBytes, Protocol::V2)),
        (Protocol::V3, Payload::Bytes, too_large(Counted::Bytes)),
        (Protocol::V4, Payload::ByteArray, lacks(Opcode::ByteArray8, Protocol::V4)),
    ];
    for (protocol, payload, error) in rows {
        let mut encoder = Encoder::new(protocol);
        assert_eq!(encoder.payload_header(payload, len), Err(error));
        assert!(encoder.is_empty());
    }
    let mut encoder = Encoder::new(Protocol::V4);
    encoder.start();
    encoder.none();
    let before = encoder.len();
    assert_eq!(encoder.bytearray(b"a"), Err(lacks(Opcode::ByteArray8, Protocol::V4)));
    assert_eq!(encoder.bytearray(&vec![0; FRAME_SIZE_TARGET]), Err(lacks(Opcode::ByteArray8, Protocol::V4)));
    assert_eq!(encoder.len(), before);
}

#[test]
fn a_frame_has_at_least_four_bytes() {
    let three = pickle(Protocol::V4, |encoder| encoder.int(1));
    assert_eq!(three, b"\x80\x04K\x01.");
    let four = pickle(Protocol::V4, |encoder| encoder.int(256));
    assert_eq!(four, [b"\x80\x04", &frame(4)[..], b"M\0\x01."].concat());
}

#[test]
fn a_frame_ends_at_the_first_boundary_from_64_kib_on() {
    for protocol in ALL {
        for (size, full) in [(FRAME_SIZE_TARGET - 1, false), (FRAME_SIZE_TARGET, true)] {
            let mut encoder = Encoder::new(protocol);
            encoder.start();
            let start = encoder.len();
            assert!(!encoder.boundary(), "nothing is written yet");
            for _ in 0..size {
                encoder.none();
            }
            let full = full && protocol.has_frames();
            assert_eq!(encoder.boundary(), full);
            assert!(!encoder.boundary(), "the frame was ended, or is not full");
            if full {
                assert_eq!(encoder.written()[start..start + FRAME_HEADER_SIZE], frame(size));
                encoder.clear();
                encoder.int(256);
                encoder.finish();
                assert_eq!(encoder.take(), [&frame(4)[..], b"M\0\x01."].concat());
            }
        }
    }
}

#[test]
fn large_payloads_stand_outside_frames() {
    let large = vec![b'a'; FRAME_SIZE_TARGET];
    for (opcode, payload) in [(b"X\0\0\x01\0", Payload::Unicode), (b"B\0\0\x01\0", Payload::Bytes)] {
        let pickle = pickle(Protocol::V4, |encoder| {
            encoder.int(1000);
            encoder.none();
            match payload {
                Payload::Unicode => encoder.unicode(&large).unwrap(),
                Payload::Bytes | Payload::ByteArray => encoder.bytes(&large).unwrap(),
            }
            encoder.int(1000);
        });
        let expected =
            [b"\x80\x04", &frame(4)[..], b"M\xe8\x03N", opcode, &large, &frame(4)[..], b"M\xe8\x03."].concat();
        assert!(pickle == expected, "{payload:?}");
    }
    let bytearray = pickle(Protocol::V5, |encoder| encoder.bytearray(&large).unwrap());
    assert!(bytearray == [b"\x80\x05\x96\0\0\x01\0\0\0\0\0", &large[..], b"."].concat());
}

#[test]
fn below_protocol_4_nothing_is_framed() {
    let large = vec![b'a'; FRAME_SIZE_TARGET];
    let pickle = pickle(Protocol::V3, |encoder| encoder.bytes(&large).unwrap());
    assert!(pickle == [b"\x80\x03B\0\0\x01\0", &large[..], b"."].concat());
}

#[test]
fn one_encoder_writes_one_pickle_after_another() {
    let mut encoder = Encoder::new(Protocol::V4);
    for _ in 0..2 {
        encoder.start();
        encoder.none();
        encoder.finish();
    }
    assert_eq!(encoder.written(), b"\x80\x04N.\x80\x04N.");
    assert_eq!(encoder.take().len(), 8);
    assert!(encoder.is_empty());
}

#[test]
fn an_abandoned_pickle_leaves_no_trace() {
    for protocol in ALL {
        let mut encoder = Encoder::new(protocol);
        encoder.start();
        encoder.none();
        encoder.abandon();
        assert!(encoder.is_empty());
        assert!(!encoder.boundary());
        encoder.start();
        encoder.none();
        encoder.finish();
        assert_eq!(encoder.take(), pickle(protocol, Encoder::none));
    }
}

#[test]
fn pieces_of_a_pickle_end_with_its_frames() {
    use pickle_format::pieces;

    let of = |pickle: &[u8]| pieces(pickle).map(<[u8]>::len).collect::<Vec<_>>();
    let mut encoder = Encoder::new(Protocol::V4);
    encoder.start();
    for _ in 0..3 {
        for number in 0..=FRAME_SIZE_TARGET / 5 {
            encoder.boundary();
            encoder.int(1 << 30 | i64::try_from(number).unwrap_or_default());
        }
    }
    encoder.finish();
    let pickle = encoder.take();
    let cut: Vec<_> = pieces(&pickle).collect();
    assert!(cut.len() > 2);
    assert!(cut[0].starts_with(b"\x80\x04\x95") && cut[1..].iter().all(|piece| piece[0] == b'\x95'));
    assert_eq!(cut.concat(), pickle);
    assert_eq!(of(b""), []);
    assert_eq!(of(b"\x80\x04N."), [4]);
    // A frame that says that it is longer than the pickle.
    assert_eq!(of(b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xffN."), [13]);
}
