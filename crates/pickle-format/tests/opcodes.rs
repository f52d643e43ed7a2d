//! The opcode table against `tests/format/opcodes.tsv`, which holds what `pickletools` says.

use pickle_format::argument::ArgumentSize;
use pickle_format::opcode::{OpcodeInfo, StackItem};
use pickle_format::{ArgumentKind, Opcode};

const GOLDEN: &str = include_str!("../../../tests/format/opcodes.tsv");

fn stack(items: &[StackItem]) -> String {
    items.iter().map(|item| item.name()).collect::<Vec<_>>().join(" ")
}

fn size(argument: ArgumentKind) -> String {
    match argument.size() {
        ArgumentSize::Fixed(bytes) => format!("{bytes} bytes"),
        ArgumentSize::Lines(lines) => format!("{lines} lines"),
        ArgumentSize::Counted { width, signed } => format!("counted by {}{width}", if signed { 'i' } else { 'u' }),
    }
}

#[test]
fn the_table_is_that_of_pickletools() {
    let table: Vec<String> = Opcode::ALL
        .iter()
        .map(|opcode| {
            let OpcodeInfo { name, argument, protocol, before, after, .. } = *opcode.info();
            let columns = [
                name.to_owned(),
                format!("{:#04x}", opcode.byte()),
                argument.name().to_owned(),
                size(argument),
                protocol.number().to_string(),
                stack(before),
                stack(after),
            ];
            columns.join("\t")
        })
        .collect();
    let golden: Vec<&str> = GOLDEN.lines().skip(1).collect();
    assert_eq!(table, golden);
}

#[test]
fn an_opcode_and_its_byte_are_one() {
    for opcode in Opcode::ALL {
        assert_eq!(Opcode::from_byte(opcode.byte()), Some(*opcode));
        assert_eq!(opcode.protocol(), opcode.info().protocol);
    }
    let bytes = (0..=u8::MAX).filter(|byte| Opcode::from_byte(*byte).is_some()).count();
    assert_eq!(bytes, Opcode::ALL.len());
    assert_eq!(bytes, 68);
}

#[test]
fn every_kind_of_argument_has_an_opcode() {
    for kind in ArgumentKind::ALL {
        assert!(Opcode::ALL.iter().any(|opcode| opcode.info().argument == *kind), "{}", kind.name());
    }
}
