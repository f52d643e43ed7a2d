//! The encoder against `tests/format/encodings.tsv`, which holds what the C pickler writes.

use pickle_format::write::is_large;
use pickle_format::{Encoder, Opcode, Payload, Protocol, Result};

const GOLDEN: &str = include_str!("../../../tests/format/encodings.tsv");

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// One value as a pickle of its own.
fn pickle(kind: &str, protocol: Protocol, value: &str) -> Result<Vec<u8>> {
    let mut encoder = Encoder::new(protocol);
    encoder.start();
    match kind {
        "none" => encoder.none(),
        "bool" => encoder.bool(value == "True"),
        "int" => encoder.int(value.parse().unwrap()),
        "float" => encoder.float(f64::from_bits(u64::from_str_radix(value, 16).unwrap())),
        "float_text" => encoder.float_text(value),
        "str" => encoder.unicode(&from_hex(value))?,
        "str_text" => encoder
            .unicode_text(value.split_whitespace().map(|code_point| u32::from_str_radix(code_point, 16).unwrap())),
        "bytes" => encoder.bytes(&from_hex(value))?,
        "bytearray" => encoder.bytearray(&from_hex(value))?,
        _ => panic!("unknown kind {kind}"),
    }
    encoder.finish();
    Ok(encoder.take())
}

/// Moves what is buffered to the file.
fn flush(encoder: &mut Encoder, pieces: &mut Vec<Vec<u8>>) {
    pieces.push(encoder.written().to_vec());
    encoder.clear();
}

/// A list of bytes objects of these lengths, written to a file as a pickler does: at the boundaries of objects, and
/// around large payloads.
fn list_in_pieces(protocol: Protocol, lengths: &[usize]) -> Result<Vec<Vec<u8>>> {
    let mut encoder = Encoder::new(protocol);
    let mut pieces = Vec::new();
    encoder.start();
    assert!(!encoder.boundary());
    encoder.op(Opcode::EmptyList);
    if lengths.len() > 1 {
        encoder.op(Opcode::Mark);
    }
    for length in lengths {
        if encoder.boundary() {
            flush(&mut encoder, &mut pieces);
        }
        let data = vec![0; *length];
        if is_large(*length) {
            encoder.payload_header(Payload::Bytes, *length as u64)?;
            flush(&mut encoder, &mut pieces);
            pieces.push(data);
        } else {
            encoder.bytes(&data)?;
        }
    }
    match lengths.len() {
        0 => {}
        1 => encoder.op(Opcode::Append),
        _ => encoder.op(Opcode::Appends),
    }
    encoder.finish();
    flush(&mut encoder, &mut pieces);
    Ok(pieces)
}

/// The same in memory, large payloads included.
fn list_in_memory(protocol: Protocol, lengths: &[usize]) -> Result<Vec<u8>> {
    let mut encoder = Encoder::new(protocol);
    encoder.start();
    encoder.op(Opcode::EmptyList);
    if lengths.len() > 1 {
        encoder.op(Opcode::Mark);
    }
    for length in lengths {
        encoder.boundary();
        encoder.bytes(&vec![0; *length])?;
    }
    match lengths.len() {
        0 => {}
        1 => encoder.op(Opcode::Append),
        _ => encoder.op(Opcode::Appends),
    }
    encoder.finish();
    Ok(encoder.take())
}

#[test]
fn the_encoder_writes_what_the_c_pickler_writes() -> Result<()> {
    let mut kinds = std::collections::BTreeSet::new();
    for line in GOLDEN.lines().skip(1) {
        let [kind, protocol, value, golden] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not four columns: {line}");
        };
        kinds.insert(kind);
        let protocol = Protocol::from_number(protocol.parse().unwrap()).unwrap();
        if kind == "list" {
            let lengths: Vec<usize> = value.split_whitespace().map(|length| length.parse().unwrap()).collect();
            let pieces = list_in_pieces(protocol, &lengths)?;
            let mut result = vec![format!("{:08x}", crc32(&pieces.concat()))];
            result.extend(pieces.iter().map(|piece| piece.len().to_string()));
            assert_eq!(result.join(" "), golden, "{line}");
            assert_eq!(list_in_memory(protocol, &lengths)?, pieces.concat(), "{line}");
        } else {
            assert_eq!(pickle(kind, protocol, value)?, from_hex(golden), "{line}");
        }
    }
    assert_eq!(kinds.len(), 10, "{kinds:?}");
    Ok(())
}
