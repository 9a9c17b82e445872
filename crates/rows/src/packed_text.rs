//! Packs texts into numbers, so that neither telling them apart nor copying them takes a loop, or a
//! guess of the processor at their length.

/// Bytes of a short text, at most.
pub const MOST_BYTES: usize = 24;

/// A text of at most [`MOST_BYTES`]: its bytes, the first of them the lowest, filled up with zeros.
/// Together with the length that is all of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct PackedText {
    words: [u64; 3],
    length: u64,
}

impl PackedText {
    /// The text at `start..end` of `bytes`, if it is short and as many bytes as a short text may
    /// have lie there, whatever they are.
    #[inline(always)]
    pub fn of(bytes: &[u8], start: usize, end: usize) -> Option<Self> {
        let length = end.wrapping_sub(start);
        let around: &[u8; MOST_BYTES] =
            bytes.get(start..)?.first_chunk().filter(|_| length <= MOST_BYTES)?;
        if length <= 8 {
            // As most are: one word is all of them.
            let word = u64::from_le_bytes(*around.first_chunk()?);
            let kept = 8 * length as u32;
            return Some(Self {
                words: [word & !((!0 << (kept / 2)) << (kept - kept / 2)), 0, 0],
                length: length as u64,
            });
        }
        let word = |index: usize| {
            let at = index * 8;
            let mut word = [0; 8];
            word.copy_from_slice(&around[at..at + 8]);
            // All ones if the text reaches beyond the word: a shift by 64 is done in two steps.
            let kept = 8 * length.saturating_sub(at).min(8) as u32;
            u64::from_le_bytes(word) & !((!0 << (kept / 2)) << (kept - kept / 2))
        };
        Some(Self { words: [word(0), word(1), word(2)], length: length as u64 })
    }

    /// The first eight bytes as a number that is ordered as they are.
    #[inline(always)]
    pub fn prefix(self) -> u64 {
        self.words[0].swap_bytes()
    }

    /// The same for the same text, and hardly ever for another.
    #[inline(always)]
    pub fn hash(self) -> u64 {
        let [first, second, third] = self.words;
        if self.length <= 8 {
            return fold(first ^ 0x9e37_79b9_7f4a_7c15, self.length ^ 0xe703_7ed1_a0b4_28db);
        }
        fold(
            fold(first ^ 0x9e37_79b9_7f4a_7c15, second ^ 0xa076_1d64_78bd_642f) ^ third,
            self.length ^ 0xe703_7ed1_a0b4_28db,
        )
    }
}

impl PartialEq for PackedText {
    /// Word by word: whole, it would have to wait until the words of a text that was just read are
    /// in memory.
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let differences = |at: usize| self.words[at] ^ other.words[at];
        differences(0) | differences(1) | differences(2) | (self.length ^ other.length) == 0
    }
}

impl Eq for PackedText {}

/// Bytes that are copied at once, whatever of them belongs to a text.
pub const CHUNK: usize = 32;
const _: () = assert!(CHUNK >= MOST_BYTES);

/// Appends the text at `start..end` of `bytes` to `to`. A short one is copied together with what
/// comes after it, which the next one overwrites: that takes no look at its length.
#[inline(always)]
pub fn append(to: &mut Vec<u8>, bytes: &[u8], start: usize, end: usize) {
    let (length, text) = (to.len(), &bytes[start..end]);
    match bytes[start..].first_chunk::<CHUNK>() {
        Some(chunk) if text.len() <= CHUNK && to.capacity() - length >= CHUNK => {
            // SAFETY: there is room for the chunk, and the text is the beginning of what was just
            // written.
            unsafe {
                to.as_mut_ptr().add(length).cast::<[u8; CHUNK]>().write_unaligned(*chunk);
                to.set_len(length + text.len());
            }
        }
        _ => to.extend_from_slice(text),
    }
}

/// Both halves of a product, mixed (as in Wang Yi's wyhash,
/// <https://github.com/wangyi-fudan/wyhash>).
#[inline(always)]
pub fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_and_the_bytes_are_all_of_it() {
        let bytes = [b"abcdefghijklmnopqrstuvwx".as_slice(), &[0xff; 24]].concat();
        for start in 0..24 {
            for length in 0..=24 {
                let Some(short) = PackedText::of(&bytes, start, start + length) else {
                    panic!("{start} {length}")
                };
                let mut copy = bytes[start..start + length].to_vec();
                copy.resize(length + 24, b'x');
                assert_eq!(Some(short), PackedText::of(&copy, 0, length));
                assert_eq!(
                    Some(short.hash()),
                    PackedText::of(&copy, 0, length).map(PackedText::hash)
                );
                let other = PackedText::of(&copy, 0, (length + 1).min(24));
                assert_eq!(length == 24, other == Some(short));
            }
        }
        assert_eq!(PackedText::of(&bytes, 0, 25), None);
        assert_eq!(PackedText::of(&bytes, 30, 31), None);
    }
}
