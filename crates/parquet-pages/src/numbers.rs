//! Gathers the values of a page that are numbers of 32 or 64 bits.

use parquet::basic::Encoding;

use super::dictionary::Numbers;
use super::pack::width_of;
use super::{Full, SAMPLE_VALUES, Whole, delta, hybrid};

/// How a chunk's numbers are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// It is not known yet.
    Sampling,
    /// By codes.
    Dictionary,
    /// By their differences, or as they are, whichever is less.
    Plain,
}

/// Numbers on their way into a page.
#[derive(Debug)]
pub(super) struct NumberValues<T> {
    mode: Mode,
    /// Whether differences say anything: of floats they don't.
    are_whole: bool,
    dictionary: Numbers<T>,
    codes: Vec<u32>,
    values: Vec<T>,
}

impl<T: Whole> NumberValues<T> {
    pub(super) fn new(are_whole: bool) -> Self {
        Self {
            mode: Mode::Sampling,
            are_whole,
            dictionary: Numbers::default(),
            codes: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Takes numbers in. If the dictionary has no room for them, the page is to be ended first, and
    /// then [`give_up`](Self::give_up) to be called.
    ///
    /// Where all of them have codes, it tells the positions of those that are new.
    pub(super) fn put(&mut self, numbers: &[T]) -> Result<Option<Vec<usize>>, Full> {
        if self.mode == Mode::Dictionary {
            let (before, known) = (self.codes.len(), self.dictionary.values.len());
            if !self.dictionary.encode(numbers, &mut self.codes) {
                return Err(Full);
            }
            let mut new = Vec::with_capacity(self.dictionary.values.len() - known);
            if new.capacity() > 0 {
                // Codes are given in the order in which the values come.
                let codes = self.codes[before..].iter().enumerate();
                codes.for_each(|(position, code)| {
                    new.extend((*code as usize == known + new.len()).then_some(position))
                });
            }
            return Ok(Some(new));
        }
        self.values.extend_from_slice(numbers);
        if self.mode == Mode::Sampling && self.values.len() >= SAMPLE_VALUES {
            self.decide(4);
        }
        Ok(None)
    }

    /// Leaves the dictionary at what it is: the pages to come do without.
    pub(super) fn give_up(&mut self) {
        self.mode = Mode::Plain;
    }

    /// Appends the values of a page, and forgets them.
    pub(super) fn end_page(&mut self, out: &mut Vec<u8>) -> Encoding {
        if self.mode == Mode::Sampling && self.values.is_empty() {
            return Encoding::PLAIN;
        }
        if self.mode == Mode::Sampling {
            self.decide(1);
        }
        if self.mode == Mode::Dictionary {
            encode_codes(&mut self.codes, self.dictionary.values.len(), out);
            return Encoding::RLE_DICTIONARY;
        }
        let start = out.len();
        if self.are_whole {
            delta::encode(&self.values, out);
        }
        let encoding = if self.are_whole && out.len() - start < size_of_val(self.values.as_slice())
        {
            Encoding::DELTA_BINARY_PACKED
        } else {
            out.truncate(start);
            self.values.iter().for_each(|value| value.write(out));
            Encoding::PLAIN
        };
        self.values.clear();
        encoding
    }

    /// The values of the dictionary, if there is one, and how many they are.
    pub(super) fn dictionary(&self) -> Option<(Vec<u8>, usize)> {
        let values = &self.dictionary.values;
        let mut bytes = Vec::with_capacity(size_of_val(values.as_slice()));
        values.iter().for_each(|value| value.write(&mut bytes));
        (!values.is_empty()).then_some((bytes, values.len()))
    }

    pub(super) fn memory(&self) -> usize {
        self.dictionary.memory()
            + 4 * self.codes.capacity()
            + size_of::<T>() * self.values.capacity()
    }

    /// Chooses the way that is shorter for the values so far, of which there may be `more` times as
    /// many in the end.
    fn decide(&mut self, more: usize) {
        self.mode = Mode::Plain;
        let mut dictionary = Numbers::default();
        if !dictionary.encode(&self.values, &mut self.codes) {
            return;
        }
        let repeats = dictionary.values.len() * 2 <= self.values.len();
        let mut encoded = Vec::new();
        hybrid::encode(&self.codes, width_of(dictionary.values.len() as u64).max(1), &mut encoded);
        let by_codes = encoded.len() + dictionary.values.len() * size_of::<T>() / more;
        encoded.clear();
        let otherwise = if self.are_whole {
            delta::encode(&self.values, &mut encoded);
            encoded.len()
        } else {
            size_of_val(self.values.as_slice())
        };
        if repeats && by_codes <= otherwise {
            self.mode = Mode::Dictionary;
            self.dictionary = dictionary;
            self.values = Vec::new();
        } else {
            self.codes = Vec::new();
        }
    }
}

/// Appends the codes of a page, after the bits that each of them needs, and forgets them.
pub(super) fn encode_codes(codes: &mut Vec<u32>, values: usize, out: &mut Vec<u8>) {
    let width = width_of(values.saturating_sub(1) as u64).max(1);
    out.push(width as u8);
    hybrid::encode(codes, width, out);
    codes.clear();
}
