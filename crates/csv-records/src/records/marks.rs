//! Turns bytes into marks: bits that say where the bytes that matter are, 64 bytes at a time. Marks
//! and [`ends`] hold the only unsafe code of the reader.
//!
//! Marks say nothing about quoting: they depend on the bytes alone, so reading may begin again at
//! any byte.

use super::ends::{self, Ends};
use super::rows::Field;

/// Bytes in a block: one for each bit of a mark.
pub(super) const BLOCK: usize = 64;

/// The bytes to look for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needles {
    pub(super) delimiter: u8,
    pub(super) quote: u8,
    pub(super) lf: u8,
    pub(super) cr: u8,
    pub(super) escape: Option<u8>,
    /// Either of them is a space.
    pub(super) spaces: Option<[u8; 2]>,
    /// The first byte of a byte order mark.
    pub(super) mark: Option<u8>,
    pub(super) comment: Option<u8>,
}

/// Which bytes of a block are which: bit i for the byte at i.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) delimiter: u64,
    pub(super) quote: u64,
    pub(super) lf: u64,
    pub(super) cr: u64,
    pub(super) escape: u64,
    pub(super) space: u64,
    /// What makes a row irregular that begins with it.
    pub(super) start: u64,
}

impl Marks {
    /// The marks at the bits of `mask`.
    #[inline(always)]
    pub(super) fn only(self, mask: u64) -> Self {
        Self {
            delimiter: self.delimiter & mask,
            quote: self.quote & mask,
            lf: self.lf & mask,
            cr: self.cr & mask,
            escape: self.escape & mask,
            space: self.space & mask,
            start: self.start & mask,
        }
    }

    #[inline(always)]
    fn of(needles: Needles, mut equal: impl FnMut(u8) -> u64) -> Self {
        Self {
            delimiter: equal(needles.delimiter),
            quote: equal(needles.quote),
            lf: equal(needles.lf),
            cr: equal(needles.cr),
            escape: needles.escape.map_or(0, &mut equal),
            space: needles.spaces.map_or(0, |[one, other]| equal(one) | equal(other)),
            start: needles.mark.map_or(0, &mut equal) | needles.comment.map_or(0, &mut equal),
        }
    }
}

/// What is done with the marks of blocks. `run` is compiled once for each kind of processor, so it
/// and what it calls are to be `#[inline(always)]`.
pub(super) trait Work {
    type Output;

    /// Does the work, given what marks a block, and what appends the fields that end in one.
    fn run(
        self,
        mark: impl Fn(&[u8; BLOCK]) -> Marks,
        push: impl Fn(Ends, &mut Vec<Field>),
    ) -> Self::Output;
}

/// Does `work` with the best instructions that this processor has.
pub(super) fn with_marks<W: Work>(needles: Needles, work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    {
        let counts_bits = x86::counts_bits();
        if counts_bits
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi2")
        {
            // SAFETY: the processor has all that `avx512vbmi2` is compiled for, as was just asked.
            return unsafe { x86::avx512vbmi2(needles, work) };
        }
        if counts_bits && is_x86_feature_detected!("avx512bw") {
            // SAFETY: the processor has all that `avx512` is compiled for, as was just asked.
            return unsafe { x86::avx512(needles, work) };
        }
        if counts_bits && is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has all that `avx2` is compiled for, as was just asked.
            return unsafe { x86::avx2(needles, work) };
        }
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { x86::sse2(needles, work) }
    }
    #[cfg(target_arch = "aarch64")]
    {
        work.run(|block| Marks::of(needles, |needle| arm::equal(block, needle)), ends::push)
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        plain(needles, work)
    }
}

/// The definition, which the others are tested against.
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn plain<W: Work>(needles: Needles, work: W) -> W::Output {
    let equal = |block: &[u8; BLOCK], needle| {
        block.iter().enumerate().fold(0, |mask, (at, byte)| mask | u64::from(*byte == needle) << at)
    };
    work.run(|block| Marks::of(needles, |needle| equal(block, needle)), ends::push)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, Marks, Needles, Work, ends};

    /// Whether the processor has the instructions for bits that came with AVX2.
    pub(super) fn counts_bits() -> bool {
        is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
    }

    #[target_feature(enable = "avx512bw,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn avx512vbmi2<W: Work>(needles: Needles, work: W) -> W::Output {
        work.run(|block| mark(needles, block), |ends, fields| ends::x86::push(ends, fields))
    }

    #[target_feature(enable = "avx512bw,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn avx512<W: Work>(needles: Needles, work: W) -> W::Output {
        work.run(|block| mark(needles, block), ends::push)
    }

    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn mark(needles: Needles, block: &[u8; BLOCK]) -> Marks {
        // SAFETY: a block is 64 readable bytes, and the load needs no alignment.
        let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
        Marks::of(needles, |needle| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(needle as i8)))
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn avx2<W: Work>(needles: Needles, work: W) -> W::Output {
        work.run(
            |block: &[u8; BLOCK]| {
                let halves = block.as_chunks::<32>().0;
                // SAFETY: each half is 32 readable bytes, and the load needs no alignment.
                let halves =
                    [0, 1].map(|half| unsafe { _mm256_loadu_si256(halves[half].as_ptr().cast()) });
                Marks::of(needles, |needle| {
                    let needle = _mm256_set1_epi8(needle as i8);
                    let [low, high] = halves
                        .map(|half| _mm256_movemask_epi8(_mm256_cmpeq_epi8(half, needle)) as u32);
                    u64::from(low) | u64::from(high) << 32
                })
            },
            ends::push,
        )
    }

    #[target_feature(enable = "sse2")]
    pub(super) fn sse2<W: Work>(needles: Needles, work: W) -> W::Output {
        work.run(
            |block: &[u8; BLOCK]| {
                let quarters = block.as_chunks::<16>().0;
                // SAFETY: each quarter is 16 readable bytes, and the load needs no alignment.
                let quarters = [0, 1, 2, 3]
                    .map(|quarter| unsafe { _mm_loadu_si128(quarters[quarter].as_ptr().cast()) });
                Marks::of(needles, |needle| {
                    let needle = _mm_set1_epi8(needle as i8);
                    let masks = quarters
                        .map(|quarter| _mm_movemask_epi8(_mm_cmpeq_epi8(quarter, needle)) as u64);
                    masks[0] | masks[1] << 16 | masks[2] << 32 | masks[3] << 48
                })
            },
            ends::push,
        )
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
        // SAFETY: NEON is part of every aarch64 target of Rust's standard library; the loads are of
        // 16 bytes that lie within `BITS` and `block`.
        unsafe {
            let bits = vld1q_u8(BITS.as_ptr());
            let needle = vdupq_n_u8(needle);
            let part =
                |at: usize| vandq_u8(vceqq_u8(vld1q_u8(block[at..at + 16].as_ptr()), needle), bits);
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

    struct MarksOf<'a>(&'a [[u8; BLOCK]]);

    impl Work for MarksOf<'_> {
        type Output = Vec<Marks>;

        fn run(
            self,
            mark: impl Fn(&[u8; BLOCK]) -> Marks,
            _: impl Fn(Ends, &mut Vec<Field>),
        ) -> Vec<Marks> {
            self.0.iter().map(mark).collect()
        }
    }

    fn usual_ends(block: &[u8; BLOCK]) -> u32 {
        block.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count() as u32
    }

    #[test]
    fn every_way_of_marking_agrees_with_the_definition() {
        let bytes: Vec<u8> = (0..BLOCK as u32 * 99)
            .map(|at| b"\"\r\n,a\0z\xFF"[(at.wrapping_mul(2_654_435_761) >> 13) as usize % 8])
            .collect();
        let blocks = bytes.as_chunks().0;
        let usual = Needles {
            delimiter: b',',
            quote: b'"',
            lf: b'\n',
            cr: b'\r',
            escape: None,
            spaces: None,
            mark: Some(0xFF),
            comment: None,
        };
        let odd = Needles {
            delimiter: 0,
            quote: 0,
            lf: b'z',
            cr: 255,
            escape: Some(b','),
            spaces: Some(*b"\r\n"),
            mark: None,
            comment: Some(b'a'),
        };
        for needles in [usual, odd] {
            let expected = plain(needles, MarksOf(blocks));
            assert_eq!(
                expected[1].lf.count_ones() as usize,
                blocks[1].iter().filter(|byte| **byte == needles.lf).count()
            );
            assert_eq!(
                expected[1].cr.trailing_zeros() as usize,
                blocks[1].iter().position(|byte| *byte == needles.cr).expect("it is frequent")
            );
            assert_eq!(
                expected[1].space.count_ones(),
                if needles.spaces.is_some() { usual_ends(&blocks[1]) } else { 0 }
            );
            assert_eq!(with_marks(needles, MarksOf(blocks)), expected);
            #[cfg(target_arch = "x86_64")]
            {
                // SAFETY: every x86-64 processor has SSE2.
                assert_eq!(unsafe { x86::sse2(needles, MarksOf(blocks)) }, expected);
                if x86::counts_bits() && is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has all that `avx2` is compiled for, as was just asked.
                    assert_eq!(unsafe { x86::avx2(needles, MarksOf(blocks)) }, expected);
                }
            }
        }
    }
}
