//! Reads what becomes of sources once they are landed: `afterwards`.

use serde::{Deserialize, Serialize};

use crate::document::{Node, Reading};

/// What becomes of the objects of a source once a job has landed them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Afterwards {
    /// They get tags that say so.
    Tag,
    /// They are deleted.
    Delete,
    /// They get a key that begins with this.
    Move(String),
}

impl Afterwards {
    /// The folder to which objects are moved. No event makes what lies there land, and the functions
    /// may write there.
    pub const ARCHIVE: &str = "archive/";

    pub(super) fn read(node: &Node<'_>, reading: &mut Reading) -> Option<Self> {
        if !node.is_object() {
            let choices =
                [("keep", None), ("tag", Some(&Self::Tag)), ("delete", Some(&Self::Delete))];
            return node.choice(reading, &choices)?.cloned();
        }
        let prefix = node.object(reading, &["move"])?.required(reading, "move")?;
        let text = prefix.text(reading)?;
        let odd = |part: &str| matches!(part, "" | "." | "..");
        let is_plain = text.strip_suffix('/').is_some_and(|path| !path.split('/').any(odd));
        if text.starts_with(Self::ARCHIVE) && is_plain && text.len() <= 256 {
            return Some(Self::Move(text.to_owned()));
        }
        prefix.fault(
            reading,
            format!(
                "`{text}` is not allowed; allowed: `{}`, or a folder in it that ends with a slash",
                Self::ARCHIVE
            ),
        );
        None
    }
}
