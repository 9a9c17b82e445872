//! The rounds in which the shards of a job run, and which round of each shard counts.
//!
//! All shards run in the first round. A later round runs those that guessed their start wrong,
//! those that are told which of their keys earlier shards claim, or those that were told so and
//! then found that an object can't be read. What shards are told depends on the rows of all
//! objects. So when an object is left out after that, no work that went by it counts any more, and
//! keys are compared anew.

use std::collections::{BTreeMap, BTreeSet};

use job::Error;
use job::message::{JobKeys, Shard, ShardRound};
use objects::Objects;

use crate::documents;

/// The rounds of a job after the first one, each with the shards that run in it.
pub(crate) struct Rounds(Vec<Vec<Shard>>);

impl Rounds {
    /// Those up to a round.
    pub(crate) async fn until(
        work: &dyn Objects,
        keys: &JobKeys,
        last: u32,
    ) -> Result<Self, Error> {
        let mut later = Vec::new();
        for round in 2..=last {
            later.push(documents::read(work, &keys.again(round)).await?);
        }
        Ok(Self(later))
    }

    /// All that are decided on so far.
    pub(crate) async fn all(work: &dyn Objects, keys: &JobKeys) -> Result<Self, Error> {
        let mut later = Vec::new();
        while let Some(shards) = documents::find(work, &keys.again(later.len() as u32 + 2)).await? {
            later.push(shards);
        }
        Ok(Self(later))
    }

    /// The rounds after the first one, with their numbers.
    pub(crate) fn later(&self) -> impl Iterator<Item = (u32, &[Shard])> {
        (2..).zip(self.0.iter().map(Vec::as_slice))
    }

    /// The shards of the last round, if they were told of keys that are taken: keys are settled.
    pub(crate) fn told_of_keys(&self) -> &[Shard] {
        self.0.last().filter(|shards| is_told(shards)).map_or(&[], Vec::as_slice)
    }

    /// The shards that ran in later rounds, by their positions, each as it ran when it counted.
    pub(crate) fn counting(&self) -> BTreeMap<u32, &Shard> {
        let untold = self.0.iter().filter(|shards| !is_told(shards)).flatten();
        untold.chain(self.told_of_keys()).map(|shard| (shard.index, shard)).collect()
    }

    /// The shards that ran in later rounds, in each round in which they ran.
    pub(crate) fn ran(&self) -> BTreeSet<ShardRound> {
        let later = self.0.iter().flatten();
        let in_rounds = |shard: &Shard| {
            let index = shard.index;
            [1, shard.round].map(|round| ShardRound { round, index })
        };
        later.flat_map(in_rounds).collect()
    }
}

/// Whether the shards of a round are told of keys: all of them are, or none.
fn is_told(shards: &[Shard]) -> bool {
    shards.iter().any(|shard| !shard.taken.is_empty())
}
