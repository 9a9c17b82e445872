//! Guesses how a file separates records and fields, from its beginning.
//!
//! Every delimiter that occurs is tried: the sample is read with it by the same lexer that will
//! read the file, so quoted line breaks are no puzzle. The best reading has the same number of
//! fields in every record and cells that look like values (van den Burg, Nazábal and Sutton,
//! "Wrangling messy CSV files by detecting row and type patterns", 2019). If a contract is known, a
//! reading in which a record names its fields wins outright. What the contract says of the dialect
//! is never guessed. Where the evidence is weak it is RFC 4180 with commas.

mod around;
mod cells;
mod header;
mod quoting;
mod reading;

#[cfg(test)]
mod tests;

pub(crate) use cells::{Kind, kind};

use std::borrow::Cow;

use contract::Schema;
use csv_records::dialect::{Dialect, StatedDialect, Terminator, Token};
use csv_records::encoding::Encoding;
use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use reading::{COMMENT, Reading};

/// A dialect, and why it is thought to be that of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sniffed {
    /// What was said, and for the rest what was guessed.
    pub dialect: Dialect,
    /// The reason for each guess.
    pub evidence: Vec<Evidence>,
}

/// Most bytes that are looked at. What a longer sample adds is hardly ever evidence.
pub const SAMPLE_BYTES: usize = 128 * 1024;

/// Delimiters that are tried, the likelier first, and how much their evidence weighs.
///
/// Below [`USUAL`] every record must have the same number of fields: these bytes are frequent in
/// text, and in times of day.
const DELIMITERS: [(u8, f64); 11] = [
    (b',', USUAL),
    (b'\t', USUAL),
    (b';', USUAL),
    (b'|', USUAL),
    (0x1f, USUAL),
    (0x01, USUAL),
    (b'^', 0.95),
    (b'~', 0.95),
    (b'!', 0.65),
    (b':', 0.65),
    (b' ', 0.7),
];
const USUAL: f64 = 1.0;

/// Delimiters of several bytes that are tried: every record must have the same number of fields.
const LONG_DELIMITERS: [&str; 15] =
    ["||", "~|~", "|~|", "^|^", "|^|", "::", ";;", "^^", "@@", "##", "~~", "§", "¦", "¬", "¶"];

/// The delimiter of a table of one column in which the usual ones occur: no text has it.
const NO_DELIMITER: u8 = 0x1f;

/// What spreadsheets write before a table to say what its delimiter is.
const SEP: &[u8] = b"sep=";

/// Fewest records that are evidence for a delimiter that is not usual.
const LEAST_UNUSUAL_RECORDS: usize = 3;
/// Least that the cells between delimiters that are not usual must look like values: more than mere
/// words do.
const LEAST_UNUSUAL_LIKENESS: f64 = 0.8;

/// Guesses what `stated` leaves out, from the beginning of a source. `end_of_source`: the sample is
/// all of it. `schema`: what the contract says of the fields.
pub fn sniff(
    sample: &[u8],
    end_of_source: bool,
    encoding: Encoding,
    stated: &StatedDialect,
    schema: Option<&Schema>,
) -> Sniffed {
    let stated = &stated.in_text(encoding);
    let whole = sample.strip_prefix(encoding.byte_order_mark()).unwrap_or(sample);
    let looked_at = &whole[..whole.len().min(SAMPLE_BYTES)];
    let mut text = Cow::Borrowed(looked_at);
    if encoding != Encoding::UTF_8 {
        let mut decoded = Vec::new();
        encoding.decode(looked_at, &mut decoded);
        text = Cow::Owned(decoded);
    }
    let mut bytes = skip_lines(&text, stated);
    let sep = if stated.skip_rows.is_none() { sep_line(bytes) } else { None };
    if let Some((_, end)) = sep {
        bytes = &bytes[end..];
    }
    let ended = end_of_source && looked_at.len() == whole.len();
    let sample =
        Sample { bytes, ended, encoding, stated, sep: sep.map(|(delimiter, _)| delimiter), schema };
    let mut readings: Vec<_> = sample
        .delimiters()
        .into_iter()
        .filter_map(|(delimiter, weight)| sample.try_delimiter(delimiter, weight))
        .collect();
    sample.prefer_long(&mut readings);
    prefer_whole(&mut readings);
    // A stable sort: of equals the likelier delimiter stays first.
    readings.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut readings = readings.into_iter();
    let dialect = Dialect { skip_rows: 0, ..stated.settle(&Dialect::default()) };
    let best = readings.next().unwrap_or_else(|| sample.read(dialect.clone()));
    let best = match stated.delimiter.or(sample.sep) {
        None if best.columns < 2 && best.names == 0 => {
            sample.try_delimiter(dialect.delimiter, USUAL).unwrap_or(best)
        }
        _ => best,
    };
    if let Some(because) = sample.prose(&best) {
        let sentences =
            sample.read(Dialect { delimiter: NO_DELIMITER.into(), ..best.dialect.clone() });
        return conclude(&sample, sentences, because);
    }
    let best = sample.with_comments(best);
    let because = match sample.sep {
        Some(_) => format!("the first line says `sep={}`", shown(best.dialect.delimiter)),
        None => delimiter_evidence(&best, readings.next().as_ref()),
    };
    conclude(&sample, best, because)
}

/// What is sniffed.
struct Sample<'a> {
    /// Without a byte order mark and the lines that are said to be skipped.
    bytes: &'a [u8],
    ended: bool,
    /// What the source is in; the bytes here are UTF-8.
    encoding: Encoding,
    stated: &'a StatedDialect,
    /// The delimiter that a line before the table says.
    sep: Option<Token>,
    schema: Option<&'a Schema>,
}

impl<'a> Sample<'a> {
    fn delimiters(&self) -> Vec<(Token, f64)> {
        if let Some(delimiter) = self.stated.delimiter.or(self.sep) {
            return vec![(delimiter, USUAL)];
        }
        let taken = [self.stated.quote_char, self.stated.escape_char, self.stated.comment_char];
        let taken: Vec<Token> = taken.into_iter().flatten().flatten().collect();
        let is_free = |byte: u8| {
            !taken.iter().any(|token| token.as_bytes().contains(&byte))
                && !self.encoding.may_be_inside(byte)
        };
        // The comma is tried even where there is none: it stands for one column.
        let occurs = |byte: u8| match byte {
            b',' => true,
            b':' => self.has_colons(),
            _ => memchr::memchr(byte, self.bytes).is_some(),
        };
        let usual = DELIMITERS.into_iter().filter(|(byte, _)| is_free(*byte) && occurs(*byte));
        let can_be = |delimiter: &Token| {
            let dialect =
                Dialect { delimiter: *delimiter, encoding: self.encoding, ..Dialect::default() };
            dialect.check().is_ok()
                && !taken.iter().any(|token| delimiter.holds(token) || token.holds(delimiter))
        };
        let found = LONG_DELIMITERS
            .iter()
            .filter(|text| memmem::find(self.bytes, text.as_bytes()).is_some());
        let long = found.filter_map(|text| Token::new(text.as_bytes())).filter(can_be);
        usual
            .map(|(byte, weight)| (Token::from(byte), weight))
            .chain(long.map(|delimiter| (delimiter, USUAL)))
            .collect()
    }

    /// Whether there are colons, and not mostly those of times of day.
    fn has_colons(&self) -> bool {
        let is_digit = |at: usize| self.bytes.get(at).is_some_and(u8::is_ascii_digit);
        let is_of_time =
            |at: &usize| *at > 0 && is_digit(at - 1) && is_digit(at + 1) && is_digit(at + 2);
        let colons = memchr::memchr_iter(b':', self.bytes).count();
        let of_times = memchr::memchr_iter(b':', self.bytes).filter(is_of_time).count();
        colons > of_times * 2
    }

    /// Where a delimiter of several bytes splits the records evenly, its parts are no delimiters if
    /// they occur nowhere else: they would make columns without names.
    fn prefer_long(&self, readings: &mut Vec<Reading<'a>>) {
        let long: Vec<Token> = readings
            .iter()
            .map(|reading| reading.dialect.delimiter)
            .filter(|delimiter| delimiter.byte().is_none())
            .collect();
        let is_part = |delimiter: Token| {
            long.iter().any(|whole| {
                let (whole, part) = (whole.as_bytes(), delimiter.as_bytes());
                let inside = memmem::find_iter(whole, part).count();
                inside > 0
                    && whole != part
                    && memmem::find_iter(self.bytes, part).count()
                        == inside * memmem::find_iter(self.bytes, whole).count()
            })
        };
        readings.retain(|reading| !is_part(reading.dialect.delimiter));
    }

    fn read(&self, dialect: Dialect) -> Reading<'a> {
        Reading::new(dialect, self.bytes, self.ended, self.schema)
    }

    /// The best reading with a delimiter, unless it is an unusual one without strong evidence.
    fn try_delimiter(&self, delimiter: Token, weight: f64) -> Option<Reading<'a>> {
        let mut reading = quoting::settle(self, delimiter);
        let is_even = reading.columns > 1
            && reading.flaws() == 0
            && reading.conforming >= LEAST_UNUSUAL_RECORDS;
        let is_said = Some(delimiter) == self.stated.delimiter.or(self.sep);
        if delimiter.byte().is_none() && !is_said && !is_even && reading.names == 0 {
            return None;
        }
        let is_strong = is_even && reading.likeness >= LEAST_UNUSUAL_LIKENESS;
        reading.score *= weight;
        (weight >= USUAL || is_strong || reading.names > 0).then_some(reading)
    }

    /// Why the records are texts of one column, in which a delimiter is a mark of punctuation: a
    /// space follows it, words follow that, and the first line or most lines have none, or no
    /// number of them is usual. A text that is kept whole loses nothing.
    fn prose(&self, reading: &Reading<'_>) -> Option<String> {
        let mark = reading.dialect.delimiter.byte().filter(|mark| matches!(mark, b',' | b';'))?;
        let is_said = self.stated.delimiter.or(self.sep).is_some() || self.schema.is_some();
        let records = reading.records();
        if is_said || reading.enclosed > 0 || records.len() <= LEAST_UNUSUAL_RECORDS {
            return None;
        }
        let (cells, spaced, texts) = reading.spaced(0);
        if cells == 0 || spaced * 20 < cells * 19 || texts * 2 < spaced {
            return None;
        }
        let mark = char::from(mark);
        let (body, usual) = (reading.body().len(), reading.conforming);
        if reading.columns < 2 {
            Some(format!(
                "one column: most lines have no `{mark}`, and a space and words follow each that is there"
            ))
        } else if records[0].fields == 1 && reading.follows_at_once(0) {
            Some(format!(
                "one column: the first line has no `{mark}`, and below a space and words follow each"
            ))
        } else if usual * 10 < body * 7 {
            Some(format!(
                "one column: a space and words follow each `{mark}`, and only {usual} of {body} lines have the same number"
            ))
        } else {
            None
        }
    }

    /// The same reading with a comment character, if rows that start with `#` do not fit and none
    /// does.
    fn with_comments(&self, reading: Reading<'a>) -> Reading<'a> {
        let dialect = &reading.dialect;
        let is_free = !dialect.delimiter.as_bytes().contains(&COMMENT)
            && ![dialect.quote_char, dialect.escape_char]
                .iter()
                .flatten()
                .any(|token| token.as_bytes().contains(&COMMENT));
        let (fitting, unfitting) = reading.starting_with(COMMENT);
        if self.stated.comment_char.is_some()
            || !is_free
            || reading.columns < 2
            || fitting > 0
            || unfitting == 0
        {
            return reading;
        }
        self.read(Dialect { comment_char: Some(COMMENT.into()), ..dialect.clone() })
    }
}

/// Where a usual delimiter splits all records evenly, from the first one on, none of them stands
/// before the table: a delimiter that takes some for a title is one inside cells, such as the
/// commas of `1,234,567` below a header.
fn prefer_whole(readings: &mut [Reading<'_>]) {
    let is_usual = |delimiter: Token| {
        DELIMITERS.iter().any(|(byte, weight)| delimiter.byte() == Some(*byte) && *weight >= USUAL)
    };
    let is_whole = |reading: &Reading<'_>| {
        let is_even = reading.columns > 1 && reading.first == 0 && reading.flaws() == 0;
        is_even
            && is_usual(reading.dialect.delimiter)
            && reading.conforming >= LEAST_UNUSUAL_RECORDS
    };
    if readings.iter().any(is_whole) {
        let with_titles =
            readings.iter_mut().filter(|reading| reading.first > 0 && reading.names == 0);
        with_titles.for_each(|reading| reading.score = 0.0);
    }
}

/// Puts the dialect and its evidence together.
fn conclude(sample: &Sample<'_>, best: Reading<'_>, delimiter_because: String) -> Sniffed {
    let stated = sample.stated;
    let mut evidence = Vec::new();
    let mut guess = best.dialect.clone();
    let mut say = |is_stated: bool, property: &str, value: String, because: String| {
        if !is_stated {
            evidence.push(Evidence::new(property, value, because));
        }
    };
    say(stated.delimiter.is_some(), "delimiter", shown(guess.delimiter), delimiter_because);
    say(
        stated.quote_char.is_some(),
        "quoteChar",
        guess.quote_char.map_or_else(|| "none".to_owned(), shown),
        quoting::evidence(&best),
    );
    if let Some(escape) = guess.escape_char {
        let because = "with it, quotes or delimiters that follow it fit into records; without it, they tear them".to_owned();
        say(stated.escape_char.is_some(), "escapeChar", shown(escape), because);
    }
    if guess.excel_text {
        let because =
            "fields begin with `=` and a quote, as spreadsheets write texts of digits".to_owned();
        say(stated.excel_text.is_some(), "excelText", "true".to_owned(), because);
    }
    if guess.line_terminator != Terminator::Auto {
        let name = format!("{:?}", guess.line_terminator).to_lowercase();
        let because =
            "other line breaks stand inside fields: taken as terminators, they tear records"
                .to_owned();
        say(stated.line_terminator.is_some(), "lineTerminator", name, because);
    }
    if let Some(comment) = guess.comment_char {
        let because = format!(
            "{} rows start with it, and none of them would have {} fields",
            best.comments, best.columns
        );
        say(stated.comment_char.is_some(), "commentChar", shown(comment), because);
    }
    if guess.skip_initial_space {
        let because = "a space follows the delimiters".to_owned();
        say(stated.skip_initial_space.is_some(), "skipInitialSpace", "true".to_owned(), because);
    }
    let found = header::find(&best, stated, sample.schema);
    (guess.header, guess.row_names) = (found.header, found.has_row_names);
    say(stated.header.is_some(), "header", found.header.to_string(), found.because.clone());
    if found.has_row_names {
        say(stated.row_names.is_some(), "rowNames", "true".to_owned(), found.because.clone());
    }
    if found.first > 0 || sample.sep.is_some() {
        let skipped = if found.first > 0 { best.lines_before(found.first) } else { 0 };
        guess.skip_rows = skipped + u32::from(sample.sep.is_some());
        let because = match (found.first, sample.sep) {
            (0, _) => "the line that says what the delimiter is".to_owned(),
            _ => format!(
                "what stands there has not the {} fields of the records below",
                best.columns
            ),
        };
        say(stated.skip_rows.is_some(), "skipRows", guess.skip_rows.to_string(), because);
    }
    evidence.extend(around::find(
        &best,
        stated,
        sample.schema.is_some(),
        sample.ended,
        &found,
        &mut guess,
    ));
    Sniffed { dialect: Dialect { encoding: sample.encoding, ..stated.settle(&guess) }, evidence }
}

fn delimiter_evidence(best: &Reading<'_>, next: Option<&Reading<'_>>) -> String {
    let records = best.body().len();
    if best.columns < 2 {
        return "no delimiter splits the records; a comma is the default".to_owned();
    }
    let mut because =
        format!("splits {} of {records} records into {} fields", best.conforming, best.columns);
    if best.names > 0 {
        because += &format!(", and a record names {} of the contract's fields", best.names);
    }
    if let Some(next) = next.filter(|next| next.columns > 1) {
        let delimiter = shown(next.dialect.delimiter);
        because += &format!(
            "; the next best, `{delimiter}`, splits {} of {} into {}",
            next.conforming,
            next.body().len(),
            next.columns
        );
    }
    because
}

/// The footer of a source whose beginning is known, by its end: how many lines it has, and why it
/// is one. `tail` begins at a whole unit anywhere in the source, and ends with it. `columns`: 0
/// where no header tells.
pub fn footer_of_tail(dialect: &Dialect, columns: usize, tail: &[u8]) -> Option<(u32, String)> {
    let mut text = Cow::Borrowed(tail);
    if dialect.encoding != Encoding::UTF_8 {
        let mut decoded = Vec::new();
        dialect.encoding.decode(tail, &mut decoded);
        text = Cow::Owned(decoded);
    }
    around::footer_of_tail(dialect, columns as u32, &text)
}

/// The delimiter that the first line says, and where that line ends: `sep=;`.
fn sep_line(text: &[u8]) -> Option<(Token, usize)> {
    let end = line_ends(text, Terminator::Auto).next()?;
    let line = text[..end].strip_suffix(b"\n").unwrap_or(&text[..end]);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let (sep, said) = line.split_at_checked(SEP.len())?;
    let is_sign = std::str::from_utf8(said).is_ok_and(|said| !said.contains(char::is_alphanumeric));
    let delimiter = Token::new(said).filter(|_| sep.eq_ignore_ascii_case(SEP) && is_sign)?;
    Some((delimiter, end))
}

/// A token for a person.
fn shown(token: Token) -> String {
    token.to_string().replace("\\\"", "\"").replace("\\'", "'").replace("\\\\", "\\")
}

/// What comes after the lines that are said to be skipped.
fn skip_lines<'a>(sample: &'a [u8], stated: &StatedDialect) -> &'a [u8] {
    let terminator = stated.line_terminator.unwrap_or(Terminator::Auto);
    let mut ends = line_ends(sample, terminator);
    match stated.skip_rows.unwrap_or(0) as usize {
        0 => sample,
        lines => ends.nth(lines - 1).map_or(&[], |end| &sample[end..]),
    }
}

/// Where lines end: after each terminator.
fn line_ends(bytes: &[u8], terminator: Terminator) -> impl Iterator<Item = usize> {
    let is_end = move |at: &usize| match (bytes[*at], terminator) {
        (b'\n', Terminator::Lf | Terminator::CrLf | Terminator::Auto) | (b'\r', Terminator::Cr) => {
            true
        }
        // The LF of a CR LF ends the line, not the CR.
        (b'\r', Terminator::Auto) => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    memchr::memchr2_iter(b'\n', b'\r', bytes).filter(is_end).map(|at| at + 1)
}
