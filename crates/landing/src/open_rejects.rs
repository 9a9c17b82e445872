//! Rejects as a table for SQL: a row for each fault, beside the record as it stands in the rejects.

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use contract::rejects::ErrorEntry;
use csv_records::dialect::Terminator;
use csv_records::encoding::{ByteOrder, Encoding};
use job::{Error, ErrorKind};
use parquet::basic::CompressionCodec;
use parquet_pages::whole_file;

use crate::plan::Layout;

/// Bytes of a record that the table shows: with a thousand faults it stands there as often.
pub const SHOWN_BYTES: usize = 16 << 10;

/// A fault of a rejected record.
#[derive(Debug, Clone, Copy)]
pub struct RejectFault<'a> {
    /// The job that rejected it.
    pub job: &'a str,
    /// The layout of the record, by its position in the plan.
    pub layout: u32,
    /// The position of the record among the rejects of its layout, from 0: a replay names it so.
    pub reject: u32,
    /// The object that has it.
    pub source: &'a str,
    /// The fault.
    pub fault: &'a ErrorEntry,
    /// The record, if it is known.
    pub record: Option<&'a str>,
}

/// Faults on their way into a file.
#[derive(Default)]
pub struct FaultTable {
    rows: usize,
    bytes: usize,
    texts: [StringBuilder; 8],
    numbers: [Int64Builder; 5],
    positions: [Int32Builder; 3],
}

impl FaultTable {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of its texts.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a fault.
    pub fn push(&mut self, row: &RejectFault<'_>) {
        let ErrorEntry { field, rule, value, message, error, .. } = row.fault;
        let texts = [
            Some(row.job),
            Some(row.source),
            field.as_deref(),
            Some(error.as_str()),
            rule.as_deref(),
            value.as_deref(),
            Some(message.as_str()),
            row.record,
        ];
        for (builder, text) in self.texts.iter_mut().zip(texts) {
            builder.append_option(text);
            self.bytes += text.map_or(0, str::len);
        }
        let ErrorEntry { line, lines, record, byte, holder, .. } = row.fault;
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let numbers = [
            Some(whole(*line)),
            lines.map(whole),
            Some(whole(*record)),
            Some(whole(*byte)),
            *holder,
        ];
        self.numbers.iter_mut().zip(numbers).for_each(|(builder, it)| builder.append_option(it));
        let small = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let positions =
            [Some(small(row.layout)), Some(small(row.reject)), row.fault.column.map(small)];
        self.positions
            .iter_mut()
            .zip(positions)
            .for_each(|(builder, it)| builder.append_option(it));
        self.rows += 1;
    }

    /// The table as a Parquet file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Internal`]: it can't be written.
    pub fn finish(mut self) -> Result<Vec<u8>, Error> {
        let [job, source, field, error, rule, value, message, raw] =
            self.texts.each_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef);
        let [line, lines, record, byte, holder] =
            self.numbers.each_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef);
        let [layout, reject, column] =
            self.positions.each_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef);
        let columns = [
            ("job", job, false),
            ("layout", layout, false),
            ("reject", reject, false),
            ("source", source, false),
            ("line", line, false),
            ("lines", lines, true),
            ("record", record, false),
            ("byte", byte, false),
            ("column", column, true),
            ("field", field, true),
            ("error", error, false),
            ("rule", rule, true),
            ("value", value, true),
            ("holder", holder, true),
            ("message", message, false),
            ("raw", raw, true),
        ];
        let rows = RecordBatch::try_from_iter_with_nullable(columns).map_err(unwritten)?;
        whole_file(&rows, CompressionCodec::ZSTD).map_err(unwritten)
    }
}

fn unwritten<E>(_: E) -> Error {
    Error::new(ErrorKind::Internal, "a table of rejects can't be written".to_owned())
}

/// The records of a file of rejects, one after the other. Each is as many lines as its faults say:
/// a record with a quote that is left open, read as CSV, would take in those after it.
#[derive(Debug)]
pub struct RejectedRecords {
    terminator: Terminator,
    encoding: Encoding,
    /// Bytes of the file, and how many of them are handed out: they go when more are pushed, as
    /// moving the others takes time.
    buffer: Vec<u8>,
    taken: usize,
    /// Where the next record begins.
    at: u64,
    has_ended: bool,
}

impl RejectedRecords {
    /// Those of a layout, from a byte of their file on; by default from the first one on.
    pub fn new(layout: &Layout, at: Option<u64>) -> Self {
        Self {
            terminator: layout.dialect.line_terminator,
            encoding: layout.dialect.encoding,
            buffer: Vec::new(),
            taken: 0,
            at: at.unwrap_or(layout.header.0.len() as u64),
            has_ended: false,
        }
    }

    /// Where the next record begins.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next byte of the file that it wants.
    pub fn wants(&self) -> u64 {
        self.at + self.rest().len() as u64
    }

    /// Takes in the next bytes of the file; none: it ends there.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
        self.has_ended |= bytes.is_empty();
    }

    /// Keeps no more than so many bytes that are read and not handed out, and gives back the room
    /// that a long record took. What goes is wanted again.
    pub fn keep(&mut self, bytes: usize) {
        if self.rest().len() > bytes {
            self.buffer.truncate(self.taken + bytes);
            self.has_ended = false;
        }
        if self.buffer.capacity() > 2 * bytes {
            self.buffer.drain(..self.taken);
            self.taken = 0;
            self.buffer.shrink_to_fit();
        }
    }

    /// The bytes that are read but not handed out yet.
    fn rest(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    /// The next record, of so many lines, without its end, and not more of it than
    /// [`SHOWN_BYTES`]. `None`: push more.
    pub fn next(&mut self, lines: u64) -> Option<String> {
        let (content, end) = self.ends(lines)?;
        let unit = self.encoding.unit_bytes();
        let mut text = Vec::new();
        let shown = content.min(SHOWN_BYTES);
        self.encoding.decode(&self.rest()[..shown - shown % unit], &mut text);
        self.advance(end);
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    /// The next record, of so many lines, byte for byte with its end. `None`: push more.
    pub fn next_bytes(&mut self, lines: u64) -> Option<Vec<u8>> {
        let (_, end) = self.ends(lines)?;
        let record = self.rest()[..end].to_vec();
        self.advance(end);
        Some(record)
    }

    fn advance(&mut self, bytes: usize) {
        self.taken += bytes;
        self.at += bytes as u64;
    }

    /// Where the next record ends, without its end and with it.
    fn ends(&self, lines: u64) -> Option<(usize, usize)> {
        let (mut end, mut content) = (0, 0);
        for _ in 0..lines {
            match self.line(end) {
                Some(line) => (content, end) = line,
                None if self.has_ended => (content, end) = (self.rest().len(), self.rest().len()),
                None => return None,
            }
        }
        Some((content, end))
    }

    /// Where the line ends that begins at `from`: before its terminator and after it.
    fn line(&self, from: usize) -> Option<(usize, usize)> {
        let unit = self.encoding.unit_bytes();
        let high = usize::from(self.encoding.byte_order() == Some(ByteOrder::Big));
        let ascii = |at: usize| -> Option<u8> {
            let unit_at = self.rest().get(at..at + unit)?;
            let is_ascii = unit == 1 || unit_at[1 - high] == 0;
            Some(if is_ascii { unit_at[high] } else { b'?' })
        };
        let mut at = from;
        loop {
            let (byte, next) = (ascii(at)?, at + unit);
            match (self.terminator, byte) {
                (Terminator::Auto, b'\r') => {
                    return match ascii(next) {
                        Some(b'\n') => Some((at, next + unit)),
                        None if !self.has_ended => None,
                        _ => Some((at, next)),
                    };
                }
                (Terminator::Auto | Terminator::Lf, b'\n') | (Terminator::Cr, b'\r') => {
                    return Some((at, next));
                }
                (Terminator::CrLf, b'\n') => {
                    let is_pair = at > from && ascii(at - unit) == Some(b'\r');
                    return Some((if is_pair { at - unit } else { at }, next));
                }
                _ => at = next,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::{Compression, Mapping};
    use csv_records::dialect::Dialect;

    use super::*;
    use crate::plan::Verbatim;

    fn records(encoding: Encoding, terminator: Terminator, text: &str, lines: &[u64]) {
        let dialect = Dialect { encoding, line_terminator: terminator, ..Dialect::default() };
        let header = encoding.encode("id,text\n").expect("ASCII");
        let layout = Layout {
            compression: Compression::None,
            dialect,
            mapping: Mapping::default(),
            header: Verbatim(header.clone()),
            evidence: Vec::new(),
        };
        let file = [header.clone(), encoding.encode(text).expect("a text")].concat();
        let expected = ["1,\"a", "\"2\r\n3\"", "é", "last"];
        for step in 1..8 {
            let (mut at, mut found) = (None, Vec::new());
            for lines in lines {
                // Begun anew for each, as whoever asks for the next page does.
                let mut records = RejectedRecords::new(&layout, at);
                let record = loop {
                    if let Some(record) = records.next(*lines) {
                        break record;
                    }
                    let from = records.wants() as usize;
                    records.push(&file[from..(from + step).min(file.len())]);
                };
                at = Some(records.at());
                found.push(record);
            }
            assert_eq!(found, expected, "{encoding}, {step} bytes at once");
            assert_eq!(at, Some(file.len() as u64));
            let (mut records, mut bytes) = (RejectedRecords::new(&layout, None), header.clone());
            for lines in lines {
                bytes.extend(loop {
                    if let Some(record) = records.next_bytes(*lines) {
                        break record;
                    }
                    let from = records.wants() as usize;
                    records.push(&file[from..(from + step).min(file.len())]);
                });
                records.keep(step / 2);
            }
            assert_eq!(bytes, file, "{encoding}, {step} bytes at once");
        }
    }

    #[test]
    fn records_are_as_many_lines_as_their_faults_say() {
        // The first one has a quote that is left open.
        let text = "1,\"a\r\n\"2\r\n3\"\r\né\r\nlast";
        for encoding in [Encoding::UTF_8, Encoding::UTF_16LE, Encoding::UTF_16BE] {
            records(encoding, Terminator::Auto, text, &[1, 2, 1, 1]);
            records(encoding, Terminator::CrLf, text, &[1, 2, 1, 1]);
        }
    }

    #[test]
    fn a_long_record_is_cut() {
        let layout = Layout {
            compression: Compression::None,
            dialect: Dialect::default(),
            mapping: Mapping::default(),
            header: Verbatim::default(),
            evidence: Vec::new(),
        };
        let mut records = RejectedRecords::new(&layout, None);
        records.push(&[b"a".repeat(3 * SHOWN_BYTES), b"\nb\n".to_vec()].concat());
        assert_eq!(records.next(1).map(|record| record.len()), Some(SHOWN_BYTES));
        records.keep(1);
        assert!(records.buffer.capacity() < 100, "what it took is given back");
        assert_eq!((records.wants(), records.next(1)), (3 * SHOWN_BYTES as u64 + 2, None));
        records.push(b"\n");
        assert_eq!(records.next(1).as_deref(), Some("b"));
    }
}
