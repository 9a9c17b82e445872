//! Gives each different value a code: the position at which it first occurred.

use twox_hash::XxHash3_64;

use super::{IS_SMALL, Whole};
use rows::packed_text::{self, PackedText};

/// Most values of a dictionary, and with it most codes.
pub(super) const MOST_VALUES: usize = if IS_SMALL { 1 << 9 } else { 1 << 16 };
/// Most bytes of a dictionary of texts.
const MOST_BYTES: usize = if IS_SMALL { 2 << 10 } else { 1 << 20 };
/// Numbers that lie closer together are looked up by themselves, others by a hash.
const WIDEST_RANGE: u64 = if IS_SMALL { 1 << 8 } else { 1 << 16 };
/// No code.
const NONE: u32 = u32::MAX;

/// Different numbers.
#[derive(Debug, Default)]
pub(super) struct Numbers<T> {
    pub(super) values: Vec<T>,
    /// By the number less `base`; without any, by hash.
    direct: Option<Direct<T>>,
    table: Vec<u32>,
}

#[derive(Debug)]
struct Direct<T> {
    base: T,
    codes: Vec<u32>,
}

impl<T: Whole> Numbers<T> {
    /// Appends the code of each number. False: there is no room for all of them, and nothing was
    /// appended.
    pub(super) fn encode(&mut self, numbers: &[T], codes: &mut Vec<u32>) -> bool {
        let before = codes.len();
        let fits = if self.reach(numbers) {
            self.encode_direct(numbers, codes)
        } else {
            self.encode_hashed(numbers, codes)
        };
        if !fits {
            codes.truncate(before);
        }
        fits
    }

    /// Makes sure that the numbers can be looked up by themselves, if they lie close enough to each
    /// other.
    fn reach(&mut self, numbers: &[T]) -> bool {
        if self.direct.is_none() && !self.values.is_empty() {
            return false;
        }
        let (Some(least), Some(greatest)) = (numbers.iter().min(), numbers.iter().max()) else {
            return true;
        };
        let (mut least, mut greatest) = (*least, *greatest);
        if let Some(direct) = &self.direct {
            if least >= direct.base
                && greatest.minus(direct.base).bits() < direct.codes.len() as u64
            {
                return true;
            }
            let known = self.values.iter().copied();
            (least, greatest) = known.fold((least, greatest), |(least, greatest), value| {
                (least.min(value), greatest.max(value))
            });
        }
        if greatest
            .widen()
            .checked_sub(least.widen())
            .is_none_or(|range| range as u64 >= WIDEST_RANGE)
        {
            self.direct = None;
            self.rehash();
            return false;
        }
        let range = greatest.minus(least).bits() as usize + 1;
        let mut codes = vec![NONE; range.next_power_of_two()];
        for (code, value) in self.values.iter().enumerate() {
            codes[value.minus(least).bits() as usize] = code as u32;
        }
        self.direct = Some(Direct { base: least, codes });
        true
    }

    fn encode_direct(&mut self, numbers: &[T], codes: &mut Vec<u32>) -> bool {
        let Some(direct) = &mut self.direct else { return false };
        let values = &mut self.values;
        codes.extend(numbers.iter().map(|number| {
            let slot = &mut direct.codes[number.minus(direct.base).bits() as usize];
            if *slot == NONE {
                *slot = values.len() as u32;
                values.push(*number);
            }
            *slot
        }));
        true
    }

    fn encode_hashed(&mut self, numbers: &[T], codes: &mut Vec<u32>) -> bool {
        for number in numbers {
            if self.values.len() * 2 >= self.table.len() {
                self.rehash();
            }
            let mask = self.table.len() - 1;
            let mut slot = hash(number.bits()) as usize & mask;
            let code = loop {
                match self.table[slot] {
                    NONE if self.values.len() == MOST_VALUES => return false,
                    NONE => {
                        self.table[slot] = self.values.len() as u32;
                        self.values.push(*number);
                        break self.table[slot];
                    }
                    code if self.values[code as usize] == *number => break code,
                    _ => slot = (slot + 1) & mask,
                }
            };
            codes.push(code);
        }
        true
    }

    fn rehash(&mut self) {
        let size = (self.values.len() * 4).next_power_of_two().max(1024);
        self.table = vec![NONE; size];
        for (code, value) in self.values.iter().enumerate() {
            let mut slot = hash(value.bits()) as usize & (size - 1);
            while self.table[slot] != NONE {
                slot = (slot + 1) & (size - 1);
            }
            self.table[slot] = code as u32;
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.values.capacity() * size_of::<T>()
            + 4 * (self.table.len() + self.direct.as_ref().map_or(0, |direct| direct.codes.len()))
    }
}

/// Different texts.
#[derive(Debug)]
pub struct Texts {
    most_values: usize,
    most_bytes: usize,
    pub(super) bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Those that are short, by code.
    short: Vec<PackedText>,
    /// Part of a hash, and the code.
    table: Vec<(u32, u32)>,
}

impl Default for Texts {
    /// Those of a page.
    fn default() -> Self {
        Self::of_most(MOST_VALUES, MOST_BYTES)
    }
}

impl Texts {
    /// At most so many, of at most so many bytes.
    pub fn of_most(most_values: usize, most_bytes: usize) -> Self {
        Self {
            most_values,
            most_bytes,
            bytes: Vec::new(),
            ends: Vec::new(),
            short: Vec::new(),
            table: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, code: usize) -> &[u8] {
        let start = if code == 0 { 0 } else { self.ends[code - 1] as usize };
        &self.bytes[start..self.ends[code] as usize]
    }

    /// The code of the text at `start..end` of `bytes`; `None`: there is no room for it.
    #[inline]
    pub fn code(&mut self, bytes: &[u8], start: usize, end: usize) -> Option<u32> {
        if self.ends.len() * 2 >= self.table.len() {
            self.rehash();
        }
        let text = &bytes[start..end];
        match PackedText::of(bytes, start, end).or_else(|| copied(text)) {
            Some(short) => {
                self.find(short.hash(), text, short, |all, code| all.short[code] == short)
            }
            None => {
                self.find(XxHash3_64::oneshot(text), text, PackedText::default(), |all, code| {
                    all.get(code) == text
                })
            }
        }
    }

    #[inline(always)]
    fn find(
        &mut self,
        hash: u64,
        text: &[u8],
        short: PackedText,
        is: impl Fn(&Self, usize) -> bool,
    ) -> Option<u32> {
        let mask = self.table.len() - 1;
        let (mut slot, mark) = (hash as usize & mask, (hash >> 32) as u32);
        loop {
            match self.table[slot] {
                (_, NONE) => {
                    if self.ends.len() == self.most_values
                        || self.bytes.len() + text.len() > self.most_bytes
                    {
                        return None;
                    }
                    let code = self.ends.len() as u32;
                    self.table[slot] = (mark, code);
                    self.bytes.extend_from_slice(text);
                    self.ends.push(self.bytes.len() as u32);
                    self.short.push(short);
                    return Some(code);
                }
                (other, code) if other == mark && is(self, code as usize) => return Some(code),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn rehash(&mut self) {
        let size = (self.ends.len() * 4).next_power_of_two().max(256);
        let mut table = vec![(0, NONE); size];
        for code in 0..self.ends.len() {
            let text = self.get(code);
            let hash = copied(text).map_or_else(|| XxHash3_64::oneshot(text), PackedText::hash);
            let mut slot = hash as usize & (size - 1);
            while table[slot].1 != NONE {
                slot = (slot + 1) & (size - 1);
            }
            table[slot] = ((hash >> 32) as u32, code as u32);
        }
        self.table = table;
    }

    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
            + 4 * self.ends.capacity()
            + size_of::<PackedText>() * self.short.capacity()
            + 8 * self.table.len()
    }
}

/// A short text that has not enough bytes around it.
#[cold]
fn copied(text: &[u8]) -> Option<PackedText> {
    let mut bytes = [0; packed_text::MOST_BYTES];
    bytes.get_mut(..text.len())?.copy_from_slice(text);
    PackedText::of(&bytes, 0, text.len())
}

/// Mixes all bits into the lowest ones.
#[inline(always)]
fn hash(bits: u64) -> u64 {
    packed_text::fold(bits ^ 0x9e37_79b9_7f4a_7c15, 0xa076_1d64_78bd_642f)
}
