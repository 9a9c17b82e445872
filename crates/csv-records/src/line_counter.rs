//! Counts lines as an editor does: independent of quoting, at the speed of memory.

use memchr::{memchr_iter, memchr2_iter};

use crate::dialect::{Dialect, Terminator};
use crate::encoding::Units;

/// Counts line terminators in bytes that come block by block.
#[derive(Debug, Clone)]
pub struct LineCounter {
    terminator: Terminator,
    after_cr: bool,
    /// For UTF-16.
    units: Option<Units>,
    narrowed: Vec<u8>,
}

impl LineCounter {
    /// A counter for a dialect's terminator.
    pub fn new(dialect: &Dialect) -> Self {
        let units = dialect.units();
        Self { terminator: dialect.line_terminator, after_cr: false, units, narrowed: Vec::new() }
    }

    /// Terminators in the next bytes. A CR LF astride two blocks is counted with its CR.
    pub fn count(&mut self, block: &[u8]) -> u64 {
        let Some(units) = &mut self.units else { return self.count_ascii(block) };
        let mut narrowed = std::mem::take(&mut self.narrowed);
        narrowed.clear();
        units.push(block, &mut narrowed);
        let count = self.count_ascii(&narrowed);
        self.narrowed = narrowed;
        count
    }

    fn count_ascii(&mut self, block: &[u8]) -> u64 {
        let Some(last) = block.last() else { return 0 };
        let mut after_cr = std::mem::replace(&mut self.after_cr, *last == b'\r');
        match self.terminator {
            Terminator::Lf | Terminator::CrLf => memchr_iter(b'\n', block).count() as u64,
            Terminator::Cr => memchr_iter(b'\r', block).count() as u64,
            Terminator::Auto => {
                let mut count = 0;
                let mut next = 0;
                for at in memchr2_iter(b'\n', b'\r', block) {
                    let is_second = block[at] == b'\n' && after_cr && at == next;
                    count += u64::from(!is_second);
                    after_cr = block[at] == b'\r';
                    next = at + 1;
                }
                count
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Encoding;

    #[test]
    fn blocks_do_not_matter() {
        let text = b"\r\na\rb\nc\r\r\n\n\r\nd\re";
        for encoding in [Encoding::UTF_8, Encoding::UTF_16LE, Encoding::UTF_16BE] {
            let dialect = Dialect { encoding, ..Dialect::default() };
            let text = encoding.encode_ascii(text);
            for cut in 0..=text.len() {
                let mut counter = LineCounter::new(&dialect);
                assert_eq!(
                    counter.count(&text[..cut]) + counter.count(&text[cut..]),
                    8,
                    "{encoding} cut at {cut}"
                );
            }
        }
    }
}
