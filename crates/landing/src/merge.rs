//! Which small files are put together before the commit, and by how many invocations.
//!
//! Shards that run at once can't share files, so a job of many shards would leave many small ones
//! in each folder. What a shard leaves small it puts beside the job; once the tiling is proved,
//! consecutive ones of a folder are put together up to the size that files are to have. The plan
//! follows from the receipts alone: whoever makes it again makes the same.

use std::collections::HashMap;

use job::bill::Usage;
use job::small_files::is_small;
use serde::{Deserialize, Serialize};

use crate::commit::{OpenFile, Receipt, SmallFile};

/// Bytes that one invocation puts together, unless a single file has more: some ten seconds.
const MERGE_BYTES: u64 = 256 << 20;
/// Most small files that one invocation reads: a request each.
const MERGE_PIECES: usize = 2_000;
/// Most files that one invocation writes: three requests each.
const MERGE_GROUPS: usize = 64;

/// What one invocation puts together: `merge/<index>.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    /// The files to be.
    pub groups: Vec<Group>,
}

/// A file that is put together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The first shard that it has rows of.
    pub shard: u32,
    /// What it is made of, by shard: at least one file, all of one folder.
    pub pieces: Vec<SmallFile>,
}

/// What became of a merge: `merged/<index>.json`. Whoever writes it first counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeReceipt {
    /// The position of the merge, from 0.
    pub merge: u32,
    /// The attempt that won.
    pub attempt: String,
    /// The files, in the order of the groups.
    pub files: Vec<MergedFile>,
    /// What the attempt used, up to the writing of the receipt.
    pub spent: Usage,
}

/// A file that was put together, and left open as an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedFile {
    /// The first shard that it has rows of.
    pub shard: u32,
    /// The file.
    #[serde(flatten)]
    pub file: OpenFile,
}

impl Group {
    /// Bytes of its pieces.
    pub fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.bytes).sum()
    }

    /// The folder of its pieces.
    pub fn folder(&self) -> &str {
        self.pieces.first().map_or("", |piece| &piece.folder)
    }
}

/// What is to be put together of what the shards of a job left small, by shard: files of a folder
/// up to `file_size`, and these spread over as few invocations as have the time.
///
/// Whether a file is small is said before all of it is known. One that turned out not to be stays
/// as it is, whatever its neighbours are: it is only moved, block by block.
pub fn plan(receipts: impl IntoIterator<Item = Receipt>, file_size: u64) -> Vec<Merge> {
    let mut groups: Vec<Group> = Vec::new();
    // Of each folder the group that grows, and its bytes.
    let mut open: HashMap<String, (usize, u64)> = HashMap::new();
    let pieces = receipts
        .into_iter()
        .flat_map(|receipt| receipt.small.into_iter().map(move |piece| (receipt.shard, piece)));
    for (shard, piece) in pieces {
        let is_small = is_small(piece.bytes, file_size);
        match open.get_mut(&piece.folder) {
            Some((group, bytes))
                if is_small
                    && *bytes + piece.bytes <= file_size
                    && groups[*group].pieces.len() < MERGE_PIECES =>
            {
                *bytes += piece.bytes;
                groups[*group].pieces.push(piece);
            }
            _ => {
                // Nothing is added to a file that is large enough.
                let bytes = if is_small { piece.bytes } else { file_size };
                open.insert(piece.folder.clone(), (groups.len(), bytes));
                groups.push(Group { shard, pieces: vec![piece] });
            }
        }
    }
    let mut merges: Vec<Merge> = Vec::new();
    let (mut bytes, mut pieces) = (0, 0);
    for group in groups {
        let (more_bytes, more_pieces) = (group.bytes(), group.pieces.len());
        let has_room = bytes + more_bytes <= MERGE_BYTES && pieces + more_pieces <= MERGE_PIECES;
        match merges.last_mut().filter(|merge| has_room && merge.groups.len() < MERGE_GROUPS) {
            Some(merge) => merge.groups.push(group),
            None => {
                (bytes, pieces) = (0, 0);
                merges.push(Merge { groups: vec![group] });
            }
        }
        (bytes, pieces) = (bytes + more_bytes, pieces + more_pieces);
    }
    merges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shards: &[&[(&str, u64)]], file_size: u64, expected: &[&[&str]]) {
        let receipt = |(shard, files): (usize, &&[(&str, u64)])| {
            let piece = |(folder, bytes): &(&str, u64)| SmallFile {
                key: format!("{shard}{folder}"),
                folder: (*folder).to_owned(),
                rows: 1,
                bytes: *bytes,
                stats: None,
            };
            (shard as u32, files.iter().map(piece).collect::<Vec<_>>())
        };
        let small: Vec<_> = shards.iter().enumerate().map(receipt).collect();
        let receipts: Vec<Receipt> =
            small.into_iter().map(|(shard, small)| Receipt { small, ..empty(shard) }).collect();
        let texts = |merge: &Merge| -> Vec<String> {
            let keys = |group: &Group| {
                group.pieces.iter().map(|piece| piece.key.as_str()).collect::<Vec<_>>().join("+")
            };
            merge.groups.iter().map(keys).collect()
        };
        assert_eq!(plan(receipts, file_size).iter().map(texts).collect::<Vec<_>>(), expected);
    }

    fn empty(shard: u32) -> Receipt {
        serde_json::from_value(serde_json::json!({
            "shard": shard, "round": 1, "attempt": "a", "object": 0, "parts": [],
            "counts": { "read": 0, "stored": 0, "rejected": 0, "filtered": 0 },
            "files": [], "errors": null
        }))
        .expect("a receipt")
    }

    #[test]
    fn folders_are_put_together_apart_in_the_order_of_the_shards() {
        check(&[], 10, &[]);
        check(
            &[&[("a", 4), ("b", 4)], &[("b", 4)], &[("a", 4), ("b", 4)]],
            10,
            &[&["0a+2a", "0b+1b", "2b"]],
        );
        check(
            &[&[("", 3)], &[("", 3)], &[("", 3)], &[], &[("", 11)], &[("", 1)]],
            8,
            &[&["0+1", "2", "4", "5"]],
        );
    }

    #[test]
    fn what_turned_out_large_enough_stays_as_it_is() {
        check(&[&[("", 2)], &[("", 4)], &[("", 2)], &[("", 2)]], 8, &[&["0", "1", "2+3"]]);
        check(&[&[("a", 3)], &[("b", 4)], &[("a", 3)]], 8, &[&["0a+2a", "1b"]]);
    }

    #[test]
    fn one_invocation_has_only_so_much_to_do() {
        let half = MERGE_BYTES / 2;
        check(&[&[("a", half), ("b", half), ("c", 1)]], half, &[&["0a", "0b"], &["0c"]]);
        check(&[&[("a", 4 * half), ("b", 1)]], half, &[&["0a"], &["0b"]]);
        let folders: Vec<String> = (0..=MERGE_GROUPS).map(|n| format!("-{n}")).collect();
        let many: Vec<(&str, u64)> = folders.iter().map(|folder| (folder.as_str(), 1)).collect();
        let keys: Vec<String> = folders.iter().map(|folder| format!("0{folder}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        check(&[&many], 8, &[&keys[..MERGE_GROUPS], &keys[MERGE_GROUPS..]]);
        let tiny: Vec<&[(&str, u64)]> = vec![&[("", 1)]; MERGE_PIECES + 1];
        let merged: Vec<String> = (0..=MERGE_PIECES).map(|shard| shard.to_string()).collect();
        check(&tiny, 1 << 20, &[&[&merged[..MERGE_PIECES].join("+")], &[&merged[MERGE_PIECES]]]);
    }

    #[test]
    fn what_is_small_depends_on_what_files_are_to_be() {
        assert!(is_small((8 << 20) - 1, 16 << 20) && !is_small(8 << 20, 16 << 20));
        assert!(is_small((1 << 19) - 1, 1 << 20) && !is_small(1 << 19, 1 << 20));
        assert!(!is_small(32 << 20, 128 << 20), "it is read at once");
    }
}
