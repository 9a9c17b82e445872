//! Keys, exactly and across shards: of all records that have the same value of a key, the first one
//! claims it and the others are refused.
//!
//! # The rule
//!
//! A record *claims* the values of its keys if it has no other fault, and of two that could claim a
//! value the earlier one does. Every later record with the value is refused, whatever else is wrong
//! with it. Claims don't depend on each other: a record that is rejected for one key still claims
//! its others. So whether a record is rejected for a key depends on the faults of the records
//! before it and not on who was refused for a key, and the parts of a source can be looked at
//! apart. Values are compared as they are typed: `01` is `1` to an integer. A record that the
//! contract's `where` filters has no part in any of this. A key of which a value is lacking, or is
//! none of its type, is no key.
//!
//! # How it is settled
//!
//! 1. Each shard applies the rule to its own records ([`Claims`]), and writes down what it saw
//!    ([`piece`]): each value once, under a hash. When that becomes more than the memory it is
//!    given, it begins anew: the records in between are a *stretch*, and a piece is that of a
//!    stretch.
//! 2. Once the tiling is proved, `verify` merges the pieces ([`merge`]), hashes first, range by
//!    range, in bounded memory. It reads values only where a hash is in two pieces, so no collision
//!    is hoped for, and no value is read of a source without duplicates.
//! 3. A shard with values that earlier stretches claim is told so ([`Taken`]: the first record of
//!    each, and who claims it) and run again. What it claims does not change by that, so there is
//!    nothing to merge a second time.

pub mod merge;
pub mod piece;

mod claims;
mod encode;
mod taken;

pub(crate) use encode::Encoded;

pub use claims::{Claims, Duplicate};
pub use taken::Taken;

use twox_hash::XxHash3_64;

use crate::plan::Plan;

/// What a job settles for the keys of all its shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Of the hashes: nobody who writes a file knows the job that will land it, or can make its
    /// keys collide.
    pub seed: u64,
    /// How many [buckets](piece) a piece has: a power of two, at least 2.
    pub buckets: usize,
    /// Bytes of a stretch, at which the next one begins.
    pub stretch_bytes: u64,
    /// Whether there is but one shard.
    pub is_one_shard: bool,
}

impl Terms {
    /// The terms of a plan.
    pub fn of(plan: &Plan) -> Self {
        let job = plan.submission.job.as_str().as_bytes();
        Self {
            seed: XxHash3_64::oneshot(job),
            buckets: piece::buckets(plan),
            stretch_bytes: plan.key_bytes,
            is_one_shard: plan.shards == 1,
        }
    }
}

pub(crate) fn hash(seed: u64, key: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, key)
}

/// A number in 7 bits a byte, the lowest first; the high bit says that more follow.
fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number off the front of `bytes`; `None`: there is none.
fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
