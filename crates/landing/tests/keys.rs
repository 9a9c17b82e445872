//! Checks that keys are settled as a reading from the start would settle them, however the records
//! lie in shards, batches and stretches.
#![expect(clippy::unwrap_used)]

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray};
use contract::{Key, KeyRule};
use landing::keys::merge::{self, Comparison, Hashes};
use landing::keys::piece::PieceHead;
use landing::keys::{Claims, Taken, Terms};
use proptest::prelude::*;

/// Two values, and whether nothing else is wrong.
type Record = (Option<i64>, Option<String>, bool);
/// Record, key, and the record that has the key.
type Duplicate = (u64, usize, u64);
/// The same in a shard, from its first record.
type Found = (u64, usize, i64);

fn keys() -> Vec<Key> {
    let key = |rule, fields| Key { rule, fields };
    vec![
        key(KeyRule::PrimaryKey, vec![0, 1]),
        key(KeyRule::UniqueKeys, vec![1]),
        key(KeyRule::Unique, vec![0]),
    ]
}

/// The rule, as it is written.
fn from_the_start(records: &[Record]) -> Vec<Duplicate> {
    let mut claimed: HashMap<(usize, Option<i64>, Option<String>), u64> = HashMap::new();
    let mut duplicates = Vec::new();
    for (record, (number, text, good)) in (0..).zip(records) {
        let values = [
            (number.is_some() && text.is_some()).then(|| (0, *number, text.clone())),
            text.is_some().then(|| (1, None, text.clone())),
            number.is_some().then_some((2, *number, None)),
        ];
        for value in values.into_iter().flatten() {
            match claimed.get(&value) {
                Some(holder) => duplicates.push((record, value.0, *holder)),
                None if *good => _ = claimed.insert(value, record),
                None => {}
            }
        }
    }
    duplicates
}

/// Runs a shard in batches: its duplicates, counted from its first record, and its pieces.
fn run(
    terms: Terms,
    records: &[Record],
    batch: usize,
    taken: Option<Vec<Taken>>,
) -> (Vec<Found>, Vec<Vec<u8>>) {
    let mut claims = Claims::new(terms, &keys(), taken).unwrap();
    let (mut duplicates, mut pieces) = (Vec::new(), Vec::new());
    for (index, records) in records.chunks(batch).enumerate() {
        let numbers: ArrayRef =
            Arc::new(records.iter().map(|record| record.0).collect::<Int64Array>());
        let texts: ArrayRef =
            Arc::new(records.iter().map(|record| record.1.clone()).collect::<StringArray>());
        let good: Vec<bool> = records.iter().map(|record| record.2).collect();
        for found in claims.take(&[numbers, texts], &good, &[]).unwrap() {
            duplicates.push(((index * batch + found.row) as u64, found.key, found.holder));
        }
        pieces.extend(claims.take_pieces());
    }
    claims.finish().unwrap();
    pieces.extend(claims.take_pieces());
    (duplicates, pieces)
}

/// What each shard is told, by shard.
fn compare(
    terms: Terms,
    shards: &[Range<usize>],
    pieces: &[(usize, Vec<u8>)],
    most_bytes: u64,
) -> HashMap<usize, Vec<Taken>> {
    let buckets = terms.buckets;
    let part = |piece: usize, range: Range<u64>| {
        &pieces[piece].1[range.start as usize..range.end as usize]
    };
    let heads: Vec<PieceHead> = (0..pieces.len())
        .map(|piece| PieceHead::read(part(piece, 0..PieceHead::bytes(buckets)), buckets).unwrap())
        .collect();
    let mut told: HashMap<usize, Vec<Taken>> = HashMap::new();
    for range in merge::ranges(&heads, buckets, most_bytes).unwrap() {
        let mut hashes = Hashes::default();
        for (piece, head) in heads.iter().enumerate() {
            hashes.push(piece as u32, part(piece, head.hashes_at(&range))).unwrap();
        }
        let suspects = hashes.suspects(buckets);
        let suspected: Vec<_> = suspects.pieces().collect();
        let mut comparison = Comparison::new(suspects, terms.seed);
        for (piece, range) in suspected {
            let (piece, mut taken) = (piece as usize, Vec::new());
            let shard = pieces[piece].0;
            comparison
                .push(
                    shards[shard].start as u64,
                    part(piece, heads[piece].keys_at(&range)),
                    &mut taken,
                )
                .unwrap();
            told.entry(shard).or_default().extend(taken);
        }
    }
    told.retain(|_, taken| !taken.is_empty());
    told.values_mut().for_each(|taken| taken.sort_unstable());
    told
}

fn split(
    terms: Terms,
    records: &[Record],
    shard: usize,
    batch: usize,
    most_bytes: u64,
) -> Vec<Duplicate> {
    let starts = (0..records.len()).step_by(shard);
    let shards: Vec<Range<usize>> =
        starts.map(|start| start..(start + shard).min(records.len())).collect();
    let terms = Terms { is_one_shard: shards.len() == 1, ..terms };
    let (mut found, mut pieces) = (Vec::new(), Vec::new());
    for (index, range) in shards.iter().enumerate() {
        let (duplicates, written) = run(terms, &records[range.clone()], batch, None);
        found.push(duplicates);
        pieces.extend(written.into_iter().map(|piece| (index, piece)));
    }
    if pieces.len() > 1 {
        for (shard, taken) in compare(terms, &shards, &pieces, most_bytes) {
            let mut document = Vec::new();
            taken.iter().for_each(|taken| taken.write(&mut document));
            let taken = Taken::read_all(&document).unwrap();
            // Another batch size: a second attempt reads its blocks as they come.
            let (duplicates, written) =
                run(terms, &records[shards[shard].clone()], batch + 1, Some(taken));
            assert_eq!(written, Vec::<Vec<u8>>::new());
            found[shard] = duplicates;
        }
    }
    let of_source = |(range, duplicates): (&Range<usize>, Vec<Found>)| {
        let start = range.start as u64;
        duplicates.into_iter().map(move |(record, key, holder)| {
            (record + start, key, holder.checked_add_unsigned(start).unwrap() as u64)
        })
    };
    shards.iter().zip(found).flat_map(of_source).collect()
}

fn record() -> impl Strategy<Value = Record> {
    let number = prop_oneof![8 => (-6i64..6).prop_map(Some), 1 => any::<i64>().prop_map(Some), 1 => Just(None)];
    let text = prop_oneof![4 => "[ab]{0,2}".prop_map(Some), 2 => "[a-z]{0,9}".prop_map(Some), 1 => Just(None)];
    (number, text, prop::bool::weighted(0.8))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn any_split_finds_the_duplicates_of_a_reading_from_the_start(
        records in prop::collection::vec(record(), 1..80),
        shard in 1usize..90,
        batch in 1usize..20,
        stretch_bytes in prop_oneof![1u64..1000, Just(1 << 20)],
        most_bytes in 64u64..4096,
        seed in any::<u64>(),
    ) {
        let terms = Terms { seed, buckets: 16, stretch_bytes, is_one_shard: false };
        // A bucket of many equal keys is not what is tested here.
        prop_assume!(records.len() as u64 * 30 < most_bytes * 4);
        prop_assert_eq!(split(terms, &records, shard, batch, most_bytes), from_the_start(&records));
    }
}

#[test]
fn a_source_of_one_stretch_writes_nothing() {
    let terms = Terms { seed: 0, buckets: 16, stretch_bytes: 1 << 20, is_one_shard: true };
    let records: Vec<Record> = (0..100).map(|number| (Some(number / 2), None, true)).collect();
    let (duplicates, pieces) = run(terms, &records, 7, None);
    assert_eq!((duplicates.len(), pieces.len()), (50, 0));
}

#[test]
fn values_decide_and_not_hashes() {
    let terms = Terms { seed: 1, buckets: 2, stretch_bytes: 1 << 20, is_one_shard: false };
    let piece = |number: i64| run(terms, &[(Some(number), None, true)], 1, None).1.remove(0);
    let head = |piece: &[u8]| PieceHead::read(&piece[..16], 2).unwrap();
    let hash = |piece: &[u8]| piece[head(piece).hashes_at(&(0..2)).start as usize..][..8].to_vec();
    let keys = |piece: &[u8]| piece[head(piece).keys_at(&(0..2)).start as usize..].to_vec();
    let taken = |first: i64, second: i64| {
        // Both hashes are suspect, as if both pieces had keys for each of them.
        let (first, second) = (piece(first), piece(second));
        let both = [hash(&first), hash(&second)].concat();
        let mut hashes = Hashes::default();
        hashes.push(0, &both).unwrap();
        hashes.push(1, &both).unwrap();
        let mut comparison = Comparison::new(hashes.suspects(2), terms.seed);
        let mut taken = Vec::new();
        comparison.push(0, &keys(&first), &mut taken).unwrap();
        comparison.push(1, &keys(&second), &mut taken).unwrap();
        taken
    };
    assert_eq!(taken(1, 2), []);
    assert_eq!(taken(1, 1), [Taken { record: 0, key: 2, holder: -1 }]);
}

#[test]
fn torn_pieces_are_failures() {
    assert!(PieceHead::read(&[0; 15], 2).is_err() && PieceHead::read(&[0; 24], 2).is_err());
    assert!(Hashes::default().push(0, &[0; 9]).is_err());
    assert!(Taken::read_all(&[0; 21]).is_err());
    let mut comparison = Comparison::new(Hashes::default().suspects(2), 0);
    assert!(comparison.push(0, &[0, 1, 9, 0], &mut Vec::new()).is_err());
}
