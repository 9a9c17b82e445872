//! Turns an I/O error into what it means to the caller.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::{Error, shown};

/// A path, for errors.
pub(super) fn place(path: &Path) -> String {
    shown(&path.display().to_string())
}

/// What a failed call means that writes nothing. Only what may pass by itself is worth another
/// attempt.
pub(super) fn fault(path: &Path, error: &io::Error) -> Error {
    unwritten(path, 0, error)
}

/// What it means that so many bytes could not be written, or, of 0, that no file could be made.
pub(super) fn unwritten(path: &Path, bytes: u64, error: &io::Error) -> Error {
    let place = place(path);
    match error.kind() {
        ErrorKind::NotFound => Error::Missing(place),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::WriteZero => {
            Error::Full(no_room(path, bytes, error))
        }
        // Of the process (`ulimit -f`), or the most that a file system has in one file.
        ErrorKind::FileTooLarge => Error::Full(format!(
            "{place} may not grow by {bytes} bytes: a file can't be larger here; raise the limit \
             of the process (`ulimit -f`), or write to another file system"
        )),
        ErrorKind::InvalidFilename => Error::TooLarge(format!(
            "{place} is a longer name than this file system can hold, or has characters that it \
             can't: most take 255 bytes between two slashes, and 4,095 in all"
        )),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Error::Denied(format!("{place} may not be used by this user: {error}"))
        }
        // None of these is another one at the next attempt.
        ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::AlreadyExists
        | ErrorKind::CrossesDevices
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidData
        | ErrorKind::TooManyLinks
        | ErrorKind::Unsupported => Error::Denied(format!("{place} can't be used: {error}")),
        _ => Error::Unavailable(format!("{place}: {error}")),
    }
}

/// How much is missing, and where.
fn no_room(path: &Path, bytes: u64, error: &io::Error) -> String {
    let place = place(path);
    let wanted = match bytes {
        0 => format!("{place} can't be made"),
        _ => format!("{bytes} bytes can't be written to {place}"),
    };
    let quota = error.kind() == ErrorKind::QuotaExceeded;
    match free(path) {
        // Room that is free to others is not free to a user whose quota is used up.
        _ if quota => format!("{wanted}: the quota of this user is used up; free some space"),
        Some(Free { files: 0, .. }) => {
            format!("{wanted}: the file system can hold no more files; delete some")
        }
        Some(Free { bytes: free, .. }) => {
            format!(
                "{wanted}: the disk is full, {free} bytes are free, {} are missing; free some space",
                bytes.saturating_sub(free).max(1)
            )
        }
        None => format!("{wanted}: the disk is full; free some space"),
    }
}

/// What a file system has left for this user.
struct Free {
    bytes: u64,
    /// How many more files; of file systems that don't count them the greatest number.
    files: u64,
}

/// What is left where a file lies, or was to.
fn free(path: &Path) -> Option<Free> {
    #[cfg(unix)]
    {
        let stat = path.ancestors().find_map(|at| rustix::fs::statvfs(at).ok())?;
        let files = if stat.f_files == 0 { u64::MAX } else { stat.f_favail };
        Some(Free { bytes: stat.f_bavail.saturating_mul(stat.f_frsize), files })
    }
    #[cfg(not(unix))]
    {
        let _unknown = path;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_means_something() {
        let path = Path::new("lake/a");
        for (kind, expected) in [
            (ErrorKind::NotFound, "Missing"),
            (ErrorKind::StorageFull, "Full"),
            (ErrorKind::QuotaExceeded, "Full"),
            (ErrorKind::WriteZero, "Full"),
            (ErrorKind::FileTooLarge, "Full"),
            (ErrorKind::InvalidFilename, "TooLarge"),
            (ErrorKind::PermissionDenied, "Denied"),
            (ErrorKind::ReadOnlyFilesystem, "Denied"),
            (ErrorKind::NotADirectory, "Denied"),
            (ErrorKind::IsADirectory, "Denied"),
            (ErrorKind::AlreadyExists, "Denied"),
            (ErrorKind::CrossesDevices, "Denied"),
            (ErrorKind::InvalidInput, "Denied"),
            (ErrorKind::InvalidData, "Denied"),
            (ErrorKind::TooManyLinks, "Denied"),
            (ErrorKind::Unsupported, "Denied"),
            (ErrorKind::TimedOut, "Unavailable"),
            (ErrorKind::Interrupted, "Unavailable"),
            (ErrorKind::ResourceBusy, "Unavailable"),
            (ErrorKind::StaleNetworkFileHandle, "Unavailable"),
            (ErrorKind::Other, "Unavailable"),
        ] {
            let error = unwritten(path, 7, &kind.into());
            let name = format!("{error:?}");
            assert_eq!(name.split('(').next(), Some(expected), "{kind:?}: {error}");
            assert!(error.to_string().contains("lake/a"), "{kind:?}: {error}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let at = |kind: ErrorKind, bytes| {
            unwritten(&std::env::temp_dir().join("no/such/file"), bytes, &kind.into()).to_string()
        };
        // More than any disk has.
        let bytes = 1 << 60;
        let text = at(ErrorKind::StorageFull, bytes);
        let numbers: Vec<u64> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [wanted, free, missing] = numbers.as_slice() else { panic!("{text}") };
        assert_eq!((*wanted, free + missing), (bytes, bytes), "{text}");
        assert!(at(ErrorKind::QuotaExceeded, 7).contains("quota"));
        assert!(at(ErrorKind::StorageFull, 0).contains("can't be made"));
    }
}
