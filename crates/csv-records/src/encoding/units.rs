//! Turns UTF-16 into one byte a unit, so that code that reads bytes can read it.

use super::ByteOrder;

/// Stands for every unit that is not ASCII. No token of a dialect has one.
const OTHER: u8 = 0xFF;
/// Stands for a byte order mark, U+FEFF: at the start of a row it is no part of a field.
pub(crate) const NARROW_MARK: u8 = 0xFE;

/// Stands for the first unit that is not ASCII and has a meaning, and the bytes after it for the
/// next ones.
const FIRST_LETTER: u8 = 0x80;

/// Narrows UTF-16, which comes in blocks of any length.
#[derive(Debug, Clone)]
pub struct Units {
    order: ByteOrder,
    /// The first byte of a unit whose second is not there yet.
    half: Option<u8>,
    /// Units that are not ASCII and have a meaning.
    letters: Vec<u16>,
}

impl Units {
    /// Units whose bytes come in this order.
    pub fn new(order: ByteOrder) -> Self {
        Self::with_letters(order, Vec::new())
    }

    /// The same, where some that are not ASCII have a meaning: at most sixteen.
    pub(crate) fn with_letters(order: ByteOrder, letters: Vec<u16>) -> Self {
        Self { order, half: None, letters }
    }

    /// Appends a byte to `out` for each unit that the next bytes complete: a unit below 0x80 as
    /// that byte, a byte order mark as 0xFE, the units that have a meaning from 0x80 on, any other
    /// as 0xFF.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        if let (Some(first), Some((second, rest))) = (self.half, bytes.split_first()) {
            out.push(self.narrow([first, *second]));
            (self.half, bytes) = (None, rest);
        }
        let (units, rest) = bytes.as_chunks::<2>();
        match self.order {
            _ if !self.letters.is_empty() => {
                out.extend(units.iter().map(|unit| self.narrow(*unit)))
            }
            ByteOrder::Little => {
                out.extend(units.iter().map(|unit| narrow(ByteOrder::Little, *unit)))
            }
            ByteOrder::Big => out.extend(units.iter().map(|unit| narrow(ByteOrder::Big, *unit))),
        }
        self.half = self.half.or(rest.first().copied());
    }

    fn narrow(&self, unit: [u8; 2]) -> u8 {
        let byte = narrow(self.order, unit);
        if byte != OTHER {
            return byte;
        }
        let unit = match self.order {
            ByteOrder::Little => u16::from_le_bytes(unit),
            ByteOrder::Big => u16::from_be_bytes(unit),
        };
        letter(&self.letters, unit).unwrap_or(OTHER)
    }

    /// Whether the bytes so far end inside a unit.
    pub fn is_inside(&self) -> bool {
        self.half.is_some()
    }

    /// Says that no more bytes come: half a unit counts as one, which is not ASCII. Answers whether
    /// there was one.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> bool {
        let half = self.half.take();
        out.extend(half.map(|_| OTHER));
        half.is_some()
    }
}

/// The byte that stands for one of `letters`.
fn letter(letters: &[u16], unit: u16) -> Option<u8> {
    letters.iter().position(|letter| *letter == unit).map(|index| FIRST_LETTER + index as u8)
}

/// A text as it is narrowed, if each of its units has a byte of its own.
pub(crate) fn narrow_text(text: &str, letters: &[u16]) -> Option<Vec<u8>> {
    let narrow =
        |unit: u16| u8::try_from(unit).ok().filter(u8::is_ascii).or_else(|| letter(letters, unit));
    text.encode_utf16().map(narrow).collect()
}

#[inline(always)]
fn narrow(order: ByteOrder, [first, second]: [u8; 2]) -> u8 {
    let (low, high) = match order {
        ByteOrder::Little => (first, second),
        ByteOrder::Big => (second, first),
    };
    match (high, low) {
        (0, 0..0x80) => low,
        (0xFE, 0xFF) => NARROW_MARK,
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_any_length_give_the_same() {
        let bytes = b"a\0,\0\xe9\0\x3d\xd8\n\0\r";
        for cut in 0..=bytes.len() {
            let mut units = Units::new(ByteOrder::Little);
            let mut out = Vec::new();
            units.push(&bytes[..cut], &mut out);
            units.push(&bytes[cut..], &mut out);
            assert_eq!(out, b"a,\xff\xff\n", "cut at {cut}");
            assert!(units.is_inside() && units.finish(&mut out) && !units.finish(&mut out));
            assert_eq!(out, b"a,\xff\xff\n\xff");
        }
        let letters = vec![0xA7, 0x201D];
        assert_eq!(narrow_text("a§”,", &letters), Some(b"a\x80\x81,".to_vec()));
        assert_eq!(narrow_text("ä", &letters), None);
        let mut out = Vec::new();
        Units::with_letters(ByteOrder::Big, letters)
            .push(b"\0\xa7\x20\x1d\0\xe4\0a\xfe\xff", &mut out);
        assert_eq!(out, b"\x80\x81\xffa\xfe");
        let mut big = Vec::new();
        Units::new(ByteOrder::Big).push(b"\0a\x0a\0\0\n", &mut big);
        assert_eq!(big, b"a\xff\n");
    }
}
