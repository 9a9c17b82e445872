//! Turns rows into CSV, as RFC 4180 has it.

use std::sync::LazyLock;

use super::cells::Cells;

/// Knows which fields have to be quoted.
static QUOTING: LazyLock<csv_core::Writer> = LazyLock::new(csv_core::Writer::new);

/// What texts may begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginnings {
    /// Anything.
    Any,
    /// Nothing that makes a spreadsheet take them for a formula: such texts get an apostrophe in
    /// front, as OWASP says.
    NoFormula,
}

impl Beginnings {
    fn guard(self, text: &[u8]) -> &'static [u8] {
        /// The wide forms of `=`, `+`, `-` and `@`, too.
        const WIDE: [&[u8]; 4] =
            ["＝".as_bytes(), "＋".as_bytes(), "－".as_bytes(), "＠".as_bytes()];
        let is_formula =
            matches!(text.first(), Some(b'\0' | b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n'))
                || WIDE.iter().any(|wide| text.starts_with(wide));
        if self == Self::NoFormula && is_formula { b"'" } else { b"" }
    }
}

/// The line that a file begins with.
pub(super) fn header(names: &[&str], beginnings: Beginnings) -> Vec<u8> {
    let mut line = Vec::new();
    for (lead, name) in leads(names.len()).iter().zip(names) {
        line.extend_from_slice(lead);
        write_text(name.as_bytes(), beginnings, &mut line);
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// What stands before each field.
pub(super) fn leads(columns: usize) -> Vec<Vec<u8>> {
    (0..columns).map(|column| if column == 0 { Vec::new() } else { vec![b','] }).collect()
}

pub(super) fn write_row(
    leads: &[Vec<u8>],
    cells: &[Cells<'_>],
    row: usize,
    beginnings: Beginnings,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    for (lead, cells) in leads.iter().zip(cells) {
        out.extend_from_slice(lead);
        match (cells, cells.get(row)) {
            (_, None) => {}
            (Cells::Texts(_), Some(text)) => write_text(text, beginnings, out),
            // Numbers and moments have no character that has to be quoted, and a sign makes no
            // formula of them.
            (Cells::Written { .. }, Some(text)) => out.extend_from_slice(text),
        }
    }
    if out.len() == start {
        out.extend_from_slice(b"\"\"");
    }
    out.extend_from_slice(b"\r\n");
}

/// A text, in quotes where it must be and where it is empty: without them it would be null.
fn write_text(text: &[u8], beginnings: Beginnings, out: &mut Vec<u8>) {
    let guard = beginnings.guard(text);
    if !text.is_empty() && !QUOTING.should_quote(text) {
        out.extend_from_slice(guard);
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    out.extend_from_slice(guard);
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        out.push(b'"');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
