//! Decides whether the first record names the fields.

use std::collections::HashSet;

use contract::{DataType, Schema};
use csv_records::dialect::StatedDialect;

use super::cells::{Kind, kind};
use super::reading::Reading;

/// Most records that the first one is compared with.
const MOST_COMPARED: usize = 500;
/// Fewest records whose names of rows are evidence for these.
const LEAST_NAMED_ROWS: usize = 3;
/// Most records above a header that fill one cell and leave the others empty, as spreadsheets write
/// titles.
const MOST_TITLES: usize = 20;

/// Where the header, or else the data, starts.
pub(super) struct Found {
    pub(super) header: bool,
    pub(super) because: String,
    /// The position of the first record that is not before it.
    pub(super) first: usize,
    /// It has no label for the first column.
    pub(super) has_row_names: bool,
}

impl Found {
    fn at(first: usize, header: bool, because: String) -> Self {
        Self { header, because, first, has_row_names: false }
    }
}

pub(super) fn find(
    reading: &Reading<'_>,
    stated: &StatedDialect,
    schema: Option<&Schema>,
) -> Found {
    if reading.names > 0 {
        let because = format!("it names {} of the contract's fields", reading.names);
        return Found::at(reading.first, true, because);
    }
    let records = text_of(reading);
    if stated.header == Some(false) {
        return Found::at(reading.first, false, String::new());
    }
    // Under a contract what does not fit is told, not passed over.
    let may_lack_label = schema.is_none() && stated.row_names != Some(false);
    if let Some(because) = row_names(reading).filter(|_| may_lack_label) {
        return Found { has_row_names: true, ..Found::at(reading.first, true, because) };
    }
    let titles = titles(&records, reading.columns as usize);
    let first = reading.first + titles;
    let Some((head, rest)) = records[titles..].split_first() else {
        let because = "there is no record; a header is the default".to_owned();
        return Found::at(reading.first, true, because);
    };
    let (header, because) = match schema {
        Some(schema) => compare_with(schema, head),
        None => judge(head, rest),
    };
    Found::at(first, header, because)
}

/// Why the first record is a header that lacks the label of the first column: it has one label less
/// than all other records have cells, and these begin with names of rows, of which none comes
/// twice. R writes tables so.
fn row_names(reading: &Reading<'_>) -> Option<String> {
    let (head, rest) = reading.body().split_first()?;
    let all = rest.len();
    let rest: Vec<_> = rest.iter().filter(|row| !reading.is_again(head, row)).collect();
    // Each of several files that were put together has names of its own.
    let may_repeat = rest.len() < all;
    let is_fitting =
        head.fields >= 2 && reading.columns == head.fields + 1 && rest.len() >= LEAST_NAMED_ROWS;
    // Where most end with a delimiter, it is that which is one too many.
    let ending = rest.iter().filter(|row| reading.ends(row)).count();
    if !is_fitting
        || ending * 2 > rest.len()
        || rest.iter().any(|row| row.fields != reading.columns)
    {
        return None;
    }
    let labels: Vec<_> = reading.cells(head).iter().map(|cell| reading.text(*cell)).collect();
    let is_label = |label: &Vec<u8>| kind(label) == Kind::Text;
    let names: HashSet<_> = rest
        .iter()
        .filter_map(|row| reading.cells(row).first())
        .map(|cell| reading.text(*cell))
        .collect();
    let is_named = (may_repeat || names.len() == rest.len()) && !names.contains(&Vec::new());
    (is_named
        && labels.iter().all(is_label)
        && labels.iter().collect::<HashSet<_>>().len() == labels.len())
    .then(|| {
        format!(
            "it has {} labels for {} columns: the first one has names of rows, as R writes them",
            head.fields, reading.columns
        )
    })
}

/// The cells of the first records: of the very first, and of those below that fit.
fn text_of(reading: &Reading<'_>) -> Vec<Vec<Vec<u8>>> {
    let rows = reading
        .body()
        .iter()
        .enumerate()
        .filter(|(index, row)| *index == 0 || row.fields == reading.columns)
        .take(MOST_COMPARED);
    rows.map(|(_, row)| reading.cells(row).iter().map(|cell| reading.text(*cell)).collect())
        .collect()
}

/// How many records come before a header that names every column, each with at most one cell
/// filled.
fn titles(records: &[Vec<Vec<u8>>], columns: usize) -> usize {
    if columns < 3 {
        return 0;
    }
    let is_title = |record: &Vec<Vec<u8>>| {
        record.iter().filter(|cell| !cell.trim_ascii().is_empty()).count() <= 1
    };
    let count = records.iter().take(MOST_TITLES).take_while(|record| is_title(record)).count();
    match records.get(count) {
        Some(next) if count > 0 && flaw_of_names(next).is_none() => count,
        _ => 0,
    }
}

/// Why cells are hardly names; `None`: they could be. A column without a name, and a name that
/// comes again, are frequent.
fn flaw_of_names(cells: &[Vec<u8>]) -> Option<&'static str> {
    let kinds: Vec<_> = cells.iter().map(|cell| kind(cell)).collect();
    let missing = kinds.iter().filter(|kind| **kind == Kind::Missing).count();
    let distinct: HashSet<_> = cells.iter().collect();
    match () {
        () if kinds.iter().any(|kind| matches!(kind, Kind::Number | Kind::Moment)) => {
            Some("the first record has numbers or dates")
        }
        () if missing > 1 && missing * 2 >= cells.len() => {
            Some("many cells of the first record are empty")
        }
        () if (distinct.len() + missing) * 2 <= cells.len() => {
            Some("the first record has the same texts again and again")
        }
        () => None,
    }
}

/// With a contract whose fields it does not name the first record is data only if it clearly is:
/// what drifted is to be told, not read as data.
fn compare_with(schema: &Schema, head: &[Vec<u8>]) -> (bool, String) {
    let typed = schema
        .fields
        .iter()
        .zip(head)
        .filter(|(field, _)| !matches!(field.data_type, DataType::String));
    let kinds: Vec<_> =
        typed.map(|(_, cell)| kind(cell)).filter(|kind| *kind != Kind::Missing).collect();
    let is_data =
        head.len() == schema.fields.len() && !kinds.is_empty() && !kinds.contains(&Kind::Text);
    if is_data {
        (
            false,
            "the first record names no field of the contract, and has values of their types"
                .to_owned(),
        )
    } else {
        (
            true,
            "a header is the default, though it names few of the contract's fields or none"
                .to_owned(),
        )
    }
}

/// Compares the first record with those below, column by column.
fn judge(head: &[Vec<u8>], rest: &[Vec<Vec<u8>>]) -> (bool, String) {
    let flaw = flaw_of_names(head);
    // A record that is all of the first one again is a header, of a file that was put together of
    // several.
    let is_again =
        |record: &&Vec<Vec<u8>>| flaw.is_none() && head.len() > 1 && record.as_slice() == head;
    let rest: Vec<_> = rest.iter().filter(|record| !is_again(record)).collect();
    if rest.is_empty() {
        return match flaw {
            Some(flaw) => (false, flaw.to_owned()),
            None => (true, "the only record could be names".to_owned()),
        };
    }
    let (mut differs, mut alike) = (0, 0);
    let years = are_years(head);
    for (column, name) in head.iter().enumerate() {
        let below: Vec<_> = rest
            .iter()
            .filter_map(|record| record.get(column))
            .map(Vec::as_slice)
            .filter(|cell| kind(cell) != Kind::Missing)
            .collect();
        let Some(typed) = common_kind(&below) else {
            // Text below: a name does not come back as a value, nor is it a sentence above
            // sentences, or the first line of a log of which all begin with a moment.
            let is_told = |cell: &&&[u8]| is_wordy(cell) || ends_sentence(cell);
            let is_among = is_wordy(name)
                && ends_sentence(name)
                && below.iter().filter(is_told).count() * 2 >= below.len();
            let starts =
                |cell: &[u8]| kind(cell.split(|byte| *byte == b' ').next().unwrap_or_default());
            let begins_so = below.iter().filter(|cell| starts(cell) == starts(name)).count() * 10
                >= below.len() * 9;
            let is_next = matches!(starts(name), Kind::Number | Kind::Moment)
                && !below.is_empty()
                && begins_so;
            alike += usize::from(
                is_among || is_next || !name.is_empty() && below.contains(&name.as_slice()),
            );
            continue;
        };
        match kind(name) {
            Kind::Missing => {}
            // A year over numbers that are not years: a table with a column for each year.
            Kind::Number if is_year(name) && !below.iter().any(|cell| is_year(cell)) => {
                differs += 1
            }
            Kind::Number if years && typed == Kind::Number && !are_years(&below) => differs += 1,
            found if found == typed => alike += 1,
            _ => differs += 1,
        }
    }
    match (differs, alike, flaw) {
        (0, 0, None) => (
            true,
            "the first record could be names, as good as any; a header is the default".to_owned(),
        ),
        (0, 0, Some(flaw)) => (false, flaw.to_owned()),
        _ if differs > alike => (
            true,
            format!("in {differs} of {} columns the first cell is unlike those below", head.len()),
        ),
        _ => (
            false,
            format!("in {alike} of {} columns the first cell is like those below", head.len()),
        ),
    }
}

/// What nine in ten cells of a column look like, unless that is text.
fn common_kind(cells: &[&[u8]]) -> Option<Kind> {
    let first = kind(cells.first()?);
    let same = cells.iter().filter(|cell| kind(cell) == first).count();
    (first != Kind::Text && same * 10 >= cells.len() * 9).then_some(first)
}

/// Whether a cell has three words or more.
fn is_wordy(cell: &[u8]) -> bool {
    cell.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).count() >= 3
}

/// Whether a cell ends as a sentence does.
fn ends_sentence(cell: &[u8]) -> bool {
    matches!(cell.trim_ascii_end().last(), Some(b'.' | b'!'))
}

/// Whether a cell is a year, as one stands over a column.
fn is_year(cell: &[u8]) -> bool {
    let year = std::str::from_utf8(cell.trim_ascii())
        .ok()
        .filter(|text| text.len() == 4)
        .and_then(|text| text.parse().ok());
    year.is_some_and(|year: u32| (1800..2200).contains(&year))
}

/// Whether the numbers among cells, at least two, are years in order: the head of a table with a
/// column for each.
fn are_years<T: AsRef<[u8]>>(cells: &[T]) -> bool {
    let numbers: Vec<_> = cells.iter().filter(|cell| kind(cell.as_ref()) == Kind::Number).collect();
    let years: Vec<u32> = numbers
        .iter()
        .filter_map(|cell| std::str::from_utf8(cell.as_ref()).ok()?.parse().ok())
        .collect();
    years.len() == numbers.len()
        && years.len() >= 2
        && years.iter().all(|year| (1800..2200).contains(year))
        && years.is_sorted_by(|a, b| a < b)
}
