//! Finds the most frequent values in bounded memory: the summary of Misra and Gries ("Finding
//! repeated elements", 1982), which merges without loss of its bound (Agarwal et al., "Mergeable
//! summaries", 2012).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};

/// Values that are counted in the end. In between there may be twice as many.
const COUNTERS: usize = 64;
/// Most characters of a value.
const VALUE_CHARS: usize = 80;
/// Values after which it is decided whether any is frequent at all.
const TRIAL: f64 = 2_048.0;
/// If all counters together lost such a share of them, none is, and counting ends: of values that
/// all differ they lose half.
const MOST_DROPPED: f64 = 0.4;

/// Values and their counts, by the hash of the value.
type Counters = HashMap<u64, (String, f64), BuildHasherDefault<AsItIs>>;

/// The hasher of keys that are hashes already.
#[derive(Debug, Clone, Copy, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 | u64::from(*byte));
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

/// Counts of values. A count may be too low by `dropped` at most, and never too high.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Frequent {
    #[serde(with = "counters")]
    counters: Counters,
    /// By how much any value may have been counted too low.
    dropped: f64,
    seen: f64,
    /// Hardly any value came twice, so nothing is counted any more.
    has_none: bool,
}

impl Frequent {
    /// Takes in a value, which stands for `weight` values, by its hash; `text` is asked for when it
    /// is new.
    pub(super) fn add(&mut self, hash: u64, weight: f64, text: impl FnOnce() -> String) {
        self.seen += weight;
        if self.has_none {
            return;
        }
        self.insert(hash, weight, text);
        if self.seen >= TRIAL && self.dropped * COUNTERS as f64 > self.seen * MOST_DROPPED {
            self.give_up();
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.seen += other.seen;
        self.dropped += other.dropped;
        if other.has_none {
            self.give_up();
        }
        if !self.has_none {
            let mut theirs: Vec<_> = other.counters.iter().collect();
            theirs.sort_unstable_by(|a, b| b.1.1.total_cmp(&a.1.1).then(a.0.cmp(b.0)));
            theirs
                .into_iter()
                .for_each(|(hash, (text, count))| self.insert(*hash, *count, || text.clone()));
            self.prune();
        }
    }

    /// Values and their counts, the most frequent first: those that surely came more than once.
    pub(super) fn top(&self, most: usize) -> Vec<(String, u64)> {
        let sure = self.counters.values().filter(|(_, count)| *count > self.dropped.max(1.0));
        let mut top: Vec<_> =
            sure.map(|(text, count)| (text.clone(), count.round() as u64)).collect();
        top.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        top.truncate(most);
        top
    }

    fn insert(&mut self, hash: u64, weight: f64, text: impl FnOnce() -> String) {
        match self.counters.entry(hash) {
            Entry::Occupied(mut known) => known.get_mut().1 += weight,
            Entry::Vacant(new) => {
                new.insert((cut(text()), weight));
                if self.counters.len() > 2 * COUNTERS {
                    self.prune();
                }
            }
        }
    }

    /// Lowers all counts by that of the first one that is too many, and drops what is left with
    /// nothing: seldom enough to cost little each time.
    fn prune(&mut self) {
        if self.counters.len() <= COUNTERS {
            return;
        }
        let mut counts: Vec<f64> = self.counters.values().map(|(_, count)| *count).collect();
        let (_, surplus, _) = counts.select_nth_unstable_by(COUNTERS, |a, b| b.total_cmp(a));
        let surplus = *surplus;
        self.dropped += surplus;
        self.counters.retain(|_, (_, count)| {
            *count -= surplus;
            *count > 0.0
        });
    }

    fn give_up(&mut self) {
        self.counters = Counters::default();
        self.has_none = true;
    }
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(VALUE_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Counters in JSON: a list, as keys of objects are texts.
mod counters {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Counters;

    pub(super) fn serialize<S: Serializer>(
        counters: &Counters,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut sorted: Vec<_> =
            counters.iter().map(|(hash, (text, count))| (hash, text, count)).collect();
        sorted.sort_unstable_by_key(|(hash, ..)| **hash);
        serializer.collect_seq(sorted)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Counters, D::Error> {
        let list = Vec::<(u64, String, f64)>::deserialize(deserializer)?;
        Ok(list.into_iter().map(|(hash, text, count)| (hash, (text, count))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl Iterator<Item = u64>) -> Frequent {
        let mut frequent = Frequent::default();
        values.for_each(|value| frequent.add(value, 1.0, || value.to_string()));
        frequent
    }

    #[test]
    fn few_values_are_counted_exactly() {
        let frequent = of((0..1_000).map(|i| i % 10 % 4));
        let top = |n: u64, count| (n.to_string(), count);
        assert_eq!(frequent.top(2), [top(0, 300), top(1, 300)]);
    }

    #[test]
    fn what_is_frequent_is_found_among_what_is_not() {
        // Every third value is 7, every ninth 8, and the others never come twice.
        let value = |i: u64| {
            if i.is_multiple_of(3) {
                7
            } else if i % 9 == 1 {
                8
            } else {
                1_000 + i
            }
        };
        let mut whole = of((0..9_000).map(value));
        whole.merge(&of((9_000..18_000).map(value)));
        let top = whole.top(2);
        assert_eq!([top[0].0.as_str(), top[1].0.as_str()], ["7", "8"]);
        assert!(
            top[0].1 <= 6_000 && 6_000 <= top[0].1 + whole.dropped as u64,
            "{top:?} {}",
            whole.dropped
        );
    }

    #[test]
    fn where_nothing_is_frequent_nothing_is_kept() {
        let frequent = of(0..10_000);
        assert!(frequent.has_none && frequent.top(10).is_empty());
        let text = serde_json::to_string(&of(0..5)).expect("plain data");
        assert_eq!(serde_json::from_str::<Frequent>(&text).expect("what was written"), of(0..5));
    }
}
