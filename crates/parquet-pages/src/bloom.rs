//! Builds the Bloom filters of chunks: by a few bits a value they tell that a value is certainly
//! not there.
//!
//! Split into blocks of 256 bits, of which a value sets eight
//! (<https://parquet.apache.org/docs/file-format/bloomfilter/>). How many values are different is
//! known before the filter is made: until then it is a list of hashes.

use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use arrow_array::{Array, StringArray};
use parquet::basic::Type;
use parquet::bloom_filter::{BITSET_MAX_LENGTH, BITSET_MIN_LENGTH, Sbbf};
use parquet::schema::types::ColumnDescPtr;
use twox_hash::XxHash64;

use super::values::{large, small};

/// How many of the values that are not there seem to be: one in a hundred, for ten bits a value.
const FALSE_POSITIVES: f64 = 0.01;
/// Bits that a value sets, one in each word of a block.
const WORDS: usize = 8;
/// Hashes that are kept before it is looked which of them are the same.
const LEAST_HASHES: usize = 8 * 1024;

/// What the hash is multiplied with, for each word of a block (Parquet's).
const SALT: [u32; WORDS] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// A filter on its way.
pub(super) struct BloomFilter {
    column: ColumnDescPtr,
    hashes: Vec<u64>,
    /// As many are looked through next time.
    most: usize,
}

impl BloomFilter {
    pub(super) fn new(column: ColumnDescPtr) -> Self {
        Self { column, hashes: Vec::new(), most: LEAST_HASHES }
    }

    /// Takes in the values of an array that are not null, as Parquet has them where they are plain.
    pub(super) fn put(&mut self, array: &dyn Array) {
        let mut add = |bytes: &[u8]| self.hashes.push(XxHash64::oneshot(0, bytes));
        match self.column.physical_type() {
            Type::FLOAT => small(array, &mut Vec::new()).iter().for_each(|bits| {
                equals(f64::from(f32::from_bits(*bits as u32)), |float| {
                    add(&(float as f32).to_le_bytes())
                });
                add(&bits.to_le_bytes());
            }),
            Type::DOUBLE => large(array, &mut Vec::new()).iter().for_each(|bits| {
                equals(f64::from_bits(*bits as u64), |float| add(&float.to_le_bytes()));
                add(&bits.to_le_bytes());
            }),
            Type::INT32 => {
                small(array, &mut Vec::new()).iter().for_each(|number| add(&number.to_le_bytes()))
            }
            Type::INT64 => {
                large(array, &mut Vec::new()).iter().for_each(|number| add(&number.to_le_bytes()))
            }
            Type::FIXED_LEN_BYTE_ARRAY => {
                let start = 16 - self.column.type_length() as usize;
                array
                    .as_primitive::<Decimal128Type>()
                    .iter()
                    .flatten()
                    .for_each(|value| add(&value.to_be_bytes()[start..]));
            }
            _ => {
                let texts: Option<&StringArray> = array.as_string_opt();
                texts.into_iter().flatten().flatten().for_each(|text| add(text.as_bytes()));
            }
        }
        if self.hashes.len() >= self.most {
            self.settle();
            self.most = (2 * self.hashes.len()).max(LEAST_HASHES);
        }
    }

    /// Bytes that it keeps.
    pub(super) fn memory(&self) -> usize {
        8 * self.hashes.capacity()
    }

    /// The filter of all values that were put.
    pub(super) fn finish(mut self) -> Sbbf {
        self.settle();
        let bits = -(WORDS as f64) * self.hashes.len() as f64
            / (1.0 - FALSE_POSITIVES.powf(1.0 / WORDS as f64)).ln();
        let bytes =
            (bits as usize / 8).clamp(BITSET_MIN_LENGTH, BITSET_MAX_LENGTH).next_power_of_two();
        let mut words = vec![0_u32; bytes / 4];
        let blocks = (words.len() / WORDS) as u64;
        for hash in self.hashes {
            let block = (((hash >> 32) * blocks) >> 32) as usize * WORDS;
            for (word, salt) in words[block..block + WORDS].iter_mut().zip(SALT) {
                *word |= 1 << ((hash as u32).wrapping_mul(salt) >> 27);
            }
        }
        let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        Sbbf::new(&bytes)
    }

    /// Keeps each hash once.
    fn settle(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
    }
}

/// Floats that are written in other bits, but may be meant when this one is looked for.
fn equals(float: f64, mut add: impl FnMut(f64)) {
    if float == 0.0 {
        add(-float);
    } else if float.is_nan() {
        add(f64::NAN);
    }
}
