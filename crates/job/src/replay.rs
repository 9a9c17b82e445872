//! Defines a replay: rejects of a job that another one, its child, lands.
//!
//! A reject is known by the job that first rejected it, the layout of its record, and its position
//! among the rejects of that layout. A child's own rejects are still those of that first job, its
//! *root*, however often they are sent again.

use serde::{Deserialize, Serialize};

use crate::message::JobId;

/// Most rejects of one replay: a job that rejected more wants another contract or another source.
pub const MAX_REPLAYED: u64 = 1_000_000;

/// What a replay lands, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// The parent: the job whose rejects are sent again.
    pub of: JobId,
    /// The layout of the rejects, by its position in the parent's plan.
    #[serde(default, skip_serializing_if = "is_first")]
    pub layout: u32,
    /// Which of the parent's rejects of that layout the records are, in the order of the records;
    /// without it, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejects: Option<Positions>,
}

fn is_first(position: &u32) -> bool {
    *position == 0
}

/// `replayed.json` beside a child: which reject each of its records is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// The job that rejected the records first.
    pub root: JobId,
    /// The number of its commit.
    pub sequence: u64,
    /// Their layout, by its position in the root's plan.
    pub layout: u32,
    /// Of each record of the child its position among the root's rejects of that layout.
    pub rejects: Positions,
}

/// An entry of the list of a root's replays: rejects that are not open any more. Those that a job
/// claims are open still if it never commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Why they are not open.
    #[serde(flatten)]
    pub by: Claimant,
    /// Their layout, by its position in the root's plan.
    pub layout: u32,
    /// Their positions among the root's rejects of that layout.
    pub rejects: Positions,
}

/// Why rejects are not open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Claimant {
    /// This child lands them.
    Job(JobId),
    /// Somebody said that nobody is going to.
    Dismissed(Dismissal),
}

/// That rejects are not going to be landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dismissal {
    /// Who said so, if callers are known: the subject of a token, or an ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, for people.
    pub why: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
}

/// Positions of rejects, from 0, in some order. Neighbors are written together: `[[0,11],[14,1]]`
/// are the first 11 and the fifteenth.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u32, u32)>", into = "Vec<(u32, u32)>")]
pub struct Positions(Vec<(u32, u32)>);

impl Positions {
    /// The first `count`.
    pub fn first(count: u32) -> Self {
        Self(if count == 0 { Vec::new() } else { vec![(0, count)] })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(|(first, count)| (*first..).take(*count as usize))
    }
}

impl FromIterator<u32> for Positions {
    fn from_iter<I: IntoIterator<Item = u32>>(positions: I) -> Self {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for position in positions {
            match runs.last_mut() {
                Some((first, count)) if first.checked_add(*count) == Some(position) => *count += 1,
                _ => runs.push((position, 1)),
            }
        }
        Self(runs)
    }
}

impl TryFrom<Vec<(u32, u32)>> for Positions {
    type Error = String;

    fn try_from(runs: Vec<(u32, u32)>) -> Result<Self, String> {
        match runs.iter().find(|(first, count)| u64::from(*first) + u64::from(*count) > 1 << 32) {
            Some((first, count)) => Err(format!("{count} positions from {first} are too many")),
            None => Ok(Self(runs)),
        }
    }
}

impl From<Positions> for Vec<(u32, u32)> {
    fn from(positions: Positions) -> Self {
        positions.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_as_runs() {
        for (positions, written) in [
            (vec![], "[]"),
            (vec![0, 1, 2], "[[0,3]]"),
            (vec![4, 5, 2, 3, 3], "[[4,2],[2,2],[3,1]]"),
            (vec![u32::MAX], "[[4294967295,1]]"),
        ] {
            let runs: Positions = positions.iter().copied().collect();
            assert_eq!(serde_json::to_string(&runs).expect("plain data"), written);
            assert_eq!(serde_json::from_str::<Positions>(written).ok(), Some(runs.clone()));
            assert_eq!(runs.count(), positions.len() as u64);
        }
        assert!(serde_json::from_str::<Positions>("[[4294967295,2]]").is_err());
        assert_eq!(Positions::first(3).iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(Positions::first(0), Positions::default());
    }
}
