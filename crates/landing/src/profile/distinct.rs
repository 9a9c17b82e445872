//! Estimates how many different values there are, in 2 KiB.
//!
//! HyperLogLog (Flajolet, Fusy, Gandouet and Meunier, "HyperLogLog: the analysis of a near-optimal
//! cardinality estimation algorithm", 2007), with the estimator of Ertl ("New cardinality
//! estimation algorithms for HyperLogLog sketches", 2017), which needs no tables and no special
//! cases.

use serde::{Deserialize, Serialize};

/// Bits of a hash that choose a register.
const INDEX_BITS: u32 = 11;
const REGISTERS: usize = 1 << INDEX_BITS;
/// Bits that are left for the rank.
const RANK_BITS: usize = 64 - INDEX_BITS as usize;

/// The standard error of the estimate: 1.04 / √2048.
pub const DISTINCT_ERROR: f64 = 0.023;

/// Counts different values by their hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Distinct(Box<[u8; REGISTERS]>);

impl Default for Distinct {
    fn default() -> Self {
        Self(Box::new([0; REGISTERS]))
    }
}

impl Distinct {
    #[inline]
    pub(super) fn add(&mut self, hash: u64) {
        let rank = ((hash << INDEX_BITS) | (1 << (INDEX_BITS - 1))).leading_zeros() as u8 + 1;
        let register = &mut self.0[(hash >> (64 - INDEX_BITS)) as usize];
        // Hardly ever, once some values are seen: a store that is not made need not be waited for.
        if rank > *register {
            *register = rank;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.0
            .iter_mut()
            .zip(other.0.iter())
            .for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
    }

    pub(super) fn estimate(&self) -> u64 {
        let registers = REGISTERS as f64;
        let mut counts = [0u32; RANK_BITS + 2];
        self.0.iter().for_each(|rank| counts[usize::from(*rank)] += 1);
        let mut z = registers * tau(1.0 - f64::from(counts[RANK_BITS + 1]) / registers);
        for count in counts[1..=RANK_BITS].iter().rev() {
            z = 0.5 * (z + f64::from(*count));
        }
        z += registers * sigma(f64::from(counts[0]) / registers);
        (registers * registers / (2.0 * std::f64::consts::LN_2 * z)).round() as u64
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// One character a register; `~n~` stands for n zeros.
const ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

impl From<Distinct> for String {
    fn from(distinct: Distinct) -> Self {
        let mut text = Self::new();
        for run in distinct.0.chunk_by(|a, b| a == b) {
            if run[0] == 0 && run.len() > 4 {
                text += &format!("~{}~", run.len());
            } else {
                text.extend(run.iter().map(|rank| char::from(ALPHABET[usize::from(*rank)])));
            }
        }
        text
    }
}

impl TryFrom<String> for Distinct {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let broken = || "not a sketch of distinct values".to_owned();
        let mut ranks = Vec::with_capacity(REGISTERS);
        for (index, part) in text.split('~').enumerate() {
            if index % 2 == 1 {
                let zeros: usize =
                    part.parse().ok().filter(|zeros| *zeros <= REGISTERS).ok_or_else(broken)?;
                ranks.resize(ranks.len() + zeros, 0);
            } else {
                let rank = |byte: u8| {
                    ALPHABET
                        .iter()
                        .position(|known| *known == byte)
                        .filter(|rank| *rank <= RANK_BITS + 1)
                        .map(|rank| rank as u8)
                };
                ranks
                    .extend(part.bytes().map(rank).collect::<Option<Vec<_>>>().ok_or_else(broken)?);
            }
        }
        let registers: [u8; REGISTERS] = ranks.try_into().map_err(|_| broken())?;
        Ok(Self(Box::new(registers)))
    }
}

/// Spreads an integer over 64 bits: the finalizer of SplitMix64 (Steele, Lea and Flood, 2014),
/// which maps different integers to different hashes.
#[inline]
pub(super) fn hash_of(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_within_four_errors() {
        for count in [0u64, 1, 2, 10, 100, 1_000, 5_000, 10_000, 100_000, 1_000_000] {
            let mut distinct = Distinct::default();
            (0..count).for_each(|value| distinct.add(hash_of(value)));
            let estimate = distinct.estimate() as f64;
            assert!(
                (estimate - count as f64).abs() <= 4.0 * DISTINCT_ERROR * count as f64,
                "{count}: {estimate}"
            );
            let text = String::from(distinct.clone());
            assert!(text.len() <= REGISTERS);
            assert_eq!(Distinct::try_from(text), Ok(distinct));
        }
    }

    #[test]
    fn broken_sketches_are_refused() {
        for text in ["", "0", "~2049~", "~2048~0", "~x~", "~2047~_"] {
            assert!(Distinct::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
