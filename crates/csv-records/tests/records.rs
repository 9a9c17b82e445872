//! Checks how bytes become rows: cases with their expected text, and generated ones beside the
//! `csv` crate.

use csv_records::dialect::{Dialect, Terminator, Token};
use csv_records::{FaultKind, Lexer, Limits, RowKind, Rows, preamble};
use proptest::prelude::*;

/// Reads `source` as a whole and writes a row a line: `line: [values] fault@byte …`.
fn text(dialect: &Dialect, source: &[u8]) -> String {
    let mut lexer = Lexer::new(dialect, Limits::default());
    let mut rows = Rows::default();
    let taken = lexer.read(source, true, usize::MAX, &mut rows).expect("no row is long");
    assert_eq!(taken, source.len());
    let (mut line, mut scratch, mut out) = (1, Vec::new(), String::new());
    for (index, row) in rows.rows.iter().enumerate() {
        let content = match row.kind {
            RowKind::Blank => "blank".to_owned(),
            RowKind::Comment => "comment".to_owned(),
            RowKind::Record => {
                let value = |field: &csv_records::Field| {
                    let value = String::from_utf8_lossy(field.value(source, dialect, &mut scratch))
                        .escape_debug()
                        .to_string();
                    if field.is_quoted() { format!("<{value}>") } else { value }
                };
                rows.fields_of(row).iter().map(value).collect::<Vec<_>>().join("|")
            }
        };
        out += &format!("{line}: {content}");
        for fault in rows.faults_of(index) {
            let name = match fault.kind {
                FaultKind::StrayQuote => "stray",
                FaultKind::UnterminatedQuote => "unterminated",
                FaultKind::DanglingEscape => "dangling",
            };
            out += &format!(" {name}@{}/{}", fault.at, fault.field);
        }
        assert_eq!(row.faulty, !rows.faults_of(index).is_empty());
        out.push('\n');
        line += row.lines;
    }
    out
}

fn check(dialect: &Dialect, source: &str, expected: &[&str]) {
    let found = text(dialect, source.as_bytes());
    assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{source:?}");
}

#[test]
fn rows_of_the_default_dialect() {
    let check = |source, expected: &[&str]| check(&Dialect::default(), source, expected);
    check("", &[]);
    check("\n", &["1: blank"]);
    check("a", &["1: a"]);
    check("a,b\n1,2", &["1: a|b", "2: 1|2"]);
    check("a,\n,b\n,\n", &["1: a|", "2: |b", "3: |"]);
    check("a\rb\r\nc\n\rd\r", &["1: a", "2: b", "3: c", "4: blank", "5: d"]);
    check("\r\n\r\r\n", &["1: blank", "2: blank", "3: blank"]);
    check("\"a\",\"\",\"b,c\"\n", &["1: <a>|<>|<b,c>"]);
    check("\"a\nb\"\r\n\"c\r\nd\re\n\",f\ng", &["1: <a\\nb>", "3: <c\\r\\nd\\re\\n>|f", "7: g"]);
    check("\"a\"\"b\"\"\",\"\"\"\"\n", &["1: <a\\\"b\\\">|<\\\">"]);
    check(" \"a\"\n", &["1:  \\\"a\\\" stray@1/0"]);
    check("a\"b\"c,d\"\n", &["1: a\\\"b\\\"c|d\\\" stray@1/0 stray@7/1"]);
    check("\"ab\"c\"d\",e\n", &["1: <abc\\\"d\\\">|e stray@3/0"]);
    check("\"a\" ,b\n", &["1: <a >|b stray@2/0"]);
    check("x\ny,\"a\nb", &["1: x", "2: y|<a\\nb> unterminated@4/1"]);
    check("\"", &["1: <> unterminated@0/0"]);
    check("\"\"", &["1: <>"]);
    check("\"\"\"", &["1: <\\\"> unterminated@0/0"]);
    check("a\0b,\0\n", &["1: a\\0b|\\0"]);
    check("  \n\t\n", &["1:   ", "2: \\t"]);
    check("ä,\"ö\n\"\n", &["1: ä|<ö\\n>"]);
}

#[test]
fn rows_of_other_dialects() {
    let dialect = Dialect::default;
    let tabs = Dialect { delimiter: b'\t'.into(), quote_char: None, ..dialect() };
    check(&tabs, "\"a\tb\"\n\"\n", &["1: \\\"a|b\\\"", "2: \\\""]);
    let single = Dialect { double_quote: false, ..dialect() };
    check(&single, "\"a\"\"b\",c\n\"\",d\n", &["1: <a\\\"b\\\">|c stray@2/0", "2: <>|d"]);
    let escape = Dialect { escape_char: Some(b'\\'.into()), double_quote: false, ..dialect() };
    check(&escape, "\"a\\\"b\\\\\",c\\,d,\\\n,\\\r\ne\n", &["1: <a\\\"b\\\\>|c,d|\\n|\\r\\ne"]);
    check(&escape, "a\\", &["1: a\\\\ dangling@1/0"]);
    check(&escape, "\"a\\", &["1: <a\\\\> unterminated@0/0"]);
    check(&escape, "\"a\"\\,b\n", &["1: <a,b> stray@2/0"]);
    let comments = Dialect { comment_char: Some(b'#'.into()), ..dialect() };
    check(&comments, "#a,\"b\nc,#d\n#", &["1: comment", "2: c|#d", "3: comment"]);
    let spaces = Dialect { skip_initial_space: true, ..dialect() };
    check(&spaces, " a, \"b\",  \n  \n", &["1: a|<b>|", "2: "]);
    let trim = Dialect { trim: true, ..dialect() };
    check(
        &trim,
        " a b\t, \"b\" ,  \n \t \n\"c\" d \n",
        &["1: a b|<b>|", "2: blank", "3: <c d > stray@21/0"],
    );
    let lf = Dialect { line_terminator: Terminator::Lf, ..dialect() };
    check(&lf, "a\rb\r\n\"c\"\r\n", &["1: a\\rb\\r", "2: <c\\r> stray@7/0"]);
    let cr = Dialect { line_terminator: Terminator::Cr, ..dialect() };
    check(&cr, "a\n\r\n\r\r\"\r\"", &["1: a\\n", "2: \\n", "3: blank", "4: <\\r>"]);
    let crlf = Dialect { line_terminator: Terminator::CrLf, ..dialect() };
    check(
        &crlf,
        "a\nb\r\r\n\r\n\"c\"\r\n\"d\"\r,e\r",
        &["1: a\\nb\\r", "3: blank", "4: <c>", "5: <d\\r>|e\\r stray@15/0"],
    );
}

#[test]
fn rows_of_dialects_with_tokens_of_several_bytes() {
    let section = Dialect { quote_char: Token::parse("§"), ..Dialect::default() };
    check(&section, "§a§,§§,§b,c§\n", &["1: <a>|<>|<b,c>"]);
    check(&section, "§a§§b§§§,§§§§\n§x\ny§,\"z\"\n", &["1: <a§b§>|<§>", "2: <x\\ny>|\\\"z\\\""]);
    check(
        &section,
        "a§b,§c§d\n´a´\n§e",
        &["1: a§b|<cd> stray@1/0 stray@8/1", "2: ´a´", "3: <e> unterminated@18/0"],
    );
    // Half of a quote is not a quote.
    let twice = Dialect {
        quote_char: Token::parse("''"),
        escape_char: Token::parse("~~"),
        ..Dialect::default()
    };
    check(&twice, "''it's''''s'',a'b\n''''\n", &["1: <it\\'s\\'\\'s>|a\\'b", "2: <>"]);
    check(&twice, "''a~~'~~'b'',c~~,d~e\n", &["1: <a\\'\\'b>|c,d~e"]);
    // The escape and the quote begin with the same byte, and so does a comment, and so does data.
    let shared =
        Dialect { escape_char: Token::parse("´"), comment_char: Token::parse("«"), ..section };
    check(&shared, "«§\n§´§´´´,§,´,»«\n»\n", &["1: comment", "2: <§´,>|,»«", "3: »"]);
    check(&shared, "a´", &["1: a´ dangling@1/0"]);
    // Spaces before and after the fields are not part of them.
    let spaces = Dialect {
        delimiter: Token::parse(" | ").expect("it is short"),
        quote_char: Token::parse(" ' "),
        trim: true,
        ..twice
    };
    check(&spaces, "a |  b  |  ' c '  | d\n", &["1: a|b|<c>|d"]);
}

#[test]
fn a_field_says_whether_it_was_quoted() {
    let mut rows = Rows::default();
    Lexer::new(&Dialect::default(), Limits::default())
        .read(b",\"\"\n", true, 1, &mut rows)
        .expect("no row is long");
    assert_eq!(
        rows.fields.iter().map(|field| field.is_quoted()).collect::<Vec<_>>(),
        [false, true]
    );
}

#[test]
fn only_whole_rows_are_read() {
    let mut lexer = Lexer::new(&Dialect::default(), Limits::default());
    let mut rows = Rows::default();
    for (window, taken) in [
        ("a\nb", 2),
        ("a", 0),
        ("a\r", 0),
        ("a\r\n", 3),
        ("a\rb", 2),
        ("\"a\n", 0),
        ("\"a\"\n\"", 4),
    ] {
        assert_eq!(
            lexer.read(window.as_bytes(), false, usize::MAX, &mut rows),
            Ok(taken),
            "{window:?}"
        );
    }
    assert_eq!(lexer.read(b"a\nb\nc\n", true, 2, &mut rows), Ok(4));
    assert_eq!(rows.rows.len(), 2);
}

#[test]
fn a_row_at_the_limit_is_read_and_a_longer_one_is_refused() {
    let mut lexer = Lexer::new(&Dialect::default(), Limits { record_bytes: 4 });
    let mut rows = Rows::default();
    assert_eq!(lexer.read(b"abc\nd\n", false, usize::MAX, &mut rows), Ok(6));
    assert_eq!(lexer.read(b"a\nabcd\n", false, usize::MAX, &mut rows), Ok(2));
    for window in [b"abcd\n".as_slice(), b"abcde", b"\"abc\"\n", b"\"abcd", b"abcde\nf\n"] {
        let long = lexer
            .read(window, false, usize::MAX, &mut rows)
            .expect_err("it is longer than 4 bytes");
        assert_eq!((long.at, long.limit), (0, 4), "{window:?}");
    }
    assert!(lexer.read(b"abcde", true, usize::MAX, &mut rows).is_err());
}

#[test]
fn what_stands_before_the_data() {
    let found = |dialect: &Dialect, source: &str, end| {
        let header = preamble(dialect, Limits::default(), source.as_bytes(), end)
            .expect("no row is long")?;
        Some((header.names.join("|"), header.range, header.data_start, header.lines_before_data))
    };
    let dialect = Dialect::default();
    let some = |names: &str, range, start, lines| Some((names.to_owned(), range, start, lines));
    assert_eq!(found(&dialect, "a,b\n1,2\n", false), some("a|b", 0..4, 4, 1));
    assert_eq!(found(&dialect, "\u{feff}a,\"b\nc\"\r\n1,2\n", false), some("a|b\nc", 3..12, 12, 2));
    assert_eq!(found(&dialect, "\n\na\n", false), some("a", 2..4, 4, 3));
    assert_eq!(found(&dialect, "a,b", false), None);
    assert_eq!(found(&dialect, "a,b\r", false), None);
    assert_eq!(found(&dialect, "a,b", true), some("a|b", 0..3, 3, 0));
    assert_eq!(found(&dialect, "", true), some("", 0..0, 0, 0));
    assert_eq!(found(&dialect, "", false), None);
    assert_eq!(found(&dialect, "\u{feff}", true), some("", 3..3, 3, 0));
    let skipping = Dialect { skip_rows: 2, comment_char: Some(b'#'.into()), ..Dialect::default() };
    assert_eq!(found(&skipping, "say \"hi\r\n\r\n#c\na,b\n1", false), some("a|b", 14..18, 18, 4));
    assert_eq!(found(&skipping, "one", true), some("", 3..3, 3, 0));
    let bare = Dialect { header: false, skip_rows: 1, ..Dialect::default() };
    assert_eq!(found(&bare, "x\r\n1,2", false), some("", 3..3, 3, 1));
}

/// Bytes in which everything that matters is frequent.
fn dense() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(b"\"\",,\r\n\n a\0".to_vec()), 0..300)
}

/// Rows with fields that are mostly as they should be, longer than a block.
fn usual() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        4 => "[a-z0-9 ]{0,30}",
        3 => "\"[a-z,\n]{0,40}\"",
        1 => "\"([a-z]|\"\"|\r\n){0,90}\"",
        1 => "[a-z\"]{0,6}",
    ];
    let row = (prop::collection::vec(field, 0..6), prop::sample::select(vec!["\n", "\r\n", "\r"]));
    prop::collection::vec(row.prop_map(|(fields, end)| fields.join(",") + end), 0..12)
        .prop_map(|rows| rows.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Quotes, escapes and others of several bytes are read as those of a single byte are.
    #[test]
    fn tokens_of_several_bytes_are_read_like_single_bytes(
        parts in prop::collection::vec(prop::sample::select(b"\"\"\",,\\# a\r\n=".to_vec()), 0..60),
        options in any::<[bool; 6]>(),
    ) {
        let [double_quote, escape, comment, skip_initial_space, trim, excel_text] = options;
        let longer = |byte: u8| match byte {
            b'"' => "§",
            b',' => "¦",
            b'\\' => "´",
            b'#' => "«",
            _ => "",
        };
        let translate = |bytes: &[u8]| -> Vec<u8> {
            let of = |byte: &u8| if longer(*byte).is_empty() { vec![*byte] } else { longer(*byte).as_bytes().to_vec() };
            bytes.iter().flat_map(of).collect()
        };
        let single = Dialect {
            double_quote,
            escape_char: escape.then(|| b'\\'.into()),
            comment_char: comment.then(|| b'#'.into()),
            skip_initial_space,
            trim,
            excel_text,
            ..Dialect::default()
        };
        let several = |token: Token| Token::parse(longer(token.first())).expect("it is short");
        let dialect = Dialect {
            delimiter: several(single.delimiter),
            quote_char: single.quote_char.map(several),
            escape_char: single.escape_char.map(several),
            comment_char: single.comment_char.map(several),
            ..single.clone()
        };
        let source = translate(&parts);
        let place = |at: usize| translate(&parts[..at]).len();
        let (mut rows, mut expected) = (Rows::default(), Rows::default());
        Lexer::new(&single, Limits::default()).read(&parts, true, usize::MAX, &mut expected).expect("no row is long");
        Lexer::new(&dialect, Limits::default()).read(&source, true, usize::MAX, &mut rows).expect("no row is long");
        prop_assert_eq!(rows.rows.len(), expected.rows.len());
        let (mut scratch, mut other) = (Vec::new(), Vec::new());
        for (index, (row, expected_row)) in rows.rows.iter().zip(&expected.rows).enumerate() {
            prop_assert_eq!((row.kind, row.lines), (expected_row.kind, expected_row.lines));
            prop_assert_eq!((row.start as usize, row.end as usize), (place(expected_row.start as usize), place(expected_row.end as usize)));
            prop_assert_eq!(row.fields, expected_row.fields);
            for (field, expected) in rows.fields_of(row).iter().zip(expected.fields_of(expected_row)) {
                prop_assert_eq!((field.start(), field.end(), field.is_quoted()), (place(expected.start()), place(expected.end()), expected.is_quoted()));
                let value = translate(expected.value(&parts, &single, &mut other));
                prop_assert_eq!(field.value(&source, &dialect, &mut scratch), &value[..]);
            }
            let faults = |rows: &Rows, place: &dyn Fn(usize) -> usize| -> Vec<_> {
                rows.faults_of(index).iter().map(|fault| (fault.field, place(fault.at as usize), fault.kind)).collect()
            };
            prop_assert_eq!(faults(&rows, &|at| at), faults(&expected, &place));
        }
    }

    /// Where both define a reading, the values are those of the `csv` crate, and its lines and
    /// bytes too.
    #[test]
    fn agrees_with_the_csv_crate(source in prop_oneof![dense(), usual()], quoting: bool, double_quote: bool) {
        let dialect = Dialect { quote_char: quoting.then(|| b'"'.into()), double_quote, ..Dialect::default() };
        let mut rows = Rows::default();
        let mut lexer = Lexer::new(&dialect, Limits::default());
        prop_assert_eq!(lexer.read(&source, true, usize::MAX, &mut rows), Ok(source.len()));
        let mut scratch = Vec::new();
        let records = rows.rows.iter().filter(|row| row.kind == RowKind::Record);
        let ours: Vec<Vec<Vec<u8>>> = records
            .map(|row| rows.fields_of(row).iter().map(|field| field.value(&source, &dialect, &mut scratch).to_vec()).collect())
            .collect();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false).flexible(true).quoting(quoting).double_quote(double_quote)
            .from_reader(&source[..]);
        let theirs: Vec<Vec<Vec<u8>>> =
            reader.byte_records().map(|record| record.expect("flexible reading of bytes can't fail").iter().map(<[u8]>::to_vec).collect()).collect();
        prop_assert_eq!(ours, theirs);
    }
}
