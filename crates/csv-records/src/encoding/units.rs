//! UTF-16 as one byte a unit, so that what reads bytes can read it.

use super::ByteOrder;

/// Stands for every unit that is not ASCII. No delimiter, quote or terminator is one.
const OTHER: u8 = 0xFF;
/// Stands for a byte order mark, U+FEFF: at the start of a row it is no part of a field.
pub(crate) const NARROW_MARK: u8 = 0xFE;

/// Narrows UTF-16, which comes in blocks of any length.
#[derive(Debug, Clone)]
pub struct Units {
    order: ByteOrder,
    /// The first byte of a unit whose second is not there yet.
    half: Option<u8>,
}

impl Units {
    /// Units whose bytes come in this order.
    pub fn new(order: ByteOrder) -> Self {
        Self { order, half: None }
    }

    /// Appends a byte to `out` for each unit that the next bytes complete: a unit below 0x80 as that byte, a byte order mark as 0xFE, any other as 0xFF.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        if let (Some(first), Some((second, rest))) = (self.half, bytes.split_first()) {
            out.push(narrow(self.order, [first, *second]));
            (self.half, bytes) = (None, rest);
        }
        let (units, rest) = bytes.as_chunks::<2>();
        match self.order {
            ByteOrder::Little => out.extend(units.iter().map(|unit| narrow(ByteOrder::Little, *unit))),
            ByteOrder::Big => out.extend(units.iter().map(|unit| narrow(ByteOrder::Big, *unit))),
        }
        self.half = self.half.or(rest.first().copied());
    }

    /// Whether the bytes so far end inside a unit.
    pub fn is_inside(&self) -> bool {
        self.half.is_some()
    }

    /// Says that no more bytes come: half a unit counts as one, which is not ASCII. Answers whether there was one.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> bool {
        let half = self.half.take();
        out.extend(half.map(|_| OTHER));
        half.is_some()
    }
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
        let mut big = Vec::new();
        Units::new(ByteOrder::Big).push(b"\0a\x0a\0\0\n", &mut big);
        assert_eq!(big, b"a\xff\n");
    }
}
