//! Turns the arrays of a column into encoded pages, whatever its type.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::Error;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, UInt8Type,
    UInt16Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, UInt32Array};
use arrow_schema::DataType;
use parquet::basic::{Encoding, Type};
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescriptor;

use rows::values_of;

use super::bounds::{Bounds, TextBounds};
use super::numbers::NumberValues;
use super::page::unknown;
use super::texts::TextValues;
use super::{Full, hybrid};

/// Values on their way into a page, by physical type.
pub(super) struct Values {
    kind: Kind,
    bounds: PageBounds,
}

enum Kind {
    Small {
        values: NumberValues<i32>,
        scratch: Vec<i32>,
        order: Order,
    },
    Large {
        values: NumberValues<i64>,
        scratch: Vec<i64>,
        order: Order,
    },
    /// Decimals of more than 18 digits: so many bytes each, the highest first.
    Wide {
        length: usize,
        bytes: Vec<u8>,
    },
    Texts(TextValues),
    Bits(Vec<bool>),
}

/// How numbers of the same bits are ordered.
#[derive(Debug, Clone, Copy)]
enum Order {
    Signed,
    Unsigned,
    Float,
}

/// The least and the greatest value of a page, as it is ordered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PageBounds {
    None,
    Small(Bounds<i32>),
    Large(Bounds<i64>),
    UnsignedSmall(Bounds<u32>),
    UnsignedLarge(Bounds<u64>),
    Float(Bounds<f32>),
    Double(Bounds<f64>),
    Wide(Bounds<i128>, usize),
    Bits(Bounds<bool>),
    Texts(TextBounds),
}

impl Values {
    pub(super) fn new(column: &ColumnDescriptor, array_type: &DataType) -> Result<Self, Error> {
        let order = match array_type {
            DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => {
                Order::Unsigned
            }
            DataType::Float32 | DataType::Float64 => Order::Float,
            _ => Order::Signed,
        };
        let are_whole = !matches!(order, Order::Float);
        let kind = match column.physical_type() {
            Type::INT32 | Type::FLOAT => {
                Kind::Small { values: NumberValues::new(are_whole), scratch: Vec::new(), order }
            }
            Type::INT64 | Type::DOUBLE => {
                Kind::Large { values: NumberValues::new(are_whole), scratch: Vec::new(), order }
            }
            Type::FIXED_LEN_BYTE_ARRAY => {
                Kind::Wide { length: column.type_length() as usize, bytes: Vec::new() }
            }
            Type::BYTE_ARRAY => Kind::Texts(TextValues::default()),
            Type::BOOLEAN => Kind::Bits(Vec::new()),
            other => return Err(unknown(other, array_type)),
        };
        Ok(Self { kind, bounds: PageBounds::None })
    }

    /// Takes in the values of an array that are not null. Where all of them have codes, it tells
    /// those that are new: the others are in what was told or put before.
    pub(super) fn put(&mut self, array: &dyn Array) -> Result<Option<ArrayRef>, Full> {
        let mut new = None;
        let bounds = match &mut self.kind {
            Kind::Small { values, scratch, order } => {
                let numbers = small(array, scratch);
                new = values.put(numbers)?.and_then(|positions| chosen(array, positions));
                bounds_of_small(numbers, *order)
            }
            Kind::Large { values, scratch, order } => {
                let numbers = large(array, scratch);
                new = values.put(numbers)?.and_then(|positions| chosen(array, positions));
                bounds_of_large(numbers, *order)
            }
            Kind::Wide { length, bytes } => {
                let array = array.as_primitive::<Decimal128Type>();
                array.iter().flatten().for_each(|value| {
                    bytes.extend_from_slice(&value.to_be_bytes()[16 - *length..])
                });
                Bounds::of(array.iter().flatten())
                    .map_or(PageBounds::None, |bounds| PageBounds::Wide(bounds, *length))
            }
            Kind::Texts(values) => {
                new = values.put(array.as_string())?.map(|new| Arc::new(new) as ArrayRef);
                PageBounds::None
            }
            Kind::Bits(values) => {
                let array = array.as_boolean();
                values.extend(array.iter().flatten());
                Bounds::of(array.iter().flatten()).map_or(PageBounds::None, PageBounds::Bits)
            }
        };
        self.bounds.and(&bounds);
        Ok(new)
    }

    /// Leaves the dictionary at what it is: the pages to come do without.
    pub(super) fn give_up(&mut self) {
        match &mut self.kind {
            Kind::Small { values, .. } => values.give_up(),
            Kind::Large { values, .. } => values.give_up(),
            Kind::Texts(values) => values.give_up(),
            Kind::Wide { .. } | Kind::Bits(_) => {}
        }
    }

    /// Appends the values of a page, and forgets them.
    pub(super) fn end_page(&mut self, out: &mut Vec<u8>) -> Encoding {
        match &mut self.kind {
            Kind::Small { values, .. } => values.end_page(out),
            Kind::Large { values, .. } => values.end_page(out),
            Kind::Texts(values) => {
                let encoding = values.end_page(out);
                self.bounds = PageBounds::Texts(values.take_bounds());
                encoding
            }
            Kind::Wide { bytes, .. } => {
                out.append(bytes);
                Encoding::PLAIN
            }
            Kind::Bits(values) => {
                // Packed as levels are, but without the head of a run.
                let mut bits = Vec::new();
                hybrid::encode_bits(values.iter().copied(), values.len(), &mut bits);
                out.extend_from_slice(&bits[bits.len() - values.len().div_ceil(8)..]);
                values.clear();
                Encoding::PLAIN
            }
        }
    }

    /// The bounds of the page that was just ended.
    pub(super) fn take_bounds(&mut self) -> PageBounds {
        match std::mem::replace(&mut self.bounds, PageBounds::None) {
            PageBounds::Texts(bounds) if bounds == TextBounds::default() => PageBounds::None,
            bounds => bounds,
        }
    }

    /// Bytes of the page so far, where values differ in size.
    pub(super) fn page_bytes(&self) -> usize {
        match &self.kind {
            Kind::Texts(values) => values.page_bytes(),
            _ => 0,
        }
    }

    /// The values of the dictionary, if there is one, and how many they are.
    pub(super) fn dictionary(&self) -> Option<(Vec<u8>, usize)> {
        match &self.kind {
            Kind::Small { values, .. } => values.dictionary(),
            Kind::Large { values, .. } => values.dictionary(),
            Kind::Texts(values) => values.dictionary(),
            Kind::Wide { .. } | Kind::Bits(_) => None,
        }
    }

    pub(super) fn memory(&self) -> usize {
        match &self.kind {
            Kind::Small { values, scratch, .. } => values.memory() + 4 * scratch.capacity(),
            Kind::Large { values, scratch, .. } => values.memory() + 8 * scratch.capacity(),
            Kind::Texts(values) => values.memory(),
            Kind::Wide { bytes, .. } => bytes.capacity(),
            Kind::Bits(values) => values.capacity(),
        }
    }
}

/// The values at some positions among those that are not null.
fn chosen(array: &dyn Array, positions: Vec<usize>) -> Option<ArrayRef> {
    if positions.is_empty() {
        return Some(array.slice(0, 0));
    }
    let rows: Vec<usize> = match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => positions,
        Some(nulls) => {
            let valid: Vec<usize> = nulls.valid_indices().collect();
            positions.into_iter().map(|position| valid[position]).collect()
        }
    };
    rows::take(array, &UInt32Array::from_iter_values(rows.into_iter().map(|row| row as u32))).ok()
}

/// The numbers of an array as Parquet's INT32 or FLOAT: its own, or put in `scratch`.
pub(super) fn small<'a>(array: &'a dyn Array, scratch: &'a mut Vec<i32>) -> &'a [i32] {
    scratch.clear();
    match array.data_type() {
        DataType::Int8 => collect(array.as_primitive::<Int8Type>(), scratch, i32::from),
        DataType::Int16 => collect(array.as_primitive::<Int16Type>(), scratch, i32::from),
        DataType::UInt8 => collect(array.as_primitive::<UInt8Type>(), scratch, i32::from),
        DataType::UInt16 => collect(array.as_primitive::<UInt16Type>(), scratch, i32::from),
        DataType::Float32 => {
            collect(array.as_primitive::<Float32Type>(), scratch, |value| value.to_bits() as i32)
        }
        // Of at most nine digits.
        DataType::Decimal128(..) => {
            collect(array.as_primitive::<Decimal128Type>(), scratch, |value| value as i32)
        }
        _ => return own(array, scratch),
    }
    scratch
}

/// The numbers of an array as Parquet's INT64 or DOUBLE.
pub(super) fn large<'a>(array: &'a dyn Array, scratch: &'a mut Vec<i64>) -> &'a [i64] {
    scratch.clear();
    match array.data_type() {
        DataType::Float64 => {
            collect(array.as_primitive::<Float64Type>(), scratch, |value| value.to_bits() as i64)
        }
        // Of at most eighteen digits.
        DataType::Decimal128(..) => {
            collect(array.as_primitive::<Decimal128Type>(), scratch, |value| value as i64)
        }
        _ => return own(array, scratch),
    }
    scratch
}

fn collect<A: ArrowPrimitiveType, T>(
    array: &PrimitiveArray<A>,
    scratch: &mut Vec<T>,
    convert: impl Fn(A::Native) -> T,
) {
    match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => scratch.extend(array.values().iter().map(|value| convert(*value))),
        Some(nulls) => {
            let runs = nulls.valid_slices();
            runs.for_each(|(start, end)| {
                scratch.extend(array.values()[start..end].iter().map(|value| convert(*value)))
            });
        }
    }
}

/// The numbers of an array that has them in Parquet's width. Without nulls nothing is copied.
fn own<'a, T: arrow_buffer::ArrowNativeType>(
    array: &'a dyn Array,
    scratch: &'a mut Vec<T>,
) -> &'a [T] {
    let values = values_of(array);
    match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => values,
        Some(nulls) => {
            nulls
                .valid_slices()
                .for_each(|(start, end)| scratch.extend_from_slice(&values[start..end]));
            scratch
        }
    }
}

fn bounds_of_small(numbers: &[i32], order: Order) -> PageBounds {
    let numbers = numbers.iter().copied();
    match order {
        Order::Signed => Bounds::of(numbers).map_or(PageBounds::None, PageBounds::Small),
        Order::Unsigned => Bounds::of(numbers.map(|number| number as u32))
            .map_or(PageBounds::None, PageBounds::UnsignedSmall),
        Order::Float => Bounds::of(numbers.map(|bits| f32::from_bits(bits as u32)))
            .map_or(PageBounds::None, PageBounds::Float),
    }
}

fn bounds_of_large(numbers: &[i64], order: Order) -> PageBounds {
    let numbers = numbers.iter().copied();
    match order {
        Order::Signed => Bounds::of(numbers).map_or(PageBounds::None, PageBounds::Large),
        Order::Unsigned => Bounds::of(numbers.map(|number| number as u64))
            .map_or(PageBounds::None, PageBounds::UnsignedLarge),
        Order::Float => Bounds::of(numbers.map(|bits| f64::from_bits(bits as u64)))
            .map_or(PageBounds::None, PageBounds::Double),
    }
}

impl PageBounds {
    /// Takes the bounds of other values in.
    pub(super) fn and(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::None) => {}
            (Self::Small(a), Self::Small(b)) => *a = a.and(*b),
            (Self::Large(a), Self::Large(b)) => *a = a.and(*b),
            (Self::UnsignedSmall(a), Self::UnsignedSmall(b)) => *a = a.and(*b),
            (Self::UnsignedLarge(a), Self::UnsignedLarge(b)) => *a = a.and(*b),
            (Self::Float(a), Self::Float(b)) => *a = a.and(*b),
            (Self::Double(a), Self::Double(b)) => *a = a.and(*b),
            (Self::Wide(a, _), Self::Wide(b, _)) => *a = a.and(*b),
            (Self::Bits(a), Self::Bits(b)) => *a = a.and(*b),
            (Self::Texts(a), Self::Texts(b)) => a.and(b),
            (mine, other) => *mine = other.clone(),
        }
    }

    /// How the least and the greatest values of two pages of one column compare.
    pub(super) fn compare(&self, other: &Self) -> (Ordering, Ordering) {
        fn of<T: PartialOrd>(a: &Bounds<T>, b: &Bounds<T>) -> (Ordering, Ordering) {
            let compare = |a: &T, b: &T| a.partial_cmp(b).unwrap_or(Ordering::Equal);
            (compare(&a.least, &b.least), compare(&a.greatest, &b.greatest))
        }
        match (self, other) {
            (Self::Small(a), Self::Small(b)) => of(a, b),
            (Self::Large(a), Self::Large(b)) => of(a, b),
            (Self::UnsignedSmall(a), Self::UnsignedSmall(b)) => of(a, b),
            (Self::UnsignedLarge(a), Self::UnsignedLarge(b)) => of(a, b),
            (Self::Float(a), Self::Float(b)) => of(a, b),
            (Self::Double(a), Self::Double(b)) => of(a, b),
            (Self::Wide(a, _), Self::Wide(b, _)) => of(a, b),
            (Self::Bits(a), Self::Bits(b)) => of(a, b),
            _ => {
                let (a, b) = (self.bytes().unwrap_or_default(), other.bytes().unwrap_or_default());
                (a.0.cmp(&b.0), a.1.cmp(&b.1))
            }
        }
    }

    /// As Parquet's indexes have them.
    pub(super) fn bytes(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        Some(match self {
            Self::None => return None,
            Self::Small(Bounds { least, greatest }) => {
                (least.to_le_bytes().to_vec(), greatest.to_le_bytes().to_vec())
            }
            Self::Large(Bounds { least, greatest }) => {
                (least.to_le_bytes().to_vec(), greatest.to_le_bytes().to_vec())
            }
            Self::UnsignedSmall(Bounds { least, greatest }) => {
                (least.to_le_bytes().to_vec(), greatest.to_le_bytes().to_vec())
            }
            Self::UnsignedLarge(Bounds { least, greatest }) => {
                (least.to_le_bytes().to_vec(), greatest.to_le_bytes().to_vec())
            }
            Self::Float(bounds) => {
                let (least, greatest) =
                    zeros_apart(f64::from(bounds.least), f64::from(bounds.greatest));
                ((least as f32).to_le_bytes().to_vec(), (greatest as f32).to_le_bytes().to_vec())
            }
            Self::Double(bounds) => {
                let (least, greatest) = zeros_apart(bounds.least, bounds.greatest);
                (least.to_le_bytes().to_vec(), greatest.to_le_bytes().to_vec())
            }
            Self::Wide(Bounds { least, greatest }, length) => (
                least.to_be_bytes()[16 - length..].to_vec(),
                greatest.to_be_bytes()[16 - length..].to_vec(),
            ),
            Self::Bits(Bounds { least, greatest }) => {
                (vec![u8::from(*least)], vec![u8::from(*greatest)])
            }
            Self::Texts(bounds) => {
                bounds.cut().map(|(least, greatest)| (least.bytes, greatest.bytes))?
            }
        })
    }

    /// As a chunk's metadata has them, with the number of nulls.
    pub(super) fn statistics(&self, physical: Type, nulls: u64) -> Statistics {
        let nulls = Some(nulls);
        match self {
            Self::None => match physical {
                Type::INT32 => Statistics::int32(None, None, None, nulls, false),
                Type::INT64 => Statistics::int64(None, None, None, nulls, false),
                Type::FLOAT => Statistics::float(None, None, None, nulls, false),
                Type::DOUBLE => Statistics::double(None, None, None, nulls, false),
                Type::BOOLEAN => Statistics::boolean(None, None, None, nulls, false),
                Type::FIXED_LEN_BYTE_ARRAY => {
                    Statistics::fixed_len_byte_array(None, None, None, nulls, false)
                }
                _ => Statistics::byte_array(None, None, None, nulls, false),
            },
            Self::Small(bounds) => {
                Statistics::int32(Some(bounds.least), Some(bounds.greatest), None, nulls, false)
            }
            Self::Large(bounds) => {
                Statistics::int64(Some(bounds.least), Some(bounds.greatest), None, nulls, false)
            }
            Self::UnsignedSmall(bounds) => Statistics::int32(
                Some(bounds.least as i32),
                Some(bounds.greatest as i32),
                None,
                nulls,
                false,
            ),
            Self::UnsignedLarge(bounds) => Statistics::int64(
                Some(bounds.least as i64),
                Some(bounds.greatest as i64),
                None,
                nulls,
                false,
            ),
            Self::Float(bounds) => {
                let (least, greatest) =
                    zeros_apart(f64::from(bounds.least), f64::from(bounds.greatest));
                Statistics::float(Some(least as f32), Some(greatest as f32), None, nulls, false)
            }
            Self::Double(bounds) => {
                let (least, greatest) = zeros_apart(bounds.least, bounds.greatest);
                Statistics::double(Some(least), Some(greatest), None, nulls, false)
            }
            Self::Bits(bounds) => {
                Statistics::boolean(Some(bounds.least), Some(bounds.greatest), None, nulls, false)
            }
            Self::Wide(..) => {
                let (least, greatest) = self.bytes().unwrap_or_default();
                let value = |bytes: Vec<u8>| Some(FixedLenByteArray::from(bytes));
                Statistics::fixed_len_byte_array(value(least), value(greatest), None, nulls, false)
            }
            Self::Texts(bounds) => {
                let (least, greatest) = bounds.cut().unzip();
                let (least_exact, greatest_exact) = (
                    least.as_ref().is_some_and(|cut| cut.is_exact),
                    greatest.as_ref().is_some_and(|cut| cut.is_exact),
                );
                let value =
                    |cut: Option<super::bounds::Cut>| cut.map(|cut| ByteArray::from(cut.bytes));
                let statistics =
                    ValueStatistics::new(value(least), value(greatest), None, nulls, false);
                Statistics::ByteArray(
                    statistics.with_min_is_exact(least_exact).with_max_is_exact(greatest_exact),
                )
            }
        }
    }
}

/// Both zeros are equal, but readers may tell them apart: a least zero is the negative one, a
/// greatest the positive one (Parquet's rule).
fn zeros_apart(least: f64, greatest: f64) -> (f64, f64) {
    (if least == 0.0 { -0.0 } else { least }, if greatest == 0.0 { 0.0 } else { greatest })
}
