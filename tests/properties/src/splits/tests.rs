//! Looks for trouble with chosen sources and splits.

use csv_records::dialect::{BlankRows, Terminator, Token};
use proptest::prelude::*;

use super::*;

fn dialects() -> impl Strategy<Value = Dialect> {
    let terminator = prop::sample::select(vec![
        Terminator::Auto,
        Terminator::Auto,
        Terminator::Lf,
        Terminator::CrLf,
        Terminator::Cr,
    ]);
    let rare = prop::bool::weighted(0.2);
    // A tab or a space may have two roles at once.
    let delimiter =
        one_of(&[",", ",", ",", ",", ",", ",", "\t", " "], &[",,", ",a,", "ä", ",,,a", "¦"]);
    let tokens = (
        delimiter,
        one_of(&["\"", "\"", "\"", "\"", "\""], &["\"\"", "§", "\"a", " \""]),
        one_of(&["\\", "\\"], &["\\\\", "´"]),
        one_of(&["#", "#"], &["##", "«", "\u{feff}#"]),
    );
    let options = (
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.8),
        rare,
        prop::bool::weighted(0.1),
        rare,
        rare,
        rare,
        rare,
        rare,
    );
    let of = (tokens, terminator, options).prop_map(
        |(
            (delimiter, quote, escape_char, comment_char),
            line_terminator,
            (
                quotes,
                double_quote,
                escape,
                escape_is_quote,
                comment,
                skip_initial_space,
                trim,
                blank,
                excel_text,
            ),
        )| Dialect {
            delimiter,
            quote_char: quotes.then_some(quote),
            double_quote,
            escape_char: if escape_is_quote { Some(quote) } else { escape.then_some(escape_char) },
            excel_text,
            line_terminator,
            comment_char: comment.then_some(comment_char),
            skip_initial_space,
            trim,
            blank_rows: if blank { BlankRows::Reject } else { BlankRows::Skip },
            ..Dialect::default()
        },
    );
    of.prop_filter("tokens hold no others", |dialect| dialect.check().is_ok())
}

fn token(text: &str) -> Token {
    Token::new(text.as_bytes()).expect("it is short")
}

/// Usually one of the first, and sometimes one of several bytes.
fn one_of(usual: &[&str], several: &[&str]) -> impl Strategy<Value = Token> + use<> {
    let tokens = |texts: &[&str]| {
        prop::sample::select(texts.iter().map(|text| token(text)).collect::<Vec<_>>())
    };
    prop_oneof![2 => tokens(usual), 1 => tokens(several)]
}

/// Small alphabets, so that guesses go wrong often; and rows that look like rows.
fn sources() -> impl Strategy<Value = Vec<u8>> {
    let dense = prop::collection::vec(prop::sample::select(b"\"\",,\r\n\t a\\#=".to_vec()), 0..120);
    let sparse = prop::collection::vec(
        prop::sample::select(b"\",\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xC3\xA4".to_vec()),
        0..500,
    );
    let field = prop_oneof![3 => "[a-z ]{0,9}", 2 => "\"([a-z,\n]|\"\"){0,30}\"", 1 => "\"[a\r\n]{0,200}\"", 1 => "[ab\"\\\\#\t]{0,3}"];
    let row = (prop::collection::vec(field, 1..4), prop::sample::select(vec!["\n", "\r\n", "\r"]));
    let usual = prop::collection::vec(row.prop_map(|(fields, end)| fields.join(",") + end), 0..20)
        .prop_map(|rows| rows.concat().into_bytes());
    // Files that were put together with their byte order marks, and parts of such marks.
    let marked = prop::collection::vec(
        prop::sample::select(vec![
            "\u{feff}", "\u{feff}", "\n", "a", ",", "\"", "=\"", "\u{fefe}", "\u{bfbf}",
        ]),
        0..60,
    )
    .prop_map(|parts| parts.concat().into_bytes());
    // Tokens of several bytes, which share their first, and parts of them.
    let parts: [&[u8]; 14] = [
        &[0xC2, 0xA7],
        "§".as_bytes(),
        "´".as_bytes(),
        "«".as_bytes(),
        "¦".as_bytes(),
        b"\xC2",
        b"\xA7",
        b"\"\"",
        b"\"a",
        b"\\",
        b"##",
        b",",
        b"\n",
        b"a",
    ];
    let several = prop::collection::vec(prop::sample::select(parts.to_vec()), 0..60)
        .prop_map(|parts| parts.concat());
    prop_oneof![dense, sparse, usual, marked, several]
}

fn feeds() -> impl Strategy<Value = Feed> {
    let pieces = prop_oneof![
        prop::collection::vec(1..4_usize, 1..4),
        prop::collection::vec(1..100_usize, 1..4),
        Just(vec![1 << 20])
    ];
    (pieces, prop_oneof![1..4_usize, Just(1000)])
        .prop_map(|(pieces, max_rows)| Feed { pieces, max_rows })
}

/// Positions as parts of the source's length, in thousandths.
fn cuts() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(0..=1000_u64, 0..8)
}

fn scaled(mut cuts: Vec<u64>, source: &[u8]) -> Vec<Range<u64>> {
    cuts.sort_unstable();
    ranges(cuts.into_iter().map(|cut| cut * source.len() as u64 / 1000), source)
}

/// In the default dialect, without a header.
fn check(source: &[u8], cuts: &[u64], expected_fields: usize, feed: &Feed) -> usize {
    check_in(&Dialect::default(), source, cuts, expected_fields, feed)
}

fn check_in(
    dialect: &Dialect,
    source: &[u8],
    cuts: &[u64],
    expected_fields: usize,
    feed: &Feed,
) -> usize {
    let ranges = ranges(cuts.iter().copied(), source);
    Split { limits: Limits::default(), data_start: 0, ranges, expected_fields }
        .check(dialect, source, feed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_split_is_exact(
        dialect in dialects(), source in sources(), cuts in cuts(), feed in feeds(), expected_fields in 1..4_usize, start in 0..20_u64,
    ) {
        let data_start = start.saturating_sub(12).min(source.len() as u64);
        let split = Split { limits: Limits::default(), data_start, ranges: scaled(cuts, &source), expected_fields };
        split.check(&dialect, &source, &feed);
    }

    /// Which record is too long does not depend on the split either.
    #[test]
    fn a_long_row_is_found_wherever_the_cuts_are(
        dialect in dialects(), source in sources(), cuts in cuts(), feed in feeds(), expected_fields in 1..4_usize, record_bytes in 1..60_u32,
    ) {
        let split = Split { limits: Limits { record_bytes }, data_start: 0, ranges: scaled(cuts, &source), expected_fields };
        split.check(&dialect, &source, &feed);
    }

    #[test]
    fn a_footer_is_the_same_in_a_stream(dialect in dialects(), source in sources(), feed in feeds(), footer_rows in 0..5_u32) {
        a_footer_in_a_stream(&Dialect { footer_rows, ..dialect }, &source, &feed);
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
    let feed = Feed { pieces: vec![1], max_rows: 10 };
    let mut wrong_guesses = 0;
    for number in 0..5_usize.pow(6) {
        let source: Vec<u8> =
            (0..6).map(|place| b"\",\r\na"[number / 5_usize.pow(place) % 5]).collect();
        for cuts in [[1, 4].as_slice(), &[2, 5], &[3], &[1, 2, 3, 4, 5]] {
            wrong_guesses += check(&source, cuts, 1, &feed);
        }
    }
    assert!(
        wrong_guesses > 10_000,
        "guesses have to go wrong for the second round to be tested: {wrong_guesses}"
    );
}

/// All sources of five parts where tokens have several bytes and begin with the same one, cut at
/// every byte: inside of tokens too.
#[test]
fn every_short_source_of_long_tokens_splits_exactly() {
    let dialect =
        Dialect { delimiter: token("¦"), quote_char: Some(token("§")), ..Dialect::default() };
    let twice = Dialect {
        quote_char: Some(token("''")),
        escape_char: Some(token("~~")),
        ..Dialect::default()
    };
    let feed = Feed { pieces: vec![1], max_rows: 10 };
    for (dialect, parts) in
        [(dialect, ["§", "¦", "\n", "a", "«"]), (twice, ["''", ",", "\n", "'", "~~"])]
    {
        let mut wrong_guesses = 0;
        for number in 0..5_usize.pow(5) {
            let source: String =
                (0..5).map(|place| parts[number / 5_usize.pow(place) % 5]).collect();
            let everywhere: Vec<u64> = (1..source.len() as u64).collect();
            for cut in &everywhere {
                wrong_guesses += check_in(&dialect, source.as_bytes(), &[*cut], 1, &feed);
            }
            wrong_guesses += check_in(&dialect, source.as_bytes(), &everywhere, 1, &feed);
        }
        assert!(
            wrong_guesses > 1_000,
            "guesses have to go wrong for the second round to be tested: {wrong_guesses}"
        );
    }
}

/// On usual data no shard guesses wrong, whatever byte it begins at, if but one whole row follows.
#[test]
fn guesses_are_right_on_usual_data() {
    let row = "1,\"Smith, \"\"Jr.\"\"\",\"left at\nthe, back\",2.50\r\n";
    let source = row.repeat(40);
    let feed = Feed { pieces: vec![4096], max_rows: 1000 };
    for cut in 0..(source.len() - row.len()) as u64 {
        assert_eq!(check(source.as_bytes(), &[cut], 4, &feed), 0, "cut at {cut}");
    }
    assert_eq!(
        sequential(
            Lexer::new(&Dialect::default(), Limits::default()),
            &Dialect::default(),
            source.as_bytes(),
            0
        )
        .rows
        .len(),
        40
    );
}

/// A shard inside a record has nothing to do in the end, and says so.
#[test]
fn a_record_may_span_several_shards() {
    let source = format!("a,b\n\"{}\",1\nc,d\n", "x,y\n".repeat(100));
    for step in [7, 50, 101] {
        let cuts: Vec<u64> = (1..source.len() as u64).step_by(step).collect();
        let wrong = check(source.as_bytes(), &cuts, 2, &Feed { pieces: vec![5], max_rows: 7 });
        assert!(wrong > 0, "text that looks like rows was to be taken for rows");
    }
}

/// Nobody reads on for a reading that owns nothing: without quotes a shard wants one row past its
/// end, not the rest of the source.
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
    let mut reader =
        ShardReader::new(&Dialect::default(), 0..u64::MAX, Some(2), 1, Limits::default());
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
