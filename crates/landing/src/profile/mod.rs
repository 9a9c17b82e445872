//! Turns the columns of a job into a profile: counted, bounded and sketched while they pass by,
//! shard by shard, and merged.
//!
//! Exact: rows, nulls, least and greatest value (texts up to their 200th character), the sum of
//! integers and decimals and with it the mean, the lengths of texts. Approximate: the number of
//! different values (all values, HyperLogLog, standard error 2.3 %), quantiles (t-digest),
//! histograms ([bins]) and frequent values (Misra and Gries), these three of all values of a
//! shard's first 4,096 rows and of one in 64 after them. Tables of more than 500 columns have no
//! approximate part: it would outgrow what a shard may keep.
//!
//! Only what is stored is profiled: fields that are dropped are not in it, and of those that are
//! masked it knows what they are masked as.

mod arrays;
mod bins;
mod column;
mod distinct;
mod frequent;
mod quantiles;
mod table;
mod value;

#[cfg(test)]
mod tests;

use arrow_array::ArrayRef;
use arrow_schema::DataType as ArrowType;
use serde::{Deserialize, Serialize};

use bins::FineBins;
use column::{Column, TEXT_CHARS};
use value::{Kind, Value};

pub use distinct::DISTINCT_ERROR;
pub use table::Table;

/// Most columns whose approximate parts are kept: some 7 KiB each.
pub const MOST_SKETCHED_COLUMNS: usize = 500;
/// Most frequent values that are told.
const MOST_FREQUENT: usize = 10;
/// The shares of [`Quantiles`].
const SHARES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// The profile of a shard, or of several: it takes columns in and merges.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sketch {
    columns: Vec<Column>,
}

/// The profile of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Rows that are stored.
    pub rows: u64,
    /// The columns, in order.
    pub columns: Vec<ColumnProfile>,
}

/// The profile of a column. Integers of at most 53 bits, floats and booleans are JSON's own;
/// everything else is text, moments in ISO 8601.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ColumnProfile {
    /// The column's name.
    pub name: String,
    /// Its type, by its name in Table Schema.
    #[serde(rename = "type")]
    pub kind: String,
    /// Values that are there.
    pub count: u64,
    /// Values that are not.
    pub nulls: u64,
    /// Floats that are not a number: part of `count`, and of nothing else.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub nan: u64,
    /// The least value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<serde_json::Value>,
    /// The greatest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<serde_json::Value>,
    /// The mean of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// How many different values there are, about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u64>,
    /// Of numbers and moments, about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
    /// How numbers and moments are spread, unless all are the same or one is infinite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Histogram>,
    /// The most frequent values, about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frequent: Vec<FrequentValue>,
    /// Bytes of the shortest text, in UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortest: Option<u64>,
    /// Bytes of the longest text, in UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest: Option<u64>,
}

/// The values below which so many per cent of all values lie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say all")]
pub struct Quantiles {
    pub p01: serde_json::Value,
    pub p05: serde_json::Value,
    pub p25: serde_json::Value,
    pub p50: serde_json::Value,
    pub p75: serde_json::Value,
    pub p95: serde_json::Value,
    pub p99: serde_json::Value,
}

/// How many values lie in each of some bins of equal width, 20 at most.
///
/// Where the bins lie depends on the least and the greatest value alone, however a file was
/// split. Counts are exact for shards of at most 4,096 rows each. After these rows every 64th value
/// stands for 64: the standard error of a share p of n rows is at most 8 √(p (1 − p) / n), so 0.4 %
/// of a million rows where it is greatest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Where the first bin begins: at the least value, or somewhat below it.
    pub from: serde_json::Value,
    /// Where the last one ends, above the greatest value: it is no part of it.
    pub to: serde_json::Value,
    /// How many values lie in each, about.
    pub counts: Vec<u64>,
}

/// A value that is frequent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrequentValue {
    /// The value, cut at 80 characters.
    pub value: String,
    /// How often it occurs, about.
    pub count: u64,
}

/// The least and the greatest value of a column, for those who skip files by them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// No value is less.
    pub min: serde_json::Value,
    /// No value is greater.
    pub max: serde_json::Value,
}

impl Sketch {
    /// Nothing seen yet, of columns with these names and types.
    pub fn new<'a>(columns: impl IntoIterator<Item = (&'a str, ArrowType)>) -> Self {
        let columns: Vec<_> = columns.into_iter().collect();
        let with_sketches = columns.len() <= MOST_SKETCHED_COLUMNS;
        Self {
            columns: columns
                .into_iter()
                .map(|(name, data_type)| Column::new(name.to_owned(), &data_type, with_sketches))
                .collect(),
        }
    }

    /// Takes the next rows in: one array for each column, in order.
    pub fn observe<'a>(&mut self, arrays: impl IntoIterator<Item = &'a ArrayRef>) {
        self.observe_coded(arrays.into_iter().map(|array| (array, None)));
    }

    /// The same, of arrays with the values in them that were not in those before; `None`: any may
    /// be new. What is known not to be new need not be looked at.
    pub fn observe_coded<'a>(
        &mut self,
        arrays: impl IntoIterator<Item = (&'a ArrayRef, Option<&'a [ArrayRef]>)>,
    ) {
        self.columns
            .iter_mut()
            .zip(arrays)
            .for_each(|(column, (array, new))| column.observe(array.as_ref(), new));
    }

    /// Takes in what was gathered from other rows of the same columns.
    pub fn merge(&mut self, other: &Self) {
        if self.columns.is_empty() {
            self.columns.clone_from(&other.columns);
        } else {
            self.columns
                .iter_mut()
                .zip(&other.columns)
                .for_each(|(mine, theirs)| mine.merge(theirs));
        }
    }

    /// The nulls of each column.
    pub fn nulls(&self) -> impl Iterator<Item = (&str, u64)> {
        self.columns.iter().map(|column| (column.name.as_str(), column.nulls))
    }

    /// The least and the greatest value of each column that has any, by its name. Texts that are
    /// too long to be kept whole have none.
    pub fn bounds(&self) -> impl Iterator<Item = (&str, Bounds)> {
        let is_cut = |value: &Value| matches!(value, Value::Text(text) if text.chars().count() >= TEXT_CHARS);
        self.columns.iter().filter_map(move |column| {
            let (least, greatest) = column
                .bounds
                .as_ref()
                .filter(|(least, greatest)| !is_cut(least) && !is_cut(greatest))?;
            // A column with NaN has no bounds that anyone may rely on.
            let is_ordered = column.nan == 0;
            is_ordered.then(|| {
                (
                    column.name.as_str(),
                    Bounds { min: column.kind.json(least), max: column.kind.json(greatest) },
                )
            })
        })
    }

    /// The profile.
    pub fn profile(&self) -> Profile {
        Profile {
            rows: self.columns.first().map_or(0, |column| column.rows),
            columns: self.columns.iter().map(profile_of).collect(),
        }
    }
}

fn profile_of(column: &Column) -> ColumnProfile {
    let kind = column.kind;
    let (min, max) = column
        .bounds
        .as_ref()
        .map(|(least, greatest)| (kind.json(least), kind.json(greatest)))
        .unzip();
    let (shortest, longest) = column.lengths.unzip();
    let sketches = column.sketches.as_ref();
    ColumnProfile {
        name: column.name.clone(),
        kind: kind.name().to_owned(),
        count: column.rows - column.nulls,
        nulls: column.nulls,
        nan: column.nan,
        min,
        max,
        mean: column.mean().filter(|mean| mean.is_finite()),
        distinct: sketches
            .map(|sketches| sketches.distinct.estimate().min(column.rows - column.nulls)),
        quantiles: sketches.and_then(|sketches| quantiles_of(column, &sketches.quantiles)),
        histogram: sketches.and_then(|sketches| histogram_of(column, &sketches.bins)),
        frequent: sketches.map_or_else(Vec::new, |sketches| {
            sketches
                .frequent
                .top(MOST_FREQUENT)
                .into_iter()
                .map(|(value, count)| FrequentValue { value, count })
                .collect()
        }),
        shortest,
        longest,
    }
}

fn quantiles_of(column: &Column, digest: &quantiles::Quantiles) -> Option<Quantiles> {
    let (least, greatest) = column.bounds.as_ref()?;
    let (least, greatest) =
        (number(least).unwrap_or(f64::MIN), number(greatest).unwrap_or(f64::MAX));
    let values = digest.at(&SHARES, least, greatest)?;
    let mut values = values.into_iter().map(|value| column.kind.json(&column.kind.nearest(value)));
    let mut next = || values.next().unwrap_or_default();
    Some(Quantiles {
        p01: next(),
        p05: next(),
        p25: next(),
        p50: next(),
        p75: next(),
        p95: next(),
        p99: next(),
    })
}

fn histogram_of(column: &Column, fine: &FineBins) -> Option<Histogram> {
    let (least, greatest) = column.bounds.as_ref()?;
    let bins = fine.bins(number(least)?, number(greatest)?, column.kind != Kind::Float)?;
    let json = |edge| column.kind.json(&column.kind.nearest(edge));
    Some(Histogram { from: json(bins.from), to: json(bins.to), counts: bins.counts })
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(int) => Some(*int as f64),
        Value::Float(float) => Some(*float).filter(|float| float.is_finite()),
        Value::Text(_) => None,
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
