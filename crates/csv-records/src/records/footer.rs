//! Finds where the data ends: at the footer, whose lines are not records.

use crate::dialect::{Dialect, Terminator};
use crate::limits::FOOTER_BYTES;

/// Where the footer of a source begins, as an offset into its last bytes: at the last
/// [`Dialect::footer_rows`] lines, whatever quotes they hold. A terminator at the very end ends the
/// last line and begins none, and blank lines after the last one that is not blank do not count.
/// `None`: `tail`, which begins at a whole unit, does not reach back so far; `is_whole`: it is the
/// whole source, so then all of it is footer.
pub fn footer_start(dialect: &Dialect, tail: &[u8], is_whole: bool) -> Option<usize> {
    if dialect.footer_rows == 0 {
        // Without a footer half a unit at the end is data, and at fault.
        return Some(tail.len());
    }
    let Some(mut units) = dialect.units() else { return find(dialect, tail, is_whole) };
    let mut narrowed = Vec::with_capacity(tail.len() / 2);
    units.push(tail, &mut narrowed);
    // Half a unit at the end, which may be whole with what comes, is footer and begins no line.
    find(dialect, &narrowed, is_whole).map(|start| 2 * start)
}

fn find(dialect: &Dialect, tail: &[u8], is_whole: bool) -> Option<usize> {
    let terminator = dialect.line_terminator;
    let is_end = |byte: &u8| match byte {
        b'\n' => terminator != Terminator::Cr,
        b'\r' => terminator != Terminator::Lf,
        _ => false,
    };
    // A footer of blank lines alone is none, but where they begin is not known while the data may
    // be blank too.
    let mut start = match tail.iter().rposition(|byte| !is_end(byte)) {
        Some(last) => last + 1,
        None => return is_whole.then_some(0),
    };
    for _ in 0..dialect.footer_rows {
        let line = &tail[..start - terminator_bytes(terminator, &tail[..start])];
        let before = match terminator {
            Terminator::Lf | Terminator::CrLf => memchr::memrchr(b'\n', line),
            Terminator::Cr => memchr::memrchr(b'\r', line),
            Terminator::Auto => memchr::memrchr2(b'\r', b'\n', line),
        };
        match before {
            Some(before) => start = before + 1,
            None if is_whole => return Some(0),
            None => return None,
        }
    }
    Some(start)
}

/// Bytes of the terminator at the end of `bytes`, if there is one. The CR of a CR LF that alone
/// does not end lines may stay: it is none that is looked for.
fn terminator_bytes(terminator: Terminator, bytes: &[u8]) -> usize {
    match (terminator, bytes) {
        (Terminator::Auto, [.., b'\r', b'\n']) => 2,
        (Terminator::Auto | Terminator::Cr, [.., b'\r'])
        | (Terminator::Auto | Terminator::Lf | Terminator::CrLf, [.., b'\n']) => 1,
        _ => 0,
    }
}

/// Holds the footer of a stream back, as the end of a stream is not known before it comes.
#[derive(Debug, Clone)]
pub struct Holdback {
    dialect: Dialect,
    held: Vec<u8>,
    passed: Vec<u8>,
    at: u64,
}

impl Holdback {
    /// For a source that is read from its first byte on.
    pub fn new(dialect: &Dialect) -> Self {
        Self { dialect: dialect.clone(), held: Vec::new(), passed: Vec::new(), at: 0 }
    }

    /// Takes in the next bytes; answers those that are no footer whatever comes after them, and the
    /// byte of the source, from 0, at which they begin.
    ///
    /// # Errors
    ///
    /// [`LongFooter`]: so many lines have more than [`FOOTER_BYTES`].
    pub fn pass<'a>(&'a mut self, bytes: &'a [u8]) -> Result<(u64, &'a [u8]), LongFooter> {
        let passed = if self.dialect.footer_rows == 0 {
            bytes
        } else {
            self.held.extend_from_slice(bytes);
            // More bytes can only move the footer on.
            let start = footer_start(&self.dialect, &self.held, false).unwrap_or(0);
            if self.held.len() - start > FOOTER_BYTES {
                return Err(LongFooter { lines: self.dialect.footer_rows });
            }
            self.passed.clear();
            self.passed.extend(self.held.drain(..start));
            &self.passed
        };
        let at = self.at;
        self.at += passed.len() as u64;
        Ok((at, passed))
    }
}

/// A footer that has more bytes than [`FOOTER_BYTES`]: so many are held back while a source is
/// streamed, and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the last {lines} lines, which are skipped, have more than {FOOTER_BYTES} bytes")]
pub struct LongFooter {
    /// Lines of the footer, as the dialect says.
    pub lines: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Encoding;

    #[track_caller]
    fn check(terminator: Terminator, footer_rows: u32, data: &str, footer: &str) {
        for encoding in [Encoding::UTF_8, Encoding::UTF_16LE] {
            let dialect = Dialect {
                line_terminator: terminator,
                footer_rows,
                encoding,
                ..Dialect::default()
            };
            let source = encoding.encode_ascii(format!("{data}{footer}").as_bytes());
            let expected = encoding.encode_ascii(data.as_bytes());
            assert_eq!(
                footer_start(&dialect, &source, true),
                Some(expected.len()),
                "{data:?} {footer:?}"
            );
            for cut in 1..=source.len() {
                let mut holdback = Holdback::new(&dialect);
                let mut passed = Vec::new();
                for piece in source.chunks(cut) {
                    let (at, bytes) = holdback.pass(piece).expect("it is short");
                    assert_eq!(at, passed.len() as u64);
                    passed.extend_from_slice(bytes);
                }
                assert_eq!(passed, expected, "{data:?} {footer:?} in pieces of {cut}");
            }
        }
    }

    #[test]
    fn the_last_lines_are_the_footer() {
        use Terminator::{Auto, Cr, CrLf, Lf};
        check(Auto, 0, "a\nb", "");
        check(Auto, 1, "a\n", "b");
        check(Auto, 1, "a\n", "b\n");
        // Blank lines at the end do not count, those between do.
        check(Auto, 1, "a\n", "b\n\n");
        check(Auto, 1, "a\r\n", "b\r\n\r\n");
        check(Auto, 2, "a\nb\n", "\nc\n\n\n");
        check(Auto, 1, "a\n\n\n", "b");
        check(Auto, 1, "", "\n\n");
        check(Auto, 1, "a\r", "b\n\r");
        check(Auto, 3, "", "a\nb\n");
        check(Auto, 1, "", "a,b");
        check(Auto, 1, "", "");
        check(Auto, 1, "a\n\"b\n", "c\"\n");
        check(Lf, 1, "a\n", "b\rc\r\n");
        check(CrLf, 1, "a\r\n", "b\r\n");
        check(Cr, 1, "a\r", "b\n");
    }
}
