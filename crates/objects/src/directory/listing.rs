//! Turns the files of a directory into a listing of keys.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::fault::{fault, place};
use super::present;
use super::upload::UPLOADS;
use crate::{Error, Listed, Result};

/// At most `limit` files below `root`, but for those of open uploads, in the order of their keys.
pub(super) fn of(
    root: &Path,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Listed>> {
    let mut listing = Listing { prefix, after, limit, listed: Vec::new() };
    listing.walk(root, "")?;
    Ok(listing.listed)
}

/// A listing in the making.
struct Listing<'a> {
    prefix: &'a str,
    after: Option<&'a str>,
    limit: usize,
    listed: Vec<Listed>,
}

impl Listing<'_> {
    /// Lists what lies in the directory `at`, whose keys start with `above`, in the order of the
    /// keys. Links to directories are not followed: they may be circular.
    fn walk(&mut self, at: &Path, above: &str) -> Result<()> {
        let mut keys = Vec::new();
        for entry in
            present(fs::read_dir(at)).map_err(|error| fault(at, &error))?.into_iter().flatten()
        {
            let entry = entry.map_err(|error| fault(at, &error))?;
            let Some(kind) = present(entry.file_type()).map_err(|error| fault(at, &error))? else {
                continue;
            };
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                if format!("{above}{}", name.to_string_lossy()).starts_with(self.prefix) {
                    return Err(Error::Denied(format!(
                        "{} can't be a key: its name is not UTF-8",
                        place(&entry.path())
                    )));
                }
                continue;
            };
            // With the slash, directories sort among the files as their keys do.
            keys.push(format!("{above}{name}{}", if kind.is_dir() { "/" } else { "" }));
        }
        keys.sort_unstable();
        for key in keys {
            if self.listed.len() == self.limit {
                break;
            }
            let path = at.join(&key[above.len()..]);
            if key.ends_with('/') {
                let may_match = key.starts_with(self.prefix) || self.prefix.starts_with(&key);
                let may_follow =
                    self.after.is_none_or(|after| key.as_str() > after || after.starts_with(&key));
                if may_match
                    && may_follow
                    && !(above.is_empty() && key.trim_end_matches('/') == UPLOADS)
                {
                    self.walk(&path, &key)?;
                }
            } else if key.starts_with(self.prefix)
                && self.after.is_none_or(|after| key.as_str() > after)
            {
                let metadata =
                    present(fs::metadata(&path)).map_err(|error| fault(&path, &error))?;
                let file = metadata.filter(fs::Metadata::is_file);
                self.listed.extend(file.map(|metadata| {
                    let modified = metadata.modified().ok();
                    let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                    let modified = modified.map(|since| since.as_secs());
                    Listed { size: metadata.len(), key, modified }
                }));
            }
        }
        Ok(())
    }
}
