//! Where the bytes that matter are, 64 bytes at a time: the only unsafe code of the reader.
//!
//! Marks say nothing about quoting: they depend on the bytes alone, so reading may begin again anywhere without computing them anew.

/// Bytes in a block: one for each bit of a mark.
pub(super) const BLOCK: usize = 64;

/// The bytes to look for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needles {
    pub(super) delimiter: u8,
    pub(super) quote: u8,
    pub(super) lf: u8,
    pub(super) cr: u8,
}

/// Which bytes of a block are which: bit i for the byte at i.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) delimiter: u64,
    pub(super) quote: u64,
    pub(super) lf: u64,
    pub(super) cr: u64,
}

impl Marks {
    /// The marks at the bits of `mask`.
    #[inline]
    pub(super) fn only(self, mask: u64) -> Self {
        Self { delimiter: self.delimiter & mask, quote: self.quote & mask, lf: self.lf & mask, cr: self.cr & mask }
    }
}

/// Marks `bytes`, appending one entry per block to `marks`; the last block may be short.
pub(super) fn mark(bytes: &[u8], needles: Needles, marks: &mut Vec<Marks>) {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    mark_blocks(blocks, needles, marks);
    if !rest.is_empty() {
        let mut last = [0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        mark_blocks(&[last], needles, marks);
        if let Some(found) = marks.last_mut() {
            // The padding might be taken for a needle.
            let real = (1 << rest.len()) - 1;
            found.delimiter &= real;
            found.quote &= real;
            found.lf &= real;
            found.cr &= real;
        }
    }
}

/// Does `work`, compiled for the instructions of this processor that count bits, where the baseline has none. What is inlined into `work` profits.
#[inline]
pub(super) fn counting_bits<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
    {
        // SAFETY: the processor has all four, as was just asked.
        return unsafe { x86::counting_bits(work) };
    }
    work()
}

#[cfg(target_arch = "x86_64")]
fn mark_blocks(blocks: &[[u8; BLOCK]], needles: Needles, marks: &mut Vec<Marks>) {
    if is_x86_feature_detected!("avx512bw") {
        // SAFETY: the processor has AVX-512BW, as was just asked.
        unsafe { x86::avx512(blocks, needles, marks) }
    } else if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as was just asked.
        unsafe { x86::avx2(blocks, needles, marks) }
    } else {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { x86::sse2(blocks, needles, marks) }
    }
}

#[cfg(target_arch = "aarch64")]
fn mark_blocks(blocks: &[[u8; BLOCK]], needles: Needles, marks: &mut Vec<Marks>) {
    marks.extend(blocks.iter().map(|block| marks_of(needles, |needle| arm::equal(block, needle))));
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn mark_blocks(blocks: &[[u8; BLOCK]], needles: Needles, marks: &mut Vec<Marks>) {
    marks.extend(blocks.iter().map(|block| marks_of(needles, |needle| plain(block, needle))));
}

#[inline(always)]
fn marks_of(needles: Needles, mut equal: impl FnMut(u8) -> u64) -> Marks {
    Marks { delimiter: equal(needles.delimiter), quote: equal(needles.quote), lf: equal(needles.lf), cr: equal(needles.cr) }
}

/// The definition, which the others are tested against.
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn plain(block: &[u8; BLOCK], needle: u8) -> u64 {
    block.iter().enumerate().fold(0, |mask, (at, byte)| mask | u64::from(*byte == needle) << at)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, Marks, Needles, marks_of};

    #[target_feature(enable = "bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn counting_bits<R>(work: impl FnOnce() -> R) -> R {
        work()
    }

    #[target_feature(enable = "avx512bw")]
    pub(super) fn avx512(blocks: &[[u8; BLOCK]], needles: Needles, marks: &mut Vec<Marks>) {
        marks.extend(blocks.iter().map(|block| {
            // SAFETY: a block is 64 readable bytes, and the load needs no alignment.
            let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
            marks_of(needles, |needle| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(needle as i8)))
        }));
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(blocks: &[[u8; BLOCK]], needles: Needles, marks: &mut Vec<Marks>) {
        marks.extend(blocks.iter().map(|block| {
            let (halves, _) = block.as_chunks::<32>();
            // SAFETY: each half is 32 readable bytes, and the load needs no alignment.
            let halves = [0, 1].map(|half| unsafe { _mm256_loadu_si256(halves[half].as_ptr().cast()) });
            marks_of(needles, |needle| {
                let needle = _mm256_set1_epi8(needle as i8);
                let [low, high] = halves.map(|half| _mm256_movemask_epi8(_mm256_cmpeq_epi8(half, needle)) as u32);
                u64::from(low) | u64::from(high) << 32
            })
        }));
    }

    #[target_feature(enable = "sse2")]
    pub(super) fn sse2(blocks: &[[u8; BLOCK]], needles: Needles, marks: &mut Vec<Marks>) {
        marks.extend(blocks.iter().map(|block| {
            let (quarters, _) = block.as_chunks::<16>();
            // SAFETY: each quarter is 16 readable bytes, and the load needs no alignment.
            let quarters = [0, 1, 2, 3].map(|quarter| unsafe { _mm_loadu_si128(quarters[quarter].as_ptr().cast()) });
            marks_of(needles, |needle| {
                let needle = _mm_set1_epi8(needle as i8);
                let masks = quarters.map(|quarter| _mm_movemask_epi8(_mm_cmpeq_epi8(quarter, needle)) as u64);
                masks[0] | masks[1] << 16 | masks[2] << 32 | masks[3] << 48
            })
        }));
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::*;

    use super::BLOCK;

    /// Which bytes of `block` are `needle`.
    #[inline(always)]
    pub(super) fn equal(block: &[u8; BLOCK], needle: u8) -> u64 {
        const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
        // SAFETY: NEON is part of every aarch64 target of Rust's standard library; the loads are of 16 bytes that lie within `BITS` and `block`.
        unsafe {
            let bits = vld1q_u8(BITS.as_ptr());
            let needle = vdupq_n_u8(needle);
            let part = |at: usize| vandq_u8(vceqq_u8(vld1q_u8(block[at..at + 16].as_ptr()), needle), bits);
            // Three rounds of adding neighbours leave in each byte the eight bits of eight bytes.
            let low = vpaddq_u8(part(0), part(16));
            let high = vpaddq_u8(part(32), part(48));
            let all = vpaddq_u8(low, high);
            vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(all, all)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way of marking that this processor has agrees with the definition, for every length and for padding that looks like a needle.
    #[test]
    fn marks_are_where_the_bytes_are() {
        let bytes: Vec<u8> = (0..1000_u32).map(|at| b"\"\r\n,a\0z"[(at.wrapping_mul(2_654_435_761) >> 13) as usize % 7]).collect();
        for needles in
            [Needles { delimiter: b',', quote: b'"', lf: b'\n', cr: b'\r' }, Needles { delimiter: 0, quote: 0, lf: b'z', cr: 255 }]
        {
            for length in (0..200).chain([1000]) {
                let bytes = &bytes[..length];
                let mut expected = vec![Marks::default(); length.div_ceil(BLOCK)];
                for (at, byte) in bytes.iter().enumerate() {
                    let bit = |needle| u64::from(*byte == needle) << (at % BLOCK);
                    let marks = &mut expected[at / BLOCK];
                    marks.delimiter |= bit(needles.delimiter);
                    marks.quote |= bit(needles.quote);
                    marks.lf |= bit(needles.lf);
                    marks.cr |= bit(needles.cr);
                }
                let mut found = Vec::new();
                mark(bytes, needles, &mut found);
                assert_eq!(found, expected, "{length} bytes");

                let blocks = bytes.as_chunks().0;
                let whole = &expected[..blocks.len()];
                assert!(blocks.iter().zip(whole).all(|(block, marks)| marks_of(needles, |needle| plain(block, needle)) == *marks));
                #[cfg(target_arch = "x86_64")]
                {
                    let mut found = Vec::new();
                    // SAFETY: every x86-64 processor has SSE2.
                    unsafe { x86::sse2(blocks, needles, &mut found) };
                    assert_eq!(found, whole, "SSE2, {length} bytes");
                    if is_x86_feature_detected!("avx2") {
                        found.clear();
                        // SAFETY: the processor has AVX2, as was just asked.
                        unsafe { x86::avx2(blocks, needles, &mut found) };
                        assert_eq!(found, whole, "AVX2, {length} bytes");
                    }
                }
            }
        }
    }
}
