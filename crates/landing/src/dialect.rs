//! How records and fields are told apart (CSV Dialect vocabulary).

use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;

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
    /// How many records the header has; the names of a column are joined.
    pub header_rows: u32,
    /// Stands between the parts of a name that several header records make.
    pub header_join: String,
    /// Lines before the header that are no records.
    pub skip_rows: u32,
    /// Lines at the end of the source that are no records, whatever quotes they hold.
    pub footer_rows: u32,
    /// What stands for no value where it is not quoted, as it is written: escapes have no meaning in it.
    pub null_sequence: Option<String>,
    /// What becomes of blank rows.
    pub blank_rows: BlankRows,
    /// What becomes of records with another number of cells than there are columns.
    pub ragged_rows: RaggedRows,
    /// What the bytes stand for.
    pub encoding: Encoding,
}

/// What is said of a dialect: by a contract, or by the flags of a command. What is left out is to be sniffed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Dialect`")]
pub struct StatedDialect {
    pub delimiter: Option<u8>,
    /// `Some(None)`: it is said that there is none.
    pub quote_char: Option<Option<u8>>,
    pub double_quote: Option<bool>,
    /// `Some(None)`: it is said that there is none.
    pub escape_char: Option<Option<u8>>,
    pub line_terminator: Option<Terminator>,
    /// `Some(None)`: it is said that there is none.
    pub comment_char: Option<Option<u8>>,
    pub skip_initial_space: Option<bool>,
    pub trim: Option<bool>,
    pub header: Option<bool>,
    pub header_rows: Option<u32>,
    pub header_join: Option<String>,
    pub skip_rows: Option<u32>,
    pub footer_rows: Option<u32>,
    pub null_sequence: Option<String>,
    pub blank_rows: Option<BlankRows>,
    pub ragged_rows: Option<RaggedRows>,
}

/// What becomes of blank rows: those without a byte before their terminator, or with [`Dialect::trim`] nothing but spaces and tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BlankRows {
    /// They are no records.
    #[default]
    Skip,
    /// They are records, and at fault.
    Reject,
}

/// What becomes of records with another number of cells than there are columns. By default they are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RaggedRows {
    /// Too few cells: those that lack have no value.
    pub fill_short: bool,
    /// Too many cells: those past the last column are cut off.
    pub cut_long: bool,
    /// One cell too many, with nothing in it: every record ends with a delimiter.
    pub ignore_trailing_delimiter: bool,
}

impl From<Dialect> for StatedDialect {
    /// Everything is said but the encoding, which is no part of it.
    fn from(dialect: Dialect) -> Self {
        Self {
            delimiter: Some(dialect.delimiter),
            quote_char: Some(dialect.quote_char),
            double_quote: Some(dialect.double_quote),
            escape_char: Some(dialect.escape_char),
            line_terminator: Some(dialect.line_terminator),
            comment_char: Some(dialect.comment_char),
            skip_initial_space: Some(dialect.skip_initial_space),
            trim: Some(dialect.trim),
            header: Some(dialect.header),
            header_rows: Some(dialect.header_rows),
            header_join: Some(dialect.header_join),
            skip_rows: Some(dialect.skip_rows),
            footer_rows: Some(dialect.footer_rows),
            null_sequence: dialect.null_sequence,
            blank_rows: Some(dialect.blank_rows),
            ragged_rows: Some(dialect.ragged_rows),
        }
    }
}

impl StatedDialect {
    /// What is said, and for the rest what was guessed. The encoding is that of the guess.
    pub fn settle(&self, guess: &Dialect) -> Dialect {
        Dialect {
            delimiter: self.delimiter.unwrap_or(guess.delimiter),
            quote_char: self.quote_char.unwrap_or(guess.quote_char),
            double_quote: self.double_quote.unwrap_or(guess.double_quote),
            escape_char: self.escape_char.unwrap_or(guess.escape_char),
            line_terminator: self.line_terminator.unwrap_or(guess.line_terminator),
            comment_char: self.comment_char.unwrap_or(guess.comment_char),
            skip_initial_space: self.skip_initial_space.unwrap_or(guess.skip_initial_space),
            trim: self.trim.unwrap_or(guess.trim),
            header: self.header.unwrap_or(guess.header),
            header_rows: self.header_rows.unwrap_or(guess.header_rows),
            header_join: self.header_join.clone().unwrap_or_else(|| guess.header_join.clone()),
            skip_rows: self.skip_rows.unwrap_or(guess.skip_rows),
            footer_rows: self.footer_rows.unwrap_or(guess.footer_rows),
            null_sequence: self.null_sequence.clone().or_else(|| guess.null_sequence.clone()),
            blank_rows: self.blank_rows.unwrap_or(guess.blank_rows),
            ragged_rows: self.ragged_rows.unwrap_or(guess.ragged_rows),
            encoding: guess.encoding,
        }
    }
}

/// A byte as people write it: one ASCII character, `\t`, or any byte as `\x1f`.
pub fn parse_byte(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Some(*byte),
        b"\\t" => Some(b'\t'),
        [b'\\', b'x', _, _] => u8::from_str_radix(text.get(2..)?, 16).ok(),
        _ => None,
    }
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
            header_rows: 1,
            header_join: " ".to_owned(),
            skip_rows: 0,
            footer_rows: 0,
            null_sequence: None,
            blank_rows: BlankRows::Skip,
            ragged_rows: RaggedRows::default(),
            encoding: Encoding::UTF_8,
        }
    }
}

impl Dialect {
    /// Whether records can be told apart exactly in the encoding; the error says which byte stands in the way.
    pub fn check(&self) -> Result<(), String> {
        // A comment begins a row, where no later byte of a character can be.
        let comment = self.comment_char.filter(|byte| !byte.is_ascii());
        let roles = [
            ("delimiter", Some(self.delimiter)),
            ("quoteChar", self.quote_char),
            ("escapeChar", self.escape_char),
            ("commentChar", comment),
        ];
        for (role, byte) in roles {
            if let Some(byte) = byte.filter(|byte| self.encoding.may_be_inside(*byte)) {
                let (name, byte) = (self.encoding.name(), byte.escape_ascii());
                return Err(format!("`{byte}` can't be the {role} in {name}, where the same byte may be a part of another character"));
            }
        }
        Ok(())
    }

    /// A line terminator as the source writes it.
    pub fn newline(&self) -> Vec<u8> {
        let newline: &[u8] = match self.line_terminator {
            Terminator::Auto | Terminator::Lf => b"\n",
            Terminator::CrLf => b"\r\n",
            Terminator::Cr => b"\r",
        };
        self.encoding.encode_ascii(newline)
    }
}
