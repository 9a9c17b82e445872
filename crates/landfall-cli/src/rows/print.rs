//! Prints records as JSON on stdout, and faults on stderr.

use std::io::{self, Write};

use contract::rejects::FAULTS_PER_RECORD;
use csv_records::dialect::{Dialect, RepeatedHeader};
use csv_records::{Base, Field};
use landing::batch::Batch;

/// Bytes that are collected before they are written.
const BUFFER_BYTES: usize = 256 * 1024;

/// Prints batches.
pub(super) struct Printer<O: Write, E: Write> {
    dialect: Dialect,
    positions: bool,
    columns: u32,
    /// The names in the header.
    names: Vec<String>,
    out: O,
    err: E,
    records: Vec<u8>,
    faults: Vec<u8>,
    has_faults: bool,
    scratch: Vec<u8>,
}

impl<O: Write, E: Write> Printer<O, E> {
    /// A printer of records to `out` and of faults to `err`.
    pub(super) fn new(positions: bool, out: O, err: E) -> Self {
        let (records, faults, scratch) = (Vec::new(), Vec::new(), Vec::new());
        let (dialect, names) = (Dialect::default(), Vec::new());
        Self {
            dialect,
            positions,
            columns: 0,
            names,
            out,
            err,
            records,
            faults,
            has_faults: false,
            scratch,
        }
    }

    /// Says how records are told apart, how many fields every one should have, and what the header
    /// names.
    pub(super) fn expect(&mut self, dialect: &Dialect, columns: usize, names: &[String]) {
        self.dialect = dialect.clone();
        self.names = names.to_vec();
        self.columns = columns as u32;
    }

    /// Prints a header, which has so many lines before it and is record 0.
    pub(super) fn header(&mut self, (batch, lines): (Batch<'_>, u64)) -> io::Result<()> {
        self.print(&batch, lines + 1, 0)
    }

    /// Prints records of the data, which have `base` before their shard.
    pub(super) fn data(&mut self, batch: &Batch<'_>, base: Base) -> io::Result<()> {
        self.print(batch, base.lines + 1, base.records + 1)
    }

    /// Whether a record was at fault so far.
    pub(super) fn has_faults(&self) -> bool {
        self.has_faults
    }

    /// Writes what was collected. Faults come first: they matter even to whoever reads no more
    /// records.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let faults = self.err.write_all(&self.faults).and_then(|()| self.err.flush());
        self.faults.clear();
        self.out.write_all(&self.records)?;
        self.records.clear();
        self.out.flush()?;
        faults
    }

    /// Prints a batch, whose lines and records are counted from `first_line` and `first_record`.
    fn print(&mut self, batch: &Batch<'_>, first_line: u64, first_record: u64) -> io::Result<()> {
        let cells = batch.cells();
        let mut findings = batch.faults(self.columns, &cells);
        let is_data = first_record > 0;
        let repeated = if is_data {
            batch.repeated_headers(&self.names, &cells, &self.dialect)
        } else {
            Vec::new()
        };
        let is_skipped = self.dialect.repeated_header == RepeatedHeader::Skip;
        findings.extend(
            repeated.iter().filter(|_| !is_skipped).map(|row| Batch::repeated_header(*row)),
        );
        findings.sort_by_key(|finding| (finding.row, finding.column));
        let mut at_fault = findings.chunk_by(|a, b| a.row == b.row).peekable();
        for (index, row) in batch.records.iter().enumerate() {
            if let Some(faults) = at_fault.next_if(|faults| faults[0].row as usize == index) {
                self.has_faults = true;
                for finding in faults.iter().take(FAULTS_PER_RECORD) {
                    let mut entry = batch.entry(finding, None);
                    entry.rebase(first_line, first_record);
                    entry.write(&mut self.faults);
                }
                continue;
            }
            if is_skipped && repeated.contains(&index) {
                continue;
            }
            let fields = cells.fields_of(row);
            if self.positions {
                let line = first_line + batch.lines()[index];
                let record = first_record + batch.before + index as u64;
                let byte = batch.byte(row.start);
                write!(
                    self.records,
                    r#"{{"line":{line},"record":{record},"byte":{byte},"fields":"#
                )?;
                self.array(fields, &cells.window, first_record > 0);
                self.records.push(b'}');
            } else {
                self.array(fields, &cells.window, first_record > 0);
            }
            self.records.push(b'\n');
        }
        if self.records.len() + self.faults.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// As many fields as there are columns. Values may be null, names are text.
    fn array(&mut self, fields: &[Field], window: &[u8], are_values: bool) {
        let null = self.dialect.null_sequence.as_ref().filter(|_| are_values).map(String::as_bytes);
        let is_null = |field: &Field| {
            null.is_some_and(|null| !field.is_quoted() && field.bytes(window) == null)
        };
        self.records.push(b'[');
        for index in 0..self.columns as usize {
            if index > 0 {
                self.records.push(b',');
            }
            match fields.get(index).filter(|field| !is_null(field)) {
                Some(field) => {
                    string(field.value(window, &self.dialect, &mut self.scratch), &mut self.records)
                }
                None => self.records.extend_from_slice(b"null"),
            }
        }
        self.records.push(b']');
    }
}

/// Writes a text, which is valid UTF-8, as a JSON string.
fn string(mut text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    while let Some(at) = text.iter().position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\')) {
        out.extend_from_slice(&text[..at]);
        match text[at] {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            byte => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        text = &text[at + 1..];
    }
    out.extend_from_slice(text);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_character_survives() {
        let mut text: String = (0..=0x80).map(|byte| char::from(byte as u8)).collect();
        text.push_str("é€😀\u{2028}\u{10ffff}");
        let mut out = Vec::new();
        super::string(text.as_bytes(), &mut out);
        assert_eq!(serde_json::from_slice::<String>(&out).ok(), Some(text));
    }
}
