//! Contracts that are too long for an entry, of which DynamoDB takes 400 KB.
//!
//! A long text lies in parts, each an entry of its own under the hash of the whole: so they are the
//! same for whoever writes them, and are there before anything names them.

use job::DatasetName;
use serde::{Deserialize, Serialize};

use crate::table::{Key, Table, When, Write, hash};
use crate::{Error, Result};

/// Most bytes of a text in the entry that names it, as JSON escapes it: lists read these entries.
const INLINE_BYTES: usize = 64 << 10;
/// Most bytes of a part, which is kept as it is: an item has 400 KB with its keys.
const PART_BYTES: usize = 384 << 10;

/// How an entry holds a text: itself, or where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Held {
    Inline { text: String },
    Parts { sha256: String, parts: u32 },
}

impl Held {
    /// How an entry is to hold a text.
    pub(crate) fn of(text: &str) -> Self {
        let escaped = serde_json::to_string(text).map_or(usize::MAX, |json| json.len());
        match escaped {
            ..=INLINE_BYTES => Self::Inline { text: text.to_owned() },
            _ => Self::Parts { sha256: hash(text), parts: parts(text).count() as u32 },
        }
    }

    /// Keeps the text itself, where the entry does not.
    pub(crate) async fn keep<T: Table>(
        &self,
        table: &T,
        dataset: &DatasetName,
        text: &str,
    ) -> Result<()> {
        let Self::Parts { sha256, .. } = self else { return Ok(()) };
        for (number, part) in (0..).zip(parts(text)) {
            let key = Key::part(dataset, sha256, number);
            table.write(vec![Write::put(key, part.to_owned(), When::Always)]).await?;
        }
        Ok(())
    }

    /// The text.
    pub(crate) async fn read<T: Table>(self, table: &T, dataset: &DatasetName) -> Result<String> {
        let (sha256, parts) = match self {
            Self::Inline { text } => return Ok(text),
            Self::Parts { sha256, parts } => (sha256, parts),
        };
        let mut text = String::new();
        for number in 0..parts {
            let key = Key::part(dataset, &sha256, number);
            let part = table.get(&key).await?;
            text += &part
                .ok_or_else(|| Error::Corrupt(format!("registry entry `{key}` is missing")))?;
        }
        if hash(&text) != sha256 {
            return Err(Error::Corrupt(format!(
                "a contract of `{dataset}` is not the text that was kept: its hash differs"
            )));
        }
        Ok(text)
    }
}

/// The parts of a text, cut between characters.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (part, after) = rest.split_at(rest.floor_char_boundary(PART_BYTES));
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}
