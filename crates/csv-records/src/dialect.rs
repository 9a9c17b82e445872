//! How records and fields are told apart (CSV Dialect vocabulary).

use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;

/// How a file separates records and fields, once everything about it is settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Dialect {
    /// Separates fields.
    pub delimiter: Delimiter,
    /// Encloses fields that hold delimiters, terminators or quotes; `None`: no byte does.
    pub quote_char: Option<u8>,
    /// Two quotes inside an enclosed field stand for one.
    pub double_quote: bool,
    /// Takes the meaning from the byte after it.
    pub escape_char: Option<u8>,
    /// A quote may also stand after a `=` that begins the field, as spreadsheets write texts of digits: `="0042"`.
    pub excel_text: bool,
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
    /// The header has no label for the first column, which has the names of the rows, as R writes them: one with an empty
    /// label is put before the others.
    pub row_names: bool,
    /// The record under the header is none: it has the units of the columns.
    pub units_row: bool,
    /// What becomes of records that are the header again, cell for cell.
    pub repeated_header: RepeatedHeader,
    /// Lines before the header that are no records.
    pub skip_rows: u32,
    /// Lines at the end of the source that are no records, whatever quotes they hold. Blank lines after them do not count.
    pub footer_rows: u32,
    /// What stands for no value where it is not quoted, as it is written: escapes have no meaning in it.
    pub null_sequence: Option<String>,
    /// What becomes of blank rows.
    pub blank_rows: BlankRows,
    /// What becomes of records with another number of cells than there are columns.
    pub ragged_rows: RaggedRows,
    /// What the bytes stand for.
    pub encoding: Encoding,
    /// Nobody said so, and nothing but the look of the text tells it: cells that are UTF-8 after all are refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub encoding_is_guess: bool,
}

/// What is said of a dialect: by a contract, or by the flags of a command. What is left out is to be sniffed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Dialect`")]
pub struct StatedDialect {
    pub delimiter: Option<Delimiter>,
    /// `Some(None)`: it is said that there is none.
    pub quote_char: Option<Option<u8>>,
    pub double_quote: Option<bool>,
    pub excel_text: Option<bool>,
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
    pub row_names: Option<bool>,
    pub units_row: Option<bool>,
    pub repeated_header: Option<RepeatedHeader>,
    pub skip_rows: Option<u32>,
    pub footer_rows: Option<u32>,
    /// `Some(None)`: it is said that there is none.
    pub null_sequence: Option<Option<String>>,
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
    /// They are records in which no field has a value: of a table with one column, that is how a null is written.
    Keep,
}

/// What becomes of records that are the header again, cell for cell: of files that were put together with theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RepeatedHeader {
    /// They are at fault.
    #[default]
    Reject,
    /// They are filtered.
    Skip,
    /// They are records like any other.
    Keep,
}

impl BlankRows {
    /// All, by their words in a contract.
    pub const CHOICES: [(&'static str, Self); 3] = [("skip", Self::Skip), ("reject", Self::Reject), ("keep", Self::Keep)];
}

impl RepeatedHeader {
    /// All, by their words in a contract.
    pub const CHOICES: [(&'static str, Self); 3] = [("reject", Self::Reject), ("skip", Self::Skip), ("keep", Self::Keep)];
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
            excel_text: Some(dialect.excel_text),
            line_terminator: Some(dialect.line_terminator),
            comment_char: Some(dialect.comment_char),
            skip_initial_space: Some(dialect.skip_initial_space),
            trim: Some(dialect.trim),
            header: Some(dialect.header),
            header_rows: Some(dialect.header_rows),
            header_join: Some(dialect.header_join),
            row_names: Some(dialect.row_names),
            units_row: Some(dialect.units_row),
            repeated_header: Some(dialect.repeated_header),
            skip_rows: Some(dialect.skip_rows),
            footer_rows: Some(dialect.footer_rows),
            null_sequence: Some(dialect.null_sequence),
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
            excel_text: self.excel_text.unwrap_or(guess.excel_text),
            line_terminator: self.line_terminator.unwrap_or(guess.line_terminator),
            comment_char: self.comment_char.unwrap_or(guess.comment_char),
            skip_initial_space: self.skip_initial_space.unwrap_or(guess.skip_initial_space),
            trim: self.trim.unwrap_or(guess.trim),
            header: self.header.unwrap_or(guess.header),
            header_rows: self.header_rows.unwrap_or(guess.header_rows),
            header_join: self.header_join.clone().unwrap_or_else(|| guess.header_join.clone()),
            row_names: self.row_names.unwrap_or(guess.row_names),
            units_row: self.units_row.unwrap_or(guess.units_row),
            repeated_header: self.repeated_header.unwrap_or(guess.repeated_header),
            skip_rows: self.skip_rows.unwrap_or(guess.skip_rows),
            footer_rows: self.footer_rows.unwrap_or(guess.footer_rows),
            null_sequence: self.null_sequence.clone().unwrap_or_else(|| guess.null_sequence.clone()),
            blank_rows: self.blank_rows.unwrap_or(guess.blank_rows),
            ragged_rows: self.ragged_rows.unwrap_or(guess.ragged_rows),
            encoding: guess.encoding,
            encoding_is_guess: guess.encoding_is_guess,
        }
    }
}

/// What separates fields: one byte as a rule, up to eight otherwise (`||`, `~|~`, `§` in UTF-8), none of them a line break.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "DelimiterForm", into = "DelimiterForm")]
pub struct Delimiter {
    bytes: [u8; Self::MOST_BYTES],
    length: u8,
}

/// One byte is a number, as it always was.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum DelimiterForm {
    Byte(u8),
    Bytes(Vec<u8>),
}

impl Delimiter {
    /// Most bytes of one.
    pub const MOST_BYTES: usize = 8;

    /// These bytes as a delimiter, unless they are too many or none, or there are several and one is a line break.
    pub fn new(given: &[u8]) -> Option<Self> {
        let is_long = given.len() > 1;
        if given.is_empty() || given.len() > Self::MOST_BYTES || (is_long && given.iter().any(|byte| matches!(byte, b'\r' | b'\n'))) {
            return None;
        }
        let mut bytes = [0; Self::MOST_BYTES];
        bytes[..given.len()].copy_from_slice(given);
        Some(Self { bytes, length: given.len() as u8 })
    }

    /// A delimiter as people write it: a text, or one byte as [`parse_byte`] reads it.
    pub fn parse(text: &str) -> Option<Self> {
        parse_byte(text).map(Self::from).or_else(|| Self::new(text.as_bytes()))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length as usize]
    }

    /// The first of them.
    pub fn first(self) -> u8 {
        self.bytes[0]
    }

    /// Its byte, if it is but one.
    pub fn byte(self) -> Option<u8> {
        (self.length == 1).then_some(self.bytes[0])
    }

    /// The same text in an encoding of a source, where it was written in UTF-8. A single byte is that byte in all of them.
    pub fn in_encoding(self, encoding: Encoding) -> Option<Self> {
        match std::str::from_utf8(self.as_bytes()) {
            Ok(text) if !text.is_ascii() => encoding.encode(text).and_then(|bytes| Self::new(&bytes)),
            _ => Some(self),
        }
    }
}

impl From<u8> for Delimiter {
    fn from(byte: u8) -> Self {
        Self { bytes: [byte, 0, 0, 0, 0, 0, 0, 0], length: 1 }
    }
}

impl PartialEq<u8> for Delimiter {
    fn eq(&self, byte: &u8) -> bool {
        self.byte() == Some(*byte)
    }
}

impl std::fmt::Debug for Delimiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

impl std::fmt::Display for Delimiter {
    /// As text, where that can be seen.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match std::str::from_utf8(self.as_bytes()) {
            Ok(text) if !text.contains(|c: char| c.is_control() || c == '\'' || c == '"' || c == '\\') => f.write_str(text),
            _ => write!(f, "{}", self.as_bytes().escape_ascii()),
        }
    }
}

impl TryFrom<DelimiterForm> for Delimiter {
    type Error = &'static str;
    fn try_from(form: DelimiterForm) -> Result<Self, Self::Error> {
        match form {
            DelimiterForm::Byte(byte) => Ok(Self::from(byte)),
            DelimiterForm::Bytes(bytes) => Self::new(&bytes).ok_or("these bytes are no delimiter"),
        }
    }
}

impl From<Delimiter> for DelimiterForm {
    fn from(delimiter: Delimiter) -> Self {
        delimiter.byte().map_or_else(|| Self::Bytes(delimiter.as_bytes().to_vec()), Self::Byte)
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
            delimiter: Delimiter::from(b','),
            quote_char: Some(b'"'),
            double_quote: true,
            escape_char: None,
            excel_text: false,
            line_terminator: Terminator::Auto,
            comment_char: None,
            skip_initial_space: false,
            trim: false,
            header: true,
            header_rows: 1,
            header_join: " ".to_owned(),
            row_names: false,
            units_row: false,
            repeated_header: RepeatedHeader::Reject,
            skip_rows: 0,
            footer_rows: 0,
            null_sequence: None,
            blank_rows: BlankRows::Skip,
            ragged_rows: RaggedRows::default(),
            encoding: Encoding::UTF_8,
            encoding_is_guess: false,
        }
    }
}

impl Dialect {
    /// Whether records can be told apart exactly in the encoding; the error says which byte stands in the way.
    pub fn check(&self) -> Result<(), String> {
        // A comment begins a row, where no later byte of a character can be.
        let comment = self.comment_char.filter(|byte| !byte.is_ascii());
        let delimiter = self.delimiter.as_bytes();
        let others = [self.quote_char, self.escape_char, self.comment_char].into_iter().flatten();
        if self.delimiter.byte().is_none() {
            if let Some(byte) = others.into_iter().find(|byte| delimiter.contains(byte)) {
                return Err(format!("the delimiter `{}` can't hold `{}`, which has another meaning", self.delimiter, byte.escape_ascii()));
            }
            // Its characters are found whole in UTF-8, and nowhere else.
            let is_found = self.encoding == Encoding::UTF_8 && std::str::from_utf8(delimiter).is_ok();
            let is_inside = delimiter.iter().any(|byte| self.encoding.may_be_inside(*byte));
            if is_inside && !is_found {
                return Err(format!(
                    "`{}` can't be the delimiter in {}: it can't be told from parts of characters",
                    self.delimiter,
                    self.encoding.name()
                ));
            }
        }
        let roles = [
            ("delimiter", self.delimiter.byte()),
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

    /// A line that stands for one of a footer: not a blank one, as those at the end do not count.
    pub fn footer_line(&self) -> Vec<u8> {
        [self.encoding.encode_ascii(b"-"), self.newline()].concat()
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
