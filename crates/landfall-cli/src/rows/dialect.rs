//! Turns flags into a dialect.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, ValueEnum};
use csv_records::dialect::{
    BlankRows, Dialect, RaggedRows, RepeatedHeader, StatedDialect, Terminator, Token,
};

/// How records and fields are told apart.
#[derive(Args)]
#[command(next_help_heading = "Dialect")]
pub(super) struct DialectArgs {
    /// What separates fields: a character or several (`||`); `\t` is a tab, and `\x1f` any byte
    /// [default: a comma]
    #[arg(long, value_name = "TEXT", value_parser = token)]
    delimiter: Option<Token>,
    /// What encloses fields, such as `§`; `none`: nothing does [default: a double quote]
    #[arg(long, value_name = "TEXT|none", value_parser = token_or_none)]
    quote: Option<TokenOrNone>,
    /// The text that takes the meaning from the character after it [default: nothing]
    #[arg(long, value_name = "TEXT", value_parser = token)]
    escape: Option<Token>,
    /// A quote may also stand after a `=` that begins the field, as in `="0042"`.
    #[arg(long)]
    excel_text: bool,
    /// Whether two quotes inside an enclosed field stand for one [default: true]
    #[arg(long, value_name = "BOOL")]
    double_quote: Option<bool>,
    /// The text that a comment starts with, a row that is not a record [default: nothing]
    #[arg(long, value_name = "TEXT", value_parser = token)]
    comment: Option<Token>,
    /// Whether the first record is a header; it is printed first [default: true]
    #[arg(long, value_name = "BOOL")]
    header: Option<bool>,
    /// How many records the header has; the parts of a name are joined by a space [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    header_rows: Option<u32>,
    /// The header has no label for the first column, which has the names of the rows, as R writes
    /// them.
    #[arg(long)]
    row_names: bool,
    /// The row under the header is not a record: it has the units of the columns.
    #[arg(long)]
    units_row: bool,
    /// Whether records that are the header again are rejected, skipped, or kept as records
    /// [default: reject]
    #[arg(long, value_name = "KIND", value_parser = repeated_headers())]
    repeated_header: Option<RepeatedHeader>,
    /// Lines before the header that are not records [default: 0]
    #[arg(long, value_name = "N")]
    skip_rows: Option<u32>,
    /// Lines at the end of the file that are not records, whatever quotes they hold [default: 0]
    #[arg(long, value_name = "N")]
    footer_rows: Option<u32>,
    /// What ends a record [default: auto]
    #[arg(long, value_name = "KIND", value_parser = terminators())]
    terminator: Option<Terminator>,
    /// Spaces after a delimiter are not part of the field.
    #[arg(long)]
    skip_initial_space: bool,
    /// Spaces and tabs around an unquoted field are not part of it.
    #[arg(long)]
    trim: bool,
    /// The text that stands for no value where it is not quoted, such as `\N`; it is printed as
    /// null [default: nothing]
    #[arg(long, value_name = "TEXT")]
    null_sequence: Option<String>,
    /// Which records of another length than the first are not rejected: those with too few fields,
    /// which are filled with null, with too many, which are cut, or with a delimiter at their end
    /// [default: none]
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    ragged_rows: Vec<Ragged>,
    /// Whether blank rows are skipped, rejected, or kept as records without a value [default: skip]
    #[arg(long, value_name = "KIND", value_parser = blank_rows())]
    blank_rows: Option<BlankRows>,
}

/// What is tolerated of ragged records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ragged {
    Fill,
    Cut,
    IgnoreTrailing,
}

/// An `Option` would tell clap that the flag may be left out.
#[derive(Debug, Clone, Copy)]
struct TokenOrNone(Option<Token>);

impl DialectArgs {
    /// What is said of the dialect, unless two roles meet in one text. If the rest is not to be
    /// sniffed, it is as usual.
    pub(super) fn settle(&self, sniff: bool) -> Result<StatedDialect, String> {
        let said = StatedDialect {
            delimiter: self.delimiter,
            quote_char: self.quote.map(|quote| quote.0),
            double_quote: self.double_quote,
            escape_char: self.escape.map(Some),
            excel_text: self.excel_text.then_some(true),
            line_terminator: self.terminator,
            comment_char: self.comment.map(Some),
            skip_initial_space: self.skip_initial_space.then_some(true),
            trim: self.trim.then_some(true),
            header: self.header,
            header_rows: self.header_rows,
            row_names: self.row_names.then_some(true),
            units_row: self.units_row.then_some(true),
            repeated_header: self.repeated_header,
            skip_rows: self.skip_rows,
            footer_rows: self.footer_rows,
            null_sequence: self.null_sequence.clone().map(Some),
            ragged_rows: (!self.ragged_rows.is_empty()).then(|| RaggedRows {
                fill_short: self.ragged_rows.contains(&Ragged::Fill),
                cut_long: self.ragged_rows.contains(&Ragged::Cut),
                ignore_trailing_delimiter: self.ragged_rows.contains(&Ragged::IgnoreTrailing),
            }),
            blank_rows: self.blank_rows,
            ..StatedDialect::default()
        };
        let stated = if sniff { said } else { said.settle(&Dialect::default()).into() };
        let roles = [
            ("--delimiter", stated.delimiter),
            ("--quote", stated.quote_char.flatten()),
            ("--escape", stated.escape_char.flatten()),
            ("--comment", stated.comment_char.flatten()),
        ];
        for (index, (flag, token)) in roles.iter().enumerate() {
            let Some(token) = token else { continue };
            if let Some((other, _)) = roles[..index].iter().find(|(other, earlier)| {
                *earlier == Some(*token) && (*other, *flag) != ("--quote", "--escape")
            }) {
                return Err(format!("{other} and {flag} are the same character"));
            }
        }
        Ok(stated)
    }
}

fn token(text: &str) -> Result<Token, String> {
    let found = Token::parse(text).filter(|token| !matches!(token.byte(), Some(b'\r' | b'\n')));
    found.ok_or_else(|| {
        let most = Token::MOST_BYTES;
        format!("a text of at most {most} bytes is allowed, but no line break; `\\t` is a tab, and `\\x1f` any byte")
    })
}

fn token_or_none(text: &str) -> Result<TokenOrNone, String> {
    if text == "none" {
        Ok(TokenOrNone(None))
    } else {
        token(text).map(|token| TokenOrNone(Some(token)))
    }
}

fn terminators() -> impl clap::builder::TypedValueParser<Value = Terminator> {
    PossibleValuesParser::new(["auto", "lf", "crlf", "cr"]).map(|kind| match kind.as_str() {
        "lf" => Terminator::Lf,
        "crlf" => Terminator::CrLf,
        "cr" => Terminator::Cr,
        _ => Terminator::Auto,
    })
}

fn blank_rows() -> impl clap::builder::TypedValueParser<Value = BlankRows> {
    choices(BlankRows::CHOICES)
}

fn repeated_headers() -> impl clap::builder::TypedValueParser<Value = RepeatedHeader> {
    choices(RepeatedHeader::CHOICES)
}

/// One of several words.
fn choices<T: Copy + Default + Send + Sync + 'static>(
    choices: [(&'static str, T); 3],
) -> impl clap::builder::TypedValueParser<Value = T> {
    let of = move |word: String| {
        choices
            .iter()
            .find(|(name, _)| *name == word)
            .map_or_else(T::default, |(_, choice)| *choice)
    };
    PossibleValuesParser::new(choices.map(|(name, _)| name)).map(of)
}
