//! Packs numbers of a few bits each, one after the other, the lowest bit first.

/// Numbers that are packed at once.
pub(super) const GROUP: usize = 32;

/// Appends numbers of `width` bits each, at most 64, as 4 × `width` bytes.
pub(super) fn pack(numbers: &[u64; GROUP], width: u32, out: &mut Vec<u8>) {
    // A width that is known beforehand makes one run of shifts, without a branch.
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                $($width => pack_width::<$width>(numbers, out),)*
                _ => {}
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64);
}

#[inline(always)]
fn pack_width<const WIDTH: usize>(numbers: &[u64; GROUP], out: &mut Vec<u8>) {
    let mut bytes = [0; 8 * GROUP];
    let (mut word, mut bits, mut at) = (0_u64, 0, 0);
    for number in numbers {
        word |= number << bits;
        bits += WIDTH;
        if bits >= 64 {
            bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
            at += 8;
            bits -= 64;
            word = if bits == 0 { 0 } else { number >> (WIDTH - bits) };
        }
    }
    if bits > 0 {
        bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&bytes[..4 * WIDTH]);
}

/// Bits that a number needs.
#[inline]
pub(super) fn width_of(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

/// Appends a number in groups of seven bits, the lowest first (LEB128).
pub(super) fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a signed number, whose sign becomes the lowest bit.
pub(super) fn zigzag(number: i64, out: &mut Vec<u8>) {
    varint((number << 1 ^ number >> 63) as u64, out);
}
