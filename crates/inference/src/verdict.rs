//! Decides which type the cells of a column have, and says why.

use contract::values::{EPOCHS, YEAR_PIVOT};
use contract::{Grouping, is_currency};

use super::column::Column;
use super::kinds::Ambiguous;
use super::moments::{Choice, Kind};
use super::numbers::{Around, Extent, MOST_DIGITS, Style};

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
    pub(super) is_european: bool,
    /// The decimal character of other columns, which leave no doubt.
    pub(super) decimal: Option<char>,
    /// Whether in other columns, which leave no doubt, days come before months.
    pub(super) day_first: Option<bool>,
}

/// Fewest different values of eight digits that are dates by their values alone.
const LEAST_COMPACT_DATES: usize = 20;
/// Digits that survive a binary64 and back, whatever they are; and those that a binary64 is printed
/// with.
const FLOAT_DIGITS: u32 = 15;
const PRINTED_FLOAT_DIGITS: u32 = 17;
/// Most digits after the point that are taken for exact amounts.
const AMOUNT_DIGITS: u32 = 4;
/// Values that show how many digits there are after the point; of fewer, some that come later may
/// have more.
const MANY_VALUES: u64 = 100;
/// Digits after the point that are left for values that were not seen, where there were few; and
/// before it.
const MORE_FRACTION_DIGITS: u32 = 2;
const MORE_WHOLE_DIGITS: u32 = 4;

/// Says what the column is.
pub(super) fn decide(column: &Column, context: Context<'_>) -> Verdict {
    if column.values == 0 {
        return string("no value was seen");
    }
    if let Some(verdict) = boolean(column, context) {
        return verdict;
    }
    let moment = column
        .moments
        .as_ref()
        .and_then(|moments| moments.best(context.day_first, context.is_european));
    let number = column
        .numbers
        .as_ref()
        .and_then(|numbers| numbers.best(context.decimal, context.is_european));
    match (number, moment) {
        (Some((style, extent, doubt)), moment) => {
            // Digits alone are a number, unless they are surely a date.
            match moment.filter(|choice| are_dates(column, choice, context)) {
                Some(choice) => of_moment(&choice, context),
                None => of_number(column, style, &extent, doubt, context),
            }
        }
        (None, Some(choice)) => of_moment(&choice, context),
        (None, None) => string(""),
    }
}

/// Text, for lack of the evidence that an ambiguous kind needs.
fn undecided(kind: Ambiguous) -> Verdict {
    string(format!("{kind}; kept as text"))
}

fn string(because: impl Into<String>) -> Verdict {
    Verdict { data_type: "string", properties: Vec::new(), because: because.into() }
}

/// Words for true and false, in lower case. A single letter is a word only where both stand.
const BOOLEANS: [(&str, &str); 5] =
    [("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"), ("on", "off")];

fn boolean(column: &Column, context: Context<'_>) -> Option<Verdict> {
    let distinct = column.distinct.as_ref()?;
    let texts: Option<Vec<&str>> =
        distinct.keys().map(|text| std::str::from_utf8(text).ok()).collect();
    let mut texts = texts?;
    texts.sort_unstable();
    let is_named = ["is_", "has_", "was_", "can_"]
        .iter()
        .any(|prefix| context.name.to_ascii_lowercase().starts_with(prefix))
        || has_word(context.name, &["flag", "bool", "boolean"]);
    if is_named && texts.iter().all(|text| ["0", "1"].contains(text)) {
        let because = format!("0 and 1, and the name `{}` asks a question", context.name);
        return Some(Verdict { data_type: "boolean", properties: Vec::new(), because });
    }
    let (yes, no) = BOOLEANS.iter().find(|(yes, no)| {
        let has = |word: &str| texts.iter().any(|text| text.eq_ignore_ascii_case(word));
        let all = texts
            .iter()
            .all(|text| text.eq_ignore_ascii_case(yes) || text.eq_ignore_ascii_case(no));
        all && ((has(yes) && has(no)) || *yes == "true")
    })?;
    let spelled = |word: &str, counterpart: &str| -> Vec<String> {
        let seen: Vec<String> = texts
            .iter()
            .filter(|text| text.eq_ignore_ascii_case(word))
            .map(|text| (*text).to_owned())
            .collect();
        if !seen.is_empty() {
            return seen;
        }
        // It was not seen: as its counterpart is spelled.
        let like = texts
            .iter()
            .find(|text| text.eq_ignore_ascii_case(counterpart))
            .copied()
            .unwrap_or_default();
        let capital = |text: &str| text[..1].to_ascii_uppercase() + &text[1..];
        vec![match like {
            like if like == counterpart.to_ascii_uppercase() => word.to_ascii_uppercase(),
            like if like == capital(counterpart) => capital(word),
            _ => word.to_owned(),
        }]
    };
    let (yes, no) = (spelled(yes, no), spelled(no, yes));
    let known = |texts: &[String], word: &str| {
        texts.iter().all(|text| {
            [
                word.to_owned(),
                word.to_ascii_uppercase(),
                word[..1].to_ascii_uppercase() + &word[1..],
            ]
            .contains(text)
        })
    };
    let mut properties = Vec::new();
    if !known(&yes, "true") || !known(&no, "false") {
        properties = vec![("trueValues", list(&yes)), ("falseValues", list(&no))];
    }
    Some(Verdict {
        data_type: "boolean",
        properties,
        because: format!("nothing but {}", texts.join(", ")),
    })
}

/// Texts as a list in YAML.
fn list(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| contract::quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// Whether digits that are valid dates are dates: their name says so, or there are too many of them
/// for chance.
fn are_dates(column: &Column, choice: &Choice, context: Context<'_>) -> bool {
    let distinct =
        column.distinct.as_ref().map_or(LEAST_COMPACT_DATES, std::collections::HashMap::len);
    choice.is_of_our_time && (distinct >= LEAST_COMPACT_DATES || has_word(context.name, &MOMENTS))
}

fn of_moment(choice: &Choice, context: Context<'_>) -> Verdict {
    let format = choice.format;
    let is_named = has_word(context.name, &MOMENTS);
    let is_short = format.has_short_year();
    match format.kind {
        _ if choice.has_mixed_offsets => return undecided(Ambiguous::MixedOffsets),
        Kind::Time
            if !is_named && !choice.has_round_or_late_minutes && !format.text.contains("%p") =>
        {
            return undecided(Ambiguous::Scores);
        }
        Kind::Date
            if is_short
                && !is_named
                && !format.has_month_name()
                && (!choice.is_padded || !choice.rivals.is_empty()) =>
        {
            return undecided(Ambiguous::Versions);
        }
        _ => {}
    }
    let (data_type, unit) = match format.kind {
        Kind::Date => ("date", ""),
        Kind::Time => ("time", "time64(ns)"),
        Kind::Datetime => ("datetime", "timestamp(ns)"),
    };
    let mut properties = Vec::new();
    if choice.is_fine {
        properties.push(("physicalType", unit.to_owned()));
    }
    let is_default = matches!(
        (format.kind, format.text.as_str()),
        (_, "default") | (Kind::Date, "%Y-%m-%d") | (Kind::Time, "%H:%M:%S" | "%H:%M:%S%.f")
    );
    if !is_default {
        properties.push(("format", contract::quoted(&format.text)));
    }
    let mut because = if format.text == "default" {
        "all are ISO 8601".to_owned()
    } else {
        format!("all are {}", format.text)
    };
    if is_short {
        properties.push(("yearPivot", YEAR_PIVOT.to_string()));
        because += &format!("; years from {YEAR_PIVOT} on are of the last century");
    }
    if let [locale, others @ ..] = choice.locales.as_slice() {
        properties.push(("locale", (*locale).to_owned()));
        because += &format!("; months and days are named as in {locale}");
        if !others.is_empty() {
            because += &format!(", and as in {}", others.join(", "));
        }
    }
    if !choice.rivals.is_empty() {
        let rivals = choice.rivals.join(" or ");
        because += &match format.day_first() {
            Some(first) if context.day_first == Some(first) => {
                format!("; they could be {rivals}, but other columns of this file can't")
            }
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
/// Words of names that speak of days and times.
const MOMENTS: [&str; 32] = [
    "date",
    "dates",
    "day",
    "time",
    "times",
    "timestamp",
    "datetime",
    "dt",
    "ts",
    "at",
    "on",
    "when",
    "ymd",
    "dob",
    "birth",
    "birthday",
    "born",
    "start",
    "end",
    "since",
    "until",
    "created",
    "updated",
    "modified",
    "epoch",
    "unix",
    "unixtime",
    "datum",
    "fecha",
    "jour",
    "giorno",
    "hora",
];
/// Seconds since 1970 of the years 1990 to 2099: what a column named after time holds.
const EPOCH_SECONDS: std::ops::Range<i128> = 631_152_000..4_102_444_800;

fn of_number(
    column: &Column,
    style: Style,
    extent: &Extent,
    doubt: Option<String>,
    context: Context<'_>,
) -> Verdict {
    if let Some(because) = identifiers(extent, context) {
        return string(because);
    }
    let Some(around) = column.numbers.as_ref().map(|numbers| &numbers.around) else {
        return string("");
    };
    if let Some(kind) = ambiguous(extent, around) {
        return undecided(kind);
    }
    let (properties, notes) = dress(style, extent, around);
    let notes = notes.into_iter().chain(doubt.map(|doubt| format!("DOUBT: {doubt}")));
    let is_whole = extent.floats == 0 && extent.fraction.is_none();
    let is_dressed = !properties.is_empty();
    let mut verdict =
        if is_whole { integer(extent, is_dressed, context) } else { fractional(extent) };
    if verdict.data_type == "string" {
        return verdict;
    }
    verdict.properties.extend(properties);
    for note in notes {
        verdict.because += &format!("; {note}");
    }
    verdict
}

/// Why digits are identifiers instead of numbers, if they are.
fn identifiers(extent: &Extent, context: Context<'_>) -> Option<String> {
    if extent.phones > 0 {
        return Some(format!(
            "{} begin with a plus and are long: telephone numbers, which are text",
            extent.phones
        ));
    }
    let is_calendar =
        has_word(context.name, &CALENDAR) && extent.lengths.is_some_and(|(_, most)| most <= 2);
    if extent.leading_zeros > 0 && !is_calendar {
        return Some(format!(
            "{} begin with a zero that a number would lose: identifiers",
            extent.leading_zeros
        ));
    }
    (has_word(context.name, &IDENTIFIERS) && extent.fraction.is_none())
        .then(|| format!("digits, but by the name `{}` they are identifiers", context.name))
}

/// The kind of texts that may be numbers and may be something else, if all are of one.
fn ambiguous(extent: &Extent, around: &Around) -> Option<Ambiguous> {
    if extent.bare_exponents > 0
        && extent.bare_exponents == extent.floats
        && extent.fraction.is_none()
    {
        return Some(Ambiguous::Exponents);
    }
    let is_fixed = extent.lengths.is_some_and(|(least, most)| least == most);
    if extent.grouped_twice == extent.cells
        && is_fixed
        && extent.cells > 1
        && extent.fraction.is_none()
    {
        return Some(Ambiguous::GroupedIdentifiers);
    }
    if around.percents > 0 && around.percents < around.cells {
        return Some(Ambiguous::MixedPercents);
    }
    if around.parentheses > 0 && around.parentheses == around.cells {
        return Some(Ambiguous::Parentheses);
    }
    let is_mixed = |(affix, count): (&String, &u64)| !is_currency(affix) && *count < around.cells;
    around.affixes.iter().any(is_mixed).then_some(Ambiguous::MixedUnits)
}

/// The properties of numbers that are not written plainly, and notes on what stands around them.
fn dress(
    style: Style,
    extent: &Extent,
    around: &Around,
) -> (Vec<(&'static str, String)>, Vec<String>) {
    let quoted = contract::quoted;
    let (mut properties, mut notes) = (Vec::new(), Vec::new());
    if style.decimal != '.' && (extent.fraction.is_some() || extent.grouped > 0) {
        properties.push(("decimalChar", quoted(&style.decimal.to_string())));
    }
    if let Some(group) = style.group.filter(|_| extent.grouped > 0) {
        properties.push(("groupChar", quoted(&group.mark.to_string())));
        if group.sizes == Grouping::Lakhs {
            properties.push(("grouping", "lakhs".to_owned()));
        }
    }
    if !around.affixes.is_empty() {
        properties.push(("affixes", list(&around.affixes.keys().cloned().collect::<Vec<_>>())));
        let told = around
            .affixes
            .iter()
            .map(|(affix, count)| format!("`{affix}` stands around {count} of {}", around.cells));
        notes.push(told.collect::<Vec<_>>().join(", "));
    }
    if let Some((negatives, because)) = around.negatives() {
        properties.push(("negatives", format!("[{}]", negatives.join(", "))));
        notes.push(format!("of negative ones {because}"));
    }
    if around.percents > 0 {
        properties.push(("percent", "written".to_owned()));
        notes.push("all have a percent sign, and are kept as they are written".to_owned());
    }
    if around.spaced_signs > 0 && properties.is_empty() {
        properties.push(("bareNumber", "false".to_owned()));
        notes.push(format!("{} have a space after the sign", around.spaced_signs));
    }
    (properties, notes)
}

fn integer(extent: &Extent, is_dressed: bool, context: Context<'_>) -> Verdict {
    let (least, greatest) = (extent.least, extent.greatest);
    let seen = format!("{least} to {greatest}");
    let is_of_our_time = |units: i64| {
        let units = i128::from(units);
        let range = EPOCH_SECONDS.start * units..EPOCH_SECONDS.end * units;
        range.contains(&least) && range.contains(&greatest)
    };
    let epoch = EPOCHS
        .iter()
        .find(|(_, units)| is_of_our_time(*units))
        .filter(|_| !is_dressed && has_word(context.name, &MOMENTS));
    if let Some((format, _)) = epoch {
        let because =
            format!("{seen}, and the name `{}`: {format}, which counts from 1970", context.name);
        return Verdict {
            data_type: "datetime",
            properties: vec![("format", (*format).to_owned())],
            because,
        };
    }
    let physical = match () {
        () if i64::try_from(least).is_ok() && i64::try_from(greatest).is_ok() => None,
        () if u64::try_from(least).is_ok() && u64::try_from(greatest).is_ok() => Some("uint64"),
        () if extent.whole <= MOST_DIGITS => {
            let because = format!("{seen}: beyond 64 bits");
            return Verdict {
                data_type: "number",
                properties: vec![("physicalType", format!("\"decimal({MOST_DIGITS},0)\""))],
                because,
            };
        }
        () => {
            return string(format!(
                "digits, up to {}: more than a number keeps exactly",
                extent.whole
            ));
        }
    };
    let properties = physical.map(|name| ("physicalType", name.to_owned())).into_iter().collect();
    Verdict { data_type: "integer", properties, because: seen }
}

fn fractional(extent: &Extent) -> Verdict {
    let (least, most) = extent.fraction.unwrap_or_default();
    let digits = extent.whole + most;
    let decimal = |because: String| {
        // Room for what was not seen: more digits after the point where few values were, and more
        // before it.
        let is_sure = extent.cells >= MANY_VALUES;
        let scale = if is_sure {
            most
        } else {
            (most + MORE_FRACTION_DIGITS).min(MOST_DIGITS.saturating_sub(extent.whole)).max(most)
        };
        // What Parquet keeps in 8 and 16 bytes.
        let wanted = extent.whole + MORE_WHOLE_DIGITS + scale;
        let precision = if wanted <= 18 { 18 } else { MOST_DIGITS };
        Verdict {
            data_type: "number",
            properties: vec![("physicalType", format!("\"decimal({precision},{scale})\""))],
            because,
        }
    };
    let float = |because: String| Verdict { data_type: "number", properties: Vec::new(), because };
    match () {
        () if extent.floats > 0 => {
            float(format!("{} have an exponent or are infinite: binary floats", extent.floats))
        }
        () if digits > MOST_DIGITS && extent.significant > PRINTED_FLOAT_DIGITS => {
            string(format!("up to {} digits: more than a number keeps exactly", extent.significant))
        }
        () if least == most && (1..=AMOUNT_DIGITS).contains(&most) && digits <= MOST_DIGITS => {
            decimal(format!(
                "always {most} digits after the point, up to {} before it: exact amounts",
                extent.whole
            ))
        }
        () if extent.significant <= FLOAT_DIGITS => {
            float(format!("up to {} digits, which a binary float keeps", extent.significant))
        }
        () if extent.significant <= PRINTED_FLOAT_DIGITS => {
            float(format!("up to {} digits, as binary floats are printed", extent.significant))
        }
        () => {
            decimal(format!("up to {} digits: more than a binary float keeps", extent.significant))
        }
    }
}
