//! Describes how records and fields are told apart, in the vocabulary of CSV Dialect.

use serde::{Deserialize, Serialize};

use crate::encoding::{Encoding, Units, narrow_text};

pub use crate::token::{Token, parse_byte};

/// A unit of UTF-16 that may stand before any row.
const BYTE_ORDER_MARK: u16 = 0xFEFF;

/// How a file separates records and fields, once everything about it is settled. Its tokens are
/// UTF-8, as the values are; in the source they stand in its own encoding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Dialect {
    /// Separates fields.
    pub delimiter: Token,
    /// Encloses fields that hold delimiters, terminators or quotes; `None`: nothing does.
    pub quote_char: Option<Token>,
    /// Two quotes inside an enclosed field stand for one.
    pub double_quote: bool,
    /// Takes the meaning from the byte after it.
    pub escape_char: Option<Token>,
    /// A quote may also stand after a `=` that begins the field, as spreadsheets write texts of
    /// digits: `="0042"`.
    pub excel_text: bool,
    /// What ends a record.
    pub line_terminator: Terminator,
    /// A row that starts with it is no record.
    pub comment_char: Option<Token>,
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
    /// The header has no label for the first column, which has the names of the rows, as R writes
    /// them: one with an empty label is put before the others.
    pub row_names: bool,
    /// The record under the header is none: it has the units of the columns.
    pub units_row: bool,
    /// What becomes of records that are the header again, cell for cell.
    pub repeated_header: RepeatedHeader,
    /// Lines before the header that are not records.
    pub skip_rows: u32,
    /// Lines at the end of the source that are not records, whatever quotes they hold. Blank lines
    /// after them do not count.
    pub footer_rows: u32,
    /// What stands for no value where it is not quoted, as it is written: escapes have no meaning
    /// in it.
    pub null_sequence: Option<String>,
    /// What becomes of blank rows.
    pub blank_rows: BlankRows,
    /// What becomes of records with another number of cells than there are columns.
    pub ragged_rows: RaggedRows,
    /// What the bytes stand for.
    pub encoding: Encoding,
    /// Nobody said so, and nothing but the look of the text tells it: cells that are UTF-8 after
    /// all are refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub encoding_is_guess: bool,
}

/// What is said of a dialect: by a contract, or by the flags of a command. What is left out is to
/// be sniffed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Dialect`")]
pub struct StatedDialect {
    pub delimiter: Option<Token>,
    /// `Some(None)`: it is said that there is none.
    pub quote_char: Option<Option<Token>>,
    pub double_quote: Option<bool>,
    pub excel_text: Option<bool>,
    /// `Some(None)`: it is said that there is none.
    pub escape_char: Option<Option<Token>>,
    pub line_terminator: Option<Terminator>,
    /// `Some(None)`: it is said that there is none.
    pub comment_char: Option<Option<Token>>,
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

/// What becomes of blank rows: those without a byte before their terminator, or with
/// [`Dialect::trim`] nothing but spaces and tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BlankRows {
    /// They are not records.
    #[default]
    Skip,
    /// They are records, and at fault.
    Reject,
    /// They are records in which no field has a value: of a table with one column, that is how a
    /// null is written.
    Keep,
}

/// What becomes of records that are the header again, cell for cell: of files that were put
/// together with theirs.
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
    pub const CHOICES: [(&'static str, Self); 3] =
        [("skip", Self::Skip), ("reject", Self::Reject), ("keep", Self::Keep)];
}

impl RepeatedHeader {
    /// All, by their words in a contract.
    pub const CHOICES: [(&'static str, Self); 3] =
        [("reject", Self::Reject), ("skip", Self::Skip), ("keep", Self::Keep)];
}

/// What becomes of records with another number of cells than there are columns. By default they are
/// refused.
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
    /// The same dialect with text for those bytes that stand for text in the encoding of a source.
    pub fn in_text(&self, encoding: Encoding) -> Self {
        let change = |token: Token| token.in_text(encoding);
        Self {
            delimiter: self.delimiter.map(change),
            quote_char: self.quote_char.map(|quote| quote.map(change)),
            escape_char: self.escape_char.map(|escape| escape.map(change)),
            comment_char: self.comment_char.map(|comment| comment.map(change)),
            ..self.clone()
        }
    }

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
            null_sequence: self
                .null_sequence
                .clone()
                .unwrap_or_else(|| guess.null_sequence.clone()),
            blank_rows: self.blank_rows.unwrap_or(guess.blank_rows),
            ragged_rows: self.ragged_rows.unwrap_or(guess.ragged_rows),
            encoding: guess.encoding,
            encoding_is_guess: guess.encoding_is_guess,
        }
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
            delimiter: b','.into(),
            quote_char: Some(b'"'.into()),
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
    /// Whether records can be told apart exactly in the encoding; the error says which token stands
    /// in the way.
    pub fn check(&self) -> Result<(), String> {
        let tokens: Vec<(&str, Token)> = self.tokens().collect();
        for (role, token) in &tokens {
            // An escape that is the quote is a doubled quote by another name.
            let is_other =
                |other: &Token| other != token || !["quoteChar", "escapeChar"].contains(role);
            let others = tokens.iter().filter(|(other, _)| other != role).map(|(_, other)| other);
            if let Some(other) =
                others.filter(|other| is_other(other)).find(|other| token.holds(other))
            {
                return Err(format!(
                    "the {role} `{token}` can't hold `{other}`, which has another meaning"
                ));
            }
            self.check_encoding(role, *token)?;
        }
        Ok(())
    }

    fn check_encoding(&self, role: &str, token: Token) -> Result<(), String> {
        let (encoding, name) = (self.encoding, self.encoding.name());
        let Some(in_source) = self.as_read(token) else {
            return Err(format!(
                "`{token}` can't be the {role} in {name}, which has no such character"
            ));
        };
        // Whole characters are found in UTF-8 and UTF-16, and in all encodings where a row begins.
        let is_unicode = encoding == Encoding::UTF_8 || encoding.byte_order().is_some();
        let is_found = token.is_text() && (is_unicode || role == "commentChar");
        if is_found || !in_source.as_bytes().iter().any(|byte| encoding.may_be_inside(*byte)) {
            return Ok(());
        }
        let because = match in_source.byte() {
            Some(_) => ", where the same byte may be a part of another character",
            None => ": it can't be told from parts of characters",
        };
        Err(format!("`{token}` can't be the {role} in {name}{because}"))
    }

    /// What has a meaning, by the names of the roles in a contract.
    fn tokens(&self) -> impl Iterator<Item = (&'static str, Token)> {
        let roles = [
            ("delimiter", Some(self.delimiter)),
            ("quoteChar", self.quote_char),
            ("escapeChar", self.escape_char),
            ("commentChar", self.comment_char),
        ];
        roles.into_iter().filter_map(|(role, token)| token.map(|token| (role, token)))
    }

    /// What narrows a source in UTF-16, which is read with a byte for each unit.
    pub fn units(&self) -> Option<Units> {
        self.encoding.byte_order().map(|order| Units::with_letters(order, self.letters()))
    }

    /// The units of UTF-16 in its tokens that are not ASCII.
    fn letters(&self) -> Vec<u16> {
        let mut letters: Vec<u16> = Vec::new();
        for (_, token) in self.tokens() {
            for unit in token.text().unwrap_or_default().encode_utf16().filter(|unit| *unit >= 0x80)
            {
                if unit != BYTE_ORDER_MARK && !letters.contains(&unit) {
                    letters.push(unit);
                }
            }
        }
        letters
    }

    /// One of its tokens as it is read from the source, if it can stand there.
    fn as_read(&self, token: Token) -> Option<Token> {
        match (self.encoding.byte_order(), token.text()) {
            (Some(_), Some(text)) => {
                narrow_text(text, &self.letters()).and_then(|bytes| Token::new(&bytes))
            }
            _ => token.in_encoding(self.encoding),
        }
    }

    /// The same dialect with its tokens as they are read from the source.
    pub(crate) fn in_source(&self) -> Self {
        let change = |token: Token| self.as_read(token).unwrap_or(token);
        Self {
            delimiter: change(self.delimiter),
            quote_char: self.quote_char.map(change),
            escape_char: self.escape_char.map(change),
            comment_char: self.comment_char.map(change),
            ..self.clone()
        }
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
