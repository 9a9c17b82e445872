//! Cursors: a position in a list as opaque text.

use serde::{Deserialize, Serialize};

use crate::table::{List, Position};
use crate::{Error, JobFilter, Result};

/// What a cursor holds, as JSON in hexadecimal digits, which need no escaping in a URL.
#[derive(Serialize, Deserialize)]
struct Cursor {
    /// The list, so that a cursor of one is not taken for another's.
    list: String,
    /// The last entry of the page before.
    after: Position,
}

/// The cursor that goes on after `after`.
pub(crate) fn write(list: &List, after: Position) -> String {
    crate::table::entry(&Cursor { list: name(list), after })
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The position that a cursor of this list stands for.
pub(crate) fn read(list: &List, text: &str) -> Result<Position> {
    let bad = || {
        Error::BadCursor(
            "the cursor is not one of this list: take `next` of the page before".to_owned(),
        )
    };
    let bytes = unhex(text).ok_or_else(bad)?;
    let cursor: Cursor = serde_json::from_slice(&bytes).map_err(|_| bad())?;
    let is_of_list =
        cursor.list == name(list) && cursor.after.listed.is_some() == matches!(list, List::Jobs(_));
    if is_of_list { Ok(cursor.after) } else { Err(bad()) }
}

fn name(list: &List) -> String {
    match list {
        List::Datasets => "datasets".to_owned(),
        List::Versions(dataset) => format!("versions {dataset}"),
        List::Jobs(JobFilter { dataset, among: _, status, label, from, until }) => {
            // Whose datasets are listed follows from the caller, and a place in the list is the same
            // for all of them.
            let dataset = dataset.as_ref().map_or("*", |dataset| dataset.as_str());
            let status = status.map_or("*", |status| status.as_str());
            let times = [from, until].map(|time| time.as_deref().unwrap_or("*")).join(" ");
            // The label comes last, as it may hold spaces.
            let label = label.as_ref().map_or("*".to_owned(), ToString::to_string);
            format!("jobs {dataset} {status} {times} {label}")
        }
        // They are read whole, so no cursor of theirs is given out.
        List::Subscribers(_) | List::Progress(_) => list.partition().unwrap_or_default(),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some((digit(pair[0])? * 16 + digit(*pair.get(1)?)?) as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Key;

    #[test]
    fn a_cursor_is_read_by_its_own_list_only() {
        let jobs = List::Jobs(JobFilter::default());
        let position = Position {
            listed: Some("2026#a".to_owned()),
            key: Key { pk: "job#a".to_owned(), sk: "record".to_owned() },
        };
        let cursor = write(&jobs, position.clone());
        assert_eq!(read(&jobs, &cursor), Ok(position));
        for other in ["", "0", "zz", "ä", "7b7d", &cursor[1..], &cursor[..cursor.len() - 2]] {
            assert!(matches!(read(&jobs, other), Err(Error::BadCursor(_))), "{other}");
        }
        assert!(matches!(read(&List::Datasets, &cursor), Err(Error::BadCursor(_))));
    }
}
