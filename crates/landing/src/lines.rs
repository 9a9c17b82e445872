//! Lines, counted as an editor would: independent of quoting, at the speed of memory.

use memchr::{memchr_iter, memchr2_iter};

use crate::dialect::Terminator;

/// Counts line terminators in bytes that come block by block.
#[derive(Debug, Clone)]
pub struct LineCounter {
    terminator: Terminator,
    after_cr: bool,
}

impl LineCounter {
    /// A counter for a dialect's terminator.
    pub fn new(terminator: Terminator) -> Self {
        Self { terminator, after_cr: false }
    }

    /// Terminators in the next bytes. A CR LF astride two blocks is counted with its CR.
    pub fn count(&mut self, block: &[u8]) -> u64 {
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

    #[test]
    fn blocks_do_not_matter() {
        let text = b"\r\na\rb\nc\r\r\n\n\r\nd\re";
        let whole = LineCounter::new(Terminator::Auto).count(text);
        assert_eq!(whole, 8);
        for cut in 0..=text.len() {
            let mut counter = LineCounter::new(Terminator::Auto);
            assert_eq!(counter.count(&text[..cut]) + counter.count(&text[cut..]), whole, "cut at {cut}");
        }
    }
}
