//! Encodes small numbers in runs: repeated ones as one, others packed (RLE / bit-packing hybrid of
//! Parquet's `Encodings.md`).

use super::pack::{GROUP, pack, varint};

/// A run of fewer than that many equal numbers is packed with those around it.
const LEAST_RUN: usize = 32;
/// Packed numbers come in eights.
const EIGHT: usize = 8;

/// Appends numbers of at most `width` bits.
pub(super) fn encode(numbers: &[u32], width: u32, out: &mut Vec<u8>) {
    let (mut packed_from, mut at) = (0, 0);
    while at + EIGHT <= numbers.len() {
        let first = numbers[at];
        if numbers[at..at + EIGHT]
            .iter()
            .fold(0, |differences, number| differences | (number ^ first))
            == 0
        {
            let run = numbers[at..].iter().take_while(|number| **number == first).count();
            if run >= LEAST_RUN {
                encode_packed(&numbers[packed_from..at], width, out);
                encode_run(first, run, width, out);
                at += run;
                packed_from = at;
                continue;
            }
        }
        at += EIGHT;
    }
    encode_packed(&numbers[packed_from..], width, out);
}

/// Appends `count` times the same number.
pub(super) fn encode_run(number: u32, count: usize, width: u32, out: &mut Vec<u8>) {
    varint((count as u64) << 1, out);
    out.extend_from_slice(&number.to_le_bytes()[..width.div_ceil(8) as usize]);
}

/// Appends one bit for each of `count` rows, read from `bits` on.
pub(super) fn encode_bits(bits: impl Iterator<Item = bool>, count: usize, out: &mut Vec<u8>) {
    varint((count.div_ceil(EIGHT) as u64) << 1 | 1, out);
    let start = out.len();
    out.resize(start + count.div_ceil(EIGHT), 0);
    for (at, bit) in bits.enumerate() {
        out[start + at / EIGHT] |= u8::from(bit) << (at % EIGHT);
    }
}

fn encode_packed(numbers: &[u32], width: u32, out: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    let eights = numbers.len().div_ceil(EIGHT);
    varint((eights as u64) << 1 | 1, out);
    let end = out.len() + eights * width as usize;
    for numbers in numbers.chunks(GROUP) {
        let mut group = [0; GROUP];
        group.iter_mut().zip(numbers).for_each(|(slot, number)| *slot = u64::from(*number));
        pack(&group, width, out);
    }
    out.truncate(end);
}
