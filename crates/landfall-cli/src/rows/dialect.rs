//! The dialect, as flags.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{ArgAction, Args};
use landing::dialect::{StatedDialect, Terminator};

/// How records and fields are told apart.
#[derive(Args)]
#[command(next_help_heading = "Dialect")]
pub(super) struct DialectArgs {
    /// What separates fields; `\t` is a tab.
    #[arg(long, value_name = "C", default_value = ",", value_parser = byte)]
    delimiter: u8,
    /// What encloses fields; `none`: nothing does.
    #[arg(long, value_name = "C|none", default_value = "\"", value_parser = byte_or_none)]
    quote: Byte,
    /// What takes the meaning from the character after it.
    #[arg(long, value_name = "C", value_parser = byte)]
    escape: Option<u8>,
    /// Whether two quotes inside an enclosed field stand for one.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    double_quote: bool,
    /// What a row starts with that is no record.
    #[arg(long, value_name = "C", value_parser = byte)]
    comment: Option<u8>,
    /// Whether the first record is a header; it is printed first.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    header: bool,
    /// Lines before the header that are no records.
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip_rows: u32,
    /// What ends a record.
    #[arg(long, value_name = "KIND", default_value = "auto", value_parser = terminators())]
    terminator: Terminator,
    /// Spaces after a delimiter are not part of the field.
    #[arg(long)]
    skip_initial_space: bool,
    /// Spaces and tabs around an unquoted field are not part of it.
    #[arg(long)]
    trim: bool,
}

/// A byte, or none. An `Option` would tell clap that the flag may be left out.
#[derive(Debug, Clone, Copy)]
struct Byte(Option<u8>);

impl DialectArgs {
    /// The dialect, unless two roles meet in one byte.
    pub(super) fn settle(&self) -> Result<StatedDialect, String> {
        let quote = self.quote.0;
        let roles = [("--delimiter", Some(self.delimiter)), ("--quote", quote), ("--escape", self.escape), ("--comment", self.comment)];
        for (index, (flag, byte)) in roles.iter().enumerate() {
            let Some(byte) = byte else { continue };
            if let Some((other, _)) =
                roles[..index].iter().find(|(other, earlier)| *earlier == Some(*byte) && (*other, *flag) != ("--quote", "--escape"))
            {
                return Err(format!("{other} and {flag} are the same character"));
            }
        }
        Ok(StatedDialect {
            delimiter: Some(self.delimiter),
            quote_char: Some(quote),
            double_quote: Some(self.double_quote),
            escape_char: Some(self.escape),
            line_terminator: Some(self.terminator),
            comment_char: Some(self.comment),
            skip_initial_space: Some(self.skip_initial_space),
            trim: Some(self.trim),
            header: Some(self.header),
            skip_rows: Some(self.skip_rows),
        })
    }
}

fn byte(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n') => Ok(*byte),
        _ => Err("one ASCII character is allowed, but no line break; `\\t` is a tab".to_owned()),
    }
}

fn byte_or_none(text: &str) -> Result<Byte, String> {
    if text == "none" { Ok(Byte(None)) } else { byte(text).map(|byte| Byte(Some(byte))) }
}

fn terminators() -> impl clap::builder::TypedValueParser<Value = Terminator> {
    PossibleValuesParser::new(["auto", "lf", "crlf", "cr"]).map(|kind| match kind.as_str() {
        "lf" => Terminator::Lf,
        "crlf" => Terminator::CrLf,
        "cr" => Terminator::Cr,
        _ => Terminator::Auto,
    })
}
