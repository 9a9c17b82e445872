//! Which type the cells of a column have, and why.

use super::column::Column;
use super::moments::{Choice, Kind};
use super::numbers::{Extent, MOST_DIGITS, Style};

/// What a contract says of a field's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) data_type: &'static str,
    /// Further properties, as the document names them, with their values in YAML.
    pub(super) properties: Vec<(&'static str, String)>,
    pub(super) because: String,
}

/// What is known beside the column itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    /// The column's name.
    pub(super) name: &'a str,
    /// The file is written as in most of Europe: fields are separated by semicolons.
    pub(super) european: bool,
    /// Whether in other columns, which leave no doubt, days come before months.
    pub(super) day_first: Option<bool>,
    /// All records were seen.
    pub(super) is_complete: bool,
}

/// Fewest different values of eight digits that are dates by their values alone.
const LEAST_COMPACT_DATES: usize = 3;
/// Digits that survive a binary64 and back, whatever they are; and those that a binary64 is printed with.
const FLOAT_DIGITS: u32 = 15;
const PRINTED_FLOAT_DIGITS: u32 = 17;
/// Most digits after the point that are taken for exact amounts.
const AMOUNT_DIGITS: u32 = 4;
/// What is left for values that were not seen: integers may be so many times as large, if all records were seen, and if not.
const HEADROOM: i128 = 2;
const SAMPLE_HEADROOM: i128 = 1_000;

/// Says what the column is.
pub(super) fn decide(column: &Column, context: Context<'_>) -> Verdict {
    if column.values == 0 {
        return string("no value was seen");
    }
    if let Some(verdict) = boolean(column, context) {
        return verdict;
    }
    let moment = column.moments.as_ref().and_then(|moments| moments.best(context.day_first));
    let number = column.numbers.as_ref().and_then(|numbers| numbers.best(context.european));
    match (number, moment) {
        (Some((style, extent, doubt)), moment) => {
            // Digits alone are a number, unless they are surely a date.
            match moment.filter(|_| are_dates(column, context)) {
                Some(choice) => of_moment(&choice, context),
                None => of_number(column, style, &extent, doubt, context),
            }
        }
        (None, Some(choice)) => of_moment(&choice, context),
        (None, None) => string(""),
    }
}

fn string(because: impl Into<String>) -> Verdict {
    Verdict { data_type: "string", properties: Vec::new(), because: because.into() }
}

/// Words for true and false, in lower case. A single letter is a word only where both stand.
const BOOLEANS: [(&str, &str); 5] = [("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"), ("on", "off")];

fn boolean(column: &Column, context: Context<'_>) -> Option<Verdict> {
    let distinct = column.distinct.as_ref()?;
    let texts: Option<Vec<&str>> = distinct.keys().map(|text| std::str::from_utf8(text).ok()).collect();
    let mut texts = texts?;
    texts.sort_unstable();
    let is_named = ["is_", "has_", "was_", "can_"].iter().any(|prefix| context.name.to_ascii_lowercase().starts_with(prefix))
        || has_word(context.name, &["flag", "bool", "boolean"]);
    if is_named && texts.iter().all(|text| ["0", "1"].contains(text)) {
        let because = format!("0 and 1, and the name `{}` asks a question", context.name);
        return Some(Verdict { data_type: "boolean", properties: Vec::new(), because });
    }
    let (yes, no) = BOOLEANS.iter().find(|(yes, no)| {
        let has = |word: &str| texts.iter().any(|text| text.eq_ignore_ascii_case(word));
        let all = texts.iter().all(|text| text.eq_ignore_ascii_case(yes) || text.eq_ignore_ascii_case(no));
        all && ((has(yes) && has(no)) || yes.len() > 2)
    })?;
    let spelled = |word: &str, counterpart: &str| -> Vec<String> {
        let seen: Vec<String> = texts.iter().filter(|text| text.eq_ignore_ascii_case(word)).map(|text| (*text).to_owned()).collect();
        if !seen.is_empty() {
            return seen;
        }
        // It was not seen: as its counterpart is spelled.
        let like = texts.iter().find(|text| text.eq_ignore_ascii_case(counterpart)).copied().unwrap_or_default();
        let capital = |text: &str| text[..1].to_ascii_uppercase() + &text[1..];
        vec![match like {
            like if like == counterpart.to_ascii_uppercase() => word.to_ascii_uppercase(),
            like if like == capital(counterpart) => capital(word),
            _ => word.to_owned(),
        }]
    };
    let (yes, no) = (spelled(yes, no), spelled(no, yes));
    let known = |texts: &[String], word: &str| {
        texts.iter().all(|text| [word.to_owned(), word.to_ascii_uppercase(), word[..1].to_ascii_uppercase() + &word[1..]].contains(text))
    };
    let mut properties = Vec::new();
    if !known(&yes, "true") || !known(&no, "false") {
        properties = vec![("trueValues", list(&yes)), ("falseValues", list(&no))];
    }
    Some(Verdict { data_type: "boolean", properties, because: format!("nothing but {}", texts.join(", ")) })
}

/// Texts as a list in YAML.
fn list(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| super::document::quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// Whether digits that are valid dates are dates: their name says so, or there are too many of them for chance.
fn are_dates(column: &Column, context: Context<'_>) -> bool {
    let distinct = column.distinct.as_ref().map_or(LEAST_COMPACT_DATES, std::collections::HashMap::len);
    distinct >= LEAST_COMPACT_DATES || has_word(context.name, &["date", "day", "time", "timestamp", "datetime"])
}

fn of_moment(choice: &Choice, context: Context<'_>) -> Verdict {
    let format = choice.format;
    let (data_type, unit) = match format.kind {
        Kind::Date => ("date", ""),
        Kind::Time => ("time", "time64(ns)"),
        Kind::Datetime => ("datetime", "timestamp(ns)"),
    };
    let mut properties = Vec::new();
    if choice.is_fine {
        properties.push(("physicalType", unit.to_owned()));
    }
    let is_default =
        matches!((format.kind, format.text.as_str()), (_, "default") | (Kind::Date, "%Y-%m-%d") | (Kind::Time, "%H:%M:%S" | "%H:%M:%S%.f"));
    if !is_default {
        properties.push(("format", super::document::quoted(&format.text)));
    }
    let mut because = if format.text == "default" { "all are ISO 8601".to_owned() } else { format!("all are {}", format.text) };
    if !choice.rivals.is_empty() {
        let rivals = choice.rivals.join(" or ");
        because += &match format.day_first() {
            Some(first) if context.day_first == Some(first) => format!("; they could be {rivals}, but other columns of this file can't"),
            _ => format!("; DOUBT: they could be {rivals} as well, as no day is past the 12th"),
        };
    } else if format.day_first().is_some() {
        because += "; some days are past the 12th, so they can't be months";
    }
    if format.kind == Kind::Datetime && !format.has_offset() {
        because += "; no offset from UTC: local times, unless a `timezone` is added";
    }
    Verdict { data_type, properties, because }
}

/// Whether a name has one of the words, however its words are joined.
fn has_word(name: &str, words: &[&str]) -> bool {
    let mut spaced = String::with_capacity(name.len() + 8);
    let mut before = ' ';
    for c in name.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            spaced.push(' ');
        }
        spaced.push(if c.is_alphanumeric() { c } else { ' ' });
        before = c;
    }
    spaced.split_whitespace().any(|word| words.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

const IDENTIFIERS: [&str; 17] = [
    "zip",
    "zipcode",
    "postcode",
    "postal",
    "plz",
    "phone",
    "telephone",
    "tel",
    "fax",
    "mobile",
    "ssn",
    "isbn",
    "ean",
    "upc",
    "iban",
    "imei",
    "vin",
];
const CALENDAR: [&str; 8] = ["year", "month", "day", "week", "hour", "minute", "second", "quarter"];
const EPOCH: [&str; 7] = ["epoch", "unix", "timestamp", "time", "ts", "at", "unixtime"];
/// Seconds since 1970 of the years 1990 to 2100: what a column named after time holds.
const EPOCH_SECONDS: std::ops::Range<i128> = 631_152_000..4_102_444_800;

fn of_number(column: &Column, style: Style, extent: &Extent, doubt: Option<String>, context: Context<'_>) -> Verdict {
    if extent.phones > 0 {
        return string(format!("{} begin with a plus and are long: telephone numbers, which are text", extent.phones));
    }
    let is_calendar = has_word(context.name, &CALENDAR) && extent.lengths.is_some_and(|(_, most)| most <= 2);
    if extent.leading_zeros > 0 && !is_calendar {
        return string(format!("{} begin with a zero that a number would lose: identifiers", extent.leading_zeros));
    }
    if has_word(context.name, &IDENTIFIERS) && extent.fraction.is_none() {
        return string(format!("digits, but by the name `{}` they are identifiers", context.name));
    }
    let affix = column.numbers.as_ref().and_then(super::numbers::Numbers::affix);
    let mut properties = Vec::new();
    if style.decimal != b'.' && (extent.fraction.is_some() || extent.grouped > 0) {
        properties.push(("decimalChar", super::document::quoted(&char::from(style.decimal).to_string())));
    }
    if extent.grouped > 0 {
        let group = char::from(style.group.unwrap_or(b',')).to_string();
        properties.push(("groupChar", super::document::quoted(&group)));
    }
    if affix.is_some() {
        properties.push(("bareNumber", "false".to_owned()));
    }
    let mut verdict = if extent.floats == 0 && extent.fraction.is_none() { integer(extent, context) } else { fractional(extent) };
    if verdict.data_type == "string" {
        return verdict;
    }
    verdict.properties.extend(properties);
    if let Some(affix) = affix {
        verdict.because += &format!("; `{affix}` around some is left out");
    }
    if let Some(doubt) = doubt {
        verdict.because += &format!("; DOUBT: {doubt}");
    }
    verdict
}

fn integer(extent: &Extent, context: Context<'_>) -> Verdict {
    let (least, greatest) = (extent.least, extent.greatest);
    let seen = format!("{least} to {greatest}");
    if has_word(context.name, &EPOCH) && EPOCH_SECONDS.contains(&least) && EPOCH_SECONDS.contains(&greatest) && extent.grouped == 0 {
        let because = format!("{seen}, and the name `{}`: seconds since 1970", context.name);
        return Verdict { data_type: "datetime", properties: vec![("format", "\"%s\"".to_owned())], because };
    }
    let headroom = if context.is_complete { HEADROOM } else { SAMPLE_HEADROOM };
    let fits = |from: i128, to: i128| {
        let inside = |value: i128| from <= value && value <= to;
        inside(least.saturating_mul(headroom)) && inside(greatest.saturating_mul(headroom))
    };
    let widths = [("int8", 7), ("int16", 15), ("int32", 31)];
    let narrow = widths.iter().find(|(_, bits)| fits(-(1 << bits), (1 << bits) - 1)).map(|(name, _)| *name);
    let physical = match narrow {
        Some(name) => name,
        None if i64::try_from(least).is_ok() && i64::try_from(greatest).is_ok() => {
            return Verdict { data_type: "integer", properties: Vec::new(), because: seen };
        }
        None if u64::try_from(least).is_ok() && u64::try_from(greatest).is_ok() => "uint64",
        None if extent.whole <= MOST_DIGITS => {
            let because = format!("{seen}: beyond 64 bits");
            return Verdict { data_type: "number", properties: vec![("physicalType", format!("\"decimal({MOST_DIGITS},0)\""))], because };
        }
        None => return string(format!("digits, up to {}: more than a number keeps exactly", extent.whole)),
    };
    Verdict { data_type: "integer", properties: vec![("physicalType", physical.to_owned())], because: seen }
}

fn fractional(extent: &Extent) -> Verdict {
    let (least, most) = extent.fraction.unwrap_or_default();
    let digits = extent.whole + most;
    let decimal = |because: String| {
        // What Parquet keeps in 4, 8 and 16 bytes.
        let precision = [9, 18, MOST_DIGITS].into_iter().find(|precision| *precision >= digits).unwrap_or(MOST_DIGITS);
        Verdict { data_type: "number", properties: vec![("physicalType", format!("\"decimal({precision},{most})\""))], because }
    };
    let float = |because: String| Verdict { data_type: "number", properties: Vec::new(), because };
    match () {
        () if extent.floats > 0 => float(format!("{} have an exponent or are infinite: binary floats", extent.floats)),
        () if digits > MOST_DIGITS && extent.significant > PRINTED_FLOAT_DIGITS => {
            string(format!("up to {} digits: more than a number keeps exactly", extent.significant))
        }
        () if least == most && (1..=AMOUNT_DIGITS).contains(&most) && digits <= MOST_DIGITS => {
            decimal(format!("always {most} digits after the point, up to {} before it: exact amounts", extent.whole))
        }
        () if extent.significant <= FLOAT_DIGITS => float(format!("up to {} digits, which a binary float keeps", extent.significant)),
        () if extent.significant <= PRINTED_FLOAT_DIGITS => {
            float(format!("up to {} digits, as binary floats are printed", extent.significant))
        }
        () => decimal(format!("up to {} digits: more than a binary float keeps", extent.significant)),
    }
}
