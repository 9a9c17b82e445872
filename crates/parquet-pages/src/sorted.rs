//! Puts rows into another order than the one in which they came.

use std::cmp::Ordering;

use crate::Error;
use arrow_array::RecordBatch;
use arrow_schema::DataType;
use parquet::file::metadata::SortingColumn;

use rows::{Gather, PartValues, Parts, RowPlace};

/// Rows that are handed over at once.
const BATCH_ROWS: usize = 8 * 1024;

/// Rows that wait for those that may come before them.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl Waiting {
    pub(super) fn push(&mut self, batch: RecordBatch) {
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
    }

    /// Bytes that it keeps.
    pub(super) fn memory(&self) -> usize {
        self.bytes
    }
}

/// Hands all rows over in order. Rows that are equal keep the order in which they came.
pub(super) fn each(
    waiting: &Waiting,
    sorting: &[SortingColumn],
    mut take: impl FnMut(&RecordBatch) -> Result<(), Error>,
) -> Result<(), Error> {
    if waiting.batches.is_empty() {
        return Ok(());
    }
    let sorted = order(&waiting.batches, sorting)?;
    let gather = Gather::new(&waiting.batches)?;
    let mut places = Vec::with_capacity(BATCH_ROWS);
    for rows in sorted.chunks(BATCH_ROWS) {
        places.clear();
        places.extend(rows.iter().map(|row| row.place));
        take(&gather.rows(&places)?)?;
    }
    Ok(())
}

/// A row on its way to its place. Where the prefixes of two rows differ, they are ordered as their
/// rows are: most comparisons look at nothing else.
#[derive(Debug, Clone, Copy)]
struct Row {
    prefix: u64,
    place: RowPlace,
}

/// All rows, in order.
fn order(batches: &[RecordBatch], sorting: &[SortingColumn]) -> Result<Vec<Row>, Error> {
    let keys = sorting.iter().map(|column| Key::new(batches, column));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let mut rows = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for (at, batch) in (0..).zip(batches) {
        let places = (0..batch.num_rows() as u32).map(|row| RowPlace { batch: at, row });
        rows.extend(
            places.map(|place| Row {
                prefix: keys.first().map_or(0, |key| key.prefix(place)),
                place,
            }),
        );
    }
    // These keys decide between rows whose prefixes are equal.
    let rest = match keys.split_first() {
        Some((first, rest)) if first.is_prefix_all() => rest,
        _ => &keys,
    };
    rows.sort_unstable_by(|a, b| {
        let by_key = |key: &Key<'_>| key.compare(a.place, b.place);
        let by_rest =
            || rest.iter().map(by_key).find(|order| order.is_ne()).unwrap_or(Ordering::Equal);
        a.prefix.cmp(&b.prefix).then_with(by_rest).then_with(|| a.place.cmp(&b.place))
    });
    Ok(rows)
}

/// A column by which rows are sorted.
struct Key<'a> {
    parts: Parts<'a>,
    descending: bool,
    nulls_first: bool,
    /// The sign bit of its numbers, if they have one.
    sign: u64,
    /// Whether they are floats.
    are_floats: bool,
    /// Whether they are texts so short that the rank has room for the length too.
    are_short: bool,
    /// The greatest rank.
    most: u64,
}

impl<'a> Key<'a> {
    fn new(batches: &'a [RecordBatch], column: &SortingColumn) -> Result<Self, Error> {
        let parts = Parts::of_column(batches, column.column_idx as usize)?;
        let bits = match parts.values() {
            PartValues::Bits(_) => 1,
            PartValues::One(_) => 8,
            PartValues::Two(_) => 16,
            PartValues::Four(_) => 32,
            _ => 64,
        };
        let has_sign = !matches!(
            parts.data_type(),
            DataType::Boolean
                | DataType::UInt8
                | DataType::UInt16
                | DataType::UInt32
                | DataType::UInt64
                | DataType::Utf8
        );
        let are_short = match parts.values() {
            PartValues::Texts(parts) => parts.iter().all(|texts| texts.longest() < 8),
            _ => false,
        };
        Ok(Self {
            are_short,
            are_floats: matches!(parts.data_type(), DataType::Float32 | DataType::Float64),
            parts,
            descending: column.descending,
            nulls_first: column.nulls_first,
            sign: u64::from(has_sign) << (bits - 1),
            most: u64::MAX >> (64 - bits),
        })
    }

    /// A number that is ordered as the values are, as if none were null. Different values may have
    /// the same one only where they are long texts or wide decimals.
    #[inline(always)]
    fn rank(&self, place: RowPlace) -> u64 {
        let (batch, row) = (place.batch as usize, place.row as usize);
        let bits = match self.parts.values() {
            PartValues::Bits(parts) => parts[batch].value(row).into(),
            PartValues::One(parts) => parts[batch][row].into(),
            PartValues::Two(parts) => parts[batch][row].into(),
            PartValues::Four(parts) => parts[batch][row].into(),
            PartValues::Eight(parts) => parts[batch][row],
            PartValues::Sixteen(parts) => {
                parts[batch][row].clamp(i64::MIN.into(), i64::MAX.into()) as u64
            }
            // No file has them.
            PartValues::Intervals(_) | PartValues::Nulls => 0,
            PartValues::Texts(parts) => {
                let text = parts[batch].text(place.row);
                let mut first = [0; 8];
                match text.first_chunk() {
                    Some(chunk) => first = *chunk,
                    None => first[..text.len()].copy_from_slice(text),
                }
                let length = if self.are_short { text.len() as u64 } else { 0 };
                return u64::from_be_bytes(first) | length;
            }
        };
        match self.are_floats && bits & self.sign != 0 {
            // The greater the bits of a negative float, the less it is.
            true => self.most - bits,
            false => bits ^ self.sign,
        }
    }

    /// A number that is ordered as rows are by this column, nulls and all.
    fn prefix(&self, place: RowPlace) -> u64 {
        if self.parts.is_null(place) {
            return if self.nulls_first { 0 } else { u64::MAX };
        }
        let rank = self.rank(place);
        let turned = if self.descending { self.most - rank } else { rank };
        // Where there is room, no value has the prefix of a null.
        turned + u64::from(self.most < u64::MAX)
    }

    /// Whether rows of the same prefix have the same value.
    fn is_prefix_all(&self) -> bool {
        match self.parts.data_type() {
            DataType::Utf8 => self.are_short && !self.parts.has_nulls(),
            // So many digits fit into a rank.
            DataType::Decimal128(digits, _) if *digits > 18 => false,
            _ => self.most < u64::MAX || !self.parts.has_nulls(),
        }
    }

    fn compare(&self, a: RowPlace, b: RowPlace) -> Ordering {
        match (self.parts.is_null(a), self.parts.is_null(b)) {
            (false, false) => {}
            (true, true) => return Ordering::Equal,
            (is_null, _) => {
                let is_first = is_null == self.nulls_first;
                return if is_first { Ordering::Less } else { Ordering::Greater };
            }
        }
        let order = match self.parts.values() {
            PartValues::Texts(parts) => {
                parts[a.batch as usize].text(a.row).cmp(parts[b.batch as usize].text(b.row))
            }
            PartValues::Sixteen(parts) => {
                let value = |place: RowPlace| parts[place.batch as usize][place.row as usize];
                value(a).cmp(&value(b))
            }
            _ => self.rank(a).cmp(&self.rank(b)),
        };
        if self.descending { order.reverse() } else { order }
    }
}
