//! Images as bytes: what goes in comes out, and damage is always an error or another valid image.

use std::time::{Duration, Instant};

use flow_bytecode::{Const, ConstId, Op, StrId, Target, decode, disasm, encode, verify};
use proptest::prelude::*;

use crate::sample::sample;

#[test]
fn what_is_written_is_read_back() {
    let image = sample();
    let bytes = encode(&image);
    assert_eq!(decode(&bytes).as_ref(), Ok(&image));
    assert_eq!(encode(&decode(&bytes).unwrap()), bytes);
    let verified = verify(image).unwrap();
    assert_eq!(verified.hash(), verify(sample()).unwrap().hash());
}

#[test]
fn every_flipped_byte_is_noticed() {
    let bytes = encode(&sample());
    let begun = Instant::now();
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            assert!(decode(&damaged).is_err(), "byte {at}");
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn every_truncation_is_noticed() {
    let bytes = encode(&sample());
    for length in 0..bytes.len() {
        let error = decode(&bytes[..length]).unwrap_err();
        assert!(error.offset <= length, "{error}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(decode(&longer).is_err());
}

/// Damage that forged the hash as well: each byte behind the header, and sizes beyond all bounds.
#[test]
fn forged_bytes_never_crash_what_reads_them() {
    let bytes = encode(&sample());
    let mut accepted = 0;
    for at in 40..bytes.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at].wrapping_add(1)] {
            let mut forged = bytes.clone();
            forged[at] = value;
            rehash(&mut forged);
            if let Ok(image) = decode(&forged) {
                let _ = disasm(&image);
                accepted += usize::from(verify(image).is_ok());
            }
        }
    }
    assert!(accepted > 0, "some numbers may be others");
}

#[test]
fn a_count_beyond_the_file_is_an_error_and_allocates_little() {
    let mut bytes = encode(&sample());
    let strings = section_offset(&bytes, 0);
    // The count of strings: as many as a varint can say.
    bytes.splice(strings..=strings, [0xff, 0xff, 0xff, 0xff, 0x0f]);
    fix_table(&mut bytes, 4);
    let begun = Instant::now();
    let error = decode(&bytes).unwrap_err();
    assert_eq!(error.section, Some("strings"));
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
fn targets_within_targets_do_not_exhaust_the_stack() {
    let mut image = sample();
    let mut target = Target::End;
    for _ in 0..200 {
        target = Target::Many(vec![target]);
    }
    image.flows[0].joins[0].otherwise = Some(target);
    let bytes = encode(&image);
    assert_eq!(decode(&bytes).unwrap_err().section, Some("flows"));
}

#[test]
fn other_files_and_versions_are_named() {
    let bytes = encode(&sample());
    assert!(decode(b"#!/bin/sh").unwrap_err().message.contains("FLOWB"));
    let mut newer = bytes;
    newer[6] = 9;
    assert!(decode(&newer).unwrap_err().message.contains("version 9"));
}

#[test]
fn the_text_of_an_image_shows_code_under_its_source() {
    let text = disasm(&sample());
    assert!(text.contains("; main.flow:1  flow main() { … }"), "{text}");
    assert!(
        text.contains("join 0 AtLeast(1) of [left, right] Cancel -> both else end"),
        "{text}"
    );
}

proptest! {
    #[test]
    fn any_tables_are_read_back(strings in prop::collection::vec(".*", 0..20), ints in prop::collection::vec(any::<i64>(), 0..20), floats in prop::collection::vec(any::<f64>(), 0..5), parts in prop::collection::vec(any::<u32>(), 0..5)) {
        let mut image = sample();
        image.strings.extend(strings);
        image.consts.extend(ints.into_iter().map(Const::Int));
        image.consts.extend(floats.into_iter().filter(|value| !value.is_nan()).map(Const::Float));
        image.consts.push(Const::List(parts.iter().copied().map(ConstId).collect()));
        image.chunks[0].code.extend(parts.iter().map(|part| Op::Emit { name: StrId(*part), value: *part as u16 }));
        prop_assert_eq!(decode(&encode(&image)), Ok(image));
    }

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(decode(&bytes).is_err());
        let mut begun = b"FLOWB\0\x01\0".to_vec();
        begun.extend(&[0; 32]);
        begun.extend(bytes);
        rehash(&mut begun);
        prop_assert!(decode(&begun).is_err());
    }
}

fn rehash(bytes: &mut [u8]) {
    flow_bytecode::seal(bytes);
}

fn section_offset(bytes: &[u8], kind: usize) -> usize {
    let at = 44 + kind * 12 + 4;
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Section 0 has grown by so many bytes.
fn fix_table(bytes: &mut [u8], grown: u32) {
    for kind in 0..9 {
        let at = 44 + kind * 12 + if kind == 0 { 8 } else { 4 };
        let number = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) + grown;
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    rehash(bytes);
}
