//! What a shard is told before it is run again.

use job::{Error, ErrorKind};

/// A key that an earlier stretch of the source claims, told to the shard in which it stands again.
/// In order: by record, then by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taken {
    /// The first record of the stretch with the key's value, from 0 at the shard's first row.
    pub record: u64,
    /// The key's position in the schema's keys, from 0.
    pub key: u32,
    /// The record that claims the value, from 0 at the shard's first row: below 0 where it is one
    /// of an earlier shard.
    pub holder: i64,
}

impl Taken {
    /// Bytes of one as it is written.
    pub const BYTES: usize = 20;

    /// Writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.record.to_le_bytes());
        out.extend(self.key.to_le_bytes());
        out.extend(self.holder.to_le_bytes());
    }

    /// Reads what was written, one after the other.
    pub fn read_all(bytes: &[u8]) -> Result<Vec<Self>, Error> {
        let (items, rest) = bytes.as_chunks::<{ Self::BYTES }>();
        if !rest.is_empty() {
            return Err(Error::new(
                ErrorKind::Internal,
                "a list of taken keys ends in the middle of one".to_owned(),
            ));
        }
        let eight =
            |item: &[u8; Self::BYTES], at: usize| std::array::from_fn(|index| item[at + index]);
        let four =
            |item: &[u8; Self::BYTES], at: usize| std::array::from_fn(|index| item[at + index]);
        let read = |item: &[u8; Self::BYTES]| Self {
            record: u64::from_le_bytes(eight(item, 0)),
            key: u32::from_le_bytes(four(item, 8)),
            holder: i64::from_le_bytes(eight(item, 12)),
        };
        Ok(items.iter().map(read).collect())
    }
}
