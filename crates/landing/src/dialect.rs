//! How records and fields are told apart (CSV Dialect vocabulary).

use serde::{Deserialize, Serialize};

/// How a file separates records and fields, once everything about it is settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Dialect {
    /// Separates fields.
    pub delimiter: u8,
    /// Encloses fields that hold delimiters, terminators or quotes; `None`: no byte does.
    pub quote_char: Option<u8>,
    /// Two quotes inside an enclosed field stand for one.
    pub double_quote: bool,
    /// Takes the meaning from the byte after it.
    pub escape_char: Option<u8>,
    /// What ends a record.
    pub line_terminator: Terminator,
    /// A row that starts with it is no record.
    pub comment_char: Option<u8>,
    /// Spaces after a delimiter are not part of the field.
    pub skip_initial_space: bool,
    /// Spaces and tabs around an unquoted field are not part of it.
    pub trim: bool,
    /// The first record (after `skip_rows`) names the fields.
    pub header: bool,
    /// Lines before the header that are no records.
    pub skip_rows: u32,
}

/// What ends a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Terminator {
    /// CR LF, LF or CR, each for itself, mixed as they come.
    Auto,
    /// LF only: a CR belongs to the field.
    Lf,
    /// CR LF only: a lone CR or LF belongs to the field.
    CrLf,
    /// CR only: an LF belongs to the field.
    Cr,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote_char: Some(b'"'),
            double_quote: true,
            escape_char: None,
            line_terminator: Terminator::Auto,
            comment_char: None,
            skip_initial_space: false,
            trim: false,
            header: true,
            skip_rows: 0,
        }
    }
}
