//! Decodes pages of texts.
//!
//! The `parquet` crate's own decoders make an object of each text, and trust in its length.

use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::errors::ParquetError;
use parquet::file::serialized_reader::SerializedPageReader;

use super::read::damaged;
use rows::packed_text;

/// Reads the texts of a column of a row group.
pub(super) struct TextReader {
    pages: SerializedPageReader<Bytes>,
    has_levels: bool,
    /// Rows whose pages were not opened yet.
    rows: usize,
    dictionary: Texts,
    page: Texts,
    /// Which rows of the page have a text, unless all have.
    present: Option<Vec<u32>>,
    /// Rows of the page, those that were read, and texts that were.
    page_rows: usize,
    at: usize,
    next: usize,
}

/// Texts, and where each lies in bytes.
#[derive(Default)]
struct Texts {
    bytes: Bytes,
    places: Vec<(u32, u32)>,
}

impl TextReader {
    /// Reads texts of so many rows.
    pub(super) fn new(pages: SerializedPageReader<Bytes>, has_levels: bool, rows: usize) -> Self {
        Self {
            pages,
            has_levels,
            rows,
            dictionary: Texts::default(),
            page: Texts::default(),
            present: None,
            page_rows: 0,
            at: 0,
            next: 0,
        }
    }

    /// The next rows.
    pub(super) fn read(&mut self, rows: usize) -> Result<ArrayRef, ParquetError> {
        let (mut texts, mut ends) = (Vec::new(), Vec::with_capacity(rows + 1));
        let mut present = Vec::with_capacity(if self.has_levels { rows } else { 0 });
        ends.push(0);
        while ends.len() <= rows {
            if self.at == self.page_rows {
                self.open()?;
                continue;
            }
            let until = self.page_rows.min(self.at + rows + 1 - ends.len());
            let levels = self.present.as_ref().map(|present| &present[self.at..until]);
            let count = match levels {
                None => until - self.at,
                Some(levels) => levels.iter().filter(|level| **level == 1).count(),
            };
            let places = &self.page.places[self.next..self.next + count];
            let length = places.iter().map(|(start, end)| (end - start) as usize).sum::<usize>();
            if i32::try_from(texts.len() + length).is_err() {
                return Err(damaged("too much text"));
            }
            texts.reserve(length + packed_text::CHUNK.max(packed_text::MOST_BYTES));
            let bytes = &self.page.bytes[..];
            let mut append = |(start, end): &(u32, u32)| {
                packed_text::append(&mut texts, bytes, *start as usize, *end as usize);
                texts.len() as i32
            };
            match levels.filter(|_| count < until - self.at) {
                None => ends.extend(places.iter().map(append)),
                Some(levels) => {
                    let (mut places, mut end) = (places.iter(), ends[ends.len() - 1]);
                    ends.extend(levels.iter().map(|level| {
                        if *level == 1
                            && let Some(place) = places.next()
                        {
                            end = append(place);
                        }
                        end
                    }));
                }
            }
            if self.has_levels {
                let all = std::iter::repeat_n(true, until - self.at);
                match levels {
                    None => present.extend(all),
                    Some(levels) => present.extend(levels.iter().map(|level| *level == 1)),
                }
            }
            (self.at, self.next) = (until, self.next + count);
        }
        // Room for who looks at them in words.
        texts.resize(texts.len() + packed_text::MOST_BYTES, 0);
        let nulls = present.contains(&false).then(|| NullBuffer::from(present));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
        Ok(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(texts), nulls)?))
    }

    /// Opens the next page.
    fn open(&mut self) -> Result<(), ParquetError> {
        let page = self.pages.get_next_page()?.ok_or_else(|| damaged("rows are missing"))?;
        let (rows, encoding) = (page.num_values() as usize, page.encoding());
        let (levels, values) = match &page {
            Page::DictionaryPage { buf, .. } => {
                // A text takes four bytes at least.
                let count = rows.min(buf.len());
                let places = plain(buf, count).filter(|_| count == rows);
                let places = places.ok_or_else(|| damaged("a dictionary"))?;
                self.dictionary = Texts { bytes: buf.clone(), places };
                return Ok(());
            }
            Page::DataPage { buf, .. } if self.has_levels => {
                let mut rest = &buf[..];
                let levels = number(&mut rest).and_then(|length| split(&mut rest, length as usize));
                let levels = levels.ok_or_else(|| damaged("levels"))?;
                (Some(levels), buf.slice(buf.len() - rest.len()..))
            }
            Page::DataPage { buf, .. } => (None, buf.clone()),
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
                let mut rest = &buf[..];
                let levels = split(&mut rest, *rep_levels_byte_len as usize)
                    .and_then(|_| split(&mut rest, *def_levels_byte_len as usize));
                let levels = levels.ok_or_else(|| damaged("levels"))?;
                (Some(levels).filter(|_| self.has_levels), buf.slice(buf.len() - rest.len()..))
            }
        };
        self.rows = self.rows.checked_sub(rows).ok_or_else(|| damaged("a page's rows"))?;
        self.present = match levels {
            None => None,
            Some(levels) => Some(hybrid(levels, 1, rows).ok_or_else(|| damaged("levels"))?),
        };
        if self.present.iter().flatten().any(|level| *level > 1) {
            return Err(damaged("a level"));
        }
        let count = match &self.present {
            None => rows,
            Some(present) => present.iter().filter(|level| **level == 1).count(),
        };
        let page = match encoding {
            Encoding::PLAIN => {
                plain(&values, count).map(|places| Texts { bytes: values.clone(), places })
            }
            Encoding::DELTA_LENGTH_BYTE_ARRAY => {
                by_length(&values, count).map(|places| Texts { bytes: values.clone(), places })
            }
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                let Texts { bytes, places } = &self.dictionary;
                coded(&values, count, places).map(|places| Texts { bytes: bytes.clone(), places })
            }
            other => return Err(ParquetError::NYI(format!("reading texts as {other}"))),
        };
        self.page = page.ok_or_else(|| damaged("texts"))?;
        (self.page_rows, self.at, self.next) = (rows, 0, 0);
        Ok(())
    }
}

/// Texts with the length of each before it.
fn plain(bytes: &[u8], count: usize) -> Option<Vec<(u32, u32)>> {
    let mut rest = bytes;
    let place = |_| {
        let length = number(&mut rest)?;
        let start = u32::try_from(bytes.len() - rest.len()).ok()?;
        split(&mut rest, length as usize)?;
        Some((start, start + length))
    };
    let places = (0..count).map(place).collect();
    // Nothing comes after the last text.
    if rest.is_empty() { places } else { None }
}

/// Texts behind all of their lengths.
fn by_length(bytes: &[u8], count: usize) -> Option<Vec<(u32, u32)>> {
    let mut rest = bytes;
    let lengths = deltas(&mut rest, count)?;
    // The last text must end where the bytes end. So all of them lie in the bytes, and 32 bits are
    // enough for their places.
    let length: u64 = lengths.iter().map(|length| u64::from(*length as u32)).sum();
    u32::try_from(bytes.len()).ok().filter(|_| length == rest.len() as u64)?;
    let mut end = (bytes.len() - rest.len()) as u32;
    let place = |length: &i32| {
        let start = end;
        end += *length as u32;
        (start, end)
    };
    Some(lengths.iter().map(place).collect())
}

/// Texts of a dictionary.
fn coded(bytes: &[u8], count: usize, dictionary: &[(u32, u32)]) -> Option<Vec<(u32, u32)>> {
    // A page of nulls may have no width.
    let Some((width, codes)) = bytes.split_first() else { return (count == 0).then(Vec::new) };
    let codes = hybrid(codes, (*width).into(), count)?;
    let most = codes.iter().max().copied().unwrap_or(0) as usize;
    dictionary.get(most).or((count == 0).then_some(&(0, 0)))?;
    Some(codes.iter().map(|code| dictionary[*code as usize]).collect())
}

/// Numbers in runs, and packed ones (RLE / bit-packing hybrid of Parquet's `Encodings.md`).
fn hybrid(mut bytes: &[u8], width: usize, count: usize) -> Option<Vec<u32>> {
    if width > 32 {
        return None;
    }
    let mut numbers = Vec::with_capacity(count);
    while numbers.len() < count {
        let (head, left) = (varint(&mut bytes)?, count - numbers.len());
        let length = usize::try_from(head >> 1).ok()?;
        if head & 1 == 1 {
            // A writer may leave out the bytes behind the last number of a run.
            let packed = length.checked_mul(width)?.min(bytes.len());
            let here = left.min(length.checked_mul(8)?);
            if packed * 8 < here * width || length == 0 {
                return None;
            }
            let packed = split(&mut bytes, packed)?;
            numbers.extend((0..here).map(|at| bits(packed, at * width, width)));
        } else {
            let mut number = [0; 4];
            let said = split(&mut bytes, width.div_ceil(8))?;
            number[..said.len()].copy_from_slice(said);
            if length == 0 {
                return None;
            }
            numbers.extend(std::iter::repeat_n(u32::from_le_bytes(number), left.min(length)));
        }
    }
    Some(numbers)
}

/// Numbers by their differences (delta encoding of Parquet's `Encodings.md`), which must be so
/// many.
fn deltas(bytes: &mut &[u8], count: usize) -> Option<Vec<i32>> {
    let (block, parts) = (varint(bytes)?, varint(bytes)?);
    let (total, first) = (varint(bytes)?, zigzag(bytes)?);
    let part = usize::try_from(block.checked_div(parts)?).ok()?;
    let parts = usize::try_from(parts).ok()?;
    if total != count as u64 || part == 0 || part % 8 > 0 {
        return None;
    }
    let mut numbers = Vec::with_capacity(count);
    numbers.extend((count > 0).then_some(first as i32));
    while numbers.len() < count {
        let least = zigzag(bytes)? as i32;
        for width in split(bytes, parts)? {
            let (left, width) = (count - numbers.len(), usize::from(*width));
            if left == 0 {
                break;
            }
            if width > 32 {
                return None;
            }
            let packed = split(bytes, (part / 8).checked_mul(width)?)?;
            let mut number = numbers.last().copied()?;
            numbers.extend((0..left.min(part)).map(|at| {
                let difference = least.wrapping_add(bits(packed, at * width, width) as i32);
                number = number.wrapping_add(difference);
                number
            }));
        }
    }
    Some(numbers)
}

/// The number of at most 32 bits that begins at a bit.
#[inline(always)]
fn bits(packed: &[u8], at: usize, width: usize) -> u32 {
    let rest = &packed[at / 8..];
    let word = match rest.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(word)
        }
    };
    (word >> (at % 8) & ((1 << width) - 1)) as u32
}

/// The first bytes, which are taken off.
fn split<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (first, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(first)
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*split(bytes, 4)?.first_chunk()?))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = split(bytes, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn zigzag(bytes: &mut &[u8]) -> Option<i64> {
    let number = varint(bytes)?;
    Some((number >> 1) as i64 ^ -((number & 1) as i64))
}
