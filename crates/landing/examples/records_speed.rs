//! Measures how fast a file is read, next to the `csv` crate: `cargo run --release -p landing
//! --example records_speed -- FILE [ROUNDS]`.
//!
//! Both count the records and fields of the file in memory, once read. Figures are MB (1e6 bytes) a
//! second, the best of the rounds.

use std::time::Instant;

use csv_records::dialect::Dialect;
use csv_records::{Lexer, Limits, RowKind, Rows, ShardReader};

/// Rows of a batch: their offsets fit the second-level cache.
const BATCH_ROWS: usize = 1024;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("usage: records_speed FILE [ROUNDS]");
    let rounds = arguments.next().map_or(5, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let source = std::fs::read(path).expect("FILE can be read");
    type Way = (&'static str, fn(&[u8]) -> (u64, u64));
    let ways: [Way; 5] = [
        ("csv crate, ByteRecord", byte_records),
        ("Lexer", |source| lexer(Lexer::new(&Dialect::default(), Limits::default()), source)),
        ("Lexer without index", |source| {
            lexer(Lexer::new(&Dialect::default(), Limits::default()).without_index(), source)
        }),
        ("ShardReader, known start", |source| shard(source, Some(0))),
        ("ShardReader, guessed start", |source| shard(source, None)),
    ];
    let mut best = [f64::MAX; 5];
    let mut counts = [(0, 0); 5];
    for _ in 0..rounds {
        for (index, (_, way)) in ways.iter().enumerate() {
            let start = Instant::now();
            counts[index] = way(&source);
            best[index] = best[index].min(start.elapsed().as_secs_f64());
        }
    }
    for (index, (name, _)) in ways.iter().enumerate() {
        let (records, fields) = counts[index];
        let speed = source.len() as f64 / best[index] / 1e6;
        println!(
            "{name:28} {records:>9} records {fields:>10} fields {speed:>7.0} MB/s  {:>5.2} x",
            best[0] / best[index]
        );
    }
}

fn byte_records(source: &[u8]) -> (u64, u64) {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source);
    let mut record = csv::ByteRecord::new();
    let (mut records, mut fields) = (0, 0);
    while reader.read_byte_record(&mut record).expect("flexible reading of bytes can't fail") {
        records += 1;
        fields += record.len() as u64;
    }
    (records, fields)
}

fn lexer(mut lexer: Lexer, source: &[u8]) -> (u64, u64) {
    let mut rows = Rows::default();
    let (mut records, mut fields, mut at) = (0, 0, 0);
    while at < source.len() {
        at += lexer.read(&source[at..], true, BATCH_ROWS, &mut rows).expect("no row is long");
        count(&rows, &mut records, &mut fields);
    }
    (records, fields)
}

/// The whole source as one shard, in pieces of 1 MiB. Without a known start the range begins at
/// byte 1, and the other readings are followed too.
fn shard(source: &[u8], first: Option<u64>) -> (u64, u64) {
    let columns = 16;
    let from = if first.is_some() { 0 } else { 1 };
    let mut reader = ShardReader::new(
        &Dialect::default(),
        from..source.len() as u64,
        first,
        columns,
        Limits::default(),
    );
    let mut rows = Rows::default();
    let (mut records, mut fields) = (0, 0);
    while let Some(at) = reader.wants() {
        let rest = &source[at as usize..];
        let piece = &rest[..rest.len().min(1 << 20)];
        reader.push(piece, piece.len() == rest.len());
        while reader.next(BATCH_ROWS, &mut rows).expect("no row is long").is_some() {
            count(&rows, &mut records, &mut fields);
        }
    }
    (records, fields)
}

fn count(rows: &Rows, records: &mut u64, fields: &mut u64) {
    for row in &rows.rows {
        *records += u64::from(row.kind == RowKind::Record);
        *fields += u64::from(row.fields);
    }
}
