//! Any split of any source, fed in any pieces, gives what reading it from the start gives.

use std::ops::Range;

use landing::dialect::{BlankRows, Dialect, Terminator};
use landing::lines::LineCounter;
use landing::records::{Batch, FaultKind, Holdback, Lexer, Limits, LongRow, RowKind, Rows, ShardReader, Tile, footer_start, tile};
use proptest::prelude::*;

/// A row with everything that is promised about it. Positions are of the source, lines and records count from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    bytes: Range<u64>,
    content_end: u64,
    line: u64,
    record: u64,
    lines: u32,
    kind: RowKind,
    fields: Vec<(u64, u64, bool, Vec<u8>)>,
    faults: Vec<(u32, u64, FaultKind)>,
}

/// Rows up to the end of the source, or to one that is too long, and where that is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reading {
    rows: Vec<Seen>,
    too_long: Option<u64>,
}

fn see(dialect: &Dialect, batch: Batch<'_>, rows: &Rows, out: &mut Vec<Seen>) {
    let (mut line, mut record, mut scratch) = (batch.lines, batch.records, Vec::new());
    for (index, row) in rows.rows.iter().enumerate() {
        let at = |offset: usize| batch.at + offset as u64;
        let faults = rows.faults_of(index);
        assert_eq!(row.faulty, !faults.is_empty());
        out.push(Seen {
            bytes: at(row.start as usize)..at(row.end as usize),
            content_end: at(row.content_end as usize),
            line,
            record,
            lines: row.lines,
            kind: row.kind,
            fields: rows
                .fields_of(row)
                .iter()
                .map(|field| {
                    (at(field.start()), at(field.end()), field.is_quoted(), field.value(batch.window, dialect, &mut scratch).to_vec())
                })
                .collect(),
            faults: faults.iter().map(|fault| (fault.field, at(fault.at as usize), fault.kind)).collect(),
        });
        line += u64::from(row.lines);
        record += u64::from(row.kind == RowKind::Record);
    }
}

/// The obvious way: the whole source in one window, through `lexer`.
fn sequential(mut lexer: Lexer, dialect: &Dialect, source: &[u8], data_start: usize) -> Reading {
    let mut reading = Reading { rows: Vec::new(), too_long: None };
    let mut rows = Rows::default();
    let (mut at, mut lines, mut records) = (data_start, 0, 0);
    while at < source.len() {
        match lexer.read(&source[at..], true, usize::MAX, &mut rows) {
            Ok(taken) => {
                assert!(taken > 0);
                see(
                    dialect,
                    Batch { window: &source[at..], source: &source[at..], at: at as u64, lines, records },
                    &rows,
                    &mut reading.rows,
                );
                lines += rows.rows.iter().map(|row| u64::from(row.lines)).sum::<u64>();
                records += rows.rows.iter().filter(|row| row.kind == RowKind::Record).count() as u64;
                at += taken;
            }
            Err(LongRow { at: long, .. }) => {
                reading.too_long = Some(at as u64 + long);
                break;
            }
        }
    }
    reading
}

/// How bytes come: the sizes of pieces, over and over, and of batches.
#[derive(Debug, Clone)]
struct Feed {
    pieces: Vec<usize>,
    max_rows: usize,
}

/// Runs one shard to its end.
fn shard(mut reader: ShardReader, dialect: &Dialect, source: &[u8], feed: &Feed) -> (Vec<Seen>, Result<Tile, LongRow>) {
    let (mut rows, mut seen) = (Rows::default(), Vec::new());
    let mut pieces = feed.pieces.iter().cycle();
    while let Some(at) = reader.wants() {
        let rest = &source[at as usize..];
        let piece = &rest[..rest.len().min(*pieces.next().expect("a cycle has no end"))];
        reader.push(piece, piece.len() == rest.len());
        loop {
            match reader.next(feed.max_rows, &mut rows) {
                Ok(Some(batch)) => {
                    assert!(rows.rows.len() <= feed.max_rows);
                    see(dialect, batch, &rows, &mut seen);
                }
                Ok(None) => break,
                Err(long) if long.certain => return (seen, Err(long)),
                Err(_) => {}
            }
        }
    }
    (seen, Ok(reader.finish()))
}

/// Splits at `cuts`, runs all shards, verifies, runs the wrong ones again, and puts the rows together. Also says how many were wrong.
fn split(
    dialect: &Dialect,
    limits: Limits,
    source: &[u8],
    data_start: u64,
    cuts: &[u64],
    expected_fields: usize,
    feed: &Feed,
) -> (Reading, usize) {
    let length = source.len() as u64;
    let ends = cuts.iter().copied().chain([length]);
    let ranges: Vec<Range<u64>> = [0].into_iter().chain(cuts.iter().copied()).zip(ends).map(|(from, to)| from..to).collect();
    let run =
        |range: &Range<u64>, first| shard(ShardReader::new(dialect, range.clone(), first, expected_fields, limits), dialect, source, feed);
    let mut seen = Vec::new();
    let mut tiles = Vec::new();
    for range in &ranges {
        let (rows, found) = run(range, (data_start >= range.start).then_some(data_start));
        seen.push(rows);
        match found {
            Ok(tile) => tiles.push(tile),
            Err(long) => {
                // Certain, so nothing before it can be wrong but guesses: the job has failed.
                return (Reading { rows: Vec::new(), too_long: Some(long.at) }, 0);
            }
        }
    }
    let tiling = tile(&tiles, data_start, length).expect("the shards are of one source");
    let wrong = tiling.wrong.len();
    for (index, first) in tiling.wrong {
        let (rows, found) = run(&ranges[index], Some(first));
        seen[index] = rows;
        match found {
            Ok(tile) => tiles[index] = tile,
            Err(long) => return (Reading { rows: Vec::new(), too_long: Some(long.at) }, wrong),
        }
    }
    let tiling = tile(&tiles, data_start, length).expect("the shards are of one source");
    assert_eq!(tiling.wrong, [], "two rounds are enough");
    let mut rows = Vec::new();
    for (shard, base) in seen.into_iter().zip(tiling.bases) {
        rows.extend(shard.into_iter().map(|row| Seen { line: row.line + base.lines, record: row.record + base.records, ..row }));
    }
    (Reading { rows, too_long: None }, wrong)
}

fn dialects() -> impl Strategy<Value = Dialect> {
    let terminator = prop::sample::select(vec![Terminator::Auto, Terminator::Auto, Terminator::Lf, Terminator::CrLf, Terminator::Cr]);
    let rare = prop::bool::weighted(0.2);
    // A tab or a space may have two roles at once.
    let delimiter = prop_oneof![8 => Just(b','), 1 => Just(b'\t'), 1 => Just(b' ')];
    let options = (prop::bool::weighted(0.9), prop::bool::weighted(0.8), rare, prop::bool::weighted(0.1), rare, rare, rare, rare);
    (delimiter, terminator, options).prop_map(
        |(delimiter, line_terminator, (quotes, double_quote, escape, escape_is_quote, comment, skip_initial_space, trim, blank))| Dialect {
            delimiter,
            quote_char: quotes.then_some(b'"'),
            double_quote,
            escape_char: if escape_is_quote { Some(b'"') } else { escape.then_some(b'\\') },
            line_terminator,
            comment_char: comment.then_some(b'#'),
            skip_initial_space,
            trim,
            blank_rows: if blank { BlankRows::Reject } else { BlankRows::Skip },
            ..Dialect::default()
        },
    )
}

/// Small alphabets, so that guesses go wrong often; and rows that look like rows.
fn sources() -> impl Strategy<Value = Vec<u8>> {
    let dense = prop::collection::vec(prop::sample::select(b"\"\",,\r\n\t a\\#".to_vec()), 0..120);
    let sparse = prop::collection::vec(prop::sample::select(b"\",\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xC3\xA4".to_vec()), 0..500);
    let field = prop_oneof![3 => "[a-z ]{0,9}", 2 => "\"([a-z,\n]|\"\"){0,30}\"", 1 => "\"[a\r\n]{0,200}\"", 1 => "[ab\"\\\\#\t]{0,3}"];
    let row = (prop::collection::vec(field, 1..4), prop::sample::select(vec!["\n", "\r\n", "\r"]));
    let usual =
        prop::collection::vec(row.prop_map(|(fields, end)| fields.join(",") + end), 0..20).prop_map(|rows| rows.concat().into_bytes());
    prop_oneof![dense, sparse, usual]
}

fn feeds() -> impl Strategy<Value = Feed> {
    let pieces = prop_oneof![prop::collection::vec(1..4_usize, 1..4), prop::collection::vec(1..100_usize, 1..4), Just(vec![1 << 20])];
    (pieces, prop_oneof![1..4_usize, Just(1000)]).prop_map(|(pieces, max_rows)| Feed { pieces, max_rows })
}

/// Positions as parts of the source's length, in thousandths.
fn cuts() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(0..=1000_u64, 0..8)
}

fn scaled(mut cuts: Vec<u64>, source: &[u8]) -> Vec<u64> {
    cuts.iter_mut().for_each(|cut| *cut = *cut * source.len() as u64 / 1000);
    cuts.sort_unstable();
    cuts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_split_is_exact(
        dialect in dialects(), source in sources(), cuts in cuts(), feed in feeds(), expected_fields in 1..4_usize, start in 0..20_u64,
    ) {
        let data_start = start.saturating_sub(12).min(source.len() as u64);
        let expected = sequential(Lexer::new(&dialect, Limits::default()), &dialect, &source, data_start as usize);
        let (found, _) = split(&dialect, Limits::default(), &source, data_start, &scaled(cuts, &source), expected_fields, &feed);
        prop_assert_eq!(found, expected);
    }

    /// Which record is too long does not depend on the split either.
    #[test]
    fn a_long_row_is_found_wherever_the_cuts_are(
        dialect in dialects(), source in sources(), cuts in cuts(), feed in feeds(), expected_fields in 1..4_usize, record_bytes in 1..60_u32,
    ) {
        let limits = Limits { record_bytes };
        let expected = sequential(Lexer::new(&dialect, limits), &dialect, &source, 0);
        let (found, _) = split(&dialect, limits, &source, 0, &scaled(cuts, &source), expected_fields, &feed);
        prop_assert_eq!(found.too_long, expected.too_long);
        if expected.too_long.is_none() {
            prop_assert_eq!(found.rows, expected.rows);
        }
    }

    /// A footer is held back as it is cut off, in whatever pieces the source comes, and has as many lines as it should.
    #[test]
    fn a_footer_is_the_same_in_a_stream(dialect in dialects(), source in sources(), feed in feeds(), footer_rows in 0..5_u32) {
        let dialect = Dialect { footer_rows, ..dialect };
        let start = footer_start(&dialect, &source, true).expect("it is whole");
        let (mut holdback, mut passed, mut rest) = (Holdback::new(&dialect), Vec::new(), &source[..]);
        for piece in feed.pieces.iter().cycle() {
            let (piece, later) = rest.split_at(rest.len().min(*piece));
            let (at, bytes) = holdback.pass(piece).expect("it is short");
            prop_assert_eq!(at, passed.len() as u64);
            passed.extend_from_slice(bytes);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(&passed, &source[..start]);
        let lines = LineCounter::new(&dialect).count(&source[start..]);
        prop_assert!(lines <= u64::from(footer_rows) && (start == 0 || lines + 1 >= u64::from(footer_rows)), "{} lines", lines);
    }

    /// The structural index reads what the automaton reads.
    #[test]
    fn the_fast_path_is_the_slow_one(dialect in dialects(), source in sources(), record_bytes in prop_oneof![1..60_u32, Just(1 << 20)]) {
        let lexer = Lexer::new(&dialect, Limits { record_bytes });
        let fast = sequential(lexer.clone(), &dialect, &source, 0);
        let slow = sequential(lexer.without_index(), &dialect, &source, 0);
        prop_assert_eq!(fast, slow);
    }
}

/// All sources of six bytes over the worst alphabet, cut everywhere.
#[test]
fn every_short_source_splits_exactly() {
    let dialect = Dialect::default();
    let feed = Feed { pieces: vec![1], max_rows: 10 };
    let mut wrong_guesses = 0;
    for number in 0..5_usize.pow(6) {
        let source: Vec<u8> = (0..6).map(|place| b"\",\r\na"[number / 5_usize.pow(place) % 5]).collect();
        let expected = sequential(Lexer::new(&dialect, Limits::default()), &dialect, &source, 0);
        let reading = |cuts: &[u64]| split(&dialect, Limits::default(), &source, 0, cuts, 1, &feed);
        for cuts in [[1, 4].as_slice(), &[2, 5], &[3], &[1, 2, 3, 4, 5]] {
            let (found, wrong) = reading(cuts);
            assert_eq!(found, expected, "{:?} cut at {cuts:?}", String::from_utf8_lossy(&source));
            wrong_guesses += wrong;
        }
    }
    assert!(wrong_guesses > 10_000, "guesses have to go wrong for the second round to be tested: {wrong_guesses}");
}

/// On usual data no shard guesses wrong, whatever byte it begins at, if but one whole row follows.
#[test]
fn guesses_are_right_on_usual_data() {
    let row = "1,\"Smith, \"\"Jr.\"\"\",\"left at\nthe, back\",2.50\r\n";
    let source = row.repeat(40);
    for cut in 0..(source.len() - row.len()) as u64 {
        let feed = Feed { pieces: vec![4096], max_rows: 1000 };
        let (found, wrong) = split(&Dialect::default(), Limits::default(), source.as_bytes(), 0, &[cut], 4, &feed);
        assert_eq!((found.rows.len(), wrong), (40, 0), "cut at {cut}");
    }
}

/// A shard inside a record has nothing to do in the end, and says so.
#[test]
fn a_record_may_span_several_shards() {
    let source = format!("a,b\n\"{}\",1\nc,d\n", "x,y\n".repeat(100));
    let expected = sequential(Lexer::new(&Dialect::default(), Limits::default()), &Dialect::default(), source.as_bytes(), 0);
    for step in [7, 50, 101] {
        let cuts: Vec<u64> = (1..source.len() as u64).step_by(step).collect();
        let feed = Feed { pieces: vec![5], max_rows: 7 };
        let (found, wrong) = split(&Dialect::default(), Limits::default(), source.as_bytes(), 0, &cuts, 2, &feed);
        assert_eq!(found, expected);
        assert!(wrong > 0, "text that looks like rows was to be taken for rows");
    }
}

/// Nobody reads on for a reading that owns nothing: without quotes a shard wants one row past its end, not the rest of the source.
#[test]
fn a_shard_wants_little_past_its_end() {
    let source = "abc,def\n".repeat(10_000);
    let mut reader = ShardReader::new(&Dialect::default(), 801..1601, None, 2, Limits::default());
    let mut rows = Rows::default();
    let mut last = 0;
    while let Some(at) = reader.wants() {
        last = at;
        reader.push(&source.as_bytes()[at as usize..][..1], false);
        while reader.next(100, &mut rows).expect("no row is long").is_some() {}
    }
    assert!((1600..1620).contains(&last), "{last}");
    let tile = reader.finish();
    assert_eq!((tile.records, tile.lines, tile.taken), (100, 100, Some(0)));
}

/// A stream of unknown length is one shard.
#[test]
fn a_stream_is_one_shard() {
    let mut reader = ShardReader::new(&Dialect::default(), 0..u64::MAX, Some(2), 1, Limits::default());
    let mut rows = Rows::default();
    assert_eq!(reader.wants(), Some(2));
    reader.push(b"1\n2\n", false);
    assert!(reader.next(10, &mut rows).is_ok_and(|batch| batch.is_some()));
    assert_eq!(reader.wants(), Some(6));
    reader.push(b"", true);
    assert!(reader.next(10, &mut rows).is_ok_and(|batch| batch.is_none()));
    assert_eq!(reader.wants(), None);
    let tile = reader.finish();
    assert_eq!(tile.to, 6);
    assert_eq!(self::tile(&[tile], 2, 6).map(|tiling| tiling.wrong), Ok(vec![]));
}
