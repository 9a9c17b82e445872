//! A registry in a directory, for embedded use.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::table::{Key, List, Position, Table, Write, entry};
use crate::{Error, Result};

/// A registry of JSON files in a directory, one an entry: `job/<id>/record.json`,
/// `dataset/<name>.json`, `contract/<name>/<version>.json`, `text/<dataset>/<hash>/<part>.json` of
/// long contracts, `loaded/<dataset>/<hash>/claim.json`, `newest/<dataset>/<hash>/version.json`.
///
/// Any number of processes may share it: whoever reads or writes holds the lock of the file
/// `.lock`. Files are replaced whole; several at once go through the file `.journal`, which whoever
/// locks next finishes. Listing jobs reads all jobs, which is fine for one machine's worth of them.
///
/// A lock that another process holds is waited for, and whoever waits no longer drops the future.
#[derive(Clone)]
pub struct Directory {
    root: Arc<Path>,
    told: Option<Arc<Tell>>,
}

/// Hears of a lock that is waited for.
type Tell = dyn Fn(&Waiting) + Send + Sync;

/// A lock that another process holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The file.
    pub lock: PathBuf,
    /// The process, where the system tells.
    pub holder: Option<u32>,
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Directory").field(&self.root).finish()
    }
}

/// The directory while it is locked; dropping it unlocks.
struct Locked {
    root: Arc<Path>,
    _lock: File,
}

/// When a file is on the disk.
#[derive(Debug, Clone, Copy)]
enum Durable {
    /// Before anything else is done.
    Now,
    /// With the others of its journal.
    WithAll,
}

/// What came of an attempt to lock and work.
enum Tried<T, W> {
    Done(Result<T>),
    /// Somebody else holds the lock. The work is still to be done.
    Busy(W),
}

/// The pause after the first attempt to lock; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// How long a lock is waited for in silence: what is done under it takes some milliseconds.
const SILENCE: Duration = Duration::from_secs(1);

/// What is to become of entries: the new text, or `None` for deletion.
type Changes = Vec<(Key, Option<String>)>;

const LOCK: &str = ".lock";
const JOURNAL: &str = ".journal";
/// A file that is being written, before it gets its name.
const DRAFT: &str = ".draft";

impl Directory {
    /// The registry in this directory, which is made at first use.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { root: path.into().into(), told: None }
    }

    /// The same registry, which tells of a lock that it has waited for a second.
    pub fn telling(self, told: impl Fn(&Waiting) + Send + Sync + 'static) -> Self {
        Self { told: Some(Arc::new(told)), ..self }
    }

    async fn locked<T, W>(&self, mut work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(Locked) -> Result<T> + Send + 'static,
    {
        let (begun, mut pause, mut is_told) = (Instant::now(), FIRST_PAUSE, false);
        loop {
            let root = Arc::clone(&self.root);
            let task = tokio::task::spawn_blocking(move || match Locked::try_lock(&root) {
                Ok(Some(locked)) => Tried::Done(work(locked)),
                Ok(None) => Tried::Busy(work),
                Err(error) => Tried::Done(Err(failed(&root, &error))),
            });
            let cut_off =
                |_| Error::Unavailable("reading or writing the registry was cut off".to_owned());
            work = match task.await.map_err(cut_off)? {
                Tried::Done(result) => return result,
                Tried::Busy(work) => work,
            };
            if let Some(told) = self.told.as_ref().filter(|_| !is_told && begun.elapsed() > SILENCE)
            {
                let lock = self.root.join(LOCK);
                told(&Waiting { holder: holder(&lock), lock });
                is_told = true;
            }
            // Not in the thread that may block: who waits no longer need not wait for it.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
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
            let changes: Changes =
                writes.into_iter().map(|write| (write.key, write.then)).collect();
            let bytes = changes
                .iter()
                .filter_map(|(_, then)| then.as_ref())
                .map(|text| text.len() as u64)
                .sum();
            directory.change(changes).map_err(|error| unwritten(&directory.root, bytes, &error))?;
            Ok(true)
        })
        .await
    }

    async fn list(
        &self,
        list: &List,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Vec<(Position, String)>> {
        let (list, after) = (list.clone(), after.cloned());
        self.locked(move |directory| {
            let entries =
                directory.entries(&list).map_err(|error| failed(&directory.root, &error))?;
            list.select(entries, after.as_ref(), limit)
        })
        .await
    }
}

impl Locked {
    /// `None`: somebody else holds the lock.
    fn try_lock(root: &Arc<Path>) -> io::Result<Option<Self>> {
        fs::create_dir_all(root)?;
        let lock = File::options().create(true).append(true).open(root.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let locked = Self { root: Arc::clone(root), _lock: lock };
        if let Some(journal) = read(&root.join(JOURNAL))? {
            locked.finish(serde_json::from_str(&journal)?)?;
        }
        Ok(Some(locked))
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

    /// All of the changes, or, should the process end in between, all of them by whoever locks
    /// next.
    fn change(&self, changes: Changes) -> io::Result<()> {
        match changes.as_slice() {
            [(key, then)] => self.set(key, then.as_deref(), Durable::Now),
            _ => {
                self.replace(&self.root.join(JOURNAL), &entry(&changes), Durable::Now)?;
                self.finish(changes)
            }
        }
    }

    /// Does what the journal says. It stays until all of that is on the disk, so the files need not
    /// wait for the disk one by one.
    fn finish(&self, changes: Changes) -> io::Result<()> {
        for (key, then) in changes {
            self.set(&key, then.as_deref(), Durable::WithAll)?;
        }
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(File::open(&self.root)?)?;
        remove(&self.root.join(JOURNAL))
    }

    fn set(&self, key: &Key, then: Option<&str>, durable: Durable) -> io::Result<()> {
        let path = self.path(key);
        match then {
            None => remove(&path),
            Some(text) => {
                fs::create_dir_all(self.partition(&key.pk))?;
                self.replace(&path, text, durable)
            }
        }
    }

    /// Writes a file whole: under its name there is the old text or the new one, never a part.
    fn replace(&self, path: &Path, text: &str, durable: Durable) -> io::Result<()> {
        let draft = self.root.join(DRAFT);
        let mut file = File::create(&draft)?;
        file.write_all(text.as_bytes())?;
        // Only Linux syncs many files at once.
        if matches!(durable, Durable::Now) || cfg!(not(target_os = "linux")) {
            file.sync_data()?;
        }
        fs::rename(draft, path)
    }

    /// The entries among which those of a list are.
    fn entries(&self, list: &List) -> io::Result<Vec<(Key, String)>> {
        let partitions = match list.partition() {
            Some(pk) => vec![pk],
            None => {
                names(&self.root.join("job"))?.into_iter().map(|id| format!("job#{id}")).collect()
            }
        };
        let mut entries = Vec::new();
        for pk in partitions {
            let folder = self.partition(&pk);
            for name in names(&folder)? {
                if let (Some(sk), Some(text)) =
                    (name.strip_suffix(".json"), read(&folder.join(&name))?)
                {
                    entries.push((Key { pk: pk.clone(), sk: sk.to_owned() }, text));
                }
            }
        }
        Ok(entries)
    }
}

/// The process that holds the lock of a file, where the system tells.
fn holder(lock: &Path) -> Option<u32> {
    #[cfg(target_os = "linux")]
    {
        // `2: FLOCK  ADVISORY  WRITE 1234 fd:00:5678 0 EOF`; who waits has an arrow after the
        // number.
        let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(lock).ok()?).to_string();
        let locks = fs::read_to_string("/proc/locks").ok()?;
        let of_file = |line: &&str| {
            line.split_whitespace()
                .nth(5)
                .is_some_and(|file| file.rsplit(':').next() == Some(&inode))
        };
        let line = locks.lines().filter(|line| !line.contains("->")).find(of_file)?;
        line.split_whitespace().nth(4)?.parse().ok().filter(|process| *process > 0)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = lock;
        None
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
    let Some(entries) = unless_missing(fs::read_dir(folder).map(Some))? else {
        return Ok(Vec::new());
    };
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
        ErrorKind::StorageFull
        | ErrorKind::QuotaExceeded
        | ErrorKind::FileTooLarge
        | ErrorKind::WriteZero => {
            let free =
                free_bytes(path).map(|free| format!(", {free} bytes are free")).unwrap_or_default();
            Error::Full(format!("{text}: {bytes} bytes can't be written{free}"))
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::Denied(text),
        ErrorKind::InvalidData => Error::Corrupt(text),
        ErrorKind::InvalidFilename
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::AlreadyExists => Error::Impossible(text),
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
    use job::DatasetName;

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_a_registry() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let registry = Arc::new(Directory::new(folder.path()));
        crate::conformance(registry.clone(), "directory").await;
        crate::live_conformance(registry, "directory").await;
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

    /// The lock is another open file's, as that of another process would be.
    #[tokio::test]
    async fn who_waits_for_the_lock_is_told_and_may_stop() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let dataset = DatasetName::parse("flights").expect("a name");
        let held = File::create(folder.path().join(LOCK)).expect("a file");
        held.lock().expect("nobody holds it");
        let (tell, told) = std::sync::mpsc::channel();
        let registry =
            Directory::new(folder.path()).telling(move |waiting| drop(tell.send(waiting.clone())));
        let waiting = registry.contract(&dataset, None);
        let heard = tokio::task::spawn_blocking(move || told.recv().expect("it is told"));
        let told = tokio::select! {
            _ = waiting => panic!("the lock is held"),
            told = heard => told.expect("it is told"),
        };
        assert_eq!(told.lock, folder.path().join(LOCK));
        assert!(told.holder.is_none_or(|holder| holder == std::process::id()), "{told:?}");
        held.unlock().expect("it is held");
        assert_eq!(registry.contract(&dataset, None).await, Ok(None));
    }

    #[tokio::test]
    async fn what_was_cut_off_is_finished() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let dataset = DatasetName::parse("flights").expect("a name");
        let contract = Directory::new(folder.path())
            .put_contract(&dataset, "name: flights", &job::Intake::default(), "now")
            .await
            .expect("a contract");

        // As a process leaves it that ends after the journal was written, and before the dataset's
        // file was.
        let (version, head) = (Key::version(&dataset, 1), Key::dataset(&dataset));
        let journal: Changes =
            vec![(version, Some(entry(&contract))), (head, Some(entry(&contract)))];
        fs::remove_file(folder.path().join("dataset/flights.json")).expect("the file was there");
        fs::write(folder.path().join(JOURNAL), entry(&journal)).expect("a journal");

        assert_eq!(
            Directory::new(folder.path()).contract(&dataset, None).await,
            Ok(Some(contract))
        );
        assert!(!folder.path().join(JOURNAL).exists());
    }

    #[tokio::test]
    async fn an_entry_that_is_no_json_is_named() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(folder.path().join("dataset")).expect("a folder");
        fs::write(folder.path().join("dataset/flights.json"), "{").expect("a file");
        let dataset = DatasetName::parse("flights").expect("a name");
        let error =
            Directory::new(folder.path()).contract(&dataset, None).await.expect_err("not JSON");
        assert!(
            matches!(&error, Error::Corrupt(text) if text.contains("dataset#flights")),
            "{error:?}"
        );
    }
}
