//! Turns data into a proposed contract: for each column the narrowest type that reads all of its
//! cells, and the reason.
//!
//! What is proposed lands what was seen: every guess is one that the reading of columns accepts
//! cell by cell, or the column stays text. What a type would lose (leading zeros, digits that a
//! float drops) keeps a column from that type. Where data do not decide (3/4/2013), the guess says
//! that it is in doubt.

mod column;
mod document;
pub mod kinds;
mod moments;
mod numbers;
mod reading;
mod sample;
mod units;
mod verdict;

#[cfg(test)]
mod halves;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

pub use sample::propose;

use column::{Column, Unique};
use contract::quoted;
use csv_records::dialect::{BlankRows, RepeatedHeader};
use document::{Document, FieldLine};
use job::DatasetName;
use job::limits::CONTRACT_BYTES;
use landing::batch::{has_columns, is_header, labels};
use landing::columns::Records;
use landing::evidence::Evidence;
use landing::opening::Opening;
use reading::{dialect_of, encoding_of, names_of};
use verdict::{Context, Verdict, decide};
use wording::odd_name;

/// Most values that are remembered to find one that comes twice, over all columns. Each takes some
/// 10 bytes.
const MOST_UNIQUE: usize = 4_000_000;
/// A column has so few different values that they could be an `enum`: at most so many, each so
/// often on average.
const MOST_ENUM_VALUES: usize = 12;
const LEAST_ENUM_REPEATS: u64 = 20;
/// Fewest values of a key that none of them is missing is evidence for `required`.
const LEAST_REQUIRED: u64 = 1_000;
/// Words for nothing that may come further down, where not all was seen. No value of a number, a
/// day or an answer is written like them.
const USUAL_MISSING: [&str; 8] = ["NA", "N/A", "n/a", "null", "NULL", "None", "-", "\\N"];
/// Fewest records of which a share tells more than a count.
const MANY_RECORDS: u64 = 1_000;
/// Records that may be refused where there are fewer, and the share in per cent where there are
/// more; twice what was, if that is more.
const FEW_REJECTS: u64 = 10;
const REJECTS_PERCENT: u64 = 1;
/// Fewest records in which a column without a value that comes twice could be a key.
const LEAST_KEY_RECORDS: u64 = 10;

/// Gathers what there is to know of the columns of a source.
#[derive(Debug, Clone, Default)]
pub struct Inference {
    /// Empty until it is known how many there are.
    columns: Vec<Column>,
    /// The names in the header: a record that has them is none.
    header: Vec<String>,
    records: u64,
    refused: u64,
}

/// A proposed contract.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Inferred {
    /// The contract, with comments.
    pub yaml: String,
    /// The reason for each guess.
    pub evidence: Vec<Evidence>,
    /// Records that were seen.
    pub records: u64,
    /// Those of them that no contract would take, for the way in which they are written: the wrong
    /// number of cells, stray quotes, invalid bytes.
    pub refused: u64,
}

impl Inference {
    /// Nothing seen yet, of a source that begins with `opening`.
    pub fn new(opening: &Opening) -> Self {
        let mut new = Self::default();
        if opening.dialect.header {
            new.expect(opening.header.names.len());
            new.header.clone_from(&opening.header.names);
        }
        new
    }

    /// Takes records in. Without a header, most of the first ones must have as many cells as there
    /// are columns.
    pub fn observe(&mut self, records: Records<'_>) {
        if self.columns.is_empty() {
            let mut counts: HashMap<u32, usize> = HashMap::new();
            // A blank record is the one cell of the only column.
            records.rows.iter().for_each(|row| *counts.entry(row.fields.max(1)).or_default() += 1);
            let columns = counts
                .into_iter()
                .max_by_key(|(fields, count)| (*count, *fields))
                .map_or(0, |(fields, _)| fields as usize);
            self.expect(
                columns
                    - usize::from(
                        columns > 1 && records.dialect.ragged_rows.ignore_trailing_delimiter,
                    ),
            );
        }
        let mut scratch = Vec::new();
        for row in records.rows {
            self.records += 1;
            let cells = &records.fields[row.first_field as usize..][..row.fields as usize];
            let is_text =
                |cell: &csv_records::Field| std::str::from_utf8(cell.bytes(records.window)).is_ok();
            let dialect = records.dialect;
            let may_repeat = dialect.repeated_header != RepeatedHeader::Keep;
            if may_repeat
                && is_header(labels(&self.header, dialect), cells, records.window, dialect)
            {
                self.refused += u64::from(dialect.repeated_header == RepeatedHeader::Reject);
                continue;
            }
            if cells.is_empty() && dialect.blank_rows == BlankRows::Keep {
                self.columns.iter_mut().for_each(|column| column.observe(b""));
                continue;
            }
            if !has_columns(cells, self.columns.len(), dialect)
                || row.faulty
                || (!records.is_utf8 && !cells.iter().all(is_text))
            {
                self.refused += 1;
                continue;
            }
            let null = dialect.null_sequence.as_deref().map(str::as_bytes);
            for (column, cell) in self.columns.iter_mut().zip(cells) {
                if null.is_some_and(|null| !cell.is_quoted() && cell.bytes(records.window) == null)
                {
                    column.observe(b"");
                    continue;
                }
                column.observe(cell.value(records.window, dialect, &mut scratch));
            }
        }
    }

    /// Takes in what was gathered from other records of the same source.
    pub fn merge(&mut self, other: Self) {
        self.records += other.records;
        if other.columns.is_empty() || self.columns.is_empty() {
            self.refused += other.refused;
            if self.columns.is_empty() {
                self.columns = other.columns;
            }
            return;
        }
        if self.columns.len() == other.columns.len() {
            self.refused += other.refused;
            self.columns
                .iter_mut()
                .zip(other.columns)
                .for_each(|(mine, theirs)| mine.merge(theirs));
        } else {
            self.refused = self.records;
        }
    }

    /// Proposes a contract for `dataset`. `is_complete`: every record of the source was seen.
    pub fn finish(self, dataset: &DatasetName, opening: &Opening, is_complete: bool) -> Inferred {
        let names = names_of(opening, self.columns.len());
        let verdicts = self.decide(&names, opening);
        let typed = |verdict: &Verdict| verdict.data_type != "string";
        let mut missing = self.missing_words(&verdicts);
        if !is_complete
            && self
                .columns
                .iter()
                .zip(&verdicts)
                .any(|(column, verdict)| typed(verdict) && column.values > 0)
        {
            for word in USUAL_MISSING {
                missing.entry(word.to_owned()).or_default();
            }
        }
        let mut evidence = opening.evidence.clone();
        let mut fields = Vec::with_capacity(self.columns.len());
        for ((column, verdict), name) in self.columns.iter().zip(verdicts).zip(&names) {
            let field = field_line(column, verdict, name, &missing, is_complete);
            evidence.push(Evidence::new(
                format!("fields.{}.type", field.name),
                field.properties[0].1.clone(),
                field.because.clone(),
            ));
            fields.push(field);
        }
        if fields.is_empty() {
            // A contract has at least one field.
            let properties = vec![("type", "string".to_owned())];
            fields.push(FieldLine {
                name: "column_1".to_owned(),
                properties,
                because: "there is nothing in the source".to_owned(),
            });
        }
        let missing_values = (!missing.is_empty()).then(|| {
            let seen = missing.iter().filter(|(_, (_, cells))| *cells > 0);
            let because = seen.map(|(word, (columns, cells))| {
                format!("`{word}` {cells} times in {columns} columns that are no text")
            });
            let mut because: Vec<_> = because.collect();
            if !is_complete {
                because.push(
                    "words for nothing that may come further down, where no value looks like them"
                        .to_owned(),
                );
            }
            let because = because.join(", ");
            let values: Vec<_> =
                std::iter::once(String::new()).chain(missing.keys().cloned()).collect();
            evidence.push(Evidence::new("missingValues", values.join(" "), because.clone()));
            (values, because)
        });
        let document = Document {
            about: self.about(is_complete),
            dataset: dataset.to_string(),
            encoding: encoding_of(opening),
            dialect: dialect_of(opening),
            missing_values,
            fields,
            rejects: self.rejects(),
            notes: self.notes(&names, is_complete),
        };
        evidence.extend(
            document.alike().map(|because| Evidence::new("caseSensitive", "true", because)),
        );
        let mut yaml = document.write(true);
        if yaml.len() > CONTRACT_BYTES {
            yaml = document.write(false);
        }
        Inferred { yaml, evidence, records: self.records, refused: self.refused }
    }

    fn expect(&mut self, columns: usize) {
        self.columns = vec![Column::new(MOST_UNIQUE / columns.max(1)); columns];
    }

    /// The types, where columns may settle each other's doubts about days and months.
    fn decide(&self, names: &[String], opening: &Opening) -> Vec<Verdict> {
        let sure = self.columns.iter().filter_map(|column| {
            let choice = column.moments.as_ref()?.best(None, false)?;
            choice.format.day_first().filter(|_| column.values > 0 && choice.rivals.is_empty())
        });
        let day_first = agreed(sure);
        let decimal = agreed(
            self.columns.iter().filter_map(|column| column.numbers.as_ref()?.sure_decimal()),
        );
        let is_european = opening.dialect.delimiter == b';';
        let context = |name| Context { name, is_european, decimal, day_first };
        self.columns.iter().zip(names).map(|(column, name)| decide(column, context(name))).collect()
    }

    /// Words that stand for nothing: those of columns that hold no text otherwise, each with the
    /// number of such columns and cells.
    fn missing_words(&self, verdicts: &[Verdict]) -> BTreeMap<String, (usize, u64)> {
        let mut missing: BTreeMap<String, (usize, u64)> = BTreeMap::new();
        for (column, verdict) in self.columns.iter().zip(verdicts) {
            if verdict.data_type == "string" {
                continue;
            }
            for (word, count) in
                column.words.iter().filter(|(word, _)| !column.is_value(word, false))
            {
                let (columns, cells) = missing.entry(word.clone()).or_default();
                *columns += 1;
                *cells += count;
            }
        }
        missing
    }

    /// How many records may be refused, and why.
    fn rejects(&self) -> (String, String) {
        let because = format!(
            "a job with more rejects lands nothing; of what was seen it would be {}",
            self.refused
        );
        let limit = if self.records >= MANY_RECORDS {
            let percent = (self.refused * 200).div_ceil(self.records).clamp(REJECTS_PERCENT, 100);
            format!("{percent}%")
        } else {
            (self.refused * 2).max(FEW_REJECTS).to_string()
        };
        (limit, because)
    }

    fn about(&self, is_complete: bool) -> Vec<String> {
        let what = if is_complete { "all of the source" } else { "the beginning of the source" };
        let mut about = vec![format!("Proposed from {} records, {what}.", self.records)];
        if !is_complete {
            about.push("What comes after was not seen: values of other types than here, and longer decimals, would be rejected.".to_owned());
        }
        if self.refused > 0 {
            about.push(format!(
                "{} of them will be rejects whatever the contract says: the wrong number of cells, stray quotes, or invalid bytes.",
                self.refused
            ));
        }
        about
    }

    fn notes(&self, names: &[String], is_complete: bool) -> Vec<String> {
        let seen = self.records - self.refused;
        let is_unique =
            |column: &Column| column.values == seen && matches!(column.unique, Unique::SoFar(..));
        let keys: Vec<_> = self
            .columns
            .iter()
            .zip(names)
            .filter(|(column, _)| is_unique(column))
            .map(|(_, name)| name.as_str())
            .collect();
        let mut notes = Vec::new();
        if seen >= LEAST_KEY_RECORDS && !keys.is_empty() {
            let scope = if is_complete { "all" } else { "the" };
            notes.push(format!("Could be a `primaryKey`, as no value comes twice in {scope} {seen} records seen: {}", keys.join(", ")));
        }
        notes
    }
}

/// What all columns say that say something.
fn agreed<T: PartialEq>(mut said: impl Iterator<Item = T>) -> Option<T> {
    let first = said.next()?;
    said.all(|other| other == first).then_some(first)
}

/// The line of a field.
fn field_line(
    column: &Column,
    verdict: Verdict,
    name: &str,
    missing: &BTreeMap<String, (usize, u64)>,
    is_complete: bool,
) -> FieldLine {
    let mut properties = vec![("type", verdict.data_type.to_owned())];
    properties.extend(verdict.properties);
    let mut because: Vec<String> = Vec::new();
    let is_text = verdict.data_type == "string";
    let mut nothing = column.empty + if is_text { 0 } else { column.blank };
    let kept = |word: &&String| column.is_value(word, is_text);
    // A text may hold any of the words that were not seen in it.
    let is_missing = |word: &&String| {
        !kept(word) && (!is_text || is_complete || column.words.contains_key(*word))
    };
    if missing.keys().any(|word| !is_missing(&word)) {
        let others = missing.keys().filter(is_missing).map(|word| quoted(word));
        let values: Vec<_> = std::iter::once("\"\"".to_owned()).chain(others).collect();
        properties.push(("missingValues", format!("[{}]", values.join(", "))));
    }
    if let Some(word) =
        column.words.keys().filter(|word| !is_text || missing.contains_key(*word)).find(kept)
    {
        because.push(format!("`{word}` is written like the other values here, and kept"));
    }
    if is_text {
        let lost =
            column.words.iter().filter(|(word, _)| missing.contains_key(*word) && !kept(word));
        nothing += lost.map(|(_, count)| count).sum::<u64>();
        let text = column.words.iter().filter(|(word, _)| !missing.contains_key(*word));
        let text: Vec<_> = text.map(|(word, count)| format!("`{word}` {count} times")).collect();
        if !text.is_empty() {
            because.push(format!("{} kept as text", text.join(", ")));
        }
    } else {
        nothing += column
            .words
            .iter()
            .filter(|(word, _)| !kept(word))
            .map(|(_, count)| count)
            .sum::<u64>();
    }
    if !verdict.because.is_empty() {
        because.insert(0, verdict.because);
    }
    because.extend(odd_name(name));
    if nothing > 0 {
        because.push(format!("{nothing} without a value"));
    } else if is_complete && is_key(column, column.values + column.words.values().sum::<u64>()) {
        because.push(format!("`required`, as none of {} is missing and all differ", column.values));
        properties.push(("constraints", "{ required: true }".to_owned()));
    }
    if let Some(values) = enum_candidate(column).filter(|_| is_text) {
        because.push(format!("could be an enum: {values}"));
    }
    FieldLine { name: name.to_owned(), properties, because: because.join("; ") }
}

/// Whether a column of `cells` is one that identifies records: so many values that it is no chance
/// that none is missing, and all differ.
fn is_key(column: &Column, cells: u64) -> bool {
    cells >= LEAST_REQUIRED && column.values == cells && matches!(column.unique, Unique::SoFar(..))
}

/// The values of a column that has few.
fn enum_candidate(column: &Column) -> Option<String> {
    let distinct = column
        .distinct
        .as_ref()
        .filter(|distinct| (2..=MOST_ENUM_VALUES).contains(&distinct.len()))?;
    if column.values < distinct.len() as u64 * LEAST_ENUM_REPEATS {
        return None;
    }
    let mut values: Vec<_> =
        distinct.keys().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
    values.sort_unstable();
    Some(values.join(", "))
}

/// A name for a dataset, after that of a file.
pub fn dataset_name(file: &str) -> DatasetName {
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = file.split('.').find(|part| !part.is_empty()).unwrap_or("data");
    let legal = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let mut name: String = stem.chars().map(legal).collect::<String>().trim_matches('_').to_owned();
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert_str(0, "data_");
    }
    name.truncate(DatasetName::MAX_CHARS);
    DatasetName::parse(name.trim_end_matches('_'))
        .unwrap_or_else(|_| DatasetName::parse("data").expect("a legal name"))
}
