//! Gathers the values of a page that are texts.

use std::ops::Range;

use arrow_array::{Array, StringArray};
use arrow_buffer::Buffer;
use parquet::basic::Encoding;

use super::bounds::TextBounds;
use super::dictionary::Texts;
use super::numbers::encode_codes;
use super::{Full, IS_SMALL, SAMPLE_VALUES, delta};

/// Bytes of an array that is kept as it is: fewer are copied, for what comes with an array takes
/// room too.
const KEPT_BYTES: usize = if IS_SMALL { 64 } else { 16 << 10 };

/// Texts on their way into a page.
#[derive(Debug, Default)]
pub(super) struct TextValues {
    /// Whether it is known how they are encoded.
    is_decided: bool,
    /// Codes instead of texts.
    by_codes: bool,
    dictionary: Texts,
    codes: Vec<u32>,
    lengths: Vec<i32>,
    /// The bytes of the texts: those of arrays that are worth keeping, and then others. None lies
    /// in two of them.
    kept: Vec<Buffer>,
    rest: Vec<u8>,
    bounds: TextBounds,
}

/// Texts one after the other: those at `offsets[n]..offsets[n + 1]`, of rows that are not null.
#[derive(Clone, Copy)]
struct Slice<'a> {
    bytes: &'a [u8],
    offsets: &'a [i32],
    nulls: Option<&'a arrow_buffer::NullBuffer>,
}

impl<'a> Slice<'a> {
    fn of(array: &'a StringArray) -> Self {
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        Self { bytes: array.value_data(), offsets: array.value_offsets(), nulls }
    }

    /// From the first text to the end of the last one.
    fn range(self) -> Range<usize> {
        self.offsets[0] as usize..self.offsets[self.offsets.len() - 1] as usize
    }

    /// Hands over where each text starts and ends.
    fn each(self, mut take: impl FnMut(usize, usize)) {
        match self.nulls {
            None => {
                self.offsets.windows(2).for_each(|pair| take(pair[0] as usize, pair[1] as usize))
            }
            Some(nulls) => nulls
                .valid_indices()
                .for_each(|row| take(self.offsets[row] as usize, self.offsets[row + 1] as usize)),
        }
    }
}

impl TextValues {
    /// Takes texts in. If the dictionary has no room for them, the page is to be ended first, and
    /// then [`give_up`](Self::give_up) to be called.
    ///
    /// Where all of them have codes, it tells those that are new: the others are in what was told
    /// or put before.
    pub(super) fn put(&mut self, array: &StringArray) -> Result<Option<StringArray>, Full> {
        let texts = Slice::of(array);
        if self.by_codes {
            let (before, known) = (self.codes.len(), self.dictionary.len());
            let mut fits = true;
            texts.each(|start, end| match self.dictionary.code(texts.bytes, start, end) {
                Some(code) if fits => self.codes.push(code),
                _ => fits = false,
            });
            if !fits {
                self.codes.truncate(before);
                return Err(Full);
            }
            let new = (known..self.dictionary.len())
                .map(|code| String::from_utf8_lossy(self.dictionary.get(code)));
            return Ok(Some(StringArray::from_iter_values(new)));
        }
        let before = self.lengths.len();
        let (lengths, bounds) = (&mut self.lengths, &mut self.bounds);
        match texts.nulls {
            None => lengths.extend(texts.offsets.windows(2).map(|pair| pair[1] - pair[0])),
            Some(_) => texts.each(|start, end| lengths.push((end - start) as i32)),
        }
        let bytes: usize = lengths[before..].iter().map(|length| *length as usize).sum();
        let range = texts.range();
        // Rows that are null may have bytes too.
        if range.len() >= KEPT_BYTES && range.len() == bytes {
            if !self.rest.is_empty() {
                self.kept.push(Buffer::from_vec(std::mem::take(&mut self.rest)));
            }
            self.kept.push(array.values().slice_with_length(range.start, range.len()));
        } else {
            texts.each(|start, end| self.rest.extend_from_slice(&texts.bytes[start..end]));
        }
        texts.each(|start, end| bounds.widen(&texts.bytes[start..end]));
        if !self.is_decided && self.lengths.len() >= SAMPLE_VALUES {
            self.decide();
        }
        Ok(None)
    }

    /// Leaves the dictionary at what it is: the pages to come do without.
    pub(super) fn give_up(&mut self) {
        self.by_codes = false;
    }

    /// Appends the values of a page, and forgets them.
    pub(super) fn end_page(&mut self, out: &mut Vec<u8>) -> Encoding {
        if !self.is_decided && self.lengths.is_empty() {
            return Encoding::PLAIN;
        }
        if !self.is_decided {
            self.decide();
        }
        if self.by_codes {
            let mut is_used = vec![false; self.dictionary.len()];
            self.codes.iter().for_each(|code| is_used[*code as usize] = true);
            let used = is_used.iter().enumerate().filter(|(_, used)| **used);
            used.for_each(|(code, _)| self.bounds.widen(self.dictionary.get(code)));
            encode_codes(&mut self.codes, self.dictionary.len(), out);
            return Encoding::RLE_DICTIONARY;
        }
        delta::encode(&self.lengths, out);
        self.kept.drain(..).for_each(|bytes| out.extend_from_slice(&bytes));
        out.extend_from_slice(&self.rest);
        self.lengths.clear();
        self.rest.clear();
        Encoding::DELTA_LENGTH_BYTE_ARRAY
    }

    /// The bounds of the page that was just ended.
    pub(super) fn take_bounds(&mut self) -> TextBounds {
        std::mem::take(&mut self.bounds)
    }

    /// Bytes of the page so far.
    pub(super) fn page_bytes(&self) -> usize {
        self.kept.iter().map(Buffer::len).sum::<usize>() + self.rest.len()
    }

    /// The values of the dictionary, if there is one, and how many they are.
    pub(super) fn dictionary(&self) -> Option<(Vec<u8>, usize)> {
        let count = self.dictionary.len();
        let mut bytes = Vec::with_capacity(self.dictionary.bytes.len() + 4 * count);
        for code in 0..count {
            let text = self.dictionary.get(code);
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text);
        }
        (count > 0).then_some((bytes, count))
    }

    pub(super) fn memory(&self) -> usize {
        self.dictionary.memory()
            + 4 * self.codes.capacity()
            + 4 * self.lengths.capacity()
            + self.page_bytes()
    }

    /// A dictionary is for texts that come at least twice each.
    fn decide(&mut self) {
        self.is_decided = true;
        let mut dictionary = Texts::default();
        let mut stretches = self.kept.iter().map(Buffer::as_slice).chain([self.rest.as_slice()]);
        let (mut bytes, mut at) = ([].as_slice(), 0);
        for length in &self.lengths {
            let length = *length as usize;
            while bytes.len() - at < length {
                let Some(next) = stretches.next() else { break };
                (bytes, at) = (next, 0);
            }
            match dictionary.code(bytes, at, at + length) {
                Some(code) if dictionary.len() * 2 <= self.lengths.len() => self.codes.push(code),
                _ => {
                    self.codes = Vec::new();
                    return;
                }
            }
            at += length;
        }
        self.by_codes = true;
        self.dictionary = dictionary;
        drop(stretches);
        (self.kept, self.rest, self.lengths) = (Vec::new(), Vec::new(), Vec::new());
    }
}
