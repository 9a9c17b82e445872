//! Proposes how the source is read: its encoding, its dialect, and how columns are found.

use contract::quoted;
use contract::unique_names;
use csv_records::dialect::{BlankRows, RepeatedHeader, Terminator, Token};
use csv_records::encoding::Encoding;
use landing::opening::Opening;

/// The names of the fields: those that the columns have when the source is read as the contract
/// says.
pub(super) fn names_of(opening: &Opening, columns: usize) -> Vec<String> {
    let mut labels = if opening.dialect.header { opening.header.names.clone() } else { Vec::new() };
    labels.resize(columns, String::new());
    unique_names(&labels)
}

/// The encoding, if it is not the usual one, and the reason.
pub(super) fn encoding_of(opening: &Opening) -> Option<(String, String)> {
    let encoding = opening.dialect.encoding;
    let because = opening
        .evidence
        .iter()
        .find(|evidence| evidence.property == "encoding")
        .map(|evidence| evidence.because.clone());
    let because = because.unwrap_or_default();
    // Damage is told: or what is taken for it, where the beginning of the source is in an old
    // encoding after all.
    let is_doubtful = encoding != Encoding::UTF_8 || because.contains("is not valid UTF-8");
    is_doubtful.then(|| (encoding.label(), because))
}

/// What the document says of the dialect: everything, so that the sniffing of later files can't
/// come to another answer.
pub(super) fn dialect_of(opening: &Opening) -> Vec<(&'static str, String, String)> {
    let dialect = &opening.dialect;
    let because = |property: &str| {
        let found = opening.evidence.iter().find(|evidence| evidence.property == property);
        found.map_or_else(String::new, |evidence| evidence.because.clone())
    };
    let token_or_null = |found: Option<Token>| found.map_or_else(|| "null".to_owned(), token);
    let terminator = match dialect.line_terminator {
        Terminator::Auto => "auto",
        Terminator::Lf => "lf",
        Terminator::CrLf => "crlf",
        Terminator::Cr => "cr",
    };
    let said = [
        ("delimiter", token(dialect.delimiter)),
        ("quoteChar", token_or_null(dialect.quote_char)),
        ("doubleQuote", dialect.double_quote.to_string()),
        ("escapeChar", token_or_null(dialect.escape_char)),
        ("lineTerminator", terminator.to_owned()),
        ("commentChar", token_or_null(dialect.comment_char)),
        ("skipInitialSpace", dialect.skip_initial_space.to_string()),
    ];
    let mut lines: Vec<_> =
        said.into_iter().map(|(name, value)| (name, value, because(name))).collect();
    if dialect.trim {
        lines.push(("trim", "true".to_owned(), because("trim")));
    }
    let has_header = dialect.header && !opening.header.names.is_empty();
    lines.push(("header", has_header.to_string(), because("header")));
    lines.push(("skipRows", dialect.skip_rows.to_string(), because("skipRows")));
    // What stands around the table, where something does.
    let mut line = |is_there: bool, name: &'static str, value: String| {
        if is_there {
            lines.push((name, value, because(name)));
        }
    };
    line(dialect.excel_text, "excelText", "true".to_owned());
    line(dialect.row_names && dialect.header, "rowNames", "true".to_owned());
    line(dialect.units_row && dialect.header, "unitsRow", "true".to_owned());
    line(dialect.repeated_header == RepeatedHeader::Skip, "repeatedHeader", "skip".to_owned());
    line(dialect.blank_rows == BlankRows::Keep, "blankRows", "keep".to_owned());
    line(
        dialect.null_sequence.is_some(),
        "nullSequence",
        quoted(dialect.null_sequence.as_deref().unwrap_or_default()),
    );
    line(
        dialect.ragged_rows.ignore_trailing_delimiter,
        "raggedRows",
        "{ trailingDelimiter: ignore }".to_owned(),
    );
    if dialect.footer_rows > 0 {
        lines.push(("footerRows", dialect.footer_rows.to_string(), because("footerRows")));
    }
    lines
}

/// A token as a contract writes it.
fn token(token: Token) -> String {
    match token.text() {
        Some(text) => quoted(text),
        None => quoted(&format!("\\x{:02x}", token.first())),
    }
}
