//! Finds the faults of how records are written, whatever their values should be: ragged ones,
//! quotes out of place, invalid bytes.

mod cells;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use contract::rejects::{ErrorEntry, ErrorName, FAULTS_PER_RECORD, Finding};
use csv_records::dialect::{BlankRows, Dialect, RaggedRows, RepeatedHeader};
use csv_records::encoding::{ByteOrder, Encoding};
use csv_records::limits::FIELD_BYTES;
use csv_records::{FaultKind, Field, Row, RowKind, Rows, ends_with_delimiter};

pub use cells::{Cells, Malformed};

/// The records of a batch of rows, and where they are.
pub struct Batch<'a> {
    /// The bytes that all offsets refer to.
    pub window: &'a [u8],
    /// The source's own bytes: see [`csv_records::RowBatch::source`].
    pub source: &'a [u8],
    /// What they stand for.
    pub encoding: Encoding,
    /// That is but a guess.
    pub(crate) is_guess: bool,
    /// What becomes of records with too few or too many cells.
    ragged: RaggedRows,
    /// Whether blank rows are records without a value.
    keeps_blank: bool,
    /// The byte of the source, from 0, at which the window begins.
    pub at: u64,
    /// All rows that the reader gave.
    pub rows: &'a Rows,
    /// Those of them that are records.
    pub records: Cow<'a, [Row]>,
    /// Records of the shard before this batch.
    pub before: u64,
    /// Line terminators in the shard's rows before this batch.
    lines_before: u64,
    /// What [`lines`](Self::lines) answers, once it was asked.
    lines: OnceCell<Vec<u64>>,
}

impl<'a> Batch<'a> {
    /// The records among `rows`, which a reader of `dialect` has just filled.
    pub fn new(batch: csv_records::RowBatch<'a>, rows: &'a Rows, dialect: &Dialect) -> Self {
        let is_record = |row: &&Row| row.kind == RowKind::Record;
        let records = match rows.rows.iter().all(|row| is_record(&row)) {
            true => Cow::Borrowed(rows.rows.as_slice()),
            false => rows.rows.iter().filter(is_record).copied().collect(),
        };
        Self {
            window: batch.window,
            source: batch.source,
            encoding: dialect.encoding,
            is_guess: dialect.encoding_is_guess,
            ragged: dialect.ragged_rows,
            keeps_blank: dialect.blank_rows == BlankRows::Keep,
            at: batch.at,
            rows,
            records,
            before: batch.records,
            lines_before: batch.lines,
            lines: OnceCell::new(),
        }
    }

    /// The lines on which the records start, from 0 at the shard's first row.
    pub fn lines(&self) -> &[u64] {
        self.lines.get_or_init(|| {
            let mut line = self.lines_before;
            let starts = self.rows.rows.iter().filter_map(|row| {
                let start = line;
                line += u64::from(row.lines);
                (row.kind == RowKind::Record).then_some(start)
            });
            starts.collect()
        })
    }

    /// How many lines a record spans.
    pub fn span(&self, record: usize) -> u64 {
        let row = &self.records[record];
        let is_ended =
            row.end > row.start && matches!(self.window[row.end as usize - 1], b'\n' | b'\r');
        (u64::from(row.lines) + u64::from(!is_ended)).max(1)
    }

    /// The cells of the records, in UTF-8.
    pub fn cells(&self) -> Cells<'a> {
        Cells::of(self)
    }

    /// Every fault of the records, each of which should have `columns` fields. Which field of a
    /// schema a column is, is not known here.
    ///
    /// `cells`: what [`cells`](Self::cells) answered.
    pub fn faults(&self, columns: u32, cells: &Cells<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.check_length(columns, &mut findings);
        self.check_field_size(&mut findings);
        self.check_quotes(&mut findings);
        self.check_encoding(cells, &mut findings);
        findings
    }

    /// The records that are the header again, cell for cell, where those are no records like any
    /// other.
    ///
    /// `header`: the names in it. `cells`: what [`cells`](Self::cells) answered.
    pub fn repeated_headers(
        &self,
        header: &[String],
        cells: &Cells<'_>,
        dialect: &Dialect,
    ) -> Vec<usize> {
        if !dialect.header || dialect.repeated_header == RepeatedHeader::Keep {
            return Vec::new();
        }
        let labels = labels(header, dialect);
        let is_header = |(_, row): &(usize, &Row)| {
            is_header(labels, cells.fields_of(row), &cells.window, dialect)
        };
        self.records.iter().enumerate().filter(is_header).map(|(index, _)| index).collect()
    }

    /// The fault of a record that is the header again.
    pub fn repeated_header(index: usize) -> Finding {
        let message =
            "the record is the header again; `repeatedHeader: skip` leaves it out".to_owned();
        Finding { column: None, ..finding(index, 0, ErrorName::RepeatedHeader, None, message) }
    }

    /// The byte of the source, from 0, at which an offset into the window lies.
    pub fn byte(&self, offset: u32) -> u64 {
        self.at + u64::from(offset) * self.encoding.unit_bytes() as u64
    }

    /// The source's bytes between two offsets into the window.
    pub fn source_range(&self, range: Range<usize>) -> Range<usize> {
        let unit = self.encoding.unit_bytes();
        // The last unit of a source in UTF-16 may lack its second byte.
        (range.start * unit).min(self.source.len())..(range.end * unit).min(self.source.len())
    }

    /// What `errors.jsonl` says of a finding in this batch, with lines and records from 0 at the
    /// shard's first row.
    pub fn entry(&self, finding: &Finding, field: Option<String>) -> ErrorEntry {
        let index = finding.row as usize;
        ErrorEntry {
            source: None,
            line: self.lines()[index],
            lines: Some(self.span(index)).filter(|lines| *lines > 1),
            record: self.before + index as u64,
            byte: finding.offset.unwrap_or_else(|| self.byte(self.records[index].start)),
            field,
            column: finding.column.map(|column| column + 1),
            error: finding.error,
            rule: finding.rule.map(str::to_owned),
            value: finding.value.clone(),
            holder: finding.holder,
            message: finding.message.clone(),
        }
    }

    /// Ragged records.
    fn check_length(&self, columns: u32, findings: &mut Vec<Finding>) {
        for (index, row) in self.records.iter().enumerate().filter(|(_, row)| row.fields != columns)
        {
            if row.fields == 0 && self.keeps_blank {
                continue;
            }
            if row.fields == 0 {
                findings.push(finding(
                    index,
                    0,
                    ErrorName::BlankRow,
                    None,
                    "the row is blank".to_owned(),
                ));
                continue;
            }
            if self.is_tolerated(row, columns) {
                continue;
            }
            let (error, what) = if row.fields < columns {
                (ErrorName::MissingCell, "there is no cell")
            } else {
                (ErrorName::ExtraCell, "there is a cell too many")
            };
            let range = row.fields.min(columns)..row.fields.max(columns);
            let message = |column: u32| {
                format!(
                    "{what} in column {}: the record has {} of {columns}",
                    column + 1,
                    row.fields
                )
            };
            findings.extend(
                range
                    .take(FAULTS_PER_RECORD)
                    .map(|column| finding(index, column, error, None, message(column))),
            );
        }
    }

    fn is_tolerated(&self, row: &Row, columns: u32) -> bool {
        let RaggedRows { fill_short, cut_long, ignore_trailing_delimiter } = self.ragged;
        let ends_with_delimiter =
            || row.fields == columns + 1 && ends_with_delimiter(self.rows.fields_of(row));
        match row.fields < columns {
            true => fill_short,
            false => cut_long || (ignore_trailing_delimiter && ends_with_delimiter()),
        }
    }

    fn check_field_size(&self, findings: &mut Vec<Finding>) {
        let limit = FIELD_BYTES as usize / self.encoding.unit_bytes();
        for (index, row) in self
            .records
            .iter()
            .enumerate()
            .filter(|(_, row)| (row.end - row.start) as usize > limit)
        {
            let long = self
                .rows
                .fields_of(row)
                .iter()
                .enumerate()
                .filter(|(_, field)| field.end() - field.start() > limit);
            findings.extend(long.map(|(column, field)| {
                let message = format!("the field has more than {FIELD_BYTES} bytes");
                finding(
                    index,
                    column as u32,
                    ErrorName::FieldSize,
                    Some(self.byte(field.start() as u32)),
                    message,
                )
            }));
        }
    }

    fn check_quotes(&self, findings: &mut Vec<Finding>) {
        let records =
            self.rows.rows.iter().enumerate().filter(|(_, row)| row.kind == RowKind::Record);
        for (index, (position, _)) in records.enumerate().filter(|(_, (_, row))| row.faulty) {
            for fault in self.rows.faults_of(position) {
                let message = match fault.kind {
                    FaultKind::StrayQuote => {
                        "a quote stands where none may: inside an unquoted field, or closing a field that goes on"
                    }
                    FaultKind::UnterminatedQuote => "a quote is opened here and never closed",
                    FaultKind::DanglingEscape => "an escape is the last byte of the source",
                };
                let offset = self.byte(fault.at);
                findings.push(finding(
                    index,
                    fault.field,
                    ErrorName::Quote,
                    Some(offset),
                    message.to_owned(),
                ));
            }
        }
    }

    /// Invalid bytes, told once for each record.
    fn check_encoding(&self, cells: &Cells<'_>, findings: &mut Vec<Finding>) {
        for malformed in &cells.malformed {
            let name = self.encoding.name();
            let message = match (self.encoding.byte_order(), &self.source[malformed.at..]) {
                (Some(order), [first, second, ..]) => {
                    let unit = if order == ByteOrder::Little {
                        u16::from_le_bytes
                    } else {
                        u16::from_be_bytes
                    };
                    format!(
                        "0x{:04x} is half of a character, which is not valid {name}",
                        unit([*first, *second])
                    )
                }
                (Some(_), _) => format!("the source ends inside a unit of {name}"),
                (None, rest) if malformed.is_utf_8 => format!(
                    "byte 0x{:02x} begins a character of UTF-8, though the source seemed to be {name}: state its `encoding`",
                    rest.first().copied().unwrap_or_default()
                ),
                (None, rest) => format!(
                    "byte 0x{:02x} is not valid {name} here",
                    rest.first().copied().unwrap_or_default()
                ),
            };
            let offset = self.at + malformed.at as u64;
            findings.push(finding(
                malformed.row as usize,
                malformed.column,
                ErrorName::Encoding,
                Some(offset),
                message,
            ));
        }
    }
}

/// The names that stand in a header: names of rows have no label.
pub fn labels<'h>(header: &'h [String], dialect: &Dialect) -> &'h [String] {
    &header[usize::from(dialect.row_names).min(header.len())..]
}

/// Whether a record has a cell for each column, and none too many.
pub fn has_columns(cells: &[Field], columns: usize, dialect: &Dialect) -> bool {
    let is_longer = dialect.ragged_rows.ignore_trailing_delimiter && cells.len() == columns + 1;
    cells.len() == columns || (is_longer && ends_with_delimiter(cells))
}

/// Whether a record has the names of the header in its cells, and nothing else.
pub fn is_header(header: &[String], cells: &[Field], window: &[u8], dialect: &Dialect) -> bool {
    let (Some(first), Some(cell)) = (header.first(), cells.first()) else { return false };
    // Names that are all empty name nothing.
    if first.is_empty() && header.iter().all(String::is_empty) {
        return false;
    }
    // Mostly a look at the first cell tells.
    if !cell.is_escaped() && cell.bytes(window) != first.as_bytes() {
        return false;
    }
    let mut scratch = Vec::new();
    has_columns(cells, header.len(), dialect)
        && header
            .iter()
            .zip(cells)
            .all(|(name, cell)| cell.value(window, dialect, &mut scratch) == name.as_bytes())
}

fn finding(
    index: usize,
    column: u32,
    error: ErrorName,
    offset: Option<u64>,
    message: String,
) -> Finding {
    Finding {
        row: index as u32,
        offset,
        field: None,
        column: Some(column),
        error,
        rule: None,
        value: None,
        holder: None,
        message,
    }
}
