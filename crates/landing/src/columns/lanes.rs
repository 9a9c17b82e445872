//! Turns texts that are written in the usual way into values, many at once: the compiler makes
//! vector instructions of the plain loops over lanes.
//!
//! As in `quick`, a text that is written in another way, or is not a value, is left to others: its
//! lane is told to be odd.

use contract::values::{Layout, Pattern, Words};
use csv_records::Field;
use zones::Zone;

use super::quick::Text;

/// Values that are read at once.
pub(super) const LANES: usize = 64;

/// The texts of some cells, and then their values.
pub(super) struct Lanes {
    /// Bytes of each text, the first of them the lowest.
    words: Words<LANES>,
    lengths: [u64; LANES],
    /// All ones where there is a minus.
    signs: [u64; LANES],
    values: [i64; LANES],
    /// Not zero where a value is left to others.
    odd: [u64; LANES],
}

/// How values of one kind are read.
pub(super) trait Kernel {
    /// Puts the text of a lane where [`Kernel::read`] finds it.
    fn load(&self, text: Text<'_>, lane: usize, lanes: &mut Lanes);

    /// Reads the values of all lanes.
    fn read(&self, lanes: &mut Lanes);
}

/// A type that holds what was read.
pub(super) trait Native: Copy {
    /// The value, which is one of the type.
    fn of(value: i64) -> Self;
}

macro_rules! natives {
    ($($type:ty)*) => {
        $(impl Native for $type {
            #[inline(always)]
            fn of(value: i64) -> Self {
                value as $type
            }
        })*
    };
}

natives!(i8 i16 i32 i64 i128 u8 u16 u32 u64 f32 f64);

/// Reads the values of cells with `kernel`; `left` is told the row of each that is left to others,
/// with its cell and its place.
pub(super) fn read<K: Kernel, T: Native>(
    kernel: &K,
    window: &[u8],
    cells: impl Iterator<Item = Field>,
    values: &mut [T],
    left: impl FnMut(usize, Field, &mut T),
) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx512f")
            && has!("avx512bw")
            && has!("avx512dq")
            && has!("avx512vl")
            && has!("bmi2")
            && has!("lzcnt")
        {
            // SAFETY: the processor has all that `avx512` is compiled for, as was just asked.
            return unsafe { avx512(kernel, window, cells, values, left) };
        }
        if has!("avx2") && has!("bmi2") && has!("lzcnt") {
            // SAFETY: the processor has all that `avx2` is compiled for, as was just asked.
            return unsafe { avx2(kernel, window, cells, values, left) };
        }
    }
    by_lanes(kernel, window, cells, values, left);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,lzcnt,popcnt")]
fn avx512<K: Kernel, T: Native>(
    kernel: &K,
    window: &[u8],
    cells: impl Iterator<Item = Field>,
    values: &mut [T],
    left: impl FnMut(usize, Field, &mut T),
) {
    by_lanes(kernel, window, cells, values, left);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn avx2<K: Kernel, T: Native>(
    kernel: &K,
    window: &[u8],
    cells: impl Iterator<Item = Field>,
    values: &mut [T],
    left: impl FnMut(usize, Field, &mut T),
) {
    by_lanes(kernel, window, cells, values, left);
}

#[inline(always)]
fn by_lanes<K: Kernel, T: Native>(
    kernel: &K,
    window: &[u8],
    mut cells: impl Iterator<Item = Field>,
    values: &mut [T],
    mut left: impl FnMut(usize, Field, &mut T),
) {
    let mut lanes = Lanes {
        words: [[0; LANES]; 4],
        lengths: [0; LANES],
        signs: [0; LANES],
        values: [0; LANES],
        odd: [0; LANES],
    };
    let mut loaded = [Field::default(); LANES];
    for (chunk, values) in values.chunks_mut(LANES).enumerate() {
        // Lanes without a value keep what they held: nobody asks for it.
        for (lane, (cell, slot)) in cells.by_ref().take(values.len()).zip(&mut loaded).enumerate() {
            *slot = cell;
            kernel.load(Text { window, start: cell.start(), end: cell.end() }, lane, &mut lanes);
        }
        kernel.read(&mut lanes);
        for (value, read) in values.iter_mut().zip(&lanes.values) {
            *value = T::of(*read);
        }
        let is_any_odd = |odd: &[u64]| {
            odd.iter()
                .zip(&loaded)
                .fold(0, |any, (odd, cell)| any | odd | u64::from(cell.is_escaped()))
                != 0
        };
        if is_any_odd(&lanes.odd[..values.len()]) {
            for (lane, value) in values.iter_mut().enumerate() {
                if lanes.odd[lane] != 0 || loaded[lane].is_escaped() {
                    left(chunk * LANES + lane, loaded[lane], value);
                }
            }
        }
    }
}

/// Eight times the digit 0.
const ZEROS: u64 = 0x3030_3030_3030_3030;
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// Bytes of a number without its sign, at most.
const NUMBER_BYTES: usize = 16;

/// Plain numbers of at most sixteen bytes, with a minus perhaps, and with a point only where their
/// scale wants it.
pub(super) struct Numbers {
    /// Digits after the point, of which there is none if it is 0.
    scale: u32,
    least: i64,
    greatest: i64,
}

impl Numbers {
    /// Whole numbers of a range.
    pub(super) fn whole(least: i128, greatest: i128) -> Self {
        let bound = |bound: i128| bound.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        Self { scale: 0, least: bound(least), greatest: bound(greatest) }
    }

    /// Unscaled decimals. `None`: those of such a scale aren't read here.
    pub(super) fn decimals(precision: u8, scale: u8) -> Option<Self> {
        let greatest = 10_i64.checked_pow(precision.into()).map_or(i64::MAX, |power| power - 1);
        (scale < 8).then_some(Self { scale: scale.into(), least: -greatest, greatest })
    }
}

impl Kernel for Numbers {
    #[inline(always)]
    fn load(&self, text: Text<'_>, lane: usize, lanes: &mut Lanes) {
        let Text { window, start, end } = text;
        let is_negative = window.get(start) == Some(&b'-');
        lanes.signs[lane] = u64::from(is_negative).wrapping_neg();
        lanes.lengths[lane] = (end - start).wrapping_sub(is_negative.into()) as u64;
        match end
            .checked_sub(NUMBER_BYTES)
            .and_then(|from| window.get(from..)?.first_chunk::<NUMBER_BYTES>())
        {
            Some(bytes) => {
                let both = u128::from_le_bytes(*bytes);
                (lanes.words[0][lane], lanes.words[1][lane]) = (both as u64, (both >> 64) as u64);
            }
            // So near to the window's start that others have to look.
            None => lanes.lengths[lane] = 0,
        }
    }

    #[inline(always)]
    fn read(&self, lanes: &mut Lanes) {
        // Where the point is in the lower word, in bits, and what stands before it.
        let point = 8 * (7 - self.scale);
        let before = (1_u64 << point) - 1;
        for lane in 0..LANES {
            let length = lanes.lengths[lane];
            let (kept_high, kept_low) = (kept(length.saturating_sub(8)), kept(length));
            let mut high = (lanes.words[0][lane] & kept_high) | (ZEROS & !kept_high);
            let mut low = (lanes.words[1][lane] & kept_low) | (ZEROS & !kept_low);
            let mut odd = u64::from(length.wrapping_sub(1) >= NUMBER_BYTES as u64);
            if self.scale > 0 {
                odd |= (low >> point & 0xff) ^ u64::from(b'.');
                // What stands before the point moves into its place.
                low = (low & !(before << 8 | 0xff)) | (low & before) << 8 | high >> 56;
                high = high << 8 | 0x30;
            }
            let (high, low) = (high ^ ZEROS, low ^ ZEROS);
            odd |= (excess(high) | excess(low)) & HIGHS;
            // Anything may come out of an odd lane.
            let value =
                (joined(high) & 0xffff_ffff).wrapping_mul(100_000_000).wrapping_add(joined(low));
            let value = (value ^ lanes.signs[lane]).wrapping_sub(lanes.signs[lane]) as i64;
            lanes.odd[lane] =
                odd | u64::from(value < self.least) | u64::from(value > self.greatest);
            lanes.values[lane] = value;
        }
    }
}

/// The bytes of a word that belong to a text of so many bytes, which ends with it.
#[inline(always)]
fn kept(length: u64) -> u64 {
    let others = 64 - 8 * length.min(8);
    if others < 64 { !0 << others } else { 0 }
}

/// Sets the high bit of each byte that is more than nine.
#[inline(always)]
fn excess(digits: u64) -> u64 {
    digits.wrapping_add(0x7676_7676_7676_7676) | digits
}

/// The number that eight digits make, the first of them in the lowest byte. By shifts and sums:
/// AVX2 multiplies no lanes of 64 bits.
#[inline(always)]
fn joined(digits: u64) -> u64 {
    let pairs =
        ((digits << 3).wrapping_add(digits << 1).wrapping_add(digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours =
        ((pairs << 6).wrapping_add(pairs << 5).wrapping_add(pairs << 2).wrapping_add(pairs >> 16))
            & 0x0000_ffff_0000_ffff;
    (fours & 0xffff) * 10_000 + (fours >> 32)
}

/// Moments in a layout: days, or units since midnight or since 1970-01-01T00:00:00.
pub(super) struct Moments<'a> {
    pub(super) layout: &'a Layout,
    pub(super) what: Clock,
    /// Units of a second.
    pub(super) per_second: i64,
}

impl<'a> Moments<'a> {
    /// What reads many moments at once that are mostly written, if they always have the same
    /// length.
    pub(super) fn of(
        pattern: &'a Pattern,
        what: Clock,
        per_second: i64,
        zone: Option<Zone>,
    ) -> Option<Self> {
        let is_fit = |layout: &&Layout| {
            zone.is_none_or(Zone::is_utc) && (what == Clock::Time || layout.has_date())
        };
        Some(Self { layout: pattern.layout().filter(is_fit)?, what, per_second })
    }
}

/// What is read of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    Date,
    Time,
    Datetime,
}

impl Kernel for Moments<'_> {
    #[inline(always)]
    fn load(&self, text: Text<'_>, lane: usize, lanes: &mut Lanes) {
        lanes.odd[lane] = u64::from(!self.layout.load(text.bytes(), lane, &mut lanes.words));
    }

    #[inline(always)]
    fn read(&self, lanes: &mut Lanes) {
        let Lanes { words, values, odd, .. } = lanes;
        self.layout.check(words, odd);
        match self.what {
            Clock::Date => self.layout.days(words, values, odd),
            Clock::Time => self.layout.seconds(words, values, odd),
            Clock::Datetime => {
                let mut days = [0; LANES];
                self.layout.days(words, &mut days, odd);
                self.layout.seconds(words, values, odd);
                values.iter_mut().zip(days).for_each(|(value, days)| *value += 86_400 * days);
            }
        }
        if self.per_second != 1 {
            let most = i64::MAX / self.per_second;
            for (value, odd) in values.iter_mut().zip(odd) {
                *odd |= u64::from(*value > most) | u64::from(*value < -most);
                *value = value.wrapping_mul(self.per_second);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::columns::scalar;
    use contract::NumberFormat;
    use contract::values::Pattern;

    /// What is read of texts that stand one after the other; `None`: it is left to others.
    fn read_all<K: Kernel>(kernel: &K, texts: &[String]) -> [Vec<Option<i64>>; 2] {
        let mut window = Vec::new();
        let cells: Vec<Field> = texts
            .iter()
            .map(|text| {
                let start = window.len();
                window.extend_from_slice(text.as_bytes());
                Field::default().moved(start..window.len())
            })
            .collect();
        let finish = |values: Vec<i64>, left: &[usize]| {
            values
                .into_iter()
                .enumerate()
                .map(|(row, value)| (!left.contains(&row)).then_some(value))
                .collect::<Vec<_>>()
        };
        let (mut values, mut left) = (vec![0; texts.len()], Vec::new());
        read(kernel, &window, cells.iter().copied(), &mut values, |row, _, _| left.push(row));
        let best = finish(values, &left);
        let (mut values, mut left) = (vec![0; texts.len()], Vec::new());
        by_lanes(kernel, &window, cells.iter().copied(), &mut values, |row, _, _| left.push(row));
        [best, finish(values, &left)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn what_is_read_is_what_the_exact_readers_say(
            texts in prop::collection::vec(
                prop_oneof![4 => "-?[0-9]{1,12}\\.?[0-9]{0,2}", 1 => "[-+.0-9eE,/:]{0,18}", 1 => "[\\x00-\\xff]{0,9}"], 1..150),
            precision in 1_u8..=38,
            scale in 0_u8..8,
        ) {
            let (plain, scale) = (&NumberFormat::default(), scale.min(precision));
            for read in read_all(&Numbers::decimals(precision, scale).expect("a small scale"), &texts) {
                for (text, value) in texts.iter().zip(read) {
                    let exact = scalar::decimal(text.as_bytes(), precision, scale, plain);
                    prop_assert!(value.is_none_or(|value| exact == Ok(value.into())), "{text:?} of {precision}, {scale}: {value:?}");
                }
            }
            for read in read_all(&Numbers::whole(-32_768, 32_767), &texts) {
                for (text, value) in texts.iter().zip(read) {
                    let exact = scalar::integer(text.as_bytes(), plain).and_then(|value| scalar::in_range(value, (-32_768, 32_767)));
                    prop_assert!(value.is_none_or(|value| exact == Ok(value.into())), "{text:?}: {value:?}");
                }
            }
        }

        #[test]
        fn usual_numbers_are_read(values in prop::collection::vec(-999_999_999_999_i64..=999_999_999_999, 20..150), scale in 1_u32..8) {
            let power = 10_u64.pow(scale);
            let sign = |value: i64| if value < 0 { "-" } else { "" };
            let point = |value: i64| format!("{}{}.{:0width$}", sign(value), value.unsigned_abs() / power, value.unsigned_abs() % power, width = scale as usize);
            let (whole, decimals): (Vec<_>, Vec<_>) = values.iter().map(|value| (value.to_string(), point(*value))).unzip();
            let decimal = Numbers::decimals(18, scale as u8).expect("a small scale");
            for read in read_all(&Numbers::whole(i64::MIN.into(), i64::MAX.into()), &whole).into_iter().chain(read_all(&decimal, &decimals)) {
                // The first texts lie too near to the window's start.
                let near = read.iter().zip(&values).skip(16);
                prop_assert!(near.into_iter().all(|(read, value)| *read == Some(*value)));
            }
        }

        #[test]
        fn moments_are_what_the_patterns_say(
            texts in prop::collection::vec("(19|20)[0-9]{2}[-/][01][0-9]-[0-3][0-9]([ Tx][012][0-9]:[0-6][0-9]:[0-6][0-9])?", 1..150),
            nanos in any::<bool>(),
        ) {
            let per_second = if nanos { 1_000_000_000 } else { 1 };
            for format in ["default", "%Y-%m-%dT%H:%M:%S"] {
                let pattern = Pattern::datetime(format).expect("a valid format");
                let moments = Moments::of(&pattern, Clock::Datetime, per_second, None).expect("a fixed length");
                for read in read_all(&moments, &texts) {
                    for (text, value) in texts.iter().zip(read) {
                        let exact = pattern.read_exactly(text.as_bytes(), per_second, None).ok();
                        prop_assert!(value.is_none() || value == exact, "{text} as {format}: {value:?}");
                        prop_assert!(value.is_some() || exact.is_none() || text.len() != 19, "{text} as {format} is left to others");
                    }
                }
            }
        }
    }
}
