//! Guesses what encloses fields, what escapes, and what else decides whether records hold together,
//! for one delimiter.

use csv_records::dialect::{Dialect, Terminator, Token};
use memchr::memmem;

use super::reading::Reading;
use super::{Sample, shown};

const ESCAPE: u8 = b'\\';
/// What encloses fields beside the double quote, the likelier first.
const QUOTES: [&str; 5] = ["'", "''", "§", "´", "”"];
/// Delimiters of formats in which quotes mostly mean nothing.
const UNQUOTED: [u8; 4] = [b'\t', b'|', 0x1f, 0x01];

/// The best reading with a delimiter. Each change of the default must be earned: by records that
/// fit and did not before, or by cells that all look alike.
pub(super) fn settle<'a>(sample: &Sample<'a>, delimiter: Token) -> Reading<'a> {
    let stated = sample.stated;
    let dialect = Dialect { delimiter, skip_rows: 0, ..stated.settle(&Dialect::default()) };
    let mut best = sample.read(dialect);
    try_escape(sample, &mut best);
    try_excel_text(sample, &mut best);
    try_spaces(sample, &mut best);
    if stated.quote_char.is_none() {
        try_quotes(sample, &mut best);
        try_no_quote(sample, &mut best);
    }
    try_terminators(sample, &mut best);
    best
}

fn try_escape<'a>(sample: &Sample<'a>, best: &mut Reading<'a>) {
    if sample.stated.escape_char.is_none()
        && !sample.encoding.may_be_inside(ESCAPE)
        && occurs(sample, best.dialect.quote_char, best.dialect.delimiter)
    {
        let escaped =
            sample.read(Dialect { escape_char: Some(ESCAPE.into()), ..best.dialect.clone() });
        keep_if(best, escaped, |new, old| new.flaws() < old.flaws());
    }
}

fn try_excel_text<'a>(sample: &Sample<'a>, best: &mut Reading<'a>) {
    if sample.stated.excel_text.is_none()
        && let Some(quote) = best.dialect.quote_char
        && memmem::find(sample.bytes, &[b"=", quote.as_bytes()].concat()).is_some()
    {
        let texts = sample.read(Dialect { excel_text: true, ..best.dialect.clone() });
        keep_if(best, texts, |new, old| new.flaws() < old.flaws());
    }
}

fn try_spaces<'a>(sample: &Sample<'a>, best: &mut Reading<'a>) {
    let delimiter = best.dialect.delimiter;
    if sample.stated.skip_initial_space.is_some() || delimiter == b' ' {
        return;
    }
    let (inner, spaced, texts) = best.spaced(1);
    // Spaces are a part of a text, and only of that.
    let is_usual = best.conforming >= 2 && inner >= 2 && spaced * 10 >= inner * 9 && texts == 0;
    let quote = best.dialect.quote_char.unwrap_or(b'"'.into());
    let before_quote = [delimiter.as_bytes(), b" ", quote.as_bytes()].concat();
    if is_usual || memmem::find(sample.bytes, &before_quote).is_some() {
        let skipping = sample.read(Dialect { skip_initial_space: true, ..best.dialect.clone() });
        keep_if(best, skipping, |new, old| {
            new.flaws() < old.flaws() || (is_usual && new.flaws() == old.flaws())
        });
    }
}

fn try_quotes<'a>(sample: &Sample<'a>, best: &mut Reading<'a>) {
    let occurring =
        QUOTES.into_iter().filter(|quote| memmem::find(sample.bytes, quote.as_bytes()).is_some());
    for quote in occurring.filter_map(Token::parse) {
        let other = Dialect { quote_char: Some(quote), ..best.dialect.clone() };
        if (Dialect { encoding: sample.encoding, ..other.clone() }).check().is_err() {
            continue;
        }
        keep_if(best, sample.read(other), |new, old| {
            let is_usual = new.enclosed >= 2 && new.enclosed * 2 >= texts(old);
            old.enclosed == 0
                && new.enclosed > 0
                && new.faulty == 0
                && (new.flaws() < old.flaws() || (is_usual && new.flaws() == old.flaws()))
        });
    }
}

/// Later fields may be enclosed, and would keep their quotes without a word, unless this is a
/// format that has none.
fn try_no_quote<'a>(sample: &Sample<'a>, best: &mut Reading<'a>) {
    let may_be_bare = best.dialect.delimiter.byte().is_some_and(|byte| UNQUOTED.contains(&byte))
        || (sample.ended && sample.schema.is_none());
    if may_be_bare && best.enclosed == 0 && best.faulty > 0 {
        let bare = sample.read(Dialect { quote_char: None, ..best.dialect.clone() });
        keep_if(best, bare, |new, old| new.flaws() < old.flaws());
    }
}

/// With a schema, records that do not fit are faults to be told, not a reason to read the others in
/// another way.
fn try_terminators<'a>(sample: &Sample<'a>, best: &mut Reading<'a>) {
    let is_open = sample.stated.line_terminator.is_none() && sample.schema.is_none();
    if !is_open || best.flaws() == 0 || best.columns <= 1 {
        return;
    }
    for line_terminator in [Terminator::CrLf, Terminator::Lf] {
        let other = sample.read(Dialect { line_terminator, ..best.dialect.clone() });
        keep_if(best, other, |new, old| {
            old.flaws() > 0 && new.flaws() == 0 && new.columns == old.columns && new.conforming > 1
        });
    }
}

/// What speaks for the quotes of a reading.
pub(super) fn evidence(reading: &Reading<'_>) -> String {
    match reading.dialect.quote_char {
        None => "quotes stand inside fields, and enclose none".to_owned(),
        Some(quote) if reading.enclosed > 0 => {
            format!("`{}` encloses {} fields", shown(quote), reading.enclosed)
        }
        Some(_) => "no field is enclosed by anything; a double quote is the default".to_owned(),
    }
}

fn keep_if<'a>(
    best: &mut Reading<'a>,
    new: Reading<'a>,
    is_better: impl Fn(&Reading<'a>, &Reading<'a>) -> bool,
) {
    if is_better(&new, best) {
        *best = new;
    }
}

/// Whether an escape stands before a quote or a delimiter.
fn occurs(sample: &Sample<'_>, quote: Option<Token>, delimiter: Token) -> bool {
    [quote, Some(delimiter)]
        .iter()
        .flatten()
        .any(|token| memmem::find(sample.bytes, &[ESCAPE, token.first()]).is_some())
}

/// Cells of a reading that look like text.
fn texts(reading: &Reading<'_>) -> usize {
    let cells = reading.body().iter().flat_map(|row| reading.cells(row));
    cells.filter(|cell| super::kind(&reading.text(**cell)) == super::Kind::Text).count()
}
