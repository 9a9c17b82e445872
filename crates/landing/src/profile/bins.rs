//! Counts values in fine bins, of which the bins of histograms are made.
//!
//! The width of a fine bin is a power of two, and it begins at a whole multiple of its width. So
//! those of all shards lie at the same places, and two neighbours are just one of twice the width:
//! nothing is lost when they are merged, and the result is the same in any order. The centroids of
//! a t-digest can't be cut into bins like that: one may hold values of several.

use serde::{Deserialize, Serialize};

/// Fine bins that there are at most: where there would be more, they become wider. They are several
/// for each bin, so that bins end close to the least and the greatest value.
const MOST_FINE: i64 = 128;
/// Bins of a histogram, at most.
const MOST_BINS: usize = 20;
/// Bits of the position of a fine bin, at most: those that a binary64 keeps.
const POSITION_BITS: i32 = 53;
/// The exponents of the narrowest and of the widest fine bin: the powers of two with these
/// exponents and with their negatives are binary64s.
const EXPONENTS: [i32; 2] = [-1_000, 1_019];

/// How many values lie in each fine bin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FineBins {
    /// Each is two to the power of this wide. It is the least one with which there are not too
    /// many, nor positions with too many bits: so it follows from the values, and not from
    /// their order.
    exponent: i32,
    /// The position of the first one: where it begins, in widths of one.
    first: i64,
    counts: Vec<u64>,
}

/// Bins of a histogram, of equal width.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bins {
    /// Where the first one begins: at the least value, or below it.
    pub(super) from: f64,
    /// Where the last one ends: above the greatest value.
    pub(super) to: f64,
    /// How many values lie in each.
    pub(super) counts: Vec<u64>,
}

impl FineBins {
    /// Takes in a value, which must be finite, that stands for `weight` values.
    pub(super) fn add(&mut self, value: f64, weight: u64) {
        let offset = position(value, self.exponent) - self.first as f64;
        let is_there = offset >= 0.0 && offset < self.counts.len() as f64;
        // A column that rises, as those of moments do, has a new greatest value again and again.
        let is_next = offset >= 0.0 && offset < MOST_FINE as f64 && !self.counts.is_empty();
        if is_there || (is_next && finest(value) <= self.exponent) {
            let at = offset as usize;
            self.counts.resize(self.counts.len().max(at + 1), 0);
            self.counts[at] += weight;
            return;
        }
        let exponent = finest(value);
        let first = position(value, exponent) as i64;
        self.merge(&Self { exponent, first, counts: vec![weight] });
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if other.counts.is_empty() {
            return;
        }
        if self.counts.is_empty() {
            self.clone_from(other);
            return;
        }
        let mut other = other.clone();
        let mut exponent = self.exponent.max(other.exponent);
        let (first, end) = loop {
            self.widen(exponent);
            other.widen(exponent);
            let (first, end) = (self.first.min(other.first), self.end().max(other.end()));
            if end - first <= MOST_FINE {
                break (first, end);
            }
            exponent += 1;
        };
        let mut counts = vec![0; (end - first) as usize];
        for bins in [&*self, &other] {
            let mine = counts.iter_mut().skip((bins.first - first) as usize);
            mine.zip(&bins.counts).for_each(|(sum, count)| *sum += count);
        }
        (self.first, self.counts) = (first, counts);
    }

    /// The bins from the least to the greatest value, which are known of all values and not only of
    /// these. None is narrower than one, or ends between whole numbers, where values are `whole`.
    /// Where they begin and end depends on these two values alone.
    pub(super) fn bins(&self, least: f64, greatest: f64, whole: bool) -> Option<Bins> {
        // One value has no spread to show.
        let is_wide = least.is_finite() && greatest.is_finite() && least < greatest;
        if self.counts.is_empty() || !is_wide {
            return None;
        }
        let mut all = Self::default();
        all.add(least, 0);
        all.add(greatest, 0);
        if whole {
            all.widen(0);
        }
        all.merge(self);
        let bins = all.counts.len().div_ceil(MOST_BINS);
        let counts: Vec<u64> = all.counts.chunks(bins).map(|bins| bins.iter().sum()).collect();
        let edge = |bins: usize| (all.first as f64 + bins as f64) * power(all.exponent);
        let (from, to) = (edge(0), edge(bins * counts.len()));
        (from.is_finite() && to.is_finite()).then_some(Bins { from, to, counts })
    }

    /// The position after the last one.
    fn end(&self) -> i64 {
        self.first + self.counts.len() as i64
    }

    /// Makes them as wide as an exponent says, if they are narrower.
    fn widen(&mut self, exponent: i32) {
        if exponent <= self.exponent {
            return;
        }
        // A position has no more bits.
        let by = (exponent - self.exponent).min(63);
        let first = self.first >> by;
        let mut counts = vec![0; (((self.end() - 1) >> by) - first + 1) as usize];
        for (position, count) in (self.first..).zip(&self.counts) {
            counts[((position >> by) - first) as usize] += count;
        }
        *self = Self { exponent, first, counts };
    }
}

/// The exponent of the narrowest fine bin in which a value may lie.
fn finest(value: f64) -> i32 {
    let bits = ((value.to_bits() >> 52) & 0x7ff) as i32;
    (bits - 1023 + 1 - POSITION_BITS).max(EXPONENTS[0])
}

/// The position of the fine bin of a value, exactly: multiplying by a power of two loses nothing
/// but what is below all binary64s.
fn position(value: f64, exponent: i32) -> f64 {
    let scaled = value * power(-exponent);
    if scaled == 0.0 && value < 0.0 { -1.0 } else { scaled.floor() }
}

/// Two to the power of an exponent.
fn power(exponent: i32) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fine(values: &[f64]) -> FineBins {
        let mut fine = FineBins::default();
        values.iter().for_each(|value| fine.add(*value, 1));
        fine
    }

    fn check(values: &[f64], whole: bool, from: f64, to: f64, counts: &[u64]) {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let found = fine(values).bins(least, greatest, whole);
        assert_eq!(found, Some(Bins { from, to, counts: counts.to_vec() }), "{values:?}");
    }

    #[test]
    fn bins_of_few_values() {
        check(&[1.0, 2.0, 2.0, 4.0], true, 1.0, 5.0, &[1, 2, 0, 1]);
        // Days of a month: two in each bin.
        let days: Vec<f64> = (1..=31).map(f64::from).collect();
        let mut two = vec![2; 15];
        two.push(1);
        check(&days, true, 1.0, 33.0, &two);
        let mut ends = vec![0; 20];
        (ends[0], ends[19]) = (1, 1);
        check(&[-3.0, 300.0], true, -4.0, 316.0, &ends);
        let mut three = vec![0; 17];
        (three[0], three[12], three[16]) = (1, 1, 1);
        check(&[0.0, 0.75, 1.0], false, 0.0, 1.0625, &three);
    }

    #[test]
    fn values_at_the_ends_of_what_there_is() {
        for values in [[f64::MIN, f64::MAX], [-5e-324, 5e-324], [0.0, -0.0], [f64::MAX; 2]] {
            let fine = fine(&values);
            assert_eq!(fine.counts.iter().sum::<u64>(), 2, "{values:?}");
            assert!(EXPONENTS[0] <= fine.exponent && fine.exponent <= EXPONENTS[1], "{fine:?}");
        }
        // Even the negative number nearest to zero is below zero.
        let [least, most] = [[f64::MIN, -5e-324], [-5e-324, f64::MIN]].map(|both| fine(&both));
        assert_eq!((least.counts.last(), &most), (Some(&1), &least));
        assert_eq!(least.end(), 0);
        assert_eq!(fine(&[1.0]).bins(1.0, 1.0, true), None);
        assert_eq!(fine(&[]).bins(1.0, 2.0, true), None);
        assert_eq!(fine(&[1.0]).bins(1.0, f64::INFINITY, false), None);
    }

    fn finite() -> impl Strategy<Value = f64> {
        prop_oneof![
            (-1_000i32..1_000).prop_map(f64::from),
            -1.0f64..1.0,
            any::<f64>().prop_filter("bins are of finite values", |value| value.is_finite()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Fine bins depend on the values alone, and each bin has just those that lie in it.
        #[test]
        fn neither_order_nor_split_matters(
            values in prop::collection::vec(finite(), 1..200),
            cut in any::<prop::sample::Index>(),
            sorted in any::<bool>(),
        ) {
            let whole = fine(&values);
            prop_assert!(whole.counts.len() as i64 <= MOST_FINE);
            let mut other = values.clone();
            if sorted {
                other.sort_by(f64::total_cmp);
            } else {
                other.reverse();
            }
            let (left, right) = other.split_at(cut.index(values.len() + 1));
            let mut merged = fine(left);
            merged.merge(&fine(right));
            prop_assert_eq!(&merged, &whole);
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if let Some(Bins { from, to, counts }) = whole.bins(least, greatest, false) {
                prop_assert!(from <= least && greatest < to && counts.len() <= MOST_BINS);
                let width = (to - from) / counts.len() as f64;
                // For other values this sum does not tell exactly where a bin ends.
                if width.is_finite() && whole.exponent > -900 {
                    for (at, count) in counts.iter().enumerate() {
                        let [start, end] = [at, at + 1].map(|at| from + width * at as f64);
                        let lie = values.iter().filter(|value| start <= **value && **value < end);
                        prop_assert_eq!(lie.count() as u64, *count, "{} to {}", start, end);
                    }
                }
            }
        }
    }
}
