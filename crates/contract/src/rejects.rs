//! Defines the rejects: the record byte for byte, and one entry for each of its faults.

use serde::{Deserialize, Serialize};
use wording::count;

pub use crate::limits::FAULTS_PER_RECORD;

/// The kinds of faults, by their names in Frictionless where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ErrorName {
    /// A text is no value of its type.
    #[serde(rename = "type-error")]
    Type,
    /// A value breaks a constraint; the rule says which.
    #[serde(rename = "constraint-error")]
    Constraint,
    /// An earlier record has the values of the primary key.
    #[serde(rename = "primary-key")]
    PrimaryKey,
    /// An earlier record has the values of a unique field or key.
    #[serde(rename = "unique-error")]
    Unique,
    /// A record has fewer cells than there are columns.
    #[serde(rename = "missing-cell")]
    MissingCell,
    /// A record has more cells than there are columns.
    #[serde(rename = "extra-cell")]
    ExtraCell,
    /// A record is blank, where that is not to be skipped.
    #[serde(rename = "blank-row")]
    BlankRow,
    /// A record is the header again, cell for cell.
    #[serde(rename = "repeated-header")]
    RepeatedHeader,
    /// A field is longer than [`FIELD_BYTES`](csv_records::limits::FIELD_BYTES).
    #[serde(rename = "field-size-error")]
    FieldSize,
    /// Bytes are not valid in the encoding.
    #[serde(rename = "encoding-error")]
    Encoding,
    /// A quote stands where none may, or one that should close a field is missing.
    #[serde(rename = "quote-error")]
    Quote,
    /// A table that is joined has no row for the record.
    #[serde(rename = "lookup-error")]
    Lookup,
    /// An expression of the transform fails for the record; the rule says whether it is `where` or
    /// a `derive`.
    #[serde(rename = "transform-error")]
    Transform,
    /// The header lacks a field of the contract.
    #[serde(rename = "missing-label")]
    MissingLabel,
    /// A column of the header is no field of the contract.
    #[serde(rename = "extra-label")]
    ExtraLabel,
    /// Two columns of the header have the same name.
    #[serde(rename = "duplicate-label")]
    DuplicateLabel,
    /// A field is another column of the header than the contract says.
    #[serde(rename = "incorrect-label")]
    IncorrectLabel,
    /// A file of a zip archive, where it is not told which one is meant.
    #[serde(rename = "member-error")]
    Member,
}

impl ErrorName {
    /// The name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Type => "type-error",
            Self::Constraint => "constraint-error",
            Self::PrimaryKey => "primary-key",
            Self::Unique => "unique-error",
            Self::MissingCell => "missing-cell",
            Self::ExtraCell => "extra-cell",
            Self::BlankRow => "blank-row",
            Self::RepeatedHeader => "repeated-header",
            Self::FieldSize => "field-size-error",
            Self::Encoding => "encoding-error",
            Self::Quote => "quote-error",
            Self::Lookup => "lookup-error",
            Self::Transform => "transform-error",
            Self::MissingLabel => "missing-label",
            Self::ExtraLabel => "extra-label",
            Self::DuplicateLabel => "duplicate-label",
            Self::IncorrectLabel => "incorrect-label",
            Self::Member => "member-error",
        }
    }
}

/// A fault found in a batch of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The record's position in the batch, from 0.
    pub row: u32,
    /// The faulty byte's offset in the source, from 0, where the fault is a byte's.
    pub offset: Option<u64>,
    /// The field's position in the schema, from 0; of a joined or derived column its position after
    /// the fields.
    pub field: Option<u32>,
    /// The column of the source, from 0.
    pub column: Option<u32>,
    /// What kind.
    pub error: ErrorName,
    /// Which constraint.
    pub rule: Option<&'static str>,
    /// The text, cut.
    pub value: Option<String>,
    /// The record that has the key, if the fault is that the key is taken. It counts from 0 at the
    /// shard's first row, and is below 0 in an earlier shard.
    pub holder: Option<i64>,
    /// What is wrong, in a sentence.
    pub message: String,
}

/// Where an entry of a shard stands in the source.
#[derive(Debug, Clone, Copy)]
pub struct EntryPlace<'a> {
    /// The object, if the job lands several.
    pub source: Option<&'a str>,
    /// What to add to the line.
    pub lines: u64,
    /// The number of the record in the object, from 1.
    pub record: u64,
    /// The record that has the key: its object, if the job lands several, and its number in it.
    pub holder: Option<(Option<&'a str>, u64)>,
}

/// A line of `errors.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorEntry {
    /// The object that has the record, if the job lands several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The line on which the record starts, from 1.
    pub line: u64,
    /// How many lines it spans, where these are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// The record's number, from 1; the header is none.
    pub record: u64,
    /// The first byte of the record, from 0 of the source; of an `encoding-error` or a
    /// `quote-error` the byte itself.
    pub byte: u64,
    /// The field's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The column, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What kind.
    pub error: ErrorName,
    /// Which constraint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The text, cut at [`VALUE_CHARS`](wording::VALUE_CHARS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The record that has the key, from 1, if the fault is that the key is taken. The piece of a
    /// shard counts it like `record`, since it may be one of an earlier shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<i64>,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl ErrorEntry {
    /// Whether the fault may come of a quote that was left open, so that the record holds what
    /// should be others.
    pub fn may_hide_records(&self) -> bool {
        use ErrorName::{ExtraCell, FieldSize, MissingCell, Quote};
        self.lines.is_some() && matches!(self.error, Quote | MissingCell | ExtraCell | FieldSize)
    }

    /// Puts an entry of a shard, whose lines count from the first row that the shard read of the
    /// object, in its place. Now that it is known, the message names the record that has the key,
    /// and the lines of a record that may hold others.
    pub fn place(&mut self, at: EntryPlace<'_>) {
        self.source = at.source.map(str::to_owned);
        self.line += at.lines;
        self.record = at.record;
        if let Some(spanned) = self.lines.filter(|_| self.may_hide_records()) {
            let [first, last] = [self.line, self.line + spanned - 1].map(count);
            self.message.push_str(&format!("; the record is lines {first} to {last}"));
        }
        self.holder = at.holder.map(|(_, record)| record as i64);
        if let Some((source, record)) = at.holder {
            self.message.push_str(&format!(" by record {record}"));
            if let Some(source) = source.filter(|source| Some(*source) != at.source) {
                self.message.push_str(&format!(" of {source}"));
            }
        }
    }

    /// Moves an entry by the lines and records of the same object before the shard's first row.
    pub fn rebase(&mut self, lines: u64, records: u64) {
        let record = self.record + records;
        let holder = self.holder.map(|holder| (None, (holder + records as i64) as u64));
        self.place(EntryPlace { source: None, lines, record, holder });
    }

    /// Writes the entry as a line of JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(&mut *out, self)
            .expect("an entry is plain data, and a vector takes every byte");
        out.push(b'\n');
    }
}
