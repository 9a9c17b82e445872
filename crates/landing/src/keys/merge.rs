//! The pieces of all stretches, compared range by range: which keys earlier stretches claim.

use std::collections::HashMap;
use std::ops::Range;

use job::{Error, ErrorKind};

use super::piece::{self, PieceHead};
use super::{Taken, hash, read_number};

/// Bytes that the hash of an entry takes while it is compared.
const HASH_BYTES: u64 = size_of::<(u64, u32)>() as u64;
/// How much more than was allowed a single bucket may take before the job is refused.
const PATIENCE: u64 = 4;

/// Ranges of buckets that are compared at once, each in `most_bytes` of memory, together all of
/// them. Ranges without an entry are left out.
pub fn ranges(
    heads: &[PieceHead],
    buckets: usize,
    most_bytes: u64,
) -> Result<Vec<Range<usize>>, Error> {
    let size = |range: Range<usize>| -> u64 {
        let hashes: u64 = heads.iter().map(|head| head.entries(&range)).sum();
        let keys: u64 = heads.iter().map(|head| head.key_bytes(&range)).sum();
        hashes * HASH_BYTES + keys
    };
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut filled = 0;
    for bucket in 0..buckets {
        let bytes = size(bucket..bucket + 1);
        if bytes > most_bytes.saturating_mul(PATIENCE) {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "one of {buckets} parts of the keys takes {bytes} bytes, more than the {most_bytes} that may be compared at once; give the \
                 deployment more memory for keys, or land the source in parts"
                ),
            ));
        }
        match ranges.last_mut() {
            Some(last) if filled + bytes <= most_bytes => {
                last.end = bucket + 1;
                filled += bytes;
            }
            _ => {
                ranges.push(bucket..bucket + 1);
                filled = bytes;
            }
        }
    }
    ranges.retain(|range| heads.iter().any(|head| head.entries(range) > 0));
    Ok(ranges)
}

/// The hashes of a range of buckets, of all pieces.
#[derive(Debug, Default)]
pub struct Hashes {
    /// With the position of the piece.
    hashes: Vec<(u64, u32)>,
}

impl Hashes {
    /// Takes in the hashes of a piece.
    pub fn push(&mut self, piece: u32, bytes: &[u8]) -> Result<(), Error> {
        self.hashes.extend(piece::hashes(bytes)?.map(|hash| (hash, piece)));
        Ok(())
    }

    /// Those that several pieces have.
    pub fn suspects(mut self, buckets: usize) -> Suspects {
        self.hashes.sort_unstable();
        let mut suspects = Suspects::default();
        let same = self.hashes.chunk_by(|a, b| a.0 == b.0);
        for same in same.filter(|same| same[0].1 != same[same.len() - 1].1) {
            let hash = same[0].0;
            let bucket = piece::bucket_of(hash, buckets);
            suspects.hashes.push(hash);
            for (_, piece) in same {
                let range = suspects.pieces.entry(*piece).or_insert(bucket..bucket + 1);
                range.end = bucket + 1;
            }
        }
        suspects
    }
}

/// Hashes that several pieces have: perhaps for the same key.
#[derive(Debug, Default)]
pub struct Suspects {
    /// Ascending.
    hashes: Vec<u64>,
    /// The pieces that have some, with the buckets in which they are.
    pieces: std::collections::BTreeMap<u32, Range<usize>>,
}

impl Suspects {
    /// The pieces whose keys must be compared, in order, each with the buckets that matter.
    pub fn pieces(&self) -> impl Iterator<Item = (u32, Range<usize>)> {
        self.pieces.iter().map(|(piece, range)| (*piece, range.clone()))
    }
}

/// The keys behind suspect hashes, piece by piece.
#[derive(Debug)]
pub struct Comparison {
    suspects: Vec<u64>,
    seed: u64,
    /// Keys that are claimed, and by which record of the source, from 0.
    claimed: HashMap<Box<[u8]>, u64>,
}

impl Comparison {
    /// A comparison of the keys behind suspects, in a job of that [`seed`](super::Terms).
    pub fn new(suspects: Suspects, seed: u64) -> Self {
        Self { suspects: suspects.hashes, seed, claimed: HashMap::new() }
    }

    /// Takes in the keys of the next piece that matters, and tells which of them are taken.
    /// `records`: those of the source before the shard's first row.
    pub fn push(
        &mut self,
        records: u64,
        mut keys: &[u8],
        taken: &mut Vec<Taken>,
    ) -> Result<(), Error> {
        while !keys.is_empty() {
            let seen = piece::seen(&mut keys)?;
            if self.suspects.binary_search(&hash(self.seed, seen.key)).is_err() {
                continue;
            }
            if let Some(holder) = self.claimed.get(seen.key) {
                let key = read_number(&mut { seen.key }).unwrap_or_default() as u32;
                taken.push(Taken {
                    record: seen.first,
                    key,
                    holder: *holder as i64 - records as i64,
                });
            } else if let Some(claim) = seen.claim {
                self.claimed.insert(seen.key.into(), records + claim);
            }
        }
        Ok(())
    }
}
