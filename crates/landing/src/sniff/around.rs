//! Finds what stands around and between the records of a table: units under the header, a total at
//! the end, the header once more, delimiters that end records, blank lines and `\N` for nothing.
//!
//! All of it is only thought of where no contract says what is to be there, but for `\N`: under a
//! contract what does not fit is told, not passed over.

use csv_records::dialect::{BlankRows, Dialect, RaggedRows, RepeatedHeader, StatedDialect};
use csv_records::{Lexer, Limits, Row, RowKind, Rows};

use super::cells::{Kind, kind};
use super::header::Found;
use super::reading::Reading;
use crate::evidence::Evidence;

/// Most records at the end that are a footer.
const MOST_FOOTER: usize = 10;
/// Fewest records above a footer.
const LEAST_ABOVE: usize = 2;
/// Most bytes of a unit.
const UNIT_BYTES: usize = 16;
/// Words that a total or a remark begins with.
const TOTALS: [&str; 28] = [
    "total",
    "totals",
    "subtotal",
    "sum",
    "sums",
    "grand total",
    "average",
    "mean",
    "count",
    "balance",
    "end of",
    "rows",
    "records",
    "generated",
    "source",
    "note",
    "gesamt",
    "summe",
    "saldo",
    "kontostand",
    "durchschnitt",
    "anzahl",
    "totale",
    "somme",
    "suma",
    "totaal",
    "razem",
    "итого",
];
/// Signs and words of units.
const UNITS: [&str; 44] = [
    "m", "cm", "mm", "km", "mi", "ft", "in", "kg", "g", "mg", "t", "lb", "lbs", "oz", "l", "ml",
    "s", "sec", "ms", "min", "h", "hr", "hrs", "d", "days", "years", "°c", "°f", "c", "k", "pa",
    "hpa", "kpa", "bar", "mbar", "v", "a", "w", "kw", "kwh", "hz", "%", "usd", "eur",
];
/// What stands for no value, as MySQL, PostgreSQL and Hive write it.
const NULL: &[u8] = b"\\N";

/// Says what stands around the records of a reading, and puts it into the guess.
pub(super) fn find(
    reading: &Reading<'_>,
    stated: &StatedDialect,
    has_schema: bool,
    is_whole: bool,
    header: &Found,
    guess: &mut Dialect,
) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    let mut say = |property: &str, value: String, because: String| {
        evidence.push(Evidence::new(property, value, because))
    };
    if stated.null_sequence.is_none()
        && let Some(because) = nulls(reading)
    {
        guess.null_sequence = Some(String::from_utf8_lossy(NULL).into_owned());
        say("nullSequence", "\\N".to_owned(), because);
    }
    if has_schema {
        return evidence;
    }
    let records = &reading.records()[header.first.min(reading.records().len())..];
    let (head, mut data) = match records.split_first() {
        Some((head, data)) if header.header => (Some(head), data),
        _ => (None, records),
    };
    if stated.units_row.is_none()
        && let Some(because) = head.and_then(|_| units(reading, data))
    {
        guess.units_row = true;
        data = &data[1..];
        say("unitsRow", "true".to_owned(), because);
    }
    if stated.repeated_header.is_none()
        && let Some(because) = head.and_then(|head| again(reading, head, data))
    {
        guess.repeated_header = RepeatedHeader::Skip;
        say("repeatedHeader", "skip".to_owned(), because);
    }
    if stated.ragged_rows.is_none()
        && !header.has_row_names
        && let Some(because) = trailing(reading, head, data)
    {
        guess.ragged_rows = RaggedRows { ignore_trailing_delimiter: true, ..RaggedRows::default() };
        say("raggedRows", "trailingDelimiter: ignore".to_owned(), because);
    }
    if stated.blank_rows.is_none()
        && let Some(because) = blanks(reading, data)
    {
        guess.blank_rows = BlankRows::Keep;
        say("blankRows", "keep".to_owned(), because);
    }
    if stated.footer_rows.is_none() && is_whole {
        let columns =
            head.map_or(reading.columns, |head| head.fields + u32::from(header.has_row_names));
        let has_cell_too_many = columns > 1
            && guess.ragged_rows.ignore_trailing_delimiter
            && head.is_none_or(|head| reading.ends(head));
        let columns = columns - u32::from(has_cell_too_many);
        let is_data = |row: &&Row| head.is_none_or(|head| !reading.is_again(head, row));
        let data: Vec<&Row> = data.iter().filter(is_data).collect();
        if let Some((start, because)) = footer(reading, &data, columns) {
            guess.footer_rows = lines(&reading.window()[start..], reading);
            say("footerRows", guess.footer_rows.to_string(), because);
        }
    }
    evidence
}

/// The footer of a table, found by its end alone: how many lines it has, and why it is one. `tail`
/// begins anywhere, and ends where the source does; it is UTF-8.
pub(super) fn footer_of_tail(
    dialect: &Dialect,
    columns: u32,
    tail: &[u8],
) -> Option<(u32, String)> {
    let end = super::line_ends(tail, dialect.line_terminator).next()?;
    let dialect = Dialect { footer_rows: 0, ..dialect.clone() };
    let mut rows = Rows::default();
    Lexer::new(&dialect, Limits::default()).read(&tail[end..], true, usize::MAX, &mut rows).ok()?;
    let reading = Reading::of_rows(dialect, &tail[end..], rows);
    let data: Vec<&Row> = reading.records().iter().collect();
    let columns = if columns == 0 { reading.columns } else { columns };
    let (start, because) = footer(&reading, &data, columns)?;
    Some((lines(&reading.window()[start..], &reading), because))
}

/// Lines in the bytes of a footer, without blank ones at its end.
fn lines(footer: &[u8], reading: &Reading<'_>) -> u32 {
    let length =
        footer.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    super::line_ends(&footer[..length], reading.dialect.line_terminator).count() as u32 + 1
}

/// What the cells of a column look like where they hold anything, if that is the same for all.
fn common(reading: &Reading<'_>, rows: &[&Row], column: usize) -> Option<Kind> {
    let mut found = None;
    for row in rows {
        match reading.cells(row).get(column).map(|cell| kind(&reading.text(*cell))) {
            None | Some(Kind::Missing) => {}
            Some(kind) if found.is_none_or(|found| found == kind) => found = Some(kind),
            Some(_) => return None,
        }
    }
    found.filter(|found| *found != Kind::Text)
}

/// Why `\N` is no value.
fn nulls(reading: &Reading<'_>) -> Option<String> {
    let cells = reading.body().iter().flat_map(|row| reading.cells(row));
    let nulls = cells.filter(|cell| !cell.is_quoted() && reading.raw(**cell) == NULL).count();
    (nulls > 0)
        .then(|| format!("{nulls} cells are written so, as databases write what has no value"))
}

/// Why records that are the header again are none.
fn again(reading: &Reading<'_>, head: &Row, data: &[Row]) -> Option<String> {
    let again = data.iter().filter(|row| reading.is_again(head, row)).count();
    (again > 0 && head.fields > 1).then(|| {
        format!("{again} of the records are the header again: files were put together with theirs")
    })
}

/// Why the record under the header is no record: it has text, which looks like units, where those
/// below have numbers or dates.
fn units(reading: &Reading<'_>, data: &[Row]) -> Option<String> {
    let (first, rest) = data.split_first()?;
    let rest: Vec<&Row> = rest.iter().filter(|row| row.fields == first.fields).collect();
    if rest.len() < LEAST_ABOVE || first.fields != reading.columns {
        return None;
    }
    let (mut units, mut known) = (0, 0);
    for (column, cell) in reading.cells(first).iter().enumerate() {
        let text = reading.text(*cell);
        let text = text.trim_ascii();
        let is_typed = common(reading, &rest, column).is_some();
        match kind(text) {
            Kind::Missing => {}
            Kind::Text if text.len() <= UNIT_BYTES => {
                units += usize::from(is_typed);
                known += usize::from(is_unit(text));
            }
            _ => return None,
        }
    }
    let typed = (0..first.fields as usize)
        .filter(|column| common(reading, &rest, *column).is_some())
        .count();
    let is_sure = known > 0 && (units >= 1) && units * 2 >= typed;
    is_sure.then(|| {
        format!("the record under the header has text in {units} of {typed} columns that are numbers or dates below, such as units")
    })
}

/// Whether a text is a unit, by itself or in brackets.
fn is_unit(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let inner = [('[', ']'), ('(', ')'), ('{', '}')]
        .iter()
        .find_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close));
    let lower = inner.unwrap_or(text).to_lowercase();
    let base = |part: &str| {
        UNITS.contains(&part.trim_end_matches(['²', '³', '2', '3', '^', '-', '1', '⁻', '¹']))
    };
    inner.is_some()
        || UNITS.contains(&lower.as_str())
        || (lower.contains('/') && lower.split('/').all(base))
}

/// Why delimiters at the end of records, or of the header, mean nothing.
fn trailing(reading: &Reading<'_>, head: Option<&Row>, data: &[Row]) -> Option<String> {
    let ending = data.iter().filter(|row| reading.ends(row)).count();
    match head {
        // The header has a name for each column, the records one cell more.
        Some(head) if !reading.ends(head) => {
            let fits = |row: &Row| {
                row.fields == head.fields || (row.fields == head.fields + 1 && reading.ends(row))
            };
            let longer = data
                .iter()
                .filter(|row| row.fields == head.fields + 1 && reading.ends(row))
                .count();
            let fitting = data.iter().filter(|row| fits(row)).count();
            (longer > 0 && longer * 2 > data.len() && fitting * 10 >= data.len() * 9)
                .then(|| format!("{longer} records end with a delimiter, and the header does not"))
        }
        Some(head) => {
            let fits = |row: &&Row| {
                row.fields + 1 == head.fields || (row.fields == head.fields && reading.ends(row))
            };
            let fitting = data.iter().filter(fits).count();
            (fitting * 10 >= data.len() * 9)
                .then(|| format!("the header ends with a delimiter, and no record has a value there ({ending} end so too)"))
        }
        None => {
            let is_usual = data.len() >= LEAST_ABOVE && ending == data.len() && reading.columns > 2;
            is_usual.then(|| format!("all {ending} records end with a delimiter"))
        }
    }
}

/// Why blank rows are records: they stand between those of a table with one column.
fn blanks(reading: &Reading<'_>, data: &[Row]) -> Option<String> {
    let (first, last) = (data.first()?, data.last()?);
    if reading.columns != 1 {
        return None;
    }
    let rows = reading.rows();
    let inner = rows
        .iter()
        .filter(|row| row.kind == RowKind::Blank && (first.start..last.start).contains(&row.start))
        .count();
    // Every line doubled, that of the header too, is how a file looks whose line breaks were
    // translated twice.
    let all = rows.iter().filter(|row| row.start <= last.start && row.kind != RowKind::Comment);
    let all: Vec<bool> = all.map(|row| row.kind == RowKind::Blank).collect();
    let is_doubled = all.windows(2).all(|pair| pair[0] != pair[1]);
    (inner > 0 && !is_doubled)
        .then(|| format!("{inner} blank lines stand between values of the only column"))
}

/// Where the footer begins, and why it is one: the last records don't fit those above.
fn footer(reading: &Reading<'_>, data: &[&Row], columns: u32) -> Option<(usize, String)> {
    let mut above = data;
    let mut because = String::new();
    while let Some((last, rest)) = above.split_last() {
        if data.len() - above.len() >= MOST_FOOTER || rest.len() < LEAST_ABOVE {
            break;
        }
        let Some(reason) = is_footer(reading, rest, last, columns) else { break };
        (above, because) = (rest, reason);
    }
    let mut first = data.get(above.len())?;
    let is_nothing = |row: &Row| {
        reading.cells(row).iter().all(|cell| kind(&reading.text(*cell)) == Kind::Missing)
    };
    // A record of nothing sets the footer off.
    while let Some((last, rest)) = above.split_last().filter(|(last, _)| is_nothing(last)) {
        (above, first) = (rest, last);
    }
    // What is above fits, or the last records are no exception.
    let fitting = above
        .iter()
        .filter(|row| row.fields == columns || (row.fields == columns + 1 && reading.ends(row)))
        .count();
    (fitting * 10 >= above.len() * 9 && fitting >= LEAST_ABOVE)
        .then_some((first.start as usize, because))
}

fn is_footer(reading: &Reading<'_>, above: &[&Row], last: &Row, columns: u32) -> Option<String> {
    let full: Vec<&Row> = above.iter().filter(|row| row.fields >= columns).copied().collect();
    let cells: Vec<Vec<u8>> = reading.cells(last).iter().map(|cell| reading.text(*cell)).collect();
    let is_told =
        cells.iter().find(|cell| !cell.trim_ascii().is_empty()).is_some_and(|cell| is_total(cell));
    let is_empty = |column: usize| cells.get(column).is_none_or(|cell| kind(cell) == Kind::Missing);
    let mut differs = None;
    let mut lacks = None;
    for column in 0..columns as usize {
        let is_filled = || {
            full.iter().all(|row| {
                reading
                    .cells(row)
                    .get(column)
                    .is_some_and(|cell| kind(&reading.text(*cell)) != Kind::Missing)
            })
        };
        let is_text = || cells.get(column).is_some_and(|cell| kind(cell) == Kind::Text);
        if differs.is_none() && is_text() && common(reading, &full, column).is_some() {
            differs = Some(column);
        }
        if lacks.is_none() && is_empty(column) && is_filled() {
            lacks = Some(column);
        }
    }
    let is_short = last.fields < columns;
    match (differs, lacks) {
        (Some(column), _) if is_told || is_short || lacks.is_some() => Some(format!(
            "the last record has text in column {}, where all others have numbers or dates",
            column + 1
        )),
        // Where columns are text anyway a word has to tell.
        (None, Some(_)) if is_told && (is_short || columns > 1) => {
            Some("the last record is a total or a remark, by its first word".to_owned())
        }
        (None, None) if is_told && !is_short => {
            let column = (0..columns as usize)
                .find(|column| is_sum(reading, &full, *column, cells.get(*column)))?;
            Some(format!("the last record has the sum of all others in column {}", column + 1))
        }
        _ => None,
    }
}

/// Whether a cell is the sum of those above it.
fn is_sum(reading: &Reading<'_>, above: &[&Row], column: usize, cell: Option<&Vec<u8>>) -> bool {
    let number = |text: &[u8]| {
        let text = String::from_utf8_lossy(text.trim_ascii()).into_owned();
        let text = if text.contains('.') { text } else { text.replace(',', ".") };
        text.parse::<f64>().ok()
    };
    let above: Option<Vec<f64>> =
        above.iter().map(|row| number(&reading.text(*reading.cells(row).get(column)?))).collect();
    let (Some(above), Some(cell)) = (above, cell.and_then(|cell| number(cell))) else {
        return false;
    };
    let sum: f64 = above.iter().sum();
    cell != 0.0 && (sum - cell).abs() <= cell.abs() * 1e-9
}

/// Whether a cell begins as totals and remarks do.
fn is_total(cell: &[u8]) -> bool {
    let text = String::from_utf8_lossy(cell).to_lowercase();
    let text = text.trim_matches(|c: char| !c.is_alphanumeric());
    let counted = text
        .split_once(' ')
        .filter(|(count, _)| count.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(text, |(_, word)| word);
    let begins = |with: &&str| {
        counted.strip_prefix(*with).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    TOTALS.iter().any(begins)
}
