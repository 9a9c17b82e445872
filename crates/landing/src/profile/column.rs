//! Gathers the profile of one column, array by array.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray, StringArray};
use arrow_schema::{DataType as ArrowType, TimeUnit};
use serde::{Deserialize, Serialize};

use super::arrays::{Texts, add, each_run, hash_of_float, hash_of_wide, sum_of};
use super::bins::FineBins;
use super::distinct::{Distinct, hash_of};
use super::frequent::Frequent;
use super::quantiles::Quantiles;
use super::value::{Kind, Value};

/// Rows whose every value goes into quantiles and frequent values.
const FULL_ROWS: u64 = 4_096;
/// After them it is one of so many, chosen as if at random.
const STRIDE: u64 = 64;
/// Most characters of a text that is kept as the least or the greatest.
pub(super) const TEXT_CHARS: usize = 200;

/// What is known of a column so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) rows: u64,
    pub(super) nulls: u64,
    /// Values that are not a number: they are counted, and have no part in the rest.
    pub(super) nan: u64,
    /// The least and the greatest value.
    pub(super) bounds: Option<(Value, Value)>,
    /// The sum, exact but for floats; `None`: it is beyond 128 bits.
    pub(super) sum: Option<Value>,
    /// What rounding took from a sum of floats (Neumaier).
    lost: f64,
    /// Bytes of the shortest and of the longest text.
    pub(super) lengths: Option<(u64, u64)>,
    /// `None` where there are too many columns.
    pub(super) sketches: Option<Box<Sketches>>,
}

/// What is known approximately.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sketches {
    /// Of all values.
    pub(super) distinct: Distinct,
    /// Of a sample.
    pub(super) quantiles: Quantiles,
    /// Made of the same sample; texts and booleans have none.
    #[serde(default)]
    pub(super) bins: FineBins,
    /// Of the same sample.
    pub(super) frequent: Frequent,
}

impl Column {
    pub(super) fn new(name: String, data_type: &ArrowType, with_sketches: bool) -> Self {
        let kind = Kind::of(data_type);
        let sum = match kind {
            Kind::Float => Some(Value::Float(0.0)),
            kind if kind.is_number() => Some(Value::Int(0)),
            _ => None,
        };
        let sketches = (with_sketches && kind != Kind::Other).then(Box::default);
        Self {
            name,
            kind,
            rows: 0,
            nulls: 0,
            nan: 0,
            bounds: None,
            sum,
            lost: 0.0,
            lengths: None,
            sketches,
        }
    }

    pub(super) fn observe(&mut self, array: &dyn Array, new: Option<&[ArrayRef]>) {
        macro_rules! integers {
            ($($arrow:pat => $type:ty),* $(,)?) => {
                match array.data_type() {
                    $($arrow => self.integers(array.as_primitive::<$type>(), new),)*
                    ArrowType::Float32 => self.floats(array.as_primitive::<Float32Type>(), new),
                    ArrowType::Float64 => self.floats(array.as_primitive::<Float64Type>(), new),
                    ArrowType::Boolean => self.booleans(array.as_boolean()),
                    ArrowType::Utf8 => self.texts(array.as_string::<i32>(), new),
                    _ => {}
                }
            };
        }
        integers!(
            ArrowType::Int8 => Int8Type, ArrowType::Int16 => Int16Type, ArrowType::Int32 => Int32Type, ArrowType::Int64 => Int64Type,
            ArrowType::UInt8 => UInt8Type, ArrowType::UInt16 => UInt16Type, ArrowType::UInt32 => UInt32Type, ArrowType::UInt64 => UInt64Type,
            ArrowType::Decimal128(..) => Decimal128Type, ArrowType::Date32 => Date32Type,
            ArrowType::Time32(TimeUnit::Second) => Time32SecondType, ArrowType::Time32(_) => Time32MillisecondType,
            ArrowType::Time64(TimeUnit::Microsecond) => Time64MicrosecondType, ArrowType::Time64(_) => Time64NanosecondType,
            ArrowType::Timestamp(TimeUnit::Second, _) => TimestampSecondType,
            ArrowType::Timestamp(TimeUnit::Millisecond, _) => TimestampMillisecondType,
            ArrowType::Timestamp(TimeUnit::Microsecond, _) => TimestampMicrosecondType,
            ArrowType::Timestamp(TimeUnit::Nanosecond, _) => TimestampNanosecondType,
        );
        self.rows += array.len() as u64;
        self.nulls += array.null_count() as u64;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.nulls += other.nulls;
        self.nan += other.nan;
        if let Some((least, greatest)) = &other.bounds {
            self.widen(least.clone(), greatest.clone());
        }
        self.sum = match (self.sum.take(), &other.sum) {
            (Some(Value::Int(mine)), Some(Value::Int(theirs))) => {
                mine.checked_add(*theirs).map(Value::Int)
            }
            (Some(Value::Float(mine)), Some(Value::Float(theirs))) => {
                let mut sum = (mine, self.lost + other.lost);
                add(&mut sum, *theirs);
                self.lost = sum.1;
                Some(Value::Float(sum.0))
            }
            _ => None,
        };
        if let Some((shortest, longest)) = other.lengths {
            self.lengthen(shortest, longest);
        }
        self.sketches =
            self.sketches.take().zip(other.sketches.as_ref()).map(|(mut mine, theirs)| {
                mine.distinct.merge(&theirs.distinct);
                mine.quantiles.merge(&theirs.quantiles);
                mine.bins.merge(&theirs.bins);
                mine.frequent.merge(&theirs.frequent);
                mine
            });
    }

    /// The mean of all values that are there.
    pub(super) fn mean(&self) -> Option<f64> {
        let count = self.rows - self.nulls - self.nan;
        let sum = match self.sum.as_ref()? {
            Value::Int(sum) => *sum as f64 * self.kind.unit(),
            Value::Float(sum) => sum + self.lost,
            Value::Text(_) => return None,
        };
        (count > 0).then(|| sum / count as f64)
    }

    fn integers<T: ArrowPrimitiveType>(
        &mut self,
        array: &PrimitiveArray<T>,
        new: Option<&[ArrayRef]>,
    ) where
        T::Native: Into<i128> + Ord,
    {
        match new {
            Some(new) => new.iter().for_each(|new| self.spread(new.as_primitive::<T>())),
            None => self.spread(array),
        }
        if let Some(Value::Int(before)) = self.sum {
            let mut sum = Some(before);
            each_run(array, |values| {
                sum = sum.and_then(|sum| sum.checked_add(sum_of::<T>(values)?))
            });
            self.sum = sum.map(Value::Int);
        }
        let kind = self.kind;
        self.sample(array, |sketches, row, weight| {
            let value: i128 = array.value(row).into();
            sketches.quantiles.add(value as f64, weight);
            sketches.bins.add(value as f64, weight as u64);
            sketches.frequent.add(hash_of_wide(value), weight, || kind.text(&Value::Int(value)));
        });
    }

    /// Bounds and hashes of whole numbers, however often they come.
    fn spread<T: ArrowPrimitiveType>(&mut self, array: &PrimitiveArray<T>)
    where
        T::Native: Into<i128> + Ord,
    {
        let mut bounds: Option<(T::Native, T::Native)> = None;
        each_run(array, |values| {
            let first = values[0];
            // Loops with one purpose each, which the compiler makes many values of at once.
            let (least, greatest) = (
                values.iter().copied().fold(first, Ord::min),
                values.iter().copied().fold(first, Ord::max),
            );
            bounds =
                Some(bounds.map_or((least, greatest), |(a, b)| (a.min(least), b.max(greatest))));
            if let Some(sketches) = &mut self.sketches {
                values
                    .iter()
                    .for_each(|value| sketches.distinct.add(hash_of_wide((*value).into())));
            }
        });
        if let Some((least, greatest)) = bounds {
            self.widen(Value::Int(least.into()), Value::Int(greatest.into()));
        }
    }

    fn floats<T: ArrowPrimitiveType>(&mut self, array: &PrimitiveArray<T>, new: Option<&[ArrayRef]>)
    where
        T::Native: Into<f64>,
    {
        match new {
            Some(new) => new.iter().for_each(|new| self.tell_apart(new.as_primitive::<T>())),
            None => self.tell_apart(array),
        }
        let mut bounds: Option<(f64, f64)> = None;
        // Sums of every fourth value do not wait for each other.
        let mut sums = [(0.0, 0.0); 4];
        let mut nan = 0;
        each_run(array, |values| {
            for (index, value) in values.iter().enumerate() {
                let value: f64 = (*value).into();
                if value.is_nan() {
                    nan += 1;
                    continue;
                }
                bounds = Some(bounds.map_or((value, value), |(least, greatest)| {
                    (least.min(value), greatest.max(value))
                }));
                add(&mut sums[index % 4], value);
            }
        });
        self.nan += nan;
        if let Some((least, greatest)) = bounds {
            self.widen(Value::Float(least), Value::Float(greatest));
        }
        for (sum, lost) in sums {
            if let Some(Value::Float(before)) = self.sum {
                let mut all = (before, self.lost + lost);
                add(&mut all, sum);
                (self.sum, self.lost) = (Some(Value::Float(all.0)), all.1);
            }
        }
        self.sample(array, |sketches, row, weight| {
            let value: f64 = array.value(row).into();
            if value.is_finite() {
                sketches.quantiles.add(value, weight);
                sketches.bins.add(value, weight as u64);
                sketches.frequent.add(hash_of_float(value), weight, || value.to_string());
            }
        });
    }

    /// Hashes of floats, however often they come.
    fn tell_apart<T: ArrowPrimitiveType>(&mut self, array: &PrimitiveArray<T>)
    where
        T::Native: Into<f64>,
    {
        let Some(sketches) = &mut self.sketches else { return };
        each_run(array, |values| {
            let numbers =
                values.iter().map(|value| (*value).into()).filter(|value: &f64| !value.is_nan());
            numbers.for_each(|value| sketches.distinct.add(hash_of_float(value)));
        });
    }

    fn booleans(&mut self, array: &BooleanArray) {
        let (valid, trues) = ((array.len() - array.null_count()) as u64, array.true_count() as u64);
        let has = [valid > trues, trues > 0];
        for (value, _) in has.iter().enumerate().filter(|(_, has)| **has) {
            self.widen(Value::Int(value as i128), Value::Int(value as i128));
            if let Some(sketches) = &mut self.sketches {
                let count = if value == 1 { trues } else { valid - trues };
                sketches.distinct.add(hash_of(value as u64));
                sketches
                    .frequent
                    .add(hash_of(value as u64), count as f64, || (value == 1).to_string());
            }
        }
    }

    fn texts(&mut self, array: &StringArray, new: Option<&[ArrayRef]>) {
        match new {
            Some(new) => new.iter().for_each(|new| self.look_at(new.as_string())),
            None => self.look_at(array),
        }
        let texts = Texts { array, bytes: array.value_data() };
        self.sample(array, |sketches, row, weight| {
            sketches.frequent.add(texts.look(row).1, weight, || array.value(row).to_owned());
        });
    }

    /// Bounds, lengths and hashes of texts, however often they come.
    fn look_at(&mut self, array: &StringArray) {
        let texts = Texts { array, bytes: array.value_data() };
        // The least and the greatest row, each with its key: only texts with the same key need to
        // be compared as a whole.
        let mut bounds: Option<[(u128, usize); 2]> = None;
        let mut lengths = (usize::MAX, 0);
        let mut look = |row: usize| {
            let ((prefix, hash), length) = (texts.look(row), texts.length(row));
            lengths = (lengths.0.min(length), lengths.1.max(length));
            // A text of at most eight bytes is its prefix and its length.
            let key = u128::from(prefix) << 8 | length.min(9) as u128;
            let [least, greatest] = bounds.get_or_insert([(key, row); 2]);
            if key < least.0
                || (length > 8 && key == least.0 && array.value(row) < array.value(least.1))
            {
                *least = (key, row);
            }
            if key > greatest.0
                || (length > 8 && key == greatest.0 && array.value(row) > array.value(greatest.1))
            {
                *greatest = (key, row);
            }
            if let Some(sketches) = &mut self.sketches {
                sketches.distinct.add(hash);
            }
        };
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => (0..array.len()).for_each(look),
            Some(nulls) => {
                nulls.valid_slices().for_each(|(start, end)| (start..end).for_each(&mut look))
            }
        }
        if let Some([(_, least), (_, greatest)]) = bounds {
            self.widen(
                Value::Text(cut(array.value(least))),
                Value::Text(cut(array.value(greatest))),
            );
            self.lengthen(lengths.0 as u64, lengths.1 as u64);
        }
    }

    fn widen(&mut self, least: Value, greatest: Value) {
        match &mut self.bounds {
            Some(bounds) => {
                if least < bounds.0 {
                    bounds.0 = least;
                }
                if greatest > bounds.1 {
                    bounds.1 = greatest;
                }
            }
            none => *none = Some((least, greatest)),
        }
    }

    fn lengthen(&mut self, shortest: u64, longest: u64) {
        let (least, most) = self.lengths.unwrap_or((shortest, longest));
        self.lengths = Some((least.min(shortest), most.max(longest)));
    }

    /// Takes the rows of the sample that are not null, each with how many it stands for.
    fn sample(&mut self, array: &dyn Array, mut take: impl FnMut(&mut Sketches, usize, f64)) {
        let Some(sketches) = &mut self.sketches else { return };
        let (from, to) = (self.rows, self.rows + array.len() as u64);
        let mut take = |at: u64, weight: u64| {
            let row = (at - from) as usize;
            if array.is_valid(row) {
                take(sketches, row, weight as f64);
            }
        };
        (from..to.min(FULL_ROWS)).for_each(|at| take(at, 1));
        let first = from.max(FULL_ROWS);
        if first < to {
            for block in (first - FULL_ROWS) / STRIDE..(to - FULL_ROWS).div_ceil(STRIDE) {
                // A place in the block that follows no pattern, as columns may.
                let at = FULL_ROWS + block * STRIDE + hash_of(block) % STRIDE;
                if (first..to).contains(&at) {
                    take(at, STRIDE);
                }
            }
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS).collect()
}
