//! Checks that bytes become rows.

use csv_records::dialect::{BlankRows, Dialect, Terminator};
use csv_records::line_counter::LineCounter;
use csv_records::{Lexer, Limits, RowKind, Rows, footer_start, preamble};

use crate::dialects::dialect;
use crate::input::Input;
use crate::readings::{Reading, narrowed, sequential};

/// For any bytes, in any dialect: the structural index reads what the automaton reads; rows tile
/// the bytes; their lines are those that an editor counts; and where both define a reading, the
/// values are those of the `csv` crate.
pub fn records(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let dialect = dialect(&mut input);
    let limits = match input.byte() {
        byte @ 1..64 => Limits { record_bytes: byte.into() },
        _ => Limits::default(),
    };
    let max_rows = 1 + input.below(8);
    let source = input.rest();
    before_and_after(&dialect, source);

    let units = narrowed(&dialect, source);
    let lexer = Lexer::new(&dialect, limits);
    let fast = sequential(lexer.clone(), &dialect, &units, 0);
    let slow = sequential(lexer.clone().without_index(), &dialect, &units, 0);
    assert_eq!(fast, slow, "{dialect:?}");
    tiles(&dialect, source, &units, &fast);
    in_pieces(lexer, &dialect, &units, max_rows, &fast);
    if fast.too_long.is_none() {
        like_the_csv_crate(&dialect, source, &fast);
    }
}

/// The preamble and the footer lie in the source.
fn before_and_after(dialect: &Dialect, source: &[u8]) {
    let length = source.len() as u64;
    let header = preamble(dialect, Limits::default(), source, true)
        .expect("no row is long")
        .expect("it is the whole source");
    assert!(
        header.range.start <= header.range.end
            && header.range.end <= header.data_start
            && header.data_start <= length
    );
    let before = &source[..header.data_start as usize];
    let mark = if before.starts_with(dialect.encoding.byte_order_mark()) {
        dialect.encoding.byte_order_mark().len()
    } else {
        0
    };
    assert_eq!(
        header.lines_before_data,
        LineCounter::new(dialect).count(&before[mark..]),
        "{dialect:?}"
    );
    // What is known of a part of the source does not change with what follows.
    for end in [source.len() / 2, source.len().saturating_sub(1)] {
        if let Some(found) =
            preamble(dialect, Limits::default(), &source[..end], false).expect("no row is long")
        {
            assert_eq!(found, header, "{dialect:?}");
        }
    }
    assert!(footer_start(dialect, source, true).expect("it is the whole source") <= source.len());
}

fn tiles(dialect: &Dialect, source: &[u8], units: &[u8], reading: &Reading) {
    let unit = dialect.encoding.unit_bytes() as u64;
    let mut at = 0;
    for row in &reading.rows {
        assert_eq!(row.bytes.start, at, "{dialect:?}");
        assert!(row.content_end <= row.bytes.end && row.bytes.start < row.bytes.end);
        at = row.bytes.end;
    }
    assert_eq!(at, reading.too_long.unwrap_or(units.len() as u64 * unit));
    let read = &source[..(at as usize).min(source.len())];
    let lines: u64 = reading.rows.iter().map(|row| u64::from(row.lines)).sum();
    assert_eq!(lines, LineCounter::new(dialect).count(read), "{dialect:?}");
}

/// A few rows at a time, in windows that grow by a byte, the rows are the same.
fn in_pieces(
    mut lexer: Lexer,
    dialect: &Dialect,
    units: &[u8],
    max_rows: usize,
    expected: &Reading,
) {
    let unit = dialect.encoding.unit_bytes() as u64;
    let (mut rows, mut at, mut end, mut seen) = (Rows::default(), 0, 0, 0);
    while at < units.len() {
        let ended = end == units.len();
        match lexer.read(&units[at..end], ended, max_rows, &mut rows) {
            Ok(0) => {
                assert!(!ended, "nothing is left over at the end");
                end = (end + 1 + (end - at) / 4).min(units.len());
            }
            Ok(taken) => {
                for row in &rows.rows {
                    let expected = &expected.rows[seen];
                    let found = (at as u64 + u64::from(row.start)) * unit
                        ..(at as u64 + u64::from(row.end)) * unit;
                    assert_eq!(
                        (found, row.kind, row.lines),
                        (expected.bytes.clone(), expected.kind, expected.lines),
                        "{dialect:?}"
                    );
                    seen += 1;
                }
                at += taken;
            }
            Err(long) => {
                assert_eq!(Some((at as u64 + long.at) * unit), expected.too_long, "{dialect:?}");
                return;
            }
        }
    }
    assert_eq!((seen, None), (expected.rows.len(), expected.too_long));
}

fn like_the_csv_crate(dialect: &Dialect, source: &[u8], reading: &Reading) {
    let default = Dialect::default();
    let is_shared = dialect.line_terminator == Terminator::Auto
        && dialect.blank_rows == BlankRows::Skip
        && dialect.encoding.unit_bytes() == 1
        && (dialect.escape_char, dialect.comment_char) == (None, None)
        && !dialect.skip_initial_space
        && !dialect.trim
        && (dialect.delimiter == default.delimiter || dialect.delimiter == b'\t')
        && !dialect.excel_text
        && dialect.quote_char.is_none_or(|quote| quote == b'"' || quote == b'\'');
    // The other crate passes over a byte order mark at the very beginning only.
    if !is_shared || source.windows(3).any(|bytes| bytes == b"\xEF\xBB\xBF") {
        return;
    }
    let mut reader = csv::ReaderBuilder::new();
    reader
        .has_headers(false)
        .flexible(true)
        .double_quote(dialect.double_quote)
        .delimiter(dialect.delimiter.first());
    match dialect.quote_char {
        Some(quote) => reader.quote(quote.first()),
        None => reader.quoting(false),
    };
    let mut theirs = reader.from_reader(source).into_byte_records();
    for row in reading.rows.iter().filter(|row| row.kind == RowKind::Record) {
        let record = theirs
            .next()
            .expect("it has as many records")
            .expect("flexible reading of bytes can't fail");
        let ours: Vec<&[u8]> = row.fields.iter().map(|field| &field.3[..]).collect();
        assert_eq!(ours, record.iter().collect::<Vec<_>>(), "{dialect:?}");
    }
    assert!(theirs.next().is_none(), "it has no more records");
}
