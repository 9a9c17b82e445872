//! Says what a cell looks like.

/// What a cell looks like, at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing, or a usual word for it.
    Missing,
    /// Digits as numbers have them, with what people put around them.
    Number,
    /// A date, a time, or both.
    Moment,
    /// True or false, in words.
    Boolean,
    /// Anything else.
    Text,
}

const MISSING: [&str; 10] = ["na", "n/a", "#n/a", "null", "none", "nan", "\\n", "-", "--", "nil"];
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Most bytes of a number or a moment.
const MOST_BYTES: usize = 40;

/// What `cell` looks like; spaces around it do not matter.
pub(crate) fn kind(cell: &[u8]) -> Kind {
    let cell = cell.trim_ascii();
    let is = |word: &&str| cell.eq_ignore_ascii_case(word.as_bytes());
    match () {
        () if cell.is_empty() || MISSING.iter().any(&is) => Kind::Missing,
        () if cell.len() > MOST_BYTES => Kind::Text,
        () if is_number(cell) => Kind::Number,
        () if is_moment(cell) => Kind::Moment,
        () if ["true", "false", "yes", "no"].iter().any(&is) => Kind::Boolean,
        () => Kind::Text,
    }
}

/// A sign or a currency, digits with points, commas, blanks and apostrophes between them, an
/// exponent, a percent sign.
fn is_number(cell: &[u8]) -> bool {
    let cell = ["€", "£", "$"]
        .iter()
        .find_map(|sign| cell.strip_prefix(sign.as_bytes()))
        .unwrap_or(cell)
        .trim_ascii_start();
    let cell = cell.strip_prefix(b"-").or_else(|| cell.strip_prefix(b"+")).unwrap_or(cell);
    let cell = ["%", "€"]
        .iter()
        .find_map(|sign| cell.strip_suffix(sign.as_bytes()))
        .unwrap_or(cell)
        .trim_ascii_end();
    let (mantissa, exponent) = match cell.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&cell[..at], &cell[at + 1..]),
        None => (cell, &b"0"[..]),
    };
    let exponent =
        exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
    let starts = mantissa.iter().take(2).any(u8::is_ascii_digit);
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'\'' | b' ');
    // Blanks stand between groups of three digits, or they stand between two numbers.
    let in_threes = mantissa
        .split(|byte| *byte == b' ')
        .skip(1)
        .all(|group| group.iter().take_while(|byte| byte.is_ascii_digit()).count() == 3);
    starts
        && in_threes
        && mantissa.iter().all(is_part)
        && !exponent.is_empty()
        && exponent.iter().all(u8::is_ascii_digit)
}

/// Digits in groups, with what separates parts of dates and times; or the name of a month, with
/// digits.
fn is_moment(cell: &[u8]) -> bool {
    let groups =
        cell.split(|byte| !byte.is_ascii_digit()).filter(|group| !group.is_empty()).count();
    let words: Vec<_> =
        cell.split(|byte| !byte.is_ascii_alphabetic()).filter(|word| !word.is_empty()).collect();
    let known = |word: &&&[u8]| {
        let lower = word.to_ascii_lowercase();
        let is_month = MONTHS.iter().any(|month| lower.starts_with(month.as_bytes()));
        is_month || matches!(lower.as_slice(), b"t" | b"z" | b"utc" | b"gmt" | b"am" | b"pm")
    };
    let separators = cell.iter().filter(|byte| matches!(byte, b'-' | b'/' | b'.' | b':')).count();
    let is_plain = cell.iter().all(|byte| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'/' | b'.' | b':' | b' ' | b'+' | b',')
    });
    let has_month = words.iter().any(|word| word.len() >= 3 && known(&word));
    is_plain
        && (2..=8).contains(&groups)
        && words.iter().all(|word| known(&word))
        && (has_month || separators >= 1)
}

/// From 0 to 1: how much a cell looks like a value, and not like a piece of one or like several.
pub(super) fn likeness(cell: &[u8], is_quoted: bool, delimiter: &[u8]) -> f64 {
    if is_quoted {
        return 1.0;
    }
    match kind(cell) {
        Kind::Number | Kind::Moment | Kind::Boolean => 1.0,
        // Some: between blanks that line columns up there are many.
        Kind::Missing => 0.8,
        Kind::Text => {
            let bytes = cell.trim_ascii();
            let edge = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b'"'));
            let holds = |byte: u8| !delimiter.contains(&byte) && bytes.contains(&byte);
            match () {
                () if edge(bytes.first()) || edge(bytes.last()) => 0.2,
                () if holds(b'\t') || holds(b'|') || holds(b';') => 0.2,
                () if holds(b',') && !bytes.windows(2).any(|pair| pair == b", ") => 0.4,
                () if holds(b',') => 0.6,
                () => 0.75,
            }
        }
    }
}
