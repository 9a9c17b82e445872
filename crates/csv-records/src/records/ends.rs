//! Turns bits into fields: each bit is the end of one and the start of the next.

use super::marks::BLOCK;
use super::rows::Field;

/// The ends of the fields of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// Where the block lies in the window.
    pub(super) at: usize,
    /// The bytes that end fields. In a CR LF it is the CR.
    pub(super) ends: u64,
    /// Those that an LF follows which belongs to them.
    pub(super) cr_lf: u64,
    /// Where the first field starts.
    pub(super) field: usize,
}

impl Ends {
    /// Where the field after the last one starts.
    #[inline(always)]
    pub(super) fn next_field(self) -> usize {
        if self.ends == 0 {
            return self.field;
        }
        let bit = 63 - self.ends.leading_zeros();
        self.at + bit as usize + 1 + (self.cr_lf >> bit & 1) as usize
    }
}

/// Appends a field for each bit, as every processor can.
#[inline(always)]
pub(super) fn push(Ends { at, mut ends, cr_lf, mut field }: Ends, fields: &mut Vec<Field>) {
    if ends == 0 {
        return;
    }
    fields.reserve(BLOCK);
    let (count, length) = (ends.count_ones() as usize, fields.len());
    // Eights of them, whatever comes after the last: a loop of as many rounds as there are fields
    // ends where the processor does not expect it.
    for eight in fields.spare_capacity_mut()[..BLOCK]
        .as_chunks_mut::<8>()
        .0
        .iter_mut()
        .take(count.div_ceil(8))
    {
        for slot in eight {
            let bit = ends.trailing_zeros();
            let end = at + bit as usize;
            slot.write(Field::plain(field, end));
            field = end + 1 + (cr_lf >> (bit % u64::BITS) & 1) as usize;
            ends &= ends.wrapping_sub(1);
        }
    }
    // SAFETY: there is room for a block's fields, and at least so many were just written.
    unsafe { fields.set_len(length + count) };
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, Ends, Field};

    /// The numbers of the bytes of a block.
    const NUMBERS: [u8; BLOCK] = {
        let mut numbers = [0; BLOCK];
        let mut at = 0;
        while at < BLOCK {
            numbers[at] = at as u8;
            at += 1;
        }
        numbers
    };

    /// Appends a field for each bit, sixteen at once: the numbers of the bits are pressed together,
    /// and each start is the end before it and what ends there.
    #[inline]
    #[target_feature(enable = "avx512bw,avx512vbmi2,popcnt")]
    pub(in super::super) fn push(Ends { at, ends, cr_lf, field }: Ends, fields: &mut Vec<Field>) {
        if ends == 0 {
            return;
        }
        fields.reserve(BLOCK);
        let (count, length) = (ends.count_ones() as usize, fields.len());
        // SAFETY: there are 64 bytes of numbers to read.
        let numbers = unsafe { _mm512_loadu_si512(NUMBERS.as_ptr().cast()) };
        let lengths = _mm512_mask_blend_epi8(cr_lf, _mm512_set1_epi8(1), _mm512_set1_epi8(2));
        let mut last_bytes = _mm512_maskz_compress_epi8(ends, numbers);
        let mut next_bytes = _mm512_maskz_compress_epi8(ends, _mm512_add_epi8(numbers, lengths));
        let at = _mm512_set1_epi32(at as i32);
        let mut before = _mm512_set1_epi32(field as i32);
        let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        for sixteen in fields.spare_capacity_mut()[..BLOCK]
            .as_chunks_mut::<16>()
            .0
            .iter_mut()
            .take(count.div_ceil(16))
        {
            let ends =
                _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(last_bytes)), at);
            let next =
                _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(next_bytes)), at);
            let starts = _mm512_alignr_epi32::<15>(next, before);
            let slots: *mut __m512i = sixteen.as_mut_ptr().cast();
            // SAFETY: sixteen fields are two times 64 bytes, each field a start and an end without
            // flags as `Field::plain` has them; the stores need no alignment.
            unsafe {
                _mm512_storeu_si512(slots, _mm512_permutex2var_epi32(starts, low, ends));
                _mm512_storeu_si512(slots.add(1), _mm512_permutex2var_epi32(starts, high, ends));
            }
            before = next;
            last_bytes = _mm512_shuffle_i32x4::<0b00_11_10_01>(last_bytes, last_bytes);
            next_bytes = _mm512_shuffle_i32x4::<0b00_11_10_01>(next_bytes, next_bytes);
        }
        // SAFETY: there is room for a block's fields, and at least so many were just written.
        unsafe { fields.set_len(length + count) };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_way_of_pushing_agrees(at in 64..1_u32 << 30, ends in any::<u64>(), fewer in any::<u64>(), cr_lf in any::<u64>(), before in 0..40_usize, sparse in any::<bool>()) {
            let ends = if sparse { ends & fewer & cr_lf.rotate_left(7) } else { ends };
            // The LF of an end is no end.
            let ends = ends & !((ends & cr_lf) << 1);
            let block = Ends { at: at as usize, ends, cr_lf: cr_lf & ends, field: at as usize - before };
            let mut expected = vec![Field::default(); before];
            let mut start = block.field;
            for bit in (0..64).filter(|bit| ends >> bit & 1 == 1) {
                expected.push(Field::plain(start, block.at + bit));
                start = block.at + bit + 1 + (cr_lf >> bit & 1) as usize;
            }
            prop_assert_eq!(block.next_field(), start);
            let pushed = |push: &dyn Fn(Ends, &mut Vec<Field>)| {
                let mut fields = vec![Field::default(); before];
                push(block, &mut fields);
                fields
            };
            prop_assert_eq!(&pushed(&push), &expected);
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi2") {
                // SAFETY: the processor has all that it is compiled for, as was just asked.
                prop_assert_eq!(&pushed(&|ends, fields| unsafe { x86::push(ends, fields) }), &expected);
            }
        }
    }
}
