//! A dialect from bytes.

use csv_records::dialect::{BlankRows, Delimiter, Dialect, RaggedRows, Terminator};
use csv_records::encoding::Encoding;

use crate::input::{Flags, Input};

const ENCODINGS: [&str; 10] =
    ["utf-8", "utf-16le", "utf-16be", "windows-1252", "shift_jis", "gb18030", "big5", "euc-kr", "euc-jp", "iso-8859-2"];

/// A dialect that can be read exactly. Zeros are the default one.
pub(crate) fn dialect(input: &mut Input<'_>) -> Dialect {
    let mut flags = Flags::of(input);
    let mut dialect = Dialect {
        delimiter: input.choose(b",,,;\t| :a\"'\\#\n\r\x1f\xe9").into(),
        quote_char: input.choose(&[Some(b'"'), Some(b'"'), Some(b'\''), None, Some(b','), Some(b' '), Some(b'\n'), Some(b'#')]),
        escape_char: input.choose(&[None, None, Some(b'\\'), Some(b'"'), Some(b','), Some(b' '), Some(b'\r'), Some(b'n')]),
        comment_char: input.choose(&[None, None, Some(b'#'), Some(b','), Some(b'"'), Some(b' '), Some(b'\n'), Some(b'c')]),
        line_terminator: input.choose(&[Terminator::Auto, Terminator::Lf, Terminator::CrLf, Terminator::Cr]),
        double_quote: !flags.next(),
        skip_initial_space: flags.next(),
        trim: flags.next(),
        header: flags.next(),
        blank_rows: if flags.next() { BlankRows::Reject } else { BlankRows::Skip },
        ragged_rows: RaggedRows { fill_short: flags.next(), cut_long: flags.next(), ignore_trailing_delimiter: flags.next() },
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
    let byte = dialect.delimiter.first();
    let longer = match byte {
        b';' => Delimiter::new(b";|;"),
        b':' => Delimiter::new("§".as_bytes()),
        byte => Delimiter::new(&[byte, byte]),
    };
    if let Some(delimiter) = longer.filter(|_| rows >> 7 == 1) {
        let several = Dialect { delimiter, ..dialect.clone() };
        if several.check().is_ok() {
            return several;
        }
    }
    dialect
}
