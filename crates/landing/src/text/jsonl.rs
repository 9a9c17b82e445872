//! Turns rows into JSON, one object a line.

use super::cells::Cells;

/// What stands before each value: the name of its member.
pub(super) fn leads(names: &[&str]) -> Vec<Vec<u8>> {
    let lead = |(index, name): (usize, &&str)| {
        format!("{}{}:", if index == 0 { '{' } else { ',' }, serde_json::Value::from(*name))
            .into_bytes()
    };
    names.iter().enumerate().map(lead).collect()
}

pub(super) fn write_row(leads: &[Vec<u8>], cells: &[Cells<'_>], row: usize, out: &mut Vec<u8>) {
    for (lead, cells) in leads.iter().zip(cells) {
        out.extend_from_slice(lead);
        match (cells, cells.get(row)) {
            (_, None) => out.extend_from_slice(b"null"),
            (Cells::Texts(texts), Some(_)) => {
                serde_json::to_writer(&mut *out, texts.value(row)).expect("memory takes any text");
            }
            // Numbers as they are, but for those that JSON has not: NaN, INF, and -INF.
            (Cells::Written { is_literal: true, .. }, Some(text))
                if !matches!(text.last(), Some(b'N' | b'F')) =>
            {
                out.extend_from_slice(text)
            }
            (Cells::Written { .. }, Some(text)) => {
                out.push(b'"');
                out.extend_from_slice(text);
                out.push(b'"');
            }
        }
    }
    out.extend_from_slice(b"}\n");
}
