//! Finds the least and the greatest value of a page or a chunk.

/// Most bytes of a text that are kept as a bound.
const MOST_BYTES: usize = 64;

/// Of values that can be compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds<T> {
    pub(super) least: T,
    pub(super) greatest: T,
}

impl<T: PartialOrd + Copy> Bounds<T> {
    /// The bounds of some values; `None`: there are none, or none that can be compared.
    pub(super) fn of(values: impl Iterator<Item = T>) -> Option<Self> {
        let mut values = values.filter(|value| value.partial_cmp(value).is_some());
        let first = values.next()?;
        let bounds = Self { least: first, greatest: first };
        Some(values.fold(bounds, |Self { least, greatest }, value| Self {
            least: if value < least { value } else { least },
            greatest: if value > greatest { value } else { greatest },
        }))
    }

    /// Of these values and others.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            least: if other.least < self.least { other.least } else { self.least },
            greatest: if other.greatest > self.greatest { other.greatest } else { self.greatest },
        }
    }
}

/// Of texts, by their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TextBounds(Option<(Bound, Bound)>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    text: Vec<u8>,
    prefix: u64,
}

/// A bound that may have been cut: then it is not a value, but none is beyond it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) bytes: Vec<u8>,
    pub(super) is_exact: bool,
}

impl TextBounds {
    /// Takes a text in.
    #[inline(always)]
    pub(super) fn widen(&mut self, text: &[u8]) {
        let prefix = prefix_of(text);
        if let Some((least, greatest)) = &self.0
            && prefix > least.prefix
            && prefix < greatest.prefix
        {
            return;
        }
        self.widen_slowly(text, prefix);
    }

    fn widen_slowly(&mut self, text: &[u8], prefix: u64) {
        let bound = || Bound { text: text.to_vec(), prefix };
        match &mut self.0 {
            None => self.0 = Some((bound(), bound())),
            Some((least, greatest)) => {
                if text < least.text.as_slice() {
                    *least = bound();
                }
                if text > greatest.text.as_slice() {
                    *greatest = bound();
                }
            }
        }
    }

    /// Takes other bounds in.
    pub(super) fn and(&mut self, other: &Self) {
        if let Some((least, greatest)) = &other.0 {
            self.widen_slowly(&least.text, least.prefix);
            self.widen_slowly(&greatest.text, greatest.prefix);
        }
    }

    /// The least and the greatest text, cut to what readers of statistics may be given.
    pub(super) fn cut(&self) -> Option<(Cut, Cut)> {
        let (least, greatest) = self.0.as_ref()?;
        Some((cut_least(&least.text), cut_greatest(&greatest.text)))
    }
}

/// The first eight bytes as a number that is ordered as they are; what is missing is zero.
#[inline(always)]
fn prefix_of(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            for (slot, byte) in bytes.iter_mut().zip(text) {
                *slot = *byte;
            }
            u64::from_be_bytes(bytes)
        }
    }
}

/// The longest start of a text, in whole characters, that may be kept.
fn start_of(text: &[u8]) -> &[u8] {
    let is_continuation = |at: usize| text[at] & 0xc0 == 0x80;
    let end = (0..=MOST_BYTES).rev().find(|at| !is_continuation(*at)).unwrap_or_default();
    &text[..end]
}

fn cut_least(text: &[u8]) -> Cut {
    if text.len() <= MOST_BYTES {
        return Cut { bytes: text.to_vec(), is_exact: true };
    }
    Cut { bytes: start_of(text).to_vec(), is_exact: false }
}

/// What is greater than a text that is too long: its start, with the last character that has a
/// successor replaced by it.
fn cut_greatest(text: &[u8]) -> Cut {
    if text.len() > MOST_BYTES
        && let Ok(start) = std::str::from_utf8(start_of(text))
    {
        for (at, character) in start.char_indices().rev() {
            let next = (character as u32 + 1..=char::MAX as u32).find_map(char::from_u32);
            if let Some(next) = next {
                return Cut {
                    bytes: format!("{}{next}", &start[..at]).into_bytes(),
                    is_exact: false,
                };
            }
        }
    }
    Cut { bytes: text.to_vec(), is_exact: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_bounds_are_cut_between_characters() {
        let mut bounds = TextBounds::default();
        let long = format!("{}é{}", "a".repeat(63), "z".repeat(20));
        bounds.widen(long.as_bytes());
        let (least, greatest) = bounds.cut().expect("there is a text");
        assert_eq!((least.bytes.len(), least.is_exact), (63, false));
        assert!(
            !greatest.is_exact
                && greatest.bytes.as_slice() > long.as_bytes()
                && greatest.bytes.len() == 63
        );
        let mut last = TextBounds::default();
        last.widen("\u{10ffff}".repeat(30).as_bytes());
        assert!(
            last.cut()
                .is_some_and(|(_, greatest)| greatest.is_exact && greatest.bytes.len() == 120)
        );
    }

    #[test]
    fn texts_with_the_same_start_are_compared_as_a_whole() {
        let mut bounds = TextBounds::default();
        for text in ["abcdefgh2", "abcdefgh", "abcdefgh10", "abcdefgh9", ""] {
            bounds.widen(text.as_bytes());
        }
        let (least, greatest) = bounds.cut().expect("there are texts");
        assert_eq!(
            (least.bytes.as_slice(), greatest.bytes.as_slice()),
            (b"".as_slice(), b"abcdefgh9".as_slice())
        );
    }
}
