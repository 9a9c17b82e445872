//! What is written down of a stretch: its keys' hashes in order, and after them its keys.
//!
//! ```text
//! for each bucket: entries (u32), bytes of their keys (u32)  │ hashes (u64), ascending │ for each: first record, claim, length, key
//! ```
//!
//! A bucket is a range of hashes; all pieces of a job have the same. Numbers are little-endian,
//! those of the third part of variable length.

use std::ops::Range;

use job::{Error, ErrorKind};

use super::claims::Stretch;
use super::{read_number, write_number};
use crate::plan::{Layout, Plan};

/// Bytes of source for which there is a bucket: mostly some times as many as of their keys, of
/// which one bucket has to fit into memory.
const SOURCE_BYTES_PER_BUCKET: u64 = 16 << 20;
/// Fewest buckets, to save requests: a head is read for each piece.
const LEAST_BUCKETS: u64 = 16;
/// Most buckets: the heads of 10,000 pieces take 80 MB.
const MOST_BUCKETS: u64 = 1024;
/// Bytes of a bucket in a head.
const BUCKET_BYTES: usize = 8;

/// How many buckets the pieces of a job have: a power of two.
pub(super) fn buckets(plan: &Plan) -> usize {
    let unpacked = if plan.layouts.iter().any(Layout::is_packed) { 8 } else { 1 };
    let bytes = plan.source_bytes.saturating_mul(unpacked);
    (bytes / SOURCE_BYTES_PER_BUCKET).clamp(LEAST_BUCKETS, MOST_BUCKETS).next_power_of_two()
        as usize
}

/// The beginning of a piece: where its buckets are.
#[derive(Debug, Clone)]
pub struct PieceHead {
    /// Entries, and bytes of keys, before each bucket; and at the end those of all.
    before: Vec<(u64, u64)>,
}

/// An entry of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen<'a> {
    /// The first record of the stretch that has the key, from 0 at the shard's first row.
    pub first: u64,
    /// The record of the stretch that claims it, if one does.
    pub claim: Option<u64>,
    /// The key.
    pub key: &'a [u8],
}

impl PieceHead {
    /// Bytes of the head of a piece.
    pub fn bytes(buckets: usize) -> u64 {
        (buckets * BUCKET_BYTES) as u64
    }

    /// Reads the head of a piece.
    pub fn read(bytes: &[u8], buckets: usize) -> Result<Self, Error> {
        let (sizes, []) = bytes.as_chunks::<BUCKET_BYTES>() else { return Err(torn()) };
        if sizes.len() != buckets {
            return Err(torn());
        }
        let mut before = vec![(0, 0)];
        let mut sum = (0, 0);
        for [a, b, c, d, e, f, g, h] in sizes {
            sum.0 += u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
            sum.1 += u64::from(u32::from_le_bytes([*e, *f, *g, *h]));
            before.push(sum);
        }
        Ok(Self { before })
    }

    /// Entries in a range of buckets.
    pub fn entries(&self, buckets: &Range<usize>) -> u64 {
        self.before[buckets.end].0 - self.before[buckets.start].0
    }

    /// Bytes of the keys in a range of buckets.
    pub fn key_bytes(&self, buckets: &Range<usize>) -> u64 {
        self.before[buckets.end].1 - self.before[buckets.start].1
    }

    /// Where the hashes of a range of buckets are in the piece.
    pub fn hashes_at(&self, buckets: &Range<usize>) -> Range<u64> {
        let at = |bucket: usize| Self::bytes(self.buckets()) + 8 * self.before[bucket].0;
        at(buckets.start)..at(buckets.end)
    }

    /// Where the keys of a range of buckets are in the piece.
    pub fn keys_at(&self, buckets: &Range<usize>) -> Range<u64> {
        let start = self.hashes_at(&(0..self.buckets())).end;
        start + self.before[buckets.start].1..start + self.before[buckets.end].1
    }

    fn buckets(&self) -> usize {
        self.before.len() - 1
    }
}

/// The bucket of a hash.
pub(super) fn bucket_of(hash: u64, buckets: usize) -> usize {
    (hash >> (u64::BITS - buckets.trailing_zeros())) as usize
}

/// Writes a piece.
pub(super) fn write(stretch: &Stretch, buckets: usize) -> Vec<u8> {
    let mut order: Vec<u32> = (0..stretch.entries.len() as u32).collect();
    order.sort_unstable_by_key(|index| (stretch.entries[*index as usize].hash, *index));
    let mut sizes = vec![(0_u32, 0_u32); buckets];
    let keys_start = buckets * BUCKET_BYTES + order.len() * 8;
    let mut out = vec![0; keys_start];
    out.reserve(stretch.bytes.len() + order.len() * 8);
    for (position, index) in order.iter().map(|index| *index as usize).enumerate() {
        let (entry, key, start) = (&stretch.entries[index], stretch.key(index), out.len());
        out[buckets * BUCKET_BYTES + position * 8..][..8]
            .copy_from_slice(&entry.hash.to_le_bytes());
        write_number(entry.first, &mut out);
        write_number(entry.claim().map_or(0, |claim| claim - entry.first + 1), &mut out);
        write_number(key.len() as u64, &mut out);
        out.extend_from_slice(key);
        let size = &mut sizes[bucket_of(entry.hash, buckets)];
        size.0 += 1;
        size.1 += (out.len() - start) as u32;
    }
    for (head, (entries, bytes)) in out.chunks_exact_mut(BUCKET_BYTES).zip(sizes) {
        head[..4].copy_from_slice(&entries.to_le_bytes());
        head[4..].copy_from_slice(&bytes.to_le_bytes());
    }
    out
}

/// Reads hashes.
pub(super) fn hashes(bytes: &[u8]) -> Result<impl Iterator<Item = u64>, Error> {
    let (hashes, []) = bytes.as_chunks::<8>() else { return Err(torn()) };
    Ok(hashes.iter().map(|hash| u64::from_le_bytes(*hash)))
}

/// Takes an entry off the front of `bytes`.
pub(super) fn seen<'a>(bytes: &mut &'a [u8]) -> Result<Seen<'a>, Error> {
    let mut read = || {
        let first = read_number(bytes)?;
        let claim = read_number(bytes)?.checked_sub(1).map(|after| first + after);
        let length = read_number(bytes)? as usize;
        let (key, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        Some(Seen { first, claim, key })
    };
    read().ok_or_else(torn)
}

fn torn() -> Error {
    Error::new(ErrorKind::Internal, "a piece of keys can't be read".to_owned())
}
