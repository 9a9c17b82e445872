//! What a proposed contract says of how the source is read: its encoding, its dialect, and how columns are found.

use std::collections::HashMap;

use super::document::quoted;
use crate::dialect::{BlankRows, Dialect, RepeatedHeader, Terminator};
use crate::encoding::Encoding;
use crate::opening::Opening;

/// How the fields are called.
pub(super) struct Naming {
    pub(super) names: Vec<String>,
    /// The header can't be matched by name, so it is skipped and fields are read by their position; and why.
    pub(super) by_position: Option<&'static str>,
}

impl Naming {
    pub(super) fn new(opening: &Opening, columns: usize) -> Self {
        let given = if opening.dialect.header { opening.header.names.as_slice() } else { &[] };
        let mut names: Vec<String> = Vec::with_capacity(columns);
        let mut taken: HashMap<String, usize> = HashMap::new();
        let mut by_position = (columns == 0).then_some("there is none");
        for index in 0..columns {
            let name = given.get(index).map_or("", |name| trimmed(name));
            let is_reserved = ["_source", "_line", "_job"].contains(&name);
            let mut new = match name {
                "" => format!("column_{}", index + 1),
                name if is_reserved => format!("source{name}"),
                name => name.to_owned(),
            };
            while let Some(count) = taken.get_mut(&new) {
                *count += 1;
                new = format!("{new}_{count}");
                by_position = Some("two columns have the same name");
            }
            taken.insert(new.clone(), 1);
            if name.is_empty() && !given.is_empty() {
                by_position = Some("a column has no name");
            } else if is_reserved {
                by_position = Some("a column is called like a lineage column");
            }
            // As it stands in the header, unless that can't be.
            names.push(if new == name { given[index].clone() } else { new });
        }
        Self { names, by_position }
    }

    /// Takes spaces from around the names. Those between quotes would stay in the header.
    pub(super) fn trim(&mut self) {
        for name in self.names.iter_mut().filter(|name| trimmed(name).len() < name.len()) {
            *name = trimmed(name).to_owned();
            self.by_position = Some("there are spaces around names");
        }
    }
}

fn trimmed(name: &str) -> &str {
    name.trim_matches([' ', '\t'])
}

/// The encoding, if it is not the usual one, and the reason.
pub(super) fn encoding_of(opening: &Opening) -> Option<(String, String)> {
    let encoding = opening.dialect.encoding;
    let because = opening.evidence.iter().find(|evidence| evidence.property == "encoding").map(|evidence| evidence.because.clone());
    let because = because.unwrap_or_default();
    // Damage is told: or what is taken for it, where the beginning of the source is in an old encoding after all.
    let is_doubtful = encoding != Encoding::UTF_8 || because.contains("is not valid UTF-8");
    is_doubtful.then(|| (encoding.label(), because))
}

/// What the document says of the dialect: everything, so that the sniffing of later files can't come to another answer.
pub(super) fn dialect_of(opening: &Opening, naming: &Naming, trims: bool) -> Vec<(&'static str, String, String)> {
    let dialect = &opening.dialect;
    let because = |property: &str| {
        let found = opening.evidence.iter().find(|evidence| evidence.property == property);
        found.map_or_else(String::new, |evidence| evidence.because.clone())
    };
    let byte = |byte: Option<u8>| byte.map_or_else(|| "null".to_owned(), |byte| quoted(&char::from(byte).to_string()));
    let terminator = match dialect.line_terminator {
        Terminator::Auto => "auto",
        Terminator::Lf => "lf",
        Terminator::CrLf => "crlf",
        Terminator::Cr => "cr",
    };
    let said = [
        ("delimiter", delimiter(dialect)),
        ("quoteChar", byte(dialect.quote_char)),
        ("doubleQuote", dialect.double_quote.to_string()),
        ("escapeChar", byte(dialect.escape_char)),
        ("lineTerminator", terminator.to_owned()),
        ("commentChar", byte(dialect.comment_char)),
        ("skipInitialSpace", dialect.skip_initial_space.to_string()),
    ];
    let mut lines: Vec<_> = said.into_iter().map(|(name, value)| (name, value, because(name))).collect();
    if trims {
        lines.push(("trim", "true".to_owned(), "spaces stand around values that are no text".to_owned()));
    }
    match naming.by_position {
        None => {
            lines.push(("header", dialect.header.to_string(), because("header")));
            lines.push(("skipRows", dialect.skip_rows.to_string(), because("skipRows")));
        }
        Some(why) => {
            lines.push(("header", "false".to_owned(), format!("fields are read by their position: {why}")));
            // The line of a header that ends with the source is not counted as one that came to an end; nor is the last of the skipped ones, where the source ends in it.
            let row = opening.header_row();
            let skipped = opening.header.lines_before_data + u64::from(!row.is_empty() && !ends_line(dialect, row));
            let skipped = skipped.max(dialect.skip_rows.into());
            lines.push(("skipRows", skipped.to_string(), "up to the header, and with it".to_owned()));
        }
    }
    // What stands around the table, where something does.
    let mut line = |is_there: bool, name: &'static str, value: String| {
        if is_there {
            lines.push((name, value, because(name)));
        }
    };
    line(dialect.excel_text, "excelText", "true".to_owned());
    line(dialect.units_row && dialect.header, "unitsRow", "true".to_owned());
    line(dialect.repeated_header == RepeatedHeader::Skip, "repeatedHeader", "skip".to_owned());
    line(dialect.blank_rows == BlankRows::Keep, "blankRows", "keep".to_owned());
    line(dialect.null_sequence.is_some(), "nullSequence", quoted(dialect.null_sequence.as_deref().unwrap_or_default()));
    line(dialect.ragged_rows.ignore_trailing_delimiter, "raggedRows", "{ trailingDelimiter: ignore }".to_owned());
    if dialect.footer_rows > 0 {
        lines.push(("footerRows", dialect.footer_rows.to_string(), because("footerRows")));
    }
    lines
}

/// The delimiter as a contract writes it.
fn delimiter(dialect: &Dialect) -> String {
    match (dialect.delimiter.byte(), std::str::from_utf8(dialect.delimiter.as_bytes())) {
        (Some(byte), _) if !byte.is_ascii() => quoted(&format!("\\x{byte:02x}")),
        (_, Ok(text)) => quoted(text),
        (_, Err(_)) => {
            let mut text = Vec::new();
            dialect.encoding.decode(dialect.delimiter.as_bytes(), &mut text);
            quoted(&String::from_utf8_lossy(&text))
        }
    }
}

/// Whether the last unit of a row ends a line.
fn ends_line(dialect: &Dialect, row: &[u8]) -> bool {
    let ends: &[u8] = match dialect.line_terminator {
        Terminator::Auto => b"\n\r",
        Terminator::Lf | Terminator::CrLf => b"\n",
        Terminator::Cr => b"\r",
    };
    let is_whole = row.len().is_multiple_of(dialect.encoding.unit_bytes());
    is_whole && ends.iter().any(|end| row.ends_with(&dialect.encoding.encode_ascii(&[*end])))
}
