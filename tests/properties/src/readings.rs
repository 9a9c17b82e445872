//! Reads a source in a dialect, and checks everything that is promised about it.

use std::ops::Range;

use csv_records::dialect::Dialect;
use csv_records::{FaultKind, Field, Lexer, LongRow, RowBatch, RowKind, Rows};

/// A row with everything that is promised about it. Positions are of the source, lines and records
/// count from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) bytes: Range<u64>,
    pub(crate) content_end: u64,
    pub(crate) line: u64,
    pub(crate) record: u64,
    pub(crate) lines: u32,
    pub(crate) kind: RowKind,
    /// Start, end, whether it was quoted, and the value.
    pub(crate) fields: Vec<(u64, u64, bool, Vec<u8>)>,
    pub(crate) faults: Vec<(u32, u64, FaultKind)>,
}

/// Rows up to the end of the source, or to one that is too long, and where that is.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Reading {
    pub(crate) rows: Vec<Seen>,
    pub(crate) too_long: Option<u64>,
}

/// Appends the rows of a batch.
pub(crate) fn see(dialect: &Dialect, batch: RowBatch<'_>, rows: &Rows, out: &mut Vec<Seen>) {
    let unit = dialect.encoding.unit_bytes() as u64;
    let (mut line, mut record, mut scratch) = (batch.lines, batch.records, Vec::new());
    for (index, row) in rows.rows.iter().enumerate() {
        let at = |offset: usize| batch.at + offset as u64 * unit;
        let faults = rows.faults_of(index);
        assert_eq!(row.faulty, !faults.is_empty());
        let mut field = |field: &Field| {
            (
                at(field.start()),
                at(field.end()),
                field.is_quoted(),
                field.value(batch.window, dialect, &mut scratch).to_vec(),
            )
        };
        out.push(Seen {
            bytes: at(row.start as usize)..at(row.end as usize),
            content_end: at(row.content_end as usize),
            line,
            record,
            lines: row.lines,
            kind: row.kind,
            fields: rows.fields_of(row).iter().map(&mut field).collect(),
            faults: faults
                .iter()
                .map(|fault| (fault.field, at(fault.at as usize), fault.kind))
                .collect(),
        });
        line += u64::from(row.lines);
        record += u64::from(row.kind == RowKind::Record);
    }
}

/// The source as one byte a unit.
pub(crate) fn narrowed(dialect: &Dialect, source: &[u8]) -> Vec<u8> {
    let Some(mut units) = dialect.units() else { return source.to_vec() };
    let mut narrowed = Vec::new();
    units.push(source, &mut narrowed);
    units.finish(&mut narrowed);
    narrowed
}

/// The obvious way: the narrowed source in one window, from `start` (in units) on.
pub(crate) fn sequential(
    mut lexer: Lexer,
    dialect: &Dialect,
    source: &[u8],
    start: usize,
) -> Reading {
    let unit = dialect.encoding.unit_bytes() as u64;
    let mut reading = Reading::default();
    let mut rows = Rows::default();
    let (mut at, mut lines, mut records) = (start, 0, 0);
    while at < source.len() {
        let window = &source[at..];
        match lexer.read(window, true, usize::MAX, &mut rows) {
            Ok(taken) => {
                assert!(taken > 0);
                see(
                    dialect,
                    RowBatch { window, source: window, at: at as u64 * unit, lines, records },
                    &rows,
                    &mut reading.rows,
                );
                lines += rows.rows.iter().map(|row| u64::from(row.lines)).sum::<u64>();
                records +=
                    rows.rows.iter().filter(|row| row.kind == RowKind::Record).count() as u64;
                at += taken;
            }
            Err(LongRow { at: long, .. }) => {
                reading.too_long = Some((at as u64 + long) * unit);
                break;
            }
        }
    }
    reading
}
