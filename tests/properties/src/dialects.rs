//! Turns bytes into a dialect.

use csv_records::dialect::{BlankRows, Dialect, RaggedRows, Terminator, Token};
use csv_records::encoding::Encoding;

use crate::input::{Flags, Input};

const ENCODINGS: [&str; 10] = [
    "utf-8",
    "utf-16le",
    "utf-16be",
    "windows-1252",
    "shift_jis",
    "gb18030",
    "big5",
    "euc-kr",
    "euc-jp",
    "iso-8859-2",
];

/// A dialect that can be read exactly. Zeros are the default one.
pub(crate) fn dialect(input: &mut Input<'_>) -> Dialect {
    let mut flags = Flags::of(input);
    let mut dialect = Dialect {
        delimiter: input.choose(b",,,;\t| :a\"'\\#\n\r\x1f\xe9").into(),
        quote_char: byte(
            input,
            &[
                Some(b'"'),
                Some(b'"'),
                Some(b'\''),
                None,
                Some(b','),
                Some(b' '),
                Some(b'\n'),
                Some(b'#'),
            ],
        ),
        escape_char: byte(
            input,
            &[None, None, Some(b'\\'), Some(b'"'), Some(b','), Some(b' '), Some(b'\r'), Some(b'n')],
        ),
        comment_char: byte(
            input,
            &[None, None, Some(b'#'), Some(b','), Some(b'"'), Some(b' '), Some(b'\n'), Some(b'c')],
        ),
        line_terminator: input.choose(&[
            Terminator::Auto,
            Terminator::Lf,
            Terminator::CrLf,
            Terminator::Cr,
        ]),
        double_quote: !flags.next(),
        skip_initial_space: flags.next(),
        trim: flags.next(),
        header: flags.next(),
        blank_rows: if flags.next() { BlankRows::Reject } else { BlankRows::Skip },
        ragged_rows: RaggedRows {
            fill_short: flags.next(),
            cut_long: flags.next(),
            ignore_trailing_delimiter: flags.next(),
        },
        encoding: Encoding::parse(input.choose(&ENCODINGS)).expect("a label of the standard"),
        ..Dialect::default()
    };
    let rows = input.byte();
    dialect.header_rows = 1 + u32::from(rows & 1);
    dialect.skip_rows = u32::from(rows >> 1 & 3);
    dialect.footer_rows = u32::from(rows >> 3 & 3);
    dialect.excel_text = rows >> 5 & 1 == 1;
    dialect.units_row = rows >> 6 & 1 == 1;
    if dialect.check().is_err() {
        dialect.encoding = Encoding::UTF_8;
    }
    let mut several = Flags::of(input);
    let longer = Dialect {
        delimiter: if rows >> 7 == 1 { longer(dialect.delimiter) } else { dialect.delimiter },
        quote_char: if several.next() {
            dialect.quote_char.map(longer)
        } else {
            dialect.quote_char
        },
        escape_char: if several.next() {
            dialect.escape_char.map(longer)
        } else {
            dialect.escape_char
        },
        comment_char: if several.next() {
            dialect.comment_char.map(longer)
        } else {
            dialect.comment_char
        },
        ..dialect.clone()
    };
    if longer.check().is_ok() { longer } else { dialect }
}

/// One of `choices`, as a token.
pub(crate) fn byte(input: &mut Input<'_>, choices: &[Option<u8>]) -> Option<Token> {
    input.choose(choices).map(Token::from)
}

/// A token of several bytes for one of a single byte. Some of them begin with the same byte.
fn longer(token: Token) -> Token {
    let twice = [token.first(); 2];
    let bytes = match token.first() {
        b';' => b";|;",
        b':' | b'"' => "§".as_bytes(),
        b'\\' => "´".as_bytes(),
        b'#' => "«".as_bytes(),
        _ => &twice,
    };
    Token::new(bytes).unwrap_or(token)
}
