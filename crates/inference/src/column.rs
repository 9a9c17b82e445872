//! Gathers what the cells of a column say of its type.

use std::collections::{BTreeMap, HashMap, HashSet};

use contract::values::trim;
use twox_hash::XxHash3_64;

use super::moments::Moments;
use super::numbers::Numbers;

/// Words that stand for nothing, in any case, where the rest of the column is no text.
const MISSING: [&str; 14] = [
    "na", "n/a", "#n/a", "null", "(null)", "none", "nil", "nan", "\\n", "-", "--", "?", ".",
    "missing",
];
/// Most different spellings of such words that are kept of a column.
const MOST_SPELLINGS: usize = 16;
/// Most different values that are counted of a column, and most bytes of each.
const MOST_DISTINCT: usize = 50;
const MOST_DISTINCT_BYTES: usize = 64;

/// A column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Cells that hold something, other than a word for nothing.
    pub(super) values: u64,
    /// Cells without a byte.
    pub(super) empty: u64,
    /// Cells of nothing but spaces and tabs.
    pub(super) blank: u64,
    /// Words for nothing, as they are spelled, and how often.
    pub(super) words: BTreeMap<String, u64>,
    /// `None`: some cell is no number.
    pub(super) numbers: Option<Numbers>,
    /// `None`: some cell is no date or time.
    pub(super) moments: Option<Moments>,
    /// Each value and how often; `None`: there are too many.
    pub(super) distinct: Option<HashMap<Box<[u8]>, u64>>,
    pub(super) unique: Unique,
    pub(super) shape: Shape,
}

/// Whether a value came twice.
#[derive(Debug, Clone)]
pub(super) enum Unique {
    /// Not so far: hashes of all values, and how many of them there may be.
    SoFar(HashSet<u64>, usize),
    /// It did, or there are too many to tell.
    No,
}

/// What all values of a column have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Bytes of the shortest and of the longest value; least beyond most: there is none.
    pub(super) bytes: (usize, usize),
    /// All are capital letters.
    pub(super) capitals: bool,
}

impl Column {
    /// A column that remembers at most `most_unique` values to find one that comes twice.
    pub(super) fn new(most_unique: usize) -> Self {
        Self {
            values: 0,
            empty: 0,
            blank: 0,
            words: BTreeMap::new(),
            numbers: Some(Numbers::default()),
            moments: Some(Moments::default()),
            distinct: Some(HashMap::new()),
            unique: Unique::SoFar(HashSet::new(), most_unique),
            shape: Shape { bytes: (usize::MAX, 0), capitals: true },
        }
    }

    /// Takes a cell in. Spaces around it would be part of a text, but of no other value.
    pub(super) fn observe(&mut self, cell: &[u8]) {
        let text = trim(cell);
        if text.is_empty() {
            *(if cell.is_empty() { &mut self.empty } else { &mut self.blank }) += 1;
            return;
        }
        if let Some(word) = missing_word(text)
            && (self.words.len() < MOST_SPELLINGS || self.words.contains_key(word))
        {
            *self.words.entry(word.to_owned()).or_default() += 1;
            return;
        }
        self.values += 1;
        self.shape = self.shape.with(Shape::of(text));
        if self.numbers.as_mut().is_some_and(|numbers| !numbers.observe(text)) {
            self.numbers = None;
        }
        if self.moments.as_mut().is_some_and(|moments| !moments.observe(text)) {
            self.moments = None;
        }
        self.count(text, 1);
        self.unique.add(XxHash3_64::oneshot(text));
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.values += other.values;
        self.empty += other.empty;
        self.blank += other.blank;
        for (word, count) in other.words {
            *self.words.entry(word).or_default() += count;
        }
        self.shape = self.shape.with(other.shape);
        self.numbers = self.numbers.take().zip(other.numbers).map(|(mut mine, theirs)| {
            mine.merge(theirs);
            mine
        });
        self.moments = self.moments.take().zip(other.moments).map(|(mut mine, theirs)| {
            mine.merge(theirs);
            mine
        });
        match other.distinct {
            Some(theirs) => theirs.into_iter().for_each(|(text, count)| self.count(&text, count)),
            None => self.distinct = None,
        }
        match other.unique {
            Unique::SoFar(hashes, _) => hashes.into_iter().for_each(|hash| self.unique.add(hash)),
            Unique::No => self.unique = Unique::No,
        }
    }

    /// Whether a word for nothing is written like the values of this column, which is text or not:
    /// the code of Namibia among those of other countries, and `NaN` beside infinite numbers.
    pub(super) fn is_value(&self, word: &str, is_text: bool) -> bool {
        if is_text {
            let is_seen = self.values > 0 && self.words.contains_key(word);
            return is_seen && self.shape.is_fixed() && self.shape == Shape::of(word.as_bytes());
        }
        let is_infinite = self.numbers.as_ref().is_some_and(|numbers| numbers.around.infinite > 0);
        is_infinite && word.eq_ignore_ascii_case("nan")
    }

    fn count(&mut self, text: &[u8], count: u64) {
        let Some(distinct) = &mut self.distinct else { return };
        if let Some(known) = distinct.get_mut(text) {
            *known += count;
        } else if distinct.len() < MOST_DISTINCT && text.len() <= MOST_DISTINCT_BYTES {
            distinct.insert(text.into(), count);
        } else {
            self.distinct = None;
        }
    }
}

impl Unique {
    fn add(&mut self, hash: u64) {
        if let Self::SoFar(hashes, most) = self
            && (hashes.len() >= *most || !hashes.insert(hash))
        {
            *self = Self::No;
        }
    }
}

impl Shape {
    pub(super) fn of(text: &[u8]) -> Self {
        Self { bytes: (text.len(), text.len()), capitals: text.iter().all(u8::is_ascii_uppercase) }
    }

    /// Whether every value is as long as every other.
    pub(super) fn is_fixed(self) -> bool {
        self.bytes.0 == self.bytes.1
    }

    fn with(self, other: Self) -> Self {
        let bytes = (self.bytes.0.min(other.bytes.0), self.bytes.1.max(other.bytes.1));
        Self { bytes, capitals: self.capitals && other.capitals }
    }
}

/// The text, if it is a word for nothing.
fn missing_word(text: &[u8]) -> Option<&str> {
    let is = MISSING.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    std::str::from_utf8(text).ok().filter(|_| is)
}
