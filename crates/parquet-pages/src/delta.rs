//! Encodes whole numbers by their differences (`DELTA_BINARY_PACKED` of Parquet's `Encodings.md`).

use super::Whole;
use super::pack::{GROUP, pack, varint, width_of, zigzag};

/// Differences of a block, which have their least one in common.
const BLOCK: usize = 128;
/// Groups of a block, each with a width of its own.
const GROUPS: usize = BLOCK / GROUP;

/// Appends numbers.
pub(super) fn encode<T: Whole>(numbers: &[T], out: &mut Vec<u8>) {
    varint(BLOCK as u64, out);
    varint(GROUPS as u64, out);
    varint(numbers.len() as u64, out);
    zigzag(numbers.first().map_or(0, |first| first.widen()), out);
    let mut rest = numbers;
    while rest.len() > 1 {
        let count = (rest.len() - 1).min(BLOCK);
        encode_block(&rest[..=count], out);
        rest = &rest[count..];
    }
}

/// Appends a block: the differences between neighbours.
fn encode_block<T: Whole>(numbers: &[T], out: &mut Vec<u8>) {
    let count = numbers.len() - 1;
    let mut differences = [T::default(); BLOCK];
    for (at, difference) in differences[..count].iter_mut().enumerate() {
        *difference = numbers[at + 1].minus(numbers[at]);
    }
    let least = differences[..count].iter().copied().min().unwrap_or_default();
    // What is beyond the last difference is packed as nothing.
    differences[count..].fill(least);
    zigzag(least.widen(), out);
    let mut above = [[0; GROUP]; GROUPS];
    let mut widths = [0; GROUPS];
    for (group, differences) in differences.chunks_exact(GROUP).enumerate() {
        let mut all = 0;
        for (slot, difference) in above[group].iter_mut().zip(differences) {
            *slot = difference.minus(least).bits();
            all |= *slot;
        }
        widths[group] = width_of(all) as u8;
    }
    out.extend_from_slice(&widths);
    for (group, numbers) in above.iter().enumerate().take(count.div_ceil(GROUP)) {
        pack(numbers, widths[group].into(), out);
    }
}
