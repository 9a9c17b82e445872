//! What is wrong with how records are written, whatever their values should be: ragged ones, quotes out of place, invalid bytes.

use crate::records::{self, FaultKind, Row, RowKind, Rows};
use crate::rejects::{ErrorEntry, ErrorName, FAULTS_PER_RECORD, Finding};

/// The records of a batch of rows, and where they are.
pub struct Batch<'a> {
    /// The bytes that all offsets refer to.
    pub window: &'a [u8],
    /// The byte of the source, from 0, at which the window begins.
    pub at: u64,
    /// All rows that the reader gave.
    pub rows: &'a Rows,
    /// Those of them that are records.
    pub records: Vec<Row>,
    /// The lines on which they start, from 0 at the shard's first row.
    pub lines: Vec<u64>,
    /// Records of the shard before this batch.
    pub before: u64,
    /// Positions of the records among all rows.
    positions: Vec<u32>,
}

impl<'a> Batch<'a> {
    /// The records among `rows`, which a reader has just filled.
    pub fn new(batch: records::Batch<'a>, rows: &'a Rows) -> Self {
        let count = rows.rows.len();
        let mut line = batch.lines;
        let mut new = Self {
            window: batch.window,
            at: batch.at,
            rows,
            records: Vec::with_capacity(count),
            lines: Vec::with_capacity(count),
            before: batch.records,
            positions: Vec::with_capacity(count),
        };
        for (position, row) in rows.rows.iter().enumerate() {
            if row.kind == RowKind::Record {
                new.records.push(*row);
                new.positions.push(position as u32);
                new.lines.push(line);
            }
            line += u64::from(row.lines);
        }
        new
    }

    /// Whether all records are valid UTF-8.
    pub fn is_utf8(&self) -> bool {
        match (self.records.first(), self.records.last()) {
            (Some(first), Some(last)) => simdutf8::basic::from_utf8(&self.window[first.start as usize..last.end as usize]).is_ok(),
            _ => true,
        }
    }

    /// Every fault of the records, of which each should have `columns` fields. Which field of a schema a column is, is not known here.
    ///
    /// `is_utf8`: what [`is_utf8`](Self::is_utf8) answered.
    pub fn faults(&self, columns: u32, is_utf8: bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.check_length(columns, &mut findings);
        self.check_quotes(&mut findings);
        if !is_utf8 {
            self.check_encoding(&mut findings);
        }
        findings
    }

    /// What `errors.jsonl` says of a finding in this batch, with lines and records from 0 at the shard's first row.
    pub fn entry(&self, finding: &Finding, field: Option<String>) -> ErrorEntry {
        let index = finding.row as usize;
        ErrorEntry {
            line: self.lines[index],
            record: self.before + index as u64,
            byte: finding.offset.unwrap_or(self.at + u64::from(self.records[index].start)),
            field,
            column: finding.column.map(|column| column + 1),
            error: finding.error,
            rule: finding.rule.map(str::to_owned),
            value: finding.value.clone(),
            message: finding.message.clone(),
        }
    }

    /// Ragged records.
    fn check_length(&self, columns: u32, findings: &mut Vec<Finding>) {
        for (index, row) in self.records.iter().enumerate().filter(|(_, row)| row.fields != columns) {
            let (error, what) = if row.fields < columns {
                (ErrorName::MissingCell, "there is no cell")
            } else {
                (ErrorName::ExtraCell, "there is a cell too many")
            };
            let range = row.fields.min(columns)..row.fields.max(columns);
            let message = |column: u32| format!("{what} in column {}: the record has {} of {columns}", column + 1, row.fields);
            findings.extend(range.take(FAULTS_PER_RECORD).map(|column| finding(index, column, error, None, message(column))));
        }
    }

    fn check_quotes(&self, findings: &mut Vec<Finding>) {
        let faulty = self.records.iter().enumerate().filter(|(_, row)| row.faulty);
        for (index, _) in faulty {
            for fault in self.rows.faults_of(self.positions[index] as usize) {
                let message = match fault.kind {
                    FaultKind::StrayQuote => "a quote stands where none may: inside an unquoted field, or closing a field that goes on",
                    FaultKind::UnterminatedQuote => "a quote is opened here and never closed",
                    FaultKind::DanglingEscape => "an escape is the last byte of the source",
                };
                let offset = self.at + u64::from(fault.at);
                findings.push(finding(index, fault.field, ErrorName::Quote, Some(offset), message.to_owned()));
            }
        }
    }

    /// Invalid bytes, told once for each record.
    fn check_encoding(&self, findings: &mut Vec<Finding>) {
        for (index, row) in self.records.iter().enumerate() {
            let bytes = &self.window[row.start as usize..row.content_end as usize];
            let Err(error) = std::str::from_utf8(bytes) else { continue };
            let at = row.start as usize + error.valid_up_to();
            let column = self.rows.fields_of(row).partition_point(|field| field.start() <= at).saturating_sub(1);
            let message = format!("byte 0x{:02x} is not valid UTF-8 here", self.window[at]);
            findings.push(finding(index, column as u32, ErrorName::Encoding, Some(self.at + at as u64), message));
        }
    }
}

fn finding(index: usize, column: u32, error: ErrorName, offset: Option<u64>, message: String) -> Finding {
    Finding { row: index as u32, offset, field: None, column: Some(column), error, rule: None, value: None, message }
}
