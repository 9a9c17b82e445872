//! A registry in a directory, for embedded use.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use crate::table::{Key, List, Position, Table, Write, entry};
use crate::{Error, Result};

/// A registry of JSON files in a directory, one an entry: `job/<id>/record.json`, `dataset/<name>.json`, `contract/<name>/<version>.json`,
/// `text/<dataset>/<hash>/<part>.json` of long contracts, `loaded/<dataset>/<hash>/claim.json`,
/// `newest/<dataset>/<hash>/version.json`.
///
/// Any number of processes may share it: whoever reads or writes holds the lock of the file `.lock`. Files are replaced whole; several at once go
/// through the file `.journal`, which whoever locks next finishes. Listing jobs reads all jobs, which is fine for one machine's worth of them.
#[derive(Debug, Clone)]
pub struct Directory(Arc<Path>);

/// The directory while it is locked; dropping it unlocks.
struct Locked<'a> {
    root: &'a Path,
    _lock: File,
}

/// What is to become of entries: the new text, or `None` for deletion.
type Changes = Vec<(Key, Option<String>)>;

const LOCK: &str = ".lock";
const JOURNAL: &str = ".journal";
/// A file that is being written, before it gets its name.
const DRAFT: &str = ".draft";

impl Directory {
    /// The registry in this directory, which is made at first use.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into().into())
    }

    async fn locked<T: Send + 'static>(&self, work: impl FnOnce(Locked<'_>) -> Result<T> + Send + 'static) -> Result<T> {
        let root = Arc::clone(&self.0);
        let task = tokio::task::spawn_blocking(move || Locked::lock(&root).map_err(|error| failed(&root, &error)).and_then(work));
        task.await.map_err(|_| Error::Unavailable("reading or writing the registry was cut off".to_owned()))?
    }
}

#[async_trait]
impl Table for Directory {
    async fn get(&self, key: &Key) -> Result<Option<String>> {
        let key = key.clone();
        self.locked(move |directory| directory.get(&key)).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<bool> {
        self.locked(move |directory| {
            for write in &writes {
                if !write.when.holds(directory.get(&write.key)?.as_deref()) {
                    return Ok(false);
                }
            }
            let changes: Changes = writes.into_iter().map(|write| (write.key, write.then)).collect();
            let bytes = changes.iter().filter_map(|(_, then)| then.as_ref()).map(|text| text.len() as u64).sum();
            directory.change(changes).map_err(|error| unwritten(directory.root, bytes, &error))?;
            Ok(true)
        })
        .await
    }

    async fn list(&self, list: &List, after: Option<&Position>, limit: usize) -> Result<Vec<(Position, String)>> {
        let (list, after) = (list.clone(), after.cloned());
        self.locked(move |directory| {
            let entries = directory.entries(&list).map_err(|error| failed(directory.root, &error))?;
            list.select(entries, after.as_ref(), limit)
        })
        .await
    }
}

impl<'a> Locked<'a> {
    fn lock(root: &'a Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let lock = File::options().create(true).append(true).open(root.join(LOCK))?;
        lock.lock()?;
        let locked = Self { root, _lock: lock };
        if let Some(journal) = read(&root.join(JOURNAL))? {
            locked.finish(serde_json::from_str(&journal)?)?;
        }
        Ok(locked)
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.partition(&key.pk).join(format!("{}.json", key.sk))
    }

    fn partition(&self, pk: &str) -> PathBuf {
        self.root.join(pk.replace('#', "/"))
    }

    fn get(&self, key: &Key) -> Result<Option<String>> {
        let path = self.path(key);
        read(&path).map_err(|error| failed(&path, &error))
    }

    /// All of the changes, or, should the process end in between, all of them by whoever locks next.
    fn change(&self, changes: Changes) -> io::Result<()> {
        match changes.as_slice() {
            [(key, then)] => self.set(key, then.as_deref()),
            _ => {
                self.replace(&self.root.join(JOURNAL), &entry(&changes))?;
                self.finish(changes)
            }
        }
    }

    fn finish(&self, changes: Changes) -> io::Result<()> {
        for (key, then) in changes {
            self.set(&key, then.as_deref())?;
        }
        remove(&self.root.join(JOURNAL))
    }

    fn set(&self, key: &Key, then: Option<&str>) -> io::Result<()> {
        let path = self.path(key);
        match then {
            None => remove(&path),
            Some(text) => {
                fs::create_dir_all(self.partition(&key.pk))?;
                self.replace(&path, text)
            }
        }
    }

    /// Writes a file whole: under its name there is the old text or the new one, never a part.
    fn replace(&self, path: &Path, text: &str) -> io::Result<()> {
        let draft = self.root.join(DRAFT);
        let mut file = File::create(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        fs::rename(draft, path)
    }

    /// The entries among which those of a list are.
    fn entries(&self, list: &List) -> io::Result<Vec<(Key, String)>> {
        let partitions = match list.partition() {
            Some(pk) => vec![pk],
            None => names(&self.root.join("job"))?.into_iter().map(|id| format!("job#{id}")).collect(),
        };
        let mut entries = Vec::new();
        for pk in partitions {
            let folder = self.partition(&pk);
            for name in names(&folder)? {
                if let (Some(sk), Some(text)) = (name.strip_suffix(".json"), read(&folder.join(&name))?) {
                    entries.push((Key { pk: pk.clone(), sk: sk.to_owned() }, text));
                }
            }
        }
        Ok(entries)
    }
}

/// The text of a file, if it is there.
fn read(path: &Path) -> io::Result<Option<String>> {
    unless_missing(fs::read_to_string(path).map(Some))
}

fn remove(path: &Path) -> io::Result<()> {
    unless_missing(fs::remove_file(path))
}

/// The names in a folder: none if it is not there.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let Some(entries) = unless_missing(fs::read_dir(folder).map(Some))? else { return Ok(Vec::new()) };
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn unless_missing<T: Default>(result: io::Result<T>) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
        other => other,
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    unwritten(path, 0, error)
}

/// What it means that entries of so many bytes could not be written. Only what may pass by itself
/// is worth another attempt.
fn unwritten(path: &Path, bytes: u64, error: &io::Error) -> Error {
    let text = format!("registry at `{}`: {error}", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge | ErrorKind::WriteZero => {
            let free = free_bytes(path).map(|free| format!(", {free} bytes are free")).unwrap_or_default();
            Error::Full(format!("{text}: {bytes} bytes can't be written{free}"))
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::Denied(text),
        ErrorKind::InvalidData => Error::Corrupt(text),
        ErrorKind::InvalidFilename | ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists => {
            Error::Impossible(text)
        }
        _ => Error::Unavailable(text),
    }
}

/// What the file system has left for this user, as far as it tells.
fn free_bytes(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    return rustix::fs::statvfs(path).ok().map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    #[cfg(not(unix))]
    return None;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Registry;
    use landing::contract::DatasetName;

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_a_registry() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        crate::conformance(Arc::new(Directory::new(folder.path())), "directory").await;
    }

    #[test]
    fn what_failed_is_told_apart_by_what_to_do() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        for (kind, expected) in [
            (ErrorKind::StorageFull, "Full"),
            (ErrorKind::QuotaExceeded, "Full"),
            (ErrorKind::FileTooLarge, "Full"),
            (ErrorKind::PermissionDenied, "Denied"),
            (ErrorKind::InvalidFilename, "Impossible"),
            (ErrorKind::NotADirectory, "Impossible"),
            (ErrorKind::InvalidData, "Corrupt"),
            (ErrorKind::TimedOut, "Unavailable"),
        ] {
            let error = unwritten(folder.path(), 7, &kind.into());
            let (name, text) = (format!("{error:?}"), error.to_string());
            assert_eq!(name.split('(').next(), Some(expected), "{text}");
            assert_eq!(text.contains("7 bytes can't be written"), expected == "Full", "{text}");
        }
    }

    #[tokio::test]
    async fn what_was_cut_off_is_finished() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let dataset = DatasetName::parse("flights").expect("a name");
        let contract = Directory::new(folder.path()).put_contract(&dataset, "name: flights", "now").await.expect("a contract");

        // As a process leaves it that ends after the journal was written, and before the dataset's file was.
        let (version, head) = (Key::version(&dataset, 1), Key::dataset(&dataset));
        let journal: Changes = vec![(version, Some(entry(&contract))), (head, Some(entry(&contract)))];
        fs::remove_file(folder.path().join("dataset/flights.json")).expect("the file was there");
        fs::write(folder.path().join(JOURNAL), entry(&journal)).expect("a journal");

        assert_eq!(Directory::new(folder.path()).contract(&dataset, None).await, Ok(Some(contract)));
        assert!(!folder.path().join(JOURNAL).exists());
    }

    #[tokio::test]
    async fn an_entry_that_is_no_json_is_named() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(folder.path().join("dataset")).expect("a folder");
        fs::write(folder.path().join("dataset/flights.json"), "{").expect("a file");
        let dataset = DatasetName::parse("flights").expect("a name");
        let error = Directory::new(folder.path()).contract(&dataset, None).await.expect_err("not JSON");
        assert!(matches!(&error, Error::Corrupt(text) if text.contains("dataset#flights")), "{error:?}");
    }
}
